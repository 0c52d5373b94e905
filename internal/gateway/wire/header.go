package wire

import (
	"mime"
	"net/http"
	"slices"
	"strings"
)

// upstream lists the headers that go on; nothing else of the client's does: no credentials, no cookies, nothing hop by hop, nothing that
// claims where the request came from or what it originally was.
var upstream = []string{
	"Accept", "Accept-Language", "Cache-Control", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Range",
	"User-Agent", "Traceparent", "Tracestate",
	"X-Mlflow-Workspace", "X-Mlflow-Experiment-Id", "X-Mlflow-Run-Id", "X-Mlflow-Return-Trace-Id", "X-Mlflow-Client-Version",
}

// override lists headers by which some servers let the request say that it is another one; an honest client of an ML server sends none.
// The last switches guardrails of MLflow's gateway off.
var override = []string{
	"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Forwarded-Uri",
	"X-Forwarded-Path", "X-Forwarded-Prefix", "X-Script-Name", "X-Accel-Redirect", "X-Sendfile", "Script-Name", "Path-Info", "Proxy", "X-Mlflow-Guardrail-Bypass",
}

// readHeader chooses what goes on.
func readHeader(in http.Header) (http.Header, error) {
	for _, name := range override {
		if _, ok := in[name]; ok {
			return nil, bad("wire/override-header", "the header "+name+" is not allowed")
		}
	}
	for name, v := range in { // HTTP/1.1 has been through the guard, HTTP/2 has not
		if len(v) > 1 && name != "Cookie" && singletons[strings.ToLower(name)] != 0 {
			return nil, bad("wire/duplicate-header", "a header that may stand once stands twice: "+name)
		}
	}
	out := make(http.Header, 8)
	for _, name := range upstream {
		if err := pass(out, in, name); err != nil {
			return nil, err
		}
	}
	if v, ok := out["Range"]; ok && !simpleRange(v[0]) {
		return nil, bad("wire/range", "the Range is not one simple range of bytes")
	}
	return out, nil
}

// pass copies one header that stands once.
func pass(out, in http.Header, name string) error {
	v := in[name]
	switch {
	case len(v) == 0:
		return nil
	case len(v) > 1:
		return bad("wire/duplicate-header", "a header stands twice: "+name)
	case len(v[0]) > 8<<10:
		return bad("wire/header-value", "a header is too long: "+name)
	}
	for i := 0; i < len(v[0]); i++ {
		if c := v[0][i]; c < ' ' && c != '\t' || c >= 127 {
			return bad("wire/header-value", "a header holds a character that is not ASCII: "+name)
		}
	}
	out[name] = v
	return nil
}

// Pass adds to what goes upstream headers of the client that are not on the common list, for a kind of server that needs them.
func (r *Request) Pass(names ...string) error {
	for _, name := range names {
		if err := pass(r.Header, r.Client, http.CanonicalHeaderKey(name)); err != nil {
			return err
		}
	}
	return nil
}

// simpleRange allows "bytes=1-2", "bytes=1-" and "bytes=-2".
func simpleRange(v string) bool {
	spec, ok := strings.CutPrefix(v, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	if !ok || !dash || from == "" && to == "" {
		return false
	}
	a, okA := number([]byte(from))
	b, okB := number([]byte(to))
	return (okA || from == "") && (okB || to == "") && (from == "" || to == "" || a <= b)
}

// readType reads the Content-Type strictly and writes it anew.
func (r *Request) readType(in http.Header) error {
	v := in["Content-Type"]
	if len(v) == 0 {
		return nil
	}
	if len(v) > 1 || len(v[0]) > 512 {
		return bad("wire/content-type", "there is more than one Content-Type, or it is too long")
	}
	if v[0] == "" {
		return nil
	}
	t, params, err := mime.ParseMediaType(v[0])
	if err != nil || !strings.Contains(t, "/") || strings.ContainsAny(v[0], "\t,") {
		return bad("wire/content-type", "the Content-Type cannot be read in one way only")
	}
	if strings.Contains(v[0], "*") { // RFC 2231 continuations and charsets, which few readers know
		return bad("wire/content-type", "the Content-Type has extended parameters")
	}
	if c, ok := params["charset"]; ok && !slices.Contains([]string{"utf-8", "utf8", "us-ascii"}, strings.ToLower(c)) {
		return Refuse(415, "BAD_REQUEST", "wire/charset", "the body must be UTF-8")
	}
	if b, ok := params["boundary"]; ok && !validBoundary(b) {
		return bad("wire/content-type", "the boundary holds characters that readers disagree about")
	}
	written := mime.FormatMediaType(t, params)
	if written == "" {
		return bad("wire/content-type", "the Content-Type cannot be written again")
	}
	r.Type, r.Params = t, params
	r.Header["Content-Type"] = []string{written}
	return nil
}

// validBoundary is RFC 2046, 5.1.1, without the characters that need quotes.
func validBoundary(b string) bool {
	for i := 0; i < len(b); i++ {
		if c := b[i]; class[c]&isToken == 0 || strings.IndexByte("!#$%&*^`|~", c) >= 0 {
			return false
		}
	}
	return len(b) > 0 && len(b) <= 70
}

// readEncoding reads the Content-Encoding: none, or gzip, which only routes that inflate it themselves accept.
func (r *Request) readEncoding(in http.Header) error {
	v := in["Content-Encoding"]
	if len(v) == 0 {
		return nil
	}
	switch e := strings.ToLower(v[0]); {
	case len(v) == 1 && (e == "" || e == "identity"):
		return nil
	case len(v) == 1 && e == "gzip":
		r.Encoding = e
		return nil
	}
	return Refuse(415, "BAD_REQUEST", "wire/content-encoding", "a body may be encoded by gzip or not at all")
}
