// Package java reads Java object streams: what ObjectOutputStream writes (Java Object Serialization Specification, chapter 6), in the dialects
// of JDK 1.1 to 25, wherever they lie. It follows the grammar element by element, as ObjectInputStream does, and says which classes a reader
// would resolve, make and fill, with which values, and which methods would run on the way. It runs none of them.
//
// A file that is such a stream is parsed by [Formats]; other formats hand one to [Stream], and the opaque search finds them with [Carve].
//
// Facts are one Class for every descriptor (a reader resolves the class before it looks at anything else) and one for every object that
// differs from the others of its class; past a bound they are counted. Where the grammar breaks, a reader that knows the classes may still go
// on (a readObject of its own reads what it likes), so all bytes are then searched for descriptors that the grammar did not meet; what that
// finds is marked Searched.
package java

import (
	"errors"
	"fmt"
	"io"

	"weir"
	"weir/internal/format"
)

// Formats lists the formats of this room.
var Formats = []format.Format{{
	Name:      "java-serial",
	Doc:       "Java object stream (ObjectOutputStream)",
	Framework: "java",
	Model:     true,
	Parsed:    true,
	Match:     match,
	Parse:     parse,
}}

// magic is STREAM_MAGIC and STREAM_VERSION, the only version ever written (specification, 6.4.2).
const magic = "\xac\xed\x00\x05"

func match(h format.Head) bool {
	return len(h.First) > len(magic) && string(h.First[:len(magic)]) == magic
}

// parse reads a file that begins as a stream. What follows the stream goes back to the engine.
func parse(in *format.Input) error {
	end, err := run(in, "")
	if errors.Is(err, format.ErrLimit) || end >= in.Size {
		return err
	}
	name := "trailing@%d"
	if err != nil {
		name = "unread@%d"
	}
	_, nested := in.Nested(fmt.Sprintf(name, end), io.NewSectionReader(in, end, in.Size-end), in.Size-end)
	if err == nil {
		err = nested
	}
	return err
}

// Stream reads the object streams that in holds, one or several in a row, and emits a Class for every class that a reader would bring to life,
// an Oddity for what an honest writer does not cause, and Notes. Every Class names field, the declared field or place that carries the stream.
// An error says that not everything could be followed: the stream is broken or ends early (then there is an Oddity too), in could not be
// read, or a limit was reached (format.ErrLimit). What was seen before stands.
func Stream(in *format.Input, field string) error {
	_, err := run(in, field)
	return err
}

// run parses all streams at the beginning of in and says where the last one ends.
func run(in *format.Input, field string) (int64, error) {
	p := newParser(in, field)
	err := p.streams()
	end := p.rd.offset()
	switch {
	case errors.Is(err, errTruncated):
		p.oddity(weir.OddTruncated, end, 0, "the stream ends inside an object")
		end = in.Size
	case err != nil:
		var bad *malformed
		if errors.As(err, &bad) {
			p.oddity(weir.OddMalformed, bad.at, 0, bad.why)
			end = bad.at
		}
	case end < in.Size:
		p.oddity(weir.OddTrailing, end, in.Size-end, fmt.Sprintf("%d bytes follow the stream", in.Size-end))
	}
	p.flush()
	if failed := p.search(); err == nil {
		err = failed
	}
	return end, err
}

// malformed says where and why no ObjectInputStream would go on.
type malformed struct {
	at  int64
	why string
}

func (m *malformed) Error() string { return fmt.Sprintf("java stream at %d: %s", m.at, m.why) }

// errTruncated says that the stream ends inside an element.
var errTruncated = errors.New("java stream ends inside an element")
