package auth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
)

// Certificates says which account a client's certificate proves. The server's TLS settings say which authorities are believed; only chains that
// they have verified count.
type Certificates struct {
	// From lists what of the certificate may name the account, first match first: "uri", "email", "dns" (subject alternative names) or "cn" (the
	// subject's common name). Empty: uri, email, dns, cn.
	From []string `yaml:"from"`
	// Accounts maps such names to accounts; one that is not there names the account itself.
	Accounts map[string]string `yaml:"accounts"`
}

func (k *Certificates) names(c *x509.Certificate) []string {
	from := k.From
	if len(from) == 0 {
		from = []string{"uri", "email", "dns", "cn"}
	}
	var out []string
	for _, f := range from {
		switch f {
		case "uri":
			for _, u := range c.URIs {
				out = append(out, u.String())
			}
		case "email":
			out = append(out, c.EmailAddresses...)
		case "dns":
			out = append(out, c.DNSNames...)
		case "cn":
			if c.Subject.CommonName != "" {
				out = append(out, c.Subject.CommonName)
			}
		}
	}
	return out
}

// certified finds the account of a verified certificate. Accounts have to exist: an authority signs for more than those who may come in.
func (a *Auth) certified(ctx context.Context, v *view, state *tls.ConnectionState) (Principal, error) {
	leaf := state.VerifiedChains[0][0]
	now := a.now()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) { // connections live longer than handshakes
		return Principal{}, &Denied{Status: 401, Why: Expired, Reason: "this client certificate is not valid now"}
	}
	if len(leaf.ExtKeyUsage) > 0 && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageAny) {
		return Principal{}, wrong("", "the certificate is not for clients")
	}
	for _, name := range a.opt().Certificates.names(leaf) {
		if to, ok := a.opt().Certificates.Accounts[name]; ok {
			name = to
		}
		if !validName(name) {
			continue
		}
		acc, err := a.account(ctx, v, name)
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			return Principal{}, err
		case acc.Disabled:
			return Principal{}, wrong(name, "the account is disabled")
		}
		return v.principal(acc, "certificate", nil), nil
	}
	return Principal{}, wrong("", "the certificate names no account")
}
