package java

import (
	"fmt"
	"io"

	"weir"
)

// instance reads a new object behind its code.
func (p *parser) instance(at int64, want, depth int) (ref, error) {
	d, err := p.classDesc(depth)
	if err != nil {
		return ref{}, err
	}
	if d == nil {
		return ref{}, p.bad(at, "object without a class")
	}
	id := p.handle()
	p.cells.set(id, d.index, 1)
	own := p.wanted(d)
	if own {
		want = maxHeight
	}
	b := build{want: want, cost: 1}
	if d.flags&scExternalizable != 0 {
		err = p.external(d, &b, depth)
	} else {
		err = p.slots(d, &b, depth)
	}
	r := ref{class: d, cost: b.total(d)}
	if b.want > 0 {
		r.pic = b.node(d)
		p.keep(id, r.pic)
	}
	p.cells.set(id, d.index, r.cost)
	if own {
		p.found(d, use(d), at, r.pic)
	} else {
		d.stat.more++
	}
	if err == nil {
		p.expensive(d, at, &b, r.cost)
	}
	return r, err
}

// use says what a reader does for an object of a class.
func use(d *desc) weir.ClassUse {
	switch {
	case d.proxy:
		return weir.ClassProxy
	case d.flags&scExternalizable != 0:
		return weir.ClassExternalizable
	}
	return weir.ClassInstantiated
}

// external reads what writeExternal wrote. Before protocol 2 (JDK 1.2) nothing in the stream says where that ends; only the class knows.
func (p *parser) external(d *desc, b *build, depth int) error {
	if d.flags&scBlockData == 0 {
		return p.bad(p.rd.offset(), "what %q wrote has no marked end (protocol version 1): only the class can read it", d.name)
	}
	items, err := p.annotation(b.want-1, d.claim.off, depth+1)
	b.contents(items, d.claim)
	return err
}

// slots reads the data of each class of an object, superclass first.
func (p *parser) slots(d *desc, b *build, depth int) error {
	if err := p.step(len(d.layout)); err != nil {
		return err
	}
	for _, c := range d.layout {
		if err := p.slot(c, b, depth); err != nil {
			return err
		}
		if c.flags&scWriteMethod == 0 {
			continue
		}
		items, err := p.annotation(b.want-1, c.claim.off, depth+1)
		b.contents(items, c.claim)
		if err != nil {
			return err
		}
	}
	return nil
}

// slot reads the fields of one class: first the primitive ones, packed, then the objects.
func (p *parser) slot(c *desc, b *build, depth int) error {
	objects := 0
	if b.want > 0 || c.claim.field != "" {
		for i, f := range c.fields {
			w := width(f.code)
			if w == 0 {
				break
			}
			raw, err := p.rd.take(int(w))
			if err != nil {
				return err
			}
			v := primitive(f.code, raw)
			if f.name == c.claim.field {
				b.says, _ = v.Int()
			}
			b.add(f.name, &node{v: v, size: 1})
			objects = i + 1
		}
	} else {
		if err := p.rd.skip(c.prim); err != nil {
			return err
		}
		for objects < len(c.fields) && width(c.fields[objects].code) != 0 {
			objects++
		}
	}
	for _, f := range c.fields[objects:] {
		r, err := p.object(b.want-1, depth+1)
		b.add(f.name, r.pic)
		b.cost += r.cost
		b.held++
		if err != nil {
			return err
		}
	}
	return nil
}

// items is what a writeObject or writeExternal method, or a class's annotation, holds.
type items struct {
	list  []weir.Value // bounded
	n     int64        // objects
	cost  float32
	nodes []*node
	block []byte // the beginning of the first block of primitive data
}

// annotation reads blocks and objects up to TC_ENDBLOCKDATA. It keeps the beginning of the first block where claim is positive.
func (p *parser) annotation(want, claim, depth int) (out items, err error) {
	blocks := 0
	for {
		tc, err := p.rd.peek()
		if err != nil {
			return out, err
		}
		switch tc {
		case tcEndBlockData:
			p.rd.pos++
			return out, nil
		case tcBlockData, tcBlockDataLong:
			first, err := p.block(claim > 0 && blocks == 0)
			if blocks == 0 {
				out.block = first
			}
			blocks++
			if err != nil {
				return out, err
			}
		case tcReset:
			return out, p.bad(p.rd.offset(), "the handles are reset inside an object")
		default:
			if len(out.nodes) >= maxItems {
				want = 0
			}
			r, err := p.object(want, depth)
			out.n++
			out.cost += max(r.cost, 1)
			if want > 0 && r.pic != nil {
				out.nodes = append(out.nodes, r.pic)
				out.list = append(out.list, r.pic.v)
			}
			if err != nil {
				return out, err
			}
		}
	}
}

// array reads an array behind its code.
func (p *parser) array(at int64, want, depth int) (ref, error) {
	d, err := p.classDesc(depth)
	if err != nil {
		return ref{}, err
	}
	if d == nil || len(d.name) < 2 || d.name[0] != '[' {
		return ref{}, p.bad(at, "array without an array class")
	}
	n, err := p.rd.int32()
	if err != nil {
		return ref{}, err
	}
	if n < 0 {
		return ref{}, p.bad(at, "array of %d elements", n)
	}
	id := p.handle()
	own := p.wanted(d)
	if own {
		want = maxHeight
	}
	r := ref{class: d, cost: 1}
	w := width(d.name[1])
	p.roomFor(d, at, int64(n), max(w, 1))
	if w > 0 {
		r.pic, err = p.numbers(d.name[1], int64(n), w, want > 0)
	} else {
		r, err = p.elements(d, int64(n), want, depth)
	}
	if r.pic != nil {
		p.keep(id, r.pic)
	}
	p.cells.set(id, d.index, r.cost)
	if own {
		p.found(d, weir.ClassArray, at, r.pic)
	} else {
		d.stat.more++
	}
	return r, err
}

// elements reads an array of objects.
func (p *parser) elements(d *desc, n int64, want, depth int) (ref, error) {
	r := ref{class: d, cost: 1}
	list := &node{v: weir.Value{Kind: weir.ValueList, Len: n}, size: 1}
	if want > 0 {
		r.pic = list
	}
	for i := range n {
		if i == maxItems {
			want = 0
		}
		e, err := p.object(want-1, depth+1)
		if want > 0 {
			list.append(e.pic)
		}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// numbers skips an array of primitive values. Bytes that begin like something of their own go back to the engine.
func (p *parser) numbers(code byte, n, w int64, want bool) (*node, error) {
	at := p.rd.offset()
	size := n * w
	if size > p.rd.left() {
		return nil, p.rd.skip(size)
	}
	if code != 'B' && !want {
		return nil, p.rd.skip(size)
	}
	first, err := p.rd.take(int(min(size, maxBytes*w)))
	if err != nil {
		return nil, err
	}
	var pic *node
	if want {
		pic = &node{v: weir.Value{Kind: weir.ValueList, Len: n}, size: 1}
		pic.fill(code, n, first)
	}
	if code == 'B' && !p.quiet && carries(first) {
		if err := p.hand(at, n); err != nil {
			return pic, err
		}
	}
	return pic, p.rd.skip(size - int64(len(first)))
}

// hand gives bytes that an object carries back to the engine.
func (p *parser) hand(at, n int64) error {
	p.handed = append(p.handed, [2]int64{at, at + n})
	_, err := p.in.Nested(fmt.Sprintf("bytes@%d", at), io.NewSectionReader(p.in, at, n), n)
	return err
}

// carries reports whether bytes begin like something that can hold code: another stream, a pickle, a zip, gzip or zlib stream, a tar would be
// met by the search of the file.
func carries(b []byte) bool {
	switch {
	case len(b) < 8:
		return false
	case string(b[:4]) == magic, string(b[:4]) == "PK\x03\x04", string(b[:3]) == "\x1f\x8b\x08", string(b[:4]) == "\x7fELF":
		return true
	case b[0] == 0x80 && b[1] >= 2 && b[1] <= 5, b[0] == 0x78 && (b[1] == 0x9c || b[1] == 0xda || b[1] == 1 || b[1] == 0x5e) && (int(b[0])<<8|int(b[1]))%31 == 0:
		return true
	}
	return false
}
