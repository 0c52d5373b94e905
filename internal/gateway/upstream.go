package gateway

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/internal/attest"
	"weir/internal/gateway/wire"
)

// Upstream is one protected server.
type Upstream struct {
	Name   string
	Kind   *Kind
	To     *url.URL // scheme and authority; its path is put before every request's
	Host   string   // requests for this host name, in lower case, go here; empty: any
	Prefix string   // requests below this path go here, the prefix removed; empty: any
	// Allow holds what the configuration opens for checks, by the names of Kind.Allow: import-roots, webhook-hosts, …
	Allow map[string][]string
	// On holds what the configuration switches on, by the names of Kind.Switch: separation-of-duties, …
	On map[string]bool
	// Routes are lines that the configuration adds to the kind's table.
	Routes []Route
	// FailOpen names routes (method, space, path as in the table) that are passed on when the scanner cannot work. Nothing else ever is.
	FailOpen map[string]bool
	// Signers are the keys one of which must vouch for a model before it is moved to where it is served; none: no signature is demanded.
	Signers []*attest.Key
	// Credential is what the gate itself shows to the upstream; the caller's never gets there.
	Credential Credential
	// Timeout bounds the wait for the first byte of an answer; 0: 10 minutes, because training and evaluation answer late.
	Timeout time.Duration
	// TLS is for https upstreams; nil: the system's roots.
	TLS *tls.Config

	prefix    []string
	router    *router
	transport *wire.Client
	cache     *cache
	states    sync.Map // of the kind's flows, by name
}

// Credential is sent in the Authorization header: a bearer token, or a name and a password, or nothing.
type Credential struct{ Bearer, User, Password string }

func (c Credential) header() string {
	switch {
	case c.Bearer != "":
		return "Bearer " + c.Bearer
	case c.User != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password))
	}
	return ""
}

// open prepares an upstream for use.
func (u *Upstream) open() error {
	if u.To == nil || u.To.Host == "" || (u.To.Scheme != "http" && u.To.Scheme != "https") {
		return fmt.Errorf("upstream %q: its address must be http:// or https:// with a host", u.Name)
	}
	if u.Kind == nil {
		return fmt.Errorf("upstream %q has no kind", u.Name)
	}
	if u.Prefix != "" {
		u.prefix = strings.Split(strings.Trim(u.Prefix, "/"), "/")
	}
	routes := append(append([]Route(nil), u.Kind.Routes...), u.Routes...)
	r, err := newRouter(routes)
	if err != nil {
		return fmt.Errorf("upstream %q: %w", u.Name, err)
	}
	timeout := u.Timeout
	if timeout <= 0 {
		timeout = 10 * time.Minute
	}
	if err := u.known(routes); err != nil {
		return fmt.Errorf("upstream %q: %w", u.Name, err)
	}
	u.router = r
	u.cache = newCache(cacheEntries)
	slow := &http.Transport{
		DialContext:     (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig: u.TLS,
		// No proxy from the environment: the upstream is where the configuration says.
		MaxIdleConns: 512, MaxIdleConnsPerHost: 256,
		// Shorter than what gunicorn (2 s) and uvicorn (5 s) keep: a connection that the server is closing would lose a POST.
		IdleConnTimeout:        1500 * time.Millisecond,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		WriteBufferSize:        32 << 10, ReadBufferSize: 32 << 10,
	}
	u.transport = &wire.Client{Addr: hostPort(u.To), Slow: slow}
	return nil
}

// known refuses names in the configuration that nothing asks for: a switch that is misspelled would stay off, and nobody would see it.
func (u *Upstream) known(routes []Route) error {
	for name := range u.Allow {
		if !slices.Contains(u.Kind.Allow, name) {
			return fmt.Errorf("allow: %q is none of %s", name, list(u.Kind.Allow))
		}
	}
	for name := range u.On {
		if !slices.Contains(u.Kind.Switch, name) {
			return fmt.Errorf("switch: %q is none of %s", name, list(u.Kind.Switch))
		}
	}
	for name := range u.FailOpen {
		if !slices.ContainsFunc(routes, func(r Route) bool { return r.Method+" "+r.Path == name }) {
			return fmt.Errorf("fail-open: %q is no route of the table of %s", name, u.Kind.Name)
		}
	}
	return nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none: this kind has no such names"
	}
	return strings.Join(names, ", ")
}

// request builds what goes upstream from the canonical reading: nothing of the client's spelling is in it.
func (u *Upstream) request(ctx context.Context, method string, segments []string, slash bool, query []wire.Pair) *http.Request {
	path := wire.EncodePath(segments, slash)
	target := &url.URL{Scheme: u.To.Scheme, Host: u.To.Host, RawQuery: wire.EncodeQuery(query)}
	base := strings.TrimSuffix(u.To.Path, "/")
	target.Path, target.RawPath = base+decodedPath(segments, slash), base+path
	r := &http.Request{
		Method: method, URL: target, Host: u.To.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 12),
	}
	if h := u.Credential.header(); h != "" {
		r.Header.Set("Authorization", h)
	}
	return r.WithContext(ctx)
}

// hostPort is where a URL's server listens.
func hostPort(to *url.URL) string {
	switch {
	case to.Port() != "":
		return to.Host
	case to.Scheme == "https":
		return net.JoinHostPort(to.Hostname(), "443")
	}
	return net.JoinHostPort(to.Hostname(), "80")
}

func decodedPath(segments []string, slash bool) string {
	if len(segments) == 0 {
		return "/"
	}
	p := "/" + strings.Join(segments, "/")
	if slash {
		p += "/"
	}
	return p
}

// claims says whether a request is for this upstream, and gives its segments without the prefix. A Host without a port is meant for all ports.
func (u *Upstream) claims(host string, segments []string) ([]string, bool) {
	if u.Host != "" && u.Host != host && u.Host != hostname(host) {
		return nil, false
	}
	if len(segments) < len(u.prefix) {
		return nil, false
	}
	for i, p := range u.prefix {
		if segments[i] != p {
			return nil, false
		}
	}
	return segments[len(u.prefix):], true
}
