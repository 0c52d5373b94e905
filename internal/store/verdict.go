package store

import (
	"context"
	"time"

	"weir"
)

// Report is what is known of some bytes: the verdict and what it rests on.
type Report struct {
	Verdict   weir.Verdict   `json:"verdict"`
	Format    string         `json:"format,omitempty"`
	Framework string         `json:"framework,omitempty"`
	Findings  []weir.Finding `json:"findings,omitempty"` // worst first, a few
	Problems  []weir.Problem `json:"problems,omitempty"` // a few
	Waived    string         `json:"waived,omitempty"`   // who released these bytes and why; empty: nobody did
}

// Worst gives the severity of the worst finding.
func (r *Report) Worst() weir.Severity {
	worst := weir.SeverityNone
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// VerdictKey is what a verdict is remembered by.
type VerdictKey struct {
	Digest string // "sha256:<hex>", "folder:sha256:<hex>" for a folder
	Hint   string // what was known of the name
	Rules  string // the version of all rules and parsers
}

// Place is what the gate knows of something that lies behind it.
type Place struct {
	Server string // the upstream's name
	Path   string // a name of the place that is unique there; the gateway's flows choose it
	Digest string
	Size   int64 // bytes
	Time   time.Time
}

// Held is one item in quarantine.
type Held struct {
	ID       string    `json:"id"` // "q-" and 12 hexadecimal digits
	Time     time.Time `json:"time"`
	Digest   string    `json:"digest"`
	Size     int64     `json:"size"` // bytes
	Server   string    `json:"server"`
	Name     string    `json:"name"` // of the file
	To       string    `json:"to"`   // where it was going, for people
	Who      string    `json:"who"`  // who sent it
	Report   Report    `json:"report"`
	State    string    `json:"state"`              // one of the constants
	By       string    `json:"by,omitempty"`       // who decided
	Reason   string    `json:"reason,omitempty"`   // why
	Decided  time.Time `json:"decided,omitzero"`   // when
	Unlogged bool      `json:"unlogged,omitempty"` // the decision does not stand in the audit log yet
	Attempts int       `json:"attempts"`           // how often the same bytes were sent to the same place
}

// The states of what is in quarantine.
const (
	StateHeld     = "held"
	StateReleased = "released" // these bytes may pass from now on
	StateDeleted  = "deleted"  // the bytes are destroyed
)

// Verdicts is what is remembered of content: verdicts by digest, what lies where, quarantine, releases. What is not there is no error: found
// is false.
type Verdicts interface {
	Verdict(ctx context.Context, k VerdictKey) (r Report, found bool, err error)
	// VerdictsOf gives those of a digest under one version of the rules, whatever the hint.
	VerdictsOf(ctx context.Context, digest, rules string) ([]Report, error)
	// Remember keeps verdicts and places, all or none; they replace what was known.
	Remember(ctx context.Context, verdicts map[VerdictKey]Report, places []Place) error
	Place(ctx context.Context, server, path string) (p Place, found bool, err error)
	// ForgetPlaces forgets a path and all below it, "path/…".
	ForgetPlaces(ctx context.Context, server, path string) error
	// Hold records an item of the quarantine; it replaces one with the same ID.
	Hold(ctx context.Context, h Held) error
	// AllHeld gives the quarantine, newest first.
	AllHeld(ctx context.Context) ([]Held, error)
	Held(ctx context.Context, id string) (h Held, found bool, err error)
	// Unlogged gives the items whose decision does not stand in the audit log yet.
	Unlogged(ctx context.Context) ([]Held, error)
	// HeldBytes finds what is held of some bytes on their way to one place.
	HeldBytes(ctx context.Context, digest, server, to string) (h Held, found bool, err error)
	// Waive remembers that bytes may pass whatever their verdict, and why; an empty reason takes it back.
	Waive(ctx context.Context, digest, why string) error
	Waived(ctx context.Context, digest string) (why string, found bool, err error)
}
