package protobuf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"weir/internal/format"
)

// dump reads a message to its end and gives a line a field; messages within it are read where all of their bytes make fields.
func dump(r *Reader, depth int) (string, error) {
	var out strings.Builder
	for {
		f, err := r.Next()
		if err == io.EOF {
			return out.String(), nil
		}
		if err != nil {
			return out.String(), err
		}
		fmt.Fprintf(&out, "%d/%d=%d@%d+%d ", f.Num, f.Type, f.Value, f.At, f.Size)
		if f.Type == Bytes && depth < 8 {
			if sub, err := dump(r.Sub(f), depth+1); err == nil {
				fmt.Fprintf(&out, "{%s} ", sub)
			}
		}
	}
}

func TestFields(t *testing.T) {
	long := binary.AppendUvarint([]byte{0x1a}, 40_000)
	long = append(append(long, make([]byte, 40_000)...), 0x20, 0x05)
	for _, c := range []struct {
		name, in, want, fails string
	}{
		{"varint", "\x08\x96\x01", "1/0=150@0+0 ", ""},
		{"string", "\x12\x02\x00\x00", "2/2=0@0+2 ", ""},
		{"message in message", "\x0a\x02\x08\x05", "1/2=0@0+2 {1/0=5@2+0 } ", ""},
		{"fixed", "\x0d\x01\x00\x00\x00\x11\x02\x00\x00\x00\x00\x00\x00\x00", "1/5=1@0+0 2/1=2@5+0 ", ""},
		{"longer than a window", string(long), "3/2=0@0+40000 4/0=5@40004+0 ", ""},
		{"negative", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "1/0=18446744073709551615@0+0 ", ""},
		{"groups are passed over", "\x0b\x08\x01\x13\x14\x0c\x10\x07", "2/0=7@6+0 ", ""},
		{"empty", "", "", ""},
		{"number 0", "\x00\x01", "", "no field number"},
		{"number too large", "\x80\x80\x80\x80\x10\x01", "", "no field number"},
		{"no such type", "\x0e", "", "wire type 6"},
		{"beyond its message", "\x0a\x05\x08\x01", "", "reaches beyond"},
		{"endless number", strings.Repeat("\xff", 11), "", "more than ten bytes"},
		{"cut in a number", "\x08\x80", "", "unexpected EOF"},
		{"cut in a fixed number", "\x0d\x01", "", "unexpected EOF"},
		{"group without end", "\x0b\x08\x01", "", "has no end"},
		{"end without group", "\x0c", "", "did not begin"},
		{"end of another group", "\x0b\x14", "", "ends in group 1"},
		{"groups within groups", strings.Repeat("\x0b", 101), "", "limit reached"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := dump(NewReader(strings.NewReader(c.in), 0, int64(len(c.in)), 1000), 0)
			if c.fails == "" && err != nil || c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
			// zeros are no message, so the long field has none within it
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestContent gives what a field holds, cut where it is asked to.
func TestContent(t *testing.T) {
	big := bytes.Repeat([]byte("ab"), 20_000)
	msg := append(binary.AppendUvarint([]byte{0x0a}, uint64(len(big))), big...)
	r := NewReader(bytes.NewReader(msg), 0, int64(len(msg)), 10)
	f, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int64{0, 5, windowSize, windowSize + 1, 1 << 20} {
		got, err := r.Content(f, limit)
		if err != nil || !bytes.Equal(got, big[:min(limit, int64(len(big)))]) {
			t.Errorf("limit %d: %d bytes, %v", limit, len(got), err)
		}
	}
	if b, err := r.Content(Field{Type: Varint, Value: 3}, 10); b != nil || err != nil {
		t.Errorf("a number has the content %q, %v", b, err)
	}
	if _, err := r.Sub(Field{Type: Varint}).Next(); err != io.EOF {
		t.Errorf("a number holds a message: %v", err)
	}
}

// TestBounds ends at the number of fields that it was given, whatever the message says of its own size.
func TestBounds(t *testing.T) {
	many := strings.Repeat("\x08\x01", 50)
	r := NewReader(strings.NewReader(many), 0, int64(len(many)), 20)
	n, err := 0, error(nil)
	for err == nil {
		if _, err = r.Next(); err == nil {
			n++
		}
	}
	if n != 20 || !errors.Is(err, format.ErrLimit) {
		t.Errorf("%d fields and %v", n, err)
	}
	r = NewReader(strings.NewReader("\x08"), 0, 1<<40, 20)
	if _, err := r.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a short input is %v", err)
	}
}

// FuzzReader: no panic, no field beyond its message, the same twice.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x0a\x08pipeline\x12\x10\x0a\x0e\x0a\x05nodes\x12\x05\x12\x03\x12\x01a"))
	f.Add([]byte("\x0b\x08\x01\x13\x14\x0c\x10\x07"))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err1 := dump(NewReader(bytes.NewReader(b), 0, int64(len(b)), 10_000), 0)
		two, err2 := dump(NewReader(bytes.NewReader(b), 0, int64(len(b)), 10_000), 0)
		if one != two || (err1 == nil) != (err2 == nil) {
			t.Error("the same input gives different fields")
		}
		r := NewReader(bytes.NewReader(b), 0, int64(len(b)), 10_000)
		for {
			x, err := r.Next()
			if err != nil {
				break
			}
			if x.Data < 0 || x.Size < 0 || x.Data+x.Size > int64(len(b)) {
				t.Fatalf("field %+v of %d bytes", x, len(b))
			}
		}
	})
}
