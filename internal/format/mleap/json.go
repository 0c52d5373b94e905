package mleap

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"weir/internal/format"
)

// Bounds on JSON. MLeap's own reader (spray-json) recurses and dies near ten thousand levels; no bundle has more than a dozen.
const (
	maxJSONDepth = 256
	maxJSONText  = 64 << 10 // bytes of one string that are kept
)

// jsonValue is a value that is not a container, or a key.
type jsonValue struct {
	Kind byte   // 's' string, 'n' number, 'l' true, false or null
	Text string // decoded; of a string its first maxJSONText bytes
	Cut  bool   // more of the string was there
	At   int64  // offset of its first byte
}

// jsonVisit is told of every value. The path holds the keys from the outside in; elements of lists have the key "[]". It is valid during
// the call only. Containers come with Kind '{' or '[' when they begin.
type jsonVisit func(path []string, v jsonValue)

// jsonReader reads one JSON text as a stream: files of models may be far larger than the memory of a worker.
type jsonReader struct {
	r     io.Reader
	buf   []byte
	pos   int   // of the next byte in buf
	base  int64 // offset of buf
	end   error // of r
	steps int64
	path  []string
	token []byte // what is being put together
	visit jsonVisit
}

// errJSONEnd is wrapped by errors of a text that ends too early: recognition sees the beginning of a file only.
var errJSONEnd = errors.New("the text ends too early")

// readJSON visits the values of the JSON text at the beginning of r and gives the offset behind it. What it saw before an error it has
// visited. The grammar is that of RFC 8259.
func readJSON(r io.Reader, steps int64, visit jsonVisit) (int64, error) {
	j := &jsonReader{r: r, steps: steps, visit: visit}
	err := j.value()
	return j.at(), err
}

// jsonBuffer is how much is read at once. Recognition and most definitions need a few hundred bytes.
const jsonBuffer = 8 << 10

// at is the offset of the next byte.
func (j *jsonReader) at() int64 { return j.base + int64(j.pos) }

func (j *jsonReader) fail(text string, args ...any) error {
	return fmt.Errorf("JSON at %d: %s", j.at(), fmt.Sprintf(text, args...))
}

func (j *jsonReader) next() (byte, error) {
	if j.pos == len(j.buf) && !j.fill() {
		return 0, j.ended()
	}
	c := j.buf[j.pos]
	j.pos++
	return c, nil
}

// fill reads more when all was taken; false when there is no more. The byte taken last stays in the buffer, for back.
func (j *jsonReader) fill() bool {
	if cap(j.buf) == 0 {
		j.buf = make([]byte, 0, jsonBuffer)
	}
	keep := copy(j.buf[:1], j.buf[max(0, len(j.buf)-1):])
	j.base += int64(len(j.buf) - keep)
	j.buf, j.pos = j.buf[:keep], keep
	for len(j.buf) == keep && j.end == nil {
		var n int
		n, j.end = j.r.Read(j.buf[keep:cap(j.buf)])
		j.buf = j.buf[:keep+n]
	}
	return len(j.buf) > keep
}

func (j *jsonReader) ended() error {
	err := j.end
	if err == io.EOF {
		err = errJSONEnd
	}
	return fmt.Errorf("JSON at %d: %w", j.at(), err)
}

// skip passes over white space and gives the next byte.
func (j *jsonReader) skip() (byte, error) {
	for {
		c, err := j.next()
		if err != nil || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, err
		}
	}
}

func (j *jsonReader) value() error {
	if j.steps--; j.steps < 0 {
		return fmt.Errorf("JSON at %d: values: %w", j.at(), format.ErrLimit)
	}
	c, err := j.skip()
	if err != nil {
		return err
	}
	at := j.at() - 1
	switch {
	case c == '{' || c == '[':
		if len(j.path) >= maxJSONDepth {
			return fmt.Errorf("JSON at %d: more than %d levels: %w", at, maxJSONDepth, format.ErrLimit)
		}
		j.visit(j.path, jsonValue{Kind: c, At: at})
		j.path = append(j.path, "[]")
		if c == '{' {
			err = j.object()
		} else {
			err = j.list()
		}
		j.path = j.path[:len(j.path)-1]
		return err
	case c == '"':
		text, cut, err := j.text()
		if err == nil {
			j.visit(j.path, jsonValue{Kind: 's', Text: text, Cut: cut, At: at})
		}
		return err
	case c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z':
		return j.word(c, at)
	}
	return j.fail("no value begins with %q", c)
}

// object reads members up to the closing brace; the last element of the path is the key.
func (j *jsonReader) object() error {
	for first := true; ; first = false {
		c, err := j.skip()
		switch {
		case err != nil:
			return err
		case c == '}' && first:
			return nil
		case c != '"':
			return j.fail("%q in the place of a key", c)
		}
		key, _, err := j.text()
		if err != nil {
			return err
		}
		if c, err = j.skip(); err != nil {
			return err
		} else if c != ':' {
			return j.fail("%q after a key", c)
		}
		j.path[len(j.path)-1] = key
		if err := j.value(); err != nil {
			return err
		}
		if c, err = j.skip(); err != nil {
			return err
		} else if c == '}' {
			return nil
		} else if c != ',' {
			return j.fail("%q between members", c)
		}
	}
}

func (j *jsonReader) list() error {
	for first := true; ; first = false {
		c, err := j.skip()
		if err != nil {
			return err
		}
		if c == ']' && first {
			return nil
		}
		j.pos--
		if err := j.value(); err != nil {
			return err
		}
		if c, err = j.skip(); err != nil {
			return err
		} else if c == ']' {
			return nil
		} else if c != ',' {
			return j.fail("%q between elements", c)
		}
	}
}

// word reads a number or one of true, false and null.
func (j *jsonReader) word(first byte, at int64) error {
	text := append(j.token[:0], first)
	for {
		c, err := j.next()
		if err != nil && !errors.Is(err, errJSONEnd) {
			return err
		}
		if err != nil {
			break
		}
		if c != '+' && c != '-' && c != '.' && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == 'E') {
			j.pos--
			break
		}
		if len(text) >= 1000 {
			return j.fail("a number of more than 1000 digits")
		}
		text = append(text, c)
	}
	j.token = text
	v := jsonValue{Kind: 'n', At: at}
	switch string(text) {
	case "true", "false", "null":
		v.Kind, v.Text = 'l', string(text)
	default:
		if !isNumber(text) {
			return j.fail("%.20q is no value", text)
		}
	}
	j.visit(j.path, v)
	return nil
}

// isNumber holds text to the grammar: -? digits (. digits)? ([eE] [+-]? digits)?
func isNumber(b []byte) bool {
	digits := func() bool {
		n := 0
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		b = b[n:]
		return n > 0
	}
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	if !digits() {
		return false
	}
	if len(b) > 0 && b[0] == '.' {
		if b = b[1:]; !digits() {
			return false
		}
	}
	if len(b) > 0 && b[0]|0x20 == 'e' {
		if b = b[1:]; len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		if !digits() {
			return false
		}
	}
	return len(b) == 0
}

// text reads a string behind its opening quote.
func (j *jsonReader) text() (string, bool, error) {
	b := j.token[:0]
	defer func() { j.token = b }()
	cut := false
	for {
		c, err := j.next()
		switch {
		case err != nil:
			return "", cut, err
		case c == '"':
			return string(b), cut, nil
		case c == '\\':
			var r [2 * utf8.UTFMax]byte
			n, err := j.escape(r[:])
			if err != nil {
				return "", cut, err
			}
			b = append(b, r[:n]...)
		case c < 0x20:
			return "", cut, j.fail("a control character in a string")
		default:
			b = append(b, c)
		}
		if len(b) > maxJSONText {
			b, cut = b[:maxJSONText], true
		}
	}
}

// escapes are those of one letter.
var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape reads what follows a backslash into to, as UTF-8.
func (j *jsonReader) escape(to []byte) (int, error) {
	c, err := j.next()
	if err != nil {
		return 0, err
	}
	if c != 'u' {
		e, ok := escapes[c]
		if !ok {
			return 0, j.fail("the escape \\%c does not exist", c)
		}
		to[0] = e
		return 1, nil
	}
	r, err := j.hex()
	if err != nil {
		return 0, err
	}
	if utf16.IsSurrogate(r) {
		return j.surrogate(r, to)
	}
	return utf8.EncodeRune(to, r), nil
}

// surrogate reads the second half of a pair; a half without the other stands for itself, which is no character.
func (j *jsonReader) surrogate(high rune, to []byte) (int, error) {
	c, err := j.next()
	if err != nil {
		return 0, err
	}
	if c != '\\' {
		j.pos--
		return utf8.EncodeRune(to, utf8.RuneError), nil
	}
	if c, err = j.next(); err != nil {
		return 0, err
	}
	n := utf8.EncodeRune(to, utf8.RuneError)
	if c != 'u' { // another escape behind the half
		e, ok := escapes[c]
		if !ok {
			return 0, j.fail("the escape \\%c does not exist", c)
		}
		to[n] = e
		return n + 1, nil
	}
	low, err := j.hex()
	if err != nil {
		return 0, err
	}
	if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
		return utf8.EncodeRune(to, r), nil
	}
	return n + utf8.EncodeRune(to[n:], low), nil
}

func (j *jsonReader) hex() (rune, error) {
	var r rune
	for range 4 {
		c, err := j.next()
		if err != nil {
			return 0, err
		}
		x, err := strconv.ParseUint(string(c), 16, 8)
		if err != nil {
			return 0, j.fail("%q is no hexadecimal digit", c)
		}
		r = r<<4 | rune(x)
	}
	return r, nil
}
