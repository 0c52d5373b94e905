package detonate

import "weir"

// Answer is what a detonation says about what the scan said.
type Answer string

// The answers.
const (
	Confirmed  Answer = "confirmed"             // the scan warned, and the load did what no honest load does
	Refuted    Answer = "refuted for this path" // the scan warned, the load came to its end and did nothing of the kind: with this framework, this version, this input
	NotReached Answer = "not reached"           // the load ended before its end, and nothing had happened: it says nothing for or against the scan
	Unforeseen Answer = "unforeseen"            // the scan did not warn, and the load did what no honest load does
	Quiet      Answer = "quiet"                 // the scan did not warn, and nothing happened
)

// Hostile reports whether the load misbehaved.
func (a Answer) Hostile() bool { return a == Confirmed || a == Unforeseen }

// Conclude joins both accounts. said are the scan's findings about the model, did those about its behaviour; what is below medium is no
// warning in either.
func Conclude(r *Result, said, did []weir.Finding) Answer {
	warned, acted := worst(said) >= weir.SeverityMedium, worst(did) >= weir.SeverityMedium || r.Canary != untouched
	switch {
	case acted && warned:
		return Confirmed
	case acted:
		return Unforeseen
	case !r.Loaded():
		return NotReached
	case warned:
		return Refuted
	}
	return Quiet
}

func worst(fs []weir.Finding) weir.Severity {
	w := weir.SeverityNone
	for _, f := range fs {
		if f.Waived == nil {
			w = max(w, f.Severity)
		}
	}
	return w
}
