package wire

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// read makes a request as net/http's server would have and reads it.
func read(method, target string, header http.Header, body string) (*Request, error) {
	in := httptest.NewRequest("GET", "/", strings.NewReader(body))
	in.Method, in.RequestURI, in.Host = method, target, "gate.example"
	for k, v := range header {
		in.Header[k] = v
	}
	return Read(in)
}

func rule(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Rule
	}
	return ""
}

func TestPath(t *testing.T) {
	long := strings.Repeat("a", maxSegment)
	for _, tt := range []struct{ in, out, rule string }{
		{in: "/", out: "/"},
		{in: "/a", out: "/a"},
		{in: "/a/", out: "/a/"},
		{in: "/a/b%20c/%C3%A4", out: "/a/b%20c/%C3%A4"},
		{in: "/%61%2e%2Eb/~%7E", out: "/a..b/~~"},
		{in: "/a+b", out: "/a%2Bb"},
		{in: "/100%25", out: "/100%25"},
		{in: "/100%25zz", out: "/100%25zz"},
		{in: "/models:x@1!$,='()*&|[]", out: "/models:x@1!$,=%27%28%29%2A%26%7C%5B%5D"},
		{in: "/" + long, out: "/" + long},
		{in: "/" + long + "a", rule: "wire/path"},
		{in: strings.Repeat("/a", maxSegments+1), rule: "wire/path"},
		{in: "//a", rule: "wire/target"},
		{in: "/a//b", rule: "wire/path"},
		{in: "/api/3.0/mlflow/mcp-servers/io.example%2Fx%20y/tags", out: "/api/3.0/mlflow/mcp-servers/io.example/x%20y/tags"},
		{in: "/mcp-servers/a%2f..%2fb", rule: "wire/dot-segment"},
		{in: "/mcp-servers/%2Fa", rule: "wire/path"},
		{in: "/mcp-servers/a%252Fb", rule: "wire/double-encoding"},
		{in: "/mcp-servers/a/b%2Fc", rule: "wire/encoded-slash"},
		{in: "/a//", rule: "wire/path"},
		{in: "/a/./b", rule: "wire/dot-segment"},
		{in: "/a/../b", rule: "wire/dot-segment"},
		{in: "/a/%2e%2E/b", rule: "wire/dot-segment"},
		{in: "/a/..", rule: "wire/dot-segment"},
		{in: "/a/.../b", rule: "wire/dot-segment"},
		{in: "/a/.%20./b", rule: "wire/dot-segment"},
		{in: "/a/%20", rule: "wire/dot-segment"},
		{in: "/a%2fb", rule: "wire/encoded-slash"},
		{in: "/a%2Fb", rule: "wire/encoded-slash"},
		{in: "/a%5cb", rule: "wire/encoded-slash"},
		{in: "/a%00", rule: "wire/control"},
		{in: "/a%0d%0aX:y", rule: "wire/control"},
		{in: "/a%7f", rule: "wire/control"},
		{in: "/a%c2%85", rule: "wire/control"},
		{in: "/a%252fb", rule: "wire/double-encoding"},
		{in: "/a%25%32%66b", rule: "wire/double-encoding"},
		{in: "/a;b", rule: "wire/path-delimiter"},
		{in: "/a%3bb", rule: "wire/path-delimiter"},
		{in: "/a/..;/b", rule: "wire/path-delimiter"},
		{in: "/a%23b", rule: "wire/path-delimiter"},
		{in: "/a%3fb", rule: "wire/path-delimiter"},
		{in: "/%c0%ae%c0%ae", rule: "wire/utf-8"},
		{in: "/%c0%af", rule: "wire/utf-8"},
		{in: "/%e0%80%af", rule: "wire/utf-8"},
		{in: "/%f5%80%80%80", rule: "wire/utf-8"},
		{in: "/%ed%a0%80", rule: "wire/utf-8"},
		{in: "/%ff", rule: "wire/utf-8"},
		{in: "/%ef%bc%8f", rule: "wire/look-alike"},
		{in: "/%ef%bc%8e%ef%bc%8e", rule: "wire/look-alike"},
		{in: "/%e2%80%a5", rule: "wire/look-alike"},
		{in: "/%ef%bb%bfa", rule: "wire/control"},
		{in: "/%e2%80%ae", rule: "wire/control"},
		{in: "/%u002f", rule: "wire/escape"},
		{in: "/a%", rule: "wire/escape"},
		{in: "", rule: ""},
		{in: "*", rule: "wire/target"},
		{in: "a", rule: "wire/target"},
		{in: "http://x/a", rule: "wire/target"},
	} {
		if tt.in == "" {
			continue
		}
		r, err := read("GET", tt.in, nil, "")
		if rule(err) != tt.rule || err == nil && r.Path() != tt.out {
			t.Errorf("%q: %v, rule %q; want %q, rule %q", tt.in, r, rule(err), tt.out, tt.rule)
		}
	}
}

func TestQuery(t *testing.T) {
	for _, tt := range []struct{ in, out, rule string }{
		{in: "", out: ""},
		{in: "a=b", out: "a=b"},
		{in: "a", out: "a="},
		{in: "a=b+c%20d&e=%2B", out: "a=b%20c%20d&e=%2B"},
		{in: "f=name+LIKE+%27%25ab%25%27", out: "f=name%20LIKE%20%27%25ab%25%27"},
		{in: "a=b=c?/", out: "a=b%3Dc%3F%2F"},
		{in: "a[]=1&a[]=2", out: "a%5B%5D=1&a%5B%5D=2"},
		{in: "a=1%0A2", out: "a=1%0A2"},
		{in: "a=b&", rule: "wire/query"},
		{in: "&a=b", rule: "wire/query"},
		{in: "a=b&&c=d", rule: "wire/query"},
		{in: "=b", rule: "wire/query"},
		{in: "a=b;c=d", rule: "wire/query"},
		{in: "a%0a=b", rule: "wire/query"},
		{in: "a=%00", rule: "wire/control"},
		{in: "a=%C3%A9%00", rule: "wire/control"},
		{in: "%C3%A9%1b=a", rule: "wire/control"},
		{in: "a=%C3%A9%0Ab", out: "a=%C3%A9%0Ab"},
		{in: "a=%ff", rule: "wire/utf-8"},
		{in: "a=%c0%af", rule: "wire/utf-8"},
		{in: "a=%2", rule: "wire/escape"},
		{in: "a=%u0041", rule: "wire/escape"},
		{in: strings.Repeat("a&", maxPairs) + "a", rule: "wire/query"},
	} {
		r, err := read("GET", "/x?"+tt.in, nil, "")
		if rule(err) != tt.rule || err == nil && EncodeQuery(r.Query) != tt.out {
			t.Errorf("%.40q: %v, rule %q; want %q, rule %q", tt.in, r, rule(err), tt.out, tt.rule)
		}
	}
}

func TestCheckQuery(t *testing.T) {
	allowed := []string{"run_id", "order_by*"}
	for in, want := range map[string]string{
		"":                              "",
		"run_id=1&order_by=a":           "",
		"order_by=a&order_by=b":         "",
		"run_id=1&run_id=1":             "wire/duplicate-parameter",
		"run_id=1&order_by=a&run_id=2":  "wire/duplicate-parameter",
		"run_id=1&run_uuid=2":           "wire/query",
		"Run_id=1":                      "wire/query",
		"order_by*=1":                   "wire/query",
		"run_id=1&%72un_id=2":           "wire/duplicate-parameter",
		"order_by=a&run_id=1&order_by=": "",
	} {
		pairs, err := ParseForm([]byte(in))
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckQuery(pairs, allowed); rule(err) != want {
			t.Errorf("%q: %v, want rule %q", in, err, want)
		}
	}
}

func TestHeaders(t *testing.T) {
	r, err := read("POST", "/", http.Header{
		"Authorization": {"Bearer secret"}, "Cookie": {"session=secret"}, "Proxy-Authorization": {"x"}, "X-Forwarded-For": {"1.2.3.4"},
		"X-Forwarded-User": {"admin"}, "Forwarded": {"for=1.2.3.4"}, "X-Real-Ip": {"1.2.3.4"}, "Connection": {"keep-alive"}, "Te": {"trailers"}, "Keep-Alive": {"5"},
		"Accept": {"*/*"}, "User-Agent": {"mlflow-python-client/3.4"}, "Content-Type": {"application/JSON;charset=UTF-8"}, "X-Custom": {"1"}, "Range": {"bytes=0-9"},
		"Inference-Header-Content-Length": {"12"},
	}, "{}")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Pass("inference-header-content-length", "absent"); err != nil {
		t.Fatal(err)
	}
	want := http.Header{"Accept": {"*/*"}, "User-Agent": {"mlflow-python-client/3.4"}, "Content-Type": {"application/json; charset=UTF-8"}, "Range": {"bytes=0-9"},
		"Inference-Header-Content-Length": {"12"}}
	if len(r.Header) != len(want) {
		t.Errorf("upstream gets %v, want %v", r.Header, want)
	}
	for k, v := range want {
		if !slices.Equal(r.Header[k], v) {
			t.Errorf("upstream gets %s %q, want %q", k, r.Header[k], v)
		}
	}
	if r.Type != "application/json" || r.Client.Get("Authorization") == "" {
		t.Errorf("type %q, client %v", r.Type, r.Client)
	}
}

func TestRefusedHeaders(t *testing.T) {
	for _, tt := range []struct{ name, value, rule string }{
		{"X-Http-Method-Override", "DELETE", "wire/override-header"},
		{"X-Original-Url", "/admin", "wire/override-header"},
		{"X-Rewrite-Url", "/admin", "wire/override-header"},
		{"X-Mlflow-Guardrail-Bypass", "1", "wire/override-header"},
		{"Accept", "\xe4", "wire/header-value"},
		{"Range", "bytes=0-1,3-4", "wire/range"},
		{"Range", "bytes=5-1", "wire/range"},
		{"Range", "lines=1-2", "wire/range"},
		{"Content-Type", "text", "wire/content-type"},
		{"Content-Type", "application/json; charset=utf-16", "wire/charset"},
		{"Content-Type", "application/json, text/plain", "wire/content-type"},
		{"Content-Type", "application/json; a=b; a=c", "wire/content-type"},
		{"Content-Type", "application/json; charset*=utf-8''x", "wire/content-type"},
		{"Content-Type", `multipart/form-data; boundary="a b"`, "wire/content-type"},
		{"Content-Type", "multipart/form-data; boundary=" + strings.Repeat("a", 71), "wire/content-type"},
		{"Content-Encoding", "br", "wire/content-encoding"},
		{"Content-Encoding", "gzip, gzip", "wire/content-encoding"},
		{"Trailer", "x", ""},
	} {
		_, err := read("POST", "/", http.Header{tt.name: {tt.value}}, "x")
		if rule(err) != tt.rule {
			t.Errorf("%s: %s: %v, want rule %q", tt.name, tt.value, err, tt.rule)
		}
	}
	for _, name := range []string{"Accept", "Authorization", "Content-Type", "Content-Encoding", "If-Match"} {
		if _, err := read("GET", "/", http.Header{name: {"a/b", "a/b"}}, ""); rule(err) != "wire/duplicate-header" {
			t.Errorf("%s twice: %v", name, err)
		}
	}
}

func TestHost(t *testing.T) {
	for in, want := range map[string]string{"Gate.Example": "gate.example", "a:80": "a", "a:8080": "a:8080", "[::1]:80": "[::1]", "a_b-c": "a_b-c"} {
		h := httptest.NewRequest("GET", "/", nil)
		h.Host = in
		if r, err := Read(h); err != nil || r.Host != want {
			t.Errorf("%q: %v, %v, want %q", in, r, err, want)
		}
	}
	for _, in := range []string{"", "a b", "a,b", "a/b", "u@a", "a:", "a:x", "a:0", "a..b", "[::1", "[]", "a:80:80", "a%41", "ä"} {
		h := httptest.NewRequest("GET", "/", nil)
		h.Host = in
		if _, err := Read(h); rule(err) != "wire/host" {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestBodies(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	io.WriteString(w, `{"a":1}`)
	w.Close()
	packed := z.String()
	js := http.Header{"Content-Type": {"application/json"}}
	zip := http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	for _, tt := range []struct {
		name   string
		header http.Header
		body   string
		limit  int64
		rule   string
	}{
		{"plain", js, `{"a":1}`, 7, ""},
		{"too large", js, `{"a":1}`, 6, "wire/body-size"},
		{"empty", nil, ``, 7, ""},
		{"gzip", zip, packed, 7, ""},
		{"gzip too large", zip, packed, 6, "wire/body-size"},
		{"gzip cut", zip, packed[:len(packed)-4], 7, "wire/body"},
		{"gzip damaged", zip, packed[:len(packed)-8] + "01234567", 7, "wire/content-encoding"},
		{"not gzip", zip, `{"a":1}`, 7, "wire/content-encoding"},
	} {
		r, err := read("POST", "/", tt.header, tt.body)
		if err != nil {
			t.Fatal(err)
		}
		err = r.ReadBytes(tt.limit)
		if rule(err) != tt.rule || err == nil && tt.body != "" && (string(r.Raw) != `{"a":1}` || r.Length != 7) {
			t.Errorf("%s: %v, %q; want rule %q", tt.name, err, r.Raw, tt.rule)
		}
	}
	r, err := read("POST", "/", zip, packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(r.Body); rule(err) != "wire/content-encoding" {
		t.Errorf("a compressed body was read without Inflate: %v", err)
	}
}

func TestForm(t *testing.T) {
	pairs, err := ParseForm([]byte("ast=%28rm+x%29&id"))
	if err != nil || !slices.Equal(pairs, []Pair{{"ast", "(rm x)"}, {"id", ""}}) || EncodeQuery(pairs) != "ast=%28rm%20x%29&id=" {
		t.Errorf("%v, %v", pairs, err)
	}
}

// FuzzTarget: what is written upstream is read there (by Go's net/url) as what the checks saw, and reading it again changes nothing.
func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/", "/a/b%20c?d=e+f%2B&g", "/%252e", "/a;b", "/%c0%ae/", "/a%2Fb?a=%2F", "/100%25?x=%25ab%25", "/%C3%A9?a=%C3%A9%00", "/?%C3%A9%1b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := read("GET", target, nil, "")
		if err != nil {
			return
		}
		control := func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 }
		for _, p := range r.Query {
			if strings.ContainsFunc(p.Name+p.Value, control) {
				t.Fatalf("%q: the query holds a control character: %q", target, p)
			}
		}
		if strings.ContainsFunc(r.Path(), control) || strings.ContainsFunc(strings.Join(r.Segments, ""), control) {
			t.Fatalf("%q: the path holds a control character: %q", target, r.Segments)
		}
		out := r.Path()
		if q := EncodeQuery(r.Query); q != "" {
			out += "?" + q
		}
		again, err := read("GET", out, nil, "")
		if err != nil && !strings.Contains(err.Error(), "too long") {
			t.Fatalf("%q became %q, which is refused: %v", target, out, err)
		}
		if err == nil && (!slices.Equal(again.Segments, r.Segments) || again.Slash != r.Slash || !slices.Equal(again.Query, r.Query)) {
			t.Fatalf("%q became %q, read again as %v", target, out, again)
		}
		u, err := url.ParseRequestURI(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", target, out, err)
		}
		want := "/" + strings.Join(r.Segments, "/")
		if r.Slash && len(r.Segments) > 0 {
			want += "/"
		}
		if u.Path != want {
			t.Fatalf("%q: net/url reads the path %q, the checks %q", out, u.Path, want)
		}
		values, err := url.ParseQuery(u.RawQuery)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range r.Query {
			if !slices.Contains(values[p.Name], p.Value) {
				t.Fatalf("%q: net/url reads %q, the checks %q", out, values, r.Query)
			}
		}
	})
}
