package wire

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Frame types and flags of HTTP/2 (RFC 9113, 6).
const (
	frameData     = 0
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
	endStream     = 1
	endHeaders    = 4
)

func frame(kind, flags byte, stream uint32, payload string) string {
	b := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return string(binary.BigEndian.AppendUint32(b, stream)) + payload
}

// block writes header fields in HPACK's plainest form (RFC 7541, 6.2.2): each literal, not indexed, not compressed. So anything can be said.
func block(fields ...string) string {
	var b []byte
	for i := 0; i+1 < len(fields); i += 2 {
		b = append(b, 0)
		for _, s := range fields[i : i+2] {
			if len(s) >= 127 {
				panic("too long for this writer")
			}
			b = append(append(b, byte(len(s))), s...)
		}
	}
	return string(b)
}

// get is the head of a good request, with some fields replaced or added behind it.
func get(change ...string) []string {
	f := []string{":method", "GET", ":scheme", "https", ":path", "/a", ":authority", "gate.example", "accept", "*/*"}
	for i := 0; i+1 < len(change); i += 2 {
		if at := slices.Index(f, change[i]); at >= 0 && at%2 == 0 {
			f[at+1] = change[i+1]
		} else {
			f = append(f, change[i], change[i+1])
		}
	}
	return f
}

// accepting is a server that notes what Read accepts.
func accepting(t *testing.T) (addr string, seen func() []string) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certificate(t, "gate.example", cert, key)
	config, err := Certificates(cert, key, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var got []string
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, in *http.Request) {
		r, err := Read(in)
		if err == nil {
			err = r.ReadBytes(1 << 20)
		}
		if err != nil {
			w.WriteHeader(400)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Method+" "+r.Host+r.Path()+" "+string(r.Raw))
	})}
	go srv.Serve(Listen(l, Options{TLS: config}))
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String(), func() []string {
		mu.Lock()
		defer mu.Unlock()
		out := got
		got = nil
		return out
	}
}

// speak sends frames and waits until each stream that they open has an answer, or the connection ends.
func speak(t *testing.T, addr, frames string) {
	t.Helper()
	c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+frame(frameSettings, 0, 0, "")+frames)
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	for {
		var head [9]byte
		if _, err := io.ReadFull(c, head[:]); err != nil {
			if isTimeout(err) {
				t.Error("no answer")
			}
			return
		}
		size := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		if _, err := io.CopyN(io.Discard, c, int64(size)); err != nil {
			return
		}
		switch head[3] {
		case frameHeaders, frameReset, frameGoAway:
			return
		}
	}
}

// TestHTTP2 says in HTTP/2 what HTTP/1.1 could not carry, or would read differently: nothing of it may be accepted as a request.
func TestHTTP2(t *testing.T) {
	addr, seen := accepting(t)
	one := func(fields []string) string { return frame(frameHeaders, endStream|endHeaders, 1, block(fields...)) }
	post := func(fields []string, body string) string {
		return frame(frameHeaders, endHeaders, 1, block(fields...)) + frame(frameData, endStream, 1, body)
	}
	for _, tt := range []struct{ name, frames, want string }{
		{"good", one(get()), "GET gate.example/a "},
		{"good, with a body", post(get(":method", "POST", "content-length", "3"), "abc"), "POST gate.example/a abc"},
		{"good, cookies in crumbs", one(append(get(), "cookie", "a=1", "cookie", "b=2")), "GET gate.example/a "},
		{"good, escapes", one(get(":path", "/%61%20b?c=%2f")), "GET gate.example/a%20b "},
		{"good, te", one(get("te", "trailers")), "GET gate.example/a "},
		{"CR LF in a value", one(get("x", "a\r\ntransfer-encoding: chunked")), ""},
		{"LF in a value", one(get("x", "a\nb: c")), ""},
		{"NUL in a value", one(get("x", "a\x00")), ""},
		{"CR LF in a name", one(get("x: a\r\ny", "b")), ""},
		{"colon in a name", one(get("x:y", "b")), ""},
		{"space in a name", one(get("x y", "b")), ""},
		{"capital in a name", one(get("X-Y", "b")), ""},
		{"empty name", one(get("", "b")), ""},
		{"CR LF in the path", one(get(":path", "/a HTTP/1.1\r\nHost: evil\r\n\r\n")), ""},
		{"space in the path", one(get(":path", "/a b")), ""},
		{"no slash", one(get(":path", "a")), ""},
		{"empty path", one(get(":path", "")), ""},
		{"two slashes", one(get(":path", "//evil/a")), ""},
		{"asterisk", one(get(":path", "*")), ""},
		{"asterisk for OPTIONS", one(get(":path", "*", ":method", "OPTIONS")), ""},
		{"absolute form", one(get(":path", "https://evil/a")), ""},
		{"fragment", one(get(":path", "/a#b")), ""},
		{"dot segments", one(get(":path", "/a/../b")), ""},
		{"encoded dot segments", one(get(":path", "/a/%2e%2e/b")), ""},
		{"encoded slash", one(get(":path", "/a%2fb")), ""},
		{"encoded twice", one(get(":path", "/a%252fb")), ""},
		{"not ASCII", one(get(":path", "/\xc3\xa4")), ""},
		{"CR LF in the method", one(get(":method", "GET / HTTP/1.1\r\nHost: evil\r\n\r\nGET")), ""},
		{"space in the method", one(get(":method", "GET /evil")), ""},
		{"lower-case method", one(get(":method", "get")), ""},
		{"the guard's own method", one(get(":method", "REFUSED", "status", "200")), ""},
		{"TRACE", one(get(":method", "TRACE")), ""},
		{"CONNECT", one([]string{":method", "CONNECT", ":authority", "gate.example"}), ""},
		{"extended CONNECT", one(get(":method", "CONNECT", ":protocol", "websocket")), ""},
		{"protocol", one(append([]string{":protocol", "websocket"}, get()...)), ""},
		{"user in the authority", one(get(":authority", "u@gate.example")), ""},
		{"path in the authority", one(get(":authority", "gate.example/x")), ""},
		{"CR LF in the authority", one(get(":authority", "gate.example\r\nX: y")), ""},
		{"empty authority", one(get(":authority", "")), ""},
		{"two paths", one(append([]string{":path", "/b"}, get()...)), ""},
		{"two methods", one(append([]string{":method", "POST"}, get()...)), ""},
		{"two authorities", one(append([]string{":authority", "evil"}, get()...)), ""},
		{"a pseudo-header behind others", one(append(get(), ":path", "/b")), ""},
		{"an unknown pseudo-header", one(append([]string{":evil", "x"}, get()...)), ""},
		{"a pseudo-header of answers", one(append([]string{":status", "200"}, get()...)), ""},
		{"no path", one([]string{":method", "GET", ":scheme", "https", ":authority", "gate.example"}), ""},
		{"no method", one([]string{":scheme", "https", ":path", "/a", ":authority", "gate.example"}), ""},
		{"no scheme", one([]string{":method", "GET", ":path", "/a", ":authority", "gate.example"}), ""},
		{"connection", one(get("connection", "close")), ""},
		{"transfer-encoding", post(get(":method", "POST", "transfer-encoding", "chunked"), "0\r\n\r\n"), ""},
		{"upgrade", one(get("upgrade", "h2c")), ""},
		{"te gzip", one(get("te", "gzip")), ""},
		{"length too large", post(get(":method", "POST", "content-length", "5"), "abc"), ""},
		{"length too small", post(get(":method", "POST", "content-length", "2"), "abc"), ""},
		{"two lengths", post(append(get(":method", "POST", "content-length", "3"), "content-length", "4"), "abc"), ""},
		{"length that is no number", post(get(":method", "POST", "content-length", "+3"), "abc"), ""},
		{"trailers", frame(frameHeaders, endHeaders, 1, block(get(":method", "POST", "trailer", "x")...)) + frame(frameData, 0, 1, "abc") +
			frame(frameHeaders, endStream|endHeaders, 1, block("x", "y")), ""},
		{"two authorizations", one(append(get("authorization", "Bearer a"), "authorization", "Bearer b")), ""},
		{"two content types", post(append(get(":method", "POST", "content-type", "a/b"), "content-type", "c/d"), "abc"), ""},
		{"another method by header", one(get("x-http-method-override", "DELETE")), ""},
		{"host beside the authority", one(get("host", "evil")), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			speak(t, addr, tt.frames)
			if got := strings.Join(seen(), "|"); got != tt.want {
				t.Errorf("accepted %q, want %q", got, tt.want)
			}
		})
	}
}
