package policy

import (
	"strings"

	"weir"
)

// Basis is what a verdict rests on.
type Basis struct {
	Worst    weir.Severity // of all findings in the artifact and its members, the waived ones too, but for those about its dependencies
	Outside  weir.Severity // of those: they count for files that are no models
	Problems bool          // something in it could not be examined
	Coverage weir.Coverage
	Model    bool // its format, or a member's, is a model's
}

// Verdict concludes what an artifact is. A waiver does not change it: accepting a malicious file does not make it clean.
func Verdict(b Basis) weir.Verdict {
	incomplete := b.Problems || b.Coverage == weir.CoveragePartial
	if !b.Model {
		switch worst := max(b.Worst, b.Outside); {
		case worst >= weir.SeverityHigh, worst >= weir.SeverityLow && !incomplete:
			return weir.VerdictVulnerable
		case incomplete:
			return weir.VerdictIncomplete
		}
		return weir.VerdictNone
	}
	switch {
	case b.Worst >= weir.SeverityCritical:
		return weir.VerdictMalicious
	case b.Worst >= weir.SeverityHigh:
		return weir.VerdictSuspicious
	case incomplete:
		return weir.VerdictIncomplete
	case b.Worst >= weir.SeverityMedium, b.Coverage != weir.CoverageComplete:
		return weir.VerdictUnverified
	}
	return weir.VerdictClean
}

// artifact gives a its verdict, from what was seen in it and in its members.
func (j *Judge) artifact(a weir.Artifact) error {
	if a.Holds != nil {
		return j.folder(a)
	}
	f := j.at(a.Path)
	model := a.Format != "" && j.cfg.Model(a.Format)
	f.flagged = f.flagged || model
	b := Basis{Coverage: a.Coverage, Model: model}
	for member, u := range f.units {
		if within(member, a.Member) {
			b.Worst, b.Outside = max(b.Worst, u.worst), max(b.Outside, u.outside)
			b.Problems = b.Problems || u.problems
		}
	}
	if a.Member == "" {
		b.Model = f.flagged
	}
	a.Verdict = Verdict(b)
	if a.Member == "" {
		j.sum.Files++
		j.sum.Bytes += a.Size
		j.file = file{}
		if a.Verdict == weir.VerdictNone {
			j.sum.Skipped++
		}
	}
	if a.Verdict == weir.VerdictNone && !j.cfg.Inert {
		return nil
	}
	return j.next(weir.Event{Artifact: &a})
}

// folder gives its verdict to a folder that is one model. Its files were counted when they passed.
func (j *Judge) folder(a weir.Artifact) error {
	b := Basis{Worst: a.Holds.Worst, Problems: a.Holds.Problems, Coverage: a.Coverage, Model: true}
	for _, u := range j.at(a.Path).units { // what was found in the folder as such
		b.Worst, b.Problems = max(b.Worst, u.worst), b.Problems || u.problems
	}
	j.file = file{}
	a.Verdict = Verdict(b)
	return j.next(weir.Event{Artifact: &a})
}

// within reports whether member is outer or lies in it.
func within(member, outer string) bool {
	return outer == "" || member == outer || strings.HasPrefix(member, outer+"!/")
}
