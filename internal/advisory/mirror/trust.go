package mirror

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// The metadata of a repository follow The Update Framework (https://theupdateframework.github.io/specification/latest): root names the keys and
// is replaced only by a root that the old and the new keys have signed; timestamp, signed often and short-lived, names the one targets file of
// the moment; targets names files by length and SHA-256. TUF's snapshot is left out: with one targets file it would say what timestamp says.
// Signatures are Ed25519 over the bytes of "signed" as they stand in the file, behind a line that names their purpose.
const signedFor = "weir advisory repository v1\n"

// The roles.
const (
	roleRoot      = "root"
	roleTargets   = "targets"
	roleTimestamp = "timestamp"
)

// envelope is a signed file.
type envelope struct {
	Signed     json.RawMessage `json:"signed"`
	Signatures []signature     `json:"signatures"`
}

type signature struct {
	Key string `json:"keyid"`
	Sig []byte `json:"sig"`
}

// head is what all signed parts begin with.
type head struct {
	Type    string    `json:"_type"`
	Version int64     `json:"version"`
	Expires time.Time `json:"expires"`
}

type root struct {
	head
	Keys  map[string]string `json:"keys"` // by id: the public key, base64
	Roles map[string]role   `json:"roles"`
}

type role struct {
	Keys      []string `json:"keyids"`
	Threshold int      `json:"threshold"`
}

type timestamp struct {
	head
	Targets pointer `json:"targets"`
}

type targets struct {
	head
	Files map[string]pointer `json:"targets"`
}

// pointer names a file by what it holds.
type pointer struct {
	Version int64  `json:"version,omitempty"`
	Length  int64  `json:"length"`
	SHA256  string `json:"sha256"`
}

// Errors of trust. Each is a reason to keep what is there.
var (
	ErrRollback  = errors.New("is older than what was seen before")
	ErrExpired   = errors.New("has expired: the repository is frozen or no longer looked after")
	ErrSignature = errors.New("is not signed by the keys that are trusted")
)

// keyID is the beginning of the key's digest.
func keyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// open checks signatures of a role and reads what they cover.
func (r *root) open(name string, data []byte, role string, into any) error {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := r.verify(e, role); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var h head
	if err := json.Unmarshal(e.Signed, &h); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if h.Type != role || h.Version < 1 {
		return fmt.Errorf("%s: it is %q, version %d, in the place of %q", name, h.Type, h.Version, role)
	}
	if err := json.Unmarshal(e.Signed, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// verify counts the keys of a role that signed.
func (r *root) verify(e envelope, name string) error {
	want, ok := r.Roles[name]
	if !ok || want.Threshold < 1 {
		return fmt.Errorf("root has no keys for %s: %w", name, ErrSignature)
	}
	message := append([]byte(signedFor), e.Signed...)
	var good []string
	for _, s := range e.Signatures[:min(len(e.Signatures), 64)] {
		public, err := base64.StdEncoding.DecodeString(r.Keys[s.Key])
		if err != nil || len(public) != ed25519.PublicKeySize || keyID(public) != s.Key {
			continue
		}
		if slices.Contains(want.Keys, s.Key) && !slices.Contains(good, s.Key) && ed25519.Verify(public, message, s.Sig) {
			good = append(good, s.Key)
		}
	}
	if len(good) < want.Threshold {
		return fmt.Errorf("%d of %d signatures: %w", len(good), want.Threshold, ErrSignature)
	}
	return nil
}

// openRoot reads a root that signs itself.
func openRoot(name string, data []byte) (*root, error) {
	var e envelope
	var r root
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := json.Unmarshal(e.Signed, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := r.open(name, data, roleRoot, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// next reads the root that follows: signed by the keys of both, and one version higher.
func (r *root) next(name string, data []byte) (*root, error) {
	fresh, err := openRoot(name, data)
	if err != nil {
		return nil, err
	}
	if err := r.open(name, data, roleRoot, &root{}); err != nil {
		return nil, err
	}
	if fresh.Version != r.Version+1 {
		return nil, fmt.Errorf("%s: version %d does not follow %d", name, fresh.Version, r.Version)
	}
	return fresh, nil
}

// sameKeys says whether a role has kept its keys. Where it has not, what the old ones signed no longer bounds what may come.
func (r *root) sameKeys(o *root, name string) bool {
	a, b := slices.Clone(r.Roles[name].Keys), slices.Clone(o.Roles[name].Keys)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// current refuses what is older than seen, and what has expired.
func (h head) current(name string, seen int64, now time.Time) error {
	if h.Version < seen {
		return fmt.Errorf("%s: version %d, and %d was there before: it %w", name, h.Version, seen, ErrRollback)
	}
	if !now.Before(h.Expires) {
		return fmt.Errorf("%s: valid until %s: it %w", name, h.Expires.Format(time.RFC3339), ErrExpired)
	}
	return nil
}

// matches checks bytes against what names them.
func (p pointer) matches(name string, data []byte) error {
	sum := sha256.Sum256(data)
	if int64(len(data)) != p.Length || hex.EncodeToString(sum[:]) != p.SHA256 {
		return fmt.Errorf("%s: %d bytes are not the %d that were signed", name, len(data), p.Length)
	}
	return nil
}
