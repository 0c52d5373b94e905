package auth

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// check makes sure that trusted-header mode is complete: without an allow-list anybody could say who they are.
func (p *Proxy) check() error {
	switch {
	case p == nil:
		return nil
	case len(p.Allow) == 0:
		return errors.New("trusted-header mode needs the addresses of the proxy")
	case p.User == "":
		return errors.New("trusted-header mode needs the name of the header with the user")
	case strings.EqualFold(p.User, "Authorization") || strings.EqualFold(p.User, "Cookie"):
		return errors.New("trusted-header mode cannot use a header that clients send by themselves")
	}
	for _, a := range p.Allow {
		if a.Bits() == 0 {
			return errors.New("trusted-header mode cannot trust every address")
		}
	}
	return nil
}

// claimed is what a trusted proxy says.
type claimed struct {
	user   string
	groups []string
}

// claim reads the proxy's headers; nil: there are none.
func (p *Proxy) claim(c Credentials) (*claimed, error) {
	if p == nil {
		return nil, nil
	}
	users := c.Header[http.CanonicalHeaderKey(p.User)]
	var groups []string
	if p.Groups != "" {
		groups = c.Header[http.CanonicalHeaderKey(p.Groups)]
	}
	if len(users) == 0 && len(groups) == 0 {
		return nil, nil
	}
	from := c.Remote.Addr().Unmap().WithZone("")
	if !slices.ContainsFunc(p.Allow, func(n netip.Prefix) bool { return n.Contains(from) }) {
		return nil, &Denied{Status: 403, Why: Untrusted, Reason: "only the proxy may say who asks", Detail: "header " + p.User + " from " + from.String()}
	}
	if len(users) != 1 || len(groups) > 1 {
		return nil, malformed("the proxy's headers do not stand there once")
	}
	out := &claimed{user: users[0]}
	for _, g := range groups {
		for name := range strings.SplitSeq(g, ",") {
			if name = strings.TrimSpace(name); name != "" {
				out.groups = append(out.groups, name)
			}
		}
	}
	if !validName(out.user) || len(out.groups) > mostGroups {
		return nil, malformed("the proxy's headers cannot be used")
	}
	return out, nil
}

// proxied gives the principal that the proxy has named. Accounts come into being when they are first seen, without a role of their own.
func (a *Auth) proxied(ctx context.Context, v *view, c *claimed) (Principal, error) {
	acc, err := a.outside(ctx, v, c.user, "proxy "+c.user, "")
	if err != nil {
		return Principal{}, err
	}
	return v.principal(acc, "header", c.groups), nil
}

// mostForwards bounds how many addresses of X-Forwarded-For are looked at.
const mostForwards = 32

// Client gives the address that a request comes from: that of the connection or, when a listed proxy is at its other end, the last one in
// X-Forwarded-For that is no listed proxy. What stands before that one is whatever the client wrote. The port is 0 when it is not known.
func (a *Auth) Client(h http.Header, remote netip.AddrPort) netip.AddrPort {
	trusted := func(ip netip.Addr) bool {
		ip = ip.Unmap().WithZone("")
		return slices.ContainsFunc(a.opt().Forwarders, func(n netip.Prefix) bool { return n.Contains(ip) })
	}
	if len(a.opt().Forwarders) == 0 || !trusted(remote.Addr()) {
		return remote
	}
	lines := h["X-Forwarded-For"]
	seen := 0
	for i := len(lines) - 1; i >= 0; i-- {
		list := strings.Split(lines[i], ",")
		for j := len(list) - 1; j >= 0; j-- {
			ip, err := netip.ParseAddr(strings.TrimSpace(list[j]))
			if seen++; err != nil || seen > mostForwards {
				return remote
			}
			if !trusted(ip) {
				return netip.AddrPortFrom(ip, 0)
			}
		}
	}
	return remote
}
