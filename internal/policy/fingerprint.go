package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strconv"
	"strings"

	"weir"
)

// Fingerprint names a finding in a way that survives moved lines and offsets: rule, path, member, evidence without its spacing, and which
// of several equal ones it is (0 for the first).
func Fingerprint(f weir.Finding, occurrence int) string {
	sum := fingerprintSum(f, occurrence)
	return hex.EncodeToString(sum[:])
}

func fingerprintSum(f weir.Finding, occurrence int) [16]byte {
	h := sha256.New()
	for _, part := range []string{
		"weir/fingerprint/v1", f.Rule, path.Clean(f.Path), f.Member, strings.Join(strings.Fields(f.Evidence), " "), strconv.Itoa(occurrence),
	} {
		// The length keeps the parts apart, whatever bytes a hostile name holds.
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return [16]byte(h.Sum(nil)[:16])
}

// fingerprint numbers equal findings in the order of the stream.
func (j *Judge) fingerprint(f weir.Finding) string {
	key := fingerprintSum(f, 0)
	n := j.seen[key]
	j.seen[key]++
	return Fingerprint(f, n)
}
