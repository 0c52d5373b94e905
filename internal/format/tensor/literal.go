package tensor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir"
)

// maxLiteralDepth is far beyond any structured dtype that numpy can hold and keeps the parser's own stack small.
const maxLiteralDepth = 64

// errLiteral is wrapped by every error about text that is not a plain Python literal.
var errLiteral = errors.New("not a plain literal")

// parseLiteral reads text as one Python literal: strings, integers, True, False, None, tuples, lists and dicts, nothing else. It is
// stricter than ast.literal_eval on purpose: whatever it refuses, numpy.save has not written.
func parseLiteral(text string) (weir.Value, error) {
	p := literalParser{text: text}
	v, err := p.value(0)
	if err != nil {
		return weir.Value{}, err
	}
	p.space()
	if p.pos != len(p.text) {
		return weir.Value{}, p.fail("something follows the literal")
	}
	return v, nil
}

type literalParser struct {
	text string
	pos  int
}

func (p *literalParser) fail(why string) error {
	rest := p.text[min(p.pos, len(p.text)):]
	if len(rest) > 40 {
		rest = rest[:40] + "…"
	}
	return fmt.Errorf("%w: %s at byte %d: %q", errLiteral, why, p.pos, rest)
}

func (p *literalParser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n\f", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// next skips spaces and reports whether c follows, consuming it.
func (p *literalParser) next(c byte) bool {
	p.space()
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *literalParser) value(depth int) (weir.Value, error) {
	if depth > maxLiteralDepth {
		return weir.Value{}, p.fail("nested too deeply")
	}
	p.space()
	if p.pos >= len(p.text) {
		return weir.Value{}, p.fail("ends too early")
	}
	switch c := p.text[p.pos]; {
	case c == '(':
		return p.sequence(weir.ValueTuple, ')', depth)
	case c == '[':
		return p.sequence(weir.ValueList, ']', depth)
	case c == '{':
		return p.dict(depth)
	case c == '\'' || c == '"':
		return p.str(weir.ValueStr)
	case c == '-' || c == '+' || c >= '0' && c <= '9':
		return p.integer()
	}
	return p.word()
}

// word reads True, False, None, or a string with a prefix (Python 2 wrote u” and b” names into structured dtypes).
func (p *literalParser) word() (weir.Value, error) {
	rest := p.text[p.pos:]
	for _, w := range []struct {
		name string
		kind weir.ValueKind
	}{{"True", weir.ValueBool}, {"False", weir.ValueBool}, {"None", weir.ValueNone}} {
		if strings.HasPrefix(rest, w.name) && !startsIdent(rest[len(w.name):]) {
			p.pos += len(w.name)
			return weir.Value{Kind: w.kind, Text: w.name}, nil
		}
	}
	if len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"') {
		switch rest[0] {
		case 'u', 'U':
			p.pos++
			return p.str(weir.ValueStr)
		case 'b', 'B':
			p.pos++
			return p.str(weir.ValueBytes)
		}
	}
	return weir.Value{}, p.fail("neither a constant nor a container")
}

func startsIdent(s string) bool {
	return s != "" && (s[0] == '_' || s[0] >= '0' && s[0] <= '9' || s[0] >= 'A' && s[0] <= 'Z' || s[0] >= 'a' && s[0] <= 'z' || s[0] >= 0x80)
}

// integer reads a decimal integer; Python 2 put an L behind long ones.
func (p *literalParser) integer() (weir.Value, error) {
	start := p.pos
	if c := p.text[p.pos]; c == '-' || c == '+' {
		p.pos++
	}
	digits := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	text := p.text[start:p.pos]
	if p.pos == digits {
		return weir.Value{}, p.fail("a sign without digits")
	}
	if p.pos < len(p.text) && (p.text[p.pos] == 'L' || p.text[p.pos] == 'l') {
		p.pos++
	}
	if p.pos < len(p.text) && (startsIdent(p.text[p.pos:]) || p.text[p.pos] == '.') {
		return weir.Value{}, p.fail("not an integer")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return weir.Value{}, p.fail("an integer beyond 64 bits")
	}
	return weir.Value{Kind: weir.ValueInt, Text: strconv.FormatInt(n, 10)}, nil
}

func (p *literalParser) sequence(kind weir.ValueKind, end byte, depth int) (weir.Value, error) {
	p.pos++
	v := weir.Value{Kind: kind}
	comma := false
	for !p.next(end) {
		if len(v.Items) > 0 && !comma {
			return v, p.fail("a comma is missing")
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Items = append(v.Items, item)
		comma = p.next(',')
	}
	if kind == weir.ValueTuple && len(v.Items) == 1 && !comma {
		return v.Items[0], nil // mere parentheses
	}
	v.Len = int64(len(v.Items))
	return v, nil
}

func (p *literalParser) dict(depth int) (weir.Value, error) {
	p.pos++
	v := weir.Value{Kind: weir.ValueDict}
	comma := true
	for !p.next('}') {
		if !comma {
			return v, p.fail("a comma is missing")
		}
		key, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		if !p.next(':') {
			return v, p.fail("a colon is missing")
		}
		val, err := p.value(depth + 1)
		if err != nil {
			return v, err
		}
		v.Items = append(v.Items, key, val)
		comma = p.next(',')
	}
	v.Len = int64(len(v.Items) / 2)
	return v, nil
}

// str reads one quoted string with Python's escapes; adjacent strings are not joined, because no writer relies on that.
func (p *literalParser) str(kind weir.ValueKind) (weir.Value, error) {
	quote := p.text[p.pos]
	p.pos++
	var b strings.Builder
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case quote:
			p.pos++
			return weir.Value{Kind: kind, Text: b.String(), Len: int64(b.Len())}, nil
		case '\n':
			return weir.Value{}, p.fail("a line ends inside a string")
		case '\\':
			if err := p.escape(&b, kind == weir.ValueBytes); err != nil {
				return weir.Value{}, err
			}
		default:
			b.WriteByte(c)
			p.pos++
		}
	}
	return weir.Value{}, p.fail("a string does not end")
}

var simpleEscapes = map[byte]byte{'\\': '\\', '\'': '\'', '"': '"', 'n': '\n', 'r': '\r', 't': '\t', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v'}

var hexEscapes = map[byte]int{'x': 2, 'u': 4, 'U': 8}

func (p *literalParser) escape(b *strings.Builder, raw bool) error {
	if p.pos+1 >= len(p.text) {
		return p.fail("a string does not end")
	}
	c := p.text[p.pos+1]
	if r, ok := simpleEscapes[c]; ok {
		b.WriteByte(r)
		p.pos += 2
		return nil
	}
	n, ok := hexEscapes[c]
	if !ok || raw && c != 'x' || p.pos+2+n > len(p.text) {
		return p.fail("an escape that numpy does not write")
	}
	x, err := strconv.ParseUint(p.text[p.pos+2:p.pos+2+n], 16, 32)
	if err != nil || x > utf8.MaxRune {
		return p.fail("an escape that is not hexadecimal")
	}
	if raw {
		b.WriteByte(byte(x))
	} else {
		b.WriteRune(rune(x))
	}
	p.pos += 2 + n
	return nil
}

// lookup gives a dict's value for a string key.
func lookup(d weir.Value, key string) (weir.Value, bool) {
	if d.Kind != weir.ValueDict {
		return weir.Value{}, false
	}
	for i := 0; i+1 < len(d.Items); i += 2 {
		if d.Items[i].IsStr(key) {
			return d.Items[i+1], true
		}
	}
	return weir.Value{}, false
}
