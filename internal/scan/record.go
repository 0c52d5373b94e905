package scan

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"weir"
)

// Job is what one analysis is told; it crosses the worker's pipe.
type Job struct {
	Name   string        `json:"name"` // for recognition hints only
	Size   int64         `json:"size"`
	Limits weir.Limits   `json:"limits"`
	Budget time.Duration `json:"budget"`
	Deep   bool          `json:"deep,omitempty"`
	Trace  bool          `json:"trace,omitempty"`
	Digest bool          `json:"digest,omitempty"`
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
	Member  string   `json:"member"`
	Formats []string `json:"formats"`
	Size    int64    `json:"size"`
}

// FactRecord adds a fact to a unit.
type FactRecord struct {
	Unit int
	Fact weir.Fact
}

// ProblemRecord says that a member could not be examined in full.
type ProblemRecord struct {
	Member string `json:"member"`
	Stage  string `json:"stage"`
	Reason string `json:"reason"`
}

// TraceRecord is one line of a program's trace.
type TraceRecord struct {
	Member string `json:"member"`
	At     int64  `json:"at"`
	Line   string `json:"line"`
}

// DoneRecord ends an analysis that came to its end.
type DoneRecord struct {
	Digest string `json:"digest"` // "sha256:…" or empty
}

// wire is the form of a Record in JSON.
type wire struct {
	Unit    *UnitRecord     `json:"u,omitempty"`
	In      int             `json:"in,omitempty"`
	Kind    string          `json:"k,omitempty"`
	Fact    json.RawMessage `json:"f,omitempty"`
	Problem *ProblemRecord  `json:"p,omitempty"`
	Trace   *TraceRecord    `json:"t,omitempty"`
	Done    *DoneRecord     `json:"d,omitempty"`
}

// MarshalJSON writes the wire form.
func (r Record) MarshalJSON() ([]byte, error) {
	w := wire{Unit: r.Unit, Problem: r.Problem, Trace: r.Trace, Done: r.Done}
	if r.Fact != nil {
		b, err := json.Marshal(r.Fact.Fact)
		if err != nil {
			return nil, err
		}
		w.In, w.Kind, w.Fact = r.Fact.Unit, weir.KindOf(r.Fact.Fact), b
	}
	return json.Marshal(w)
}

// errRecord is returned for a record that says nothing: a worker that was taken over may send anything.
var errRecord = errors.New("record without content")

// UnmarshalJSON reads the wire form.
func (r *Record) UnmarshalJSON(b []byte) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	*r = Record{Unit: w.Unit, Problem: w.Problem, Trace: w.Trace, Done: w.Done}
	if w.Kind != "" {
		f, err := weir.DecodeFact(w.Kind, w.Fact)
		if err != nil {
			return err
		}
		r.Fact = &FactRecord{w.In, f}
	}
	if r.Unit == nil && r.Problem == nil && r.Trace == nil && r.Done == nil && r.Fact == nil {
		return errRecord
	}
	return nil
}

// encodeFrame and decodeFrame carry a batch of records over the worker's pipe.
func encodeFrame(rs []Record) ([]byte, error) { return json.Marshal(rs) }

func decodeFrame(b []byte) ([]Record, error) {
	var rs []Record
	if err := json.Unmarshal(b, &rs); err != nil {
		return nil, fmt.Errorf("worker's answer: %w", err)
	}
	return rs, nil
}
