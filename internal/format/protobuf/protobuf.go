// Package protobuf reads the wire format of Protocol Buffers without a schema: the fields of a message one after another, within bounds,
// whatever the message's size. Formats whose files are such messages (MLeap, TensorFlow, ONNX) begin with [NewReader].
//
// The format is that of https://protobuf.dev/programming-guides/encoding: a field is a varint tag (number << 3 | type) and a value.
package protobuf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"weir/internal/format"
)

// Type is a field's wire type.
type Type uint8

// The wire types. Groups, which no current writer makes, are passed over like any field that a reader does not know.
const (
	Varint     Type = 0
	Fixed64    Type = 1
	Bytes      Type = 2 // strings, messages, packed lists
	startGroup Type = 3
	endGroup   Type = 4
	Fixed32    Type = 5
)

// Field is one field of a message. Offsets are absolute in the input.
type Field struct {
	Num   int // 1 to 2^29-1
	Type  Type
	Value uint64 // of Varint, Fixed32 and Fixed64
	At    int64  // where the tag begins
	Data  int64  // where the content of Bytes begins
	Size  int64  // bytes of that content
}

// maxGroups bounds groups within groups; the official readers stop at 100 levels of messages.
const maxGroups = 100

// windowSize is how much is read at once: fields are small and lie side by side.
const windowSize = 16 << 10

// Reader gives the fields of one message.
type Reader struct {
	w       *window
	at, end int64
}

// window is what all readers of one input share: a piece of it in memory, and the steps that are left.
type window struct {
	r     io.ReaderAt // nil: buf is all that there is
	steps int64
	buf   []byte
	at    int64
	n     int64
}

// NewReader reads the message in size bytes of r from offset at. Reading ends with [format.ErrLimit] after that many fields, those of
// the messages within it included.
func NewReader(r io.ReaderAt, at, size, fields int64) *Reader {
	return &Reader{w: &window{r: r, steps: fields}, at: at, end: at + size}
}

// NewHeadReader reads the beginning of a message of size bytes, of which only head is at hand: it is read in place, without a copy. What
// lies beyond is [io.ErrUnexpectedEOF]. It is for recognising formats, which happens to every file many times.
func NewHeadReader(head []byte, size, fields int64) *Reader {
	return &Reader{w: &window{steps: fields, buf: head, n: int64(len(head))}, end: size}
}

// Sub reads the message that a field holds. It shares the bound on fields.
func (r *Reader) Sub(f Field) *Reader {
	if f.Type != Bytes {
		return &Reader{w: r.w}
	}
	return &Reader{w: r.w, at: f.Data, end: f.Data + f.Size}
}

// Next gives the next field; io.EOF says that the message is over. A field that reaches beyond its message, a tag of number 0 or a type
// that does not exist are errors, as they are for the official readers.
func (r *Reader) Next() (Field, error) {
	for {
		f, err := r.field()
		if err != nil || f.Type != startGroup {
			if err == nil && f.Type == endGroup {
				err = fmt.Errorf("protobuf at %d: group %d ends that did not begin", f.At, f.Num)
			}
			return f, err
		}
		if err := r.skipGroup(f.Num); err != nil {
			return f, err
		}
	}
}

// skipGroup passes over what stands before the end of a group.
func (r *Reader) skipGroup(num int) error {
	open := []int{num}
	for len(open) > 0 {
		f, err := r.field()
		switch {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("protobuf: group %d has no end: %w", num, io.ErrUnexpectedEOF)
		case err != nil:
			return err
		case f.Type == startGroup && len(open) >= maxGroups:
			return fmt.Errorf("protobuf at %d: more than %d groups within each other: %w", f.At, maxGroups, format.ErrLimit)
		case f.Type == startGroup:
			open = append(open, f.Num)
		case f.Type == endGroup && f.Num != open[len(open)-1]:
			return fmt.Errorf("protobuf at %d: group %d ends in group %d", f.At, f.Num, open[len(open)-1])
		case f.Type == endGroup:
			open = open[:len(open)-1]
		}
	}
	return nil
}

func (r *Reader) field() (Field, error) {
	f := Field{At: r.at}
	if r.at >= r.end {
		return f, io.EOF
	}
	if r.w.steps--; r.w.steps < 0 {
		return f, fmt.Errorf("protobuf at %d: fields: %w", r.at, format.ErrLimit)
	}
	tag, err := r.varint()
	if err != nil {
		return f, err
	}
	f.Num, f.Type = int(tag>>3), Type(tag&7)
	if f.Num == 0 || tag>>3 >= 1<<29 {
		return f, fmt.Errorf("protobuf at %d: %d is no field number", f.At, tag>>3)
	}
	switch f.Type {
	case Varint:
		f.Value, err = r.varint()
	case Fixed64:
		f.Value, err = r.fixed(8)
	case Fixed32:
		f.Value, err = r.fixed(4)
	case startGroup, endGroup:
	case Bytes:
		var n uint64
		n, err = r.varint()
		f.Data = r.at
		if err == nil && n > uint64(r.end-r.at) {
			return f, fmt.Errorf("protobuf at %d: field %d of %d bytes reaches beyond its message: %w", f.At, f.Num, n, io.ErrUnexpectedEOF)
		}
		f.Size = int64(n)
		r.at += f.Size
	default:
		return f, fmt.Errorf("protobuf at %d: wire type %d does not exist", f.At, f.Type)
	}
	return f, err
}

// varint reads up to ten bytes of seven bits each, the lowest first.
func (r *Reader) varint() (uint64, error) {
	var x uint64
	for shift := uint(0); shift < 70; shift += 7 {
		c, err := r.fixed(1)
		if err != nil {
			return 0, err
		}
		x |= (c & 0x7f) << shift // bits beyond the 64th are dropped, as by the official readers
		if c < 0x80 {
			return x, nil
		}
	}
	return 0, fmt.Errorf("protobuf at %d: a number of more than ten bytes", r.at)
}

// fixed reads n bytes, at most 8, little-endian.
func (r *Reader) fixed(n int64) (uint64, error) {
	if r.end-r.at < n {
		return 0, fmt.Errorf("protobuf at %d: %w", r.at, io.ErrUnexpectedEOF)
	}
	b, err := r.w.get(r.at, n)
	if err != nil {
		return 0, err
	}
	r.at += n
	var x [8]byte
	copy(x[:], b)
	return binary.LittleEndian.Uint64(x[:]), nil
}

// Content gives the content of a field of type Bytes, at most limit bytes of it, as a copy.
func (r *Reader) Content(f Field, limit int64) ([]byte, error) {
	n := min(f.Size, limit)
	if f.Type != Bytes || n <= 0 {
		return nil, nil
	}
	b := make([]byte, n)
	if n <= windowSize || r.w.r == nil {
		held, err := r.w.get(f.Data, n)
		copy(b, held)
		return b, err
	}
	return b, readAt(r.w.r, b, f.Data)
}

// get gives n bytes, at most a window, which stay valid until the next call.
func (w *window) get(at, n int64) ([]byte, error) {
	if at < w.at || at+n > w.at+w.n {
		if w.r == nil {
			return nil, fmt.Errorf("protobuf at %d: %w", at, io.ErrUnexpectedEOF)
		}
		if w.buf == nil {
			w.buf = make([]byte, windowSize)
		}
		k, err := w.r.ReadAt(w.buf, at)
		w.at, w.n = at, int64(k)
		if w.n < n {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, fmt.Errorf("protobuf at %d: %w", at, err)
		}
	}
	return w.buf[at-w.at : at-w.at+n], nil
}

func readAt(r io.ReaderAt, b []byte, at int64) error {
	n, err := r.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("protobuf at %d: %w", at, err)
}
