package main

import (
	"net/http"
	"net/netip"
	"strings"

	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/page"
)

// pages are the gate's own: quarantine, refusals and tokens.
func (p *gateParts) pages() http.Handler {
	return page.New(page.Config{
		Base: "/-/weir/", Quarantine: p.intake.Vault(), NotHeld: intake.ErrNotHeld, Tokens: p.auth, Refusals: p.audit.Recent,
		Decide: p.auth.Decide, Login: p.auth.LoginPath, Record: p.audit.Append, From: p.auth.From, Ready: p.audit.Ready,
		Identify: func(r *http.Request) (auth.Principal, error) {
			remote, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero address where the server does not know it
			who, err := p.auth.Identify(r.Context(), auth.Credentials{Method: r.Method, Host: strings.ToLower(r.Host), Header: r.Header, Remote: remote, TLS: r.TLS})
			if line := gateway.RecordOf(r); line != nil {
				line.Who, line.How = who.Name, who.Method
			}
			return who, err
		},
	})
}
