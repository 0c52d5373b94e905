package h2o

import (
	"testing"
)

func endpoints(t *testing.T) []endpoint {
	t.Helper()
	es, err := readTable(tableText + untold)
	if err != nil {
		t.Fatal(err)
	}
	if len(es) < 300 {
		t.Fatalf("the table has %d routes, want at least 300", len(es))
	}
	return es
}

// TestEveryRouteIsJudged fails when the server's metadata have a route that no rule names, and when a rule names no route.
func TestEveryRouteIsJudged(t *testing.T) {
	used := map[string]bool{}
	for _, e := range endpoints(t) {
		r := judge(e.method, e.path)
		if r == nil {
			t.Errorf("%s %s: no rule judges it", e.method, e.path)
			continue
		}
		used[r.on] = true
		for _, m := range r.main {
			if _, ok := e.fields[m]; !ok && r.never == "" && e.schemas[0] != "AutoMLBuildSpecV99" {
				t.Errorf("%s %s: the rule is about %q, which the route does not take", e.method, e.path, m)
			}
		}
	}
	for _, r := range rules() {
		if !used[r.on] {
			t.Errorf("rule %q names no route of the table", r.on)
		}
	}
}

// TestEveryParameterIsJudged fails when a parameter can hold text and nobody said what that text may be.
func TestEveryParameterIsJudged(t *testing.T) {
	judged := 0
	for _, e := range endpoints(t) {
		for f := range e.fields {
			judged++
			if e.role(f) == unjudged {
				t.Errorf("%s %s: nobody judged parameter %q of type %q", e.method, e.path, f, e.fields[f])
			}
		}
	}
	if judged < 5000 {
		t.Errorf("only %d parameters were looked at", judged)
	}
}
