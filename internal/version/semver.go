package version

import "strings"

// semver is a parsed semantic version: numbers without trailing zeros, and the pre-release part. Build metadata does not order.
type semver struct {
	nums []string
	pre  string
	n    int // numbers as written: 1.2 has two
}

// parseSemver reads a version leniently, as registries do: a leading v or =, fewer or more than three numbers. With goStyle also what the go
// command calls its own releases (go1.22rc1).
func parseSemver(s string, goStyle bool) (v semver, ok bool) {
	s = strings.TrimSpace(s)
	if goStyle {
		s = goRelease(s)
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "="), "v")
	s, _, _ = strings.Cut(s, "+")
	for {
		d := digitsAt(s, 0)
		if d == "" {
			return v, false
		}
		v.nums = append(v.nums, plain(d))
		s = s[len(d):]
		if len(s) < 2 || s[0] != '.' {
			break
		}
		s = s[1:]
	}
	v.n = len(v.nums)
	for len(v.nums) > 0 && v.nums[len(v.nums)-1] == "0" {
		v.nums = v.nums[:len(v.nums)-1]
	}
	if s == "" {
		return v, true
	}
	if s[0] != '-' || len(s) == 1 || !clean(s) {
		return v, false
	}
	v.pre = s[1:]
	return v, true
}

// goRelease rewrites the toolchain's spelling: go1.22rc1 is 1.22-rc.1.
func goRelease(s string) string {
	s = strings.TrimPrefix(s, "go")
	for _, word := range []string{"rc", "beta", "alpha"} {
		if i := strings.Index(s, word); i > 0 && digit(s[i-1]) {
			if n := s[i+len(word):]; digitsAt(n, 0) == n {
				return s[:i] + "-" + word + "." + n
			}
		}
	}
	return s
}

func (v *semver) appendKey(dst []byte) []byte {
	dst = v.appendCore(dst)
	if v.pre == "" {
		return append(dst, 2)
	}
	dst = append(dst, 1)
	for id := range strings.SplitSeq(v.pre, ".") { // numbers lie below text, and fewer identifiers below more
		if id != "" && digitsAt(id, 0) == id {
			dst = appendNumber(dst, id)
		} else {
			dst = appendText(append(dst, keyText), id)
		}
	}
	return append(dst, keyEnd)
}

// appendCore is the key's beginning, which all pre-releases of a version share with it.
func (v *semver) appendCore(dst []byte) []byte {
	for _, n := range v.nums {
		dst = appendNumber(dst, n)
	}
	return append(dst, keyEnd)
}
