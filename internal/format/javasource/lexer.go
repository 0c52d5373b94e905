// Package javasource reads Java source code as javac does, as far as that is needed to say what it imports, which types it names and what it calls.
//
// [Read] gives the outline of a compilation unit; [Lexer] gives its tokens. Unicode escapes are resolved first, wherever they stand (The Java
// Language Specification, 3.3), so that nothing can be hidden behind them. Nothing is compiled, and nothing need compile: what is not Java yields less.
package javasource

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is the kind of a token.
type Kind uint8

// The kinds.
const (
	Ident  Kind = iota // an identifier or keyword
	Number             // a numeric literal; its text is not kept
	String             // a string literal or text block, its escapes resolved
	Char               // a character literal, likewise
	Op                 // one character of punctuation, or :: or ->
)

// Token is one lexical element.
type Token struct {
	Kind Kind
	Text string // of a string at most MaxText bytes
	At   int64  // offset of its first byte
	Line int    // 1-based
}

// MaxText is how many bytes are kept of one identifier or literal.
const MaxText = 4 << 10

// errUnfinished says that the source ends inside a comment or literal.
var errUnfinished = errors.New("the source ends inside a comment or literal")

const (
	window = 32 << 10
	eof    = rune(-1)
)

// Lexer cuts Java source into tokens.
type Lexer struct {
	src  io.ReaderAt
	size int64
	buf  []byte
	base int64 // offset of buf[0]
	pos  int
	line int
	err  error

	ch      rune  // the next character, escapes resolved
	at      int64 // its offset
	slashes int   // raw backslashes that directly precede
}

// NewLexer reads size bytes of src.
func NewLexer(src io.ReaderAt, size int64) *Lexer {
	l := &Lexer{src: src, size: size, line: 1}
	if l.advance(); l.ch == '\ufeff' {
		l.advance()
	}
	return l
}

// raw gives the character at the cursor and its width, without resolving escapes.
func (l *Lexer) raw() (rune, int) {
	if len(l.buf)-l.pos < utf8.UTFMax && l.base+int64(len(l.buf)) < l.size {
		l.base += int64(l.pos)
		l.pos = 0
		if cap(l.buf) == 0 {
			l.buf = make([]byte, min(window, l.size))
		}
		l.buf = l.buf[:min(int64(cap(l.buf)), l.size-l.base)]
		n, err := l.src.ReadAt(l.buf, l.base)
		if n < len(l.buf) && err != nil && err != io.EOF {
			l.err = fmt.Errorf("read at %d: %w", l.base, err)
		}
		l.buf = l.buf[:n]
	}
	if l.pos >= len(l.buf) {
		return eof, 0
	}
	if c := l.buf[l.pos]; c < utf8.RuneSelf {
		return rune(c), 1
	}
	return utf8.DecodeRune(l.buf[l.pos:])
}

// advance moves to the next character.
func (l *Lexer) advance() {
	if l.ch == '\n' {
		l.line++
	}
	l.at = l.base + int64(l.pos)
	c, n := l.raw()
	if c == eof {
		l.ch = eof
		return
	}
	l.pos += n
	if c == '\r' {
		if d, m := l.raw(); d == '\n' {
			l.pos += m
		}
		c = '\n'
	}
	if c == '\\' {
		if l.slashes%2 == 0 {
			if v, ok := l.unicode(); ok {
				l.ch, l.slashes = v, 0
				return
			}
		}
		l.slashes++
	} else {
		l.slashes = 0
	}
	l.ch = c
}

// unicode reads the rest of \uXXXX behind its backslash, any number of u's; a pair of surrogates makes one character.
func (l *Lexer) unicode() (rune, bool) {
	v, ok := l.hex4()
	if ok && v >= 0xd800 && v < 0xdc00 {
		at := l.base + int64(l.pos)
		if c, _ := l.raw(); c == '\\' {
			l.pos++
			if w, ok := l.hex4(); ok && w >= 0xdc00 && w < 0xe000 {
				return 0x10000 + (v-0xd800)<<10 + (w - 0xdc00), true
			}
			l.back(at)
		}
	}
	return v, ok
}

// back moves the cursor to an offset that may have left the window.
func (l *Lexer) back(at int64) {
	if at >= l.base {
		l.pos = int(at - l.base)
		return
	}
	l.base, l.pos, l.buf = at, 0, l.buf[:0]
}

func (l *Lexer) hex4() (rune, bool) {
	at := l.base + int64(l.pos)
	if c, _ := l.raw(); c != 'u' {
		return 0, false
	}
	for {
		c, _ := l.raw()
		if c != 'u' {
			break
		}
		l.pos++
	}
	var v rune
	for range 4 {
		c, _ := l.raw()
		d := strings.IndexRune("0123456789abcdef", unicode.ToLower(c))
		if d < 0 || c >= utf8.RuneSelf {
			l.back(at)
			return 0, false
		}
		v = v<<4 | rune(d)
		l.pos++
	}
	return v, true
}

// Next gives the next token; io.EOF at the end.
func (l *Lexer) Next() (Token, error) {
	for {
		if l.err != nil {
			return Token{}, l.err
		}
		at, line := l.at, l.line
		switch c := l.ch; {
		case c == eof:
			return Token{}, io.EOF
		case c == ' ' || c == '\n' || c == '\t' || c == '\f' || c == 0x1a || c == 0:
			l.advance()
		case c == '/':
			l.advance()
			if l.ch != '/' && l.ch != '*' {
				return Token{Op, "/", at, line}, nil
			}
			if err := l.comment(); err != nil {
				return Token{}, err
			}
		case c == '"':
			s, err := l.text()
			return Token{String, s, at, line}, err
		case c == '\'':
			s, err := l.quoted('\'')
			return Token{Char, s, at, line}, err
		case c >= '0' && c <= '9':
			l.number()
			return Token{Number, "", at, line}, nil
		case identStart(c):
			return Token{Ident, l.ident(), at, line}, nil
		default:
			l.advance()
			if c == ':' && l.ch == ':' || c == '-' && l.ch == '>' {
				op := string(c) + string(l.ch)
				l.advance()
				return Token{Op, op, at, line}, nil
			}
			return Token{Op, string(c), at, line}, nil
		}
	}
}

func identStart(c rune) bool { return c == '_' || c == '$' || unicode.IsLetter(c) }

// ident reads an identifier. Java ignores control characters inside (Character.isIdentifierIgnorable), so they are left out here too.
func (l *Lexer) ident() string {
	var b strings.Builder
	for ; identStart(l.ch) || unicode.In(l.ch, unicode.Nd, unicode.Mn, unicode.Mc, unicode.Pc, unicode.Sc, unicode.Nl, unicode.Cf) || ignorable(l.ch); l.advance() {
		if b.Len() < MaxText && !ignorable(l.ch) && !unicode.Is(unicode.Cf, l.ch) {
			b.WriteRune(l.ch)
		}
	}
	return b.String()
}

func ignorable(c rune) bool {
	return c > 0 && c <= 8 || c >= 0xe && c <= 0x1b && c != 0x1a || c >= 0x7f && c <= 0x9f
}

func (l *Lexer) number() {
	for last := rune(0); l.ch == '.' || l.ch == '_' || unicode.IsLetter(l.ch) || l.ch >= '0' && l.ch <= '9' || (l.ch == '-' || l.ch == '+') && strings.ContainsRune("eEpP", last); l.advance() {
		last = l.ch
	}
}

// comment skips to the end of a comment; the cursor stands on its second character.
func (l *Lexer) comment() error {
	if l.ch == '/' {
		for l.ch != '\n' && l.ch != eof {
			l.advance()
		}
		return nil
	}
	l.advance()
	for star := false; l.ch != eof; l.advance() {
		if star && l.ch == '/' {
			l.advance()
			return nil
		}
		star = l.ch == '*'
	}
	return errUnfinished
}

// text reads a string literal or a text block.
func (l *Lexer) text() (string, error) {
	l.advance()
	if l.ch != '"' {
		return l.rest('"')
	}
	if l.advance(); l.ch != '"' {
		return "", nil
	}
	var b bytes.Buffer
	for quotes := 0; ; {
		l.advance()
		switch {
		case l.ch == eof:
			return b.String(), errUnfinished
		case l.ch == '"':
			if quotes++; quotes == 3 {
				l.advance()
				return strings.TrimSuffix(b.String(), `""`), nil
			}
			put(&b, '"')
			continue
		case l.ch == '\\':
			l.advance()
			put(&b, l.escape())
		default:
			put(&b, l.ch)
		}
		quotes = 0
	}
}

func (l *Lexer) quoted(end rune) (string, error) {
	l.advance()
	return l.rest(end)
}

// rest reads a literal up to its end; one that the line ends first is finished there, for javac would not compile it.
func (l *Lexer) rest(end rune) (string, error) {
	var b bytes.Buffer
	for ; ; l.advance() {
		switch l.ch {
		case eof:
			return b.String(), errUnfinished
		case '\n':
			return b.String(), nil
		case end:
			l.advance()
			return b.String(), nil
		case '\\':
			l.advance()
			if l.ch == eof {
				return b.String(), errUnfinished
			}
			put(&b, l.escape())
		default:
			put(&b, l.ch)
		}
	}
}

// escape resolves the escape whose letter the cursor stands on; of an octal one it moves to the last digit (3.10.7).
func (l *Lexer) escape() rune {
	if i := strings.IndexRune("btnfrs", l.ch); i >= 0 {
		return rune("\b\t\n\f\r "[i])
	}
	if l.ch < '0' || l.ch > '7' {
		return l.ch
	}
	v, most := l.ch-'0', 2
	if l.ch > '3' {
		most = 1
	}
	for ; most > 0; most-- {
		if c, _ := l.raw(); c < '0' || c > '7' {
			break
		}
		l.advance()
		v = v<<3 | (l.ch - '0')
	}
	return v
}

func put(b *bytes.Buffer, c rune) {
	if b.Len() < MaxText {
		b.WriteRune(c)
	}
}
