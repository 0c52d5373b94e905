package manifest

import (
	"strings"

	"weir"
)

// poetryConstraint reads a version in poetry's own notation (python-poetry.org/docs/dependency-specification): ^1.2, ~1.2, 1.2.*, "1.2" and
// PEP 440's; s stands at at in the manifest, or nowhere (-1).
func poetryConstraint(t *text, name, s string, at, line int) weir.Requirement {
	r := weir.Requirement{
		Ecosystem: "pypi", Name: canonical(name), State: weir.PinRange, Origin: weir.OriginManifest, Text: cut(name+" = "+s, maxStatement), Line: line, Direct: true,
	}
	trimmed := strings.TrimSpace(s)
	if at >= 0 && trimmed != "" {
		r.Spec, r.Form = t.span(at+strings.Index(s, trimmed), len(trimmed)), weir.SpecPoetry
	}
	switch bare := strings.TrimSpace(strings.TrimLeft(trimmed, "=")); {
	case trimmed == "" || trimmed == "*" || trimmed == "latest":
		r.State = weir.PinAny
	case hasVariable(trimmed):
		r.State, r.Reason = weir.PinUnresolved, "its version holds a variable, which is not known here"
		r.Spec, r.Form = weir.Span{}, ""
	case isLocal().MatchString(bare) && len(trimmed)-len(bare) <= 3:
		r.State, r.Version = weir.PinExact, bare
	default:
		r.Range = pep440Range(trimmed)
		if r.Range == "" {
			r.State, r.Reason = weir.PinUnresolved, "its version is no constraint of poetry"
		}
	}
	return r
}

// pep440Range puts a constraint of poetry into PEP 440's notation; alternatives stay apart by ||. Empty for what is no constraint.
func pep440Range(s string) string {
	var all []string
	for alternative := range strings.SplitSeq(strings.ReplaceAll(s, "||", "|"), "|") {
		var clauses []string
		for part := range strings.FieldsFuncSeq(glue(alternative), func(r rune) bool { return r == ',' || r == ' ' }) {
			c := pep440Clause(part)
			if c == "" {
				return ""
			}
			clauses = append(clauses, c)
		}
		all = append(all, strings.Join(clauses, ","))
	}
	return strings.Join(all, " || ")
}

// glue takes the blanks between operators and versions away.
func glue(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == ' ' && i > 0 && strings.IndexByte("<>=!~^", s[i-1]) >= 0 {
			j := i
			for j < len(s) && s[j] == ' ' {
				j++
			}
			if j < len(s) {
				b.WriteByte(s[j])
			}
			i = j
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// pep440Clause puts one clause into PEP 440's notation.
func pep440Clause(c string) string {
	op := strings.TrimRight(c[:len(c)-len(strings.TrimLeft(c, "<>=!~^"))], " ")
	v := c[len(op):]
	wild := strings.HasSuffix(v, ".*")
	if v == "*" && op == "" {
		return ">=0"
	}
	if !isLocal().MatchString(v) && !(wild && isWildcard().MatchString(v)) {
		return ""
	}
	release := strings.Split(strings.TrimSuffix(v, ".*"), ".")
	switch op {
	case "^":
		i := 0
		for i < len(release)-1 && strings.Trim(release[i], "0") == "" {
			i++
		}
		return ">=" + v + ",<" + bump(release, i)
	case "~":
		return ">=" + v + ",<" + bump(release, min(1, len(release)-1))
	case "", "=":
		return "==" + v
	case "==", "!=", ">=", "<=", ">", "<", "~=", "===":
		return op + v
	}
	return ""
}

// bump gives the release whose number i is one higher and after which nothing follows.
func bump(release []string, i int) string {
	head := append([]string{}, release[:i+1]...)
	epoch, number, ok := strings.Cut(head[i], "!")
	if !ok {
		epoch, number = "", epoch
	} else {
		epoch += "!"
	}
	end := 0
	number = strings.TrimPrefix(number, "v")
	for end < len(number) && number[end] >= '0' && number[end] <= '9' {
		end++
	}
	digits := []byte("0" + number[:end])
	for k := len(digits) - 1; k >= 0; k-- {
		if digits[k]++; digits[k] <= '9' {
			break
		}
		digits[k] = '0'
	}
	if head[i] = strings.TrimLeft(string(digits), "0"); head[i] == "" {
		head[i] = "0"
	}
	head[i] = epoch + head[i]
	return strings.Join(head, ".")
}
