package mleap

import (
	"encoding/binary"
	"fmt"
	"math"

	"weir/internal/format"
)

// Types of Thrift's compact protocol (thrift-compact-protocol.md), in which Parquet writes its metadata.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// maxThriftDepth bounds structures within structures; Parquet's metadata has six levels.
const maxThriftDepth = 32

// thriftReader walks a structure in memory. Each value is visited with the numbers of the fields that lead to it; elements of
// lists have the number of the list.
type thriftReader struct {
	b     []byte
	at    int
	steps int64
	path  []int16
	visit func(path []int16, v thriftValue)
}

// thriftValue is a number, a text, or the beginning or end of a structure.
type thriftValue struct {
	Kind byte // one of the types above; thriftStruct begins a structure, 0 ends it
	Int  int64
	Text []byte
	At   int // offset in the metadata
}

func (t *thriftReader) fail(text string, args ...any) error {
	return fmt.Errorf("thrift at %d: %s", t.at, fmt.Sprintf(text, args...))
}

func (t *thriftReader) byte() (byte, error) {
	if t.at >= len(t.b) {
		return 0, t.fail("the metadata end too early")
	}
	t.at++
	return t.b[t.at-1], nil
}

func (t *thriftReader) varint() (uint64, error) {
	x, n := binary.Uvarint(t.b[min(t.at, len(t.b)):])
	if n <= 0 {
		return 0, t.fail("no number")
	}
	t.at += n
	return x, nil
}

// zigzag reads a signed number.
func (t *thriftReader) zigzag() (int64, error) {
	x, err := t.varint()
	return int64(x>>1) ^ -int64(x&1), err
}

// structure reads fields up to the stop byte. A field's number is a difference to the one before, or, where that is 0, written out.
func (t *thriftReader) structure() error {
	if len(t.path) > maxThriftDepth {
		return fmt.Errorf("thrift at %d: more than %d levels: %w", t.at, maxThriftDepth, format.ErrLimit)
	}
	last := int16(0)
	for {
		c, err := t.byte()
		if err != nil {
			return err
		}
		if c == 0 {
			return nil
		}
		id := int64(last) + int64(c>>4)
		if c>>4 == 0 {
			if id, err = t.zigzag(); err != nil {
				return err
			}
		}
		if id < math.MinInt16 || id > math.MaxInt16 {
			return t.fail("%d is no field", id)
		}
		last = int16(id)
		t.path = append(t.path, last)
		if kind := c & 15; kind == thriftTrue || kind == thriftFalse {
			t.visit(t.path, thriftValue{Kind: thriftTrue, Int: int64(2 - kind), At: t.at})
		} else if err := t.value(kind); err != nil {
			return err
		}
		t.path = t.path[:len(t.path)-1]
	}
}

func (t *thriftReader) value(kind byte) error {
	if t.steps--; t.steps < 0 {
		return fmt.Errorf("thrift at %d: values: %w", t.at, format.ErrLimit)
	}
	v := thriftValue{Kind: kind, At: t.at}
	var err error
	switch kind {
	case thriftTrue, thriftFalse, thriftByte: // in lists a boolean is a byte
		var c byte
		c, err = t.byte()
		v.Int = int64(int8(c))
	case thriftI16, thriftI32, thriftI64:
		v.Int, err = t.zigzag()
	case thriftDouble:
		if len(t.b)-t.at < 8 {
			return t.fail("the metadata end in a number")
		}
		t.at += 8
	case thriftBinary:
		n, err := t.varint()
		if err != nil {
			return err
		}
		if n > uint64(len(t.b)-t.at) {
			return t.fail("a text of %d bytes reaches beyond the metadata", n)
		}
		v.Text, v.At = t.b[t.at:t.at+int(n)], t.at
		t.at += int(n)
	case thriftList, thriftSet:
		return t.list()
	case thriftMap:
		return t.mapping()
	case thriftStruct:
		t.visit(t.path, v)
		if err := t.structure(); err != nil {
			return err
		}
		v.Kind = 0
	default:
		return t.fail("type %d does not exist", kind)
	}
	if err == nil {
		t.visit(t.path, v)
	}
	return err
}

// list reads a list or set: size and type of its elements in one byte, or the size behind it.
func (t *thriftReader) list() error {
	c, err := t.byte()
	if err != nil {
		return err
	}
	n := uint64(c >> 4)
	if n == 15 {
		if n, err = t.varint(); err != nil {
			return err
		}
	}
	if n > uint64(len(t.b)-t.at) { // an element takes a byte at least
		return t.fail("a list of %d elements reaches beyond the metadata", n)
	}
	for ; n > 0; n-- {
		if err := t.nested(c & 15); err != nil {
			return err
		}
	}
	return nil
}

func (t *thriftReader) mapping() error {
	n, err := t.varint()
	if err != nil || n == 0 {
		return err
	}
	c, err := t.byte()
	if err != nil {
		return err
	}
	if n > uint64(len(t.b)-t.at) {
		return t.fail("a map of %d entries reaches beyond the metadata", n)
	}
	for ; n > 0; n-- {
		if err := t.nested(c >> 4); err != nil {
			return err
		}
		if err := t.nested(c & 15); err != nil {
			return err
		}
	}
	return nil
}

// nested reads an element; lists within lists count as levels.
func (t *thriftReader) nested(kind byte) error {
	if kind != thriftList && kind != thriftSet && kind != thriftMap {
		return t.value(kind)
	}
	if len(t.path) > maxThriftDepth {
		return fmt.Errorf("thrift at %d: more than %d levels: %w", t.at, maxThriftDepth, format.ErrLimit)
	}
	t.path = append(t.path, 0)
	err := t.value(kind)
	t.path = t.path[:len(t.path)-1]
	return err
}
