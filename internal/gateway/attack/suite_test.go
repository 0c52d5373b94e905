package attack_test

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"weir/internal/gateway/attack"
	"weir/internal/gateway/gatetest"
)

func TestMain(m *testing.M) { os.Exit(gatetest.Main(m)) }

var (
	every    = flag.Bool("every", false, "run each attack on every release that it works on, not only on one that CI has")
	bareOnly = flag.Bool("bare", false, "attack bare servers only, to write exploits")
)

// installed are the releases that setup.sh ci installs.
var installed = []string{"new", "2.9.2", "2.16.2", "3.46.0.12", "3.46.0.4"}

// all are both suites.
func all() []*attack.Attack { return append(attack.MLflow(), attack.H2O()...) }

// group is what one server is attacked with.
type group struct {
	kind, version, setting string
	attacks                []*attack.Attack
}

// groups puts the attacks together that one server can take: each at the first release of its own that is installed, or at all of them.
func groups() []group {
	var out []group
	for _, a := range all() {
		done := false
		for _, v := range a.Works {
			if !*every && (done || !slices.Contains(installed, v)) {
				continue
			}
			done = true
			kind, _, _ := strings.Cut(a.ID, "/")
			i := slices.IndexFunc(out, func(g group) bool { return g.kind == kind && g.version == v && g.setting == a.Server })
			if i < 0 {
				i, out = len(out), append(out, group{kind: kind, version: v, setting: a.Server})
			}
			out[i].attacks = append(out[i].attacks, a)
		}
	}
	slices.SortStableFunc(out, func(a, b group) int { return strings.Compare(a.kind+a.version+a.setting, b.kind+b.version+b.setting) })
	return out
}
