package java

import (
	"fmt"
	"math"

	"weir"
	"weir/internal/format"
)

// The type codes (java.io.ObjectStreamConstants).
const (
	tcNull = 0x70 + iota
	tcReference
	tcClassDesc
	tcObject
	tcString
	tcArray
	tcClass
	tcBlockData
	tcEndBlockData
	tcReset
	tcBlockDataLong
	tcException
	tcLongString
	tcProxyClassDesc
	tcEnum
)

// baseHandle is the first number of a handle on the wire.
const baseHandle = 0x7e0000

// The flags of a class descriptor.
const (
	scWriteMethod    = 0x01
	scSerializable   = 0x02
	scExternalizable = 0x04
	scBlockData      = 0x08
	scEnum           = 0x10
)

// Bounds. ObjectInputStream recurses as deeply as objects nest and dies at some thousand levels with a default stack; one class has at most
// 65535 fields, real ones a few hundred superclasses and interfaces in all.
const (
	maxDepth   = 8192
	deepAt     = 2560 // JDK 17 with the default stack reads two thousand arrays in each other and overflows at three thousand
	maxDescs   = 1 << 16
	maxFields  = 1 << 20 // of all descriptors together
	maxChain   = 256
	maxFaces   = 65535 // interfaces of a proxy, as ObjectInputStream bounds them
	maxNames   = 1 << 18
	maxName    = 512
	maxHandles = 1 << 20 // objects of which class and cost are kept
)

// ref is what an element evaluates to, as far as it matters.
type ref struct {
	class *desc   // of an object, array, enum constant or class; nil for null, strings and what is not known
	pic   *node   // nil where no picture was wanted
	cost  float32 // objects that a recursive hashCode or equals visits
	text  bool    // a string
}

// parser is the state of one run.
type parser struct {
	in    *format.Input
	field string
	rd    *reader
	start int64 // of the stream that is read now

	known  int // handles given in this stream
	descs  []*desc
	byID   map[int]*desc // handles of descriptors
	cells  cells
	pics   map[int]*node
	picked int // pictures made

	fields, names int
	steps         int64
	deep          bool       // a bomb of depth was told
	handed        [][2]int64 // ranges that the engine was given: what they hold is told there
	book          book
	bombs         []weir.Oddity
	quiet         bool // a probe: no facts, no search
}

func newParser(in *format.Input, field string) *parser {
	return &parser{in: in, field: field, rd: newReader(in, in.Size, 0), byID: map[int]*desc{}, pics: map[int]*node{}, book: newBook()}
}

func (p *parser) bad(at int64, why string, args ...any) error {
	return &malformed{at, fmt.Sprintf(why, args...)}
}

func (p *parser) oddity(kind weir.OddityKind, at, size int64, detail string) {
	if !p.quiet {
		p.in.Emit(weir.Oddity{Kind: kind, Detail: detail, At: at, Size: size})
	}
}

// step counts work that takes no bytes.
func (p *parser) step(n int) error {
	p.steps += int64(n)
	if limit := p.in.Limits.Steps; limit > 0 && p.steps > limit {
		return fmt.Errorf("java stream at %d: more than %d steps: %w", p.rd.offset(), limit, format.ErrLimit)
	}
	return nil
}

// streams reads streams in a row: an ObjectOutputStream opened to append writes a header of its own.
func (p *parser) streams() error {
	for n := 0; p.rd.left() > 0; n++ {
		at := p.rd.offset()
		if p.rd.left() < int64(len(magic)) {
			if n == 0 {
				return errTruncated
			}
			return nil
		}
		b, err := p.rd.take(len(magic))
		if err != nil {
			return err
		}
		if string(b) != magic {
			p.rd.pos -= len(magic)
			if n == 0 {
				return p.bad(at, "no stream header")
			}
			return nil
		}
		p.start = at
		p.reset()
		if err := p.contents(); err != nil {
			return err
		}
	}
	return nil
}

// contents reads elements up to the end, the next stream or what is no element.
func (p *parser) contents() error {
	for n := 0; p.rd.left() > 0; n++ {
		tc, err := p.rd.peek()
		if err != nil {
			return err
		}
		switch {
		case tc == tcEndBlockData && n > 0, tc < tcNull, tc > tcEnum:
			if n == 0 {
				return p.bad(p.rd.offset(), "type code %#x where the first object should be", tc)
			}
			return nil
		case tc == tcReset:
			p.rd.pos++
			p.reset()
		case tc == tcBlockData || tc == tcBlockDataLong:
			if _, err := p.block(false); err != nil {
				return err
			}
		default:
			if _, err := p.object(0, 0); err != nil {
				return err
			}
		}
		p.book.elements++
	}
	return nil
}

// reset forgets the handles, and with them all that can only be reached through one.
func (p *parser) reset() {
	p.known, p.fields, p.names = 0, 0, 0
	p.descs = p.descs[:0]
	clear(p.byID)
	clear(p.pics)
	p.cells.reset()
}

// handle gives the next handle.
func (p *parser) handle() int {
	p.known++
	return p.known - 1
}

// block skips one block of primitive data and gives its beginning.
func (p *parser) block(want bool) (first []byte, err error) {
	at := p.rd.offset()
	tc, err := p.rd.byte()
	if err != nil {
		return nil, err
	}
	var n int64
	if tc == tcBlockData {
		b, err := p.rd.byte()
		if err != nil {
			return nil, err
		}
		n = int64(b)
	} else {
		l, err := p.rd.int32()
		if err != nil {
			return nil, err
		}
		if n = int64(l); n < 0 {
			return nil, p.bad(at, "block of %d bytes", n)
		}
	}
	if want {
		b, err := p.rd.take(int(min(n, maxBlock, p.rd.left())))
		if err != nil {
			return nil, err
		}
		first = append(first, b...)
		n -= int64(len(b))
	}
	return first, p.rd.skip(n)
}

// object reads one element in a place of an object. want says how many levels of it are to be pictured.
func (p *parser) object(want, depth int) (ref, error) {
	at := p.rd.offset()
	if depth > maxDepth {
		return ref{}, fmt.Errorf("java stream at %d: objects are nested more than %d deep: %w", at, maxDepth, format.ErrLimit)
	}
	if depth > deepAt && !p.deep {
		p.deep = true
		p.bomb(at, "objects are nested more than %d deep: the stack of most readers overflows", deepAt)
	}
	tc, err := p.rd.byte()
	if err != nil {
		return ref{}, err
	}
	switch tc {
	case tcNull:
		return ref{pic: nothing}, nil
	case tcReference:
		return p.reference(at, want > 0)
	case tcObject:
		return p.instance(at, want, depth)
	case tcString, tcLongString:
		return p.str(at, tc, want > 0)
	case tcArray:
		return p.array(at, want, depth)
	case tcEnum:
		return p.enum(at, depth)
	case tcClass:
		return p.class(at, depth)
	case tcClassDesc, tcProxyClassDesc:
		p.rd.pos--
		d, err := p.classDesc(depth)
		return ref{class: d, cost: 1}, err
	case tcException:
		return p.exception(depth)
	}
	return ref{}, p.bad(at, "type code %#x where an object should be", tc)
}

// reference takes a handle to something that came before.
func (p *parser) reference(at int64, want bool) (ref, error) {
	n, err := p.rd.int32()
	if err != nil {
		return ref{}, err
	}
	id := int(n) - baseHandle
	if id < 0 || id >= p.known {
		return ref{}, p.bad(at, "handle %#x was not given yet", uint32(n))
	}
	c := p.cells.at(id)
	r := ref{cost: max(c.cost, 1), text: c.class == isText}
	if c.class > 0 {
		r.class = p.descs[c.class-1]
	}
	if want {
		if r.pic = p.pics[id]; r.pic == nil {
			r.pic = p.shallow(r.class)
		}
	}
	return r, nil
}

// str reads a string and gives it a handle.
func (p *parser) str(at int64, tc byte, want bool) (ref, error) {
	var n int64
	if tc == tcString {
		l, err := p.rd.uint16()
		if err != nil {
			return ref{}, err
		}
		n = int64(l)
	} else {
		l, err := p.rd.int64()
		if err != nil {
			return ref{}, err
		}
		if n = l; n < 0 || n > math.MaxInt32 {
			return ref{}, p.bad(at, "string of %d bytes", n)
		}
	}
	id := p.handle()
	p.cells.set(id, isText, 1)
	r := ref{cost: 1, text: true}
	if !want && (n > maxText || len(p.pics) >= maxPics) {
		return r, p.rd.skip(n)
	}
	s, err := p.rd.text(n, maxText)
	if err != nil {
		return r, err
	}
	r.pic = &node{v: weir.Value{Kind: weir.ValueStr, Text: s, Len: max(n, int64(len(s)))}, size: 1}
	if n <= maxText {
		r.pic.v.Len = int64(len(s))
	}
	p.keep(id, r.pic)
	return r, nil
}

// class reads an object of type java.lang.Class.
func (p *parser) class(at int64, depth int) (ref, error) {
	d, err := p.classDesc(depth)
	if err != nil {
		return ref{}, err
	}
	if d == nil {
		return ref{}, p.bad(at, "class object without a class")
	}
	id := p.handle()
	r := ref{cost: 1, pic: &node{v: weir.Value{Kind: weir.ValueGlobal, Text: d.name + ".class"}, size: 1}}
	p.keep(id, r.pic)
	return r, nil
}

// enum reads an enum constant.
func (p *parser) enum(at int64, depth int) (ref, error) {
	d, err := p.classDesc(depth)
	if err != nil {
		return ref{}, err
	}
	if d == nil {
		return ref{}, p.bad(at, "enum constant without a class")
	}
	id := p.handle()
	p.cells.set(id, d.index, 1)
	nameAt := p.rd.offset()
	tc, err := p.rd.byte()
	var name ref
	switch {
	case err != nil:
	case tc == tcString || tc == tcLongString:
		name, err = p.str(nameAt, tc, true)
	case tc == tcReference:
		if name, err = p.reference(nameAt, true); err == nil && !name.text {
			err = p.bad(nameAt, "the name of an enum constant is no string")
		}
	default:
		err = p.bad(nameAt, "type code %#x where the name of an enum constant should be", tc)
	}
	text := "?"
	if name.pic != nil {
		text = name.pic.v.Text
	}
	r := ref{class: d, cost: 1, pic: &node{v: weir.Value{Kind: weir.ValueGlobal, Text: d.name + "." + text}, size: 1}}
	p.keep(id, r.pic)
	p.found(d, weir.ClassEnum, at, r.pic)
	return r, err
}

// exception reads the exception that broke the writer off; handles begin anew before and after it.
func (p *parser) exception(depth int) (ref, error) {
	p.reset()
	r, err := p.object(0, depth+1)
	p.reset()
	return ref{class: r.class, cost: 1}, err
}
