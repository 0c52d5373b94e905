package java

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"weir/internal/format"
)

// Bounds of the search for streams in other content.
const (
	carveChunk   = 256 << 10
	carveOverlap = 64      // more than any beginning
	maxCarved    = 64      // streams that are handed back
	maxTried     = 4096    // beginnings that are tried
	maxEncoded   = 8 << 20 // characters of one encoded stream
	maxProbed    = 16 << 20
)

// beginnings are the forms in which a stream may begin in other content: raw, base64 (the magic takes four letters and the fifth is B or A
// by what follows, whose code is 0x70 to 0x7e) and hexadecimal.
var beginnings = []struct {
	kind, text string
}{
	{"java", magic}, {"java-base64", "rO0AB"}, {"java-hex", "aced0005"}, {"java-hex", "ACED0005"},
}

// besideUpTo bounds the content of a known format that is searched without --deep.
const besideUpTo = 64 << 20

// Beside makes a parser of a format whose values may hold anything (a pickle's strings, a message's fields) search for object streams too. What
// the format itself hands back to the engine may be found a second time.
func Beside(parse func(*format.Input) error) func(*format.Input) error {
	return func(in *format.Input) error {
		err := parse(in)
		if errors.Is(err, format.ErrLimit) || in.Size > besideUpTo && !in.Deep {
			return err
		}
		if _, failed := Carve(in); err == nil {
			err = failed
		}
		return err
	}
}

// Carve searches content for object streams that begin anywhere, raw or encoded, and hands each to in.Nested. It reports how many there were.
func Carve(in *format.Input) (found int, err error) {
	buf := make([]byte, min(in.Size, carveChunk+carveOverlap))
	c := carver{in: in}
	for at := int64(0); at < in.Size; at += carveChunk {
		n, err := in.ReadAt(buf[:min(int64(len(buf)), in.Size-at)], at)
		if n == 0 && err != nil && err != io.EOF {
			return c.found, err
		}
		for _, b := range beginnings {
			for i := 0; ; {
				j := bytes.Index(buf[i:n], []byte(b.text))
				if j < 0 || i+j >= carveChunk {
					break
				}
				if err := c.try(b.kind, at+int64(i+j)); err != nil {
					return c.found, err
				}
				i += j + 1
			}
		}
	}
	return c.found, nil
}

// carver tries places of one content.
type carver struct {
	in           *format.Input
	found, tried int
	end          int64 // of the raw stream that was found last
}

func (c *carver) try(kind string, at int64) error {
	if kind == "java" && at < c.end {
		return nil // within a stream that its parser has seen
	}
	if c.tried++; c.tried > maxTried || c.found >= maxCarved {
		return fmt.Errorf("more places that look like java streams than are followed: %w", format.ErrLimit)
	}
	var content io.ReaderAt = io.NewSectionReader(c.in, at, c.in.Size-at)
	size := c.in.Size - at
	if kind != "java" {
		b, err := c.decoded(kind, at)
		if err != nil {
			return err
		}
		content, size = bytes.NewReader(b), int64(len(b))
	}
	sub := *c.in
	sub.ReaderAt, sub.Size, sub.Limits.Steps = content, size, maxProbed
	end, ok := probe(&sub)
	if !ok {
		return nil
	}
	c.found++
	if kind == "java" {
		c.end = at + end
	}
	_, err := c.in.Nested(fmt.Sprintf("%s@%d", kind, at), content, end)
	return err
}

// decoded gives what is encoded at a place.
func (c *carver) decoded(kind string, at int64) ([]byte, error) {
	raw := make([]byte, min(maxEncoded, c.in.Size-at))
	n, err := c.in.ReadAt(raw, at)
	if n == 0 && err != nil && err != io.EOF {
		return nil, err
	}
	text := letters(raw[:n], kind == "java-hex")
	if kind == "java-hex" {
		out := make([]byte, len(text)/2)
		got, _ := hex.Decode(out, text[:len(text)&^1])
		return out[:got], nil
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(text)))
	got, _ := base64.RawStdEncoding.Decode(out, text)
	return out[:got], nil
}

// letters keeps the letters of an encoding up to what is none. Line ends in between do not matter,
// as themselves (with what indents the next line) or as \n, nor does the \ of \/.
func letters(b []byte, isHex bool) []byte {
	out := b[:0]
	indent := false // within a line end and what indents the next line
	for i := 0; i < len(b); i++ {
		c := b[i]
		indent = indent && (c == ' ' || c == '\t')
		switch {
		case c == '\n' || c == '\r', (c == ' ' || c == '\t') && i > 0 && indent:
			indent = true
			continue
		case c == '\\' && i+1 < len(b) && (b[i+1] == 'n' || b[i+1] == 'r'):
			i++
			continue
		case c == '\\' && i+1 < len(b) && b[i+1] == '/':
			continue
		case isHex && (c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'):
		case isHex:
			return out
		case c == '-':
			c = '+'
		case c == '_':
			c = '/'
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '+' || c == '/':
		default:
			return out
		}
		out = append(out, c)
	}
	return out
}
