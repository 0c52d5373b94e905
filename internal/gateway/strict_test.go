package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/wire"
)

// raw sends text over a connection of its own.
func raw(t *testing.T, srv *httptest.Server, text string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// TestHalfClosed: a client that ends its half of the connection has given up its request, and must not read that it was carried out.
func TestHalfClosed(t *testing.T) {
	asked := make(chan bool)
	srv, _ := gate(t, kind, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	}), nil)
	c := raw(t, srv, "GET /things/7 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer client\r\n\r\n")
	<-asked
	c.CloseWrite()
	if b, err := io.ReadAll(c); err == nil && len(b) > 0 {
		t.Errorf("it was told %q", b)
	}
}

// TestCutOff: what was begun and cut off by a page of the gate's own is written down all the same.
func TestCutOff(t *testing.T) {
	records := make(chan audit.Record, 8)
	srv, _ := gate(t, kind, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(c *gateway.Config) {
		c.Record = func(r audit.Record) error { records <- r; return nil }
		c.Own = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		})
	})
	r, err := http.NewRequest("GET", srv.URL+"/-/weir/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	if res, err := http.DefaultTransport.RoundTrip(r); err == nil {
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err == nil {
			t.Errorf("half an answer passed for a whole one: %q", b)
		}
	}
	select {
	case r := <-records:
		if r.Decision != "error" {
			t.Errorf("written down: %+v", r)
		}
	case <-time.After(10 * time.Second):
		t.Error("it was not written down")
	}
}

// TestBehindProxy: where TLS ends before the gate, the origin of its own pages is https, and so are the addresses that it tells.
func TestBehindProxy(t *testing.T) {
	for _, c := range []struct {
		secure bool
		origin string
		status int
	}{
		{true, "https://gate.example.org", 200},
		{true, "http://gate.example.org", 403},
		{false, "https://gate.example.org", 403},
		{false, "http://gate.example.org", 200},
	} {
		here := ""
		k := *kind
		k.Routes = []gateway.Route{{Method: "POST", Path: "/things", Resource: "thing", Action: auth.Write, Body: gateway.JSON,
			Flow: func(x *gateway.Exchange) error { here = x.Here(); return x.Answer(200, "", nil) }}}
		srv, records := gate(t, &k, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(g *gateway.Config) {
			g.Secure, g.Hosts = c.secure, []string{"gate.example.org"}
			g.Client = func(h http.Header, _ netip.AddrPort) netip.AddrPort {
				return netip.AddrPortFrom(netip.MustParseAddr(h.Get("X-Forwarded-For")), 0)
			}
		})
		status, body := do(t, "POST", srv.URL+"/things", "{}", "Host", "gate.example.org", "Origin", c.origin, "Content-Type", "application/json", "X-Forwarded-For", "192.0.2.7")
		if status != c.status || status == 200 && here != c.origin {
			t.Errorf("secure %v, origin %s: %d %s, here is %q", c.secure, c.origin, status, body, here)
		}
		if r := records()[0]; r.From != "192.0.2.7" {
			t.Errorf("it came from %q, said the log", r.From)
		}
	}
}

// TestHostWithPort: an upstream's host is a name; people reach it at whatever port the gate listens on.
func TestHostWithPort(t *testing.T) {
	srv, _ := gate(t, kind, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(c *gateway.Config) { c.Upstreams[0].Host = "mlflow.example.org" })
	for host, want := range map[string]int{"mlflow.example.org": 200, "mlflow.example.org:5001": 200, "MLflow.Example.Org:5001": 200, "127.0.0.1:5001": 404, "other.example.org": 403} {
		if status, body := do(t, "GET", srv.URL+"/things/7", "", "Host", host); status != want {
			t.Errorf("%s: %d %s, want %d", host, status, body, want)
		}
	}
}

// TestStrangers: routes without an account have a limit too, for each address.
func TestStrangers(t *testing.T) {
	n := 0
	srv, _ := gate(t, kind, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n++ }), func(c *gateway.Config) {
		c.Stranger = func(from netip.Addr) error {
			if !from.IsLoopback() {
				t.Errorf("asked about %v", from)
			}
			return wire.Refuse(http.StatusTooManyRequests, "REQUEST_LIMIT_EXCEEDED", "auth-limited", "too many")
		}
	})
	if status, _ := do(t, "GET", srv.URL+"/health", ""); status != 429 || n != 0 {
		t.Errorf("status %d, %d passed on", status, n)
	}
}

// TestFlood: nobody fills the disk with refusals: after some they are counted, and the number is written.
func TestFlood(t *testing.T) {
	var mu sync.Mutex
	var lines, counted int
	g, err := gateway.New(gateway.Config{
		Upstreams: []*gateway.Upstream{{Name: "u", Kind: kind, To: parse(t, "http://127.0.0.1:1")}},
		Identify: func(*http.Request, *wire.Request) (auth.Principal, error) {
			return auth.Principal{}, wire.Refuse(http.StatusUnauthorized, "UNAUTHENTICATED", "auth", "say who you are")
		},
		Decide: func(auth.Principal, auth.Action, auth.Resource) auth.Decision { return auth.Decision{} },
		Record: func(r audit.Record) error {
			mu.Lock()
			defer mu.Unlock()
			if n, ok := r.More["requests"].(int); ok {
				if r.From != "192.0.2.1" {
					t.Errorf("counted for %q", r.From)
				}
				counted += n
				return nil
			}
			lines++
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	const sent = 3000
	for i := range sent {
		r := httptest.NewRequest("GET", "/things/7", nil)
		r.Host, r.RemoteAddr = "127.0.0.1", fmt.Sprintf("192.0.2.1:%d", 1000+i)
		w := httptest.NewRecorder()
		if g.ServeHTTP(w, r); w.Code != 401 {
			t.Fatalf("status %d", w.Code)
		}
	}
	g.Close()
	if lines+counted != sent || counted < sent/2 {
		t.Errorf("%d lines and %d counted of %d", lines, counted, sent)
	}
}

// TestLargeBodies: what bodies hold of the memory is bounded for all and for each account, and nobody waits for another account's.
func TestLargeBodies(t *testing.T) {
	var mu sync.Mutex
	holding, most := 0, 0
	entered, leave := make(chan string, 64), make(chan bool)
	k := *kind
	k.Routes = []gateway.Route{{Method: "POST", Path: "/things", Resource: "thing", Action: auth.Write, Body: gateway.JSON, Flow: func(x *gateway.Exchange) error {
		mu.Lock()
		if x.Who.Name == "greedy" {
			holding++
			most = max(most, holding)
		}
		mu.Unlock()
		entered <- x.Who.Name
		if x.Who.Name == "greedy" {
			<-leave
		}
		mu.Lock()
		defer mu.Unlock()
		if x.Who.Name == "greedy" {
			holding--
		}
		return x.Answer(200, "", nil)
	}}}
	srv, _ := gate(t, &k, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(c *gateway.Config) {
		c.Identify = func(r *http.Request, _ *wire.Request) (auth.Principal, error) {
			return auth.Principal{Name: r.Header.Get("Authorization")}, nil
		}
		c.Record = func(audit.Record) error { return nil }
	})
	body := `{"a": "` + strings.Repeat("x", 3<<20) + `"}`
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	send := func(who string) int {
		r, err := http.NewRequestWithContext(ctx, "POST", srv.URL+"/things", strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		r.Header = http.Header{"Authorization": {who}, "Content-Type": {"application/json"}}
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if s := send("greedy"); s != 200 {
				t.Errorf("a request that had to wait: %d", s)
			}
		})
	}
	for range 5 { // 5 times 3 MiB are the share of one
		<-entered
	}
	if s := send("other"); s != 200 {
		t.Errorf("another account's: %d", s)
	}
	close(leave)
	all.Wait()
	if most > 5 {
		t.Errorf("%d large bodies of one account at once", most)
	}
}

// TestClasses: limits of rate are asked for by action, and for uploads by a class of their own.
func TestClasses(t *testing.T) {
	k := *kind
	k.Routes = append([]gateway.Route{{Method: "PUT", Path: "/files/{path...}", Resource: "file", Action: auth.Write, Body: gateway.Stream}}, kind.Routes...)
	var asked []string
	srv, _ := gate(t, &k, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), func(c *gateway.Config) {
		c.Limit = func(who auth.Principal, class string) error { asked = append(asked, who.Name+" "+class); return nil }
	})
	do(t, "GET", srv.URL+"/things/7", "")
	do(t, "GET", srv.URL+"/files/a", "")
	do(t, "POST", srv.URL+"/things", "{}", "Content-Type", "application/json")
	do(t, "PUT", srv.URL+"/files/a", "content")
	do(t, "GET", srv.URL+"/health", "")
	if got := strings.Join(asked, ", "); got != "ann read, ann download, ann write, ann upload" {
		t.Errorf("asked for %s", got)
	}
}
