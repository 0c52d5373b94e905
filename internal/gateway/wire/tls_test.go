package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificate makes a self-signed certificate for name and writes it with its key; it gives the certificate.
func certificate(t testing.TB, name, certFile, keyFile string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tpl, tpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secureServer serves the echo handler over TLS; its answer begins with the protocol and the name in the client's certificate.
func secureServer(t testing.TB, dir string) (addr string, complaints chan error) {
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	complaints = make(chan error, 10)
	config, err := Certificates(certFile, keyFile, filepath.Join(dir, "client.pem"), func(err error) { complaints <- err })
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := "nobody"
		if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
			who = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		w.Header().Set("Seen", r.Proto+" "+who)
		echo(w, r)
	})}
	go srv.Serve(Listen(l, Options{TLS: config}))
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String(), complaints
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	client := certificate(t, "ann", filepath.Join(dir, "client.pem"), filepath.Join(dir, "client-key.pem"))
	certificate(t, "first.example", certFile, keyFile)
	addr, complaints := secureServer(t, dir)
	get := func(alpn string, certs ...tls.Certificate) (seen, server string) {
		conf := &tls.Config{InsecureSkipVerify: true, Certificates: certs, NextProtos: []string{alpn}}
		tr := &http.Transport{TLSClientConfig: conf, ForceAttemptHTTP2: alpn == "h2"}
		defer tr.CloseIdleConnections()
		r, err := http.NewRequest("GET", "https://"+addr+"/a", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "gate.example"
		res, err := tr.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if b, _ := io.ReadAll(res.Body); string(b) != `GET /a ""` {
			t.Errorf("answered %q", b)
		}
		return res.Header.Get("Seen"), res.TLS.PeerCertificates[0].Subject.CommonName
	}
	for _, tt := range []struct {
		alpn  string
		certs []tls.Certificate
		want  string
	}{
		{"h2", nil, "HTTP/2.0 nobody"},
		{"http/1.1", nil, "HTTP/1.1 nobody"},
		{"h2", []tls.Certificate{client}, "HTTP/2.0 ann"},
		{"http/1.1", []tls.Certificate{client}, "HTTP/1.1 ann"},
	} {
		if seen, _ := get(tt.alpn, tt.certs...); seen != tt.want {
			t.Errorf("%s: the server saw %q, want %q", tt.alpn, seen, tt.want)
		}
	}
	stranger := certificate(t, "ann", filepath.Join(dir, "x"), filepath.Join(dir, "y"))
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{stranger}})
	if err == nil { // with TLS 1.3 the server's verdict comes with the first read
		c.SetDeadline(time.Now().Add(10 * time.Second))
		if _, err = c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Error("a certificate of another authority is accepted")
		}
		c.Close()
	}
	becomes := func(want string) {
		t.Helper()
		for range 100 {
			if _, name := get("h2"); name == want {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Errorf("the certificate is not that of %s", want)
	}
	certificate(t, "second.example", certFile, keyFile)
	becomes("second.example")
	if err := os.WriteFile(certFile, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if _, name := get("h2"); name != "second.example" {
			t.Fatalf("a damaged file gave the certificate of %s", name)
		}
		if len(complaints) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if len(complaints) == 0 {
		t.Error("nobody is told of a damaged file")
	}
	certificate(t, "third.example", certFile, keyFile)
	becomes("third.example")
}

// TestGuardOverTLS: HTTP/1.1 over TLS meets the same rules as without.
func TestGuardOverTLS(t *testing.T) {
	dir := t.TempDir()
	certificate(t, "ann", filepath.Join(dir, "client.pem"), filepath.Join(dir, "client-key.pem"))
	certificate(t, "gate.example", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	addr, _ := secureServer(t, dir)
	for _, tt := range refusedHeads[:12] {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, tt.head)
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		b, _ := io.ReadAll(c)
		c.Close()
		if got := answers(t, string(b)); len(got) != 1 || got[0][0] != '4' {
			t.Errorf("%s: answered %q", tt.name, got)
		}
	}
	// Plain HTTP to the TLS port ends without an answer from any handler.
	if got := raw(t, addr, "GET / HTTP/1.1\r\n"+hostLine+"\r\n"); len(got) > 0 && got[:4] == "HTTP" {
		t.Errorf("answered %q", got)
	}
}

func TestCertificatesErrors(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certificate(t, "a", cert, key)
	for _, tt := range [][3]string{{"absent", key, ""}, {cert, "absent", ""}, {cert, cert, ""}, {cert, key, "absent"}, {cert, key, key}} {
		if _, err := Certificates(tt[0], tt[1], tt[2], nil); err == nil {
			t.Errorf("%q gave no error", tt)
		}
	}
}
