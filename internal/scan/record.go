package scan

import (
	"time"

	"weir"
)

// Job is what one analysis is told; it crosses the worker's pipe.
type Job struct {
	Name    string        `json:"name"` // for recognition hints only
	Size    int64         `json:"size"`
	Limits  weir.Limits   `json:"limits"`
	Budget  time.Duration `json:"budget"`
	Deep    bool          `json:"deep,omitempty"`
	Trace   bool          `json:"trace,omitempty"`
	Inspect bool          `json:"inspect,omitempty"`
	Digest  bool          `json:"digest,omitempty"`
	Inside  bool          `json:"inside,omitempty"` // see format.Head
}

// Record is one thing that an analysis says, in order. Exactly one field is set.
type Record struct {
	Unit    *UnitRecord
	Fact    *FactRecord
	Problem *ProblemRecord
	Trace   *TraceRecord
	Done    *DoneRecord
}

// UnitRecord opens the unit with the next number: the file itself is 0, its members follow.
type UnitRecord struct {
	Member  string
	Formats []string
	Size    int64
}

// FactRecord adds a fact to a unit.
type FactRecord struct {
	Unit int
	Fact weir.Fact
}

// ProblemRecord says that a member could not be examined in full.
type ProblemRecord struct {
	Member string
	Stage  string
	Reason string
}

// TraceRecord is one line of a program's trace.
type TraceRecord struct {
	Member string
	At     int64
	Line   string
}

// DoneRecord ends an analysis that came to its end.
type DoneRecord struct {
	Digest string // "sha256:…" or empty
}
