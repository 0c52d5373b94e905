package advisory

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"os"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/version"
)

// pypi reads PyPA's advisories to October 2024, without their words (testdata/make/advisories/strip.py).
func pypi(t testing.TB) []string { return gzLines(t, "testdata/pypi-2024-10.jsonl.gz", 2600) }

func gzLines(t testing.TB, name string, least int) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<24)
	for s.Scan() {
		out = append(out, s.Text())
	}
	if s.Err() != nil || len(out) < least {
		t.Fatalf("%s has only %d lines: %v", name, len(out), s.Err())
	}
	return out
}

// comparer is version order by text; keys are kept, because the test asks some ten million times.
type comparer struct {
	scheme version.Scheme
	keys   map[string]string
}

func (c *comparer) key(v string) string {
	if v == "0" {
		return "" // OSV: below every version
	}
	k, ok := c.keys[v]
	if !ok {
		b, _ := c.scheme.Key(v)
		k = string(b)
		c.keys[v] = k
	}
	return k
}

// naive is OSV's own evaluation (https://ossf.github.io/osv-schema/#evaluation): the state after the last event at or below the version. An
// introduction counts after a fix of the same version.
func (c *comparer) naive(a *affected, v string) bool {
	key := c.key(v)
	for _, l := range a.Versions {
		if c.key(l) == key {
			return true
		}
	}
	for _, r := range a.Ranges {
		events := slices.Clone(r.Events)
		at := func(e event) string { return c.key(e.Introduced + e.Fixed + e.LastAffected) }
		slices.SortStableFunc(events, func(x, y event) int {
			return cmp.Or(strings.Compare(at(x), at(y)), strings.Compare(x.Introduced, y.Introduced))
		})
		in := false
		for _, e := range events {
			switch {
			case e.Introduced != "" && at(e) <= key:
				in = true
			case e.Fixed != "" && at(e) <= key, e.LastAffected != "" && at(e) < key:
				in = false
			}
		}
		if in {
			return true
		}
	}
	return false
}

// TestIndexIsNaive asks the file about every version that any record lists or names, and OSV's algorithm about the same.
func TestIndexIsNaive(t *testing.T) {
	b := NewBuilder()
	records := map[string][]*record{} // by package
	for _, line := range pypi(t) {
		if err := b.Add([]byte(line)); err != nil {
			t.Fatal(err)
		}
		r, _ := decode([]byte(line))
		if r.Withdrawn == "" {
			for _, a := range r.Affected {
				n := Canonical("pypi", a.Package.Name)
				records[n] = append(records[n], r)
			}
		}
	}
	c := &comparer{version.PEP440, map[string]string{}}
	db := &DB{packs: []*pack{built(t, b)}}
	versions, flaws := 0, 0
	for name, list := range records {
		all := map[string]bool{}
		for _, r := range list {
			for _, a := range r.Affected {
				for _, v := range a.Versions {
					all[v] = true
				}
				for _, g := range a.Ranges {
					for _, e := range g.Events {
						all[e.Introduced+e.Fixed+e.LastAffected] = true
					}
				}
			}
		}
		for v := range all {
			if v == "" || v == "0" {
				continue
			}
			want := map[string]bool{}
			for _, r := range list {
				for i := range r.Affected {
					if a := &r.Affected[i]; Canonical("pypi", a.Package.Name) == name && c.naive(a, v) {
						want[r.ID] = true
					}
				}
			}
			advice := db.Advise(weir.Requirement{Ecosystem: "pypi", Name: name, State: weir.PinExact, Version: v})
			got := map[string]bool{}
			for _, a := range advice.Advisories {
				for _, id := range a.Aliases {
					got[id] = true
				}
				flaws++
			}
			versions++
			for id := range want {
				if !got[id] {
					t.Errorf("%s %s: %s is missing", name, v, id)
				}
			}
			if (len(want) > 0) != (advice.Affected == weir.AffectedAll) {
				t.Errorf("%s %s: affected is %q with %d records", name, v, advice.Affected, len(want))
			}
			for _, a := range advice.Advisories { // at least one of the records behind a flaw must say so
				if !slices.ContainsFunc(a.Aliases, func(id string) bool { return want[id] }) {
					t.Errorf("%s %s: %s is too much", name, v, a.ID)
				}
			}
		}
	}
	if versions < 30000 || flaws < 100000 {
		t.Fatalf("only %d versions with %d flaws were compared", versions, flaws)
	}
	t.Logf("%d versions, %d flaws", versions, flaws)
}

// built writes and reads a database in memory.
func built(t testing.TB, b *Builder) *pack {
	t.Helper()
	var out strings.Builder
	if _, err := b.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	p, err := parse([]byte(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.check(); err != nil {
		t.Fatal(err)
	}
	p.name = "built"
	return p
}
