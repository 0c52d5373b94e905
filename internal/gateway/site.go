package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway/wire"
)

// sameSite refuses what a page of another site makes a browser send: a name that was rebound to this address, and requests across origins.
// Programs send neither Origin nor Sec-Fetch-Site and are not touched.
func (g *Gate) sameSite(r *http.Request, req *wire.Request) error {
	if !g.serves(req.Host) {
		no := wire.Refuse(http.StatusForbidden, "PERMISSION_DENIED", "host", fmt.Sprintf("weir gate: it is not reached under the name %q", req.Host))
		no.Hint = fmt.Sprintf("hosts: [%q]", hostname(req.Host))
		return no
	}
	if origin := r.Header.Get("Origin"); origin != "" && !g.trusts(origin, req.Host, r.TLS != nil || g.config.Secure) {
		no := wire.Refuse(http.StatusForbidden, "PERMISSION_DENIED", "origin", "weir gate: a page of another site sent this")
		if strings.HasPrefix(origin, "http") {
			no.Hint = fmt.Sprintf("origins: [%q]", strings.ToLower(origin))
		}
		return no
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return nil
	}
	if r.Header.Get("Origin") != "" {
		return nil // it is trusted: see above
	}
	// A link from elsewhere that opens a page in the whole window is how people arrive. Nothing that a link can do may change anything.
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" && g.arrives(req) {
		return nil
	}
	return wire.Refuse(http.StatusForbidden, "PERMISSION_DENIED", "cross-site", "weir gate: a page of another site sent this")
}

// arrives says whether a link may lead here: to pages, that is to routes without an account or that only read the user interface.
func (g *Gate) arrives(req *wire.Request) bool {
	if len(req.Segments) > 0 && req.Segments[0] == OwnPath {
		return true // the gate's own pages check their forms themselves
	}
	for _, u := range g.config.Upstreams {
		rest, ok := u.claims(req.Host, req.Segments)
		if !ok {
			continue
		}
		lookup := *req
		lookup.Segments = rest
		if u.Kind.Strip != nil {
			lookup.Segments = u.Kind.Strip(u, rest)
		}
		route, _ := u.router.find(&lookup)
		return route != nil && (route.Public || route.Action == auth.Read && route.Resource == "ui")
	}
	return false
}

func (g *Gate) serves(host string) bool {
	name := hostname(host)
	if g.hosts[name] || name == "localhost" {
		return true
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return host
}

func (g *Gate) trusts(origin, host string, secure bool) bool {
	origin = strings.ToLower(origin)
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	return origin == scheme+host || g.origins[origin]
}
