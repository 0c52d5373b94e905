package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// keySet is a provider's signing keys (RFC 7517). They are asked for anew when they are old, so that a key that was taken back stops counting, and when a
// token names one that is not known, but never more often than strangers may make us: a token with an invented key costs a look at a table.
type keySet struct {
	url    string
	client *http.Client
	algs   []jose.SignatureAlgorithm
	now    func() time.Time // for certificates of keys

	fresh time.Duration // how long keys count without being asked for anew
	stale time.Duration // and when the provider does not answer
	again time.Duration // the shortest time between two questions
	brief time.Duration // how long somebody whom the old keys may serve waits for new ones

	mu     sync.Mutex // never held while the provider is asked
	keys   []jose.JSONWebKey
	got    time.Time // these by the monotonic clock
	asked  time.Time
	failed error         // what came of the last question
	asking chan struct{} // closed when the question under way is answered; nil: there is none
}

func newKeySet(url string, client *http.Client, algs []string, now func() time.Time) *keySet {
	s := &keySet{url: url, client: client, now: now, fresh: 10 * time.Minute, stale: time.Hour, again: 10 * time.Second, brief: 2 * time.Second}
	for _, a := range algs {
		s.algs = append(s.algs, jose.SignatureAlgorithm(a))
	}
	return s
}

var errKey = errors.New("no key of the provider has signed this token")

// VerifySignature gives the payload of a token that one of the keys has signed. It is what go-oidc asks.
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	sig, err := jose.ParseSignedCompact(token, s.algs)
	if err != nil {
		return nil, fmt.Errorf("the token cannot be read: %w", err)
	}
	if len(sig.Signatures) != 1 {
		return nil, errors.New("the token has not one signature")
	}
	keys, err := s.current(ctx, false)
	if err != nil {
		return nil, err
	}
	payload, err := s.try(sig, keys)
	if err == nil {
		return payload, nil
	}
	if keys, err = s.current(ctx, true); err != nil {
		return nil, err
	}
	return s.try(sig, keys)
}

func (s *keySet) try(sig *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, error) {
	head := sig.Signatures[0].Header
	for i := range keys {
		k := &keys[i]
		if head.KeyID != "" && k.KeyID != head.KeyID || !s.usable(k, head.Algorithm) {
			continue
		}
		if payload, err := sig.Verify(k); err == nil {
			return payload, nil
		}
	}
	return nil, errKey
}

// usable refuses keys that are not for signing, too short, of another algorithm, or whose certificate is over.
func (s *keySet) usable(k *jose.JSONWebKey, alg string) bool {
	if !k.IsPublic() || !k.Valid() || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != alg {
		return false
	}
	for _, c := range k.Certificates {
		if now := s.now(); now.Before(c.NotBefore) || now.After(c.NotAfter) {
			return false
		}
	}
	switch key := k.Key.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= 2048 && (strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS"))
	case *ecdsa.PublicKey:
		return strings.HasPrefix(alg, "ES")
	case ed25519.PublicKey:
		return alg == "EdDSA"
	}
	return false
}

// current gives the keys. With other, those that are here did not fit.
func (s *keySet) current(ctx context.Context, other bool) ([]jose.JSONWebKey, error) {
	asking, usable := s.refresh(other)
	if asking != nil {
		var enough <-chan time.Time
		if usable && !other {
			timer := time.NewTimer(s.brief)
			defer timer.Stop()
			enough = timer.C
		}
		select {
		case <-asking:
		case <-enough:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil || time.Since(s.got) >= s.stale {
		s.keys = nil
		if s.failed != nil {
			return nil, fmt.Errorf("%w: %w", errProvider, s.failed)
		}
		return nil, errProvider
	}
	return s.keys, nil
}

// refresh begins to ask the provider when that is due, and gives what is closed when it has answered; nil: nothing is to be waited for. One question
// serves all who wait, and goes on when the one who made it necessary has gone.
func (s *keySet) refresh(other bool) (asking <-chan struct{}, usable bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := time.Since(s.got)
	usable = s.keys != nil && age < s.stale
	if usable && !other && age < s.fresh {
		return nil, true
	}
	if s.asking == nil && (s.asked.IsZero() || time.Since(s.asked) >= s.again) {
		done := make(chan struct{})
		s.asking = done
		go func() {
			keys, err := s.ask()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked, s.failed, s.asking = time.Now(), err, nil
			if err == nil {
				s.keys, s.got = keys, s.asked
			}
			close(done)
		}()
	}
	if s.asking == nil {
		return nil, usable
	}
	return s.asking, usable
}

func (s *keySet) ask() ([]jose.JSONWebKey, error) {
	ctx, cancel := context.WithTimeout(context.Background(), providerTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("keys: status %d", res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, providerAnswer))
	if err != nil {
		return nil, err
	}
	// One by one: a key of a kind that is not known must not hide the others.
	var list struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys := []jose.JSONWebKey{}
	for _, raw := range list.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && len(keys) < 100 {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// issuerOf reads who says to have signed a JWT, without believing it.
func issuerOf(token string) (string, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", false
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(payload, &c) != nil {
		return "", false
	}
	return c.Issuer, c.Issuer != ""
}
