//go:build unix

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"weir/internal/audit"
)

// idp is an identity provider whose keys can be changed while a gate runs.
type idp struct {
	*httptest.Server
	sync.Mutex
	keys []jose.JSONWebKey
	down bool
}

func newIDP(t *testing.T) *idp {
	p := &idp{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.Lock()
		defer p.Unlock()
		switch {
		case p.down:
			http.Error(w, "down", http.StatusBadGateway)
		case r.URL.Path == "/keys":
			json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: p.keys})
		default:
			fmt.Fprintf(w, `{"issuer": %q, "authorization_endpoint": "%s/auth", "token_endpoint": "%s/token", "jwks_uri": "%s/keys"}`, p.URL, p.URL, p.URL, p.URL)
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// key makes a key and publishes it; one with a life has a certificate that begins or ends then.
func (p *idp) key(t *testing.T, id string, from, to time.Duration) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shown := jose.JSONWebKey{Key: k.Public(), KeyID: id, Use: "sig"}
	if to != 0 {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to)}
		der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		shown.Certificates = []*x509.Certificate{c}
	}
	p.Lock()
	defer p.Unlock()
	p.keys = append(p.keys, shown)
	return k
}

// token is a JWT of a robot that begins and ends so far from now.
func (p *idp) token(t *testing.T, key *ecdsa.PrivateKey, id string, from, to time.Duration) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text, err := json.Marshal(map[string]any{"iss": p.URL, "sub": "robot", "preferred_username": "robot", "aud": "gate", "nbf": now.Add(from).Unix(), "iat": now.Add(from).Unix(), "exp": now.Add(to).Unix()})
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

// running is a gate within the test.
type running struct {
	t    *testing.T
	app  *app
	dir  string
	base string
	end  func()
}

// startGate starts a gate over gate.yaml of a folder, before a server with one thing.
func startGate(t *testing.T, dir string, clock func() time.Time) *running {
	t.Helper()
	out := &heard{}
	a := &app{stdin: strings.NewReader(""), stdout: out, stderr: out, environ: os.Environ(), today: time.Now}
	g := &gateFlags{config: filepath.Join(dir, "gate.yaml"), clock: clock}
	f, err := g.load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.gate(ctx, f, g) }()
	r := &running{t: t, app: a, dir: dir, base: "http://" + out.address(t)}
	r.end = sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the gate ended with %v", err)
		}
	})
	t.Cleanup(r.end)
	return r
}

// ask gives the status of a request for the thing.
func (r *running) ask(authorization string) int {
	r.t.Helper()
	q, err := http.NewRequest("GET", r.base+"/thing", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	q.Header.Set("Authorization", authorization)
	res, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		r.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// command runs one of the gate's commands over the same folder and gives what it printed.
func (r *running) command(args ...string) string {
	r.t.Helper()
	out := &heard{}
	a := *r.app
	a.stdout = out
	if code := run(&a, append(append([]string{"gate"}, args...), "--config", filepath.Join(r.dir, "gate.yaml"))); code != 0 {
		r.t.Fatalf("weir gate %v: exit code %d\n%s", args, code, out.text.String())
	}
	return strings.TrimSpace(out.text.String())
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const policyOfTest = `@id("robots") permit (principal == User::"robot", action == Action::"read", resource);`

// newRobotGate starts a gate that lets a robot of an identity provider in.
func newRobotGate(t *testing.T, p *idp) *running {
	dir := t.TempDir()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the thing") }))
	t.Cleanup(up.Close)
	write(t, filepath.Join(dir, "own.cedar"), policyOfTest)
	write(t, filepath.Join(dir, "gate.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\ndata: d\nauth: {policies: [own.cedar], oidc: [{name: corp, issuer: %q, client-id: weir, audiences: [gate]}]}\n"+
		"upstreams: [{name: u, kind: generic, to: %q, routes: [\"GET /thing read\"]}]\n", p.URL, up.URL))
	return startGate(t, dir, nil)
}

// TestGateReload: policies and providers count as they stand in the files after a SIGHUP, and mistakes in them change nothing.
func TestGateReload(t *testing.T) {
	p := newIDP(t)
	robot := "Bearer " + p.token(t, p.key(t, "k", 0, 0), "k", 0, time.Hour)
	r := newRobotGate(t, p)
	if s := r.ask(robot); s != 200 {
		t.Fatalf("at first: %d", s)
	}
	n := 0
	hangUp := func(decision string) {
		t.Helper()
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		n++
		for range 200 {
			seen, last := 0, ""
			if err := audit.Read([]string{filepath.Join(r.dir, "d", "audit")}, func(e *audit.Entry) error {
				if e.Route == "reload" {
					seen, last = seen+1, e.Decision
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if seen == n {
				if last != decision {
					t.Errorf("the audit log says %q, want %q", last, decision)
				}
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatal("the configuration was not read again")
	}
	own := filepath.Join(r.dir, "own.cedar")
	write(t, own, `@id("nobody") forbid (principal, action, resource);`)
	if s := r.ask(robot); s != 200 {
		t.Errorf("before the signal: %d", s)
	}
	hangUp("allow")
	if s := r.ask(robot); s != 403 {
		t.Errorf("with a policy that forbids: %d", s)
	}
	write(t, own, policyOfTest+" permit (")
	hangUp("error")
	if s := r.ask(robot); s != 403 {
		t.Errorf("with a policy that cannot be read: %d", s)
	}
	write(t, own, policyOfTest)
	hangUp("allow")
	if s := r.ask(robot); s != 200 {
		t.Errorf("with the first policy again: %d", s)
	}
	config, err := os.ReadFile(filepath.Join(r.dir, "gate.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(r.dir, "gate.yaml"), strings.Replace(string(config), "audiences: [gate]", "audiences: [another]", 1))
	hangUp("allow")
	if s := r.ask(robot); s != 401 {
		t.Errorf("with a token for another audience: %d", s)
	}
}

// TestGateKeys: what counts of a provider's keys and tokens is what holds now.
func TestGateKeys(t *testing.T) {
	p := newIDP(t)
	good, over, soon := p.key(t, "good", -time.Hour, time.Hour), p.key(t, "over", -2*time.Hour, -time.Hour), p.key(t, "soon", time.Hour, 2*time.Hour)
	r := newRobotGate(t, p)
	for _, c := range []struct {
		what, token string
		status      int
	}{
		{"a token that holds", p.token(t, good, "good", -time.Minute, time.Hour), 200},
		{"one that is over", p.token(t, good, "good", -time.Hour, -time.Minute), 401},
		{"one of tomorrow", p.token(t, good, "good", 24*time.Hour, 25*time.Hour), 401},
		{"one by a key whose certificate is over", p.token(t, over, "over", -time.Minute, time.Hour), 401},
		{"one by a key whose certificate has not begun", p.token(t, soon, "soon", -time.Minute, time.Hour), 401},
	} {
		if s := r.ask("Bearer " + c.token); s != c.status {
			t.Errorf("%s: %d, want %d", c.what, s, c.status)
		}
	}
	fresh := newIDP(t) // that nobody has asked yet
	key := fresh.key(t, "k", 0, 0)
	fresh.down = true
	if s := newRobotGate(t, fresh).ask("Bearer " + fresh.token(t, key, "k", 0, time.Hour)); s != 503 {
		t.Errorf("while the provider is down: %d, want 503", s)
	}
}

// TestGateClock: a clock that jumps brings nothing that is over to life, and neither unlocks nor locks anybody.
func TestGateClock(t *testing.T) {
	dir := t.TempDir()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the thing") }))
	defer up.Close()
	write(t, filepath.Join(dir, "gate.yaml"), fmt.Sprintf("listen: 127.0.0.1:0\ndata: d\nauth: {limits: {tries: 3}}\nupstreams: [{name: u, kind: generic, to: %q, routes: [\"GET /thing read\"]}]\n", up.URL))
	var mu sync.Mutex
	jump := time.Duration(0)
	set := func(d time.Duration) { mu.Lock(); jump = d; mu.Unlock() }
	r := startGate(t, dir, func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Round(0).Add(jump) })
	password := r.command("user", "add", "ann", "--role", "viewer")
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("ann:"+password))
	}
	token := "Bearer " + r.command("token", "add", "ann", "--expires", "12h")
	want := func(what, authorization string, status int) {
		t.Helper()
		if s := r.ask(authorization); s != status {
			t.Errorf("%s: %d, want %d", what, s, status)
		}
	}
	want("a token", token, 200)
	set(-48 * time.Hour)
	want("a token, the clock two days back", token, 200)
	set(13 * time.Hour)
	want("a token, the clock forward beyond its end", token, 401)
	set(0)
	want("a token, the clock right again", token, 200)
	want("a password", basic(password), 200)
	for range 3 {
		want("a wrong password", basic("wrong wrong wrong"), 401)
	}
	want("a locked account", basic(password), 429)
	set(365 * 24 * time.Hour)
	want("a locked account a year later by the clock", basic(password), 429)
	set(-365 * 24 * time.Hour)
	want("a locked account a year earlier by the clock", basic(password), 429)
	want("the audit log goes on", token, 200)
	r.end()
	if _, err := audit.Verify([]string{filepath.Join(dir, "d", "audit")}, ""); err != nil {
		t.Errorf("after the jumps: %v", err)
	}
}

// TestGateWritesDown: the log names the accounts that somebody failed to prove, who logged in, and whose accounts, tokens and roles were changed by whichever process.
func TestGateWritesDown(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "gate.yaml"), "listen: 127.0.0.1:0\ndata: d\nupstreams: [{name: u, kind: generic, to: \"http://127.0.0.1:1\", routes: [\"GET /thing read\"]}]\n")
	r := startGate(t, dir, nil)
	password := r.command("user", "add", "ann")
	r.command("role", "add", "ann", "viewer", "--name", "fraud-*")
	token := r.command("token", "add", "ann")
	id := token[:len("weir_")+12]
	r.ask("Basic " + base64.StdEncoding.EncodeToString([]byte("ann:wrong wrong wrong")))
	r.ask("Bearer " + id + "_" + strings.Repeat("a", 52))
	for _, p := range []string{password, "wrong wrong wrong"} {
		q, err := http.NewRequest("POST", r.base+"/-/weir/login", strings.NewReader("name=ann&password="+url.QueryEscape(p)))
		if err != nil {
			t.Fatal(err)
		}
		q.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Origin": {r.base}}
		res, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
	}
	time.Sleep(changesEvery + 500*time.Millisecond)
	r.command("token", "revoke", id)
	r.command("user", "revoke", "ann", "--delete")
	time.Sleep(changesEvery + 500*time.Millisecond)
	r.end()
	var lines []string
	if err := audit.Read([]string{filepath.Join(dir, "d", "audit")}, func(e *audit.Entry) error {
		text, err := json.Marshal(e)
		if lines = append(lines, string(text)); strings.Contains(string(text), "wrong wrong") || strings.Contains(string(text), password) || strings.Contains(string(text), token) {
			t.Errorf("a secret stands in the log: %s", text)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]string{
		{`"route":"accounts"`, `"accounts":1`, `"roles":1`, `"digest":"sha256:`},
		{`"route":"accounts"`, `"account:ann"`, `made: user, proven by password`},
		{`"route":"accounts"`, `made: viewer to ann for name=fraud-*, given by command line`},
		{`"route":"accounts"`, `"token:` + id + `"`, `made: of ann`},
		{`"route":"accounts"`, `"account:ann"`, `removed: user`},
		{`"policy":"auth-wrong"`, `account \"ann\"`, `"status":401`, `"path":"/thing"`},
		{`"policy":"auth-wrong"`, `the secret of token ` + id[len("weir_"):] + ` is wrong`},
		{`"route":"login"`, `"who":"ann"`, `"how":"password"`, `"decision":"allow"`},
		{`"route":"login"`, `"decision":"deny"`, `account \"ann\"`, `"status":401`},
	} {
		if !slices.ContainsFunc(lines, func(line string) bool {
			return !slices.ContainsFunc(want, func(part string) bool { return !strings.Contains(line, part) })
		}) {
			t.Errorf("no line holds all of %q", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(lines, "\n"))
	}
}
