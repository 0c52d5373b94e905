package auth_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"

	"weir/internal/auth"
)

// idp is a real OpenID provider (the certified library of zitadel, with the login pages of its example) whose keys can be changed and whose
// userinfo tells groups.
type idp struct {
	*storage.Storage
	server *httptest.Server
	mu     sync.Mutex
	key    *rsa.PrivateKey
	id     string
	groups []string
	asked  int // for keys
	down   bool
}

type idpKey struct {
	id  string
	key any
}

func (k idpKey) ID() string                                  { return k.id }
func (k idpKey) Key() any                                    { return k.key }
func (k idpKey) Use() string                                 { return "sig" }
func (k idpKey) Algorithm() jose.SignatureAlgorithm          { return jose.RS256 }
func (k idpKey) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }

func (p *idp) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return idpKey{p.id, p.key}, nil
}

func (p *idp) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return []op.Key{idpKey{p.id, &p.key.PublicKey}}, nil
}

func (p *idp) SetUserinfoFromToken(ctx context.Context, u *oidc.UserInfo, tokenID, subject, origin string) error {
	err := p.Storage.SetUserinfoFromToken(ctx, u, tokenID, subject, origin)
	p.mu.Lock()
	defer p.mu.Unlock()
	u.AppendClaims("groups", p.groups)
	return err
}

// rotate makes a new key; what the old one has signed is not vouched for any more.
func (p *idp) rotate(t testing.TB, id string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.id = key, id
}

const clientSecret = "secret of the test"

// newIDP starts a provider for a gate at redirect.
func newIDP(t testing.TB, callback string) *idp {
	t.Helper()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	p := &idp{groups: []string{"fraud-team", "everybody"}}
	p.rotate(t, "first")
	var h http.Handler
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	p.Storage = storage.NewStorageWithClients(storage.NewUserStore(p.server.URL), clients(callback))
	h = exampleop.SetupServer(p.server.URL, p, nil, false)
	return p
}

func clients(callback string) map[string]*storage.Client {
	c := storage.WebClient("weir", clientSecret, callback)
	return map[string]*storage.Client{"weir": c}
}

func (p *idp) provider(t testing.TB) auth.Provider {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(clientSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return auth.Provider{Name: "corp", Title: "Corporate login", Issuer: p.server.URL, ClientID: "weir", SecretFile: file, Audiences: []string{"weir"}}
}

// site is a server with the login pages, and one page that says who is asking.
type site struct {
	*httptest.Server
	house *house
	idp   *idp
	clock atomic.Int64
}

func newSite(t testing.TB, o auth.Options) *site {
	t.Helper()
	s := &site{}
	mux := http.NewServeMux()
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	s.idp = newIDP(t, s.URL+"/-/weir/oidc/corp/callback")
	o.Providers = []auth.Provider{s.idp.provider(t)}
	o.Now = func() time.Time { return time.Now().Add(time.Duration(s.clock.Load()) * time.Second) } // the provider's clock, moved
	s.house = newHouse(t, o)
	login := s.house.Login()
	mux.Handle("/-/weir/", login)
	mux.HandleFunc("/me", func(w http.ResponseWriter, r *http.Request) {
		who, err := s.house.Identify(r.Context(), auth.Credentials{Method: r.Method, Host: r.Host, Header: r.Header, TLS: r.TLS})
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		io.WriteString(w, who.Name+" "+who.Method+" "+strings.Join(who.Groups, ","))
	})
	return s
}

// browser follows redirects and keeps cookies; it stops where stop says so.
func browser(t testing.TB, stop func(*http.Request) bool) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > 15 || stop != nil && stop(r) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
}

func text(t testing.TB, res *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

var formID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// logIn goes the whole way as a person would: to the gate's page, to the provider's form, and back.
func (s *site) logIn(t testing.TB, b *http.Client, next string) (*http.Response, error) {
	t.Helper()
	res, err := b.Get(s.URL + "/-/weir/oidc/corp?next=" + url.QueryEscape(next))
	status, page := text(t, res, err)
	m := formID.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the provider's form did not come: %d %s", status, page)
	}
	host := strings.Split(strings.TrimPrefix(s.idp.server.URL, "http://"), ":")[0]
	return b.PostForm(s.idp.server.URL+"/login/username", url.Values{"id": {m[1]}, "username": {"test-user@" + host}, "password": {"verysecure"}})
}

func TestBrowserLogin(t *testing.T) {
	s := newSite(t, auth.Options{})
	b := browser(t, nil)
	res, err := s.logIn(t, b, "/me?x=1")
	status, page := text(t, res, err)
	if status != 200 || page != "test-user@127.0.0.1 session everybody,fraud-team" {
		t.Fatalf("after the login: %d %q", status, page)
	}
	acc, err := s.house.store.Account(context.Background(), "test-user@127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	if acc.External != s.idp.server.URL+" id1" || acc.Password != "" || acc.Email != "test-user@zitadel.ch" {
		t.Errorf("the account is %+v", acc)
	}
	// Disabled, the session is over at once, and no new one begins.
	if err := s.house.Disable(context.Background(), acc.Name); err != nil {
		t.Fatal(err)
	}
	res, err = b.Get(s.URL + "/me")
	if status, page := text(t, res, err); status != 401 {
		t.Errorf("a disabled account got %d %q", status, page)
	}
	res, err = s.logIn(t, browser(t, nil), "/me")
	if status, page := text(t, res, err); status != 403 || !strings.Contains(page, "may not come in") {
		t.Errorf("a disabled account logged in: %d %q", status, page)
	}
}

// TestNameOfSomebodyElse: whoever may choose a name at the provider does not become the local account of that name.
func TestNameOfSomebodyElse(t *testing.T) {
	s := newSite(t, auth.Options{})
	s.house.user(t, "test-user@127.0.0.1", auth.Grant{Role: auth.RoleAdmin})
	res, err := s.logIn(t, browser(t, nil), "/me")
	if status, page := text(t, res, err); status != 403 {
		t.Errorf("the provider's user became the local one: %d %q", status, page)
	}
}

// TestRename: the subject is who somebody is, the name may change.
func TestRename(t *testing.T) {
	s := newSite(t, auth.Options{})
	if err := s.house.AddAccount(context.Background(), auth.Account{Name: "ann", Kind: auth.User, External: s.idp.server.URL + " id1"}, ""); err != nil {
		t.Fatal(err)
	}
	res, err := s.logIn(t, browser(t, nil), "/me")
	if status, page := text(t, res, err); status != 200 || !strings.HasPrefix(page, "ann ") {
		t.Errorf("%d %q", status, page)
	}
}

// TestCallbackIsBound: what comes back counts only in the browser that left, for the login that it began.
func TestCallbackIsBound(t *testing.T) {
	s := newSite(t, auth.Options{})
	caught := ""
	stop := func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/callback") && strings.HasPrefix(s.URL, "http://"+r.URL.Host) {
			caught = r.URL.String()
			return true
		}
		return false
	}
	victim := browser(t, nil)
	attacker := browser(t, stop)
	res, err := s.logIn(t, attacker, "/me")
	text(t, res, err)
	if caught == "" {
		t.Fatal("no callback was seen")
	}
	// login CSRF: the attacker's answer in the victim's browser
	res, err = victim.Get(caught)
	if status, page := text(t, res, err); status != 400 || !strings.Contains(page, "not begun here") {
		t.Errorf("another browser's answer: %d %q", status, page)
	}
	u, err := url.Parse(caught)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(url.Values){
		"other state":   func(q url.Values) { q.Set("state", "x") },
		"no state":      func(q url.Values) { q.Del("state") },
		"two states":    func(q url.Values) { q.Add("state", q.Get("state")) },
		"other issuer":  func(q url.Values) { q.Set("iss", "https://evil.example") },
		"error":         func(q url.Values) { q.Set("error", "access_denied") },
		"invented code": func(q url.Values) { q.Set("code", "x") },
		"no code":       func(q url.Values) { q.Del("code") },
	} {
		t.Run(name, func(t *testing.T) {
			b := browser(t, stop)
			res, err := s.logIn(t, b, "/me")
			text(t, res, err)
			u, err = url.Parse(caught)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			change(q)
			u.RawQuery = q.Encode()
			res, err = b.Get(u.String())
			if status, page := text(t, res, err); status < 400 || status >= 500 {
				t.Errorf("%d %q", status, page)
			}
			res, err = b.Get(s.URL + "/me")
			if status, page := text(t, res, err); status != 401 {
				t.Errorf("logged in all the same: %d %q", status, page)
			}
		})
	}
}

// TestCodeOfAnotherLogin: PKCE and nonce bind a code to the login that asked for it.
func TestCodeOfAnotherLogin(t *testing.T) {
	s := newSite(t, auth.Options{})
	var caught *url.URL
	stop := func(r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/corp/callback") {
			caught = r.URL
			return true
		}
		return false
	}
	one, two := browser(t, stop), browser(t, stop)
	res, err := s.logIn(t, one, "/me")
	text(t, res, err)
	stolen := caught.Query().Get("code")
	res, err = s.logIn(t, two, "/me")
	text(t, res, err)
	q := caught.Query()
	q.Set("code", stolen)
	caught.RawQuery = q.Encode()
	res, err = two.Get(caught.String())
	if status, page := text(t, res, err); status != 401 {
		t.Errorf("a stolen code: %d %q", status, page)
	}
}

func TestNextStaysHere(t *testing.T) {
	s := newSite(t, auth.Options{})
	for _, next := range []string{"//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "/a\nb", "javascript:alert(1)", "/\t/evil.example"} {
		stop := func(r *http.Request) bool {
			if strings.Contains(r.URL.Host, "evil") {
				t.Errorf("next=%q went to %s", next, r.URL)
			}
			return r.URL.Path == "/"
		}
		res, err := s.logIn(t, browser(t, stop), next)
		status, _ := text(t, res, err)
		if got := res.Header.Get("Location"); status != http.StatusSeeOther || got != "/" {
			t.Errorf("next=%q: %d, Location %q", next, status, got)
		}
	}
}

func TestProviderIsDown(t *testing.T) {
	s := newSite(t, auth.Options{})
	s.idp.down = true
	res, err := browser(t, nil).Get(s.URL + "/-/weir/oidc/corp")
	if status, page := text(t, res, err); status != 503 || !strings.Contains(page, "does not answer") {
		t.Errorf("%d %q", status, page)
	}
}
