package advisory

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"weir"
)

// pinned are 200 requirements of packages that have advisories, each at a version in the middle of those that its records list.
func pinned(t testing.TB) []weir.Requirement {
	middle := map[string]string{}
	for _, line := range pypi(t) {
		r, err := decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range r.Affected {
			if n := len(a.Versions); n > 0 {
				middle[Canonical("pypi", a.Package.Name)] = a.Versions[n/2]
			}
		}
	}
	var out []weir.Requirement
	for name, v := range middle {
		out = append(out, weir.Requirement{Ecosystem: "pypi", Name: name, State: weir.PinExact, Version: v})
	}
	slices.SortFunc(out, func(x, y weir.Requirement) int {
		return int(hashName("", x.Name)%4096) - int(hashName("", y.Name)%4096)
	})
	return out[:200]
}

// BenchmarkAdvise opens a database and asks about 200 pinned packages. WEIR_BENCH_DB names another file: bench/advisories.py compares.
func BenchmarkAdvise(b *testing.B) {
	name := os.Getenv("WEIR_BENCH_DB")
	if name == "" {
		build := NewBuilder()
		for _, line := range pypi(b) {
			if err := build.Add([]byte(line)); err != nil {
				b.Fatal(err)
			}
		}
		name = filepath.Join(b.TempDir(), "pypi.db")
		if _, err := build.WriteFile(name); err != nil {
			b.Fatal(err)
		}
	}
	list := pinned(b)
	flaws := 0
	b.ReportAllocs()
	for b.Loop() {
		db, err := Open(name)
		if err != nil {
			b.Fatal(err)
		}
		flaws = 0
		for _, r := range list {
			flaws += len(db.Advise(r).Advisories)
		}
		db.Close()
	}
	b.ReportMetric(float64(flaws), "flaws")
	if flaws < 200 {
		b.Fatal(fmt.Errorf("only %d flaws of 200 packages", flaws))
	}
}
