package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/pyname"
	"weir/internal/rule"
)

// examine runs all rules over an example; those of tree and project scope take its members for files of one folder.
func examine(e rule.Example) []weir.Finding {
	var found []weir.Finding
	p := rule.Pass{
		File: e.File, Units: e.Units, Names: pyname.Default(),
		Trust:  func(string, string) bool { return false },
		Advise: e.Advise,
		Report: func(f weir.Finding) { found = append(found, f) },
	}
	rule.Apply(Rules(), rule.ScopeFile, p)
	rule.Apply(Rules(), rule.ScopeContainer, p)
	rule.Apply(Rules(), rule.ScopeTree, p)
	rule.Apply(Rules(), rule.ScopeProject, p)
	return found
}

func TestCards(t *testing.T) {
	rules := Rules()
	if len(rules) == 0 {
		t.Fatal("no rules are listed")
	}
	for _, r := range rules {
		t.Run(r.ID, func(t *testing.T) {
			card, err := rule.CardOf(r.ID)
			if err != nil {
				t.Fatal(err)
			}
			var bad, good int
			for _, e := range card.Examples {
				if e.Bad {
					bad++
				} else {
					good++
				}
				t.Run(e.Name, func(t *testing.T) { checkExample(t, r.ID, e) })
			}
			if bad == 0 || good == 0 {
				t.Errorf("the card has %d bad and %d good examples, want at least one of each", bad, good)
			}
		})
	}
}

func checkExample(t *testing.T, id string, e rule.Example) {
	found := examine(e)
	own := false
	for _, f := range found {
		own = own || f.Rule == id
		i := slices.IndexFunc(e.Want, func(w rule.Want) bool {
			return w.Rule == f.Rule && w.Severity == f.Severity && strings.Contains(f.Message+"\n"+f.Evidence, w.Text)
		})
		if i < 0 {
			t.Errorf("finding that the example does not want: %s %s: %s\n\t%s", f.Rule, f.Severity, f.Message, f.Evidence)
			continue
		}
		e.Want = slices.Delete(slices.Clone(e.Want), i, i+1)
		checkComplete(t, f)
	}
	for _, w := range e.Want {
		t.Errorf("finding is missing: %s %s %s", w.Rule, w.Severity, w.Text)
	}
	if own != e.Bad {
		t.Errorf("finding of the card's own rule: %v, want %v", own, e.Bad)
	}
}

// checkComplete holds every finding to what reports promise.
func checkComplete(t *testing.T, f weir.Finding) {
	t.Helper()
	for what, missing := range map[string]bool{
		"path": f.Path == "", "message": f.Message == "", "fix": f.Fix == "", "impact": len(f.Impact) == 0, "CWE": len(f.CWE) == 0,
		"severity": f.Severity == weir.SeverityNone,
	} {
		if missing {
			t.Errorf("%s: a finding without %s", f.Rule, what)
		}
	}
	if strings.HasSuffix(f.Message, ".") || strings.HasSuffix(f.Fix, ".") {
		t.Errorf("%s: message or fix ends in a full stop", f.Rule)
	}
}

// TestRules holds the list itself: every rule complete, every id once, in its family, and no card without a rule.
func TestRules(t *testing.T) {
	listed := map[string]bool{}
	for _, r := range Rules() {
		if listed[r.ID] {
			t.Errorf("%s is listed twice", r.ID)
		}
		listed[r.ID] = true
		if r.Title == "" || r.Since == "" || r.Severity == weir.SeverityNone || len(r.CWE) == 0 || len(r.Impact) == 0 || r.Fix == "" || r.Check == nil {
			t.Errorf("%s is incomplete", r.ID)
		}
		if strings.Count(r.ID, "/") != 1 || strings.ToLower(r.ID) != r.ID || strings.HasSuffix(r.Title, ".") {
			t.Errorf("%s: the id or title has a wrong form", r.ID)
		}
	}
	ids, err := rule.CardIDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if !listed[id] {
			t.Errorf("card %s belongs to no rule", id)
		}
	}
}

// TestExamplesAreStable runs every example twice: the same facts must give the same findings in the same order.
func TestExamplesAreStable(t *testing.T) {
	ids, err := rule.CardIDs()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		card, err := rule.CardOf(id)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range card.Examples {
			if a, b := fmt.Sprint(examine(e)), fmt.Sprint(examine(e)); a != b {
				t.Errorf("%s/%s: two runs differ:\n%s\n%s", id, e.Name, a, b)
			}
		}
	}
}
