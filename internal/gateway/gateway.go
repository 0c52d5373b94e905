// Package gateway stands before ML servers: route tables as data, default deny; it knows who asks, lets them do only what they may, refuses
// malformed and hostile requests before the server sees them, and scans what passes.
//
// Start with [Kind]: a protected server is one of these, a table and a few functions. [Gate] is the handler.
package gateway

import (
	"context"
	"net/http"

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
	// Prefix strips what the server may have been started below (MLflow's --static-prefix); nil: nothing.
	Prefix func(segments []string) (prefix, rest []string)
}

// Route is one line of a table: which requests it is about and what must hold for them.
type Route struct {
	Method   string // GET, POST, …; one line each
	Path     string // "/api/2.0/mlflow/runs/get"; "{name}" is one segment, "{name...}" one or more to the end
	Resource string // the type of what it is about: a key of auth.Resource.Type
	Action   auth.Action
	Public   bool     // no account is needed: /health
	Query    []string // names that may stand in the query, each once; a name ending in "*" may repeat
	Body     Body
	Limit    int64 // bytes of body; 0: the kind's default (1 MiB for JSON)
	// Locate says which resources the request is about; nil: one resource of type Resource without an id (the server as a whole).
	Locate func(*Exchange) ([]auth.Resource, error)
	// Checks look at what the request means, in order, before anybody is asked; the first refusal ends it.
	Checks []Check
	// Flow carries the request out once it is allowed; nil: it is forwarded and the answer goes back as it is.
	Flow Flow
}

// Body says what a route's body may be.
type Body int

// The bodies.
const (
	NoBody Body = iota
	JSON        // an object, strictly read into Request.JSON before the checks
	Form        // application/x-www-form-urlencoded, read like a query
	Stream      // bytes that the Flow reads
)

// Check looks at one aspect of a request. It has a name for the audit log, and CVE marks those that exist for one flaw only: a build without
// them must still refuse most attacks by the general ones.
type Check struct {
	Name string
	CVE  []string // non-empty: specific to these
	Test func(*Exchange) error
}

// Flow carries out an allowed request.
type Flow func(*Exchange) error

// Exchange is one request on its way through the gate, with what is known so far.
type Exchange struct {
	*wire.Request
	Ctx       context.Context
	W         http.ResponseWriter
	Vars      map[string]string // the path's variables, decoded
	Route     *Route
	Upstream  *Upstream
	Who       auth.Principal
	Resources []auth.Resource
	gate      *Gate
}
