// Package audit keeps one append-only, hash-chained log and verifies it, for gateway and server.
//
// Start with [Record]: what is written down about one request.
package audit

import "time"

// Record is one line of the log. Times are UTC; secrets never stand in it.
type Record struct {
	Time     time.Time      `json:"time"`
	Request  string         `json:"request"`            // an id that the client is told too
	Who      string         `json:"who,omitempty"`      // the principal's name; empty: not known
	How      string         `json:"how,omitempty"`      // how that was proven
	From     string         `json:"from"`               // address and port
	Server   string         `json:"server,omitempty"`   // the upstream's name
	Method   string         `json:"method"`             // HTTP
	Path     string         `json:"path"`               // canonical, secrets masked
	Route    string         `json:"route,omitempty"`    // the table's line
	Action   string         `json:"action,omitempty"`   // auth.Action
	Resource []string       `json:"resource,omitempty"` // type:id
	Decision string         `json:"decision"`           // allow, deny, refuse (bad request), quarantine, error
	Policy   string         `json:"policy,omitempty"`   // what decided
	Reason   string         `json:"reason,omitempty"`
	Hint     string         `json:"hint,omitempty"`     // the configuration line that would allow it
	Observed string         `json:"observed,omitempty"` // why it would have been refused, were the gate not only observing
	Findings []string       `json:"findings,omitempty"` // rules
	Digest   string         `json:"digest,omitempty"`   // of content that passed
	Status   int            `json:"status"`             // what the client was told
	In       int64          `json:"in"`                 // bytes of body from the client
	Out      int64          `json:"out"`                // bytes of body to the client
	Micros   int64          `json:"micros"`             // duration
	More     map[string]any `json:"more,omitempty"`
}
