package mleap

import (
	"bufio"
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
	in    *bufio.Reader
	at    int64
	steps int64
	path  []string
	visit jsonVisit
}

// errJSONEnd is wrapped by errors of a text that ends too early: recognition sees the beginning of a file only.
var errJSONEnd = errors.New("the text ends too early")

// readJSON visits the values of the JSON text at the beginning of r and gives the offset behind it. What it saw before an error it has
// visited. The grammar is that of RFC 8259.
func readJSON(r io.Reader, steps int64, visit jsonVisit) (int64, error) {
	j := &jsonReader{in: bufio.NewReaderSize(r, 4<<10), steps: steps, visit: visit}
	err := j.value()
	return j.at, err
}

func (j *jsonReader) fail(text string, args ...any) error {
	return fmt.Errorf("JSON at %d: %s", j.at, fmt.Sprintf(text, args...))
}

func (j *jsonReader) next() (byte, error) {
	c, err := j.in.ReadByte()
	if err == io.EOF {
		return 0, fmt.Errorf("JSON at %d: %w", j.at, errJSONEnd)
	}
	if err != nil {
		return 0, fmt.Errorf("JSON at %d: %w", j.at, err)
	}
	j.at++
	return c, nil
}

func (j *jsonReader) back() {
	_ = j.in.UnreadByte() // cannot fail after a read
	j.at--
}

// token skips white space and gives the next byte.
func (j *jsonReader) token() (byte, error) {
	for {
		c, err := j.next()
		if err != nil || c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c, err
		}
	}
}

func (j *jsonReader) value() error {
	if j.steps--; j.steps < 0 {
		return fmt.Errorf("JSON at %d: values: %w", j.at, format.ErrLimit)
	}
	c, err := j.token()
	if err != nil {
		return err
	}
	at := j.at - 1
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
		c, err := j.token()
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
		if c, err = j.token(); err != nil {
			return err
		} else if c != ':' {
			return j.fail("%q after a key", c)
		}
		j.path[len(j.path)-1] = key
		if err := j.value(); err != nil {
			return err
		}
		if c, err = j.token(); err != nil {
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
		c, err := j.token()
		if err != nil {
			return err
		}
		if c == ']' && first {
			return nil
		}
		j.back()
		if err := j.value(); err != nil {
			return err
		}
		if c, err = j.token(); err != nil {
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
	text := []byte{first}
	for {
		c, err := j.in.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("JSON at %d: %w", j.at, err)
		}
		j.at++
		if c != '+' && c != '-' && c != '.' && !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == 'E') {
			j.back()
			break
		}
		if len(text) >= 1000 {
			return j.fail("a number of more than 1000 digits")
		}
		text = append(text, c)
	}
	v := jsonValue{Kind: 'l', Text: string(text), At: at}
	switch v.Text {
	case "true", "false", "null":
	default:
		v.Kind = 'n'
		if _, err := strconv.ParseFloat(v.Text, 64); err != nil && !errors.Is(err, strconv.ErrRange) || first >= 'a' {
			return j.fail("%.20q is no value", v.Text)
		}
	}
	j.visit(j.path, v)
	return nil
}

// text reads a string behind its opening quote.
func (j *jsonReader) text() (string, bool, error) {
	var b []byte
	cut := false
	for {
		c, err := j.next()
		switch {
		case err != nil:
			return "", cut, err
		case c == '"':
			return string(b), cut, nil
		case c == '\\':
			var r [utf8.UTFMax]byte
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
		if next, err := j.in.Peek(2); err == nil && next[0] == '\\' && next[1] == 'u' {
			_, _ = j.in.Discard(2) // was just seen
			j.at += 2
			low, err := j.hex()
			if err != nil {
				return 0, err
			}
			r = utf16.DecodeRune(r, low)
		}
	}
	return utf8.EncodeRune(to, r), nil
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
