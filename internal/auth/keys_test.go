package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// vault serves keys and can be changed.
type vault struct {
	sync.Mutex
	keys  []any
	asked int
	down  bool
}

func (v *vault) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	v.Lock()
	defer v.Unlock()
	v.asked++
	if v.down {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	json.NewEncoder(w).Encode(map[string]any{"keys": v.keys})
}

func newVault(t *testing.T) (*vault, *keySet) {
	t.Helper()
	v := &vault{}
	srv := httptest.NewServer(v)
	t.Cleanup(srv.Close)
	s := newKeySet(srv.URL, srv.Client(), []string{"ES256"}, time.Now)
	return v, s
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signedBy(t *testing.T, k *ecdsa.PrivateKey, kid string) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := s.Sign([]byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	out, err := sig.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func publicOf(k *ecdsa.PrivateKey, id string) jose.JSONWebKey {
	return jose.JSONWebKey{Key: k.Public(), KeyID: id, Use: "sig"}
}

func (s *keySet) age(d time.Duration) {
	s.got, s.asked = s.got.Add(-d), s.asked.Add(-d)
}

// TestKeyRotation: a new key is found when a token names it, and a key that was taken back stops counting when the keys are next asked for.
func TestKeyRotation(t *testing.T) {
	ctx := context.Background()
	v, s := newVault(t)
	old, young := newKey(t), newKey(t)
	v.keys = []any{publicOf(old, "old"), map[string]string{"kty": "OKP", "crv": "of tomorrow"}}
	check := func(what, token string, want error) {
		t.Helper()
		if _, err := s.VerifySignature(ctx, token); !errors.Is(err, want) {
			t.Errorf("%s: error %v, want %v", what, err, want)
		}
	}
	check("first", signedBy(t, old, "old"), nil)
	v.keys = []any{publicOf(young, "young")}
	check("rotated, too soon after the last question", signedBy(t, young, "young"), errKey)
	s.age(s.again)
	check("rotated", signedBy(t, young, "young"), nil)
	check("taken back", signedBy(t, old, "old"), errKey)
	asked := v.asked
	for range 20 {
		check("taken back", signedBy(t, old, "old"), errKey)
	}
	if v.asked != asked {
		t.Errorf("tokens of an old key made it ask %d times more", v.asked-asked)
	}
	v.keys = []any{}
	s.age(s.fresh)
	check("all taken back, after the time that keys count", signedBy(t, young, "young"), errKey)
}

// TestKeysWhileProviderIsDown: what is known counts for a while, and then nobody is let in.
func TestKeysWhileProviderIsDown(t *testing.T) {
	ctx := context.Background()
	v, s := newVault(t)
	k := newKey(t)
	v.keys = []any{publicOf(k, "k")}
	token := signedBy(t, k, "k")
	if _, err := s.VerifySignature(ctx, token); err != nil {
		t.Fatal(err)
	}
	v.down = true
	s.age(s.fresh)
	if _, err := s.VerifySignature(ctx, token); err != nil {
		t.Errorf("keys of a quarter of an hour ago: %v", err)
	}
	s.age(s.stale)
	for range 2 {
		if _, err := s.VerifySignature(ctx, token); !errors.Is(err, errProvider) {
			t.Errorf("keys of an hour ago: %v, want %v", err, errProvider)
		}
	}
	v.down = false
	s.age(s.again)
	if _, err := s.VerifySignature(ctx, token); err != nil {
		t.Errorf("up again: %v", err)
	}
}

// TestKeyWithCertificate: a key whose certificate is over signs nothing.
func TestKeyWithCertificate(t *testing.T) {
	ctx := context.Background()
	v, s := newVault(t)
	k := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)},
		&x509.Certificate{SerialNumber: big.NewInt(1)}, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	key := publicOf(k, "k")
	key.Certificates = []*x509.Certificate{cert}
	v.keys = []any{key}
	token := signedBy(t, k, "k")
	if _, err := s.VerifySignature(ctx, token); err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if _, err := s.VerifySignature(ctx, token); !errors.Is(err, errKey) {
		t.Errorf("after the certificate's end: %v, want %v", err, errKey)
	}
}

// TestHangingProvider: a provider that takes a question and does not answer holds up nobody whom the keys at hand can serve.
func TestHangingProvider(t *testing.T) {
	ctx := context.Background()
	hang, asked := make(chan bool), make(chan bool, 8)
	v := &vault{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		if v.down {
			<-hang
		}
		v.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	s := newKeySet(srv.URL, srv.Client(), []string{"ES256"}, time.Now)
	s.brief = time.Millisecond
	k := newKey(t)
	v.keys = []any{publicOf(k, "k")}
	token := signedBy(t, k, "k")
	verify := func(what, token string) {
		t.Helper()
		if _, err := s.VerifySignature(ctx, token); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	verify("first", token)
	<-asked
	v.down = true
	s.age(s.again)
	stranger := make(chan error)
	go func() {
		_, err := s.VerifySignature(ctx, signedBy(t, newKey(t), "invented"))
		stranger <- err
	}()
	<-asked // it waits for the provider
	verify("while a stranger's key is looked for", token)
	s.mu.Lock()
	s.got = s.got.Add(-s.fresh)
	s.mu.Unlock()
	verify("with keys that should be asked for anew", token)
	close(hang)
	if err := <-stranger; err == nil {
		t.Error("an invented key counts")
	}
}
