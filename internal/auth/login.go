package auth

import (
	"errors"
	"html/template"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
)

// LoginPath is where a browser without a session is to be sent; next is the path and query that it asked for.
func (a *Auth) LoginPath(next string) string {
	p := a.opt().Base + "login"
	if next = local(next); next != "/" {
		p += "?next=" + template.URLQueryEscaper(next)
	}
	return p
}

// local gives a path on this server, or "/": nobody shall be sent elsewhere by a link to the login.
func local(next string) string {
	if len(next) > 2048 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsFunc(next, func(r rune) bool {
		return r < 0x20 || r == 0x7f || r == '\\'
	}) {
		return "/"
	}
	return next
}

// Login serves the pages of login and logout below Options.Base: login (a form, and links to the providers), logout, and the ways back from the
// providers. They are the only ones that need no account.
func (a *Auth) Login() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.opt().pages.ServeHTTP(w, r) })
}

func (a *Auth) loginPages(s *settings) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+s.Base+"login", a.loginForm)
	mux.HandleFunc("POST "+s.Base+"login", a.loginPost)
	mux.HandleFunc("POST "+s.Base+"logout", a.logout)
	for _, p := range s.providers {
		mux.HandleFunc("GET "+s.Base+"oidc/"+p.Name, func(w http.ResponseWriter, r *http.Request) { a.depart(w, r, p) })
		mux.HandleFunc("GET "+s.Base+"oidc/"+p.Name+"/callback", func(w http.ResponseWriter, r *http.Request) { a.arrive(w, r, p) })
	}
	return mux
}

// loginPage is parsed when it is shown first: most runs of weir show none.
var loginPage = sync.OnceValue(func() *template.Template { return template.Must(template.New("login").Parse(loginText)) })

const loginText = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Log in</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:22rem;margin:12vh auto;padding:0 1rem;color:#1b1f24;background:#fff}
h1{font-size:1.25rem}label{display:block;margin:.75rem 0 .25rem}input{width:100%;box-sizing:border-box;font:inherit;padding:.5rem;border:1px solid #8c959f;border-radius:4px}
button,a.b{display:block;width:100%;box-sizing:border-box;margin-top:1rem;padding:.55rem;font:inherit;text-align:center;color:#fff;background:#0b57d0;border:0;border-radius:4px;text-decoration:none}
a.b{background:#444c56}p.e{color:#b3261e}@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}input{color:inherit;background:#161b22}p.e{color:#ff8a80}}</style></head>
<body><main><h1>Log in</h1>{{with .Error}}<p class="e" role="alert">{{.}}</p>{{end}}
<form method="post" action="{{.Action}}"><input type="hidden" name="next" value="{{.Next}}">
<label for="u">Name</label><input id="u" name="name" autocomplete="username" autofocus required maxlength="128">
<label for="p">Password</label><input id="p" name="password" type="password" autocomplete="current-password" required maxlength="1024">
<button>Log in</button></form>{{range .Providers}}<a class="b" href="{{.Path}}?next={{$.Next}}">{{.Title}}</a>{{end}}</main></body></html>
`

type loginLink struct{ Path, Title string }

// secureHeaders are those of every page here.
func secureHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

func (a *Auth) showLogin(w http.ResponseWriter, status int, next, problem string) {
	secureHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	loginPage().Execute(w, map[string]any{"Error": problem, "Next": local(next), "Action": a.opt().Base + "login", "Providers": a.loginLinks()}) // an error means that the browser has gone
}

func (a *Auth) loginForm(w http.ResponseWriter, r *http.Request) {
	a.showLogin(w, http.StatusOK, r.URL.Query().Get("next"), "")
}

// From names where a request comes from, for a log: the connection's address and port, or the address that a listed proxy has told.
func (a *Auth) From(r *http.Request) string {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if c := a.Client(r.Header, p); err == nil && c != p {
		return c.Addr().String()
	}
	return r.RemoteAddr
}

// remote is the client's address; nothing when the server does not know it.
func (a *Auth) remote(r *http.Request) netip.Addr {
	p, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return Place(a.Client(r.Header, p).Addr())
}

func (a *Auth) loginPost(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" || r.ParseForm() != nil {
		a.showLogin(w, http.StatusBadRequest, "/", "The form could not be read.")
		return
	}
	name, next := r.PostForm.Get("name"), r.PostForm.Get("next")
	if foreign(Credentials{Method: r.Method, Header: r.Header, Host: r.Host}) {
		a.showLogin(w, http.StatusForbidden, next, "Please log in from this page.") // else a site could log its visitors in as somebody else
		return
	}
	err := a.loginLimit(r)
	if err == nil {
		err = a.login(w, r, name, r.PostForm.Get("password"), a.remote(r))
	}
	if err != nil {
		var d *Denied
		if !errors.As(err, &d) {
			d = unavailable(err)
		}
		if d.RetryAfter > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(max(1, int(d.RetryAfter.Seconds()))))
		}
		a.watch(Event{Name: name, Method: "password", Request: r, Err: d})
		a.showLogin(w, d.Status, next, sentence(d.Reason))
		return
	}
	a.watch(Event{Name: name, Method: "password", Request: r})
	a.welcome(w, next)
}

// loginLimit counts one login from an address, whatever comes of it.
func (a *Auth) loginLimit(r *http.Request) error {
	if wait := a.guard.take(bucketKey{kind: 'l', addr: a.remote(r)}, a.guard.limits().Class[ClassLogin]); wait > 0 {
		return &Denied{Status: 429, Why: Limited, Reason: "too many logins from this address", RetryAfter: wait}
	}
	return nil
}

func (a *Auth) login(w http.ResponseWriter, r *http.Request, name, password string, addr netip.Addr) error {
	v, err := a.current(r.Context())
	if err != nil {
		return err
	}
	if err := a.checkPassword(r.Context(), v, name, password, addr); err != nil {
		return err
	}
	c, err := a.startSession(r.Context(), name, "password", nil, addr, a.secure(r.TLS != nil))
	if err != nil {
		return err
	}
	http.SetCookie(w, c)
	return nil
}

// welcome sends the browser on, to a page of this server.
func (a *Auth) welcome(w http.ResponseWriter, next string) {
	secureHeaders(w.Header())
	w.Header().Set("Location", local(next))
	w.WriteHeader(http.StatusSeeOther)
}

func (a *Auth) logout(w http.ResponseWriter, r *http.Request) {
	secure := a.secure(r.TLS != nil)
	if foreign(Credentials{Method: r.Method, Header: r.Header, Host: r.Host}) {
		http.Error(w, "log out from a page of this server", http.StatusForbidden)
		return
	}
	secret, err := a.sessionSecret(r.Header, secure)
	if err == nil && secret != "" {
		if err := a.storage.DeleteSession(r.Context(), secretHash(secret)); err != nil {
			http.Error(w, "the session could not be ended", http.StatusServiceUnavailable)
			return
		}
		a.changed()
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName(secure), Path: "/", MaxAge: -1, Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	a.welcome(w, a.opt().Base+"login")
}

// sentence makes a reason one for people.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
