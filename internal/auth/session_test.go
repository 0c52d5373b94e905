package auth_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"weir/internal/auth"
)

// post sends the login form from a page of this server, over TLS or not.
func post(h http.Handler, secure bool, form url.Values, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "/-/weir/login", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Host = "gate.example"
	if secure {
		r.TLS = &tls.ConnectionState{}
	}
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func login(next string) url.Values {
	return url.Values{"name": {"ann"}, "password": {password}, "next": {next}}
}

func cookie(t testing.TB, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if c.MaxAge > 0 {
			return c
		}
	}
	t.Fatalf("status %d and no cookie: %s", w.Code, w.Body)
	return nil
}

func TestFormLogin(t *testing.T) {
	var events []auth.Event
	h := newHouse(t, auth.Options{Session: time.Hour, Watch: func(e auth.Event) { events = append(events, e) }})
	h.user(t, "ann", auth.Grant{Role: auth.RoleAdmin})
	for _, secure := range []bool{false, true} {
		w := post(h.Login(), secure, login("/#/experiments/1?x=y"), nil)
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/#/experiments/1?x=y" {
			t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
		}
		c := cookie(t, w)
		if !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || strings.HasPrefix(c.Name, "__Host-") != secure {
			t.Errorf("cookie %q", c)
		}
		cred := from(here, "Cookie", "other=1; "+c.Name+"="+c.Value, "Sec-Fetch-Site", "same-origin")
		if secure {
			cred.TLS = &tls.ConnectionState{}
		}
		p, err := h.Identify(context.Background(), cred)
		if err != nil || p.Name != "ann" || p.Method != "session" || p.Foreign {
			t.Fatalf("principal %+v, error %v", p, err)
		}
		cred.TLS, cred.Header = nil, http.Header{"Cookie": {"__Host-weir=" + c.Value}}
		if got := h.why(t, cred); got != auth.Missing {
			t.Errorf("a cookie for TLS without TLS: %q", got)
		}
	}
	if len(events) != 2 || events[0].Name != "ann" || events[0].Err != nil {
		t.Errorf("events %+v", events)
	}
}

func TestFormLoginRefused(t *testing.T) {
	var last auth.Event
	h := newHouse(t, auth.Options{Watch: func(e auth.Event) { last = e }})
	h.user(t, "ann")
	wrong := login("/")
	wrong.Set("password", "wrong horse battery")
	for _, c := range []struct {
		name   string
		form   url.Values
		change func(*http.Request)
		status int
	}{
		{"wrong password", wrong, nil, 401},
		{"another site", login("/"), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"a subdomain", login("/"), func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403},
		{"another origin", login("/"), func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "http://evil.example") }, 403},
		{"no origin at all", login("/"), func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }, 403},
		{"origin null", login("/"), func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "null") }, 403},
		{"as json", login("/"), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, 400},
		{"too long", url.Values{"name": {"ann"}, "password": {strings.Repeat("x", 20<<10)}}, nil, 400},
	} {
		w := post(h.Login(), false, c.form, c.change)
		if w.Code != c.status || len(w.Result().Cookies()) != 0 {
			t.Errorf("%s: %d, cookies %v", c.name, w.Code, w.Result().Cookies())
		}
		if w.Header().Get("Content-Security-Policy") == "" || w.Header().Get("X-Frame-Options") != "DENY" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", c.name, w.Header())
		}
	}
	if last.Err == nil || last.Err.Status != 401 || last.Name != "ann" {
		t.Errorf("last event %+v", last)
	}
	if w := post(h.Login(), false, login("/"), func(r *http.Request) { r.Header.Del("Sec-Fetch-Site"); r.Header.Set("Origin", "http://gate.example") }); w.Code != 303 {
		t.Errorf("our own origin: %d", w.Code)
	}
	page := url.Values{"name": {`"><script>`}, "password": {"x"}, "next": {`/"><script>alert(1)</script>`}}
	if w := post(h.Login(), false, page, nil); strings.Contains(w.Body.String(), "<script>") {
		t.Errorf("the page repeats what it was sent: %s", w.Body)
	}
}

// TestForeignSite: a cookie that another site makes the browser send may only read.
func TestForeignSite(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann", auth.Grant{Role: auth.RoleAdmin})
	c := cookie(t, post(h.Login(), false, login("/"), nil))
	for _, k := range []struct {
		headers []string
		foreign bool
	}{
		{[]string{"Sec-Fetch-Site", "same-origin"}, false}, {[]string{"Sec-Fetch-Site", "none"}, false}, {[]string{"Sec-Fetch-Site", "cross-site"}, true},
		{[]string{"Sec-Fetch-Site", "same-site"}, true}, {[]string{"Origin", "http://gate.example"}, false}, {[]string{"Origin", "http://evil.example"}, true},
		{[]string{"Referer", "http://gate.example/x"}, false}, {[]string{"Referer", "http://gate.example.evil/x"}, true}, {nil, true},
	} {
		p, err := h.Identify(context.Background(), from(here, append([]string{"Cookie", c.Name + "=" + c.Value}, k.headers...)...))
		if err != nil {
			t.Fatal(err)
		}
		r := auth.Resource{Type: "experiment", ID: "1"}
		if p.Foreign != k.foreign || h.Decide(p, auth.Write, r).Allow == k.foreign || !h.Decide(p, auth.Read, r).Allow {
			t.Errorf("%v: foreign %t, write %t", k.headers, p.Foreign, h.Decide(p, auth.Write, r).Allow)
		}
	}
	// A token is no cookie: no browser sends it by itself.
	shown, _ := h.token(t, "ann", 0)
	if p, err := h.Identify(context.Background(), from(here, "Authorization", "Bearer "+shown, "Sec-Fetch-Site", "cross-site")); err != nil || p.Foreign {
		t.Errorf("principal %+v, error %v", p, err)
	}
}

func TestSessionEnds(t *testing.T) {
	ctx := context.Background()
	for name, end := range map[string]func(*house, *http.Cookie) error{
		"time":         func(h *house, _ *http.Cookie) error { h.clock.Add(7200); return nil },
		"new password": func(h *house, _ *http.Cookie) error { return h.SetPassword(ctx, "ann", "another long password") },
		"new groups":   func(h *house, _ *http.Cookie) error { return h.SetGroups(ctx, "ann", []string{"x"}) },
		"disabled":     func(h *house, _ *http.Cookie) error { return h.Disable(ctx, "ann") },
		"deleted":      func(h *house, _ *http.Cookie) error { return h.Delete(ctx, "ann") },
		"logout": func(h *house, c *http.Cookie) error {
			r := httptest.NewRequest("POST", "/-/weir/logout", nil)
			r.AddCookie(c)
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			h.Login().ServeHTTP(httptest.NewRecorder(), r)
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, auth.Options{Session: time.Hour})
			h.user(t, "ann")
			c := cookie(t, post(h.Login(), false, login("/"), nil))
			cred := from(here, "Cookie", c.Name+"="+c.Value)
			if got := h.why(t, cred); got != "" {
				t.Fatalf("before the end: %q", got)
			}
			if err := end(h, c); err != nil {
				t.Fatal(err)
			}
			if got := h.why(t, cred); got != auth.Expired {
				t.Errorf("after the end: %q", got)
			}
		})
	}
	h := newHouse(t, auth.Options{})
	if got := h.why(t, from(here, "Cookie", "weir-session=invented")); got != auth.Expired {
		t.Errorf("an invented session: %q", got)
	}
	if got := h.why(t, from(here, "Cookie", "weir-session=a; weir-session=b")); got != auth.Malformed {
		t.Errorf("two sessions: %q", got)
	}
}

func TestProxy(t *testing.T) {
	proxy := &auth.Proxy{Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("::1/128")}, User: "X-Forwarded-User", Groups: "X-Forwarded-Groups"}
	h := newHouse(t, auth.Options{Proxy: proxy})
	h.user(t, "local")
	for _, c := range []struct {
		name, addr string
		headers    []string
		want       auth.Why
	}{
		{"the proxy", here, []string{"X-Forwarded-User", "ann"}, ""},
		{"the proxy by its other address", "::1", []string{"X-Forwarded-User", "ann"}, ""},
		{"the proxy as IPv4 in IPv6", "::ffff:192.0.2.1", []string{"X-Forwarded-User", "ann"}, ""},
		{"somebody else", "192.0.2.77", []string{"X-Forwarded-User", "ann"}, auth.Untrusted},
		{"somebody else with groups alone", "192.0.2.77", []string{"X-Forwarded-Groups", "admins"}, auth.Untrusted},
		{"two users", here, []string{"X-Forwarded-User", "ann", "X-Forwarded-User", "bob"}, auth.Malformed},
		{"groups alone", here, []string{"X-Forwarded-Groups", "admins"}, auth.Malformed},
		{"no name", here, []string{"X-Forwarded-User", "a,b"}, auth.Malformed},
		{"empty", here, []string{"X-Forwarded-User", ""}, auth.Malformed},
		{"a local account", here, []string{"X-Forwarded-User", "local"}, auth.Wrong},
		{"nothing", here, nil, auth.Missing},
	} {
		if got := h.why(t, from(c.addr, c.headers...)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	p, err := h.Identify(context.Background(), from(here, "X-Forwarded-User", "ann", "X-Forwarded-Groups", "b, a,,b"))
	if err != nil || p.Name != "ann" || p.Method != "header" || strings.Join(p.Groups, ",") != "a,b" {
		t.Errorf("principal %+v, error %v", p, err)
	}
	for name, p := range map[string]*auth.Proxy{
		"nobody listed": {User: "X-User"}, "everybody": {User: "X-User", Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
		"no header": {Allow: proxy.Allow}, "authorization": {User: "authorization", Allow: proxy.Allow},
	} {
		if _, err := auth.Open(h.store, auth.Options{Proxy: p}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestForwardedFor: who comes through a listed proxy is counted by the address that it tells, and nobody chooses that address.
func TestForwardedFor(t *testing.T) {
	h := newHouse(t, auth.Options{Forwarders: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, c := range []struct {
		remote string
		header []string
		want   string
	}{
		{"10.0.0.1", []string{"203.0.113.5"}, "203.0.113.5"}, {"10.0.0.1", []string{"198.51.100.1, 203.0.113.5"}, "203.0.113.5"},
		{"10.0.0.1", []string{"198.51.100.1", "203.0.113.5, 10.1.1.1"}, "203.0.113.5"}, {"10.0.0.1", nil, "10.0.0.1"}, {"10.0.0.1", []string{"10.2.2.2"}, "10.0.0.1"},
		{"10.0.0.1", []string{"203.0.113.5, nonsense"}, "10.0.0.1"}, {"192.0.2.1", []string{"203.0.113.5"}, "192.0.2.1"}, {"::ffff:10.0.0.1", []string{"2001:db8::1"}, "2001:db8::1"},
	} {
		got := h.Client(http.Header{"X-Forwarded-For": c.header}, netip.AddrPortFrom(netip.MustParseAddr(c.remote), 1))
		if got.Addr().String() != c.want {
			t.Errorf("%s with %q: %s, want %s", c.remote, c.header, got, c.want)
		}
	}
	if got := newHouse(t, auth.Options{}).Client(http.Header{"X-Forwarded-For": {"203.0.113.5"}}, netip.MustParseAddrPort("10.0.0.1:1")); got.String() != "10.0.0.1:1" {
		t.Errorf("with no proxy listed: %s", got)
	}
}

// TestHeaderWithoutProxyMode: nobody becomes somebody by a header when no proxy is trusted.
func TestHeaderWithoutProxyMode(t *testing.T) {
	h := newHouse(t, auth.Options{})
	h.user(t, "ann")
	if got := h.why(t, from(here, "X-Forwarded-User", "ann", "Remote-User", "ann", "X-Remote-User", "ann")); got != auth.Missing {
		t.Errorf("%q", got)
	}
}

func certificate(change func(*x509.Certificate)) *tls.ConnectionState {
	c := &x509.Certificate{Subject: pkix.Name{CommonName: "robot"}, NotBefore: start.Add(-time.Hour), NotAfter: start.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if change != nil {
		change(c)
	}
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
}

func TestCertificate(t *testing.T) {
	h := newHouse(t, auth.Options{Certificates: &auth.Certificates{Accounts: map[string]string{"spiffe://corp/train": "trainer"}}})
	h.user(t, "robot")
	h.user(t, "trainer")
	h.user(t, "gone")
	if err := h.Disable(context.Background(), "gone"); err != nil {
		t.Fatal(err)
	}
	spiffe, err := url.Parse("spiffe://corp/train")
	if err != nil {
		t.Fatal(err)
	}
	unverified := certificate(nil)
	unverified.VerifiedChains = nil
	for _, c := range []struct {
		name  string
		state *tls.ConnectionState
		who   string
		why   auth.Why
	}{
		{"common name", certificate(nil), "robot", ""},
		{"mapped uri before the common name", certificate(func(c *x509.Certificate) { c.URIs = []*url.URL{spiffe} }), "trainer", ""},
		{"no account", certificate(func(c *x509.Certificate) { c.Subject.CommonName = "stranger" }), "", auth.Wrong},
		{"disabled", certificate(func(c *x509.Certificate) { c.Subject.CommonName = "gone" }), "", auth.Wrong},
		{"over", certificate(func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Minute) }), "", auth.Expired},
		{"not yet", certificate(func(c *x509.Certificate) { c.NotBefore = start.Add(time.Minute) }), "", auth.Expired},
		{"for servers", certificate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "", auth.Wrong},
		{"not verified", unverified, "", auth.Missing},
		{"none", &tls.ConnectionState{}, "", auth.Missing},
	} {
		t.Run(c.name, func(t *testing.T) {
			cred := from(here)
			cred.TLS = c.state
			if got := h.why(t, cred); got != c.why {
				t.Fatalf("why %q, want %q", got, c.why)
			}
			if c.why != "" {
				return
			}
			if p, err := h.Identify(context.Background(), cred); err != nil || p.Name != c.who || p.Method != "certificate" {
				t.Errorf("principal %+v, error %v", p, err)
			}
		})
	}
	// A wrong header is not made up for by a right certificate.
	cred := from(here, "Authorization", basic("robot", "wrong horse battery"))
	cred.TLS = certificate(nil)
	if got := h.why(t, cred); got != auth.Wrong {
		t.Errorf("wrong password beside a certificate: %q", got)
	}
	plain := newHouse(t, auth.Options{})
	plain.user(t, "robot")
	cred = from(here)
	cred.TLS = certificate(nil)
	if got := plain.why(t, cred); got != auth.Missing {
		t.Errorf("a certificate where none are taken: %q", got)
	}
}

// TestLoginLimit: one address logs in so often and not more, whatever comes of it, and others go on.
func TestLoginLimit(t *testing.T) {
	h := newHouse(t, auth.Options{Limits: auth.Limits{Class: map[string]auth.Rate{auth.ClassLogin: {PerSecond: 0.001, Burst: 2}}}})
	h.user(t, "ann")
	from := func(addr string) func(*http.Request) { return func(r *http.Request) { r.RemoteAddr = addr + ":4711" } }
	for range 2 {
		cookie(t, post(h.Login(), false, login("/"), from("192.0.2.1")))
	}
	if w := post(h.Login(), false, login("/"), from("192.0.2.1")); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("the third login: %d %v", w.Code, w.Header())
	}
	cookie(t, post(h.Login(), false, login("/"), from("192.0.2.2")))
}
