// Package wire reads each request once, strictly: what it hands on is the one reading that the checks see and the upstream gets, and whatever
// could be read in two ways is refused.
//
// [Listen] checks the bytes below net/http, [Read] makes the canonical [Request] of what net/http has read, [ParseJSON] reads bodies.
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
	Host     string      // lower case, without a default port
	Segments []string    // the path, decoded once; none is empty, ".", ".." or holds '/', '\\', NUL or control characters
	Slash    bool        // the path ended in '/'
	Query    []Pair      // in order; no name stands twice unless the route allows it
	Header   http.Header // what goes upstream: an allow-list, each once; [Request.Pass] adds to it
	Client   http.Header // all that the client sent, credentials included: for the checks, never for the upstream
	Remote   netip.AddrPort
	Type     string // media type of the body, lower case, without parameters
	Params   map[string]string
	Encoding string    // gzip; empty: none. Body gives a refusal then, unless Inflate or ReadBytes is called
	Length   int64     // of the body in bytes; -1: chunked
	Body     io.Reader // an error that it gives may be a *Refusal: the guard found the framing broken
	JSON     Object    // the body of a JSON route, strictly read; nil before that or when there is none
	Form     []Pair    // the body of a form route, strictly read, in order
	Raw      []byte    // the bytes of that body, as they go upstream
	encoded  io.Reader
}

// Pair is one name and value of a query or form, decoded once.
type Pair struct{ Name, Value string }

// Object is a JSON object without duplicate names. Values are Object, []any, string, json.Number, bool or nil.
type Object map[string]any

// Refusal says why a request is not passed on: one line for the client, with a status. It is an error.
type Refusal struct {
	Status int    // 400, 401, 403, 404, 405, 413, 415, 422, 429, 503
	Code   string // MLflow's names for errors: INVALID_PARAMETER_VALUE, PERMISSION_DENIED, …
	Reason string
	Detail string      // for the audit log alone
	Rule   string      // what refused, for the audit log: a check's name
	Hint   string      // the configuration line that would allow it, where there is one
	Header http.Header // headers of the answer: WWW-Authenticate, Retry-After
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
