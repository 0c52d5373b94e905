package gateway

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/wire"
)

// Config says what a gate stands before and whom it asks.
type Config struct {
	Upstreams []*Upstream
	// Hosts are the names under which the gate is reached, in lower case, without port. Addresses and localhost always are: a page that
	// rebinds a name of its own to this address is told by that name.
	Hosts []string
	// Origins are those of other sites whose pages may call: "https://notebooks.example.org".
	Origins []string
	// Identify says who asks; its error is a *wire.Refusal with 401 or 429, anything else refuses with 500.
	Identify func(*http.Request, *wire.Request) (auth.Principal, error)
	Decide   func(auth.Principal, auth.Action, auth.Resource) auth.Decision
	// Record writes down what happened. Ready says, before a request is passed on, whether that will be possible.
	Record func(audit.Record) error
	Ready  func() error
	// Memo keeps what is known of resources; nil: only in memory, and Keep keeps nothing.
	Memo Memo
	// Client gives the address that a request comes from, where proxies stand before the gate; nil: that of the connection.
	Client func(http.Header, netip.AddrPort) netip.AddrPort
	// Secure says that clients come by https although TLS ends before the gate.
	Secure bool
	// Measure is told of every request, with the client's traceparent header; may be nil.
	Measure func(r *audit.Record, traceparent string)
	// Stranger says that too many requests come from an address to routes that need no account; its error is a *wire.Refusal with 429. May be nil.
	Stranger func(netip.Addr) error
	// Limit says that an account asks too often; its error is a *wire.Refusal with 429. May be nil.
	Limit func(who auth.Principal, class string) error
	// Downloads is asked before an allowed request whose action is Download, and gives what is told of the answer's bytes; the error of either is
	// a *wire.Refusal with 429. May be nil.
	Downloads func(ctx context.Context, who auth.Principal, resources []auth.Resource) (spend func(n int64) error, err error)
	// Health answers /healthz, at every host and to everybody; may be nil.
	Health http.Handler
	// Intake takes in and judges content; nil: routes that carry content refuse.
	Intake *intake.Intake
	// Own serves the gate's own pages below /-/weir/; nil: there are none.
	Own http.Handler
	// Observe passes on what Checks, Locate and Decide would refuse, and writes down that it would have been refused. What cannot be read in
	// one way only is refused all the same.
	Observe bool
	// GeneralOnly leaves out the checks that exist for one flaw: a test of the others.
	GeneralOnly bool
}

// Gate is the handler that stands before the upstreams.
type Gate struct {
	config  Config
	hosts   map[string]bool
	origins map[string]bool
	keeping chan struct{} // bounds how many values are written to the store at once
	bodies  bodies
	flood   flood
}

// OwnPath is the path below which the gate's own pages lie, at every host.
const OwnPath = "-"

// New prepares a gate. Its errors are about the configuration.
func New(c Config) (*Gate, error) {
	if c.Identify == nil || c.Decide == nil || c.Record == nil {
		return nil, errors.New("a gate needs Identify, Decide and Record")
	}
	g := &Gate{config: c, hosts: map[string]bool{}, origins: map[string]bool{}, keeping: make(chan struct{}, 8), flood: flood{write: c.Record}}
	names := map[string]bool{}
	for _, u := range c.Upstreams {
		if names[u.Name] || u.Name == "" {
			return nil, fmt.Errorf("upstream %q: every upstream needs a name of its own", u.Name)
		}
		names[u.Name] = true
		if err := u.open(); err != nil {
			return nil, err
		}
	}
	// The most special claim first: a longer prefix before a shorter, a host before none.
	slices.SortStableFunc(g.config.Upstreams, func(a, b *Upstream) int {
		if d := len(b.prefix) - len(a.prefix); d != 0 {
			return d
		}
		return len(b.Host) - len(a.Host)
	})
	for _, h := range c.Hosts {
		g.hosts[hostname(strings.ToLower(h))] = true
	}
	for _, u := range c.Upstreams {
		if u.Host != "" {
			g.hosts[hostname(u.Host)] = true
		}
	}
	for _, o := range c.Origins {
		g.origins[strings.ToLower(o)] = true
	}
	return g, nil
}

// Close ends the connections to the upstreams, and writes down what was only counted so far.
func (g *Gate) Close() {
	g.flood.summary()
	for _, u := range g.config.Upstreams {
		u.transport.CloseIdleConnections()
	}
}

var (
	errClientGone = errors.New("the client went away")
	errSwitch     = errors.New("it switched protocols")
	errAborted    = errors.New("the answer was cut off")
)

// ServeHTTP takes one request through: read, who, which route, what it means, what it is about, may they, carry out, write down.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	w = wire.Patient(w, r, wire.Options{})
	record := audit.Record{Time: start.UTC(), Request: newID(), From: r.RemoteAddr, Method: r.Method, Decision: "allow"}
	from, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero address where the server does not know it
	if g.config.Client != nil {
		if c := g.config.Client(r.Header, from); c != from {
			from, record.From = c, c.Addr().String() // nobody tells the port
		}
	}
	w.Header()["X-Request-Id"] = []string{record.Request}
	x := &Exchange{Ctx: r.Context(), W: w, Record: &record, Request: &wire.Request{Method: r.Method}, gate: g, from: from.Addr(), general: g.config.GeneralOnly}
	defer x.end()
	err := g.serve(x, r)
	if err != nil {
		g.settle(x, err)
	}
	record.Micros = time.Since(start).Microseconds()
	if g.config.Measure != nil {
		g.config.Measure(&record, r.Header.Get("Traceparent"))
	}
	if err := g.flood.record(&record, x.from); err != nil {
		slog.Error("the audit log cannot be written: requests are refused until it can", "error", err)
		panic(http.ErrAbortHandler)
	}
	if x.broken {
		panic(http.ErrAbortHandler) // the answer is not whole, so the client must not take it for whole
	}
}

// settle answers an error that ended a request, if an answer is still possible.
func (g *Gate) settle(x *Exchange, err error) {
	no := refusal(err)
	x.Record.Reason = no.Reason
	if no.Detail != "" {
		x.Record.Reason += " (" + no.Detail + ")"
	}
	switch {
	case errors.Is(err, errAborted):
		x.Record.Decision, x.Record.Reason, x.broken = "error", errAborted.Error(), true
		return
	case errors.Is(err, errClientGone), x.Ctx.Err() != nil && errors.Is(x.Ctx.Err(), context.Canceled):
		// Also when nothing was answered: net/http would say 200 to a client that has only ended its own half of the connection.
		x.Record.Decision, x.Record.Reason, x.broken = "error", errClientGone.Error(), true
		return
	case no.Status >= 500:
		x.Record.Decision = "error"
		slog.Warn("request not carried out", "request", x.Record.Request, "path", audit.Mask(x.Record.Path), "error", err)
	case no.Status == http.StatusUnauthorized || no.Status == http.StatusForbidden:
		x.Record.Decision = "deny"
	case x.Record.Decision == "allow":
		x.Record.Decision = "refuse"
	}
	if x.Record.Policy == "" {
		x.Record.Policy = no.Rule
	}
	if x.answered {
		x.broken = true
		return
	}
	if no.Hint != "" {
		x.Record.Hint = no.Hint
	}
	for name, value := range no.Header {
		x.W.Header()[name] = value
	}
	x.refuse(no)
}

func (g *Gate) serve(x *Exchange, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				err = errAborted
				return
			}
			slog.Error("a request made the gate fail; it was refused", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	req, err := wire.Read(r)
	if err != nil {
		x.Record.Path = masked(r.URL.EscapedPath())
		return err
	}
	x.Request, x.secure = req, r.TLS != nil || g.config.Secure
	x.Record.Path = masked(req.Path())
	if err := g.sameSite(r, req); err != nil {
		return err
	}
	if g.config.Health != nil && len(req.Segments) == 1 && req.Segments[0] == "healthz" && !req.Slash {
		return g.own(x, r, g.config.Health)
	}
	if len(req.Segments) > 1 && req.Segments[0] == OwnPath && req.Segments[1] == "weir" && g.config.Own != nil {
		return g.own(x, r, g.config.Own)
	}
	if g.config.Ready != nil {
		if err := g.config.Ready(); err != nil {
			return wire.Refuse(http.StatusServiceUnavailable, "TEMPORARILY_UNAVAILABLE", "audit", "the gate cannot write its audit log, so it passes nothing on")
		}
	}
	if err := g.route(x); err != nil {
		return err
	}
	if x.Route.Public && g.config.Stranger != nil {
		if err := g.config.Stranger(x.from); err != nil {
			return err
		}
	}
	if !x.Route.Public {
		if x.Who, err = g.config.Identify(r, req); err != nil {
			return err
		}
		x.Record.Who, x.Record.How = x.Who.Name, x.Who.Method
		if g.config.Limit != nil {
			if err := g.config.Limit(x.Who, x.Route.class()); err != nil {
				return err
			}
		}
	}
	if err := x.readBody(); err != nil {
		return err
	}
	if err := g.judge(x); err != nil {
		return err
	}
	if x.Route.Flow != nil {
		return x.Route.Flow(x)
	}
	return x.Forward()
}

// judge asks what the request means, what it is about, and whether that may be.
func (g *Gate) judge(x *Exchange) error {
	for _, c := range x.Route.Checks {
		if len(c.CVE) > 0 && !x.Specific(c.CVE...) {
			continue
		}
		if err := c.Test(x); err != nil {
			if err = g.observed(x, named(err, c.Name)); err != nil {
				return err
			}
		}
	}
	if x.Route.Public {
		return nil
	}
	if x.Route.Locate == nil {
		x.Resources = []auth.Resource{{Type: x.Route.Resource}}
	} else {
		found, err := x.Route.Locate(x)
		if err != nil {
			if err = g.observed(x, err); err != nil {
				return err
			}
		}
		if x.Resources = found; len(found) == 0 {
			x.Resources = []auth.Resource{{Type: x.Route.Resource}} // nothing found is no leave: it is about all of that type
		}
	}
	for i := range x.Resources {
		res := &x.Resources[i]
		res.Server = x.Upstream.Name
		if len(x.Record.Resource) < 64 {
			x.Record.Resource = append(x.Record.Resource, res.Type+":"+res.ID)
		}
		action := x.Route.Action
		d := g.decide(x.Who, action, *res)
		if x.Record.Observed == "" { // else what would have refused stays
			x.Record.Policy = d.Policy
		}
		if d.Allow {
			continue
		}
		no := wire.Refuse(http.StatusForbidden, "PERMISSION_DENIED", d.Policy, "Permission denied")
		if d.Reason != "" {
			x.Record.Reason = d.Reason
		}
		if err := g.observed(x, no); err != nil {
			return err
		}
	}
	return g.download(x)
}

// observed lets a refusal pass in observe mode, and remembers that it would have been one.
func (g *Gate) observed(x *Exchange, err error) error {
	if !g.config.Observe {
		return err
	}
	no := refusal(err)
	if x.Record.Observed == "" {
		x.Record.Observed = no.Reason
		x.Record.Policy, x.Record.Hint = no.Rule, no.Hint
	}
	return nil
}

func named(err error, rule string) error {
	var no *wire.Refusal
	if errors.As(err, &no) && no.Rule == "" {
		copied := *no
		copied.Rule = rule
		return &copied
	}
	return err
}

func (g *Gate) decide(who auth.Principal, a auth.Action, r auth.Resource) auth.Decision {
	return g.config.Decide(who, a, r)
}

// route finds the upstream and the line of its table.
func (g *Gate) route(x *Exchange) error {
	for _, u := range g.config.Upstreams {
		rest, ok := u.claims(x.Host, x.Segments)
		if !ok {
			continue
		}
		x.Upstream, x.Segments = u, rest
		x.Record.Server = u.Name
		break
	}
	if x.Upstream == nil {
		return wire.Refuse(http.StatusNotFound, "ENDPOINT_NOT_FOUND", "no-upstream", "weir gate: nothing is served under this host and path")
	}
	lookup := *x.Request
	if x.Upstream.Kind.Strip != nil {
		lookup.Segments = x.Upstream.Kind.Strip(x.Upstream, x.Segments)
	}
	route, vars := x.Upstream.router.find(&lookup)
	if route == nil {
		err := g.unknown(x, &lookup)
		if !g.config.Observe {
			return err
		}
		// It is passed on to whoever has an account, so that a week of observing shows what is missing.
		g.observed(x, err)
		route = &Route{Method: x.Method, Path: lookup.Path(), Resource: "server", Action: auth.Manage, Query: []string{"*"}, Body: Stream}
	}
	x.Route, x.Vars = route, vars
	x.Record.Route, x.Record.Action = route.Method+" "+route.Path, string(route.Action)
	if err := wire.CheckQuery(x.Query, route.Query); err != nil {
		return err
	}
	return nil
}

func (g *Gate) unknown(x *Exchange, lookup *wire.Request) error {
	methods := x.Upstream.router.allowed(lookup)
	no := wire.Refuse(http.StatusNotFound, "ENDPOINT_NOT_FOUND", "unknown-route", "weir gate: this path is not in the route table of "+x.Upstream.Kind.Name)
	if len(methods) > 0 {
		no = wire.Refuse(http.StatusMethodNotAllowed, "INVALID_PARAMETER_VALUE", "unknown-route", "weir gate: this path takes "+strings.Join(methods, ", "))
		x.W.Header().Set("Allow", strings.Join(methods, ", "))
	}
	no.Hint = fmt.Sprintf("routes: [%q]", lookup.Method+" "+lookup.Path()+" read")
	return no
}

func newID() string {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// masked bounds a path for the log.
func masked(path string) string {
	if len(path) > 2048 {
		return path[:2048] + "…"
	}
	return path
}
