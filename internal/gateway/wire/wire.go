// Package wire reads each request once, strictly: what it hands on is the one reading that the checks see and the upstream gets, and whatever
// could be read in two ways is refused.
//
// Start with [Request].
package wire

import (
	"io"
	"net/http"
	"net/netip"
)

// Request is the canonical reading of one HTTP request. The path that goes upstream is written anew from Segments, the query from Query, the
// headers from Header: nothing of the client's spelling survives.
type Request struct {
	Method   string
	Host     string   // lower case, without a default port
	Segments []string // the path, decoded once; none is empty, ".", ".." or holds '/', '\\', NUL or control characters
	Slash    bool     // the path ended in '/'
	Query    []Pair   // in order; no name stands twice unless the route allows it
	Header   http.Header
	Remote   netip.AddrPort
	Type     string // media type of the body, lower case, without parameters
	Params   map[string]string
	Length   int64 // of the body in bytes; -1: chunked
	Body     io.Reader
	JSON     Object // the body of a JSON route, strictly read; nil before that or when there is none
	Form     []Pair // the body of a form route, strictly read, in order
	Raw      []byte // the bytes of that body, as they go upstream
}

// Pair is one name and value of a query or form, decoded once.
type Pair struct{ Name, Value string }

// Object is a JSON object without duplicate names.
type Object map[string]any

// Refusal says why a request is not passed on: one line for the client, with a status. It is an error.
type Refusal struct {
	Status int    // 400, 401, 403, 404, 405, 413, 415, 422, 429, 503
	Code   string // MLflow's names for errors: INVALID_PARAMETER_VALUE, PERMISSION_DENIED, …
	Reason string
	Rule   string            // what refused, for the audit log: a check's name
	Hint   string            // the configuration line that would allow it, where there is one
	Header map[string]string // headers of the answer: WWW-Authenticate, Retry-After
}

// Error gives the reason.
func (r *Refusal) Error() string { return r.Reason }

// Refuse makes a Refusal.
func Refuse(status int, code, rule, reason string) *Refusal {
	return &Refusal{Status: status, Code: code, Rule: rule, Reason: reason}
}

// Path writes the canonical path, encoded as it goes upstream.
func (r *Request) Path() string { return EncodePath(r.Segments, r.Slash) }

// Param gives the value of a query parameter.
func (r *Request) Param(name string) (string, bool) {
	for _, p := range r.Query {
		if p.Name == name {
			return p.Value, true
		}
	}
	return "", false
}
