package version

import (
	"fmt"
	"strconv"
	"strings"
)

// cutOp takes an operator from the front; the longest first.
func cutOp(s string) (op string, rest string) {
	for _, o := range []string{"===", "~=", "==", "!=", "<=", ">=", "=>", "=<", "^", "~", "<", ">", "="} {
		if strings.HasPrefix(s, o) {
			return o, strings.TrimSpace(s[len(o):])
		}
	}
	return "", s
}

var simpleOps = map[string]op{"<": opLess, "<=": opLessEqual, "=<": opLessEqual, ">": opGreater, ">=": opGreaterEqual, "=>": opGreaterEqual,
	"==": opEqual, "!=": opNotEqual, "===": opText}

func (set *Set) parsePEP440(text string) error {
	for alt := range strings.SplitSeq(strings.ReplaceAll(text, "||", "|"), "|") {
		var cs []clause
		for part := range strings.SplitSeq(alt, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			more, err := pepClause(part)
			if err != nil {
				return err
			}
			cs = append(cs, more...)
		}
		if cs == nil {
			cs = []clause{{op: opAny}}
		}
		if err := set.alternative(cs...); err != nil {
			return err
		}
	}
	return nil
}

// pepClause reads one comparison of PEP 440, or one of Poetry's.
func pepClause(part string) ([]clause, error) {
	if part == "*" {
		return []clause{{op: opAny}}, nil
	}
	name, v := cutOp(part)
	if name == "" || name == "=" {
		name = "=="
	}
	base, star := strings.CutSuffix(v, ".*")
	if star && name != "==" && name != "!=" {
		return nil, fmt.Errorf("%q: only == and != take .*", part)
	}
	switch name {
	case "===":
		if v == "" || strings.ContainsAny(v, " \t") {
			return nil, fmt.Errorf("%q is no version", v)
		}
		return []clause{{op: opText, text: v}}, nil
	case "~=", "~", "^":
		p, ok := parsePEP440(v)
		if !ok {
			return nil, fmt.Errorf("%q is no version", v)
		}
		return pepCompatible(name, v, &p)
	}
	o := simpleOps[name]
	if star {
		p, ok := parsePEP440(base)
		if !ok || p.dev != "" || p.local != nil {
			return nil, fmt.Errorf("%q is no version prefix", v)
		}
		o, v = map[op]op{opEqual: opPrefix, opNotEqual: opNotPrefix}[o], base
	}
	if o != opEqual && o != opNotEqual && strings.Contains(v, "+") {
		return nil, fmt.Errorf("%q: only == and != take a local version", part)
	}
	return []clause{{op: o, text: v}}, nil
}

// pepCompatible is ~=1.2.3 (at least, and 1.2.*), Poetry's ~1.2.3 (below 1.3) and ^1.2.3 (below the next at the first number that is not 0).
func pepCompatible(name, v string, p *pep440) ([]clause, error) {
	n := 0
	switch name {
	case "~=":
		if len(p.release) < 2 || p.local != nil {
			return nil, fmt.Errorf("~=%s needs two numbers or more", v)
		}
		prefix := p.epoch + "!" + strings.Join(p.release[:len(p.release)-1], ".")
		return []clause{{op: opGreaterEqual, text: v}, {op: opPrefix, text: prefix}}, nil
	case "~":
		n = min(1, len(p.release)-1)
	case "^":
		for n < len(p.release)-1 && p.release[n] == "0" {
			n++
		}
	}
	upper := append([]string(nil), p.release[:n+1]...)
	upper[n] = next(upper[n])
	return []clause{{op: opGreaterEqual, text: v}, {op: opLess, text: p.epoch + "!" + strings.Join(upper, ".")}}, nil
}

// next is a decimal number plus one, of any length.
func next(digits string) string {
	b := []byte(digits)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] < '9' {
			b[i]++
			return string(b)
		}
		b[i] = '0'
	}
	return "1" + string(b)
}

// parseMaven reads [1,2), (,1.0],[1.2,) and the bare version, which Maven takes as a wish and weir as what will be used.
func (set *Set) parseMaven(text string) error {
	if text == "" {
		return set.alternative(clause{op: opAny})
	}
	if text[0] != '[' && text[0] != '(' {
		if strings.ContainsAny(text, "[](), \t") {
			return fmt.Errorf("%q is neither a version nor a range", text)
		}
		return set.alternative(clause{op: opEqual, text: text})
	}
	for text != "" {
		i := strings.IndexAny(text, "])")
		if i < 1 || text[0] != '[' && text[0] != '(' {
			return fmt.Errorf("range is not closed")
		}
		low, high, isRange := strings.Cut(text[1:i], ",")
		low, high = strings.TrimSpace(low), strings.TrimSpace(high)
		var cs []clause
		switch {
		case !isRange:
			if text[0] != '[' || text[i] != ']' {
				return fmt.Errorf("a single version stands in square brackets")
			}
			cs = append(cs, clause{op: opEqual, text: low})
		default:
			if low != "" {
				cs = append(cs, clause{op: map[byte]op{'[': opGreaterEqual, '(': opGreater}[text[0]], text: low})
			}
			if high != "" {
				cs = append(cs, clause{op: map[byte]op{']': opLessEqual, ')': opLess}[text[i]], text: high})
			}
			if cs == nil {
				cs = []clause{{op: opAny}}
			}
		}
		if err := set.alternative(cs...); err != nil {
			return err
		}
		text = strings.TrimSpace(text[i+1:])
		if rest, ok := strings.CutPrefix(text, ","); ok {
			if text = strings.TrimSpace(rest); text == "" {
				return fmt.Errorf("range ends with a comma")
			}
		} else if text != "" {
			return fmt.Errorf("ranges are joined by commas")
		}
	}
	return nil
}

// parseSemver reads node-semver's ranges, or Cargo's requirements.
func (set *Set) parseSemver(text string) error {
	for alt := range strings.SplitSeq(text, "||") {
		var cs []clause
		var err error
		if low, high, ok := strings.Cut(alt, " - "); ok && set.scheme == NPM {
			cs, err = hyphen(strings.TrimSpace(low), strings.TrimSpace(high))
		} else {
			cs, err = set.comparators(alt)
		}
		if err != nil {
			return err
		}
		if cs == nil {
			cs = []clause{{op: opAny}}
		}
		if err := set.alternative(cs...); err != nil {
			return err
		}
	}
	return nil
}

// comparators reads ">=1.2 <2", ">= 1.2, < 2".
func (set *Set) comparators(alt string) ([]clause, error) {
	fields := strings.FieldsFunc(alt, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
	var cs []clause
	for i := 0; i < len(fields); i++ {
		f := fields[i]
		if o, rest := cutOp(f); o != "" && rest == "" && i+1 < len(fields) { // an operator may stand apart
			i++
			f = o + fields[i]
		}
		more, err := semverClause(f, set.scheme == Cargo)
		if err != nil {
			return nil, err
		}
		cs = append(cs, more...)
	}
	return cs, nil
}

// partial is a version with up to three numbers, some of which may be x, X or *.
type partial struct {
	nums []string // up to the first x
	pre  string
	text string
}

func parsePartial(s string) (partial, error) {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "="), "v")
	s, _, _ = strings.Cut(s, "+")
	p := partial{text: s}
	core, pre, _ := strings.Cut(s, "-")
	wild := false
	for part := range strings.SplitSeq(core, ".") {
		switch {
		case part == "x" || part == "X" || part == "*" || part == "" && core == "":
			wild = true
		case part == "" || digitsAt(part, 0) != part:
			return p, fmt.Errorf("%q is no version", s)
		case !wild:
			p.nums = append(p.nums, plain(part))
		}
	}
	if len(p.nums) > 3 {
		return p, fmt.Errorf("%q has more than three numbers", s)
	}
	if len(p.nums) == 3 {
		p.pre = pre
	}
	return p, nil
}

// low is the smallest version of a partial one.
func (p partial) low() string {
	nums := append([]string(nil), p.nums...)
	for len(nums) < 3 {
		nums = append(nums, "0")
	}
	s := strings.Join(nums, ".")
	if p.pre != "" {
		s += "-" + p.pre
	}
	return s
}

// above is the first version after all that begin with the first n numbers, pre-releases of it excluded by their mark -0.
func (p partial) above(n int) string {
	nums := append([]string(nil), p.nums[:n]...)
	nums[n-1] = next(nums[n-1])
	for len(nums) < 3 {
		nums = append(nums, "0")
	}
	return strings.Join(nums, ".") + "-0"
}

func (p partial) between(n int) []clause {
	return []clause{{op: opGreaterEqual, text: p.low()}, {op: opLess, text: p.above(n)}}
}

func semverClause(f string, cargo bool) ([]clause, error) {
	name, v := cutOp(f)
	p, err := parsePartial(v)
	if err != nil {
		return nil, err
	}
	if name == "" && cargo && !strings.ContainsAny(v, "*xX") {
		name = "^"
	}
	if len(p.nums) == 0 {
		if name == "<" || name == ">" {
			return []clause{{op: opLess, text: "0.0.0-0"}}, nil
		}
		return []clause{{op: opAny}}, nil
	}
	full := len(p.nums) == 3
	switch name {
	case "^":
		n := 1
		for n < len(p.nums) && p.nums[n-1] == "0" {
			n++
		}
		return p.between(n), nil
	case "~":
		return p.between(min(2, len(p.nums))), nil
	case "", "=", "==":
		if full {
			return []clause{{op: opEqual, text: p.low()}}, nil
		}
		return p.between(len(p.nums)), nil
	case ">":
		if full {
			return []clause{{op: opGreater, text: p.low()}}, nil
		}
		return []clause{{op: opGreaterEqual, text: strings.TrimSuffix(p.above(len(p.nums)), "-0")}}, nil
	case ">=", "=>":
		return []clause{{op: opGreaterEqual, text: p.low()}}, nil
	case "<":
		if full {
			return []clause{{op: opLess, text: p.low()}}, nil
		}
		return []clause{{op: opLess, text: p.low() + "-0"}}, nil
	case "<=", "=<":
		if full {
			return []clause{{op: opLessEqual, text: p.low()}}, nil
		}
		return []clause{{op: opLess, text: p.above(len(p.nums))}}, nil
	}
	return nil, fmt.Errorf("%q: operator %s does not exist here", f, strconv.Quote(name))
}

// hyphen is node-semver's "1.2 - 2.3": from the first to the last, an incomplete last one being taken whole.
func hyphen(low, high string) ([]clause, error) {
	a, err := parsePartial(low)
	if err != nil {
		return nil, err
	}
	b, err := parsePartial(high)
	if err != nil {
		return nil, err
	}
	var cs []clause
	if len(a.nums) > 0 {
		cs = append(cs, clause{op: opGreaterEqual, text: a.low()})
	}
	switch {
	case len(b.nums) == 3:
		cs = append(cs, clause{op: opLessEqual, text: b.low()})
	case len(b.nums) > 0:
		cs = append(cs, clause{op: opLess, text: b.above(len(b.nums))})
	}
	return cs, nil
}

// parseConda reads conda's match specifications of versions: ">=1.2,<2|1.0.*", "=1.2" (any 1.2), "1.2" and "==1.2" (just that).
func (set *Set) parseConda(text string) error {
	for alt := range strings.SplitSeq(text, "|") {
		var cs []clause
		for part := range strings.SplitSeq(alt, ",") {
			part = strings.TrimSpace(part)
			if part == "" || part == "*" {
				continue
			}
			more, err := condaClause(part)
			if err != nil {
				return err
			}
			cs = append(cs, more...)
		}
		if cs == nil {
			cs = []clause{{op: opAny}}
		}
		if err := set.alternative(cs...); err != nil {
			return err
		}
	}
	return nil
}

func condaClause(part string) ([]clause, error) {
	name, v := cutOp(part)
	base, star := strings.CutSuffix(v, "*")
	base = strings.TrimSuffix(base, ".")
	if strings.Contains(base, "*") || base == "" {
		return nil, fmt.Errorf("%q is no version", v)
	}
	switch name {
	case "", "==":
		if star {
			return []clause{{op: opPrefix, text: base}}, nil
		}
		return []clause{{op: opEqual, text: v}}, nil
	case "=":
		return []clause{{op: opPrefix, text: base}}, nil
	case "!=":
		if star {
			return []clause{{op: opNotPrefix, text: base}}, nil
		}
		return []clause{{op: opNotEqual, text: v}}, nil
	case "~=":
		i := strings.LastIndexByte(base, '.')
		if i < 0 {
			return nil, fmt.Errorf("~=%s needs two numbers or more", v)
		}
		return []clause{{op: opGreaterEqual, text: base}, {op: opPrefix, text: base[:i]}}, nil
	case "<", "<=", ">", ">=", "=>", "=<":
		return []clause{{op: simpleOps[name], text: base}}, nil
	}
	return nil, fmt.Errorf("%q: operator %s does not exist here", part, strconv.Quote(name))
}

// condaPrefix is conda's startswith: the prefix's parts begin the version's, the last of them by its own beginning.
func condaPrefix(v, prefix string) bool {
	a, _, ok := parseConda(v)
	b, _, ok2 := parseConda(prefix)
	if !ok || !ok2 || len(a) < len(b) {
		return false
	}
	for i, want := range b {
		have := a[i]
		if len(have) < len(want) || i < len(b)-1 && len(have) != len(want) {
			return false
		}
		for j, it := range want {
			if have[j] == it {
				continue
			}
			last := i == len(b)-1 && j == len(want)-1
			if !last || it.rank != condaText || have[j].rank != condaText || !strings.HasPrefix(have[j].text, it.text) {
				return false
			}
		}
	}
	return true
}
