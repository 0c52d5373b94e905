package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// Digester computes the digest of what is written to it, in the form that this room uses. The zero Digester is ready.
type Digester struct{ h hash.Hash }

// Write never fails.
func (d *Digester) Write(p []byte) (int, error) {
	if d.h == nil {
		d.h = sha256.New()
	}
	return d.h.Write(p)
}

// Digest gives "sha256:<hex>" of what was written until now.
func (d *Digester) Digest() string {
	if d.h == nil {
		d.h = sha256.New()
	}
	return "sha256:" + hex.EncodeToString(d.h.Sum(nil))
}
