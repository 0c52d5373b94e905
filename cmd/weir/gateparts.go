package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/gateway"
	"weir/internal/gateway/intake"
	"weir/internal/gateway/quota"
	"weir/internal/gateway/telemetry"
	"weir/internal/gateway/wire"
	"weir/internal/store"
	"weir/internal/store/sqlite"
)

// gateParts are what a running gate is made of, in the order in which they were opened.
type gateParts struct {
	store  store.Store
	audit  *audit.Log
	auth   *auth.Auth
	intake *intake.Intake
	quota  *quota.Ledger
	meter  *telemetry.Meter
	export *telemetry.Exporter
	own    *http.ServeMux
	closes []func() error
}

// openParts opens everything that a gate needs. What was opened before an error is closed again.
func (a *app) openParts(ctx context.Context, f *gateFile, g *gateFlags) (p *gateParts, err error) {
	p = &gateParts{own: http.NewServeMux()}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.store, err = sqlite.Open(f.storeFile()); err != nil {
		return p, misconfigured("data", err)
	}
	p.closes = append(p.closes, p.store.Close)
	o, err := f.Audit.options(a)
	if err != nil {
		return p, f.errorf("audit: %w", err)
	}
	if p.audit, err = audit.Open(f.auditDir(), o); err != nil {
		return p, misconfigured("audit", err)
	}
	p.closes = append(p.closes, p.audit.Close)
	if err = p.openAuth(ctx, a, f, g); err != nil {
		return p, err
	}
	if err = p.logChanges(ctx); err != nil {
		return p, misconfigured("audit", err)
	}
	if err = p.openIntake(f); err != nil {
		return p, err
	}
	p.own.Handle("/-/weir/", p.pages())
	p.meter = telemetry.New(telemetry.Gauges{AuditReady: p.audit.Ready})
	if f.OTLP.Endpoint != "" {
		p.export, err = telemetry.Export(p.meter, telemetry.Options{Endpoint: f.OTLP.Endpoint, Headers: f.OTLP.Headers, Version: versionText()})
		if err != nil {
			return p, misconfigured("otlp", err)
		}
		p.closes = append(p.closes, func() error { p.export.Close(); return nil })
	}
	p.openQuota(f)
	return p, nil
}

func (p *gateParts) openAuth(ctx context.Context, a *app, f *gateFile, g *gateFlags) error {
	o, err := f.authOptions()
	if err != nil {
		return err
	}
	o.Base, o.Watch, o.Now = "/-/weir/", login, g.clock
	if p.auth, err = auth.Open(p.store, o); err != nil {
		return misconfigured("auth", err)
	}
	password := ""
	if g.adminPassword != "" {
		if password, err = secretFile(g.adminPassword); err != nil {
			return misconfigured("admin-password-file", err)
		}
	}
	made, shown, err := p.auth.First(ctx, password)
	if err != nil {
		return misconfigured("first account", err)
	}
	if made && shown != "" {
		fmt.Fprintf(a.stderr, "weir gate: this is the first start. The account \"admin\" has the password\n\n    %s\n\nIt is shown this once.\n\n", shown)
	}
	login := p.auth.Login()
	for _, path := range []string{"login", "logout", "oidc/"} {
		p.own.Handle("/-/weir/"+path, login)
	}
	return nil
}

// authOptions are what the configuration says about who may do what.
func (f *gateFile) authOptions() (auth.Options, error) {
	policies, err := f.policies()
	if err != nil {
		return auth.Options{}, err
	}
	o := f.Auth.Options(policies)
	if o.Certificates == nil && f.TLS.ClientCA != "" {
		o.Certificates = &auth.Certificates{} // whoever names an authority wants its certificates to count
	}
	o.Secure = o.Secure || f.TLS.Cert != ""
	return o, nil
}

// login completes the line about a login by a browser: who it was, or said to be.
func login(e auth.Event) {
	r := gateway.RecordOf(e.Request)
	if r == nil {
		return // not a request of this gate
	}
	r.Route, r.How = "login", e.Method
	if e.Err == nil {
		r.Who = e.Name
		return
	}
	why := *e.Err
	if why.Account == "" {
		why.Account = e.Name
	}
	r.Decision, r.Policy, r.Reason = "deny", "auth-"+string(why.Why), why.Reason
	if s := detail(&why); s != "" {
		r.Reason += " (" + s + ")"
	}
}

// detail is what the log alone is told about somebody who was not let in: the name that they claimed, and what was wrong.
func detail(d *auth.Denied) string {
	if d.Account == "" {
		return d.Detail
	}
	return strings.TrimSuffix(fmt.Sprintf("account %q: %s", d.Account, d.Detail), ": ")
}

func (p *gateParts) close() {
	for i := len(p.closes) - 1; i >= 0; i-- {
		if err := p.closes[i](); err != nil {
			slog.Warn(err.Error())
		}
	}
	p.closes = nil
}

// gate puts the parts together.
func (p *gateParts) gate(f *gateFile, ups []*gateway.Upstream) (*gateway.Gate, error) {
	c := gateway.Config{
		Upstreams: ups, Hosts: f.Hosts, Origins: f.Origins, Observe: f.Observe, GeneralOnly: generalRulesOnly,
		Identify:  p.identify,
		Client:    p.auth.Client,
		Secure:    f.Auth.Secure,
		Stranger:  func(from netip.Addr) error { return denied(p.auth.Stranger(from), "") },
		Decide:    p.auth.Decide,
		Limit:     func(who auth.Principal, class string) error { return denied(p.auth.Limit(who, class), "") },
		Record:    p.audit.Append,
		Ready:     p.audit.Ready,
		Memo:      p.store,
		Intake:    p.intake,
		Downloads: p.quota.Begin,
		Health:    p.health(),
		Own:       p.own,
		Measure: func(r *audit.Record, traceparent string) {
			p.meter.Request(r)
			if p.export != nil {
				p.export.Span(r, telemetry.ParseTrace(traceparent))
			}
		},
	}
	g, err := gateway.New(c)
	if err != nil {
		return nil, f.errorf("%w", err)
	}
	return g, nil
}

// identify asks who it is. A browser that shows nothing is sent to the page to log in.
func (p *gateParts) identify(r *http.Request, q *wire.Request) (auth.Principal, error) {
	who, err := p.auth.Identify(r.Context(), auth.Credentials{Method: r.Method, Host: q.Host, Header: r.Header, Remote: q.Remote, TLS: r.TLS})
	if err == nil {
		return who, nil
	}
	login := ""
	if r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" || r.Method == http.MethodGet && wantsHTML(r.Header.Get("Accept")) {
		login = p.auth.LoginPath(r.URL.RequestURI())
	}
	return auth.Principal{}, denied(err, login)
}

// denied makes auth's answer the gate's. With login, somebody who is not known is sent there.
func denied(err error, login string) error {
	if err == nil {
		return nil
	}
	var d *auth.Denied
	if !errors.As(err, &d) {
		return err
	}
	codes := map[int]string{400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "REQUEST_LIMIT_EXCEEDED", 503: "TEMPORARILY_UNAVAILABLE"}
	no := wire.Refuse(d.Status, codes[d.Status], "auth-"+string(d.Why), "weir gate: "+d.Reason)
	no.Detail = detail(d)
	no.Header = http.Header{}
	if len(d.Challenge) > 0 {
		no.Header["WWW-Authenticate"] = d.Challenge
	}
	if d.RetryAfter > 0 {
		no.Header["Retry-After"] = []string{strconv.Itoa(int(d.RetryAfter/time.Second) + 1)}
	}
	if d.Status == http.StatusUnauthorized && login != "" {
		no.Status = http.StatusSeeOther
		no.Header["Location"] = []string{login}
		delete(no.Header, "WWW-Authenticate")
	}
	return no
}

func wantsHTML(accept string) bool {
	return len(accept) >= 9 && accept[:9] == "text/html"
}

// serveMetrics answers /metrics and /healthz on an address of their own, which is not for everybody.
func (p *gateParts) serveMetrics(f *gateFile) (stop func(), err error) {
	l, err := net.Listen("tcp", f.Metrics)
	if err != nil {
		return nil, misconfigured("metrics", bare(err))
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p.meter)
	mux.Handle("GET /healthz", p.health())
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10}
	go srv.Serve(l)
	return func() { srv.Close() }, nil
}

func (p *gateParts) health() http.Handler {
	return telemetry.Health(map[string]func() error{"audit": p.audit.Ready})
}

// auditFile says where the log goes beside its folder.
type auditFile struct {
	Dir    string `yaml:"dir"`    // default: audit below data
	Rotate int64  `yaml:"rotate"` // bytes of one part
	Keep   int    `yaml:"keep"`   // closed parts that stay; 0: all
	Sync   string `yaml:"sync"`   // second, always, never
	Stdout bool   `yaml:"stdout"`
	Syslog string `yaml:"syslog"`
	Strict bool   `yaml:"strict"`
}

func (f *auditFile) options(a *app) (audit.Options, error) {
	o := audit.Options{MaxBytes: f.Rotate, Keep: f.Keep, Syslog: f.Syslog, Strict: f.Strict}
	switch f.Sync {
	case "", "second":
	case "always":
		o.Sync = audit.SyncAlways
	case "never":
		o.Sync = audit.SyncNever
	default:
		return o, fmt.Errorf("sync: %q is none of second, always, never", f.Sync)
	}
	if f.Rotate < 0 || f.Keep < 0 {
		return o, fmt.Errorf("rotate and keep: %d and %d cannot be below zero", f.Rotate, f.Keep)
	}
	if f.Stdout {
		o.Stdout = a.stdout
	}
	return o, nil
}

func (f *gateFile) auditDir() string {
	if f.Audit.Dir != "" {
		return f.Audit.Dir
	}
	return filepath.Join(f.Data, "audit")
}

// otlpFile names a collector.
type otlpFile struct {
	Endpoint string            `yaml:"endpoint"`
	Headers  map[string]string `yaml:"headers"`
}
