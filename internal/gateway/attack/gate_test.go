package attack_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"weir/internal/gateway/attack"
	"weir/internal/gateway/gatetest"
)

// outcome is what became of one attack.
type outcome struct {
	attack                *attack.Attack
	version               string
	bare, scientist, none *attack.Result
	general               *attack.Result
}

// TestAttacks runs every attack four times against the same real server: bare, where it must work; through the gate with the token of an ordinary
// scientist and without any, where it must have no effect; and through a gate without the checks that were made for single flaws, where most must have none.
func TestAttacks(t *testing.T) {
	var outcomes []*outcome
	for _, g := range groups() {
		t.Run(g.kind+"-"+g.version+"-"+g.setting, func(t *testing.T) { outcomes = append(outcomes, attackGroup(t, g)...) })
	}
	if !*bareOnly {
		report(t, outcomes)
	}
}

// attackGroup starts one server and what stands before it.
func attackGroup(parent *testing.T, g group) []*outcome {
	var bare, gate, general *attack.Target
	begin := func() { // only when a test of the group was asked for
		if bare != nil {
			return
		}
		var stop func()
		var err error
		if bare, stop, err = gatetest.StartTarget(g.kind, g.version, g.setting); err != nil {
			parent.Fatal(err)
		}
		parent.Cleanup(stop)
		if *bareOnly {
			return
		}
		gate, general = behind(parent, bare, g), behind(parent, bare, g, "generalrules")
		works(parent, g, gate)
		works(parent, g, general)
	}
	var out []*outcome
	// Those that end the server come last, and go bare only after they did not end it through the gate.
	slices.SortStableFunc(g.attacks, func(a, b *attack.Attack) int {
		switch {
		case a.Proof.Down == b.Proof.Down:
			return 0
		case a.Proof.Down:
			return 1
		}
		return -1
	})
	for _, a := range g.attacks {
		parent.Run(strings.ReplaceAll(a.ID, "/", "-"), func(t *testing.T) {
			begin()
			o := &outcome{attack: a, version: g.version}
			if !a.Proof.Down {
				o.bare = attempt(t, a, bare)
			}
			if !*bareOnly {
				nobody := *gate
				nobody.Auth = ""
				o.scientist, o.none, o.general = attempt(t, a, gate), attempt(t, a, &nobody), attempt(t, a, general)
			}
			if a.Proof.Down {
				if !*bareOnly {
					works(t, g, gate) // still
				}
				o.bare = attempt(t, a, bare)
				bare, gate, general = nil, nil, nil
			}
			if !o.bare.Worked {
				t.Fatalf("does not work bare, so it proves nothing: %s\n%s", o.bare.Why, trail(o.bare))
			}
			if !*bareOnly {
				o.judge(t)
				out = append(out, o)
			}
		})
	}
	if gate != nil {
		works(parent, g, gate) // still
	}
	return out
}

// judge says what the gate let through.
func (o *outcome) judge(t *testing.T) {
	t.Helper()
	if o.scientist.Worked {
		t.Errorf("took effect through the gate for an ordinary scientist: %s\n%s", o.scientist.Why, trail(o.scientist))
	}
	if o.none.Worked {
		t.Errorf("took effect through the gate without an account: %s\n%s", o.none.Why, trail(o.none))
	}
	if o.none.Refused == 0 && o.none.Steps > 0 {
		t.Errorf("nothing of it was refused without an account\n%s", trail(o.none))
	}
	if o.general.Worked && !o.attack.Specific {
		t.Logf("took effect through the general rules alone: %s\n%s", o.general.Why, trail(o.general))
	}
}

func attempt(t *testing.T, a *attack.Attack, target *attack.Target) *attack.Result {
	t.Helper()
	r, err := attack.Run(context.Background(), a, target)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// behind starts a gate before a server, and makes the target that stands for attacking it with a scientist's token.
func behind(t *testing.T, bare *attack.Target, g group, tags ...string) *attack.Target {
	t.Helper()
	u := gatetest.Upstream{Name: g.kind, Kind: g.kind, URL: bare.Server}
	if attack.Servers[g.setting].Auth {
		u.Username, u.Password = "admin", gatetest.AdminPassword
	}
	gate := gatetest.NewGate(t, gatetest.Plan{Tags: tags}, u)
	target := *bare
	target.URL, target.Auth = gate.URL, gate.Accounts["scientist"].Bearer()
	scientist := gate.Accounts["scientist"]
	target.Browse = func(ctx context.Context, page string) error {
		// A browser logs in with a name and a password, which Chromium takes from the address.
		return gatetest.Browse(ctx, strings.Replace(page, "://", "://"+scientist.Name+":"+scientist.Token+"@", 1))
	}
	return &target
}

// works does through the gate, with the same token, what the attacks' lawful parts do: a gate that refuses everything would stop every attack.
func works(t *testing.T, g group, target *attack.Target) {
	t.Helper()
	lawful := attack.Lawful(g.kind)
	if lawful == nil || g.setting == "local" {
		return
	}
	if r := attempt(t, lawful, target); !r.Worked || r.Refused > 0 {
		t.Errorf("the gate refuses what the scientist may do: %s\n%s", r.Why, trail(r))
	}
}

func trail(r *attack.Result) string {
	var b strings.Builder
	for _, s := range r.Trail {
		fmt.Fprintf(&b, "  %3d %s\n      %.200s\n", s.Status, s.Request[:min(len(s.Request), 160)], strings.ReplaceAll(s.Body, "\n", " "))
	}
	return b.String()
}

// report counts, and holds the general rules to their share.
func report(t *testing.T, all []*outcome) {
	count := func(f func(*outcome) bool) int {
		n := 0
		for _, o := range all {
			if f(o) {
				n++
			}
		}
		return n
	}
	bare := count(func(o *outcome) bool { return o.bare.Worked })
	stopped := count(func(o *outcome) bool { return !o.scientist.Worked })
	general := count(func(o *outcome) bool { return !o.general.Worked })
	t.Logf("%d attacks worked bare; the gate stopped %d of them with a scientist's token and %d without any; its general rules alone %d",
		bare, stopped, count(func(o *outcome) bool { return !o.none.Worked }), general)
	if name := os.Getenv("WEIR_GATE_REPORT"); name != "" {
		var lines []string
		for _, o := range all {
			lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%v\t%v\t%v\t%v", o.attack.ID, o.version, strings.Join(o.attack.CVE, " "), o.bare.Worked, !o.scientist.Worked, !o.none.Worked, !o.general.Worked))
		}
		slices.Sort(lines)
		if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			t.Error(err)
		}
	}
	if bare >= 60 && general*100 < bare*80 { // a part of the suite that -run picked says nothing about the whole
		t.Errorf("the general rules stopped %d of %d attacks, want 80 %%", general, bare)
	}
}
