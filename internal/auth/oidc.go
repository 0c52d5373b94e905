package auth

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"weir"
)

// Provider is an OpenID Connect provider, for logins by browser (OpenID Connect Core 1.0, authorization code flow with PKCE) and, where Audiences are
// set, for the JWTs that machines show as bearer tokens (RFC 9068).
type Provider struct {
	Name         string   `yaml:"name"`               // in the path of the login: lower-case letters, digits and "-"
	Title        string   `yaml:"title"`              // on the button; default: Name
	Issuer       string   `yaml:"issuer"`             // https, but for loopback
	ClientID     string   `yaml:"client-id"`          //
	SecretFile   string   `yaml:"client-secret-file"` // empty: a public client, PKCE alone
	URL          string   `yaml:"url"`                // how browsers reach this server: https://gate.example.org; empty: as they asked for it
	Scopes       []string `yaml:"scopes"`             // default: openid, profile, email
	UserClaim    string   `yaml:"user-claim"`         // default: preferred_username, then a verified email, then sub
	GroupsClaim  string   `yaml:"groups-claim"`       // default: groups
	GroupsPrefix string   `yaml:"groups-prefix"`      // put before the provider's groups, so that they are no local ones
	Audiences    []string `yaml:"audiences"`          // of bearer tokens; empty: none are taken
	Algorithms   []string `yaml:"algorithms"`         // default: RS256, PS256, ES256, ES384, EdDSA
	CA           string   `yaml:"ca"`                 // PEM file of authorities for its certificate
}

var providerName = weir.Pattern(`^[a-z0-9-]{1,32}$`)

// signed lists the algorithms that may sign: asymmetric ones (RFC 8725 section 3.1; "none" and HMAC with a public key are the classic holes).
var signed = []string{"RS256", "PS256", "ES256", "ES384", "EdDSA", "RS384", "RS512", "PS384", "PS512", "ES512"}

type provider struct {
	Provider
	secret      string
	authorities string // the text of CA
	client      *http.Client

	mu    sync.Mutex
	found *discovered
	tried time.Time // by the monotonic clock: the last attempt that failed
}

// same says whether p and q are one provider with the same settings.
func (p *provider) same(q *provider) bool {
	return reflect.DeepEqual(p.Provider, q.Provider) && p.secret == q.secret && p.authorities == q.authorities
}

// discovered is what a provider says of itself.
type discovered struct {
	*oidc.Provider
	keys *keySet
}

const (
	providerTimeout = 10 * time.Second
	providerAnswer  = 1 << 20 // bytes
	retryProvider   = 5 * time.Second
	jwtBelieved     = 5 * time.Minute // how long a JWT that was verified is believed without another look at the keys
)

// newProvider checks the settings; the provider itself is asked when it is needed first, so that a gate starts without it.
func newProvider(p Provider) (*provider, error) {
	if !providerName().MatchString(p.Name) {
		return nil, fmt.Errorf("provider %q: a name has 1 to 32 lower-case letters, digits and -", p.Name)
	}
	for _, u := range []string{p.Issuer, p.URL} {
		if err := checkURL(u); err != nil && (u != "" || u == p.Issuer) {
			return nil, fmt.Errorf("provider %q: %w", p.Name, err)
		}
	}
	if p.ClientID == "" {
		return nil, fmt.Errorf("provider %q: client-id is missing", p.Name)
	}
	for _, a := range p.Algorithms {
		if !slices.Contains(signed, a) {
			return nil, fmt.Errorf("provider %q: algorithm %q is none of %s", p.Name, a, strings.Join(signed, ", "))
		}
	}
	if len(p.Algorithms) == 0 {
		p.Algorithms = signed[:5]
	}
	if len(p.Scopes) == 0 {
		p.Scopes = []string{oidc.ScopeOpenID, "profile", "email"}
	}
	if p.GroupsClaim == "" {
		p.GroupsClaim = "groups"
	}
	if p.Title == "" {
		p.Title = p.Name
	}
	out := &provider{Provider: p}
	if p.SecretFile != "" {
		b, err := os.ReadFile(p.SecretFile)
		if err != nil {
			return nil, fmt.Errorf("provider %q: client secret: %w", p.Name, err)
		}
		out.secret = strings.TrimRight(string(b), "\r\n")
	}
	var err error
	if out.client, out.authorities, err = providerClient(p.CA); err != nil {
		return nil, fmt.Errorf("provider %q: %w", p.Name, err)
	}
	return out, nil
}

// checkURL wants https, so that nobody on the way can say who asks; on loopback nobody is on the way.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is no address such as https://login.example.org", s)
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && !ip.IsLoopback()) {
		return fmt.Errorf("%q is not https", s)
	}
	return nil
}

// providerClient is an HTTP client that neither waits nor reads for long, and that follows no redirects: what a provider says stands at its own address.
func providerClient(ca string) (c *http.Client, authorities string, err error) {
	t := &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: providerTimeout}).DialContext, TLSHandshakeTimeout: providerTimeout, ResponseHeaderTimeout: providerTimeout,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2: true,
	}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, "", err
		}
		authorities = string(pem)
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, "", fmt.Errorf("ca %q holds no certificate in PEM form", ca)
		}
	}
	return &http.Client{Transport: bounded{t}, Timeout: providerTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, authorities, nil
}

// bounded cuts answers that are longer than any that is honest.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(res.Body, providerAnswer), res.Body}
	return res, nil
}

// errProvider says that a provider cannot be asked: not the caller's fault, and nobody is let in.
var errProvider = errors.New("the identity provider does not answer")

// discover asks the provider for its addresses, once; after a failure not again for a few seconds. It is not the caller's question alone: else strangers
// who hang up would make it fail again and again.
func (p *provider) discover(ctx context.Context, now func() time.Time) (*discovered, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if !p.tried.IsZero() && time.Since(p.tried) < retryProvider {
		return nil, errProvider
	}
	ctx, cancel := context.WithTimeout(oidc.ClientContext(context.WithoutCancel(ctx), p.client), providerTimeout)
	defer cancel()
	got, err := oidc.NewProvider(ctx, p.Issuer)
	var more struct {
		Keys string `json:"jwks_uri"`
	}
	if err == nil {
		err = got.Claims(&more)
	}
	if err == nil {
		err = checkAddresses(more.Keys, got.Endpoint().AuthURL, got.Endpoint().TokenURL)
	}
	if err != nil {
		p.tried = time.Now()
		return nil, fmt.Errorf("%w: %w", errProvider, err)
	}
	p.found = &discovered{got, newKeySet(more.Keys, p.client, p.Algorithms, now)}
	return p.found, nil
}

// checkAddresses holds the addresses that a provider gives to what its own has to be; they may have a query.
func checkAddresses(list ...string) error {
	for _, u := range list {
		bare, _, _ := strings.Cut(u, "?")
		if err := checkURL(bare); err != nil {
			return err
		}
	}
	return nil
}

// claims are what is taken from a token or from userinfo.
type claims struct {
	subject string
	name    string
	email   string
	groups  []string
	has     bool // groups were told at all
}

func (p *provider) read(subject string, all map[string]any) (claims, error) {
	c := claims{subject: subject}
	str := func(name string) string { s, _ := all[name].(string); return s }
	verified, _ := all["email_verified"].(bool)
	if c.email = str("email"); !verified {
		c.email = ""
	}
	candidates := []string{str("preferred_username"), c.email, subject}
	if p.UserClaim != "" {
		candidates = []string{str(p.UserClaim)}
		if p.UserClaim == "email" {
			candidates = []string{c.email} // one that nobody has verified is whatever its owner has typed
		}
	}
	for _, s := range candidates {
		if validName(s) {
			c.name = s
			break
		}
	}
	if c.name == "" && p.UserClaim == "" {
		sum := sha256.Sum256([]byte(p.Issuer + " " + subject))
		c.name = p.Name + "-" + hex.EncodeToString(sum[:8])
	}
	if c.name == "" || subject == "" || len(subject) > 512 {
		return c, fmt.Errorf("the provider's %q names nobody", p.UserClaim)
	}
	var raw []any
	switch v := all[p.GroupsClaim].(type) {
	case []any:
		raw, c.has = v, true
	case string:
		raw, c.has = []any{v}, true
	}
	for _, g := range raw {
		if s, ok := g.(string); ok && validGroup(p.GroupsPrefix+s) && len(c.groups) < mostGroups {
			c.groups = append(c.groups, p.GroupsPrefix+s)
		}
	}
	return c, nil
}

// verify checks a JWT: signature by a key of the provider, algorithm, issuer, times, and that it is meant for one of the audiences.
func (p *provider) verify(ctx context.Context, raw string, audiences []string, now func() time.Time) (*oidc.IDToken, claims, error) {
	d, err := p.discover(ctx, now)
	if err != nil {
		return nil, claims{}, err
	}
	v := oidc.NewVerifier(p.Issuer, d.keys, &oidc.Config{SkipClientIDCheck: true, SupportedSigningAlgs: p.Algorithms, Now: now})
	t, err := v.Verify(oidc.ClientContext(ctx, p.client), raw)
	if err != nil {
		return nil, claims{}, err
	}
	if !slices.ContainsFunc(t.Audience, func(a string) bool { return slices.Contains(audiences, a) }) {
		return nil, claims{}, fmt.Errorf("the token is for %q", t.Audience)
	}
	if t.IssuedAt.After(now().Add(5 * time.Minute)) {
		return nil, claims{}, errors.New("the token was issued in the future")
	}
	var all map[string]any
	if err := t.Claims(&all); err != nil {
		return nil, claims{}, err
	}
	c, err := p.read(t.Subject, all)
	return t, c, err
}

// byJWT finds the principal of a bearer token that a provider has signed.
func (a *Auth) byJWT(ctx context.Context, v *view, token string) (Principal, error) {
	issuer, ok := issuerOf(token)
	i := slices.IndexFunc(a.opt().providers, func(p *provider) bool { return p.Issuer == issuer && len(p.Audiences) > 0 })
	if !ok || i < 0 {
		return Principal{}, wrong("", "a bearer token of no form and issuer that is known")
	}
	p, sum, now := a.opt().providers[i], sha256.Sum256([]byte(token)), a.now()
	c, ok := a.opt().tokens.get(sum, now)
	if !ok {
		t, got, err := p.verify(ctx, token, p.Audiences, a.now)
		if err != nil {
			return Principal{}, tokenError(err)
		}
		c = got
		a.opt().tokens.put(sum, c, t.Expiry, now)
	}
	acc, err := a.outside(ctx, v, c.name, p.Issuer+" "+c.subject, c.email)
	if err != nil {
		return Principal{}, err
	}
	return v.principal(acc, "oidc", c.groups), nil
}

func tokenError(err error) error {
	var over *oidc.TokenExpiredError
	switch {
	case errors.As(err, &over):
		return &Denied{Status: 401, Why: Expired, Reason: "this token has expired", Detail: err.Error()}
	case errors.Is(err, errProvider) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return &Denied{Status: 503, Why: Unavailable, Reason: errProvider.Error(), Detail: err.Error(), Err: err, RetryAfter: retryProvider}
	}
	return wrong("", err.Error())
}

// tokenCache remembers JWTs that were verified, by their digest, until they expire and for at most jwtBelieved: a key that its provider takes back
// stops counting then. Whether the account may still come in is asked at every request.
type tokenCache struct {
	mu  sync.RWMutex
	has map[[sha256.Size]byte]believed
}

type believed struct {
	claims
	from, until time.Time // by the clock of tokens
}

func (c *tokenCache) get(sum [sha256.Size]byte, now time.Time) (claims, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	b, ok := c.has[sum]
	return b.claims, ok && now.Before(b.until) && !now.Before(b.from)
}

func (c *tokenCache) put(sum [sha256.Size]byte, v claims, expires, now time.Time) {
	if until := now.Add(jwtBelieved); expires.After(until) {
		expires = until
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has == nil || len(c.has) >= remembered {
		c.has = map[[sha256.Size]byte]believed{}
	}
	c.has[sum] = believed{v, now, expires}
}

// oauth is the provider as the code flow needs it.
func (p *provider) oauth(d *discovered, redirect string) *oauth2.Config {
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: p.secret, Endpoint: d.Endpoint(), RedirectURL: redirect, Scopes: p.Scopes}
}
