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
	parts := strings.Split(stored, "$")
	if len(parts) != 3 || parts[1] == "" {
		return false, errForm
	}
	want, err := hex.DecodeString(parts[2])
	if err != nil || len(want) < 16 {
		return false, errForm
	}
	got, err := foreignKey(strings.Split(parts[0], ":"), parts[1], password)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// foreignKey bounds the cost: a hash that somebody has written into the file must not stop the gate.
func foreignKey(method []string, salt, password string) ([]byte, error) {
	n := make([]int, len(method))
	for i, m := range method {
		n[i], _ = strconv.Atoi(m)
	}
	switch {
	case method[0] == "scrypt" && len(method) == 4:
		if n[1] > 1<<16 || n[2] > 16 || n[3] > 4 { // werkzeug's own: 32768, 8, 1, which is 32 MiB
			return nil, errForm
		}
		key, err := scrypt.Key([]byte(password), []byte(salt), n[1], n[2], n[3], 64)
		if err != nil {
			return nil, errForm
		}
		return key, nil
	case method[0] == "pbkdf2" && (len(method) == 2 || len(method) == 3):
		rounds := 150000 // werkzeug's default before iterations were written down
		if len(method) == 3 {
			rounds = n[2]
		}
		var h func() hash.Hash
		size := 0
		switch method[1] {
		case "sha256":
			h, size = sha256.New, sha256.Size
		case "sha512":
			h, size = sha512.New, sha512.Size
		}
		if h == nil || rounds < 1 || rounds > 2_000_000 {
			return nil, errForm
		}
		return pbkdf2.Key(h, password, []byte(salt), rounds, size)
	}
	return nil, errForm
}
