package attack

import (
	"slices"
	"strings"
	"testing"
)

func TestSuiteIsWellFormed(t *testing.T) {
	seen := map[string]bool{}
	known := []string{"long", "most", "nonce", "secret", "secret-dir", "secret-name", "secret-file", "canary-dir", "canary-name", "canary-file", "prey-dir", "prey-name", "prey-file",
		"up", "listener", "host", "server-dir"}
	for _, a := range append(MLflow(), H2O()...) {
		if seen[a.ID] {
			t.Errorf("%s stands twice", a.ID)
		}
		seen[a.ID] = true
		if a.Doc == "" || len(a.Works) == 0 || len(a.Steps) == 0 || strings.Contains(a.ID, " ") {
			t.Errorf("%s lacks what it does, where it works, or its steps", a.ID)
		}
		if _, ok := Servers[a.Server]; !ok {
			t.Errorf("%s wants a server %q that nobody can start", a.ID, a.Server)
		}
		p := a.Proof
		if p.Answer == "" && p.Like == "" && p.File == "" && p.Gone == "" && p.Heard == "" && p.Probe == nil && !p.Inline && !p.Down {
			t.Errorf("%s has no proof", a.ID)
		}
		if p.Probe != nil && (p.Shows == "") == (p.Hides == "") {
			t.Errorf("%s: a probe shows or hides something", a.ID)
		}
		for _, s := range a.Steps {
			if a.ReadOnly && (s.By == Victim || s.Browse != "" || s.Load != "") {
				t.Errorf("%s is no attack that only reads answers", a.ID)
			}
		}
		names := slices.Clone(known)
		for _, s := range a.Steps {
			for k := range s.Save {
				names = append(names, k)
			}
		}
		for _, s := range a.Steps {
			for _, m := range variable.FindAllStringSubmatch(s.Request+string(s.Body)+s.Browse+s.Load+s.WaitHeard, -1) {
				if !slices.Contains(names, m[1]) {
					t.Errorf("%s uses ${%s}, which nothing sets", a.ID, m[1])
				}
			}
		}
	}
	if n := len(MLflow()); n < 45 {
		t.Errorf("there are %d attacks against MLflow, want 45", n)
	}
}
