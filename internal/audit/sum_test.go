package audit

import "crypto/sha256"

func sum(b []byte) *[sha256.Size]byte {
	s := sha256.Sum256(b)
	return &s
}
