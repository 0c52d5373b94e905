package serving

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// fires is what os.system("echo") pickled looks like.
const (
	fires0 = "cposix\nsystem\n(S'echo'\ntR."
	fires1 = "(cposix\nsystem\nS'echo'\no."
	fires2 = "(S'echo'\niposix\nsystem\n."
	fires4 = "\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x8c\x04echo\x85R."
	npyO   = "\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }          \n" + fires4
	java   = "\xac\xed\x00\x05sr\x00\x11java.util.HashMap"
)

func packed(f func(*bytes.Buffer)) string {
	var b bytes.Buffer
	f(&b)
	return b.String()
}

func zipped(name, content string) string {
	return packed(func(b *bytes.Buffer) {
		z := zip.NewWriter(b)
		w, _ := z.Create(name)
		w.Write([]byte(content))
		z.Close()
	})
}

func zlibbed(s string) string {
	return packed(func(b *bytes.Buffer) { w := zlib.NewWriter(b); w.Write([]byte(s)); w.Close() })
}

func gzipped(s string) string {
	return packed(func(b *bytes.Buffer) { w := gzip.NewWriter(b); w.Write([]byte(s)); w.Close() })
}

func TestSerialised(t *testing.T) {
	std, url := base64.StdEncoding.EncodeToString, base64.RawURLEncoding.EncodeToString
	for name, in := range map[string]string{
		"protocol 0": fires0, "OBJ": fires1, "INST": fires2, "protocol 4": fires4, "something after it": fires0 + "text", "cut": fires4[:len(fires4)-1],
		"base64": std([]byte(fires4)), "base64 of protocol 0": std([]byte(fires0)), "url": url([]byte(fires4)), "data URL": "data:application/octet-stream;base64," + std([]byte(fires4)),
		"with line ends": strings.Join(strings.SplitAfterN(std([]byte(fires4)), "A", 4), "\r\n"), "with junk": "!" + strings.ReplaceAll(std([]byte(fires4)), "s", "s~"),
		"hex": hex.EncodeToString([]byte(fires4)), "base64 twice": std([]byte(std([]byte(fires4)))), "zlib": zlibbed(fires4), "gzip in base64": std([]byte(gzipped(fires0))),
		"zip": zipped("archive/data.pkl", fires4), "npy": npyO, "npz": zipped("a.npy", npyO), "java": java, "java in base64": std([]byte(java)), "honest pickle": "\x80\x03]q\x00(K\x01K\x02e.",
		"xz": "\xfd7zXZ\x00\x00\x04", "joblib": "ZF0x1e                      x\x9c",
	} {
		if serialised([]byte(in)) == "" {
			t.Errorf("%s: nothing found in %q", name, in)
		}
	}
	for name, in := range map[string]string{
		"empty": "", "text": "the quick brown fox jumps over the lazy dog", "lines": "c\nsv\nR.", "csv": "csv\nfile\nR\n", "list": "(1)\na.b.c\nd.", "numbers": "123456789012345678", "base64 of text": std([]byte("hello, world: a long text")),
		"picture": "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "floats": "\x00\x00\x80\x3f\x00\x00\x00\x40", "uuid": "0af76519-16cd-43dd-8448-eb211c80319c", "zip of text": zipped("a.txt", "hello"),
		"npy of floats": "\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n", "json": `{"a": [1, 2, 3], "b": "c"}`, "gzip of text": gzipped("hello"), "German": "Überraschung beim Öffnen", "import": "cos and sin\nof x\n(see b.)",
	} {
		if got := serialised([]byte(in)); got != "" {
			t.Errorf("%s: %s in %q", name, got, in)
		}
	}
}

const mlmodel = `
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}, {"type": "long", "name": "b", "required": true}, {"type": "string", "name": "c", "required": false},
    {"type": "array", "items": {"type": "float"}, "name": "l", "required": false}, {"type": "object", "properties": {"x": {"type": "boolean", "required": true}}, "name": "o", "required": false},
    {"type": "map", "values": {"type": "integer"}, "name": "m", "required": false}, {"type": "any", "name": "any", "required": false}]'
  params: '[{"name": "top", "type": "long", "default": 1, "shape": null}, {"name": "stop", "type": "string", "default": [], "shape": [-1]}]'
`

func TestSignature(t *testing.T) {
	s, err := parseSignature([]byte(mlmodel))
	if err != nil || len(s.columns) != 7 || len(s.params) != 2 {
		t.Fatal(s, err)
	}
	for body, want := range map[string]string{
		`{"dataframe_records":[{"a":1,"b":2}]}`: "",
		`{"dataframe_records":[{"a":1.5,"b":2,"c":"x","l":[1,2.5],"o":{"x":true},"m":{"k":1},"any":[1,{"z":null}]}]}`: "",
		`{"inputs":{"a":[1],"b":[2]},"params":{"top":3,"stop":["a"]}}`:                                                "",
		`{"a":1,"b":2,"top":5}`: "",
		`{"dataframe_split":{"data":[[1,2,null,null,null,null,null]]}}`:                                             "",
		`{"dataframe_records":{"a":1,"b":2}}`:                                                                       "",
		`{"dataframe_records":[{"a":1,"b":2.5}]}`:                                                                   "model-type",
		`{"dataframe_records":[{"a":1,"b":9223372036854775808}]}`:                                                   "model-type",
		`{"dataframe_records":[{"a":"NaN","b":1}]}`:                                                                 "not-finite",
		`{"dataframe_records":[{"a":1,"b":1,"l":[1e39]}]}`:                                                          "not-finite",
		`{"dataframe_records":[{"a":null,"b":1}]}`:                                                                  "model-missing",
		`{"dataframe_records":[{"a":1,"b":1,"o":{"x":1}}]}`:                                                         "model-type",
		`{"dataframe_records":[{"a":1,"b":1,"o":{"x":true,"y":1}}]}`:                                                "model-names",
		`{"dataframe_records":[{"a":1,"b":1,"o":{}}]}`:                                                              "model-names",
		`{"dataframe_records":[{"a":1,"b":1,"m":{"k":2147483648}}]}`:                                                "model-type",
		`{"dataframe_records":[{"a":1,"b":1,"l":{"k":1}}]}`:                                                         "model-type",
		`{"dataframe_records":[{"a":1,"b":1,"c":"` + base64.StdEncoding.EncodeToString([]byte(fires4)) + `"}]}`:     "serialised-object",
		`{"dataframe_records":[{"a":1,"b":1,"any":["` + base64.StdEncoding.EncodeToString([]byte(fires4)) + `"]}]}`: "serialised-object",
		`{"dataframe_records":[{"b":1}]}`:                                                                           "model-names",
		`{"dataframe_records":[{"a":1,"b":1,"z":1}]}`:                                                               "model-names",
		`{"dataframe_records":[1]}`:                                                                                 "model-names",
		`{"dataframe_records":1}`:                                                                                   "invocation",
		`{"dataframe_split":[]}`:                                                                                    "invocation",
		`{"dataframe_split":{"columns":["a","b"]}}`:                                                                 "invocation",
		`{"dataframe_split":{"columns":["a","b"],"data":[[1,2]],"z":1}}`:                                            "invocation",
		`{"dataframe_split":{"columns":["a","a"],"data":[[1,2]]}}`:                                                  "model-names",
		`{"dataframe_split":{"columns":["a"],"data":[[1]]}}`:                                                        "model-names",
		`{"dataframe_split":{"columns":["a","b"],"data":[1]}}`:                                                      "model-shape",
		`{"inputs":{"a":[1],"b":[2]},"params":{"top":"x"}}`:                                                         "model-type",
		`{"inputs":{"a":[1],"b":[2]},"params":{"bottom":1}}`:                                                        "model-names",
		`{"inputs":{"a":[1],"b":[2]},"params":[]}`:                                                                  "invocation",
		`{"inputs":{"a":[1],"b":[2]},"instances":[]}`:                                                               "invocation",
		`{"inputs":{"a":[1],"b":[2]},"x":[]}`:                                                                       "invocation",
		`{"dataframe_records":[` + strings.Repeat(`{"a":1,"b":2},`, 100) + `{"a":1,"b":2}]}`:                        "model-size",
		`{"dataframe_records":[{"a":1,"b":2,"any":[` + strings.Repeat(`1,`, 2000) + `1]}]}`:                         "model-size",
	} {
		if got := ruleOf(invocationOf(t, s, body)); got != want {
			t.Errorf("%.120s: %q, want %q", body, got, want)
		}
	}
	for _, bad := range []string{"signature: [", "signature: {inputs: '{}'}", `signature: {inputs: '[{"type":"thing","name":"a"}]'}`, `signature: {inputs: '[{"type":"tensor"}]'}`, `signature: {inputs: '[{"type":"array","name":"a"}]'}`} {
		if _, err := parseSignature([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if s, err := parseSignature([]byte("flavors: {}\nsignature: null\n")); s != nil || err != nil {
		t.Errorf("a model without a signature: %v, %v", s, err)
	}
}

func invocationOf(t *testing.T, s *signature, body string) error {
	t.Helper()
	c := &checker{limits: limits{rows: 100, elements: 1000}}
	o, err := wire.ParseJSON([]byte(body), wire.Limits{Members: 10000})
	if err != nil {
		t.Fatalf("%.100s: %v", body, err)
	}
	return c.invocation(o, s)
}

func ruleOf(err error) string {
	var no *wire.Refusal
	switch {
	case err == nil:
		return ""
	case errors.As(err, &no):
		return no.Rule
	}
	return err.Error()
}

func TestTensorSignature(t *testing.T) {
	two, err := parseSignature([]byte(`signature: {inputs: '[{"name":"x","type":"tensor","tensor-spec":{"dtype":"float32","shape":[-1,2]}},{"name":"n","type":"tensor","tensor-spec":{"dtype":"int64","shape":[-1]}}]'}`))
	if err != nil {
		t.Fatal(err)
	}
	object, err := parseSignature([]byte(`signature: {inputs: '[{"type":"tensor","tensor-spec":{"dtype":"object","shape":[-1]}}]'}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s          *signature
		body, want string
	}{
		{two, `{"inputs":{"x":[[1,2]],"n":[1]}}`, ""},
		{two, `{"instances":[{"x":[1,2],"n":1}]}`, ""},
		{two, `{"instances":[{"x":[1,2],"n":[1]}]}`, "model-shape"},
		{two, `{"instances":[{"x":[1,2]}]}`, "model-names"},
		{two, `{"inputs":{"x":[[1,2]],"n":[1],"z":[1]}}`, "model-names"},
		{two, `{"inputs":{"x":[[1,2],[1]],"n":[1]}}`, "model-shape"},
		{two, `{"inputs":{"x":[[1,null]],"n":[1]}}`, "model-missing"},
		{two, `{"inputs":{"x":[[1,2]],"n":[1.5]}}`, "model-type"},
		{two, `{"inputs":[[1,2]]}`, "model-names"},
		{two, `{"dataframe_split":{"data":[[1,2]]}}`, "model-shape"},
		{two, `{"dataframe_records":[{"x":1}]}`, "model-shape"},
		{object, `{"inputs":["x"]}`, "object-dtype"},
		{nil, `{"inputs":[["x",1,null,true,{"a":1}]]}`, ""},
		{nil, `{"inputs":[["` + hex.EncodeToString([]byte(fires4)) + `"]]}`, "serialised-object"},
		{nil, `{"messages":[{"role":"user","content":"hello"}],"n":1}`, ""},
	} {
		if got := ruleOf(invocationOf(t, c.s, c.body)); got != c.want {
			t.Errorf("%s: %q, want %q", c.body, got, c.want)
		}
	}
}

// exchange is one with nothing but a configuration.
func exchange() *gateway.Exchange {
	return &gateway.Exchange{Request: &wire.Request{}, Upstream: &gateway.Upstream{Name: "u", Allow: map[string][]string{"content-types": {"mine"}}, On: map[string]bool{}}, Vars: map[string]string{}}
}

func TestV2Request(t *testing.T) {
	m := &metadata{inputs: []tensor{{"x", "FP32", []int64{-1, 2}}, {"s", "BYTES", []int64{-1, 1}}}}
	const s = `{"name":"s","datatype":"BYTES","shape":[1],"data":["a"]}`
	body := func(x string) string { return `{"inputs":[` + s + `,` + x + `]}` }
	packed := func(size int) string {
		return body(fmt.Sprintf(`{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":%d}}`, size))
	}
	texts := `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]},{"name":"s","datatype":"BYTES","shape":[1,1],"parameters":{"binary_data_size":%d}}]}`
	for _, c := range []struct{ body, rest, want string }{
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}`), "", ""},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[[1,2]]}`), "", ""},
		{body(`{"name":"x","datatype":"FP64","shape":[2,2],"data":[1,2,3,4]}`), "", ""},
		{body(`{"name":"x","datatype":"INT8","shape":[1,2],"data":[1,2],"parameters":{"content_type":"mine"}}`), "", ""},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}`) + "", "xx", "v2-binary"},
		{packed(8), "\x00\x00\x80\x3f\x00\x00\x00\x40", ""},
		{packed(8), "\x00\x00\x80\x3f\x00\x00\x80\x7f", "not-finite"},
		{packed(4), "\x00\x00\x80\x3f", "model-shape"},
		{packed(9), "\x00\x00\x80\x3f\x00\x00\x00\x40", "v2-binary"},
		{packed(8), "\x00\x00\x80\x3f\x00\x00\x00\x40x", "v2-binary"},
		{fmt.Sprintf(texts, 9), "\x05\x00\x00\x00hello", ""},
		{fmt.Sprintf(texts, 9), "\x06\x00\x00\x00hello", "v2-binary"},
		{fmt.Sprintf(texts, 10), "\x05\x00\x00\x00hellox", "v2-binary"},
		{fmt.Sprintf(texts, 4+len(fires4)), string(rune(len(fires4))) + "\x00\x00\x00" + fires4, "serialised-object"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}`), "", "model-shape"},
		{body(`{"name":"x","datatype":"FP32","shape":[2],"data":[1,2]}`), "", "model-shape"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[1]}`), "", "model-shape"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[[[[[1,2]]]]]}`), "", "model-shape"},
		{body(`{"name":"x","datatype":"FP32","shape":[-1,2],"data":[]}`), "", "model-size"},
		{body(`{"name":"x","datatype":"FP32","shape":[4294967296,4294967296],"data":[]}`), "", "model-size"},
		{body(`{"name":"x","datatype":"FP32","shape":"1","data":[]}`), "", "v2-members"},
		{body(`{"name":"x","datatype":"BYTES","shape":[1,2],"data":["a","b"]}`), "", "model-type"},
		{body(`{"name":"x","datatype":"OBJECT","shape":[1,2],"data":[1,2]}`), "", "object-dtype"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":["1","2"]}`), "", "model-type"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2]}`), "", "v2-members"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"parameters":{"shared_memory_region":"r"}}`), "", "shared-memory"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2],"parameters":{"content_type":"pickle"}}`), "", "v2-content-type"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2],"parameters":[]}`), "", "v2-members"},
		{body(`{"name":"y","datatype":"FP32","shape":[1,2],"data":[1,2]}`), "", "model-names"},
		{body(s), "", "v2-members"},
		{`{"inputs":[` + s + `]}`, "", "model-names"},
		{`{"inputs":[1]}`, "", "v2-members"},
		{`{"inputs":[],"model":"x"}`, "", "*"},
		{body(`{"name":"x","datatype":"FP32","shape":[1,2],"data":[1,2]}],"outputs":[{"name":"o","parameters":{"shared_memory_region":"r"}}`), "", "shared-memory"},
	} {
		o, err := wire.ParseJSON([]byte(c.body), wire.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		r := &request{x: exchange(), c: &checker{limits: limits{rows: 100, elements: 1000}}, m: m, rest: []byte(c.rest)}
		if got := ruleOf(r.check(o)); got != c.want && (c.want != "*" || got == "") {
			t.Errorf("%s with %q: %q, want %q", c.body, c.rest, got, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	x := exchange()
	x.Upstream.Allow["limits"] = []string{"* body=100", "m rows=5 rate=600/m"}
	if l, err := limitsOf(x, "m"); err != nil || l.rows != 5 || l.body != defaultLimits.body || l.rate != 10 || l.burst != 60 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := limitsOf(x, "other"); err != nil || l.body != 100 {
		t.Errorf("%+v, %v", l, err)
	}
	for _, bad := range []string{"m rows=x", "m rows=0", "m rate=5", "m rate=5/y", "m what=1"} {
		x.Upstream.Allow["limits"] = []string{bad}
		if _, err := limitsOf(x, "m"); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	r := newRates()
	now := time.Now()
	r.now = func() time.Time { return now }
	l := limits{rate: 2, burst: 3}
	passed := 0
	for range 10 {
		if r.take("s", "m", "ann", l) == 0 {
			passed++
		}
	}
	if passed != 3 || r.take("s", "m", "bob", l) != 0 || r.take("s", "other", "ann", l) != 0 {
		t.Errorf("%d passed at once", passed)
	}
	now = now.Add(time.Second)
	passed = 0
	for range 10 {
		if r.take("s", "m", "ann", l) == 0 {
			passed++
		}
	}
	if passed != 2 {
		t.Errorf("%d passed after a second", passed)
	}
	for i := range maxBuckets + 100 {
		r.take("s", "m", fmt.Sprint(i), l)
	}
	if len(r.all) > maxBuckets {
		t.Errorf("%d buckets", len(r.all))
	}
}

func TestListedStore(t *testing.T) {
	x := exchange()
	x.Upstream.Allow["stores"] = []string{"https://models.example.org/store/", "http://127.0.0.1:8/"}
	for url, want := range map[string]bool{
		"https://models.example.org/store/a.mar": true, "https://models.example.org/store/sub/a.mar": true, "http://127.0.0.1:8/a.mar": true,
		"https://models.example.org/store/../a.mar": false, "https://models.example.org/store/%2e%2e/a.mar": false, "https://models.example.org/a.mar": false, "http://models.example.org/store/a.mar": false,
		"https://models.example.org:444/store/a.mar": false, "https://u@models.example.org/store/a.mar": false, "https://models.example.org/store/a.mar?x=1": false, "https://models.example.org/store/a.mar#x": false,
		"https://models.example.org.evil/store/a.mar": false, "file:///a.mar": false, "a.mar": false, "//models.example.org/store/a.mar": false, "https:models.example.org/store/a.mar": false, "http://127.0.0.1:88/a.mar": false,
	} {
		if got := listedStore(x, url) != ""; got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}

func TestMultipart(t *testing.T) {
	c := &checker{limits: defaultLimits}
	part := func(head, body string) []byte {
		return []byte("--b\r\nContent-Disposition: form-data; name=\"x\"\r\n" + head + "\r\n" + body + "\r\n--b--\r\n")
	}
	for name, want := range map[string]struct {
		body []byte
		b    string
		rule string
	}{
		"text": {part("", "hello"), "b", ""}, "pickle": {part("", fires4), "b", "serialised-object"}, "no boundary": {part("", "hello"), "", "multipart"}, "cut": {part("", "hello")[:58], "b", "multipart"},
		"encoded": {part("Content-Transfer-Encoding: base64\r\n", "aGVsbG8="), "b", "multipart"}, "many": {bytes.Repeat(part("", "x")[:50], 200), "b", "multipart"},
	} {
		if got := ruleOf(c.parts(want.body, want.b)); got != want.rule {
			t.Errorf("%s: %q, want %q", name, got, want.rule)
		}
	}
}

// Every route can be compiled into a gate, and says what may be done by it.
func TestTables(t *testing.T) {
	for _, k := range []*gateway.Kind{Scoring(), V2(), TorchServe()} {
		seen := map[string]bool{}
		for _, r := range k.Routes {
			key := r.Method + " " + r.Path
			if seen[key] {
				t.Errorf("%s: %s stands there twice", k.Name, key)
			}
			seen[key] = true
			if !r.Public && r.Action == "" && r.Flow == nil {
				t.Errorf("%s: %s needs an action", k.Name, key)
			}
			if r.Method == "POST" && r.Checks == nil {
				t.Errorf("%s: %s takes a body that nothing looks at", k.Name, key)
			}
		}
		if len(seen) < 4 {
			t.Errorf("%s has %d routes", k.Name, len(seen))
		}
	}
}

func FuzzSerialised(f *testing.F) {
	for _, s := range []string{fires0, fires1, fires2, fires4, npyO, java, zipped("a", fires4), zlibbed(fires4), gzipped(fires0), base64.StdEncoding.EncodeToString([]byte(fires4)), "BZh9", "PK\x03\x04"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		first := serialised(b)
		if again := serialised(b); first != again {
			t.Errorf("%q, then %q", first, again)
		}
		if len(b) < 100 { // what fires still fires in front of anything
			if got := serialised(append([]byte(fires4), b...)); got == "" {
				t.Errorf("hidden by %q after it", b)
			}
		}
	})
}

func FuzzInvocation(f *testing.F) {
	s, err := parseSignature([]byte(mlmodel))
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range []string{`{"inputs":{"a":[1],"b":[2]}}`, `{"dataframe_split":{"columns":["a","b"],"data":[[1,2]]}}`, `{"instances":[{"a":1,"b":2}],"params":{"top":1}}`, `{"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]}`} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, sig := range []*signature{s, nil} {
			c := &checker{limits: limits{rows: 100, elements: 1000}}
			_ = c.table(b, sig)
			o, err := wire.ParseJSON(b, wire.Limits{})
			if err != nil {
				continue
			}
			_ = c.invocation(o, sig)
			if c.seen > 1001 {
				t.Errorf("%d values were looked at", c.seen)
			}
			if _, ok := o["inputs"].([]any); ok {
				r := &request{x: exchange(), c: &checker{limits: limits{rows: 100, elements: 1000}}, m: &metadata{}, rest: b}
				_ = r.check(o)
			}
		}
	})
}
