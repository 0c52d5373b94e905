package attack_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"weir/internal/gateway/attack"
	"weir/internal/gateway/gatetest"
)

// TestMutations sends thousands of spellings of what a vulnerable MLflow falls for through the gate: none may take effect. A sample goes to the bare
// server too, where many must, or they would show nothing.
func TestMutations(t *testing.T) {
	versions := []string{"2.9.2"}
	if *every {
		versions = []string{"1.30.0", "2.2.0", "2.8.0", "2.9.2"}
	}
	all := attack.Mutations()
	if len(all) < 2000 {
		t.Fatalf("there are %d mutations, want 2,000", len(all))
	}
	for _, v := range versions {
		t.Run(v, func(t *testing.T) {
			bare, stop, err := gatetest.StartTarget("mlflow", v, "")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			if bare.Listener, err = attack.Listen(); err != nil { // one for all: none of them is told by it
				t.Fatal(err)
			}
			t.Cleanup(func() { bare.Listener.Close() })
			g := group{kind: "mlflow", version: v}
			gate := behind(t, bare, g)
			works(t, g, gate)
			for _, target := range []*attack.Target{bare, gate} {
				r := attempt(t, attack.Prepared(), target)
				if !r.Worked || r.Left > 0 || r.Refused > 0 {
					t.Fatalf("the attacker's own things could not be made: %s\n%s", r.Why, trail(r))
				}
				target.Vars = map[string]string{"exp": r.Vars["exp"], "run": r.Vars["run"], "model": r.Vars["model"]}
			}
			// What lies at the bare server's door is few of each kind, and nothing that deletes: a spelling that it reads in a way nobody
			// thought of would delete what nobody meant.
			var sample []*attack.Attack
			for i, a := range all {
				if i%9 == 0 && !strings.HasPrefix(a.ID, "mutation/delete") {
					sample = append(sample, a)
				}
			}
			effective, _ := sendAll(t, sample, bare, nil)
			passed, refused := sendAll(t, all, gate, func(a *attack.Attack, r *attack.Result) {
				t.Errorf("%s took effect through the gate\n%s", a.ID, trail(r))
			})
			t.Logf("MLflow %s: of %d mutations sent bare %d took effect; of %d through the gate %d, and %d were refused", v, len(sample), effective, len(all), passed, refused)
			if effective < 10 {
				t.Errorf("only %d mutations take effect bare: they test nothing", effective)
			}
			if refused < int64(len(all)/2) {
				t.Errorf("the gate refused only %d of %d", refused, len(all))
			}
			works(t, g, gate)
		})
	}
}

// sendAll runs attacks four at a time, and counts those that took effect and those of which something was refused.
func sendAll(t *testing.T, all []*attack.Attack, target *attack.Target, worked func(*attack.Attack, *attack.Result)) (effective, refused int64) {
	t.Helper()
	work := make(chan *attack.Attack)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for a := range work {
				r, err := attack.Run(context.Background(), a, target)
				if err != nil {
					t.Errorf("%s: %v", a.ID, err)
					continue
				}
				if r.Refused > 0 {
					atomic.AddInt64(&refused, 1)
				}
				if r.Worked {
					atomic.AddInt64(&effective, 1)
					if worked != nil {
						worked(a, r)
					}
				}
			}
		})
	}
	for _, a := range all {
		work <- a
	}
	close(work)
	group.Wait()
	return effective, refused
}
