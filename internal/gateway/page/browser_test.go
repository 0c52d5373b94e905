package page

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"weir/internal/gateway/gatetest"
	"weir/internal/store"
)

func TestMain(m *testing.M) { os.Exit(gatetest.Main(m)) }

// TestBrowser uses the pages as people do, in a real browser: by eye in both colour schemes, on a phone, by keyboard alone, and by what a screen reader
// is told.
func TestBrowser(t *testing.T) {
	s, p := pages(t)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/as" {
			http.SetCookie(w, &http.Cookie{Name: "who", Value: r.URL.RawQuery, Path: "/"})
			http.Redirect(w, r, "/-/weir/", http.StatusSeeOther)
			return
		}
		p.ServeHTTP(w, r)
	}))
	defer srv.Close()
	tab := gatetest.NewBrowser(t).Tab(t)
	at := srv.URL + "/-/weir/"
	tab.Open(srv.URL + "/as?root")

	const item = "quarantine/q-0123456789ab"
	for _, page := range []string{"quarantine", item, "refusals", "tokens", "quarantine/q-nothing"} {
		for _, scheme := range []string{"light", "dark"} {
			tab.Scheme(scheme)
			tab.Open(at + page)
			tab.Shot("page-" + strings.ReplaceAll(page, "/", "-") + "-" + scheme)
			if s := tab.Faint(); s != "" {
				t.Errorf("%s, %s: hard to read:\n%s", page, scheme, s)
			}
		}
		if n := tab.Unnamed(); len(n) > 0 {
			t.Errorf("%s: a screen reader has no name for %v", page, n)
		}
		if n := tab.Eval("document.querySelectorAll('h1').length + ' ' + document.querySelectorAll('main').length + ' ' + document.documentElement.lang"); n != "1 1 en" {
			t.Errorf("%s: headings, mains and language are %q", page, n)
		}
		tab.Width(320)
		if n := tab.Eval("document.documentElement.scrollWidth > innerWidth"); n != "false" {
			t.Errorf("%s: wider than a phone of 320 pixels", page)
		}
		tab.Shot("page-" + strings.ReplaceAll(page, "/", "-") + "-narrow")
		tab.Width(1400)
	}
	requests, console := tab.Take()
	console = slices.DeleteFunc(console, func(s string) bool { return strings.Contains(s, "404") && strings.Contains(s, "q-nothing") })
	if len(console) > 0 {
		t.Errorf("the browser complains: %q", console)
	}
	for _, r := range requests {
		if r.Failed != "" || r.Status != 200 && r.Status != 303 && !strings.HasSuffix(r.URL, "q-nothing") {
			t.Errorf("%+v", r)
		}
	}
	if len(requests) < 15 {
		t.Errorf("only %d requests were seen", len(requests))
	}

	byKeyboard(t, s, tab, at)
}

// byKeyboard releases an item, makes a token and revokes one without a mouse.
func byKeyboard(t *testing.T, s *state, tab *gatetest.Tab, at string) {
	tab.Open(at + "quarantine")
	tab.Key("Tab")
	if got := tab.Eval("document.activeElement.textContent"); got != "To the content" {
		t.Errorf("the first stop is %q", got)
	}
	tab.Key("Enter")
	if got := tab.Eval("document.activeElement.id"); got != "main" {
		t.Errorf("the link to the content leads to %q", got)
	}
	walk(t, tab, "document.activeElement.textContent.startsWith('weights')")
	tab.Key("Enter")
	tab.Wait("location.pathname.endsWith('q-0123456789ab') && document.readyState == 'complete'")
	walk(t, tab, "document.activeElement.id == 'why-release'")
	tab.Key("Enter") // without a reason the form does not go
	tab.Rest()
	if s.held[0].State != store.StateHeld {
		t.Error("it was released without a reason")
	}
	tab.Type("looked at it: harmless")
	tab.Key("Enter")
	tab.Wait("document.querySelector('[role=status]')")
	if s.held[0].State != store.StateReleased || s.held[0].Reason != "looked at it: harmless" {
		t.Errorf("after the release: %+v", s.held[0])
	}

	tab.Open(at + "tokens")
	walk(t, tab, "document.activeElement.id == 'note'")
	tab.Type("nightly job")
	walk(t, tab, "document.activeElement.textContent == 'Make token'")
	tab.Key("Enter")
	tab.Wait("document.querySelector('.secret')")
	if got := tab.Eval("document.querySelector('.secret').textContent"); got != "weir_newnewnewnew_secretsecret" {
		t.Errorf("the new token is shown as %q", got)
	}
	tab.Shot("page-token-made")
	walk(t, tab, "document.activeElement.getAttribute('aria-label') == 'Revoke weir_bobsbobsbobs'")
	tab.Key("Enter")
	tab.Wait("document.querySelector('[role=status]') && location.search == '?done=revoked'")
	if s.tokens[1].Revoked.IsZero() {
		t.Error("the token was not revoked")
	}
}

// walk presses Tab until something has the focus, and sees that the focus is visible there.
func walk(t *testing.T, tab *gatetest.Tab, until string) {
	t.Helper()
	for range 60 {
		if tab.Eval("!!("+until+")") == "true" {
			if tab.Eval("getComputedStyle(document.activeElement).outlineStyle") == "none" {
				t.Errorf("the focus cannot be seen where %s", until)
			}
			return
		}
		tab.Key("Tab")
	}
	t.Fatalf("%s is not reached by the keyboard; the page shows:\n%s", until, tab.Text())
}
