// Package page shows people the gate's own state in a browser: what is in quarantine, what was refused lately, and tokens; plain HTML without
// scripts.
//
// Start with [New], which says what the pages need of the rest of the gate. Everybody with an account sees what is their own; who may read
// the quarantine, and who manages the gate, sees all of it.
package page

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"weir/internal/audit"
	"weir/internal/auth"
	"weir/internal/report"
	"weir/internal/store"
)

// Quarantine is what was held back; *intake.Vault is one. Get, Release and Delete give an error that wraps NotHeld of the [Config] for a number
// that does not exist.
type Quarantine interface {
	List(ctx context.Context) ([]store.Held, error)
	Get(ctx context.Context, id string) (store.Held, error)
	Release(ctx context.Context, id, by, reason string) (store.Held, error)
	Delete(ctx context.Context, id, by, reason string) (store.Held, error)
}

// Tokens makes and ends tokens; *auth.Auth is one.
type Tokens interface {
	Tokens(ctx context.Context, account string) ([]auth.Token, error)
	NewToken(ctx context.Context, account, note string, life time.Duration, scopes []auth.Scope) (shown string, t auth.Token, err error)
	RevokeToken(ctx context.Context, id string) error
}

// Config is what the pages need.
type Config struct {
	Base       string // the path below which they lie, with a slash at both ends: "/-/weir/"
	Quarantine Quarantine
	NotHeld    error // what Quarantine answers for a number that it does not have
	Tokens     Tokens
	// Refusals gives the newest requests that were not plainly allowed, newest first.
	Refusals func() []audit.Record
	// Identify says who asks; its error is an *auth.Denied.
	Identify func(*http.Request) (auth.Principal, error)
	Decide   func(auth.Principal, auth.Action, auth.Resource) auth.Decision
	// From names where a request comes from, for the log.
	From func(*http.Request) string
	// Login is where somebody who is not known is sent; next is where they wanted to go.
	Login func(next string) string
	// Record writes down what was changed; when it cannot, nothing is changed.
	Record func(audit.Record) error
	// Ready says whether Record will work.
	Ready func() error
}

// The types of resource that decisions here are about. A role for all servers and things covers them; Cedar policies may open them to others.
const (
	TypeQuarantine = "quarantine" // read: see an item that somebody else sent; manage: release it; delete: delete it
	TypeGate       = "gate"       // manage: see everybody's refusals and tokens, and end tokens of others
)

// Pages is the handler of all pages.
type Pages struct {
	Config
	mux *http.ServeMux
	key [32]byte // of the forms: they live as long as the process
}

//go:embed *.tmpl
var templateFiles embed.FS

//go:embed style.css
var style []byte

// templates are parsed when the first page is shown: most runs of weir show none.
var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"show":  report.Printable, // names come from hostile files: control and direction characters become visible
		"bytes": report.Bytes,
		"time": func(t time.Time) template.HTML {
			t = t.UTC()
			return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.Format(time.RFC3339), t.Format("2006-01-02 15:04 UTC"))) // digits only
		},
		"short": func(s string) string {
			if len(s) > 26 {
				return s[:26] + "…"
			}
			return s
		},
	}).ParseFS(templateFiles, "*.tmpl"))
})

// New makes the pages.
func New(c Config) *Pages {
	p := &Pages{Config: c, mux: http.NewServeMux()}
	rand.Read(p.key[:]) // never fails (crypto/rand)
	b := c.Base
	p.mux.HandleFunc("GET "+b+"{$}", func(w http.ResponseWriter, r *http.Request) { seeOther(w, b+"quarantine") })
	p.mux.HandleFunc("GET "+b+"style.css", p.style)
	p.mux.Handle("GET "+b+"quarantine", p.known(p.quarantine))
	p.mux.Handle("GET "+b+"quarantine/{id}", p.known(p.item))
	p.mux.Handle("POST "+b+"quarantine/{id}/release", p.form(p.release))
	p.mux.Handle("POST "+b+"quarantine/{id}/delete", p.form(p.delete))
	p.mux.Handle("GET "+b+"refusals", p.known(p.refusals))
	p.mux.Handle("GET "+b+"tokens", p.known(p.tokens))
	p.mux.Handle("POST "+b+"tokens", p.form(p.newToken))
	p.mux.Handle("POST "+b+"tokens/{id}/revoke", p.form(p.revoke))
	return p
}

// ServeHTTP serves everything below Base but the login.
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	p.mux.ServeHTTP(w, r)
}

func (p *Pages) style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "private, max-age=600")
	w.Write(style) // an error means that the browser has gone
}

// visit is one request by somebody who is known.
type visit struct {
	w   http.ResponseWriter
	r   *http.Request
	who auth.Principal
}

// problem is an error for the person before the screen.
type problem struct {
	status int
	text   string
}

func (e *problem) Error() string { return e.text }

func (p *Pages) known(show func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := p.Identify(r)
		if err != nil {
			p.unknown(w, r, err)
			return
		}
		v := &visit{w, r, who}
		if err := show(v); err != nil {
			p.fail(v, err)
		}
	})
}

// unknown sends a browser to the login, and answers everything else with the reason.
func (p *Pages) unknown(w http.ResponseWriter, r *http.Request, err error) {
	var d *auth.Denied
	if !errors.As(err, &d) {
		http.Error(w, "it is not known who asks: the gate cannot look that up now", http.StatusServiceUnavailable)
		return
	}
	if d.Status == http.StatusUnauthorized && r.Header.Get("Authorization") == "" {
		next := p.Base
		if r.Method == http.MethodGet {
			next = r.URL.RequestURI()
		}
		seeOther(w, p.Login(next))
		return
	}
	for _, c := range d.Challenge {
		w.Header().Add("WWW-Authenticate", c)
	}
	http.Error(w, d.Reason, d.Status)
}

func (p *Pages) fail(v *visit, err error) {
	var e *problem
	switch {
	case errors.As(err, &e):
	case errors.Is(err, p.NotHeld):
		e = &problem{http.StatusNotFound, "Nothing with this number is in quarantine."}
	default:
		slog.Error("a page could not be made", "path", v.r.URL.EscapedPath(), "error", err) // what it says may be of no concern to the visitor
		e = &problem{http.StatusInternalServerError, "This did not work. The gate's own log says why."}
	}
	if p.show(v, e.status, "problem", "Not possible", e.text) != nil {
		http.Error(v.w, e.text, e.status)
	}
}

// view is what every page shows.
type view struct {
	Base, Page, Title, Form, Done string
	Who                           auth.Principal
	All                           bool // the visitor manages the gate
	Data                          any
}

// done says what a page that was just sent on says at its top, by the word in the address: never text from there.
var done = map[string]string{
	"released": "Released: these bytes may pass from now on. Whoever sent them has to send them again.",
	"deleted":  "Deleted: the bytes are destroyed, the record stays.",
	"revoked":  "Revoked: this token is of no use any more.",
}

func (p *Pages) show(v *visit, status int, page, title string, data any) error {
	out := view{Base: p.Base, Page: page, Title: title, Form: p.formKey(v), Done: done[v.r.URL.Query().Get("done")], Who: v.who, All: p.manages(v), Data: data}
	var b buffer
	if err := templates().ExecuteTemplate(&b, page+".tmpl", out); err != nil {
		return fmt.Errorf("page %s: %w", page, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.WriteHeader(status)
	v.w.Write(b.Bytes()) // an error means that the browser has gone
	return nil
}

func (p *Pages) manages(v *visit) bool {
	return p.Decide(v.who, auth.Manage, auth.Resource{Type: TypeGate, ID: "gate", Name: "gate"}).Allow
}

func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
