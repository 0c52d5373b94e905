package gateway

import (
	"io"
	"net/http"
	"net/url"

	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

// Upstream is one protected server.
type Upstream struct {
	Name   string
	Kind   *Kind
	To     *url.URL // scheme and authority; a path is put before every request's
	Host   string   // requests for this host name go here; empty: any
	Prefix string   // requests below this path go here, the prefix removed; empty: any
	// Allow holds what the configuration opens for checks, by name: artifact-schemes, artifact-hosts, import-roots, export-roots, jdbc-urls, …
	Allow map[string][]string
	// On holds what the configuration switches on, by name: separation-of-duties, require-signature, …
	On map[string]bool
}

// Gate is the handler that stands before the upstreams.
type Gate struct {
	Upstreams []*Upstream
}

// Can decides whether whoever asks may do a to r; Server is filled in.
func (x *Exchange) Can(a auth.Action, r auth.Resource) auth.Decision {
	return auth.Decision{}
}

// Send makes a request of the gate's own to the upstream, with the gate's credential, and returns its answer; the caller closes the body.
// The path is encoded from segments. A nil body sends none.
func (x *Exchange) Send(method string, segments []string, query []wire.Pair, header http.Header, body io.Reader, length int64) (*http.Response, error) {
	return nil, nil
}

// Ask makes a JSON request of the gate's own and reads the answer, at most 4 MiB, strictly. Answers of GET are remembered for a few seconds
// until a request through the gate changes something on that upstream.
func (x *Exchange) Ask(method string, segments []string, query []wire.Pair, body any) (answer wire.Object, status int, err error) {
	return nil, 0, nil
}

// Forward sends the request on as it was read and streams the answer back.
func (x *Exchange) Forward() error { return nil }

// Answer writes a whole answer.
func (x *Exchange) Answer(status int, contentType string, body []byte) error { return nil }
