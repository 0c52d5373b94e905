// Package version orders versions and reads version constraints, each ecosystem by its own rules: PEP 440, Maven, npm, Go, Cargo, conda.
//
// Start with [For], which picks the rules by the type of a package URL. [Scheme.AppendKey] turns a version into bytes whose plain comparison is
// the ecosystem's order, so that an index can be built once and searched without parsing; [Scheme.Parse] reads a constraint into a [Set].
// Nothing here fails on hostile input: what is no version has no key, and what is no constraint is an error.
package version

import "bytes"

// Scheme is one ecosystem's rules. The zero Scheme knows nothing: no version has a key in it.
type Scheme uint8

// The schemes.
const (
	None   Scheme = iota
	PEP440        // Python: https://packaging.python.org/specifications/version-specifiers
	Maven         // org.apache.maven.artifact.versioning.ComparableVersion of Maven 3.8
	NPM           // semantic versioning 2.0.0 with node-semver's ranges
	Go            // semantic versioning with a v before it; also the go command's own "go1.22rc1"
	Cargo         // semantic versioning with Cargo's requirements, where a bare version means a caret
	Conda         // conda.models.version.VersionOrder
)

// MaxLength bounds a version's text in bytes; what is longer has no key. No registry takes versions anywhere near it.
const MaxLength = 512

var names = [...]string{None: "none", PEP440: "pypi", Maven: "maven", NPM: "npm", Go: "golang", Cargo: "cargo", Conda: "conda"}

// String is the package URL type that the scheme belongs to.
func (s Scheme) String() string {
	if int(s) < len(names) {
		return names[s]
	}
	return names[None]
}

// For gives the scheme of a package URL type (pypi, maven, npm, golang, cargo, conda); None for every other.
func For(ecosystem string) Scheme {
	for i, name := range names {
		if name == ecosystem {
			return Scheme(i)
		}
	}
	return None
}

// AppendKey appends the order-preserving key of a version: bytes.Compare of two keys of one scheme is the ecosystem's order, and equal keys mean
// versions that are equal there (1.0 and 1.0.0). ok is false, and dst unchanged, where the scheme cannot read the version. Under PEP 440 what is
// no valid version is a legacy one, as in setuptools and packaging before 22: it has a key below all valid ones, unless it is empty or too long.
func (s Scheme) AppendKey(dst []byte, v string) (key []byte, ok bool) {
	if v == "" || len(v) > MaxLength {
		return dst, false
	}
	switch s {
	case PEP440:
		if p, ok := parsePEP440(v); ok {
			return p.appendKey(dst, true), true
		}
		return appendLegacy(dst, v)
	case Maven:
		return appendMaven(dst, v)
	case NPM, Cargo, Go:
		p, ok := parseSemver(v, s == Go)
		if !ok {
			return dst, false
		}
		return p.appendKey(dst), true
	case Conda:
		return appendConda(dst, v)
	}
	return dst, false
}

// Key is AppendKey into fresh memory.
func (s Scheme) Key(v string) ([]byte, bool) { return s.AppendKey(nil, v) }

// Compare orders two versions: -1, 0 or 1. Those that the scheme cannot read come first, by their text.
func (s Scheme) Compare(a, b string) int {
	ka, oka := s.Key(a)
	kb, okb := s.Key(b)
	switch {
	case oka && okb:
		return bytes.Compare(ka, kb)
	case oka:
		return 1
	case okb:
		return -1
	}
	return bytes.Compare([]byte(a), []byte(b))
}

// Valid says whether the scheme can order the version; a legacy version of Python is not valid.
func (s Scheme) Valid(v string) bool {
	if s == PEP440 {
		_, ok := parsePEP440(v)
		return ok && len(v) <= MaxLength
	}
	_, ok := s.Key(v)
	return ok
}

// Prerelease says whether a version is one that installers avoid unless asked: alpha, beta, candidate, development, snapshot.
func (s Scheme) Prerelease(v string) bool {
	switch s {
	case PEP440:
		p, ok := parsePEP440(v)
		return ok && p.prerelease()
	case NPM, Cargo, Go:
		p, ok := parseSemver(v, s == Go)
		return ok && p.pre != ""
	case Maven:
		return mavenPrerelease(v)
	case Conda:
		return condaPrerelease(v)
	}
	return false
}

// Public is the version without what a builder added: the local part of PEP 440 (+cu113), semantic versioning's build metadata.
func (s Scheme) Public(v string) string {
	if s == PEP440 || s == NPM || s == Cargo || s == Conda {
		for i := range len(v) {
			if v[i] == '+' {
				return v[:i]
			}
		}
	}
	return v
}

// Key bytes. Every number begins with 0x10 or more, so that what ends or qualifies a list of numbers can lie below them.
const (
	keyEnd    = 0x01 // end of a list of numbers
	keyNumber = 0x10 // a number below 200 is this plus itself
	keyLong   = 0xD8 // a longer one: this plus its digits less 3, then the digits
	keyHuge   = 0xFB // more than 37 digits: two bytes of length, then the digits
	keyText   = 0xFE // text that lies above numbers
)

// appendNumber appends a decimal number of any length.
func appendNumber(dst []byte, digits string) []byte {
	for len(digits) > 1 && digits[0] == '0' {
		digits = digits[1:]
	}
	if len(digits) <= 3 {
		n := 0
		for i := range len(digits) {
			n = n*10 + int(digits[i]-'0')
		}
		if n < 200 {
			return append(dst, byte(keyNumber+n))
		}
	}
	if n := len(digits) - 3; n < keyHuge-keyLong {
		dst = append(dst, byte(keyLong+n))
	} else {
		dst = append(dst, keyHuge, byte(len(digits)>>8), byte(len(digits)))
	}
	return append(dst, digits...)
}

// appendText appends text so that a shorter one that begins a longer one lies below it. The text holds no zero byte: see clean.
func appendText(dst []byte, s string) []byte { return append(append(dst, s...), 0) }

// clean says whether text can stand in a key.
func clean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7F {
			return false
		}
	}
	return true
}

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' }

// digitsAt gives the run of digits at i.
func digitsAt(s string, i int) string {
	j := i
	for j < len(s) && digit(s[j]) {
		j++
	}
	return s[i:j]
}

// lower is strings.ToLower for ASCII, which is what versions are made of.
func lower(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
