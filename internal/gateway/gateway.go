// Package gateway stands before ML servers: route tables as data, default deny; it knows who asks, lets them do only what they may, refuses
// malformed and hostile requests before the server sees them, and scans what passes.
//
// Start with [Kind]: a protected server is one of these, a table and a few functions. [Gate] is the handler.
package gateway

import (
	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

// Kind is one sort of server that the gate can stand before.
type Kind struct {
	Name   string // mlflow, h2o, torchserve, v2, generic
	Doc    string
	Routes []Route
	// Refusal writes a refusal in the server's own error form, so that its clients show the reason.
	Refusal func(*wire.Refusal) (contentType string, body []byte)
	// Strip removes what the server may have been started below (MLflow's --static-prefix) before the table is asked; nil: nothing.
	Strip func(u *Upstream, segments []string) []string
	// Carry are request headers that say what a request is about, in canonical form: what the gate asks on its own for a request has them too.
	Carry []string
	// Headers are answer headers of this server that its clients need, beside the usual ones, in canonical form.
	Headers map[string]bool
	// Allow and Switch are the names that Upstream.Allow and Upstream.On may hold for this kind: others would be mistakes that nobody sees.
	Allow, Switch []string
}

// Route is one line of a table: which requests it is about and what must hold for them.
type Route struct {
	Method   string      // GET, POST, …; one line each; HEAD is read as GET
	Path     string      // "/api/2.0/mlflow/runs/get"; "{name}" is one segment, "{name...}" one or more to the end
	Resource string      // the type of what it is about: an auth.Resource.Type; needed unless it is Public
	Action   auth.Action // needed unless it is Public
	Public   bool        // no account is needed: /health
	Query    []string    // names that may stand in the query, each once; a name ending in "*" may repeat; "*" alone: any
	Body     Body
	Limit    int64 // bytes of body; 0: 4 MiB, for a Stream what the configuration says
	// Locate says which resources the request is about; nil: one resource of type Resource without an id (the server as a whole).
	Locate func(*Exchange) ([]auth.Resource, error)
	// Checks look at what the request means, in order, before anybody is asked; the first refusal ends it.
	Checks []Check
	// Flow carries the request out once it is allowed; nil: it is forwarded and the answer goes back as it is.
	Flow Flow
}

// class is what limits of rate are given for: the action, and "upload" for what brings in content.
func (r *Route) class() string {
	if r.Action == auth.Write && r.Body == Stream {
		return auth.ClassUpload
	}
	return string(r.Action)
}

// Body says what a route's body may be.
type Body int

// The bodies.
const (
	NoBody Body = iota
	JSON        // an object, strictly read into Request.JSON before the checks
	Form        // application/x-www-form-urlencoded, strictly read into Request.Form before the checks
	Stream      // bytes that the Flow reads
)

// Check looks at one aspect of a request. It has a name for the audit log.
type Check struct {
	Name string
	CVE  []string // non-empty: it exists for these flaws only (what they are called, where they have no CVE); see Exchange.Specific
	Test func(*Exchange) error
}

// Flow carries out an allowed request.
type Flow func(*Exchange) error
