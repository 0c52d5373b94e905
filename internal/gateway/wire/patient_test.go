package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// served puts a handler behind the guard, over TLS, with little patience.
func served(t *testing.T, o Options, h http.HandlerFunc) (addr string) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certificate(t, "gate.example", cert, key)
	var err error
	if o.TLS, err = Certificates(cert, key, "", nil); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(Patient(w, r, o), r) })}
	go srv.Serve(Listen(l, o))
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

// clients are the same client in both versions of the protocol.
func clients(t *testing.T) map[string]*http.Client {
	out := map[string]*http.Client{}
	for version, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2}
		t.Cleanup(tr.CloseIdleConnections)
		out[version] = &http.Client{Transport: tr, Timeout: 20 * time.Second}
	}
	return out
}

// TestSlowBodies: a body that stops coming ends the request, whatever the protocol.
func TestSlowBodies(t *testing.T) {
	ended := make(chan error, 1)
	version := make(chan string, 1)
	addr := served(t, Options{Stall: 100 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		version <- r.Proto
		_, err := io.Copy(io.Discard, r.Body)
		ended <- err
	})
	for want, c := range clients(t) {
		t.Run(want, func(t *testing.T) {
			body, sender := io.Pipe()
			defer sender.Close()
			go io.WriteString(sender, "the first bytes")
			go c.Post("https://"+addr+"/", "text/plain", body) // it fails: the body has no end
			if got := <-version; got != want {
				t.Fatalf("it came over %s", got)
			}
			var slow *Refusal
			if err := <-ended; !errors.As(err, &slow) || slow.Status != 408 {
				t.Errorf("the body ended with %v", err)
			}
		})
	}
}

// TestAnswersThatNobodyTakes: a client that does not read its answer does not hold it for ever.
func TestAnswersThatNobodyTakes(t *testing.T) {
	ended := make(chan error, 1)
	addr := served(t, Options{Stall: 100 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/file" {
			f, err := os.Open("/dev/zero")
			if err == nil {
				_, err = io.Copy(w, io.LimitReader(f, 1<<40))
				f.Close()
			}
			ended <- err
			return
		}
		piece := make([]byte, 64<<10)
		for {
			if _, err := w.Write(piece); err != nil {
				ended <- err
				return
			}
		}
	})
	for version, c := range clients(t) {
		for _, path := range []string{"/", "/file"} {
			t.Run(version+path, func(t *testing.T) {
				res, err := c.Get("https://" + addr + path)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				if res.Proto != version {
					t.Errorf("it came over %s", res.Proto)
				}
				if err := <-ended; err == nil {
					t.Error("it was written to the end")
				}
			})
		}
	}
}

// TestSlowReaders: who takes an answer bit by bit gets it whole, though it takes longer than one write may.
func TestSlowReaders(t *testing.T) {
	const size = 8 << 20
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "answer")
	if err := os.WriteFile(name, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := os.Open(name)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		w.Header().Set("Content-Length", "8388608")
		if _, err := io.Copy(w, f); err != nil {
			t.Error(err)
		}
	})}
	go srv.Serve(Listen(l, Options{Stall: 400 * time.Millisecond}))
	t.Cleanup(func() { srv.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.(*net.TCPConn).SetReadBuffer(64 << 10)
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n\r\n")
	c.SetReadDeadline(time.Now().Add(30 * time.Second))
	var got int64
	for n := int64(0); err == nil; time.Sleep(10 * time.Millisecond) {
		n, err = io.CopyN(io.Discard, c, 96<<10)
		got += n
	}
	if !errors.Is(err, io.EOF) || got < size {
		t.Errorf("%d bytes, then %v", got, err)
	}
}

// TestPatientIsForHTTP2: other writers stay as they are, so that files can still be spliced.
func TestPatientIsForHTTP2(t *testing.T) {
	r, err := http.NewRequest("POST", "/", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	r.ProtoMajor = 1
	body := r.Body
	if Patient(nil, r, Options{}) != nil || r.Body != body {
		t.Error("it was wrapped")
	}
}
