package scan

import (
	"encoding/binary"

	"weir"
)

// An import with its arguments is most of what a worker says of a folder of pickles, so it is written and read without reflection. The form
// is the same as [appendValue]'s; the test that sends every field finds one that is forgotten here.

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendImport(b []byte, m *weir.Import) []byte {
	b = appendText(b, m.Module)
	b = appendText(b, m.Name)
	b = binary.AppendUvarint(b, uint64(m.Use))
	b = binary.AppendVarint(b, int64(m.Protocol))
	b = appendBool(b, m.Computed)
	b = appendText(b, m.Op)
	b = appendArguments(b, m.Args)
	b = appendText(b, m.Evidence)
	b = binary.AppendVarint(b, m.At)
	b = binary.AppendVarint(b, m.Count)
	return appendBool(b, m.Dead)
}

func appendArguments(b []byte, vs []weir.Value) []byte {
	b = binary.AppendUvarint(b, uint64(len(vs)))
	for i := range vs {
		v := &vs[i]
		b = appendText(b, string(v.Kind))
		b = appendText(b, v.Text)
		b = binary.AppendVarint(b, v.Len)
		b = appendArguments(b, v.Items)
	}
	return b
}

// failing takes one value after another and keeps the first error, so that a list of fields reads as one.
type failing struct {
	*wireDecoder
	err error
}

func (d *failing) text() (s string) {
	if d.err == nil {
		s, d.err = d.wireDecoder.text()
	}
	return s
}

func (d *failing) int() (n int64) {
	if d.err == nil {
		n, d.err = d.wireDecoder.int()
	}
	return n
}

func (d *failing) flag() bool {
	var c byte
	if d.err == nil {
		c, d.err = d.byte()
	}
	return c != 0
}

func (d *failing) importFact() weir.Import {
	var m weir.Import
	m.Module, m.Name = d.text(), d.text()
	if d.err == nil {
		var use uint64
		use, d.err = d.uint(uint64(weir.UseCalled))
		m.Use = weir.Use(use)
	}
	m.Protocol = int(d.int())
	m.Computed = d.flag()
	m.Op = d.text()
	m.Args = d.arguments(0)
	m.Evidence = d.text()
	m.At, m.Count = d.int(), d.int()
	m.Dead = d.flag()
	return m
}

func (d *failing) arguments(depth int) []weir.Value {
	if d.err != nil {
		return nil
	}
	if depth > maxWireDepth/2 {
		d.err = errDepth
		return nil
	}
	n, err := d.uint(uint64(len(d.b))) // an element that claims to exist takes at least a byte
	if err != nil || n == 0 {
		d.err = err
		return nil
	}
	const first = 64 // the list grows with what is really there
	vs := make([]weir.Value, 0, min(n, first))
	for range n {
		v := weir.Value{Kind: weir.ValueKind(d.text()), Text: d.text(), Len: d.int()}
		v.Items = d.arguments(depth + 1)
		if vs = append(vs, v); d.err != nil {
			return nil
		}
	}
	return vs
}
