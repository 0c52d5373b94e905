package gateway_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// gate puts a gate before a recorder; allowed says who may what.
func gate(t *testing.T, kind *gateway.Kind, upstream http.Handler, change func(*gateway.Config)) (*httptest.Server, func() []audit.Record) {
	t.Helper()
	up := httptest.NewServer(upstream)
	t.Cleanup(up.Close)
	to, err := url.Parse(up.URL)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var records []audit.Record
	c := gateway.Config{
		Upstreams: []*gateway.Upstream{{Name: "u", Kind: kind, To: to, Credential: gateway.Credential{Bearer: "gate-own"}}},
		Identify: func(r *http.Request, _ *wire.Request) (auth.Principal, error) {
			if r.Header.Get("Authorization") != "Bearer client" {
				return auth.Principal{}, wire.Refuse(http.StatusUnauthorized, "UNAUTHENTICATED", "auth", "say who you are")
			}
			return auth.Principal{Name: "ann"}, nil
		},
		Decide: func(p auth.Principal, a auth.Action, r auth.Resource) auth.Decision {
			return auth.Decision{Allow: r.ID != "foreign", Policy: "test"}
		},
		Record: func(r audit.Record) error {
			mu.Lock()
			defer mu.Unlock()
			records = append(records, r)
			return nil
		},
	}
	if change != nil {
		change(&c)
	}
	g, err := gateway.New(c)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(g)
	t.Cleanup(func() { srv.Close(); g.Close() })
	return srv, func() []audit.Record {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(records)
	}
}

var kind = &gateway.Kind{Name: "test", Routes: []gateway.Route{
	{Method: "GET", Path: "/health", Public: true},
	{Method: "GET", Path: "/", Resource: "ui", Action: auth.Read},
	{Method: "GET", Path: "/things/{id}", Resource: "thing", Action: auth.Read, Query: []string{"a", "b*"}, Locate: func(x *gateway.Exchange) ([]auth.Resource, error) {
		return []auth.Resource{{Type: "thing", ID: x.Vars["id"]}}, nil
	}},
	{Method: "POST", Path: "/things", Resource: "thing", Action: auth.Write, Body: gateway.JSON},
	{Method: "GET", Path: "/files/{path...}", Resource: "file", Action: auth.Download},
}}

func do(t *testing.T, method, target, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer client")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestPipeline(t *testing.T) {
	var seen []string
	srv, records := gate(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		seen = append(seen, r.Method+" "+r.RequestURI+" "+string(b)+" "+r.Header.Get("Authorization"))
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		io.WriteString(w, "answer")
	}), nil)
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		upstream                 string // what the server behind sees; empty: nothing
	}{
		{"a route", "GET", "/things/7?a=1&b=2&b=3", "", nil, 200, "GET /things/7?a=1&b=2&b=3  Bearer gate-own"},
		{"a rest", "GET", "/files/a/b%20c/%C3%BC+d", "", nil, 200, "GET /files/a/b%20c/%C3%BC%2Bd  Bearer gate-own"},
		{"json", "POST", "/things", `{"a": 1}`, []string{"Content-Type", "application/json; charset=utf-8"}, 200, `POST /things {"a": 1} Bearer gate-own`},
		{"no account needed", "GET", "/health", "", []string{"Authorization", ""}, 200, "GET /health  Bearer gate-own"},
		{"nobody", "GET", "/things/7", "", []string{"Authorization", ""}, 401, ""},
		{"not theirs", "GET", "/things/foreign", "", nil, 403, ""},
		{"not in the table", "GET", "/other", "", nil, 404, ""},
		{"not by this method", "DELETE", "/things/7", "", nil, 405, ""},
		{"a parameter twice", "GET", "/things/7?a=1&a=2", "", nil, 400, ""},
		{"a parameter unknown", "GET", "/things/7?c=1", "", nil, 400, ""},
		{"json twice", "POST", "/things", `{"a": 1, "a": 2}`, []string{"Content-Type", "application/json"}, 400, ""},
		{"json as text", "POST", "/things", `{"a": 1}`, []string{"Content-Type", "text/plain"}, 415, ""},
		{"json in json", "POST", "/things", `"{\"a\": 1}"`, []string{"Content-Type", "application/json"}, 400, ""},
		{"a climbing path", "GET", "/files/%2e%2e/x", "", nil, 400, ""},
		{"a body where none belongs", "GET", "/things/7", `{"id": "foreign"}`, nil, 400, ""},
		{"a rebound name", "GET", "/things/7", "", []string{"Host", "evil.example.org"}, 403, ""},
		{"another site's page", "GET", "/things/7", "", []string{"Origin", "http://evil.example.org"}, 403, ""},
		{"another site's form", "POST", "/things", `{}`, []string{"Sec-Fetch-Site", "cross-site", "Content-Type", "application/json"}, 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen = nil
			n := len(records())
			status, body := do(t, c.method, srv.URL+c.path, c.body, c.header...)
			if status != c.status {
				t.Errorf("status %d, want %d: %s", status, c.status, body)
			}
			if got := strings.Join(seen, "\n"); got != c.upstream {
				t.Errorf("the server saw %q, want %q", got, c.upstream)
			}
			if len(records()) != n+1 {
				t.Fatalf("%d records for one request", len(records())-n)
			}
			if rec := records()[n]; rec.Status != c.status || (rec.Decision == "allow") != (c.status == 200) {
				t.Errorf("recorded as %+v", rec)
			}
		})
	}
}

func parse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
