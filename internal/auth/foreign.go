package auth

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/scrypt"
)

// matchesForeign verifies the hashes that MLflow's basic-auth app stores: those of werkzeug.security.generate_password_hash
// ("method$salt$hex"), with scrypt:N:r:p (werkzeug 2.3 and later; 64 bytes) or pbkdf2:sha256:iterations (before; the digest's length).
func matchesForeign(stored, password string) (bool, error) {
	derive, want, err := parseForeign(stored)
	if err != nil {
		return false, err
	}
	got, err := derive(password)
	if err != nil {
		return false, errForm
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// parseForeign reads such a hash without the work of deriving a key. It bounds that work: a hash that somebody has written into the file must not
// stop the gate.
func parseForeign(stored string) (derive func(password string) ([]byte, error), want []byte, err error) {
	parts := strings.Split(stored, "$")
	if len(parts) != 3 || parts[1] == "" {
		return nil, nil, errForm
	}
	salt := []byte(parts[1])
	if want, err = hex.DecodeString(parts[2]); err != nil || len(want) < 16 {
		return nil, nil, errForm
	}
	method := strings.Split(parts[0], ":")
	n := make([]int, len(method))
	for i, m := range method {
		n[i], _ = strconv.Atoi(m)
	}
	switch {
	case method[0] == "scrypt" && len(method) == 4:
		if n[1] < 2 || n[1]&(n[1]-1) != 0 || n[1] > 1<<16 || n[2] < 1 || n[2] > 16 || n[3] < 1 || n[3] > 4 { // werkzeug's own: 32768, 8, 1, which is 32 MiB
			return nil, nil, errForm
		}
		return func(p string) ([]byte, error) { return scrypt.Key([]byte(p), salt, n[1], n[2], n[3], 64) }, want, nil
	case method[0] == "pbkdf2" && (len(method) == 2 || len(method) == 3):
		rounds := 150000 // werkzeug's default before iterations were written down
		if len(method) == 3 {
			rounds = n[2]
		}
		hashes := map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New}
		h := hashes[method[1]]
		if h == nil || rounds < 1 || rounds > 2_000_000 {
			return nil, nil, errForm
		}
		return func(p string) ([]byte, error) { return pbkdf2.Key(h, p, salt, rounds, h().Size()) }, want, nil
	}
	return nil, nil, errForm
}
