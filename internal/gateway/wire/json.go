package wire

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// Limits bounds a JSON text. The zero value gives the defaults.
type Limits struct {
	Depth   int  // of nesting; default 64
	Members int  // names and array elements together; default 100,000
	NaN     bool // NaN, Infinity and -Infinity are numbers: CPython's json writes and reads them, the JSON standard does not have them
}

// BodyLimits are for bodies of requests: no client of MLflow sends NaN in JSON (protobuf writes it as a string, and the requests library refuses it).
// AnswerLimits are for what upstreams answer.
var (
	BodyLimits   = Limits{Depth: 64, Members: 1 << 18}
	AnswerLimits = Limits{Depth: 128, Members: 1 << 20, NaN: true}
)

// maxDigits bounds a number's text: a double needs 17 digits, an int64 19; CPython refuses integers of more than 4,300 digits, others round.
const maxDigits = 400

// ParseJSON reads a JSON object strictly: no duplicate names (compared decoded), valid UTF-8, no lone surrogates, no NUL, no byte-order mark,
// nothing after the object. Numbers are json.Number as spelled, so that integers stay exact; objects are Object, arrays []any. The error is a *Refusal.
func ParseJSON(b []byte, l Limits) (Object, error) {
	v, err := ParseValue(b, l)
	if err != nil {
		return nil, err
	}
	o, ok := v.(Object)
	if !ok {
		return nil, badJSON("the JSON is not an object", 0)
	}
	return o, nil
}

// ParseValue is ParseJSON for any JSON value: Object, []any, string, json.Number, bool or nil.
func ParseValue(b []byte, l Limits) (any, error) {
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Members == 0 {
		l.Members = 100_000
	}
	p := parser{b: b, l: l}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.space(); p.at < len(b) {
		return nil, badJSON("something follows the JSON value", p.at)
	}
	return v, nil
}

func badJSON(reason string, at int) *Refusal {
	return bad("wire/json", reason+" (byte "+strconv.Itoa(at)+" of the body)")
}

type parser struct {
	b       []byte
	at      int
	members int
	l       Limits
}

func (p *parser) space() {
	for p.at < len(p.b) {
		switch p.b[p.at] {
		case ' ', '\t', '\n', '\r':
			p.at++
		default:
			return
		}
	}
}

// peek is the next byte after white space, 0 at the end.
func (p *parser) peek() byte {
	p.space()
	if p.at < len(p.b) {
		return p.b[p.at]
	}
	return 0
}

func (p *parser) value(depth int) (any, error) {
	switch c := p.peek(); c {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth + 1)
	case '"':
		return p.text()
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	case 'N', 'I':
		return p.special(c)
	default:
		return p.number()
	}
}

func (p *parser) word(w string) error {
	if len(p.b)-p.at < len(w) || string(p.b[p.at:p.at+len(w)]) != w {
		return badJSON("this is no JSON value", p.at)
	}
	p.at += len(w)
	return nil
}

// special reads NaN and Infinity.
func (p *parser) special(c byte) (any, error) {
	w := "NaN"
	if c == 'I' {
		w = "Infinity"
	}
	if !p.l.NaN {
		return nil, badJSON("NaN and Infinity are not allowed", p.at)
	}
	return json.Number(w), p.word(w)
}

func (p *parser) enter(depth int) error {
	if depth > p.l.Depth {
		return badJSON("the JSON is nested too deeply", p.at)
	}
	p.at++
	return nil
}

// member counts one more name or element.
func (p *parser) member() error {
	if p.members++; p.members > p.l.Members {
		return badJSON("the JSON has too many members", p.at)
	}
	return nil
}

func (p *parser) object(depth int) (any, error) {
	if err := p.enter(depth); err != nil {
		return nil, err
	}
	o := Object{}
	if p.peek() == '}' {
		p.at++
		return o, nil
	}
	for {
		if err := p.member(); err != nil {
			return nil, err
		}
		if p.peek() != '"' {
			return nil, badJSON("a name is missing", p.at)
		}
		name, err := p.text()
		if err != nil {
			return nil, err
		}
		if _, twice := o[name]; twice {
			return nil, bad("wire/duplicate-name", "the name "+quote(name)+" stands twice in a JSON object")
		}
		if p.peek() != ':' {
			return nil, badJSON("a colon is missing", p.at)
		}
		p.at++
		if o[name], err = p.value(depth); err != nil {
			return nil, err
		}
		if more, err := p.more('}'); err != nil || !more {
			return o, err
		}
	}
}

func (p *parser) array(depth int) (any, error) {
	if err := p.enter(depth); err != nil {
		return nil, err
	}
	a := []any{}
	if p.peek() == ']' {
		p.at++
		return a, nil
	}
	for {
		if err := p.member(); err != nil {
			return nil, err
		}
		v, err := p.value(depth)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
		if more, err := p.more(']'); err != nil || !more {
			return a, err
		}
	}
}

// more reads a comma, or the end.
func (p *parser) more(end byte) (bool, error) {
	c := p.peek()
	if c != ',' && c != end {
		return false, badJSON("a comma or the end of an object or array is missing", p.at)
	}
	p.at++
	return c == ',', nil
}

// number reads RFC 8259's number and wants it to be finite.
func (p *parser) number() (any, error) {
	start := p.at
	if p.at < len(p.b) && p.b[p.at] == '-' {
		p.at++
	}
	if p.at < len(p.b) && p.b[p.at] == 'I' && p.at > start {
		if _, err := p.special('I'); err != nil {
			return nil, err
		}
		return json.Number("-Infinity"), nil
	}
	whole := p.digits()
	if whole == 0 || whole > 1 && p.b[p.at-whole] == '0' {
		return nil, badJSON("this is no JSON value", start)
	}
	plain := true
	if p.at < len(p.b) && p.b[p.at] == '.' {
		p.at++
		plain = false
		if p.digits() == 0 {
			return nil, badJSON("this is no JSON number", start)
		}
	}
	if p.at < len(p.b) && p.b[p.at]|0x20 == 'e' {
		p.at++
		plain = false
		if p.at < len(p.b) && (p.b[p.at] == '+' || p.b[p.at] == '-') {
			p.at++
		}
		if p.digits() == 0 {
			return nil, badJSON("this is no JSON number", start)
		}
	}
	s := string(p.b[start:p.at])
	if len(s) > maxDigits {
		return nil, badJSON("a number is too long", start)
	}
	if !plain || len(s) > 300 {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return nil, badJSON("a number is too large", start)
		}
	}
	return json.Number(s), nil
}

func (p *parser) digits() int {
	start := p.at
	for p.at < len(p.b) && p.b[p.at] >= '0' && p.b[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

// text reads a string.
func (p *parser) text() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.b) {
		switch c := p.b[p.at]; {
		case c == '"':
			p.at++
			return string(p.b[start : p.at-1]), nil
		case c == '\\' || c >= utf8.RuneSelf:
			return p.slowText(start)
		case c < ' ':
			return "", badJSON("a string holds a control character", p.at)
		}
		p.at++
	}
	return "", badJSON("a string does not end", start)
}

// slowText goes on with a string that has escapes or is not ASCII.
func (p *parser) slowText(start int) (string, error) {
	out := append([]byte(nil), p.b[start:p.at]...)
	for p.at < len(p.b) {
		c := p.b[p.at]
		switch {
		case c == '"':
			p.at++
			return string(out), nil
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			return "", badJSON("a string holds a control character", p.at)
		case c < utf8.RuneSelf:
			out = append(out, c)
			p.at++
		default:
			r, n := utf8.DecodeRune(p.b[p.at:])
			if r == utf8.RuneError && n == 1 {
				return "", badJSON("a string is not UTF-8", p.at)
			}
			out = append(out, p.b[p.at:p.at+n]...)
			p.at += n
		}
	}
	return "", badJSON("a string does not end", start)
}

// escape reads one escape, two for a surrogate pair.
func (p *parser) escape() (rune, error) {
	at := p.at
	p.at += 2
	if p.at > len(p.b) {
		return 0, badJSON("an escape is broken", at)
	}
	switch c := p.b[p.at-1]; c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		return p.unicode(at)
	}
	return 0, badJSON("an escape is broken", at)
}

func (p *parser) unicode(at int) (rune, error) {
	r, ok := p.hex4()
	switch {
	case !ok:
		return 0, badJSON("an escape is broken", at)
	case r == 0:
		return 0, badJSON("a string holds NUL", at)
	case r < 0xD800 || r > 0xDFFF:
		return r, nil
	case r > 0xDBFF || len(p.b)-p.at < 6 || p.b[p.at] != '\\' || p.b[p.at+1] != 'u':
		return 0, badJSON("a string holds half a surrogate pair", at)
	}
	p.at += 2
	low, ok := p.hex4()
	if !ok || low < 0xDC00 || low > 0xDFFF {
		return 0, badJSON("a string holds half a surrogate pair", at)
	}
	return (r-0xD800)<<10 | (low - 0xDC00) + 0x10000, nil
}

func (p *parser) hex4() (r rune, ok bool) {
	if len(p.b)-p.at < 4 {
		return 0, false
	}
	for _, c := range p.b[p.at : p.at+4] {
		d := unhex(c)
		if d < 0 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	p.at += 4
	return r, true
}
