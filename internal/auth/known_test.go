package auth

import (
	"strings"
	"testing"
)

// TestKnownVerdicts: with the ready roles alone a verdict depends on nothing but the action, the roles and whether the thing is one's own, so that it may be
// kept. With a policy of one's own nothing is kept.
func TestKnownVerdicts(t *testing.T) {
	ready, err := compile(nil)
	if err != nil {
		t.Fatal(err)
	}
	people := []Principal{{Name: "ann", Kind: User}, {Name: "ci", Kind: Service, Groups: []string{"g"}, Method: "token"}}
	things := []Resource{{Type: "run", ID: "1", Owner: "ann"}, {Server: "m", Type: "user", Name: "x", Owner: "ci", Tags: map[string]string{"a": "b"}, Within: []Resource{{Type: "experiment", ID: "7"}}}, {}}
	var sets [][]string
	for i, a := range ready.roles {
		sets = append(sets, []string{a})
		for _, b := range ready.roles[i+1:] {
			sets = append(sets, []string{a, b})
		}
	}
	answers := map[string]bool{}
	for range 2 { // the second time from memory
		for _, roles := range append(sets, nil) {
			for _, action := range Actions() {
				for i := range people {
					for j := range things {
						p, r := &people[i], &things[j]
						got, why := ready.authorize(p, r, action, roles)
						fresh, whyFresh := ready.evaluate(p, r, question{action, contextKey{strings.Join(roles, "\x00"), p.owns(r)}}, roles)
						if got != fresh || len(why.Reasons) != len(whyFresh.Reasons) || len(why.Reasons) > 0 && why.Reasons[0].PolicyID != whyFresh.Reasons[0].PolicyID {
							t.Fatalf("%v, %s of %v by %v: kept %v, evaluated %v", roles, action, r, p, got, fresh)
						}
						answers[got.String()] = true
					}
				}
			}
		}
	}
	if len(answers) != 2 {
		t.Errorf("all answers are %v", answers)
	}
	own, err := compile([]PolicyFile{{"own.cedar", []byte(`@id("x") forbid (principal, action, resource) when { resource.name == "secret" };`)}})
	if err != nil {
		t.Fatal(err)
	}
	viewer := Principal{Name: "ann", Kind: User, Roles: []Grant{{Role: RoleViewer}}}
	for _, c := range []struct {
		name  string
		allow bool
	}{{"open", true}, {"secret", false}, {"open", true}} {
		if d := own.decide(&viewer, Read, &Resource{Server: "m", Type: "user", ID: "1", Name: c.name}); d.Allow != c.allow {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	own.known.Range(func(q, _ any) bool {
		t.Errorf("kept: %+v", q)
		return true
	})
}
