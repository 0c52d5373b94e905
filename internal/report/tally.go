package report

import (
	"fmt"
	"strings"

	"weir"
)

// Tally counts what a stream says, for the one line that closes a scan.
type Tally struct {
	Verdicts map[weir.Verdict]int // of files, not of members
	Problems int
	end      weir.Summary
}

// Count takes one event into account.
func (t *Tally) Count(e weir.Event) {
	switch {
	case e.Artifact != nil && e.Artifact.Member == "":
		if t.Verdicts == nil {
			t.Verdicts = map[weir.Verdict]int{}
		}
		t.Verdicts[e.Artifact.Verdict]++
	case e.Problem != nil:
		t.Problems++
	case e.End != nil:
		t.end = e.End.Summary
	}
}

// Line says it all in one line, the number of files first and the outcome last.
func (t *Tally) Line() string {
	s := t.end
	parts := []string{plural(s.Files, "file")}
	for v := weir.VerdictMalicious; v > weir.VerdictNone; v-- {
		if n := t.Verdicts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if s.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d inert", s.Skipped))
	}
	line := strings.Join(parts, ", ")
	var counts []string
	for _, c := range []struct {
		n    int
		name string
	}{{s.Critical, "critical"}, {s.High, "high"}, {s.Medium, "medium"}, {s.Low, "low"}, {s.Info, "info"}, {s.Waived, "waived"}} {
		if c.n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", c.n, c.name))
		}
	}
	if len(counts) > 0 {
		line += "; findings: " + strings.Join(counts, ", ")
	}
	if t.Problems > 0 {
		line += "; " + plural(t.Problems, "problem")
	}
	return fmt.Sprintf("%s; %s in %.2f s: %s", line, Bytes(s.Bytes), s.Seconds, s.Outcome)
}
