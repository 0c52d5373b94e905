package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Limits bound a JSON text.
type Limits struct {
	Depth   int
	Members int
	NaN     bool // NaN and infinities are allowed, as Python writes them
}

// BodyLimits are for bodies of requests, AnswerLimits for what upstreams answer.
var (
	BodyLimits   = Limits{Depth: 64, Members: 1 << 18, NaN: true}
	AnswerLimits = Limits{Depth: 128, Members: 1 << 20, NaN: true}
)

func bad(rule, reason string) *Refusal {
	return Refuse(http.StatusBadRequest, "BAD_REQUEST", rule, reason)
}

// upstreamHeaders are those of a request that go upstream.
var upstreamHeaders = []string{
	"Accept", "Accept-Language", "Content-Type", "Content-Encoding", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "Range", "User-Agent",
}

// Read gives the canonical reading of a request. The error is a *Refusal. The body is not read.
func Read(r *http.Request) (*Request, error) {
	q := &Request{Method: r.Method, Host: strings.ToLower(r.Host), Header: http.Header{}, Length: r.ContentLength, Body: r.Body}
	q.Remote, _ = netip.ParseAddrPort(r.RemoteAddr)
	raw := r.URL.EscapedPath()
	if !strings.HasPrefix(raw, "/") {
		return nil, bad("path", "the path does not begin with '/'")
	}
	if raw != "/" {
		body, slash := strings.CutSuffix(raw[1:], "/")
		q.Slash = slash
		for _, s := range strings.Split(body, "/") {
			seg, err := url.PathUnescape(s)
			if err != nil || seg == "" || seg == "." || seg == ".." || strings.ContainsAny(seg, "/\\;") || !utf8.ValidString(seg) || strings.IndexFunc(seg, func(r rune) bool { return r < 32 || r == 127 }) >= 0 {
				return nil, bad("path", "the path can be read in more than one way")
			}
			q.Segments = append(q.Segments, seg)
		}
	} else {
		q.Slash = true
	}
	var err error
	if q.Query, err = ParseForm([]byte(r.URL.RawQuery)); err != nil {
		return nil, err
	}
	for _, name := range upstreamHeaders {
		if v := r.Header[name]; len(v) > 0 {
			q.Header[name] = v[:1]
		}
	}
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if q.Type, q.Params, err = mime.ParseMediaType(ct); err != nil {
			return nil, bad("content-type", "the Content-Type cannot be read")
		}
	}
	return q, nil
}

// ParseForm reads a query or form strictly.
func ParseForm(b []byte) ([]Pair, error) {
	var pairs []Pair
	for _, p := range strings.Split(string(b), "&") {
		if p == "" {
			continue
		}
		name, value, _ := strings.Cut(p, "=")
		n, err1 := url.QueryUnescape(name)
		v, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !utf8.ValidString(n) || !utf8.ValidString(v) || strings.Contains(p, ";") {
			return nil, bad("query", "the query can be read in more than one way")
		}
		pairs = append(pairs, Pair{n, v})
	}
	return pairs, nil
}

// CheckQuery refuses names that are not allowed, and names that stand twice unless "name*" is allowed. "*" allows any name once.
func CheckQuery(pairs []Pair, allowed []string) error {
	for i, p := range pairs {
		once, many, any := false, false, false
		for _, a := range allowed {
			once, many, any = once || a == p.Name, many || a == p.Name+"*", any || a == "*"
		}
		if !once && !many && !any {
			return bad("query", fmt.Sprintf("the query has a parameter %q that this route does not take", p.Name))
		}
		for _, o := range pairs[:i] {
			if o.Name == p.Name && !many {
				return bad("query", fmt.Sprintf("the query has %q twice", p.Name))
			}
		}
	}
	return nil
}

// EncodeQuery writes pairs so that no server reads them in two ways.
func EncodeQuery(pairs []Pair) string {
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(strings.ReplaceAll(url.QueryEscape(p.Name), "+", "%20"))
		b.WriteByte('=')
		b.WriteString(strings.ReplaceAll(url.QueryEscape(p.Value), "+", "%20"))
	}
	return b.String()
}

// ParseJSON reads an object strictly.
func ParseJSON(b []byte, l Limits) (Object, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := value(d, l.Depth)
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = bad("json", "something follows the JSON object")
		}
	}
	if err != nil {
		if r, ok := err.(*Refusal); ok {
			return nil, r
		}
		return nil, bad("json", "the body is no JSON: "+err.Error())
	}
	o, ok := v.(Object)
	if !ok {
		return nil, bad("json", "the body is no JSON object")
	}
	return o, nil
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth == 0 {
		return nil, bad("json", "the JSON is too deep")
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t {
	case json.Delim('{'):
		o := Object{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			name := k.(string)
			if _, twice := o[name]; twice {
				return nil, bad("json", fmt.Sprintf("the JSON has %q twice", name))
			}
			if o[name], err = value(d, depth-1); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := value(d, depth-1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return t, nil
}
