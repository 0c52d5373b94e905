package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"weir"
)

// maxBaseline bounds the report that a baseline is read from; a report of a million findings is smaller.
const maxBaseline = 1 << 30

// Baseline is the set of findings that are known; only others fail a scan.
type Baseline map[string]struct{}

// Has reports whether a fingerprint is known.
func (b Baseline) Has(fingerprint string) bool {
	_, ok := b[fingerprint]
	return ok
}

// ReadBaseline reads the fingerprints of a former report, as one JSON object (--format json) or as a stream (--format jsonl).
func ReadBaseline(r io.Reader) (Baseline, error) {
	var line struct {
		Schema   string         `json:"schema"`
		Findings []weir.Finding `json:"findings"`
		weir.Event
	}
	b := Baseline{}
	lr := &io.LimitedReader{R: r, N: maxBaseline}
	d := json.NewDecoder(lr)
	for known := false; ; {
		line.Schema, line.Findings, line.Event = "", nil, weir.Event{}
		err := d.Decode(&line)
		switch {
		case errors.Is(err, io.EOF) && lr.N > 0:
			if !known {
				return nil, errors.New("this is not a report of weir (no schema in it)")
			}
			return b, nil
		case lr.N <= 0:
			return nil, fmt.Errorf("larger than %d bytes", maxBaseline)
		case err != nil:
			return nil, fmt.Errorf("not a JSON report: %w", err)
		}
		if line.Start != nil {
			line.Schema = line.Start.Schema
		}
		if line.Schema != "" {
			if line.Schema != weir.Schema {
				return nil, fmt.Errorf("schema %q is not %q", line.Schema, weir.Schema)
			}
			known = true
		}
		if line.Finding != nil {
			line.Findings = append(line.Findings, *line.Finding)
		}
		for _, f := range line.Findings {
			if f.Fingerprint != "" {
				b[f.Fingerprint] = struct{}{}
			}
		}
	}
}
