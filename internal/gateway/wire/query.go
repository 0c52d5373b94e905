package wire

import (
	"strings"
	"unicode/utf8"
)

// maxPairs bounds a query or form.
const maxPairs = 1000

// ParseForm reads a query or an application/x-www-form-urlencoded body: pairs between '&', decoded once, '+' a space. Refused are empty pairs and
// names, semicolons (a separator to some), broken escapes, what is not UTF-8, and control characters other than tab and line ends.
// The order stays; whether a name may stand twice is for [CheckQuery].
func ParseForm(b []byte) ([]Pair, error) {
	raw := string(b)
	if raw == "" {
		return nil, nil
	}
	pairs := make([]Pair, 0, strings.Count(raw, "&")+1)
	for part := range strings.SplitSeq(raw, "&") {
		if len(pairs) == maxPairs {
			return nil, bad("wire/query", "too many parameters")
		}
		if strings.IndexByte(part, ';') >= 0 {
			return nil, bad("wire/query", "a semicolon in the parameters must be percent-encoded")
		}
		name, value, _ := strings.Cut(part, "=")
		var p Pair
		var err error
		if p.Name, err = decodeText(name, "a parameter's name"); err != nil {
			return nil, err
		}
		if p.Value, err = decodeText(value, "a parameter's value"); err != nil {
			return nil, err
		}
		if p.Name == "" || strings.ContainsAny(p.Name, "\t\n\r") {
			return nil, bad("wire/query", "a parameter has no name, or a control character in it")
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

func decodeText(raw, what string) (string, error) {
	s := raw
	if strings.IndexByte(raw, '%') >= 0 || strings.IndexByte(raw, '+') >= 0 {
		var err error
		if s, err = unescape(raw, true); err != nil {
			return "", err
		}
	}
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\t' || c == '\n' || c == '\r':
		case c < ' ' || c == 127:
			return "", bad("wire/control", what+" holds a control character")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	if ascii {
		return s, nil
	}
	return s, checkText(s, what)
}

// EncodeQuery writes pairs so that every reader gets the same: RFC 3986 unreserved characters bare, all else percent-encoded, always with '='.
func EncodeQuery(pairs []Pair) string {
	var b []byte
	for i, p := range pairs {
		if i > 0 {
			b = append(b, '&')
		}
		b = appendEscaped(b, p.Name, "-._~")
		b = append(b, '=')
		b = appendEscaped(b, p.Value, "-._~")
	}
	return string(b)
}

// CheckQuery holds pairs against a route's list: names that are not in it are refused, and names that stand twice unless the list has them with "*".
// "*" alone allows any name once.
func CheckQuery(pairs []Pair, allowed []string) error {
	for i, p := range pairs {
		known, many := false, false
		for _, a := range allowed {
			name, star := strings.CutSuffix(a, "*")
			known = known || name == p.Name || a == "*"
			many = many || star && name == p.Name
		}
		if !known {
			return bad("wire/query", "this request takes no parameter "+quote(p.Name))
		}
		for _, q := range pairs[:i] {
			if !many && q.Name == p.Name {
				return bad("wire/duplicate-parameter", "the parameter "+quote(p.Name)+" stands twice")
			}
		}
	}
	return nil
}

// quote shows a name from the request in a reason: bounded, without anything that a log or terminal would act on.
func quote(s string) string {
	if len(s) > 60 {
		s = s[:60]
	}
	b := []byte{'"'}
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c > 126 {
			b = append(b, '?')
		} else {
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}
