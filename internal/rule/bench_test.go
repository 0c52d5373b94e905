package rule

import (
	"fmt"
	"testing"

	"weir"
	"weir/internal/pyname"
)

// BenchmarkMembers applies all that looks at one member to an archive of ever more: the time for each must not grow.
func BenchmarkMembers(b *testing.B) {
	for _, n := range []int{1000, 30_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			units := make([]Unit, n)
			for i := range units {
				units[i] = Unit{Member: fmt.Sprintf("archive/%d.pyc", i), Formats: []string{"pyc"}, Facts: []weir.Fact{weir.Code{Language: "python-bytecode"}}}
			}
			rules := append(Pickle(), Archive()...)
			for b.Loop() {
				Apply(rules, ScopeFile, Pass{
					Units: units, Names: pyname.Default(), Trust: func(string, string) bool { return false }, Report: func(weir.Finding) {},
				})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}

// BenchmarkJudge judges what an ordinary estimator and what a flood of unknown names import.
func BenchmarkJudge(b *testing.B) {
	for name, facts := range map[string]func(i int) weir.Fact{
		"known":   func(i int) weir.Fact { return call("collections", "OrderedDict") },
		"unknown": func(i int) weir.Fact { return call("acme.models.deep", fmt.Sprintf("Net%d", i)) },
	} {
		b.Run(name, func(b *testing.B) {
			u := Unit{Formats: []string{"pickle"}, Model: true}
			for i := range 1000 {
				u.Facts = append(u.Facts, facts(i))
			}
			for b.Loop() {
				judge(&u, pyname.Default(), func(string, string) bool { return false }, surroundings{})
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/fact")
		})
	}
}
