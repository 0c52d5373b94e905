package gateway_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

func TestAnswerHeaders(t *testing.T) {
	var host string
	srv, _ := gate(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host = r.Host
		h := w.Header()
		h.Set("Set-Cookie", "session=upstream")
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Server", "old/1.0")
		h.Set("Etag", `"7"`)
		if to := r.URL.Query().Get("a"); to != "" {
			h.Set("Location", strings.ReplaceAll(to, "SELF", "http://"+r.Host))
			w.WriteHeader(http.StatusFound)
		}
	}), nil)
	for _, c := range []struct{ to, location string }{
		{"", ""},
		{"/things/8", "/things/8"},
		{"SELF/things/8?x=1", "/things/8?x=1"},
		{"http://evil.example.org/", ""},
		{"//evil.example.org/", ""},
		{"/\\evil.example.org/", ""},
		{"javascript:alert(1)", ""},
		{"http://user@HOST/", ""},
	} {
		r, err := http.NewRequest("GET", srv.URL+"/things/7?a="+url.QueryEscape(c.to), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer client")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Location"); got != c.location {
			t.Errorf("a redirect to %q became %q, want %q", c.to, got, c.location)
		}
		for _, name := range []string{"Set-Cookie", "Access-Control-Allow-Origin", "Server"} {
			if v := res.Header.Get(name); v != "" {
				t.Errorf("the answer carries %s: %s", name, v)
			}
		}
		if res.Header.Get("Etag") != `"7"` || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("the answer carries %v", res.Header)
		}
	}
	if strings.HasPrefix(srv.URL, "http://"+host) {
		t.Error("the server was told the gate's name")
	}
}

// TestUpstreamBreaksOff: half an answer must not pass for a whole one, and a server that is gone is a 502 in one line.
func TestUpstreamBreaksOff(t *testing.T) {
	srv, records := gate(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/things/half" {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "half of it")
			http.NewResponseController(w).Flush()
		}
		if r.URL.Path == "/files/chunks" {
			io.WriteString(w, "some")
			http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}), nil)
	for _, path := range []string{"/things/half", "/files/chunks"} {
		r, _ := http.NewRequest("GET", srv.URL+path, nil)
		r.Header.Set("Authorization", "Bearer client")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			continue // it was cut before its head was sent: no answer at all is as good
		}
		if b, err := io.ReadAll(res.Body); err == nil {
			t.Errorf("%s: an answer that broke off was read as whole: %q", path, b)
		}
		res.Body.Close()
	}
	if status, body := do(t, "GET", srv.URL+"/things/none", ""); status != 502 || !strings.Contains(body, "did not answer") {
		t.Errorf("%d %s", status, body)
	}
	for _, rec := range records() {
		if rec.Decision != "error" {
			t.Errorf("recorded as %+v", rec)
		}
	}
}

// TestStreaming: events arrive while the server still sends.
func TestStreaming(t *testing.T) {
	next := make(chan bool)
	srv, _ := gate(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			http.NewResponseController(w).Flush()
			<-next
		}
	}), nil)
	r, _ := http.NewRequest("GET", srv.URL+"/things/7", nil)
	r.Header.Set("Authorization", "Bearer client")
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for i := range 3 {
		for lines.Scan() && lines.Text() == "" {
		}
		if want := fmt.Sprintf("data: %d", i); lines.Text() != want {
			t.Fatalf("event %q, want %q", lines.Text(), want)
		}
		next <- true // the server goes on only now
	}
}

func TestHead(t *testing.T) {
	srv, _ := gate(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Method) }), nil)
	if status, body := do(t, "HEAD", srv.URL+"/things/7", ""); status != 200 || body != "" {
		t.Errorf("%d %q", status, body)
	}
}

// TestObserve: what would be refused passes and is written down; what can be read in two ways is refused all the same.
func TestObserve(t *testing.T) {
	seen := 0
	srv, records := gate(t, kind, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { seen++ }), func(c *gateway.Config) { c.Observe = true })
	if status, _ := do(t, "GET", srv.URL+"/things/foreign", ""); status != 200 || seen != 1 {
		t.Errorf("observing refused: %d", status)
	}
	if rec := records()[0]; rec.Observed == "" || rec.Decision != "allow" {
		t.Errorf("recorded as %+v", rec)
	}
	if status, _ := do(t, "GET", srv.URL+"/files/%2e%2e/x", ""); status != 400 || seen != 1 {
		t.Errorf("observing passed on a path with two readings: %d", status)
	}
}

// TestFailClosed: when a part of the gate cannot work, nothing passes.
func TestFailClosed(t *testing.T) {
	broken := errors.New("disk full")
	for _, c := range []struct {
		name   string
		change func(*gateway.Config)
		status int // 0: the connection is cut
	}{
		{"identify", func(c *gateway.Config) {
			c.Identify = func(*http.Request, *wire.Request) (auth.Principal, error) { return auth.Principal{}, broken }
		}, 500},
		{"ready", func(c *gateway.Config) { c.Ready = func() error { return broken } }, 503},
		{"decide", func(c *gateway.Config) {
			c.Decide = func(auth.Principal, auth.Action, auth.Resource) auth.Decision { panic("a mistake in a policy") }
		}, 500},
		{"locate", func(c *gateway.Config) {
			k := *kind
			k.Routes = []gateway.Route{{Method: "GET", Path: "/things/{id}", Resource: "thing", Action: auth.Read, Locate: func(*gateway.Exchange) ([]auth.Resource, error) { return nil, broken }}}
			c.Upstreams[0].Kind = &k
		}, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			srv, _ := gate(t, kind, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was passed on") }), c.change)
			if status, body := do(t, "GET", srv.URL+"/things/7", ""); status != c.status || strings.Contains(body, "disk full") {
				t.Errorf("%d %s, want %d", status, body, c.status)
			}
		})
	}
	t.Run("record", func(t *testing.T) {
		srv, _ := gate(t, kind, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(c *gateway.Config) {
			c.Record = func(audit.Record) error { return broken }
		})
		r, _ := http.NewRequest("POST", srv.URL+"/things", strings.NewReader("{}"))
		r.Header.Set("Authorization", "Bearer client")
		r.Header.Set("Content-Type", "application/json")
		if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
			b, rerr := io.ReadAll(res.Body)
			res.Body.Close()
			if rerr == nil {
				t.Errorf("a request that could not be written down was answered: %d %s", res.StatusCode, b)
			}
		}
	})
}

func TestUpstreamsByHostAndPrefix(t *testing.T) {
	answer := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name+" "+r.URL.Path) }))
		t.Cleanup(s.Close)
		return s
	}
	one, two, three := answer("one"), answer("two"), answer("three")
	srv, _ := gate(t, kind, http.NotFoundHandler(), func(c *gateway.Config) {
		c.Upstreams = nil
		for _, u := range []struct{ name, to, host, prefix string }{
			{"one", one.URL, "", ""}, {"two", two.URL + "/base", "", "/second"}, {"three", three.URL, "three.example.org", ""},
		} {
			c.Upstreams = append(c.Upstreams, &gateway.Upstream{Name: u.name, Kind: kind, To: parse(t, u.to), Host: u.host, Prefix: u.prefix})
		}
	})
	for _, c := range []struct{ path, host, want string }{
		{"/things/7", "", "one /things/7"},
		{"/second/things/7", "", "two /base/things/7"},
		{"/things/7", "three.example.org", "three /things/7"},
		{"/second/things/7", "three.example.org", "two /base/things/7"},
	} {
		header := []string{}
		if c.host != "" {
			header = []string{"Host", c.host}
		}
		if status, body := do(t, "GET", srv.URL+c.path, "", header...); status != 200 || body != c.want {
			t.Errorf("%s %s: %d %q, want %q", c.host, c.path, status, body, c.want)
		}
	}
}

// TestSlowUpstream: a server that does not begin to answer is a 504 or 502, and the client's connection is free again.
func TestSlowUpstream(t *testing.T) {
	stop := make(chan bool)
	defer close(stop)
	srv, _ := gate(t, kind, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }), func(c *gateway.Config) {
		c.Upstreams[0].Timeout = 50 * time.Millisecond
	})
	if status, _ := do(t, "GET", srv.URL+"/things/7", ""); status != 502 && status != 504 {
		t.Errorf("status %d", status)
	}
}

func TestTables(t *testing.T) {
	to := parse(t, "http://127.0.0.1:1")
	for _, c := range []struct {
		name   string
		routes []gateway.Route
		change func(*gateway.Upstream)
		says   string
	}{
		{"twice", []gateway.Route{{Method: "GET", Path: "/a/{x}", Public: true}, {Method: "GET", Path: "/a/{y}", Public: true}}, nil, "twice, as /a/{x} too"},
		{"rest in the middle", []gateway.Route{{Method: "GET", Path: "/a/{x...}/b", Public: true}}, nil, "only be the last"},
		{"empty segment", []gateway.Route{{Method: "GET", Path: "/a//b", Public: true}}, nil, "empty segment"},
		{"no slash", []gateway.Route{{Method: "GET", Path: "a", Public: true}}, nil, "begins with '/'"},
		{"no action", []gateway.Route{{Method: "GET", Path: "/a", Resource: "thing"}}, nil, "needs an action"},
		{"no such action", []gateway.Route{{Method: "GET", Path: "/a", Resource: "thing", Action: "look"}}, nil, "needs an action"},
		{"no resource", []gateway.Route{{Method: "GET", Path: "/a", Action: auth.Read}}, nil, "needs an action"},
		{"a misspelled switch", nil, func(u *gateway.Upstream) { u.On = map[string]bool{"seperate": true} }, `"seperate" is none of separate`},
		{"a misspelled list", nil, func(u *gateway.Upstream) { u.Allow = map[string][]string{"root": {"/"}} }, `"root" is none of roots`},
		{"fail-open for no route", nil, func(u *gateway.Upstream) { u.FailOpen = map[string]bool{"PUT /b": true} }, `"PUT /b" is no route`},
	} {
		u := &gateway.Upstream{Name: "u", To: to, Kind: &gateway.Kind{Name: "k", Routes: c.routes, Switch: []string{"separate"}, Allow: []string{"roots"}}}
		if c.change != nil {
			c.change(u)
		}
		_, err := gateway.New(gateway.Config{
			Upstreams: []*gateway.Upstream{u},
			Identify:  func(*http.Request, *wire.Request) (auth.Principal, error) { return auth.Principal{}, nil },
			Decide:    func(auth.Principal, auth.Action, auth.Resource) auth.Decision { return auth.Decision{} },
			Record:    func(audit.Record) error { return nil },
		})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestNothingFound: a route that finds no resource is about all of its type, which is not everybody's.
func TestNothingFound(t *testing.T) {
	k := *kind
	k.Routes = []gateway.Route{{Method: "GET", Path: "/things", Resource: "thing", Action: auth.Read, Locate: func(*gateway.Exchange) ([]auth.Resource, error) { return nil, nil }}}
	var asked []auth.Resource
	srv, _ := gate(t, &k, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was passed on") }), func(c *gateway.Config) {
		c.Decide = func(_ auth.Principal, _ auth.Action, r auth.Resource) auth.Decision {
			asked = append(asked, r)
			return auth.Decision{}
		}
	})
	if status, _ := do(t, "GET", srv.URL+"/things", ""); status != 403 || len(asked) != 1 || asked[0].Type != "thing" {
		t.Errorf("status %d, asked about %v", status, asked)
	}
}
