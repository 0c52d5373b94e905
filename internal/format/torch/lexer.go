package torch

import "strings"

// tokenKind tells TorchScript's tokens apart, as far as finding calls needs it.
type tokenKind uint8

const (
	tokenEnd     tokenKind = iota
	tokenNewline           // outside brackets only
	tokenName
	tokenNumber
	tokenString // text is the literal as written, quotes included
	tokenOp     // one character
)

// token is one token with its place.
type token struct {
	kind tokenKind
	text string
	line int32
	col  int32 // of its first byte, 0-based: the indentation, for the first token of a line
	at   int32
}

// lexer reads TorchScript source by the rules of torch's own lexer (torch/csrc/jit/frontend/lexer.h): no string prefixes, a backslash skips
// one character, # starts a comment, newlines inside brackets do not count.
type lexer struct {
	text  string
	pos   int
	line  int32
	start int // of the line
	depth int // of brackets
}

func newLexer(text string) *lexer { return &lexer{text: text, line: 1} }

func (l *lexer) next() token {
	for l.pos < len(l.text) {
		switch c := l.text[l.pos]; {
		case c == '\n':
			t := l.token(tokenNewline, l.pos+1)
			l.line++
			l.start = l.pos
			if l.depth == 0 {
				return t
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			l.pos++
		case c == '\\' && l.pos+1 < len(l.text) && l.text[l.pos+1] == '\n':
			l.pos += 2
			l.line++
			l.start = l.pos
		case c == '#':
			if i := strings.IndexByte(l.text[l.pos:], '\n'); i >= 0 {
				l.pos += i
			} else {
				l.pos = len(l.text)
			}
		case c == '"' || c == '\'':
			t := l.token(tokenString, l.stringEnd())
			l.line += int32(strings.Count(t.text, "\n"))
			return t
		case isNameStart(c):
			return l.token(tokenName, l.run(isNamePart))
		case c >= '0' && c <= '9':
			return l.token(tokenNumber, l.run(func(c byte) bool { return isNamePart(c) || c == '.' }))
		default:
			switch c {
			case '(', '[', '{':
				l.depth++
			case ')', ']', '}':
				l.depth = max(0, l.depth-1)
			}
			return l.token(tokenOp, l.pos+1)
		}
	}
	return token{kind: tokenEnd, line: l.line, at: int32(l.pos)}
}

// token cuts out the text up to end and moves on.
func (l *lexer) token(kind tokenKind, end int) token {
	t := token{kind: kind, text: l.text[l.pos:end], line: l.line, col: int32(l.pos - l.start), at: int32(l.pos)}
	l.pos = end
	return t
}

func (l *lexer) run(part func(byte) bool) int {
	i := l.pos + 1
	for i < len(l.text) && part(l.text[i]) {
		i++
	}
	return i
}

// stringEnd finds the end of a string. A line end inside single quotes is an error for torch; here it ends the string, so that nothing
// behind it is taken for text.
func (l *lexer) stringEnd() int {
	quote := l.text[l.pos : l.pos+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(l.text[l.pos:], triple) {
		quote = triple
	}
	for i := l.pos + len(quote); i < len(l.text); i++ {
		switch {
		case strings.HasPrefix(l.text[i:], quote):
			return i + len(quote)
		case l.text[i] == '\n' && len(quote) == 1:
			return i
		case l.text[i] == '\\':
			i++
		}
	}
	return len(l.text)
}

func isNameStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func isNamePart(c byte) bool { return isNameStart(c) || c >= '0' && c <= '9' }

// unquote gives the text of a string token as torch reads it (torch/csrc/jit/frontend/strtod, parse_string_literal.h): the simple escapes
// and octal ones; what it cannot decode it leaves as it is.
func unquote(s string) string {
	quote := s[:1]
	if triple := strings.Repeat(quote, 3); len(s) >= 6 && strings.HasPrefix(s, triple) {
		quote = triple
	}
	s = strings.TrimSuffix(s[len(quote):], quote)
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if j := strings.IndexByte("abfnrtv\\'\"", s[i]); j >= 0 {
			b.WriteByte("\a\b\f\n\r\t\v\\'\""[j])
			continue
		}
		n, x := 0, 0
		switch {
		case s[i] == 'x' || s[i] == 'X':
			for i++; n < 2 && i+n < len(s) && hexDigit(s[i+n]) >= 0; n++ {
				x = x<<4 | hexDigit(s[i+n])
			}
			i += n - 1
		case s[i] >= '0' && s[i] <= '7':
			for ; n < 3 && i+n < len(s) && s[i+n] >= '0' && s[i+n] <= '7'; n++ {
				x = x<<3 | int(s[i+n]-'0')
			}
			i += n - 1
		default:
			b.WriteByte('\\')
			x = int(s[i])
		}
		b.WriteByte(byte(x))
	}
	return b.String()
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
