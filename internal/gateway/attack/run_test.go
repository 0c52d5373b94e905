package attack

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	vars := map[string]string{"a": "x/../y z", "file": "/etc/hosts", "quote": `a"b`}
	for text, want := range map[string]string{
		"${a}":            "x/../y z",
		"${a|url}":        "x%2F..%2Fy%20z",
		"${a|url|url}":    "x%252F..%252Fy%2520z",
		"${a|dots}":       "x%2f%2e%2e%2fy z",
		"${a|overlong}":   "x%c0%af%c0%ae%c0%ae%c0%afy z",
		"${file|rel}":     "etc/hosts",
		"${quote|json}":   `a\"b`,
		"${a} and ${a":    "x/../y z and ${a",
		"$a {a} ${A}":     "$a {a} ${A}",
		"${file|rel|url}": "etc%2Fhosts",
	} {
		if got, err := expand(text, vars); got != want || err != nil {
			t.Errorf("%q gives %q, %v, want %q", text, got, err, want)
		}
	}
	var u unknown
	if _, err := expand("${nothing}", vars); !errors.As(err, &u) || string(u) != "nothing" {
		t.Errorf("a variable without a value gives %v", err)
	}
}

func TestSave(t *testing.T) {
	body := []byte(`{"run": {"info": {"run_id": "r1", "n": 12345678901}}, "list": [{"x": "y"}], "empty": ""}`)
	for from, want := range map[string]string{"run.info.run_id": "r1", "run.info.n": "12345678901", "list.0.x": "y", `~"run_id": "(r.)"`: "r1",
		"list.7.x": "", "list.a": "", "empty": "", "run": "", "~no(thing)": ""} {
		if got, ok := save(from, body); got != want || ok != (want != "") {
			t.Errorf("%q gives %q, %v, want %q", from, got, ok, want)
		}
	}
}

// TestCompose holds the runner to its promise: what a step spells goes over the wire as it is, and what it lacks is added.
func TestCompose(t *testing.T) {
	base, err := url.Parse("http://127.0.0.1:1/below")
	if err != nil {
		t.Fatal(err)
	}
	got, err := compose("POST /a/%2e%2e/..//b?x=%252e\nHost: other.example\ncontent-type: text/plain\n\n{\"a\": 1}\n\nmore", nil, base, "Bearer t")
	want := "POST /below/a/%2e%2e/..//b?x=%252e HTTP/1.1\r\nAuthorization: Bearer t\r\nUser-Agent: weir-gate-check\r\nConnection: close\r\nContent-Length: 14\r\n" +
		"Host: other.example\r\ncontent-type: text/plain\r\n\r\n{\"a\": 1}\n\nmore"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%q, want\n%q", err, got, want)
	}
	if _, err := compose("GET", nil, base, ""); err == nil {
		t.Error("a request line without a target passes")
	}
}

// TestProofs runs small attacks against a server that falls for each, and against one that falls for none: every proof must hold there and fail here.
func TestProofs(t *testing.T) {
	for name, a := range map[string]Attack{
		"answer": {Steps: []Step{get("/read?file=${secret-file|url}")}, Proof: Proof{Answer: "${secret}"}},
		"like":   {Steps: []Step{get("/read?file=${secret-file|url}")}, Proof: Proof{Like: "canary-[a-z]+-[0-9a-f]{12}"}},
		"file":   {Steps: []Step{put("/write?file=${canary-file|url}", []byte("${secret}"))}, Proof: Proof{File: "${canary-file}", Holds: "${secret}"}},
		"gone":   {Steps: []Step{{Request: "DELETE /delete?file=${prey-file|url}"}}, Proof: Proof{Gone: "${prey-file}"}},
		"heard":  {Steps: []Step{get("/fetch?url=http%3A%2F%2F${listener}%2Fhook-${nonce}")}, Proof: Proof{Heard: "/hook-${nonce}"}},
		"shows":  {Steps: []Step{post("/set", "value-${nonce}").save("was", "~(value)")}, Proof: Proof{Probe: probe("GET /get"), Shows: "value-${nonce}"}},
		"hides":  {Steps: []Step{post("/set", "first ${nonce}").by(Victim), post("/set", "second")}, Proof: Proof{Probe: probe("GET /get"), Hides: "${nonce}"}},
		"inline": {Steps: []Step{get("/page")}, Proof: Proof{Inline: true}},
		"either": {Steps: []Step{get("/page")}, Proof: Proof{Either: []Proof{{Answer: "not this"}, {Inline: true}}}},
		"later":  {Steps: []Step{post("/set", "token=${nonce}").save("token", "~token=([0-9a-f]+)"), get("/echo?${token}")}, Proof: Proof{Answer: "echo ${nonce}"}},
	} {
		t.Run(name, func(t *testing.T) {
			weak := httptest.NewServer(&fool{})
			defer weak.Close()
			a.ID = "test/" + name
			r, err := Run(t.Context(), &a, &Target{URL: weak.URL, Server: weak.URL})
			if err != nil || !r.Worked {
				t.Errorf("does not work where it must: %v %+v", err, r)
			}
			door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no <script>", http.StatusForbidden) }))
			defer door.Close()
			r, err = Run(t.Context(), &a, &Target{URL: door.URL, Server: weak.URL})
			if err != nil || r.Worked || r.Refused == 0 {
				t.Errorf("works where it must not: %v %+v", err, r)
			}
		})
	}
}

// fool does what it is told.
type fool struct{ value string }

func (f *fool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	switch name := r.FormValue("file"); r.URL.Path {
	case "/read":
		http.ServeFile(w, &http.Request{Method: "GET", URL: &url.URL{Path: "/"}}, name)
	case "/write":
		if err := os.WriteFile(name, body, 0o600); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	case "/delete":
		if strings.Contains(name, "weir-attack-") {
			os.Remove(name)
		}
	case "/fetch":
		if answer, err := http.Get(r.FormValue("url")); err == nil {
			answer.Body.Close()
		}
	case "/set":
		f.value = string(body)
		io.WriteString(w, f.value)
	case "/get":
		io.WriteString(w, f.value)
	case "/page":
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, "<script>1</script>")
	case "/echo":
		io.WriteString(w, "echo "+r.URL.RawQuery)
	}
}

// TestInline says which answers a browser would run.
func TestInline(t *testing.T) {
	for _, c := range []struct {
		header map[string]string
		want   bool
	}{
		{map[string]string{"Content-Type": "text/html; charset=utf-8"}, true},
		{map[string]string{"Content-Type": "image/svg+xml"}, true},
		{map[string]string{"Content-Type": ""}, true},
		{map[string]string{"Content-Type": "", "X-Content-Type-Options": "nosniff"}, false},
		{map[string]string{"Content-Type": "text/plain"}, false},
		{map[string]string{"Content-Type": "text/html", "Content-Disposition": `attachment; filename="a.html"`}, false},
		{map[string]string{"Content-Type": "text/html", "Content-Security-Policy": "sandbox; default-src 'none'"}, false},
		{map[string]string{"Content-Type": "text/html", "Content-Security-Policy": "sandbox allow-scripts"}, true},
	} {
		h := http.Header{}
		for k, v := range c.header {
			h.Set(k, v)
		}
		r := &run{answers: []*Answer{{Status: 200, Header: h, Body: []byte("<script>1</script>")}}}
		if got, why, _ := r.proveInline(); got != c.want {
			t.Errorf("%v: %v (%s), want %v", c.header, got, why, c.want)
		}
	}
}

// TestHarmlessForms run where only answers can be seen; one that needs more is refused before anything is sent.
func TestHarmlessForms(t *testing.T) {
	asked := false
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer s.Close()
	a := Attack{ID: "test/harmful", Steps: []Step{get("/")}, Proof: Proof{Down: true}}
	if _, err := Run(t.Context(), &a, &Target{URL: s.URL}); err == nil || asked {
		t.Errorf("an attack without a harmless form was made: %v", err)
	}
	cleaned := ""
	s2 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "DELETE" {
			cleaned = r.URL.Path
		}
		io.WriteString(w, `{"id": "h1"}`)
	}))
	defer s2.Close()
	a.Check = &Check{Steps: []Step{post("/hooks", "{}").save("hook", "id")}, Proof: Proof{Answer: "h1"}, Clean: []Step{{Request: "DELETE /hooks/${hook}"}}}
	if r, err := Run(t.Context(), &a, &Target{URL: s2.URL}); err != nil || !r.Worked || cleaned != "/hooks/h1" {
		t.Errorf("%+v, %v, cleaned %q", r, err, cleaned)
	}
}
