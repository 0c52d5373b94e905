package version

import (
	"bytes"
	"fmt"
	"strings"
)

// Set is what a constraint allows: any of its alternatives, each of which is all of its clauses. The zero Set allows nothing.
type Set struct {
	scheme Scheme
	alts   [][]clause
	pre    bool // a clause names a pre-release, so that installers consider them
}

// maxClauses bounds one constraint.
const maxClauses = 256

type op uint8

const (
	opAny op = iota
	opLess
	opLessEqual
	opGreater
	opGreaterEqual
	opEqual
	opNotEqual
	opPrefix    // PEP 440's ==1.2.*
	opNotPrefix // !=1.2.*
	opText      // ===
)

// clause is one comparison.
type clause struct {
	op   op
	text string // the version as written
	key  []byte
	pep  pep440 // where the scheme is PEP440
	core []byte // of a semantic version that is a pre-release: the part that its pre-releases share
}

// subject is the version that is asked about, parsed once.
type subject struct {
	text   string
	key    []byte
	public []byte // PEP 440: without the local part
	pep    pep440
	pre    bool
	core   []byte
}

// Any is the set of all versions of a scheme; pre-releases only where nothing else is asked of it.
func (s Scheme) Any() Set { return Set{scheme: s, alts: [][]clause{{{op: opAny}}}} }

// Parse reads a constraint in the ecosystem's own syntax; the empty one allows everything. PEP440 also takes Poetry's carets, tildes and "||",
// whose meaning cannot be confused with anything in PEP 440. An error says which part is no constraint.
func (s Scheme) Parse(constraint string) (Set, error) {
	set := Set{scheme: s}
	text := strings.TrimSpace(constraint)
	if len(text) > 1<<14 {
		return set, fmt.Errorf("constraint of %d bytes is longer than any real one", len(text))
	}
	var err error
	switch s {
	case PEP440:
		err = set.parsePEP440(text)
	case Maven:
		err = set.parseMaven(text)
	case NPM, Cargo:
		err = set.parseSemver(text)
	case Go: // go.mod names the lowest version that will do, and the go command takes just that one unless another module wants more
		err = set.alternative(clause{op: opGreaterEqual, text: text})
	case Conda:
		err = set.parseConda(text)
	default:
		err = fmt.Errorf("no version rules for this ecosystem")
	}
	if err != nil {
		return Set{scheme: s}, fmt.Errorf("constraint %q: %w", constraint, err)
	}
	return set, nil
}

// alternative adds clauses that must all hold, and finds their keys.
func (set *Set) alternative(cs ...clause) error {
	n := len(cs)
	for _, a := range set.alts {
		n += len(a)
	}
	if n > maxClauses {
		return fmt.Errorf("more than %d clauses", maxClauses)
	}
	for i := range cs {
		c := &cs[i]
		if c.op == opAny {
			continue
		}
		if c.op == opText {
			p, ok := parsePEP440(c.text)
			set.pre = set.pre || ok && p.prerelease()
			continue
		}
		var ok bool
		switch set.scheme {
		case PEP440:
			if c.pep, ok = parsePEP440(c.text); ok {
				c.key = c.pep.appendKey(nil, true)
				set.pre = set.pre || c.pep.prerelease() && wantsPre(c.op)
			}
		case NPM, Cargo:
			var v semver
			if v, ok = parseSemver(c.text, false); ok {
				c.key = v.appendKey(nil)
				if v.pre != "" {
					c.core = v.appendCore(nil)
				}
			}
		default:
			c.key, ok = set.scheme.Key(c.text)
			set.pre = set.pre || set.scheme.Prerelease(c.text)
		}
		if !ok {
			return fmt.Errorf("%q is no version", c.text)
		}
	}
	set.alts = append(set.alts, cs)
	return nil
}

// wantsPre says for which comparisons a pre-release in a constraint means that pre-releases are wanted (packaging.specifiers.Specifier.prereleases).
func wantsPre(o op) bool {
	return o == opEqual || o == opPrefix || o == opGreaterEqual || o == opLessEqual
}

// All says whether the set is every version: nothing was asked.
func (set Set) All() bool {
	return len(set.alts) == 1 && len(set.alts[0]) == 1 && set.alts[0][0].op == opAny
}

// Exact gives the one version that the set allows, where it is only one by its form: ==1.2, [1.2].
func (set Set) Exact() (string, bool) {
	if len(set.alts) != 1 || len(set.alts[0]) != 1 {
		return "", false
	}
	if c := set.alts[0][0]; c.op == opEqual || c.op == opText {
		return c.text, true
	}
	return "", false
}

// Prereleases says whether the constraint itself names a pre-release, in which case installers take them too.
func (set Set) Prereleases() bool { return set.pre }

// Contains says whether the set allows a version, as the ecosystem's installer would see it by default: pre-releases only where the constraint
// names one. A version that the scheme cannot read is in no set.
func (set Set) Contains(v string) bool {
	s, ok := set.subject(v)
	if !ok || s.pre && !set.pre && set.scheme == PEP440 {
		return false
	}
	return set.holds(&s)
}

// Admits is Contains with pre-releases welcome (pip's --pre).
func (set Set) Admits(v string) bool {
	s, ok := set.subject(v)
	return ok && set.holds(&s)
}

func (set Set) subject(v string) (s subject, ok bool) {
	s.text = v
	switch set.scheme {
	case PEP440:
		if s.pep, ok = parsePEP440(v); !ok || len(v) > MaxLength {
			return s, false
		}
		s.key = s.pep.appendKey(nil, true)
		s.public = s.key
		if s.pep.local != nil {
			s.public = s.pep.appendKey(nil, false)
		}
		s.pre = s.pep.prerelease()
		return s, true
	case NPM, Cargo:
		p, ok := parseSemver(v, false)
		if !ok || len(v) > MaxLength {
			return s, false
		}
		s.key = p.appendKey(nil)
		if s.pre = p.pre != ""; s.pre {
			s.core = p.appendCore(nil)
		}
		return s, true
	}
	s.key, ok = set.scheme.Key(v)
	return s, ok
}

func (set Set) holds(s *subject) bool {
	for _, alt := range set.alts {
		if set.all(alt, s) {
			return true
		}
	}
	return false
}

// all applies one alternative. node-semver and Cargo let a pre-release pass only where a clause names one of the same three numbers.
func (set Set) all(alt []clause, s *subject) bool {
	named := s.core == nil
	for i := range alt {
		c := &alt[i]
		if !c.holds(set.scheme, s) {
			return false
		}
		if s.core != nil && c.core != nil && bytes.Equal(c.core, s.core) {
			named = true
		}
	}
	return named
}

func (c *clause) holds(scheme Scheme, s *subject) bool {
	if scheme == PEP440 {
		return c.holdsPEP440(s)
	}
	d := bytes.Compare(s.key, c.key)
	switch c.op {
	case opLess:
		return d < 0
	case opLessEqual:
		return d <= 0
	case opGreater:
		return d > 0
	case opGreaterEqual:
		return d >= 0
	case opEqual:
		return d == 0
	case opNotEqual:
		return d != 0
	case opPrefix:
		return condaPrefix(s.text, c.text)
	case opNotPrefix:
		return !condaPrefix(s.text, c.text)
	}
	return c.op == opAny
}

// holdsPEP440 follows packaging.specifiers, its exceptions for pre, post and local versions included.
func (c *clause) holdsPEP440(s *subject) bool {
	switch c.op {
	case opAny:
		return true
	case opText:
		return lower(strings.TrimSpace(s.text)) == lower(c.text)
	case opEqual, opNotEqual:
		k := s.public
		if c.pep.local != nil {
			k = s.key
		}
		return bytes.Equal(k, c.key) == (c.op == opEqual)
	case opPrefix, opNotPrefix:
		return pepPrefix(&s.pep, &c.pep) == (c.op == opPrefix)
	case opLessEqual:
		return bytes.Compare(s.public, c.key) <= 0
	case opGreaterEqual:
		return bytes.Compare(s.public, c.key) >= 0
	case opLess:
		if bytes.Compare(s.key, c.key) >= 0 {
			return false
		}
		return c.pep.prerelease() || !s.pep.prerelease() || !s.pep.sameBase(&c.pep)
	case opGreater:
		if bytes.Compare(s.key, c.key) <= 0 {
			return false
		}
		if c.pep.post == "" && s.pep.post != "" || s.pep.local != nil {
			return !s.pep.sameBase(&c.pep)
		}
		return true
	}
	return false
}

// pepPrefix is ==1.2.*: the parts of the constraint begin the version's, which is filled up with zeros.
func pepPrefix(v, c *pep440) bool {
	if v.epoch != c.epoch {
		return false
	}
	for i, n := range c.release {
		have := "0"
		if i < len(v.release) {
			have = v.release[i]
		}
		if have != n {
			return false
		}
	}
	if c.pre == 0 && c.post == "" {
		return true
	}
	for i := len(c.release); i < len(v.release); i++ {
		if v.release[i] != "0" {
			return false
		}
	}
	return v.pre == c.pre && v.preN == c.preN && (c.post == "" || v.post == c.post)
}

// Bounds are the versions that the constraint names, as written, those that it excludes included.
func (set Set) Bounds() []string {
	var out []string
	for _, alt := range set.alts {
		for _, c := range alt {
			if c.op != opAny {
				out = append(out, c.text)
			}
		}
	}
	return out
}
