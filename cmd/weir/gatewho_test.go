package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// authority signs certificates for a test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	dir  string
}

func newAuthority(t *testing.T, dir, name string) *authority {
	t.Helper()
	a := &authority{dir: dir}
	a.cert, a.key = a.sign(t, name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

// sign writes NAME.pem and NAME.key, signed by the authority, or by itself when it is not made yet.
func (a *authority) sign(t *testing.T, name string, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.Subject = serial, pkix.Name{CommonName: name}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(a.dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

// heard is a writer that the test reads while it is written.
type heard struct {
	sync.Mutex
	text strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.Lock()
	defer h.Unlock()
	return h.text.Write(p)
}

var listening = regexp.MustCompile(`listening on https?://(\S+)`)

// address waits for the gate to listen.
func (h *heard) address(t *testing.T) string {
	t.Helper()
	for range 600 {
		h.Lock()
		m := listening.FindStringSubmatch(h.text.String())
		h.Unlock()
		if m != nil {
			return m[1]
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("the gate does not listen: %s", h.text.String())
	return ""
}

// TestGateByCertificate starts a gate with TLS and looks who comes in by which certificate.
func TestGateByCertificate(t *testing.T) {
	dir := t.TempDir()
	ours, theirs := newAuthority(t, dir, "ours"), newAuthority(t, dir, "theirs")
	ours.sign(t, "server", &x509.Certificate{DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	client := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	ours.sign(t, "robot", &x509.Certificate{ExtKeyUsage: client})
	ours.sign(t, "stranger", &x509.Certificate{ExtKeyUsage: client})
	theirs.sign(t, "robot2", &x509.Certificate{ExtKeyUsage: client, EmailAddresses: []string{"robot"}})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the thing") }))
	defer up.Close()
	config := fmt.Sprintf("listen: 127.0.0.1:0\ndata: d\ntls: {cert: server.pem, key: server.key, client-ca: ours.pem}\nupstreams: [{name: u, kind: generic, to: %q, routes: [\"GET /thing read\"]}]\n", up.URL)
	name := filepath.Join(dir, "gate.yaml")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	out := &heard{}
	a := &app{stdin: strings.NewReader(""), stdout: out, stderr: out, environ: os.Environ(), today: time.Now}
	if code := run(a, []string{"gate", "user", "add", "robot", "--service", "--role", "viewer", "--config", name}); code != 0 {
		t.Fatalf("making the account: exit code %d\n%s", code, out.text.String())
	}
	g := &gateFlags{config: name}
	f, err := g.load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.gate(ctx, f, g) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the gate ended with %v", err)
		}
	}()
	address := out.address(t)
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	ask := func(certificate string) (int, string) {
		config := &tls.Config{RootCAs: roots}
		if certificate != "" {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, certificate+".pem"), filepath.Join(dir, certificate+".key"))
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
			config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil } // whoever is asked for
		}
		tr := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		res, err := (&http.Client{Transport: tr, Timeout: 30 * time.Second}).Get("https://" + address + "/thing")
		if err != nil {
			return 0, err.Error()
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	for _, c := range []struct {
		certificate string
		status      int // 0: the handshake fails
	}{{"robot", 200}, {"stranger", 401}, {"robot2", 0}, {"", 401}} {
		status, text := ask(c.certificate)
		if status != c.status || status == 200 && text != "the thing" {
			t.Errorf("certificate %q: %d %q, want %d", c.certificate, status, text, c.status)
		}
	}
}

// TestGateByForm logs in at the gate's own page, as a browser does, and is sent to an identity provider by it.
func TestGateByForm(t *testing.T) {
	dir := t.TempDir()
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("the server sees what proved the caller: %v", r.Header)
		}
		io.WriteString(w, "the thing")
	}))
	defer up.Close()
	idp := httptest.NewServer(nil)
	idp.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer": %q, "authorization_endpoint": "%s/auth", "token_endpoint": "%s/token", "jwks_uri": "%s/keys"}`, idp.URL, idp.URL, idp.URL, idp.URL)
	})
	defer idp.Close()
	for file, text := range map[string]string{
		"password": "of the administrator\n",
		"gate.yaml": fmt.Sprintf("listen: 127.0.0.1:0\ndata: d\nauth: {oidc: [{name: corp, issuer: %q, client-id: weir}]}\nupstreams: [{name: u, kind: generic, to: %q, routes: [\"GET /thing read\"]}]\n",
			idp.URL, up.URL),
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := &heard{}
	a := &app{stdin: strings.NewReader(""), stdout: out, stderr: out, environ: os.Environ(), today: time.Now}
	g := &gateFlags{config: filepath.Join(dir, "gate.yaml"), adminPassword: filepath.Join(dir, "password")}
	f, err := g.load()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.gate(ctx, f, g) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the gate ended with %v", err)
		}
	}()
	base := "http://" + out.address(t)
	var jar []*http.Cookie
	ask := func(method, path, body string, header ...string) *http.Response {
		r, err := http.NewRequest(method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		for _, c := range jar {
			r.AddCookie(c)
		}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res
	}
	want := func(what string, res *http.Response, status int, location string) {
		t.Helper()
		if res.StatusCode != status || !strings.HasPrefix(res.Header.Get("Location"), location) {
			t.Errorf("%s: %d to %q, want %d to %q", what, res.StatusCode, res.Header.Get("Location"), status, location)
		}
	}
	want("a browser without a session", ask("GET", "/thing", "", "Accept", "text/html"), 303, "/-/weir/login?next=%2Fthing")
	want("a program without an account", ask("GET", "/thing", ""), 401, "")
	want("a login with the wrong password", ask("POST", "/-/weir/login", "name=admin&password=admin", "Content-Type", "application/x-www-form-urlencoded", "Origin", base), 401, "")
	form := "name=admin&password=of+the+administrator&next=%2Fthing"
	want("a login from another site", ask("POST", "/-/weir/login", form, "Content-Type", "application/x-www-form-urlencoded", "Origin", "http://evil.example"), 403, "")
	res := ask("POST", "/-/weir/login", form, "Content-Type", "application/x-www-form-urlencoded", "Origin", base)
	want("a login", res, 303, "/thing")
	jar = res.Cookies()
	want("a browser with a session", ask("GET", "/thing", "", "Sec-Fetch-Site", "same-origin"), 200, "")
	want("a logout", ask("POST", "/-/weir/logout", "", "Origin", base, "Content-Type", "application/x-www-form-urlencoded"), 303, "/-/weir/login")
	want("the session after it", ask("GET", "/thing", "", "Sec-Fetch-Site", "same-origin"), 401, "")
	want("a login at the provider", ask("GET", "/-/weir/oidc/corp?next=%2Fthing", ""), 303, idp.URL+"/auth?")
	want("what nobody began", ask("GET", "/-/weir/oidc/corp/callback?code=x&state=y", ""), 400, "")
}
