package gatetest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// seen is what one page of MLflow's UI shows and asks for.
type seen struct {
	text     string
	requests []string // "GET /path 200", each once, sorted
	console  []string
}

// visit opens a page and waits for what must be on it.
func visit(tab *Tab, base, page, wait string) seen {
	tab.t.Helper()
	tab.Take()
	tab.Open("about:blank")
	tab.Open(base + page)
	if wait != "" {
		text, _ := json.Marshal(wait)
		tab.Wait(fmt.Sprintf("document.body.innerText.includes(%s) || [...document.querySelectorAll('iframe,img,textarea,input')].some(e => (e.src || e.value || '').includes(%s))", text, text))
		tab.Rest()
	}
	requests, console := tab.Take()
	s := seen{text: varying.ReplaceAllString(strings.ReplaceAll(tab.Text(), base, ""), "…")}
	for _, r := range requests {
		u, err := url.Parse(r.URL)
		if err != nil || u.Scheme == "about" || u.Scheme == "chrome" {
			continue
		}
		if "http://"+u.Host != base {
			s.requests = append(s.requests, "elsewhere "+u.Host) // what the UI wants of other hosts is the same both ways: nothing answers it
			continue
		}
		s.requests = append(s.requests, strings.TrimSpace(fmt.Sprintf("%s %s %d %s", r.Method, u.Path, r.Status, r.Failed)))
	}
	slices.Sort(s.requests)
	s.requests = slices.Compact(s.requests)
	for _, c := range console {
		s.console = append(s.console, strings.ReplaceAll(varying.ReplaceAllString(c, "…"), base, ""))
	}
	slices.Sort(s.console)
	s.console = slices.Compact(s.console)
	return s
}

// varying is what two looks at the same page show differently: how long ago something was.
var varying = regexp.MustCompile(`(?:\d+|a few|a|an|one) (?:second|minute|hour)s? ago|just now|\d+ ?(?:ms|s|min)\b|[?&](?:v|t|_)=\d+`)

// TestUI looks at the pages of the real MLflow UI, bare and through the gate after logging in there, and compares what they show, what they ask
// for with which answer, and what the browser complains of.
func TestUI(t *testing.T) {
	s := Shared(t, "mlflow", "new")
	g := NewGate(t, Plan{}, s.Of("mlflow"))
	python, err := Interpreter("gate-flows-3")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, filepath.Join(Root(), "testdata", "gate", "flows", "ui_seed.py"), s.URL)
	cmd.Stderr = testWriter{t}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ui_seed.py: %v", err)
	}
	var ids struct {
		Experiment, Model, Trace string
		Runs                     []string
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &ids); err != nil || len(ids.Runs) != 2 {
		t.Fatalf("ui_seed.py printed %s: %v", out, err)
	}
	b := NewBrowser(t)
	bare, gated := b.Tab(t), b.Tab(t)
	logIn(t, gated, g.URL, "admin", g.Accounts["admin"].Password)

	exp, run := "/#/experiments/"+ids.Experiment, "/#/experiments/"+ids.Experiment+"/runs/"+ids.Runs[1]
	both, _ := json.Marshal(ids.Runs)
	one, _ := json.Marshal([]string{ids.Experiment})
	pages := []struct{ name, page, wait string }{
		{"home", "/", "Welcome to MLflow"},
		{"experiments", "/#/experiments", "lab ui ü"},
		{"experiments searched", "/#/experiments?experimentsFilter=lab", "lab ui ü"},
		{"runs", exp + "/runs", "run 1 of the ui"},
		{"runs searched", exp + "/runs?searchFilter=" + url.QueryEscape("params.depth = '1'"), "run 1 of the ui"},
		{"run", run, "run 1 of the ui"},
		{"run metrics", run + "/model-metrics", "loss"},
		{"artifacts", run + "/artifacts", "picture.png"},
		{"artifact image", run + "/artifacts/picture.png", "picture.png"},
		{"artifact table", run + "/artifacts/table.csv", "table.csv"},
		{"artifact svg", run + "/artifacts/drawing.svg", "drawing.svg"},
		{"artifact html", run + "/artifacts/report.html", "report.html"},
		{"compare", "/#/compare-runs?runs=" + url.QueryEscape(string(both)) + "&experiments=" + url.QueryEscape(string(one)), "run 0 of the ui"},
		{"logged models", exp + "/models", "model"},
		{"logged model", exp + "/models/" + ids.Model, "model"},
		{"traces", exp + "/traces", "WHAT IS IT?"},
		{"models", "/#/models", "Last modified"}, // its first page may hold only what the flows before made
		{"models searched", "/#/models?searchInput=lab-ui", "lab-ui-model"},
		{"model", "/#/models/lab-ui-model", "champion"},
		{"model version", "/#/models/lab-ui-model/versions/1", "Version 1"},
		{"prompts", "/#/prompts", "lab-ui-prompt"},
		{"prompt", "/#/prompts/lab-ui-prompt", "lab-ui-prompt"},
		{"settings", "/#/settings", "Settings"},
	}
	if os.Getenv("WEIR_GATE_ALL") == "" {
		often := []string{"home", "experiments", "runs", "run", "artifacts", "compare", "logged model", "traces", "models searched", "model version", "prompt"}
		pages = slices.DeleteFunc(pages, func(p struct{ name, page, wait string }) bool { return !slices.Contains(often, p.name) })
	}
	for _, p := range pages {
		t.Run(p.name, func(t *testing.T) {
			bare.t, gated.t = t, t
			want, got := visit(bare, s.URL, p.page, p.wait), visit(gated, g.URL, p.page, p.wait)
			for try := 0; try < 2 && want.text != got.text; try++ { // one of them may have been looked at before it was whole
				want, got = visit(bare, s.URL, p.page, p.wait), visit(gated, g.URL, p.page, p.wait)
			}
			name := strings.ReplaceAll(p.name, " ", "-")
			bare.Shot("ui-" + name + "-bare")
			gated.Shot("ui-" + name + "-gate")
			if want.text != got.text {
				t.Errorf("it shows\n%s\n--- bare it shows\n%s", got.text, want.text)
			}
			if len(strings.Fields(want.text)) < 5 && !strings.HasPrefix(p.name, "artifact") {
				t.Errorf("the bare page shows hardly anything: %q", want.text)
			}
			noWorse(t, "asks in vain", failing(got.requests), failing(want.requests))
			noWorse(t, "complains", got.console, want.console)
		})
	}
	bare.t, gated.t = t, t
	sandboxed(t, gated, g.URL, ids.Runs[1])
}

// failing keeps the requests that were not answered well. What a page asks for at all varies with what it has in its cache.
func failing(requests []string) []string {
	return slices.DeleteFunc(slices.Clone(requests), func(s string) bool {
		return strings.HasPrefix(s, "elsewhere ") || strings.HasSuffix(s, " 200") || strings.HasSuffix(s, " 304") || strings.HasSuffix(s, " net::ERR_ABORTED")
	})
}

// logIn logs in on the gate's own page, where a browser is sent that nobody knows.
func logIn(t *testing.T, tab *Tab, base, name, password string) {
	t.Helper()
	tab.Open(base + "/")
	if at := tab.Eval("location.pathname"); at != "/-/weir/login" {
		t.Fatalf("a stranger is sent to %q, not to the login: %s", at, tab.Text())
	}
	tab.Shot("ui-login")
	tab.Type(name) // the field has the focus
	tab.Key("Tab")
	tab.Type(password)
	tab.Key("Enter")
	tab.Wait("location.pathname == '/' && document.readyState == 'complete'")
	tab.Rest()
}

// sandboxed opens an HTML artifact as a page of its own: whatever it wants, its script must not run with the powers of the server's origin.
func sandboxed(t *testing.T, tab *Tab, base, run string) {
	t.Helper()
	tab.Open("about:blank")
	tab.Take()
	tab.b.call(tab.session, "Page.navigate", map[string]any{"url": base + "/get-artifact?path=report.html&run_uuid=" + run}) // a download ends in an error
	tab.Rest()
	if text := tab.Text(); strings.Contains(text, "script ran") {
		t.Errorf("the script of an HTML artifact ran: %s", text)
	}
	requests, _ := tab.Take()
	if !slices.ContainsFunc(requests, func(r Request) bool { return strings.Contains(r.URL, "/get-artifact") && r.Status == 200 }) {
		t.Errorf("the artifact was not given out: %v", requests)
	}
}

// noWorse reports what only the gated page has: what fails bare alone is the bare server's matter, or came later than the look.
func noWorse(t *testing.T, what string, gated, bare []string) {
	t.Helper()
	for _, s := range gated {
		if !slices.Contains(bare, s) {
			t.Errorf("through the gate it %s: %s", what, s)
		}
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) { w.t.Logf("%s", p); return len(p), nil }
