package flow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// TestDisplay: cards and notebooks keep what is to be read and lose what runs; other files are not touched.
func TestDisplay(t *testing.T) {
	for _, c := range []struct {
		name, in   string
		keep, lose []string
		untouched  bool
	}{
		{name: "steps/train/card.html", in: `<div class="tab"><b>score</b><script>alert(1)</script><img src=x onerror=alert(2)><a href="javascript:alert(3)">x</a><iframe srcdoc="<script>4</script>"></iframe></div>`,
			keep: []string{"<b>score</b>"}, lose: []string{"script", "onerror", "alert", "iframe"}},
		{name: "a/NB.IPYNB", in: `{"nbformat":4,"nbformat_minor":5,"cells":[
			{"cell_type":"markdown","source":["# kept <scr","ipt>alert(1)</script> **bold**"]},
			{"cell_type":"code","source":["if a < b: print('kept')"],"outputs":[
				{"data":{"text/html":["<table><tr><td>42</td></tr></table><script>alert(2)</script>"],"application/javascript":["alert(3)"],"image/svg+xml":"<svg onload=alert(4)>","text/plain":["kept as text"]}},
				{"data":{"application/vnd.bokehjs_exec.v0+json":"alert(5)"}}]}],
			"worksheets":[{"cells":[{"outputs":[{"html":"<img onerror=alert(6) src=x>","javascript":"alert(7)"}]}]}]}`,
			keep: []string{"kept", "42", "if a \\u003c b", "kept as text"}, lose: []string{"alert", "onerror", "svg"}},
		{name: "bad.ipynb", in: `<script>alert(1)</script>`, keep: []string{"no notebook"}, lose: []string{"alert"}},
		{name: "plot.html", in: `<html><script>Plotly.newPlot()</script></html>`, untouched: true},
		{name: "data.csv", in: `a,b`, untouched: true},
	} {
		got, err := display(strings.NewReader(c.in), c.name)
		if err != nil || (got == nil) != c.untouched {
			t.Errorf("%s: %q, %v", c.name, got, err)
			continue
		}
		for _, k := range c.keep {
			if !bytes.Contains(got, []byte(k)) {
				t.Errorf("%s has lost %q: %s", c.name, k, got)
			}
		}
		for _, l := range c.lose {
			if bytes.Contains(bytes.ToLower(got), []byte(l)) {
				t.Errorf("%s has kept %q: %s", c.name, l, got)
			}
		}
	}
}

// FuzzDisplay: whatever a notebook is, what is shown of it is JSON without an output that runs.
func FuzzDisplay(f *testing.F) {
	f.Add([]byte(`{"cells":[{"cell_type":"markdown","source":["<b onclick=x>"]}]}`))
	f.Add([]byte(`{"a":[[{"text/html":{"b":1}}]]}`))
	f.Add([]byte(`[1`))
	f.Fuzz(func(t *testing.T, b []byte) {
		clean := cleanNotebook(b)
		if !json.Valid(clean) {
			t.Errorf("%q became %q", b, clean)
		}
	})
}

// TestChecked: the last bytes come only when all are right, however the server's body arrives.
func TestChecked(t *testing.T) {
	for _, size := range []int{0, 1, window - 1, window, window + 1, 5*window + 3} {
		content := bytes.Repeat([]byte("w"), size)
		sum := sha256.Sum256(content)
		want := "sha256:" + hex.EncodeToString(sum[:])
		for name, r := range map[string]io.Reader{"whole": bytes.NewReader(content), "halves": iotest.HalfReader(bytes.NewReader(content)), "end with bytes": iotest.DataErrReader(bytes.NewReader(content))} {
			c := &checked{body: io.NopCloser(r), want: want, wrong: func() { t.Errorf("%s, %d bytes: called wrong", name, size) }}
			if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s, %d bytes: %d came, %v", name, size, len(got), err)
			}
		}
		told := false
		c := &checked{body: io.NopCloser(bytes.NewReader(append(bytes.Clone(content), 'x'))), want: want, wrong: func() { told = true }}
		got, err := io.ReadAll(c)
		if !errors.Is(err, errChanged) || !told || len(got) > max(0, size+1-window) {
			t.Errorf("changed, %d bytes: %d came, %v, told %v", size, len(got), err, told)
		}
	}
	c := &checked{body: io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(io.ErrUnexpectedEOF))), want: "sha256:", wrong: func() {}}
	if got, err := io.ReadAll(c); !errors.Is(err, io.ErrUnexpectedEOF) || len(got) != 0 {
		t.Errorf("a body that breaks off: %q, %v", got, err)
	}
}

func TestByteRange(t *testing.T) {
	for _, c := range []struct {
		spec         string
		size         int64
		from, length int64
		ok           bool
	}{
		{"bytes=0-0", 10, 0, 1, true}, {"bytes=3-", 10, 3, 7, true}, {"bytes=-4", 10, 6, 4, true}, {"bytes=-40", 10, 0, 10, true}, {"bytes=5-99", 10, 5, 5, true},
		{"bytes=10-", 10, 0, 0, false}, {"bytes=4-3", 10, 0, 0, false}, {"bytes=-0", 10, 0, 0, false}, {"bytes=0-1,3-4", 10, 0, 0, false}, {"bytes=-", 10, 0, 0, false},
		{"items=0-1", 10, 0, 0, false}, {"bytes=+1-2", 10, 0, 0, false}, {"bytes=0-", 0, 0, 0, false}, {"bytes=99999999999999999999-", 10, 0, 0, false},
	} {
		from, length, ok := byteRange(c.spec, c.size)
		if ok != c.ok || ok && (from != c.from || length != c.length) {
			t.Errorf("%q of %d: %d %d %v", c.spec, c.size, from, length, ok)
		}
	}
}

// TestReduced: all names of one place are one.
func TestReduced(t *testing.T) {
	for uri, want := range map[string]string{
		"mlflow-artifacts:/1/r/artifacts":                                     "mlflow-artifacts:/1/r/artifacts",
		"mlflow-artifacts://host:5000/1/r/artifacts/":                         "mlflow-artifacts:/1/r/artifacts",
		"http://host:5000/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts":   "mlflow-artifacts:/1/r/artifacts",
		"https://host/p/api/2.0/mlflow-artifacts/artifacts/1/r/artifacts?x=1": "mlflow-artifacts:/1/r/artifacts",
		"s3://bucket/1/r/artifacts":                                           "s3://bucket/1/r/artifacts",
		"https://bucket.example/1/r":                                          "https://bucket.example/1/r",
	} {
		if got := reduced(uri); got != want {
			t.Errorf("reduced(%q) = %q, want %q", uri, got, want)
		}
	}
}

// TestSafeHead: what a browser could run leaves as a download without an origin.
func TestSafeHead(t *testing.T) {
	for kind, safe := range map[string]bool{
		"text/html": false, "image/svg+xml": false, "application/xhtml+xml": false, "text/xml": false, "application/pdf": false, "application/x-ipynb+json": false, "nonsense;;": false, "": false,
		"image/png": true, "application/json": true, "text/plain; charset=utf-8": true, "application/octet-stream": true,
	} {
		h := http.Header{"Content-Type": {kind}}
		safeHead(h, "a/b.x")
		bound := strings.HasPrefix(h.Get("Content-Security-Policy"), "sandbox") && strings.HasPrefix(h.Get("Content-Disposition"), "attachment")
		if bound == safe || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%q: %v", kind, h)
		}
	}
}
