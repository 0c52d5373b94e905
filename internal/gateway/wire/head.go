package wire

import "bytes"

// head is what the framing of a request needs to be known.
type head struct {
	length  int64 // of a fixed body
	chunked bool
	close   bool
}

// methods are those that pass: anything else (CONNECT, TRACE, WebDAV, the HTTP/2 preface) is refused before it is looked at.
var methods = [][]byte{[]byte("GET"), []byte("POST"), []byte("PUT"), []byte("PATCH"), []byte("DELETE"), []byte("HEAD"), []byte("OPTIONS")}

// Classes of bytes.
const (
	isToken  = 1 << iota // RFC 9110, 5.6.2
	isTarget             // what may stand bare in a path or query (RFC 3986): no quotes, brackets, backslash, fragment
	isValue              // RFC 9110, 5.5: tab, space, visible characters, obs-text
)

var class = func() (t [256]byte) {
	for c := range t {
		alnum := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if alnum || c < 128 && bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(c)) >= 0 {
			t[c] |= isToken
		}
		if alnum || c < 128 && bytes.IndexByte([]byte("-._~!$&'()*+,;=:@/?%[]|"), byte(c)) >= 0 {
			t[c] |= isTarget
		}
		if c == '\t' || c >= ' ' && c != 127 {
			t[c] |= isValue
		}
	}
	return t
}()

// parseHead checks a head, which ends in an empty line and in which each LF follows a CR.
func parseHead(b []byte, maxFields int) (head, *Refusal) {
	h := head{length: -1}
	end := bytes.IndexByte(b, '\n')
	if r := checkRequestLine(b[:end-1]); r != nil {
		return h, r
	}
	f := fields{head: &h}
	for b = b[end+1:]; len(b) > 2; b = b[end+1:] {
		end = bytes.IndexByte(b, '\n')
		if f.count++; f.count > maxFields {
			return h, Refuse(431, "BAD_REQUEST", "wire/head-size", "the request has too many header fields")
		}
		if r := f.line(b[:end-1]); r != nil {
			return h, r
		}
	}
	if f.seen&hasHost == 0 {
		return h, bad("wire/host", "the request has no Host")
	}
	if h.chunked && h.length >= 0 {
		return h, bad("wire/framing", "the request has both Content-Length and Transfer-Encoding")
	}
	return h, nil
}

// checkRequestLine checks "METHOD target HTTP/1.1".
func checkRequestLine(b []byte) *Refusal {
	sp := bytes.IndexByte(b, ' ')
	if sp < 0 {
		return bad("wire/request-line", "the request line is not METHOD, space, target, space, HTTP/1.1")
	}
	known := false
	for _, m := range methods {
		known = known || bytes.Equal(b[:sp], m)
	}
	if !known {
		return Refuse(405, "BAD_REQUEST", "wire/method", "this method is not allowed")
	}
	target := b[sp+1:]
	sp = bytes.IndexByte(target, ' ')
	if sp < 0 || string(target[sp+1:]) != "HTTP/1.1" {
		return bad("wire/version", "only HTTP/1.1 is spoken here, or HTTP/2 over TLS")
	}
	return checkTarget(target[:sp])
}

// checkTarget allows the origin form only.
func checkTarget(t []byte) *Refusal {
	if len(t) == 0 || t[0] != '/' || len(t) > 1 && t[1] == '/' {
		return bad("wire/target", "the request's target must be a path that starts with one slash")
	}
	if len(t) > maxTarget {
		return Refuse(414, "BAD_REQUEST", "wire/target", "the request's target is too long")
	}
	for i, c := range t {
		if class[c]&isTarget == 0 {
			return bad("wire/target", "the request's target holds a byte that must be percent-encoded")
		}
		if c == '%' && (i+2 >= len(t) || unhex(t[i+1]) < 0 || unhex(t[i+2]) < 0) {
			return bad("wire/escape", "the request's target holds a broken percent-escape")
		}
	}
	return nil
}

// maxTarget is the longest target in bytes: MLflow's clients put search filters and lists of runs there.
const maxTarget = 16 << 10

// unhex gives the value of a hexadecimal digit, -1 for anything else.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// fields checks header lines.
type fields struct {
	*head
	count int
	seen  uint64 // which of the singletons were there
}

const hasHost = 1

// singletons may stand once: two of them would let two readers choose differently. The value is the bit in fields.seen.
var singletons = func() map[string]uint64 {
	m := map[string]uint64{"host": hasHost}
	for i, name := range []string{"content-length", "transfer-encoding", "content-type", "content-encoding", "content-range",
		"content-disposition", "content-location", "authorization", "proxy-authorization", "cookie", "origin", "referer", "user-agent", "range", "if-range",
		"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "expect", "connection", "upgrade", "max-forwards", "date", "from",
		"x-mlflow-workspace", "x-mlflow-experiment-id", "x-mlflow-run-id", "inference-header-content-length", "traceparent"} {
		m[name] = 2 << i
	}
	return m
}()

// line checks one header line without its end.
func (f *fields) line(b []byte) *Refusal {
	colon := bytes.IndexByte(b, ':')
	if colon <= 0 || colon > 128 {
		return bad("wire/header-name", "a header line has no name, or is folded")
	}
	var space [128]byte
	name := space[:colon]
	under := false
	for i, c := range b[:colon] {
		if class[c]&isToken == 0 {
			return bad("wire/header-name", "a header's name holds a byte that may not stand there")
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == '_' {
			c, under = '-', true
		}
		name[i] = c
	}
	value := bytes.Trim(b[colon+1:], " \t")
	for _, c := range value {
		if class[c]&isValue == 0 {
			return bad("wire/header-value", "a header's value holds a control character")
		}
	}
	bit := singletons[string(name)]
	if bit != 0 {
		if under { // CGI and WSGI read Content_Length as Content-Length
			return bad("wire/header-name", "a header's name has an underscore in the place of a hyphen")
		}
		if f.seen&bit != 0 {
			return bad("wire/duplicate-header", "a header that may stand once stands twice: "+string(name))
		}
		f.seen |= bit
	}
	return f.meaning(string(name), value)
}

// meaning takes up what the framing depends on, and refuses what asks for another protocol.
func (f *fields) meaning(name string, v []byte) *Refusal {
	switch name {
	case "host":
		if !validHost(v) {
			return bad("wire/host", "the Host is not a name or address with an optional port")
		}
	case "content-length":
		n, ok := number(v)
		if !ok {
			return bad("wire/framing", "the Content-Length is not one plain decimal number")
		}
		f.length = n
	case "transfer-encoding":
		if !bytes.EqualFold(v, []byte("chunked")) {
			return bad("wire/framing", "the Transfer-Encoding is not exactly chunked")
		}
		f.chunked = true
	case "connection":
		return f.connection(v)
	case "expect":
		if !bytes.EqualFold(v, []byte("100-continue")) {
			return Refuse(417, "BAD_REQUEST", "wire/expect", "only 100-continue may be expected")
		}
	case "upgrade", "http2-settings":
		return bad("wire/upgrade", "the protocol cannot be changed on this connection")
	case "trailer":
		return bad("wire/trailer", "trailers are not allowed")
	}
	return nil
}

// connection allows no option that would name a header to remove.
func (f *fields) connection(v []byte) *Refusal {
	for _, o := range bytes.Split(v, []byte(",")) {
		switch o = bytes.Trim(o, " \t"); {
		case bytes.EqualFold(o, []byte("close")):
			f.close = true
		case bytes.EqualFold(o, []byte("keep-alive")), bytes.EqualFold(o, []byte("te")):
		default:
			return bad("wire/connection", "the Connection header may say close or keep-alive only")
		}
	}
	return nil
}

// number reads a decimal number without sign, spaces or leading zeros, below 10^18.
func number(v []byte) (n int64, ok bool) {
	if len(v) == 0 || len(v) > 18 || v[0] == '0' && len(v) > 1 {
		return 0, false
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// validHost allows a name, an IPv4 address or an IPv6 address in brackets, with an optional port.
func validHost(v []byte) bool {
	if len(v) > 0 && v[0] == '[' {
		end := bytes.IndexByte(v, ']')
		if end < 3 {
			return false
		}
		for _, c := range v[1:end] {
			if unhex(c) < 0 && c != ':' && c != '.' {
				return false
			}
		}
		return validPort(v[end+1:])
	}
	end := bytes.IndexByte(v, ':')
	if end < 0 {
		end = len(v)
	}
	if end == 0 || end > 253 || v[0] == '.' || v[end-1] == '.' {
		return false
	}
	for _, c := range v[:end] {
		if class[c]&isToken == 0 || bytes.IndexByte([]byte("!#$%&'*+^`|~"), c) >= 0 {
			return false
		}
	}
	return !bytes.Contains(v[:end], []byte("..")) && validPort(v[end:])
}

func validPort(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	n, ok := number(v[1:])
	return v[0] == ':' && ok && n > 0 && n < 1<<16
}
