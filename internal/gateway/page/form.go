package page

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/http"
	"strings"
	"time"

	"weir/internal/audit"
)

type buffer = bytes.Buffer

// maxForm bounds a form in bytes.
const maxForm = 16 << 10

// formKey binds a form to the account and the session that it was shown to, so that neither another site nor another session can send it.
func (p *Pages) formKey(v *visit) string {
	m := hmac.New(sha256.New, p.key[:])
	for _, s := range []string{v.who.Name, v.who.Method, v.who.Token, v.r.Header.Get("Cookie")} {
		m.Write([]byte(s))
		m.Write([]byte{0})
	}
	return hex.EncodeToString(m.Sum(nil))
}

// form is known for requests that change something: they come from a form of ours, and the log can be written.
func (p *Pages) form(do func(*visit) error) http.Handler {
	return p.known(func(v *visit) error {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
		if t, _, err := mime.ParseMediaType(v.r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" || v.r.ParseForm() != nil {
			return &problem{http.StatusBadRequest, "The form could not be read."}
		}
		if v.who.Foreign {
			return &problem{http.StatusForbidden, "Another site made the browser send this. Nothing was changed."}
		}
		if !hmac.Equal([]byte(v.r.PostForm.Get("form")), []byte(p.formKey(v))) {
			return &problem{http.StatusForbidden, "This form is too old, or not from this page. Nothing was changed: load the page again."}
		}
		if err := p.Ready(); err != nil {
			return &problem{http.StatusServiceUnavailable, "The audit log cannot be written, so nothing is changed."}
		}
		return do(v)
	})
}

// text reads a field of a form: one line, without blanks at its ends, of at most limit bytes.
func (v *visit) text(name string, limit int) (string, error) {
	s := strings.TrimSpace(v.r.PostForm.Get(name))
	if len(s) > limit || strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f }) {
		return "", &problem{http.StatusBadRequest, "The field " + name + " is too long or has more than one line."}
	}
	return s, nil
}

// reason reads why somebody decides something.
func (v *visit) reason() (string, error) {
	s, err := v.text("reason", 500)
	if err == nil && s == "" {
		err = &problem{http.StatusBadRequest, "Please give a reason: it is kept with the decision."}
	}
	return s, err
}

// record writes down what is about to be changed.
func (p *Pages) record(v *visit, action, resource, reason, digest string) error {
	return p.Record(audit.Record{
		Time: time.Now().UTC(), Who: v.who.Name, How: v.who.Method, From: p.From(v.r), Method: v.r.Method, Path: v.r.URL.EscapedPath(), Route: "page",
		Action: action, Resource: []string{resource}, Decision: "allow", Reason: reason, Digest: digest, Status: http.StatusSeeOther,
	})
}
