package page

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"weir"
	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/store"
)

var errNotHeld = errors.New("not held")

// state stands behind the pages: what the store, the vault and auth would hold.
type state struct {
	held     []store.Held
	tokens   []auth.Token
	made     []string // what NewToken was asked for
	refused  []audit.Record
	recorded []audit.Record
	ready    error
}

func (s *state) List(context.Context) ([]store.Held, error) { return s.held, nil }

func (s *state) Get(_ context.Context, id string) (store.Held, error) {
	for _, h := range s.held {
		if h.ID == id {
			return h, nil
		}
	}
	return store.Held{}, errNotHeld
}

func (s *state) Release(_ context.Context, id, by, reason string) (store.Held, error) {
	return s.decide(id, by, reason, store.StateReleased)
}

func (s *state) Delete(_ context.Context, id, by, reason string) (store.Held, error) {
	return s.decide(id, by, reason, store.StateDeleted)
}

func (s *state) decide(id, by, reason, to string) (store.Held, error) {
	for i := range s.held {
		if s.held[i].ID == id {
			s.held[i].State, s.held[i].By, s.held[i].Reason = to, by, reason
			return s.held[i], nil
		}
	}
	return store.Held{}, errNotHeld
}

func (s *state) Tokens(_ context.Context, account string) (out []auth.Token, err error) {
	for _, t := range s.tokens {
		if account == "" || t.Account == account {
			out = append(out, t)
		}
	}
	return out, nil
}

func (s *state) NewToken(_ context.Context, account, note string, life time.Duration, scopes []auth.Scope) (string, auth.Token, error) {
	s.made = append(s.made, fmt.Sprint(account, " ", note, " ", life, " ", scopes))
	t := auth.Token{ID: "newnewnewnew", Account: account, Note: note, Scopes: scopes, Created: time.Now(), Expires: time.Now().Add(life)}
	s.tokens = append(s.tokens, t)
	return "weir_newnewnewnew_secretsecret", t, nil
}

func (s *state) RevokeToken(_ context.Context, id string) error {
	for i := range s.tokens {
		if s.tokens[i].ID == id {
			s.tokens[i].Revoked = time.Now()
		}
	}
	return nil
}

// people are who may ask, by the value of the cookie.
var people = map[string]auth.Principal{
	"ann":     {Name: "ann", Kind: auth.User, Method: "session"},
	"root":    {Name: "root", Kind: auth.User, Method: "session", Roles: []auth.Grant{{Role: "admin"}}},
	"ci":      {Name: "ci", Kind: auth.Service, Method: "token", Token: "weir_citokencitok", Scopes: []auth.Scope{{Actions: []auth.Action{auth.Read}}}},
	"foreign": {Name: "root", Kind: auth.User, Method: "session", Roles: []auth.Grant{{Role: "admin"}}, Foreign: true},
}

func identify(r *http.Request) (auth.Principal, error) {
	c, err := r.Cookie("who")
	if err == nil {
		if p, ok := people[c.Value]; ok {
			return p, nil
		}
	}
	return auth.Principal{}, &auth.Denied{Status: 401, Why: auth.Missing, Reason: "an account is needed", Challenge: []string{"Bearer"}}
}

const nasty = "weights \u202etxt.kp<script>alert(1)</script>\n.pt"

func pages(t *testing.T) (*state, *Pages) {
	t.Helper()
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	s := &state{
		held: []store.Held{
			{ID: "q-0123456789ab", Time: at, Digest: "sha256:aa", Size: 12345, Server: "mlflow", Name: nasty, To: "experiment 1", Who: "ann", State: store.StateHeld, Attempts: 2,
				Report: store.Report{Verdict: weir.VerdictMalicious, Format: "pickle", Findings: []weir.Finding{{Rule: "pickle/code-execution", Severity: weir.SeverityCritical,
					Message: "calls os.system", Evidence: "os.system('echo <b>')", Fix: "do not load it"}}}},
			{ID: "q-ffffffffffff", Time: at, Digest: "sha256:bb", Server: "mlflow", Name: "bob's.pt", Who: "bob", State: store.StateHeld, Report: store.Report{Verdict: weir.VerdictIncomplete,
				Problems: []weir.Problem{{Path: "x", Stage: "parse", Reason: "encrypted"}}}},
		},
		tokens: []auth.Token{{ID: "annsannsanns", Account: "ann", Note: "laptop", Created: at}, {ID: "bobsbobsbobs", Account: "bob", Note: "bob's", Created: at},
			{ID: "citokencitok", Account: "ci", Created: at}, {ID: "ciotherciothe", Account: "ci", Created: at}},
		refused: []audit.Record{
			{Time: at, Request: "r1", Who: "ann", Server: "mlflow", Method: "POST", Path: "/api/2.0/mlflow/runs/delete", Route: "POST /api/2.0/mlflow/runs/delete", Action: "delete", Resource: []string{"run:abc"}, Decision: "deny", Status: 403, Policy: "no-role"},
			{Time: at, Request: "r0", Who: "ann", Server: "mlflow", Method: "POST", Path: "/api/2.0/mlflow/runs/delete", Route: "POST /api/2.0/mlflow/runs/delete", Action: "delete", Resource: []string{"run:def"}, Decision: "deny", Status: 403, Policy: "no-role"},
			{Time: at, Who: "bob", Server: "mlflow", Method: "GET", Path: "/<b>odd", Decision: "refuse", Status: 404, Policy: "unknown-route", Reason: "this path is not in the route table", Hint: `routes: ["GET /odd read"]`},
			{Time: at, Who: "ann", Decision: "allow", Observed: "would not do", Method: "GET", Path: "/watched", Status: 200},
			{Time: at, Decision: "deny", Method: "GET", Path: "/stranger", Status: 401, Reason: "an account is needed"},
		},
	}
	p := New(Config{
		Base: "/-/weir/", Quarantine: s, NotHeld: errNotHeld, Tokens: s, Refusals: func() []audit.Record { return s.refused }, Identify: identify,
		Decide: func(p auth.Principal, a auth.Action, r auth.Resource) auth.Decision {
			return auth.Decision{Allow: len(p.Roles) > 0 && p.Roles[0].Role == "admin" && !p.Foreign}
		},
		From:   func(r *http.Request) string { return r.RemoteAddr },
		Login:  func(next string) string { return "/-/weir/login?next=" + url.QueryEscape(next) },
		Record: func(r audit.Record) error { s.recorded = append(s.recorded, r); return nil },
		Ready:  func() error { return s.ready },
	})
	return s, p
}

func ask(t *testing.T, p *Pages, who, method, path string, form url.Values) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "http://gate.example"+path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if who != "" {
		r.AddCookie(&http.Cookie{Name: "who", Value: who})
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func key(t *testing.T, page string) string {
	t.Helper()
	m := regexp.MustCompile(`name="form" value="([0-9a-f]{64})"`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("the page has no form:\n%s", page)
	}
	return m[1]
}

// TestEverybodySees checks who sees what, on every page.
func TestEverybodySees(t *testing.T) {
	_, p := pages(t)
	for _, c := range []struct {
		who, path string
		status    int
		has, not  string
	}{
		{"", "/-/weir/tokens?x=1", 303, "", ""},
		{"ann", "/-/weir/", 303, "", ""},
		{"ann", "/-/weir/quarantine", 200, `weights \u202etxt.kp&lt;script&gt;alert(1)&lt;/script&gt;`, "bob"},
		{"root", "/-/weir/quarantine", 200, "bob&#39;s.pt", "<script"},
		{"ci", "/-/weir/quarantine", 200, "Nothing here", "bob"},
		{"ann", "/-/weir/quarantine/q-0123456789ab", 200, "os.system(&#39;echo &lt;b&gt;&#39;)", "/release"},
		{"root", "/-/weir/quarantine/q-0123456789ab", 200, "/release", "<b>"},
		{"ann", "/-/weir/quarantine/q-ffffffffffff", 404, "Nothing with this number", "bob"},
		{"ann", "/-/weir/quarantine/../x", 404, "", ""},
		{"ann", "/-/weir/quarantine?state=released", 200, "Nothing here", ""},
		{"ann", "/-/weir/quarantine?done=%3Cb%3E", 200, "", "role=\"status\""},
		{"ann", "/-/weir/refusals", 200, "weir gate role add ann maintainer --server mlflow --type run --id abc", "bob"},
		{"ann", "/-/weir/refusals", 200, "2 times", "stranger"},
		{"ann", "/-/weir/refusals", 200, "would be refused", ""},
		{"root", "/-/weir/refusals", 200, "routes: [&#34;GET /odd read&#34;]", "<b>odd"},
		{"root", "/-/weir/refusals", 200, "nobody known", ""},
		{"ann", "/-/weir/tokens", 200, "annsannsanns", "bobsbobsbobs"},
		{"root", "/-/weir/tokens", 200, "bobsbobsbobs", ""},
		{"ci", "/-/weir/tokens", 200, "a token cannot make tokens", "Make a token"},
		{"ann", "/-/weir/nothing", 404, "", ""},
		{"", "/-/weir/style.css", 200, ":root", ""},
	} {
		r := ask(t, p, c.who, "GET", c.path, nil)
		s := text(t, r)
		if r.StatusCode != c.status && !(c.status == 404 && r.StatusCode == 307) { // the mux cleans dots away
			t.Errorf("%s by %q: status %d, want %d", c.path, c.who, r.StatusCode, c.status)
		}
		if c.has != "" && !strings.Contains(s, c.has) {
			t.Errorf("%s by %q lacks %q:\n%s", c.path, c.who, c.has, s)
		}
		if c.not != "" && strings.Contains(s, c.not) {
			t.Errorf("%s by %q shows %q", c.path, c.who, c.not)
		}
		if csp := r.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s has the policy %q", c.path, csp)
		}
		if regexp.MustCompile(`(?i)<script|\son[a-z]+=|\sstyle=|javascript:`).MatchString(s) {
			t.Errorf("%s by %q has a script or a style in its text", c.path, c.who)
		}
	}
	if to := ask(t, p, "", "GET", "/-/weir/tokens?x=1", nil).Header.Get("Location"); to != "/-/weir/login?next=%2F-%2Fweir%2Ftokens%3Fx%3D1" {
		t.Errorf("a stranger is sent to %q", to)
	}
}

// TestForms goes through everything that changes something, as it is meant and as it is not.
func TestForms(t *testing.T) {
	s, p := pages(t)
	const item = "/-/weir/quarantine/q-0123456789ab"
	rootForm := key(t, text(t, ask(t, p, "root", "GET", item, nil)))
	annForm := key(t, text(t, ask(t, p, "ann", "GET", "/-/weir/tokens", nil)))
	good := func(form, reason string) url.Values { return url.Values{"form": {form}, "reason": {reason}} }
	for _, c := range []struct {
		what, who, path string
		form            url.Values
		status          int
	}{
		{"without a key", "root", item + "/release", url.Values{"reason": {"x"}}, 403},
		{"with the key of another", "root", item + "/release", good(annForm, "x"), 403},
		{"by another site", "foreign", item + "/release", good(rootForm, "x"), 403},
		{"by somebody who may not", "ann", item + "/release", good(annForm, "x"), 403},
		{"of what they do not see", "ann", "/-/weir/quarantine/q-ffffffffffff/delete", good(annForm, "x"), 404},
		{"without a reason", "root", item + "/release", good(rootForm, "  "), 400},
		{"with two lines", "root", item + "/release", good(rootForm, "a\nb"), 400},
		{"with too much", "root", item + "/release", good(rootForm, strings.Repeat("x", 600)), 400},
		{"far too large", "root", item + "/release", good(rootForm, strings.Repeat("x", 20<<10)), 400},
		{"of nothing", "root", "/-/weir/quarantine/q-00/release", good(rootForm, "x"), 404},
		{"by a stranger", "", item + "/release", good(rootForm, "x"), 303},
		{"token: no such life", "ann", "/-/weir/tokens", url.Values{"form": {annForm}, "note": {"x"}, "days": {"9999"}, "kind": {"all"}}, 400},
		{"token: no such kind", "ann", "/-/weir/tokens", url.Values{"form": {annForm}, "note": {"x"}, "days": {"30"}, "kind": {"x"}}, 400},
		{"token of another", "ann", "/-/weir/tokens/bobsbobsbobs/revoke", url.Values{"form": {annForm}}, 404},
	} {
		if r := ask(t, p, c.who, "POST", c.path, c.form); r.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d\n%s", c.what, r.StatusCode, c.status, text(t, r))
		}
	}
	if len(s.recorded) != 0 || len(s.made) != 0 || s.held[0].State != store.StateHeld {
		t.Fatalf("something was changed: %v %v %v", s.recorded, s.made, s.held[0].State)
	}

	ciForm := p.formKey(&visit{who: people["ci"], r: request("ci")})
	if r := ask(t, p, "ci", "POST", "/-/weir/tokens", url.Values{"form": {ciForm}, "note": {"x"}, "days": {"30"}, "kind": {"all"}}); r.StatusCode != 403 {
		t.Errorf("a limited token makes a token: %d", r.StatusCode)
	}
	if r := ask(t, p, "ci", "POST", "/-/weir/tokens/ciotherciothe/revoke", url.Values{"form": {ciForm}}); r.StatusCode != 403 {
		t.Errorf("a limited token ends another: %d", r.StatusCode)
	}
	s.ready = errors.New("disk full")
	if r := ask(t, p, "root", "POST", item+"/release", good(rootForm, "x")); r.StatusCode != 503 {
		t.Errorf("without an audit log: %d", r.StatusCode)
	}
	s.ready = nil

	r := ask(t, p, "root", "POST", item+"/release", good(rootForm, "looked at it"))
	if r.StatusCode != 303 || s.held[0].State != store.StateReleased || s.held[0].By != "root" || s.held[0].Reason != "looked at it" {
		t.Errorf("release: %d, %+v", r.StatusCode, s.held[0])
	}
	if page := text(t, ask(t, p, "root", "GET", r.Header.Get("Location"), nil)); !strings.Contains(page, "may pass from now on. Whoever") || strings.Contains(page, "/release\"") {
		t.Errorf("after the release:\n%s", page)
	}
	if r := ask(t, p, "root", "POST", item+"/delete", good(rootForm, "was wrong")); r.StatusCode != 303 || s.held[0].State != store.StateDeleted {
		t.Errorf("delete: %d, %+v", r.StatusCode, s.held[0])
	}
	if r := ask(t, p, "root", "POST", item+"/release", good(rootForm, "x")); r.StatusCode != 409 {
		t.Errorf("release of what was deleted: %d", r.StatusCode)
	}

	made := text(t, ask(t, p, "ann", "POST", "/-/weir/tokens", url.Values{"form": {annForm}, "note": {"nightly"}, "days": {"7"}, "kind": {"read"}, "server": {"mlflow"}, "name": {"fraud-*"}}))
	if !strings.Contains(made, "weir_newnewnewnew_secretsecret") || len(s.made) != 1 || s.made[0] != "ann nightly 168h0m0s [server=mlflow name=fraud-* actions=read,download]" {
		t.Errorf("a token was made: %q\n%s", s.made, made)
	}
	if again := text(t, ask(t, p, "ann", "GET", "/-/weir/tokens", nil)); strings.Contains(again, "secretsecret") || !strings.Contains(again, "newnewnewnew") {
		t.Error("the token is shown again, or not listed")
	}
	if r := ask(t, p, "ann", "POST", "/-/weir/tokens/annsannsanns/revoke", url.Values{"form": {annForm}}); r.StatusCode != 303 || s.tokens[0].Revoked.IsZero() {
		t.Errorf("revoke: %d", r.StatusCode)
	}
	if r := ask(t, p, "root", "POST", "/-/weir/tokens/bobsbobsbobs/revoke", url.Values{"form": {rootForm}}); r.StatusCode != 303 || s.tokens[1].Revoked.IsZero() {
		t.Errorf("revoke by an admin: %d", r.StatusCode)
	}
	if r := ask(t, p, "ci", "POST", "/-/weir/tokens/citokencitok/revoke", url.Values{"form": {ciForm}}); r.StatusCode != 303 || s.tokens[2].Revoked.IsZero() {
		t.Errorf("a limited token ends itself: %d", r.StatusCode)
	}
	var wrote []string
	for _, r := range s.recorded {
		wrote = append(wrote, r.Who+" "+r.Action+" "+r.Resource[0])
	}
	want := "root released quarantine:q-0123456789ab,root deleted quarantine:q-0123456789ab,ann new-token account:ann,ann revoke-token token:weir_annsannsanns,root revoke-token token:weir_bobsbobsbobs,ci revoke-token token:weir_citokencitok"
	if got := strings.Join(wrote, ","); got != want {
		t.Errorf("the log has\n%s, want\n%s", got, want)
	}
}

func request(who string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.AddCookie(&http.Cookie{Name: "who", Value: who})
	return r
}

// TestShellWords sees that a line that is to be copied into a shell does what it says, whatever somebody is called.
func TestShellWords(t *testing.T) {
	for name, want := range map[string]string{"ann": "ann", "a b": "'a b'", "x;reboot": "'x;reboot'", "it's": `'it'\''s'`, "": "''", "$(id)": "'$(id)'", "ann@example.org": "ann@example.org"} {
		if got := word(name); got != want {
			t.Errorf("%q becomes %s, want %s", name, got, want)
		}
	}
	line, _ := allowing(&audit.Record{Who: "x;reboot", Action: "write", Status: 403, Resource: []string{"experiment:1"}, Decision: "deny"})
	if line != "weir gate role add 'x;reboot' scientist --type experiment --id 1" {
		t.Error(line)
	}
}
