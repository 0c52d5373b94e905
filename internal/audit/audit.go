// Package audit keeps one append-only, hash-chained log and verifies it, for gateway and server.
//
// Start with [Open] and [Log.Append]; [Record] is what is written down about one request, [Verify] says whether a log is still whole.
//
// # Form
//
// A log is a folder. audit.jsonl is being written, audit-N.jsonl are older parts (N is the first sequence number in them), audit.head is the
// signed end, audit.key (mode 0600) the Ed25519 key that signs, audit.pub its public half. Each line is one JSON object
//
//	{"seq":7,"prev":"<64 hex digits>","time":…}
//
// and prev is the SHA-256 of the line before, without its line end, as it stands in the file: the bytes that were written are the canonical
// bytes. The first line's prev is the SHA-256 of the public key, so a log belongs to its key. Checkpoint lines carry a signature over the chain
// up to them; audit.head is the newest, replaced at most once a second, after the lines that it speaks of are on the disk.
//
// # What it shows, and what not
//
// An edited, removed, inserted or reordered line breaks the chain; chaining the rest anew needs the key. A cut tail is seen by audit.head. Who
// holds the key can write a new history, and who can put back an old audit.head with a log cut to fit hides the newest lines: send a copy
// elsewhere (syslog) where that matters. Lines after audit.head (at most about a second, and only after a crash) are chained but not signed.
package audit

import "time"

// Record is one line of the log. Times are UTC; secrets never stand in it: [Log.Append] masks what looks like one, and cuts what is too long.
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
	Decision string         `json:"decision"`           // allow, deny, refuse (bad request), quarantine, error; of the command line: released, deleted
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

// Entry is a line as it is read back.
type Entry struct {
	Seq        uint64 `json:"seq"`
	Prev       string `json:"prev"`
	Checkpoint string `json:"checkpoint,omitempty"` // a signature, base64; such a line is no request
	Record
}
