package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// The session's cookie. Over TLS it has the prefix that makes browsers refuse it from another host or over plain HTTP (RFC 6265bis section 4.1.3.2).
const (
	cookieSecure = "__Host-weir"
	cookiePlain  = "weir-session"
)

func cookieName(secure bool) string {
	if secure {
		return cookieSecure
	}
	return cookiePlain
}

func (a *Auth) secure(tls bool) bool { return tls || a.opt().Secure }

// secretHash is how secrets of 256 random bits are kept.
func secretHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// newSecret gives 256 random bits as text.
func newSecret() (string, error) {
	var b [32]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	return tokenAlphabet.EncodeToString(b[:]), nil
}

// startSession remembers that a browser has proven an account, and gives the cookie that says so.
func (a *Auth) startSession(ctx context.Context, account, method string, groups []string, from netip.Addr, secure bool) (*http.Cookie, error) {
	secret, err := newSecret()
	if err != nil {
		return nil, err
	}
	now := a.now()
	s := Session{Hash: secretHash(secret), Account: account, Method: method, Groups: groups, Created: now, Expires: now.Add(a.opt().Session), From: from.String()}
	if err := a.storage.AddSession(ctx, s, now); err != nil {
		return nil, err
	}
	a.changed()
	return &http.Cookie{Name: cookieName(secure), Value: secret, Path: "/", MaxAge: int(a.opt().Session / time.Second),
		Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}, nil
}

// sessionSecret reads the session's cookie; empty: there is none.
func (a *Auth) sessionSecret(h http.Header, secure bool) (string, error) {
	found := ""
	for _, line := range h["Cookie"] {
		cookies, err := http.ParseCookie(line)
		if err != nil {
			continue // other people's cookies
		}
		for _, c := range cookies {
			if c.Name != cookieName(secure) {
				continue
			}
			if found != "" && found != c.Value {
				return "", malformed("there is more than one session cookie")
			}
			found = c.Value
		}
	}
	if len(found) > tokenSecret {
		return "", wrong("", "a session cookie of no form of ours")
	}
	return found, nil
}

func (a *Auth) bySession(ctx context.Context, v *view, c Credentials) (Principal, error) {
	missing := &Denied{Status: 401, Why: Missing, Reason: "an account is needed: use a token, a password, or log in"}
	secret, err := a.sessionSecret(c.Header, a.secure(c.TLS != nil))
	if err != nil {
		return Principal{}, err
	}
	if secret == "" {
		return Principal{}, missing
	}
	s, err := recall(ctx, v, v.sessions, secretHash(secret), a.storage.Session)
	if errors.Is(err, ErrNotFound) {
		missing.Why, missing.Reason = Expired, "this session is over: log in again"
		return Principal{}, missing
	}
	if err != nil {
		return Principal{}, err
	}
	if !a.now().Before(s.Expires) {
		return Principal{}, &Denied{Status: 401, Why: Expired, Reason: "this session is over: log in again", Account: s.Account}
	}
	acc, err := a.account(ctx, v, s.Account)
	if err != nil {
		return Principal{}, err
	}
	if acc.Disabled {
		return Principal{}, wrong(s.Account, "the account is disabled")
	}
	p := v.principal(acc, "session", s.Groups)
	p.Foreign = foreign(c)
	return p, nil
}

// foreign reports whether another site may have made the browser send a request. Browsers say so in Sec-Fetch-Site to servers over TLS and on
// loopback (W3C Fetch Metadata); elsewhere Origin and Referer have to show that it was ours.
func foreign(c Credentials) bool {
	switch site := c.Header.Get("Sec-Fetch-Site"); site {
	case "same-origin", "none":
		return false
	case "":
	default:
		return true
	}
	from := c.Header.Get("Origin")
	if from == "" {
		from = c.Header.Get("Referer")
	}
	u, err := url.Parse(from)
	return err != nil || u.Host == "" || !strings.EqualFold(u.Host, c.Host)
}
