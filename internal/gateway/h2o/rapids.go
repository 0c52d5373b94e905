package h2o

import (
	"errors"
	"fmt"

	"strconv"
	"strings"

	"weir"
)

// Bounds of a Rapids expression: real clients stay far below them.
const (
	maxExpression = 2 << 20 // bytes
	maxDepth      = 128
	maxTerms      = 100_000
)

// term is one node of a Rapids expression (water.rapids.Rapids in h2o-core is the grammar).
type term struct {
	kind  kind
	text  string   // name, text of a string or number, range list as written
	items []term   // call: the function, then its arguments; lambda: the body
	words []string // strings: the values; lambda: the parameters
}

type kind int

const (
	call kind = iota
	lambda
	name
	number
	numbers
	text
	texts
)

// parseRapids reads one expression. It takes less than H2O does: what H2O would read leniently, or could read otherwise, is an error, so that
// both always see the same tree.
func parseRapids(src string) (term, error) {
	if len(src) > maxExpression {
		return term{}, fmt.Errorf("the expression is longer than %d bytes", maxExpression)
	}
	p := &rapidsParser{src: src, left: maxTerms}
	t, err := p.next(0)
	if err != nil {
		return t, fmt.Errorf("at byte %d: %w", p.at, err)
	}
	if p.space(); p.at != len(src) {
		return t, fmt.Errorf("at byte %d: something follows the expression", p.at)
	}
	return t, nil
}

type rapidsParser struct {
	src  string
	at   int
	left int // terms that may still come
}

var (
	errEnd   = errors.New("the expression ends early")
	errDeep  = fmt.Errorf("nested deeper than %d", maxDepth)
	errTerms = fmt.Errorf("more than %d terms", maxTerms)
)

// next reads one term and the white space before it.
func (p *rapidsParser) next(depth int) (term, error) {
	if p.left--; p.left < 0 {
		return term{}, errTerms
	}
	if depth > maxDepth {
		return term{}, errDeep
	}
	switch p.space() {
	case 0:
		return term{}, errEnd
	case '(':
		return p.call(depth)
	case '{':
		return p.lambda(depth)
	case '[':
		return p.list()
	case '"', '\'':
		s, err := p.quoted()
		return term{kind: text, text: s}, err
	}
	w, err := p.word()
	if err != nil {
		return term{}, err
	}
	if decimal().MatchString(w) {
		return term{kind: number, text: w}, nil
	}
	return term{kind: name, text: w}, nil
}

// decimal is what is certainly a number to commons-lang's NumberUtils.isNumber. What H2O would take for a number beside it ("1L", "0x1F")
// counts as a name here, and names must be those of frames that one may use.
var decimal = weir.Pattern(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?$`)

func (p *rapidsParser) call(depth int) (term, error) {
	p.at++
	t := term{kind: call}
	for {
		switch p.space() {
		case 0:
			return t, errEnd
		case ')':
			p.at++
			if len(t.items) == 0 {
				return t, errors.New("a call of nothing")
			}
			if strings.HasPrefix(p.src[p.at:], "-") { // "(f x)->id" is another spelling of (tmp= id (f x)); no client uses it
				return t, errors.New("'->' after a call")
			}
			return t, nil
		}
		arg, err := p.next(depth + 1)
		if err != nil {
			return t, err
		}
		t.items = append(t.items, arg)
	}
}

// parameter is a Java identifier without '$', with which H2O marks names of a session.
var parameter = weir.Pattern(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

func (p *rapidsParser) lambda(depth int) (term, error) {
	p.at++
	t := term{kind: lambda}
	for {
		c := p.space()
		if c == '.' {
			p.at++
			break
		}
		w, err := p.word()
		if err != nil {
			return t, err
		}
		if !parameter().MatchString(w) || constant(w) {
			return t, fmt.Errorf("%q cannot be a parameter", w)
		}
		t.words = append(t.words, w)
		if len(t.words) > 64 {
			return t, errors.New("a function of more than 64 parameters")
		}
	}
	body, err := p.next(depth + 1)
	if err != nil {
		return t, err
	}
	if p.space() != '}' {
		return t, errors.New("'}' must follow the body of a function")
	}
	p.at++
	t.items = []term{body}
	return t, nil
}

// list reads "[…]": strings or numbers and ranges, never both and never names.
func (p *rapidsParser) list() (term, error) {
	p.at++
	if c := p.space(); c == '"' || c == '\'' {
		return p.strings()
	}
	t := term{kind: numbers}
	start := p.at
	for {
		switch c := p.space(); c {
		case 0:
			return t, errEnd
		case ']':
			t.text = p.src[start:p.at]
			p.at++
			return t, nil
		case ':', ',':
			p.at++
		default:
			from := p.at
			for p.at < len(p.src) && !strings.ContainsRune(":,({[]}) \t\r\n\\\"'", rune(p.src[p.at])) {
				p.at++
			}
			w := p.src[from:p.at]
			if _, err := strconv.ParseFloat(w, 64); (err != nil && !errors.Is(err, strconv.ErrRange)) || !listNumber().MatchString(w) {
				return t, fmt.Errorf("%.40q in a list of numbers", w)
			}
		}
	}
}

var listNumber = weir.Pattern(`^([+-]?[0-9]*\.?[0-9]*([eE][+-]?[0-9]{1,3})?|[nN]a[nN]|nan|NaN)$`)

func (p *rapidsParser) strings() (term, error) {
	t := term{kind: texts}
	for {
		switch c := p.space(); c {
		case 0:
			return t, errEnd
		case ']':
			p.at++
			return t, nil
		case '"', '\'':
			s, err := p.quoted()
			if err != nil {
				return t, err
			}
			t.words = append(t.words, s)
			if p.left--; p.left < 0 {
				return t, errTerms
			}
			if p.space() == ',' {
				p.at++
			}
		default:
			return t, fmt.Errorf("%q in a list of strings", c)
		}
	}
}

// quoted reads a string with the escapes that H2O knows.
func (p *rapidsParser) quoted() (string, error) {
	quote := p.src[p.at]
	p.at++
	var b strings.Builder
	for p.at < len(p.src) {
		c := p.src[p.at]
		switch {
		case c == quote:
			p.at++
			return b.String(), nil
		case c != '\\':
			b.WriteByte(c)
			p.at++
			continue
		}
		if err := p.escape(&b); err != nil {
			return "", err
		}
	}
	return "", errEnd
}

func (p *rapidsParser) escape(b *strings.Builder) error {
	if p.at+1 >= len(p.src) {
		return errEnd
	}
	c := p.src[p.at+1]
	if i := strings.IndexByte(`ntrfb'"\`, c); i >= 0 {
		b.WriteByte("\n\t\r\f\b'\"\\"[i])
		p.at += 2
		return nil
	}
	n := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if n == 0 || p.at+2+n > len(p.src) {
		return errors.New("an escape that H2O does not know")
	}
	v, err := strconv.ParseUint(p.src[p.at+2:p.at+2+n], 16, 32)
	if err != nil || v > 0x10FFFF || 0xD800 <= v && v < 0xE000 {
		return errors.New("an escape that is no character")
	}
	b.WriteRune(rune(v))
	p.at += 2 + n
	return nil
}

// space skips white space and gives the next byte; 0 at the end.
func (p *rapidsParser) space() byte {
	for p.at < len(p.src) {
		switch c := p.src[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		case 0:
			return 1 // never a token's first byte: word refuses it
		default:
			return c
		}
	}
	return 0
}

// word reads a token: all up to a delimiter.
func (p *rapidsParser) word() (string, error) {
	start := p.at
	for p.at < len(p.src) && !strings.ContainsRune("({[]}) \t\r\n\\\"'", rune(p.src[p.at])) {
		if c := p.src[p.at]; c < 32 || c == 127 {
			return "", errors.New("a control character")
		}
		p.at++
	}
	if p.at == start {
		return "", errors.New("a token is missing")
	}
	return p.src[start:p.at], nil
}
