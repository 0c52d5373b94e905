package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// attempt is a login at a provider that is under way. It travels in a sealed cookie: nothing that strangers start is kept here.
type attempt struct {
	Provider string    `json:"p"`
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Next     string    `json:"x"`
	Until    time.Time `json:"u"`
}

const attemptLife = 10 * time.Minute

func attemptCookie(secure bool) string {
	if secure {
		return "__Host-weir-login"
	}
	return "weir-login"
}

// sealer encrypts cookies with a key that lives as long as the process.
func (a *Auth) sealer() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, a.key[:], nil, "weir login cookie", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (a *Auth) seal(t attempt) (string, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	box, err := a.sealer()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(box.Seal(nil, nil, text, []byte(t.Provider))), nil
}

func (a *Auth) unseal(s, provider string) (t attempt, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return t, false
	}
	box, err := a.sealer()
	if err != nil {
		return t, false
	}
	text, err := box.Open(nil, nil, sealed, []byte(provider))
	if err != nil || json.Unmarshal(text, &t) != nil {
		return t, false
	}
	return t, t.Provider == provider && a.now().Before(t.Until)
}

func (a *Auth) loginLinks() []loginLink {
	var out []loginLink
	for _, p := range a.opt().providers {
		out = append(out, loginLink{a.opt().Base + "oidc/" + p.Name, p.Title})
	}
	return out
}

// redirect is where the provider is to send the browser back to.
func (a *Auth) redirect(r *http.Request, p *provider) string {
	base := p.URL
	if base == "" {
		scheme := "http"
		if a.secure(r.TLS != nil) {
			scheme = "https"
		}
		base = (&url.URL{Scheme: scheme, Host: r.Host}).String()
	}
	return strings.TrimRight(base, "/") + a.opt().Base + "oidc/" + p.Name + "/callback"
}

// depart sends the browser to the provider.
func (a *Auth) depart(w http.ResponseWriter, r *http.Request, p *provider) {
	if err := a.loginLimit(r); err != nil {
		a.refuseLogin(w, r, "", err)
		return
	}
	d, err := p.discover(r.Context(), a.now)
	if err != nil {
		a.refuseLogin(w, r, "", tokenError(err))
		return
	}
	t := attempt{Provider: p.Name, State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: local(r.URL.Query().Get("next")), Until: a.now().Add(attemptLife)}
	sealed, err := a.seal(t)
	if err != nil {
		a.refuseLogin(w, r, "", unavailable(err))
		return
	}
	secure := a.secure(r.TLS != nil)
	http.SetCookie(w, &http.Cookie{Name: attemptCookie(secure), Value: sealed, Path: "/", MaxAge: int(attemptLife / time.Second), Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	secureHeaders(w.Header())
	w.Header().Set("Location", p.oauth(d, a.redirect(r, p)).AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)))
	w.WriteHeader(http.StatusSeeOther)
}

// arrive takes the browser back, with a code for a token.
func (a *Auth) arrive(w http.ResponseWriter, r *http.Request, p *provider) {
	secure := a.secure(r.TLS != nil)
	next, who, groups, err := a.exchange(r, p, secure)
	http.SetCookie(w, &http.Cookie{Name: attemptCookie(secure), Path: "/", MaxAge: -1, Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	if err != nil {
		a.refuseLogin(w, r, who, err)
		return
	}
	c, err := a.startSession(r.Context(), who, "oidc", groups, a.remote(r), secure)
	if err != nil {
		a.refuseLogin(w, r, who, unavailable(err))
		return
	}
	http.SetCookie(w, c)
	a.watch(Event{Name: who, Method: "oidc", Request: r})
	a.welcome(w, next)
}

var errAttempt = &Denied{Status: 400, Why: Malformed, Reason: "this login was not begun here, or too long ago: please try again"}

// exchange checks that it was this browser that began the login, trades the code, and proves the token.
func (a *Auth) exchange(r *http.Request, p *provider, secure bool) (next, who string, groups []string, err error) {
	q := r.URL.Query()
	c, err := r.Cookie(attemptCookie(secure))
	if err != nil {
		return "", "", nil, errAttempt
	}
	t, ok := a.unseal(c.Value, p.Name)
	if !ok || len(q["state"]) != 1 || subtle.ConstantTimeCompare([]byte(t.State), []byte(q.Get("state"))) != 1 {
		return "", "", nil, errAttempt
	}
	if iss := q.Get("iss"); iss != "" && iss != p.Issuer { // RFC 9207: an answer of another provider
		return "", "", nil, errAttempt
	}
	if q.Get("error") != "" || q.Get("code") == "" {
		return "", "", nil, &Denied{Status: 403, Why: Wrong, Reason: "the identity provider did not let you in", Detail: q.Get("error") + " " + q.Get("error_description")}
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*providerTimeout)
	defer cancel()
	got, err := a.trade(ctx, p, a.redirect(r, p), q.Get("code"), t)
	if err != nil {
		return "", "", nil, err
	}
	v, err := a.current(ctx)
	if err != nil {
		return "", got.name, nil, unavailable(err)
	}
	acc, err := a.outside(ctx, v, got.name, p.Issuer+" "+got.subject, got.email)
	if err != nil {
		var d *Denied
		if !errors.As(err, &d) {
			return "", got.name, nil, unavailable(err)
		}
		return "", got.name, nil, &Denied{Status: 403, Why: d.Why, Reason: "this account may not come in", Detail: d.Detail, Account: got.name}
	}
	return t.Next, acc.Name, got.groups, nil
}

// trade gives the claims for a code.
func (a *Auth) trade(ctx context.Context, p *provider, redirect, code string, t attempt) (claims, error) {
	d, err := p.discover(ctx, a.now)
	if err != nil {
		return claims{}, tokenError(err)
	}
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(d, redirect).Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.Response.StatusCode < 500 {
			return claims{}, wrong("", "the code was refused: "+refused.ErrorCode)
		}
		return claims{}, tokenError(fmt.Errorf("%w: %w", errProvider, err))
	}
	raw, _ := token.Extra("id_token").(string)
	id, got, err := p.verify(ctx, raw, []string{p.ClientID}, a.now)
	if err != nil {
		return claims{}, tokenError(err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(t.Nonce)) != 1 {
		return claims{}, wrong("", "the token is of another login")
	}
	if got.has || d.UserInfoEndpoint() == "" {
		return got, nil
	}
	// Many providers tell groups and names there alone.
	info, err := d.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return claims{}, tokenError(fmt.Errorf("%w: %w", errProvider, err))
	}
	var all, first map[string]any
	if info.Subject != id.Subject || id.Claims(&first) != nil || info.Claims(&all) != nil {
		return claims{}, wrong("", "userinfo is about somebody else")
	}
	for k, v := range first {
		all[k] = v // what is signed wins
	}
	got, err = p.read(id.Subject, all)
	if err != nil {
		return claims{}, wrong("", err.Error())
	}
	return got, nil
}

func (a *Auth) watch(e Event) {
	if a.opt().Watch != nil {
		a.opt().Watch(e)
	}
}

// refuseLogin shows the login page with a reason.
func (a *Auth) refuseLogin(w http.ResponseWriter, r *http.Request, name string, err error) {
	var d *Denied
	if !errors.As(err, &d) {
		d = unavailable(err)
	}
	if d.RetryAfter > 0 {
		w.Header().Set("Retry-After", fmt.Sprint(max(1, int(d.RetryAfter.Seconds()))))
	}
	a.watch(Event{Name: name, Method: "oidc", Request: r, Err: d})
	a.showLogin(w, d.Status, "/", sentence(d.Reason))
}
