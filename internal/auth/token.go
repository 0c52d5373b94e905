package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"strings"
	"sync"
	"time"
)

// A token reads weir_ID_SECRET: the prefix lets secret scanners and people see what it is, the identifier is shown in lists and logs, and the
// secret has 256 random bits.
const (
	tokenPrefix = "weir_"
	tokenID     = 12 // characters: 60 random bits
	tokenSecret = 52 // characters: 256 random bits
	tokenLength = len(tokenPrefix) + tokenID + 1 + tokenSecret
)

var tokenAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newToken makes a token and what may be remembered of it.
func newToken() (shown, id string, hash []byte, err error) {
	var b [8 + 32]byte
	if _, err = rand.Read(b[:]); err != nil {
		return "", "", nil, err
	}
	id = tokenAlphabet.EncodeToString(b[:8])[:tokenID]
	shown = tokenPrefix + id + "_" + tokenAlphabet.EncodeToString(b[8:])
	sum := sha256.Sum256([]byte(shown))
	return shown, id, sum[:], nil
}

// splitToken gives the identifier of what looks like a token of ours.
func splitToken(s string) (id string, ok bool) {
	if len(s) != tokenLength || !strings.HasPrefix(s, tokenPrefix) || s[len(tokenPrefix)+tokenID] != '_' {
		return "", false
	}
	id = s[len(tokenPrefix) : len(tokenPrefix)+tokenID]
	return id, plain(id) && plain(s[len(s)-tokenSecret:])
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// is reports whether shown is this token.
func (t *Token) is(shown string) bool {
	sum := sha256.Sum256([]byte(shown))
	return subtle.ConstantTimeCompare(sum[:], t.Hash) == 1
}

// over says why a token does not count any more, or nothing.
func (t *Token) over(now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "this token was revoked"
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return "this token has expired"
	}
	return ""
}

// usage gathers when tokens were last used and writes it down now and then: a write for each request would cost more than the request.
type usage struct {
	mu    sync.Mutex
	used  map[string]time.Time
	wrote time.Time // by the monotonic clock
}

// usageEvery is how exact the time of last use is.
const usageEvery = 30 * time.Second

// note remembers the use, and gives what has to be written when it is time.
func (u *usage) note(id string, at time.Time) map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = map[string]time.Time{}
	}
	u.used[id] = at
	if time.Since(u.wrote) < usageEvery {
		return nil
	}
	return u.take()
}

// again takes back what could not be written.
func (u *usage) again(due map[string]time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = map[string]time.Time{}
	}
	for id, at := range due {
		if at.After(u.used[id]) {
			u.used[id] = at
		}
	}
}

func (u *usage) take() map[string]time.Time {
	out := u.used
	u.used, u.wrote = nil, time.Now()
	return out
}
