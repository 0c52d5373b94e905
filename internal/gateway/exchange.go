package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

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
	Record    *audit.Record // what will be written down; flows add findings and digests

	gate     *Gate
	from     netip.Addr // where it comes from, as far as that is known
	ended    []func()   // what is given back at the end
	secure   bool       // the client's side is encrypted
	general  bool       // Config.GeneralOnly
	answered bool
	broken   bool // the answer began and did not come to its end
}

func (x *Exchange) end() {
	for _, f := range x.ended {
		f()
	}
}

// Can decides whether whoever asks may do a to r; Server is filled in.
func (x *Exchange) Can(a auth.Action, r auth.Resource) auth.Decision {
	r.Server = x.Upstream.Name
	return x.gate.decide(x.Who, a, r)
}

// Specific says whether what exists for these flaws alone, by CVE or by what they are called, takes part: always, but in a gate with
// Config.GeneralOnly, by which tests see what the general rules are worth. Every such measure in a kind stands behind it.
func (x *Exchange) Specific(flaws ...string) bool { return len(flaws) > 0 && !x.general }

// Observing says that the gate only writes down what it would refuse.
func (x *Exchange) Observing() bool { return x.gate.config.Observe }

// Send makes a request of the gate's own to the upstream, with the gate's credential, and returns its answer; the caller closes the body.
// The path is encoded from segments; a nil body sends none; length -1 sends it in chunks. The headers of Kind.Carry go along as the caller sent them.
func (x *Exchange) Send(method string, segments []string, query []wire.Pair, header http.Header, body io.Reader, length int64) (*http.Response, error) {
	if len(x.Upstream.Kind.Carry) > 0 {
		if header = header.Clone(); header == nil {
			header = http.Header{}
		}
		x.carry(header)
	}
	return x.Upstream.send(x.Ctx, method, segments, false, query, header, body, length)
}

// carry adds the headers of Kind.Carry that are not there.
func (x *Exchange) carry(h http.Header) {
	for _, name := range x.Upstream.Kind.Carry {
		if v := x.Header[name]; v != nil && h[name] == nil {
			h[name] = v
		}
	}
}

func (u *Upstream) send(ctx context.Context, method string, segments []string, slash bool, query []wire.Pair, header http.Header, body io.Reader, length int64) (*http.Response, error) {
	r := u.request(ctx, method, segments, slash, query)
	for name, values := range header {
		if name != "Authorization" { // the caller's credential never goes upstream
			r.Header[name] = values
		}
	}
	if body != nil {
		r.Body, r.ContentLength = io.NopCloser(body), length
		if b, ok := body.(*bytes.Reader); ok {
			all := *b
			r.GetBody = func() (io.ReadCloser, error) { again := all; return io.NopCloser(&again), nil }
		}
	}
	res, err := u.transport.RoundTrip(r)
	if err != nil {
		return nil, &upstreamError{u.Name, err}
	}
	return res, nil
}

// upstreamError says that the protected server could not be reached or broke off.
type upstreamError struct {
	name string
	err  error
}

func (e *upstreamError) Error() string { return fmt.Sprintf("upstream %q: %v", e.name, e.err) }
func (e *upstreamError) Unwrap() error { return e.err }

// askLimit bounds the answers that the gate reads for itself, in bytes.
const askLimit = 4 << 20

// Ask makes a JSON request of the gate's own and reads the answer, at most 4 MiB, strictly. An answer that is no JSON object gives nil.
func (x *Exchange) Ask(method string, segments []string, query []wire.Pair, body any) (answer wire.Object, status int, err error) {
	header := http.Header{"Accept": {"application/json"}}
	var content io.Reader
	var length int64
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, 0, err
		}
		content, length = bytes.NewReader(b), int64(len(b))
		header.Set("Content-Type", "application/json")
	}
	res, err := x.Send(method, segments, query, header, content, length)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, askLimit+1))
	if err != nil {
		return nil, res.StatusCode, &upstreamError{x.Upstream.Name, err}
	}
	if len(b) > askLimit {
		return nil, res.StatusCode, fmt.Errorf("upstream %q answered with more than %d bytes", x.Upstream.Name, askLimit)
	}
	answer, err = wire.ParseJSON(b, wire.AnswerLimits)
	if err != nil {
		return nil, res.StatusCode, nil
	}
	return answer, res.StatusCode, nil
}

// Remember gives what is known under key, asking fill at most once at a time when it is not known or older than ttl. Errors are not kept.
// The keys of one upstream are its own.
func (x *Exchange) Remember(key string, ttl time.Duration, fill func() (any, error)) (any, error) {
	return x.Upstream.cache.get(key, ttl, fill)
}

// Forget drops what is known under key: after a request that changed it.
func (x *Exchange) Forget(key string) { x.Upstream.cache.forget(key) }

// Forward sends the request on as it was read and streams the answer back.
func (x *Exchange) Forward() error {
	res, err := x.Fetch()
	if err != nil {
		return err
	}
	return x.Relay(res)
}

// Fetch sends the request on as it was read and gives the answer, for flows that look at it; the caller closes the body or calls Relay.
func (x *Exchange) Fetch() (*http.Response, error) {
	var body io.Reader
	length := x.Length
	switch {
	case x.Raw != nil:
		body, length = bytes.NewReader(x.Raw), int64(len(x.Raw))
	case x.Request.Body != nil && x.Length != 0:
		body = &counted{r: x.Request.Body, n: &x.Record.In}
	}
	return x.Upstream.send(x.Ctx, x.Method, x.Segments, x.Slash, x.Query, x.Header, body, length)
}

type counted struct {
	r io.Reader
	n *int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	*c.n += int64(n)
	return n, err
}

// Answer writes a whole answer.
func (x *Exchange) Answer(status int, contentType string, body []byte) error {
	h := x.W.Header()
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.begin(status)
	if x.Method == "HEAD" {
		return nil
	}
	n, err := x.W.Write(body)
	x.Record.Out += int64(n)
	if err != nil {
		return written(err)
	}
	return nil
}

// begin sends the head of the answer.
func (x *Exchange) begin(status int) {
	x.answered = true
	x.Record.Status = status
	guardHeaders(x.W.Header())
	x.W.WriteHeader(status)
}

// refuse answers with a refusal in the upstream's own form.
func (x *Exchange) refuse(r *wire.Refusal) {
	kind, body := plainRefusal(r)
	if x.Upstream != nil && x.Upstream.Kind.Refusal != nil {
		kind, body = x.Upstream.Kind.Refusal(r)
	}
	x.Answer(r.Status, kind, body)
}

func plainRefusal(r *wire.Refusal) (string, []byte) {
	b, err := json.Marshal(map[string]string{"error_code": r.Code, "message": r.Reason})
	if err != nil {
		b = []byte(`{"error_code":"INTERNAL_ERROR"}`)
	}
	return "application/json", b
}

// refusal makes every error one that can be answered: what is no refusal fails closed.
func refusal(err error) *wire.Refusal {
	var r *wire.Refusal
	var up *upstreamError
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &r):
		return r
	case errors.As(err, &tooLarge):
		return wire.Refuse(http.StatusRequestEntityTooLarge, "INVALID_PARAMETER_VALUE", "size", fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit))
	case errors.Is(err, context.DeadlineExceeded):
		return wire.Refuse(http.StatusGatewayTimeout, "TEMPORARILY_UNAVAILABLE", "upstream", "the server did not answer in time")
	case errors.As(err, &up):
		return wire.Refuse(http.StatusBadGateway, "TEMPORARILY_UNAVAILABLE", "upstream", "the server behind the gate did not answer")
	}
	return wire.Refuse(http.StatusInternalServerError, "INTERNAL_ERROR", "gate", "the gate could not decide, so it refused")
}
