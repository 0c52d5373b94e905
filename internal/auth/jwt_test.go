package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/internal/auth"
)

// issuer signs tokens of every sort, honest and not, and serves discovery and keys.
type issuer struct {
	*httptest.Server
	mu    sync.Mutex
	keys  []jose.JSONWebKey
	asked int
	down  bool
}

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	i := &issuer{}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		switch {
		case i.down:
			http.Error(w, "down", http.StatusServiceUnavailable)
		case r.URL.Path == "/.well-known/openid-configuration":
			json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys"})
		case r.URL.Path == "/keys":
			i.asked++
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) set(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(key crypto.Signer, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: id, Use: "sig"}
}

func sign(t testing.TB, alg jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	out, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// machine is a gate that takes bearer tokens of one issuer.
type machine struct {
	*house
	idp    *issuer
	key    *rsa.PrivateKey
	claims map[string]any
}

func newMachine(t testing.TB, o auth.Options) *machine {
	t.Helper()
	m := &machine{idp: newIssuer(t), key: rsaKey(t, 2048)}
	m.idp.set(public(m.key, "k1"))
	o.Providers = append(o.Providers, auth.Provider{Name: "corp", Issuer: m.idp.URL, ClientID: "gate", Audiences: []string{"https://gate.example", "gate"}})
	m.house = newHouse(t, o)
	m.claims = map[string]any{"iss": m.idp.URL, "sub": "robot-7", "aud": "https://gate.example", "exp": start.Add(time.Hour).Unix(), "iat": start.Unix(), "groups": []string{"ci", "ci", ""}}
	return m
}

func (m *machine) with(change map[string]any) map[string]any {
	c := maps.Clone(m.claims)
	for k, v := range change {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func bearer(token string) auth.Credentials { return from(here, "Authorization", "Bearer "+token) }

func TestBearerJWT(t *testing.T) {
	m := newMachine(t, auth.Options{Limits: auth.Limits{Wrong: auth.Rate{PerSecond: -1}}})
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, stranger := rsaKey(t, 1024), rsaKey(t, 2048)
	encrypting := public(stranger, "enc")
	encrypting.Use = "enc"
	m.idp.set(public(m.key, "k1"), public(ec, "k2"), public(short, "short"), encrypting)
	good := sign(t, jose.RS256, m.key, "k1", m.claims)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	der, err := x509.MarshalPKIXPublicKey(&m.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, token string
		want        auth.Why
	}{
		{"rsa", good, ""},
		{"again, from memory", good, ""},
		{"elliptic curve", sign(t, jose.ES256, ec, "k2", m.claims), ""},
		{"pss", sign(t, jose.PS256, m.key, "k1", m.claims), ""},
		{"no key named", sign(t, jose.RS256, m.key, "", m.claims), ""},
		{"other audience of ours", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"aud": []string{"x", "gate"}})), ""},
		{"other audience", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"aud": "https://other.example"})), auth.Wrong},
		{"no audience", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"aud": nil})), auth.Wrong},
		{"other issuer", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"iss": "https://evil.example"})), auth.Wrong},
		{"issuer with a slash", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"iss": m.idp.URL + "/"})), auth.Wrong},
		{"expired", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"exp": start.Add(-time.Second).Unix()})), auth.Expired},
		{"no expiry", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"exp": nil})), auth.Expired},
		{"not yet", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"nbf": start.Add(time.Hour).Unix()})), auth.Wrong},
		{"issued in the future", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"iat": start.Add(time.Hour).Unix()})), auth.Wrong},
		{"no subject", sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"sub": nil})), auth.Wrong},
		{"a stranger's key under our name", sign(t, jose.RS256, stranger, "k1", m.claims), auth.Wrong},
		{"a stranger's key", sign(t, jose.RS256, stranger, "k9", m.claims), auth.Wrong},
		{"a key for encryption", sign(t, jose.RS256, stranger, "enc", m.claims), auth.Wrong},
		{"a key that is too short", sign(t, jose.RS256, short, "short", m.claims), auth.Wrong},
		{"none", none, auth.Wrong},
		{"hmac with the public key", sign(t, jose.HS256, der, "k1", m.claims), auth.Wrong},
		{"signature cut off", parts[0] + "." + parts[1] + ".", auth.Wrong},
		{"payload of another", parts[0] + "." + strings.Split(sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"sub": "admin"})), ".")[1] + "." + parts[2], auth.Wrong},
		{"three dots", "a.b.c", auth.Wrong},
		{"opaque", "gho_16C7e42F292c6912E7710c838347Ae178B4a", auth.Wrong},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := m.why(t, bearer(c.token)); got != c.want {
				t.Errorf("why %q, want %q", got, c.want)
			}
		})
	}
	p, err := m.Identify(context.Background(), bearer(good))
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "robot-7" || p.Method != "oidc" || len(p.Groups) != 1 || p.Groups[0] != "ci" {
		t.Errorf("principal %+v", p)
	}
	m.clock.Add(3601)
	if got := m.why(t, bearer(good)); got != auth.Expired {
		t.Errorf("after its hour, from memory: %q", got)
	}
}

// TestGroupsOfProvider: what a group was granted holds for whom the provider counts to it, as long as it does.
func TestGroupsOfProvider(t *testing.T) {
	m := newMachine(t, auth.Options{})
	if _, err := m.Grant(context.Background(), auth.Granted{To: "ci", Group: true, Grant: auth.Grant{Role: auth.RoleMaintainer}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		groups any
		want   bool
	}{{[]string{"ci"}, true}, {"ci", true}, {[]string{"other"}, false}, {nil, false}, {map[string]string{"ci": "x"}, false}, {[]any{1, true}, false}} {
		p, err := m.Identify(context.Background(), bearer(sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"groups": c.groups}))))
		if err != nil {
			t.Fatal(err)
		}
		if d := m.Decide(p, auth.Delete, auth.Resource{Type: "experiment", ID: "1"}); d.Allow != c.want {
			t.Errorf("groups %v: %+v", c.groups, d)
		}
	}
}

func TestNamesFromClaims(t *testing.T) {
	m := newMachine(t, auth.Options{})
	for i, c := range []struct {
		claims map[string]any
		want   string
	}{
		{map[string]any{"preferred_username": "ann"}, "ann"},
		{map[string]any{"preferred_username": "no name!", "email": "bob@example.org", "email_verified": true}, "bob@example.org"},
		{map[string]any{"email": "admin@example.org", "email_verified": false}, "s2"},
		{map[string]any{"email": "admin@example.org"}, "s3"},
		{map[string]any{"sub": "auth0|55ab"}, "corp-"},
	} {
		if c.claims["sub"] == nil {
			c.claims["sub"] = "s" + string(rune('0'+i))
		}
		p, err := m.Identify(context.Background(), bearer(sign(t, jose.RS256, m.key, "k1", m.with(c.claims))))
		if err != nil {
			t.Fatal(err)
		}
		if p.Name != c.want && !(strings.HasSuffix(c.want, "-") && strings.HasPrefix(p.Name, c.want)) {
			t.Errorf("%v: name %q", c.claims, p.Name)
		}
	}
	// a second subject with the first one's name does not become the first one
	if got := m.why(t, bearer(sign(t, jose.RS256, m.key, "k1", m.with(map[string]any{"sub": "other", "preferred_username": "ann"})))); got != auth.Wrong {
		t.Errorf("another subject with a name that is taken: %q", got)
	}
}

func TestInventedKeysDoNotFloodTheProvider(t *testing.T) {
	m := newMachine(t, auth.Options{Limits: auth.Limits{Wrong: auth.Rate{PerSecond: -1}}})
	stranger := rsaKey(t, 2048)
	for i := range 50 {
		m.why(t, bearer(sign(t, jose.RS256, stranger, "invented"+string(rune('a'+i)), m.claims)))
	}
	if m.idp.asked > 2 {
		t.Errorf("50 tokens with invented keys made the gate ask %d times", m.idp.asked)
	}
	if got := m.why(t, bearer(sign(t, jose.RS256, m.key, "k1", m.claims))); got != "" {
		t.Errorf("after that an honest token is %q", got)
	}
}

func TestIssuerIsDown(t *testing.T) {
	m := newMachine(t, auth.Options{})
	m.idp.down = true
	if got := m.why(t, bearer(sign(t, jose.RS256, m.key, "k1", m.claims))); got != auth.Unavailable {
		t.Errorf("why %q, want %q", got, auth.Unavailable)
	}
}

func TestProvidersThatAreRefused(t *testing.T) {
	h := newHouse(t, auth.Options{})
	good := auth.Provider{Name: "corp", Issuer: "https://login.example.org", ClientID: "x"}
	for name, change := range map[string]func(*auth.Provider){
		"no name":        func(p *auth.Provider) { p.Name = "" },
		"name of a path": func(p *auth.Provider) { p.Name = "a/b" },
		"no issuer":      func(p *auth.Provider) { p.Issuer = "" },
		"plain http":     func(p *auth.Provider) { p.Issuer = "http://login.example.org" },
		"with a secret":  func(p *auth.Provider) { p.Issuer = "https://u:p@login.example.org" },
		"no client":      func(p *auth.Provider) { p.ClientID = "" },
		"hmac":           func(p *auth.Provider) { p.Algorithms = []string{"HS256"} },
		"none":           func(p *auth.Provider) { p.Algorithms = []string{"none"} },
		"missing secret": func(p *auth.Provider) { p.SecretFile = "/nonexistent/secret" },
		"own address":    func(p *auth.Provider) { p.URL = "gate.example.org" },
	} {
		p := good
		change(&p)
		if _, err := auth.Open(h.store, auth.Options{Providers: []auth.Provider{p}}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := auth.Open(h.store, auth.Options{Providers: []auth.Provider{good, good}}); err == nil {
		t.Error("the same provider twice was accepted")
	}
	if _, err := auth.Open(h.store, auth.Options{Providers: []auth.Provider{good}}); err != nil {
		t.Errorf("the good one was refused: %v", err)
	}
}

// TestStrangersWhoHangUp: a question to the provider does not end with the request that made it necessary, or strangers could keep everybody out.
func TestStrangersWhoHangUp(t *testing.T) {
	m := newMachine(t, auth.Options{})
	gone, hangUp := context.WithCancel(context.Background())
	hangUp()
	var d *auth.Denied
	if _, err := m.Identify(gone, bearer(sign(t, jose.RS256, rsaKey(t, 2048), "invented", m.claims))); !errors.As(err, &d) {
		t.Errorf("a stranger who has hung up: %v", err)
	}
	if got := m.why(t, bearer(sign(t, jose.RS256, m.key, "k1", m.claims))); got != "" {
		t.Errorf("after that an honest token is %q", got)
	}
}

// TestReload: other settings count at once, what was proven by a provider that is gone counts no more, and settings with a mistake change nothing.
func TestReload(t *testing.T) {
	m := newMachine(t, auth.Options{Limits: auth.Limits{Tries: 3}})
	m.user(t, "ann", auth.Grant{Role: auth.RoleViewer})
	machine := bearer(sign(t, jose.RS256, m.key, "k1", m.claims))
	ann, err := m.Identify(context.Background(), from(here, "Authorization", basic("ann", password)))
	if err != nil || m.why(t, machine) != "" {
		t.Fatal(err, m.why(t, machine))
	}
	thing := auth.Resource{Type: "experiment", ID: "1"}
	may := func(want bool) {
		t.Helper()
		if d := m.Decide(ann, auth.Read, thing); d.Allow != want {
			t.Errorf("ann may read: %v, want %v (%s)", d.Allow, want, d.Reason)
		}
	}
	may(true)
	provider := auth.Provider{Name: "corp", Issuer: m.idp.URL, ClientID: "gate", Audiences: []string{"https://gate.example", "gate"}}
	closed := []auth.PolicyFile{{Name: "own.cedar", Text: []byte(`@id("closed") forbid (principal, action, resource) when { context.roles.contains("viewer") };`)}}
	for range 3 { // her account is locked elsewhere
		m.why(t, from("192.0.2.99", "Authorization", basic("ann", "wrong wrong wrong")))
	}
	if err := m.Reload(auth.Options{Limits: auth.Limits{Tries: 3}, Policies: closed, Providers: []auth.Provider{provider}}); err != nil {
		t.Fatal(err)
	}
	may(false)
	if got := m.why(t, from("192.0.2.99", "Authorization", basic("ann", password))); got != auth.Locked {
		t.Errorf("a lock after other settings were read: %q", got)
	}
	asked := m.idp.asked
	if got := m.why(t, machine); got != "" || m.idp.asked != asked {
		t.Errorf("a provider that stays: %q, asked %d times more", got, m.idp.asked-asked)
	}
	provider.Audiences = []string{"somebody else"}
	if err := m.Reload(auth.Options{Policies: closed, Providers: []auth.Provider{provider}}); err != nil {
		t.Fatal(err)
	}
	if got := m.why(t, machine); got != auth.Wrong {
		t.Errorf("a token for an audience that is not taken any more: %q", got)
	}
	for _, o := range []auth.Options{
		{Policies: []auth.PolicyFile{{Name: "own.cedar", Text: []byte("permit (principal, action, resource)")}}},
		{Providers: []auth.Provider{{Name: "no provider"}}},
		{Proxy: &auth.Proxy{User: "X-User"}},
		{Limits: auth.Limits{Class: map[string]auth.Rate{"uploads": {PerSecond: 1}}}},
	} {
		if err := m.Reload(o); err == nil {
			t.Errorf("taken: %+v", o)
		}
	}
	may(false)
	if err := m.Reload(auth.Options{}); err != nil {
		t.Fatal(err)
	}
	may(true)
	if got := m.why(t, machine); got != auth.Wrong {
		t.Errorf("a token of a provider that is gone: %q", got)
	}
}
