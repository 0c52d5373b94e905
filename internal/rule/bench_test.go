package rule

import (
	"fmt"
	"testing"

	"weir"
	"weir/internal/pyname"
)

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
