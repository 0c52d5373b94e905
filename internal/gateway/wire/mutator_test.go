package wire_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// mutator writes connections full of requests: good ones, ones made of pieces that some reader misreads, and ones with bytes changed.
type mutator struct{ *rand.Rand }

var (
	goodSegments = []string{"api", "2.0", "mlflow", "runs", "a%20b", "%C3%A4", "x+y", "models:m@1", "100%25", "json", "form", "a.b", "~", "(1)", "f=1,2"}
	badSegments  = []string{"..", ".", "%2e%2e", "%2E.", "%252e%252e", "%2f", "a%2Fb", "%5c", "%00", "a;b=c", "..;", ";", "%3b", "%c0%ae", "%e0%80%af", "%ff", "%ef%bc%8f", "%0d%0aX:%20y",
		"%0a", "%09", "%7f", "%23", "#", "%3f", "?", "\\", "%u002e", "%", "%2", "", "...", "%20", "%C2%85", "|", "[", "%5B", "'", "*", "%25%32%65"}
	queries    = []string{"a=b", "a", "b=1&b=2", "a=%2B+", "f=name+LIKE+%27%25ab%27", "a=1&a=2", "a=b;c=d", "a=%00", "a=%ff", "&", "a=b&&c", "=x", "a=%", "a[]=1", "b=%0A", "a=?", "x=y/..//z", "a=%252e", "%61=1&a=2"}
	goodFields = []string{"Accept: */*", "User-Agent: mlflow-python-client/3.4.0", "Cookie: session=1", "Authorization: Basic YTpi", "X-Forwarded-For: 1.2.3.4", "Accept-Encoding: gzip, deflate",
		"Content-Type: application/json", "Content-Type: application/x-www-form-urlencoded", "Connection: keep-alive", "Range: bytes=0-9", "TE: trailers", "Expect: 100-continue", "Cache-Control: no-cache",
		"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-MLFLOW-WORKSPACE: w"}
	badFields = []string{"Content-Length: 0", "Content-Length: 5", "Content-Length: +5", "Content-Length: 5, 5", "Content-Length : 5", "Content-Length:5\x00", "content-length: 05", "Content_Length: 5",
		"Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Transfer-Encoding: chunked, identity", "Transfer-Encoding : chunked", "Transfer-Encoding: \x0bchunked", "Transfer-Encoding:\tchunked", "Transfer-Encoding: Chunked",
		" folded: x", "\tfolded", "X: a\r\n b", "X: a\nTransfer-Encoding: chunked", "X: a\rHost: b", "Host: other", "Host: a, b", "host: gate.example", "Connection: close", "Connection: X-Case", "Connection: Upgrade", "Upgrade: h2c",
		"HTTP2-Settings: AAMAAABkAAQAAP__", "X-HTTP-Method-Override: DELETE", "X-Original-URL: /admin", "X-Rewrite-Url: /admin", "X-Case: 10.0.0.1:1/0", "Trailer: X", "Expect: 200", "no colon", ": empty", "X\x00: y", "X: \x80\xff",
		"Content-Type: text/plain", "Content-Type: application/json; charset=utf-16", "Content-Type: a/b\r\nContent-Type: c/d", "Content-Encoding: gzip", "Content-Encoding: br", "Range: bytes=0-1,2-3", "Authorization: Bearer gate-own",
		"X-Mlflow-Guardrail-Bypass: 1", "Keep-Alive: 5", "Proxy-Connection: keep-alive"}
	bodies = []string{"", "{}", `{"a":1}`, `{"a":1,"a":2}`, `{"a":"\ud800"}`, "a=b&c=d", "a=b;c", "GET /smuggled HTTP/1.1\r\nHost: gate.example\r\n\r\n", "0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n", "\r\n\r\n", "\x00\x01", strings.Repeat("x", 5000)}
	odd    = []string{"\r\n", "\n", "\r", "\x00", " ", "\t", "%2e", "%2f", ";", ":", "\r\n\r\n", "HTTP/1.1", "0\r\n\r\n", "\x0b", "\xff", "%", "//", "..", "?", "#", "Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n", "GET /smuggled HTTP/1.1\r\nHost: gate.example\r\n\r\n"}
	verbs  = []string{"GET", "GET", "POST", "POST", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"}
)

func (m mutator) pick(list []string) string { return list[m.IntN(len(list))] }

func (m mutator) chance(n int) bool { return m.IntN(n) == 0 }

// stream gives the bytes of one connection and how many requests they were made from.
func (m mutator) stream() (b []byte, n int) {
	n = 1 + m.IntN(5)
	for range n {
		one := m.request()
		for m.chance(8) {
			one = m.spoil(one)
		}
		b = append(b, one...)
	}
	return append(b, "GET /end HTTP/1.1\r\nHost: gate.example\r\nConnection: close\r\n\r\n"...), n + 1
}

func (m mutator) request() []byte {
	var b bytes.Buffer
	verb, version := m.pick(verbs), "HTTP/1.1"
	if m.chance(60) {
		verb = m.pick([]string{"TRACE", "CONNECT", "get", "REFUSED", "PRI", "PROPFIND", "GET "})
	}
	if m.chance(80) {
		version = m.pick([]string{"HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", "HTTP/1.10", ""})
	}
	fmt.Fprintf(&b, "%s %s %s\r\n", verb, m.target(), version)
	if !m.chance(80) {
		b.WriteString("Host: gate.example\r\n")
	}
	typed := false
	for m.chance(2) {
		f := m.pick(goodFields)
		if m.chance(12) {
			f = m.pick(badFields)
		}
		if strings.HasPrefix(f, "Content-Type") {
			if typed {
				continue
			}
			typed = true
		}
		b.WriteString(f + "\r\n")
	}
	m.body(&b, verb)
	return b.Bytes()
}

func (m mutator) target() string {
	if m.chance(80) {
		return m.pick([]string{"*", "http://gate.example/a", "gate.example:80", "//a/b", "a", "/?", "/%2f", "/\x00"})
	}
	var t string
	if m.chance(6) {
		t = m.pick([]string{"/json", "/form"})
	}
	for range m.IntN(4) {
		s := m.pick(goodSegments)
		if m.chance(20) {
			s = m.pick(badSegments)
		}
		t += "/" + s
	}
	if t == "" || m.chance(10) {
		t += "/"
	}
	if m.chance(3) {
		t += "?" + m.pick(queries)
	}
	return t
}

func (m mutator) body(b *bytes.Buffer, verb string) {
	if verb == "GET" && !m.chance(10) {
		b.WriteString("\r\n")
		return
	}
	body := m.pick(bodies)
	if m.chance(2) {
		length := len(body)
		if m.chance(25) {
			length += m.IntN(9) - 4
		}
		fmt.Fprintf(b, "Content-Length: %d\r\n\r\n%s", length, body)
		return
	}
	b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
	for len(body) > 0 {
		n := 1 + m.IntN(len(body))
		b.WriteString(m.chunkSize(n) + body[:n] + "\r\n")
		body = body[n:]
	}
	last := "0\r\n\r\n"
	if m.chance(25) {
		last = m.pick([]string{"0\r\n", "0\n\n", "00\r\n\r\n", "0\r\nX: y\r\n\r\n", "0;a=b\r\n\r\n", "0 \r\n\r\n", "\r\n", "", "0\r\n\r\n\r\n"})
	}
	b.WriteString(last)
}

func (m mutator) chunkSize(n int) string {
	if !m.chance(40) {
		return fmt.Sprintf("%x\r\n", n)
	}
	return fmt.Sprintf(m.pick([]string{"0%x\r\n", "%x;a=b\r\n", "%x \r\n", "0x%x\r\n", "%x\n", "%X\r\n", "+%x\r\n", "-%x\r\n", "%x\r", "1%015x\r\n", "%x;\n\r\n", " %x\r\n"}), n)
}

// spoil changes bytes somewhere.
func (m mutator) spoil(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	at := m.IntN(len(b))
	if m.chance(2) { // more often in the head than in a long body
		at = m.IntN(min(len(b), 120))
	}
	switch m.IntN(5) {
	case 0:
		return append(b[:at:at], b[at+1:]...)
	case 1:
		b[at] = byte(m.IntN(256))
		return b
	case 2:
		b[at] ^= 1 << m.IntN(8)
		return b
	case 3:
		return append(b[:at:at], b[at+m.IntN(len(b)-at):]...)
	}
	return append(append(b[:at:at], m.pick(odd)...), b[at:]...)
}
