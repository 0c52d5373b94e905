package auth

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Credentials are what a request shows of itself.
type Credentials struct {
	Method string // HTTP; empty counts as one that changes something
	Host   string // as the request names the server
	Header http.Header
	Remote netip.AddrPort
	TLS    *tls.ConnectionState // nil: not encrypted
}

// LongestCredential bounds the Authorization header in bytes. Access tokens of large organisations reach 8 KiB.
const LongestCredential = 16 << 10

// Identify finds out who asks. The error is a *Denied. Exactly one proof counts, in this order: the Authorization header, the header of a trusted
// proxy, the client's certificate, the session cookie; a wrong one is never made up for by another.
func (a *Auth) Identify(ctx context.Context, c Credentials) (Principal, error) {
	addr := Place(a.Client(c.Header, c.Remote).Addr())
	if err := a.Stranger(addr); err != nil {
		return Principal{}, err
	}
	v, err := a.current(ctx)
	if err != nil {
		return Principal{}, unavailable(err)
	}
	p, err := a.prove(ctx, v, c, addr)
	if d := (*Denied)(nil); errors.As(err, &d) {
		if d.Status == http.StatusUnauthorized {
			d.Challenge = a.challenges()
		}
		return Principal{}, d
	}
	if err != nil {
		return Principal{}, unavailable(err)
	}
	return p, nil
}

func unavailable(err error) *Denied {
	return &Denied{Status: 503, Why: Unavailable, Reason: "accounts cannot be looked up now", Detail: err.Error(), Err: err}
}

func wrong(account, detail string) *Denied {
	return &Denied{Status: 401, Why: Wrong, Reason: "these credentials are not right", Detail: detail, Account: account}
}

func malformed(reason string) *Denied {
	return &Denied{Status: 400, Why: Malformed, Reason: reason}
}

func (a *Auth) challenges() []string {
	return []string{`Basic realm="weir", charset="UTF-8"`, `Bearer realm="weir"`}
}

func (a *Auth) prove(ctx context.Context, v *view, c Credentials, addr netip.Addr) (Principal, error) {
	shown := c.Header["Authorization"]
	proxied, err := a.opt().Proxy.claim(c)
	if err != nil {
		return Principal{}, err
	}
	switch {
	case len(shown) > 1:
		return Principal{}, malformed("there is more than one Authorization header")
	case len(shown) == 1:
		return a.authorization(ctx, v, shown[0], addr)
	case proxied != nil:
		return a.proxied(ctx, v, proxied)
	case a.opt().Certificates != nil && c.TLS != nil && len(c.TLS.VerifiedChains) > 0:
		return a.certified(ctx, v, c.TLS)
	}
	return a.bySession(ctx, v, c)
}

// authorization reads one Authorization header (RFC 9110 section 11.6.2, RFC 7617 Basic, RFC 6750 Bearer).
func (a *Auth) authorization(ctx context.Context, v *view, header string, addr netip.Addr) (Principal, error) {
	if len(header) > LongestCredential {
		return Principal{}, malformed("the Authorization header is too long")
	}
	scheme, rest, ok := strings.Cut(header, " ")
	if !ok {
		return Principal{}, malformed("the Authorization header has no credentials")
	}
	switch rest = strings.TrimLeft(rest, " "); strings.ToLower(scheme) {
	case "basic":
		user, password, ok := parseBasic(rest)
		if !ok {
			return Principal{}, malformed("the Basic credentials cannot be read")
		}
		return a.byPassword(ctx, v, user, password, addr)
	case "bearer":
		if !bearerForm(rest) {
			return Principal{}, malformed("the bearer token cannot be read")
		}
		return a.byBearer(ctx, v, rest)
	}
	return Principal{}, malformed("the Authorization header is neither Basic nor Bearer")
}

// parseBasic decodes user-id ":" password (RFC 7617); both are UTF-8 without control characters. The decoder of the standard library
// passes over line breaks even where it is strict: they are no part of token68 (RFC 9110 section 11.2).
func parseBasic(s string) (user, password string, ok bool) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || !utf8.Valid(b) || strings.ContainsAny(s, "\r\n") {
		return "", "", false
	}
	user, password, ok = strings.Cut(string(b), ":")
	if !ok || user == "" || strings.ContainsFunc(user+password, unicode.IsControl) {
		return "", "", false
	}
	return user, password, true
}

// bearerForm is token68 (RFC 9110 section 11.2).
func bearerForm(s string) bool {
	body := strings.TrimRight(s, "=")
	if body == "" {
		return false
	}
	for i := range len(body) {
		c := body[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-._~+/", rune(c)) {
			return false
		}
	}
	return true
}

func (a *Auth) byPassword(ctx context.Context, v *view, name, password string, addr netip.Addr) (Principal, error) {
	if _, ok := splitToken(password); ok { // for clients that know Basic only
		p, err := a.byToken(ctx, v, password)
		if err == nil && p.Name != name {
			return Principal{}, wrong(name, "the token belongs to another account")
		}
		return p, err
	}
	if err := a.checkPassword(ctx, v, name, password, addr); err != nil {
		return Principal{}, err
	}
	acc, err := a.account(ctx, v, name)
	if err != nil {
		return Principal{}, err
	}
	return v.principal(acc, "password", nil), nil
}

// checkPassword proves an account by its password. Whatever is wrong (no such account, disabled, no password, a wrong one), the answer and the
// time that it takes are the same.
func (a *Auth) checkPassword(ctx context.Context, v *view, name, password string, addr netip.Addr) error {
	if wait := a.guard.locked(name, addr); wait > 0 {
		return &Denied{Status: 429, Why: Locked, Reason: "too many wrong passwords: this account is locked for a while", RetryAfter: wait, Account: name}
	}
	if len(password) > LongestPassword || !validName(name) {
		return wrong(name, "no such form of name or password")
	}
	stored, detail := decoy(), ""
	acc, err := a.account(ctx, v, name)
	switch {
	case errors.Is(err, ErrNotFound):
		detail = "no such account"
	case err != nil:
		return err
	case acc.Disabled:
		detail = "the account is disabled"
	case acc.Password == "":
		detail = "the account has no password"
	default:
		stored = acc.Password
	}
	d := a.digest(stored, password)
	if detail == "" && a.proven.holds(name, d) {
		a.guard.passed(name, addr)
		return nil
	}
	right, err := a.compare(ctx, stored, password, comparison{d, addr})
	if limited := (*Denied)(nil); errors.As(err, &limited) {
		a.guard.failed(name, addr) // or guesses against what is in memory would be free
		return err
	}
	if err != nil && !errors.Is(err, errForm) {
		return err
	}
	if detail == "" && errors.Is(err, errForm) {
		detail = err.Error()
	}
	if !right || detail != "" {
		a.guard.failed(name, addr)
		return wrong(name, detail)
	}
	a.guard.passed(name, addr)
	a.proven.keep(name, d)
	if !strings.HasPrefix(stored, argonPrefix) {
		a.renew(ctx, name, stored, password)
	}
	return nil
}

// renew replaces a hash that came from elsewhere, now that its password is known. What cannot be written now is written another time.
func (a *Auth) renew(ctx context.Context, name, stored, password string) {
	acc, err := a.storage.Account(ctx, name)
	if err != nil || acc.Password != stored {
		return
	}
	if herr := a.hash(ctx, func() { acc.Password, err = hashPassword(password) }); herr != nil || err != nil {
		return
	}
	if a.storage.SetAccount(ctx, acc) == nil {
		a.changed()
	}
}

func (a *Auth) byBearer(ctx context.Context, v *view, token string) (Principal, error) {
	if strings.HasPrefix(token, tokenPrefix) {
		return a.byToken(ctx, v, token)
	}
	return a.byJWT(ctx, v, token)
}

func (a *Auth) byToken(ctx context.Context, v *view, shown string) (Principal, error) {
	id, ok := splitToken(shown)
	if !ok {
		return Principal{}, wrong("", "a token of no form of ours")
	}
	t, err := recall(ctx, v, v.tokens, id, a.storage.Token)
	if errors.Is(err, ErrNotFound) {
		return Principal{}, wrong("", "no such token")
	}
	if err != nil {
		return Principal{}, err
	}
	if !t.is(shown) {
		return Principal{}, wrong(t.Account, "the secret of token "+id+" is wrong")
	}
	now := a.now()
	if why := t.over(now); why != "" {
		return Principal{}, &Denied{Status: 401, Why: Expired, Reason: why, Account: t.Account, Detail: "token " + id}
	}
	acc, err := a.account(ctx, v, t.Account)
	if err != nil || acc.Disabled {
		if err == nil || errors.Is(err, ErrNotFound) {
			return Principal{}, wrong(t.Account, "the account is disabled")
		}
		return Principal{}, err
	}
	if due := a.used.note(id, now); due != nil && a.storage.TouchTokens(ctx, due) != nil {
		a.used.again(due) // when a token was used last is no reason to refuse it
	}
	p := v.principal(acc, "token", nil)
	p.Token = tokenPrefix + id
	if len(t.Scopes) > 0 {
		p.Scopes = t.Scopes
	}
	return p, nil
}

// principal gathers what an account holds: its own grants and those of its groups; more are groups that a provider has told.
func (v *view) principal(acc *Account, method string, more []string) Principal {
	p := Principal{Name: acc.Name, Kind: acc.Kind, Groups: acc.Groups, Method: method}
	if len(more) > 0 {
		p.Groups = slices.Compact(slices.Sorted(slices.Values(slices.Concat(acc.Groups, more))))
	}
	p.Roles = v.grants[subject{acc.Name, false}]
	for _, g := range p.Groups {
		if held := v.grants[subject{g, true}]; len(held) > 0 {
			p.Roles = append(p.Roles[:len(p.Roles):len(p.Roles)], held...)
		}
	}
	return p
}
