package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve runs net/http above the guard with a handler that answers what it read, or why it was refused.
func serve(t testing.TB, o Options) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: 5 * time.Second, DisableGeneralOptionsHandler: true}
	go srv.Serve(Listen(l, o))
	t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

func echo(w http.ResponseWriter, in *http.Request) {
	var refusal *Refusal
	r, err := Read(in)
	if err == nil {
		err = r.ReadBytes(1 << 20)
	}
	if errors.As(err, &refusal) {
		http.Error(w, refusal.Rule+": "+refusal.Reason, refusal.Status)
		return
	}
	fmt.Fprintf(w, "%s %s %q", r.Method, r.Path(), r.Raw)
}

// raw sends bytes and gives all that comes back until the peer closes or nothing more is due.
func raw(t testing.TB, addr, send string) string {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).CloseWrite()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(c)
	if err != nil && len(b) == 0 {
		t.Fatalf("%q: %v", send, err)
	}
	return string(b)
}

// answers splits what came back into "status body" lines.
func answers(t testing.TB, got string) []string {
	var out []string
	for br := bufio.NewReader(strings.NewReader(got)); ; {
		if _, err := br.Peek(1); err != nil {
			return out
		}
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		b, _ := io.ReadAll(resp.Body)
		out = append(out, fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(b))))
	}
}

const hostLine = "Host: gate.example\r\n"

// refusedHeads must be refused with the rule beside them, whatever a lenient server makes of them.
var refusedHeads = []struct{ name, rule, head string }{
	{"no host", "wire/host", "GET / HTTP/1.1\r\n\r\n"},
	{"two hosts", "wire/duplicate-header", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	{"two equal hosts", "wire/duplicate-header", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"},
	{"host with user", "wire/host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
	{"host with path", "wire/host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
	{"host with a dot at its end", "wire/host", "GET / HTTP/1.1\r\nHost: a.\r\n\r\n"},
	{"port too large", "wire/host", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"},
	{"empty host", "wire/host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
	{"HTTP/1.0", "wire/version", "GET / HTTP/1.0\r\n" + hostLine + "\r\n"},
	{"HTTP/0.9", "wire/request-line", "GET\r\n" + hostLine + "\r\n"},
	{"HTTP/0.9 with a path", "wire/version", "GET /\r\n\r\n"},
	{"HTTP/1.2", "wire/version", "GET / HTTP/1.2\r\n" + hostLine + "\r\n"},
	{"lower-case version", "wire/version", "GET / http/1.1\r\n" + hostLine + "\r\n"},
	{"two spaces", "wire/version", "GET  / HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"space at the end", "wire/version", "GET / HTTP/1.1 \r\n" + hostLine + "\r\n"},
	{"tab", "wire/request-line", "GET\t/\tHTTP/1.1\r\n" + hostLine + "\r\n"},
	{"lower-case method", "wire/request-line", "get / HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"empty line first", "wire/request-line", "\r\nGET / HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"TLS", "wire/request-line", "\x16\x03\x01\x02\x00\x01"},
	{"preface of HTTP/2", "wire/method", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{"CONNECT", "wire/method", "CONNECT a:443 HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"TRACE", "wire/method", "TRACE / HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"the guard's own method", "wire/method", "REFUSED / HTTP/1.1\r\n" + hostLine + "Status: 200\r\n\r\n"},
	{"absolute form", "wire/target", "GET http://a/ HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"authority form", "wire/target", "GET a:80 HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"asterisk", "wire/target", "OPTIONS * HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"two slashes", "wire/target", "GET //a/b HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"fragment", "wire/target", "GET /a#b HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"backslash", "wire/target", "GET /a\\b HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"NUL in the target", "wire/target", "GET /a\x00b HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"bare UTF-8", "wire/target", "GET /\xc3\xa4 HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"broken escape", "wire/escape", "GET /%zz HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"cut escape", "wire/escape", "GET /%2 HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"long target", "wire/target", "GET /" + strings.Repeat("a", maxTarget) + " HTTP/1.1\r\n" + hostLine + "\r\n"},
	{"bare LF", "wire/line-end", "GET / HTTP/1.1\nHost: a\n\n"},
	{"bare LF after a header", "wire/line-end", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
	{"bare LF as the end", "wire/line-end", "GET / HTTP/1.1\r\n" + hostLine + "\n"},
	{"bare CR", "wire/header-value", "GET / HTTP/1.1\r\n" + hostLine + "X: a\rY: b\r\n\r\n"},
	{"two CR", "wire/header-value", "GET / HTTP/1.1\r\n" + hostLine + "X: a\r\r\n\r\n"},
	{"folded", "wire/header-name", "GET / HTTP/1.1\r\n" + hostLine + "X: a\r\n b\r\n\r\n"},
	{"first header folded", "wire/header-name", "GET / HTTP/1.1\r\n " + hostLine + "\r\n"},
	{"space before the colon", "wire/header-name", "GET / HTTP/1.1\r\n" + hostLine + "Content-Length : 3\r\n\r\nabc"},
	{"no colon", "wire/header-name", "GET / HTTP/1.1\r\n" + hostLine + "X\r\n\r\n"},
	{"no name", "wire/header-name", "GET / HTTP/1.1\r\n" + hostLine + ": x\r\n\r\n"},
	{"NUL in a value", "wire/header-value", "GET / HTTP/1.1\r\n" + hostLine + "X: a\x00\r\n\r\n"},
	{"underscore", "wire/header-name", "POST / HTTP/1.1\r\n" + hostLine + "Content_Length: 3\r\n\r\nabc"},
	{"length and chunks", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"chunks and length", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"},
	{"two lengths", "wire/duplicate-header", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
	{"listed lengths", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 3, 3\r\n\r\nabc"},
	{"signed length", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: +3\r\n\r\nabc"},
	{"zero before the length", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 03\r\n\r\nabc"},
	{"hexadecimal length", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 0x3\r\n\r\nabc"},
	{"empty length", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length:\r\n\r\n"},
	{"huge length", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Content-Length: 18446744073709551617\r\n\r\n"},
	{"identity", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: identity\r\n\r\n"},
	{"gzip, chunked", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
	{"chunked twice", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"},
	{"two transfer encodings", "wire/duplicate-header", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"vertical tab before chunked", "wire/header-value", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"},
	{"xchunked", "wire/framing", "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
	{"two content types", "wire/duplicate-header", "POST / HTTP/1.1\r\n" + hostLine + "Content-Type: a/b\r\nContent-Type: application/json\r\n\r\n"},
	{"two authorizations", "wire/duplicate-header", "GET / HTTP/1.1\r\n" + hostLine + "Authorization: Basic YTpi\r\nAuthorization: Bearer x\r\n\r\n"},
	{"upgrade", "wire/upgrade", "GET / HTTP/1.1\r\n" + hostLine + "Upgrade: h2c\r\n\r\n"},
	{"connection upgrade", "wire/connection", "GET / HTTP/1.1\r\n" + hostLine + "Connection: Upgrade\r\n\r\n"},
	{"connection names a header", "wire/connection", "GET / HTTP/1.1\r\n" + hostLine + "Connection: close, Authorization\r\n\r\n"},
	{"expect", "wire/expect", "POST / HTTP/1.1\r\n" + hostLine + "Expect: 200-ok\r\nContent-Length: 1\r\n\r\na"},
	{"trailer", "wire/trailer", "POST / HTTP/1.1\r\n" + hostLine + "Trailer: X\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{"large head", "wire/head-size", "GET / HTTP/1.1\r\n" + hostLine + "X: " + strings.Repeat("a", 33<<10) + "\r\n\r\n"},
	{"many fields", "wire/head-size", "GET / HTTP/1.1\r\n" + hostLine + strings.Repeat("X: a\r\n", 100) + "\r\n"},
}

func TestRefusedHeads(t *testing.T) {
	addr := serve(t, Options{})
	for _, tt := range refusedHeads {
		t.Run(tt.name, func(t *testing.T) {
			got := answers(t, raw(t, addr, tt.head))
			if len(got) != 1 || !strings.HasPrefix(got[0], "4") || !strings.Contains(got[0], " "+tt.rule+": ") {
				t.Errorf("answered %q, want one 4xx with %s", got, tt.rule)
			}
			// The same behind a good request on the same connection: that one is answered first, and nothing after the bad one is.
			send := "GET /first HTTP/1.1\r\n" + hostLine + "\r\n" + tt.head + "GET /second HTTP/1.1\r\n" + hostLine + "\r\n"
			got = answers(t, raw(t, addr, send))
			if len(got) != 2 || got[0] != `200 GET /first ""` || !strings.Contains(got[1], " "+tt.rule+": ") {
				t.Errorf("pipelined, answered %q", got)
			}
		})
	}
}

// refusedChunks are bodies after "Transfer-Encoding: chunked". What is wrong after the last chunk reaches net/http while it looks for trailers; it then
// reports a body that ended early instead of the guard's reason.
var refusedChunks = []struct{ name, rule, body string }{
	{"extension", "wire/chunk-extension", "3;a=b\r\nabc\r\n0\r\n\r\n"},
	{"extension of the last", "wire/chunk-extension", "3\r\nabc\r\n0;a\r\n\r\n"},
	{"space after the size", "wire/chunk-extension", "3 \r\nabc\r\n0\r\n\r\n"},
	{"zero before the size", "wire/chunk", "03\r\nabc\r\n0\r\n\r\n"},
	{"two zeros", "wire/chunk", "3\r\nabc\r\n00\r\n\r\n"},
	{"0x", "wire/chunk", "0x3\r\nabc\r\n0\r\n\r\n"},
	{"sign", "wire/chunk", "+3\r\nabc\r\n0\r\n\r\n"},
	{"LF after the size", "wire/chunk", "3\nabc\r\n0\r\n\r\n"},
	{"CR and more after the size", "wire/chunk", "3\rXabc\r\n0\r\n\r\n"},
	{"LF after the data", "wire/chunk", "3\r\nabc\n0\r\n\r\n"},
	{"data too long", "wire/chunk", "3\r\nabcd\r\n0\r\n\r\n"},
	{"trailer", "wire/body", "3\r\nabc\r\n0\r\nX: y\r\n\r\n"},
	{"no size", "wire/chunk", "\r\nabc\r\n0\r\n\r\n"},
	{"size overflows", "wire/chunk", "10000000000000003\r\nabc\r\n0\r\n\r\n"},
	{"request after the last size", "wire/body", "0\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n"},
}

func TestRefusedChunks(t *testing.T) {
	addr := serve(t, Options{})
	for _, tt := range refusedChunks {
		t.Run(tt.name, func(t *testing.T) {
			send := "POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n" + tt.body + "GET /second HTTP/1.1\r\n" + hostLine + "\r\n"
			got := answers(t, raw(t, addr, send))
			if len(got) != 1 || !strings.HasPrefix(got[0], "400 "+tt.rule+": ") {
				t.Errorf("answered %q, want one 400 with %s", got, tt.rule)
			}
		})
	}
}

func TestAccepted(t *testing.T) {
	addr := serve(t, Options{})
	send := "GET /a/b?c=d HTTP/1.1\r\n" + hostLine + "X: \t a b \xe4\t\r\nConnection: keep-alive, TE\r\n\r\n" +
		"POST /p HTTP/1.1\r\nhost:[::1]:5000\r\nContent-Length: 3\r\n\r\nabc" +
		"POST /c HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n" +
		"GET /body HTTP/1.1\r\n" + hostLine + "Content-Length: 2\r\n\r\nxy" +
		"PUT /%41%20b~+ HTTP/1.1\r\n" + hostLine + "Content-Length: 0\r\nConnection: close\r\n\r\n" +
		"GET /after HTTP/1.1\r\n" + hostLine + "\r\n"
	want := []string{`200 GET /a/b ""`, `200 POST /p "abc"`, `200 POST /c "abc0123456789"`, `200 GET /body "xy"`, `200 PUT /A%20b~%2B ""`}
	if got := answers(t, raw(t, addr, send)); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("answered %q, want %q", got, want)
	}
}

// script is a connection whose peer says fixed bytes in pieces of the given size.
type script struct {
	net.Conn
	b     []byte
	piece int
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(s.piece, len(s.b))])
	s.b = s.b[n:]
	return n, nil
}
func (s *script) SetReadDeadline(time.Time) error { return nil }

// through gives what the guard lets through, read in pieces.
func through(b []byte, piece, read int) (out []byte, err error) {
	o := Options{}.withDefaults()
	c := &conn{Conn: &script{b: bytes.Clone(b), piece: piece}, o: &o, idle: new(atomic.Int64), release: func() {}}
	buf := make([]byte, read)
	for {
		n, err := c.Read(buf)
		out = append(out, buf[:n]...)
		if err != nil {
			return out, err
		}
	}
}

func seedHeads(add func([]byte)) {
	for _, tt := range refusedHeads {
		if len(tt.head) < 2000 {
			add([]byte("GET /first HTTP/1.1\r\n" + hostLine + "\r\n" + tt.head))
		}
	}
	for _, tt := range refusedChunks {
		add([]byte("POST / HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n" + tt.body + "GET /second HTTP/1.1\r\n" + hostLine + "\r\n"))
	}
	add([]byte("POST /c HTTP/1.1\r\n" + hostLine + "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nPOST / HTTP/1.1\r\n" + hostLine + "Content-Length: 1\r\n\r\nx"))
}

// FuzzGuard holds the guard against net/http: of what passes, both see the same requests, each starting at the same byte, whatever the pieces.
func FuzzGuard(f *testing.F) {
	seedHeads(func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, b []byte) {
		if r := Differ(b); r != "" {
			t.Fatal(r)
		}
	})
}

// Differ says how guard and net/http read b differently; empty: they agree.
func Differ(b []byte) string {
	whole, _ := through(b, len(b)+1, 4096)
	for _, piece := range []int{1, 7} {
		if got, _ := through(b, piece, 1+piece*3); !bytes.Equal(got, whole) {
			return fmt.Sprintf("pieces of %d change what passes: %q, want %q", piece, got, whole)
		}
	}
	if i := bytes.Index(whole, []byte(refusedMethod+" / HTTP/1.1\r\nHost: refused.invalid")); i >= 0 {
		whole = whole[:i]
	}
	starts, open := boundaries(whole)
	src := &counting{r: bytes.NewReader(whole)}
	br := bufio.NewReaderSize(src, 64<<10)
	for i, start := range starts {
		if at := src.n - br.Buffered(); at != start {
			return fmt.Sprintf("request %d starts at byte %d for net/http, %d for the guard, of %q", i, at, start, whole)
		}
		r, err := http.ReadRequest(br)
		if err != nil {
			return fmt.Sprintf("net/http refuses what passed: %v: %q", err, whole[start:])
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil && !(open && i == len(starts)-1) && !strings.Contains(err.Error(), "non-data") {
			return fmt.Sprintf("body of request %d: %v: %q", i, err, whole)
		} else if err != nil {
			return ""
		}
	}
	if _, err := br.Peek(1); err == nil {
		return fmt.Sprintf("net/http sees more than %d requests in %q", len(starts), whole)
	}
	return ""
}

type counting struct {
	r io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// boundaries feeds bytes one at a time and gives where requests start; open says that the last one's body is not complete.
func boundaries(b []byte) (starts []int, open bool) {
	o := Options{}.withDefaults()
	c := &conn{o: &o, Conn: &script{}}
	var pending []byte
	for i := range b {
		if c.state == inHead && len(pending) == 0 {
			starts = append(starts, i)
		}
		pending = append(pending, b[i])
		pending = pending[c.check(pending):]
	}
	return starts, c.state != inHead
}
