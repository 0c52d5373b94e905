package auth_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"weir/internal/auth"
	"weir/internal/store"
	"weir/internal/store/sqlite"
)

// house is an Auth over a fresh store with a clock of its own.
type house struct {
	*auth.Auth
	store store.Store
	path  string
	clock atomic.Int64 // seconds that the clock was moved
}

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func newHouse(t testing.TB, o auth.Options) *house {
	t.Helper()
	h := &house{path: filepath.Join(t.TempDir(), "weir.db")}
	s, err := sqlite.Open(h.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	h.store = s
	if o.Now == nil {
		o.Now = func() time.Time { return start.Add(time.Duration(h.clock.Load()) * time.Second) }
	}
	if h.Auth, err = auth.Open(s, o); err != nil {
		t.Fatal(err)
	}
	return h
}

const password = "correct horse battery"

func (h *house) user(t testing.TB, name string, roles ...auth.Grant) {
	t.Helper()
	if err := h.AddAccount(context.Background(), auth.Account{Name: name, Kind: auth.User}, password); err != nil {
		t.Fatal(err)
	}
	for _, r := range roles {
		if _, err := h.Grant(context.Background(), auth.Granted{To: name, Grant: r}); err != nil {
			t.Fatal(err)
		}
	}
}

func (h *house) token(t testing.TB, name string, life time.Duration, scopes ...auth.Scope) (string, auth.Token) {
	t.Helper()
	shown, token, err := h.NewToken(context.Background(), name, "test", life, scopes)
	if err != nil {
		t.Fatal(err)
	}
	return shown, token
}

func basic(name, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

// from makes the credentials of a request from an address of documentation.
func from(addr string, header ...string) auth.Credentials {
	c := auth.Credentials{Method: "GET", Host: "gate.example", Header: http.Header{}, Remote: netip.AddrPortFrom(netip.MustParseAddr(addr), 4711)}
	for i := 0; i+1 < len(header); i += 2 {
		c.Header.Add(header[i], header[i+1])
	}
	return c
}

const here = "192.0.2.1"

func (h *house) why(t testing.TB, c auth.Credentials) auth.Why {
	t.Helper()
	_, err := h.Identify(context.Background(), c)
	if err == nil {
		return ""
	}
	var d *auth.Denied
	if !errors.As(err, &d) {
		t.Fatalf("error %v is no *Denied", err)
	}
	return d.Why
}

// other changes one character of a token's secret.
func other(shown string) string {
	b := []byte(shown)
	if b[30]++; b[30] > 'z' || b[30] == '8' {
		b[30] = 'a'
	}
	return string(b)
}

func TestPasswordAndToken(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	h.user(t, "bob")
	shown, token := h.token(t, "ann", time.Hour)
	for _, c := range []struct {
		name, header string
		want         auth.Why
	}{
		{"password", basic("ann", password), ""},
		{"password again, from memory", basic("ann", password), ""},
		{"wrong password", basic("ann", password+"x"), auth.Wrong},
		{"empty password", basic("ann", ""), auth.Wrong},
		{"no such account", basic("eve", password), auth.Wrong},
		{"name in another case", basic("Ann", password), auth.Wrong},
		{"bearer", "Bearer " + shown, ""},
		{"bearer in another case", "bearer " + shown, ""},
		{"token as password", basic("ann", shown), ""},
		{"token as somebody else's password", basic("bob", shown), auth.Wrong},
		{"wrong secret", "Bearer " + other(shown), auth.Wrong},
		{"unknown token", "Bearer weir_aaaaaaaaaaaa_" + shown[len(shown)-52:], auth.Wrong},
		{"token cut short", "Bearer " + shown[:40], auth.Wrong},
		{"no scheme", "x", auth.Malformed},
		{"other scheme", "Digest a=b", auth.Malformed},
		{"empty bearer", "Bearer ", auth.Malformed},
		{"bearer with a space", "Bearer a b", auth.Malformed},
		{"basic without colon", "Basic " + base64.StdEncoding.EncodeToString([]byte("ann")), auth.Malformed},
		{"basic in url alphabet", "Basic __8=", auth.Malformed},
		{"nothing", "", auth.Missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			cred := from(here)
			if c.header != "" {
				cred = from(here, "Authorization", c.header)
			}
			if got := h.why(t, cred); got != c.want {
				t.Errorf("why %q, want %q", got, c.want)
			}
		})
	}
	if got := h.why(t, from(here, "Authorization", basic("ann", password), "Authorization", basic("bob", password))); got != auth.Malformed {
		t.Errorf("two headers: %q", got)
	}
	h.clock.Add(7200)
	if got := h.why(t, from(here, "Authorization", "Bearer "+shown)); got != auth.Expired {
		t.Errorf("after its hour the token is %q", got)
	}
	if token.Note != "test" || len(token.Hash) != 32 {
		t.Errorf("token %+v", token)
	}
}

func TestDecide(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann", auth.Grant{Role: auth.RoleScientist, Scope: auth.Scope{Server: "m", Name: "fraud-*"}})
	p, err := h.Identify(context.Background(), from(here, "Authorization", basic("ann", password)))
	if err != nil {
		t.Fatal(err)
	}
	fraud := auth.Resource{Server: "m", Type: "experiment", ID: "1", Name: "fraud-2026"}
	other := auth.Resource{Server: "m", Type: "experiment", ID: "2", Name: "churn"}
	run := auth.Resource{Server: "m", Type: "run", ID: "abc", Name: "r", Within: []auth.Resource{fraud}}
	stray := auth.Resource{Server: "m", Type: "run", ID: "def", Name: "fraud-like", Within: []auth.Resource{other}}
	for _, c := range []struct {
		action   auth.Action
		resource auth.Resource
		want     bool
	}{
		{auth.Write, fraud, true}, {auth.Write, run, true}, {auth.Delete, run, false}, {auth.Read, other, false}, {auth.Read, stray, false},
		{auth.Read, auth.Resource{Server: "m", Type: auth.Lobby}, true}, {auth.Write, auth.Resource{Server: "m", Type: auth.Lobby}, false},
		{auth.Read, auth.Resource{Server: "other", Type: auth.Lobby}, false}, {auth.Read, auth.Resource{Server: "m", Type: "experiment"}, false},
		{auth.Write, auth.Resource{Server: "m", Type: "experiment", Name: "fraud-new"}, true},
		{auth.Write, auth.Resource{Server: "m", Type: "frame", ID: "tmp", Name: "tmp", Owner: "ann", Personal: true}, true},
		{auth.Delete, auth.Resource{Server: "m", Type: "frame", ID: "tmp", Name: "tmp", Owner: "ann", Personal: true}, true},
		{auth.Manage, auth.Resource{Server: "m", Type: "frame", ID: "tmp", Name: "tmp", Owner: "ann", Personal: true}, false},
		{auth.Read, auth.Resource{Server: "m", Type: "frame", ID: "tmp", Name: "tmp", Owner: "bob", Personal: true}, false},
		{auth.Read, auth.Resource{Server: "m", Type: "frame", ID: "tmp", Name: "tmp", Owner: "ann"}, false},
		{auth.Read, auth.Resource{Server: "other", Type: "frame", ID: "tmp", Name: "tmp", Owner: "ann", Personal: true}, false},
	} {
		if d := h.Decide(p, c.action, c.resource); d.Allow != c.want {
			t.Errorf("%s %s: %+v", c.action, c.resource.String(), d)
		}
	}
}
