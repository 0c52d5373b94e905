package remedy

import (
	"strings"

	"weir"
	"weir/internal/version"
)

// respell writes a constraint for a version in the form of its place: what it allows begins at the version, and the upper bound stays where the
// version lies below it.
func respell(old string, r weir.Requirement, safe string) (string, bool) {
	operator, rest := cutOperator(old)
	switch {
	case r.Form == weir.SpecTag:
		return "", false
	case r.State == weir.PinExact:
		return exactly(operator, rest, r, safe)
	case r.State != weir.PinRange || r.Form == weir.SpecVersion:
		return "", false
	case r.Form == weir.SpecPoetry || r.Form == weir.SpecNPM:
		op := strings.TrimSpace(operator)
		if (op == "^" || op == "~" || op == "~=") && !strings.ContainsAny(rest, ",|<>= *") {
			return operator + safe, true
		}
		if r.Form == weir.SpecNPM {
			return "", false
		}
	}
	return between(old, r, safe)
}

// exactly keeps the operator, with the blanks behind it; conda's build string goes, for it names files of the old version.
func exactly(operator, rest string, r weir.Requirement, safe string) (string, bool) {
	switch op := strings.TrimSpace(operator); {
	case r.Form == weir.SpecPEP440 && op != "==" && op != "===":
		return "", false
	case r.Form == weir.SpecConda && op != "" && op != "=" && op != "==":
		return "", false
	case r.Form != weir.SpecConda && strings.ContainsAny(rest, ",|*<>"):
		return "", false
	}
	return operator + safe, true
}

// cutOperator splits the comparison and the blanks behind it from what it compares to.
func cutOperator(s string) (operator, rest string) {
	rest = strings.TrimLeft(s, "=<>~!^ \t")
	return s[:len(s)-len(rest)], rest
}

// between rewrites a list of comparisons: lower bounds become one at the safe version, what the version meets stays, and an upper bound that
// excludes it goes.
func between(old string, r weir.Requirement, safe string) (string, bool) {
	if strings.ContainsAny(old, "|;()[]{}#\n\"'") {
		return "", false
	}
	scheme := version.For(r.Ecosystem)
	var out []string
	written := false
	for clause := range strings.SplitSeq(old, ",") {
		op, bound := cutOperator(strings.TrimSpace(clause))
		switch op = strings.TrimSpace(op); op {
		case "~=":
			// The same number of parts keeps the same freedom: ~=1.4.2 allows 1.4.*.
			if strings.Count(safe, ".") != strings.Count(bound, ".") {
				op = ">="
			}
			fallthrough
		case ">=", ">", "==", "^", "~", "=", "":
			if op != "~=" {
				op = ">="
			}
			if !written {
				out = append(out, op+safe)
			}
			written = true
		default:
			set, err := scheme.Parse(op + bound)
			if err != nil {
				return "", false
			}
			if set.Contains(safe) {
				out = append(out, op+strings.TrimSpace(bound))
			}
		}
	}
	if !written {
		out = append([]string{">=" + safe}, out...)
	}
	separator := ","
	if strings.Contains(old, ", ") {
		separator = ", "
	}
	return strings.Join(out, separator), true
}
