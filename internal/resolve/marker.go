package resolve

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir/internal/version"
)

// environment holds the values of the environment markers (PEP 508) for which is resolved.
type environment map[string]string

// newEnvironment describes CPython of the given version ("3.12" or "3.12.1") on a Linux machine with an x86-64 processor: what servers are.
func newEnvironment(python string) environment {
	short := python
	if parts := strings.SplitN(python, ".", 3); len(parts) == 3 {
		short = parts[0] + "." + parts[1]
	} else {
		python += ".0"
	}
	return environment{
		"python_version": short, "python_full_version": python, "implementation_version": python,
		"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "platform_release": "", "platform_version": "",
		"platform_python_implementation": "CPython", "implementation_name": "cpython", "extra": "",
	}
}

// python reports whether a release's requires-python allows this Python; what cannot be read allows it, as in pip.
func (e environment) python(constraint string) bool {
	if constraint == "" {
		return true
	}
	set, err := version.PEP440.Parse(constraint)
	return err != nil || set.Admits(e["python_full_version"])
}

// holds evaluates a marker with the extras that are asked for.
func (e environment) holds(text string, extras []string) (bool, error) {
	tokens, err := markerTokens(text)
	if err != nil {
		return false, err
	}
	p := &markerParser{env: e, extras: extras, tokens: tokens}
	v := p.or(0)
	if p.err == nil && len(p.tokens) > 0 {
		p.err = fmt.Errorf("marker %q: %q was not expected", text, p.tokens[0])
	}
	return v && p.err == nil, p.err
}

// markerTokens splits a marker: quoted strings keep their opening quote, as a sign of what they are.
func markerTokens(s string) ([]string, error) {
	var out []string
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			i++
		case c == '(' || c == ')':
			out = append(out, s[i:i+1])
			i++
		case c == '\'' || c == '"':
			n := strings.IndexByte(s[i+1:], c)
			if n < 0 {
				return nil, fmt.Errorf("marker %q: a quote is not closed", s)
			}
			out = append(out, s[i:i+1+n])
			i += n + 2
		case strings.IndexByte("<>=!~", c) >= 0:
			n := i
			for n < len(s) && strings.IndexByte("<>=!~", s[n]) >= 0 {
				n++
			}
			out = append(out, s[i:n])
			i = n
		default:
			n := i
			for n < len(s) && (s[n] == '_' || s[n] == '.' || s[n] >= 'a' && s[n] <= 'z' || s[n] >= 'A' && s[n] <= 'Z' || s[n] >= '0' && s[n] <= '9') {
				n++
			}
			if n == i {
				return nil, fmt.Errorf("marker %q: %q was not expected", s, s[i:i+1])
			}
			out = append(out, s[i:n])
			i = n
		}
	}
	return out, nil
}

type markerParser struct {
	env    environment
	extras []string
	tokens []string
	err    error
}

func (p *markerParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *markerParser) or(depth int) bool {
	v := p.and(depth)
	for p.err == nil && len(p.tokens) > 0 && p.tokens[0] == "or" {
		p.next()
		w := p.and(depth)
		v = v || w
	}
	return v
}

func (p *markerParser) and(depth int) bool {
	v := p.term(depth)
	for p.err == nil && len(p.tokens) > 0 && p.tokens[0] == "and" {
		p.next()
		w := p.term(depth)
		v = v && w
	}
	return v
}

func (p *markerParser) term(depth int) bool {
	if depth > 50 {
		p.err = fmt.Errorf("marker is nested more than 50 deep")
	}
	if p.err != nil {
		return false
	}
	if len(p.tokens) > 0 && p.tokens[0] == "(" {
		p.next()
		v := p.or(depth + 1)
		if p.next() != ")" {
			p.err = cmp.Or(p.err, fmt.Errorf("marker: a bracket is not closed"))
		}
		return v
	}
	left, op, right := p.next(), p.next(), ""
	if op == "not" {
		op += " " + p.next()
	}
	right = p.next()
	return p.compare(left, op, right)
}

// compare evaluates one comparison. A marker about extras holds if it does for one of those asked for, or for none.
func (p *markerParser) compare(left, op, right string) bool {
	if left == "extra" || right == "extra" {
		for _, x := range append([]string{""}, p.extras...) {
			if p.values(p.value(left, x), op, p.value(right, x), true) {
				return true
			}
		}
		return false
	}
	byVersion := slices.ContainsFunc([]string{left, right}, func(s string) bool {
		return s == "python_version" || s == "python_full_version" || s == "implementation_version" || s == "platform_release"
	})
	return p.values(p.value(left, ""), op, p.value(right, ""), !byVersion)
}

func (p *markerParser) value(token, extra string) string {
	if token != "" && (token[0] == '\'' || token[0] == '"') {
		return token[1:]
	}
	if token == "extra" {
		return extra
	}
	v, ok := p.env[token]
	if !ok && p.err == nil {
		p.err = fmt.Errorf("marker: %q is no environment marker", token)
	}
	return v
}

func (p *markerParser) values(left, op, right string, plain bool) bool {
	switch op {
	case "in":
		return strings.Contains(right, left)
	case "not in":
		return !strings.Contains(right, left)
	}
	if !plain {
		if set, err := version.PEP440.Parse(op + right); err == nil && version.PEP440.Valid(left) {
			return set.Admits(left)
		}
	}
	switch op {
	case "==":
		return normal(left) == normal(right)
	case "!=":
		return normal(left) != normal(right)
	case "<":
		return left < right
	case "<=":
		return left <= right
	case ">":
		return left > right
	case ">=":
		return left >= right
	}
	p.err = cmp.Or(p.err, fmt.Errorf("marker: %q is no comparison", op))
	return false
}

// normal makes the names of extras comparable (PEP 685).
func normal(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' || r == '.' {
			return '-'
		}
		return r
	}, strings.ToLower(s))
}
