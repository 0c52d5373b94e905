package mlflow

import "strings"

// lexer cuts Python source into logical lines of tokens (the Python language reference, "Lexical analysis").
type lexer struct {
	text string
	at   int
	line int
}

// maxTokens bounds one logical line: one that never ends is cut there.
const maxTokens = 5000

// logical gives the next logical line: its indentation in columns, the number of its first line, and its tokens.
func (l *lexer) logical() (indent, line int, toks []token, ok bool) {
	if l.at >= len(l.text) {
		return 0, 0, nil, false
	}
	line = l.line
	for l.at < len(l.text) && strings.IndexByte(" \t\f", l.text[l.at]) >= 0 {
		if l.text[l.at] == '\t' {
			indent += 8 - indent%8
		} else {
			indent++
		}
		l.at++
	}
	depth := 0
	for l.at < len(l.text) && len(toks) < maxTokens {
		switch c := l.text[l.at]; {
		case c == '\n' || c == '\r':
			l.newline()
			if depth <= 0 {
				return indent, line, toks, true
			}
		case c == ' ' || c == '\t' || c == '\f':
			l.at++
		case c == '#':
			for l.at < len(l.text) && l.text[l.at] != '\n' && l.text[l.at] != '\r' {
				l.at++
			}
		case c == '\\':
			if l.at++; l.at < len(l.text) && (l.text[l.at] == '\n' || l.text[l.at] == '\r') {
				l.newline()
			}
		case c == '"' || c == '\'':
			toks = concat(toks, l.str(false))
		case nameByte(c):
			if t, isString := l.word(); isString {
				toks = concat(toks, t)
			} else {
				toks = append(toks, t)
			}
		default:
			depth += strings.Count("([{", string(c)) - strings.Count(")]}", string(c))
			toks = append(toks, token{'o', l.operator()})
		}
	}
	return indent, line, toks, true
}

// newline passes the end of a line, which may be two bytes.
func (l *lexer) newline() {
	if l.text[l.at] == '\r' && l.at+1 < len(l.text) && l.text[l.at+1] == '\n' {
		l.at++
	}
	l.at++
	l.line++
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// word reads a name or number, or a string with a prefix.
func (l *lexer) word() (t token, isString bool) {
	from := l.at
	for l.at < len(l.text) && nameByte(l.text[l.at]) {
		l.at++
	}
	w := l.text[from:l.at]
	if l.at < len(l.text) && (l.text[l.at] == '"' || l.text[l.at] == '\'') && len(w) <= 2 && strings.Trim(strings.ToLower(w), "rbuft") == "" {
		return l.str(strings.ContainsAny(w, "rR")), true
	}
	if w[0] >= '0' && w[0] <= '9' {
		return token{'o', w}, false
	}
	return token{'n', w}, false
}

// str reads a string from its quote on. Escapes that spell ASCII are undone, as they hide names.
func (l *lexer) str(raw bool) token {
	quote := l.text[l.at : l.at+1]
	if strings.HasPrefix(l.text[l.at:], strings.Repeat(quote, 3)) {
		quote = strings.Repeat(quote, 3)
	}
	l.at += len(quote)
	var b strings.Builder
	for l.at < len(l.text) && !strings.HasPrefix(l.text[l.at:], quote) {
		c := l.text[l.at]
		switch {
		case c == '\n' && len(quote) == 1:
			return token{'s', b.String()} // not closed
		case c == '\n':
			l.line++
		case c == '\\' && l.at+1 < len(l.text):
			l.at++
			if l.text[l.at] == '\n' {
				l.line++
			}
			if n, r := escaped(l.text[l.at:]); !raw && n > 0 {
				b.WriteByte(r)
				l.at += n
				continue
			}
			b.WriteByte(l.text[l.at])
			l.at++
			continue
		}
		b.WriteByte(c)
		l.at++
	}
	l.at = min(l.at+len(quote), len(l.text))
	return token{'s', b.String()}
}

// escaped reads \xHH, \uHHHH and \OOO after the backslash where they spell ASCII.
func escaped(s string) (n int, c byte) {
	digits := func(from, count, base int) (int, bool) {
		v := 0
		for i := from; i < from+count; i++ {
			if i >= len(s) {
				return 0, false
			}
			d := strings.IndexByte("0123456789abcdef", s[i]|0x20)
			if s[i] >= '0' && s[i] <= '9' {
				d = int(s[i] - '0')
			}
			if d < 0 || d >= base {
				return 0, false
			}
			v = v*base + d
		}
		return v, v < 0x80
	}
	switch {
	case s == "":
	case s[0] == 'x':
		if v, ok := digits(1, 2, 16); ok {
			return 3, byte(v)
		}
	case s[0] == 'u':
		if v, ok := digits(1, 4, 16); ok {
			return 5, byte(v)
		}
	case s[0] >= '0' && s[0] <= '7':
		if v, ok := digits(0, 3, 8); ok {
			return 3, byte(v)
		}
	}
	return 0, 0
}

// maxJoined bounds the text that concat joins: names of modules are short.
const maxJoined = 4096

// concat joins strings that stand beside each other or with a plus between them: the compiler does so too.
func concat(toks []token, t token) []token {
	n := len(toks)
	switch {
	case n > 0 && len(toks[n-1].text) > maxJoined || n > 1 && len(toks[n-2].text) > maxJoined:
	case n > 0 && toks[n-1].kind == 's':
		toks[n-1].text += t.text
		return toks
	case n > 1 && toks[n-1].text == "+" && toks[n-2].kind == 's':
		toks[n-2].text += t.text
		return toks[:n-1]
	}
	return append(toks, t)
}

// operator reads one operator; "==" and its like are one, so that "=" is assignment alone.
func (l *lexer) operator() string {
	c := l.text[l.at]
	l.at++
	if l.at < len(l.text) && l.text[l.at] == '=' && strings.IndexByte("=!<>+-*/%&|^@:", c) >= 0 {
		l.at++
		return l.text[l.at-2 : l.at]
	}
	return string(rune(c))
}
