package java

import (
	"fmt"
	"strings"

	"weir"
	"weir/internal/format"
)

// desc is a class descriptor.
type desc struct {
	name     string
	uid      int64
	flags    uint8
	proxy    bool
	faces    []string
	fields   []field
	prim     int64 // bytes of its primitive fields
	super    *desc
	codebase string
	index    int32 // place in parser.descs, from 1 on
	at       int64
	ready    bool    // its superclass has been read
	layout   []*desc // the classes that hold data, superclass first

	runs       []string // of it and its superclasses
	structural bool     // hashCode and equals visit its elements
	boxed      bool     // a box of one primitive value
	claim      claim    // where it says how much it will hold
	stat       *stat
	fact       int // place of the descriptor's fact in the book, -1 for none
}

// field is a field of a class: its name and the code of its type.
type field struct {
	name string
	code byte // B C D F I J S Z, L and [ for objects
}

// widths gives the bytes of a primitive type; 0 for what is none.
func width(code byte) int64 {
	switch code {
	case 'B', 'Z':
		return 1
	case 'C', 'S':
		return 2
	case 'F', 'I':
		return 4
	case 'D', 'J':
		return 8
	}
	return 0
}

// classDesc reads a descriptor, or a reference to one; nil for null.
func (p *parser) classDesc(depth int) (*desc, error) {
	at := p.rd.offset()
	tc, err := p.rd.byte()
	if err != nil {
		return nil, err
	}
	switch tc {
	case tcNull:
		return nil, nil
	case tcReference:
		n, err := p.rd.int32()
		if err != nil {
			return nil, err
		}
		d := p.byID[int(n)-baseHandle]
		if d == nil {
			return nil, p.bad(at, "handle %#x is no class", uint32(n))
		}
		if !d.ready {
			return nil, p.bad(at, "the class %q is used while it is described", d.name)
		}
		return d, nil
	case tcClassDesc:
		return p.described(at, depth)
	case tcProxyClassDesc:
		return p.proxied(at, depth)
	}
	return nil, p.bad(at, "type code %#x where a class should be", tc)
}

// newDesc makes a descriptor with its handle.
func (p *parser) newDesc(at int64) (*desc, error) {
	if len(p.descs) >= maxDescs {
		return nil, fmt.Errorf("java stream at %d: more than %d class descriptors: %w", at, maxDescs, format.ErrLimit)
	}
	d := &desc{at: at, index: int32(len(p.descs) + 1)}
	p.descs = append(p.descs, d)
	p.byID[p.handle()] = d
	return d, nil
}

// described reads a TC_CLASSDESC behind its code. ObjectInputStream resolves the class after the fields, before annotation and superclass.
func (p *parser) described(at int64, depth int) (*desc, error) {
	d, err := p.newDesc(at)
	if err != nil {
		return nil, err
	}
	if d.name, err = p.rd.utf(maxName); err != nil {
		return nil, err
	}
	if d.uid, err = p.rd.int64(); err != nil {
		return nil, err
	}
	if d.flags, err = p.rd.byte(); err != nil {
		return nil, err
	}
	n, err := p.rd.uint16()
	if err != nil {
		return nil, err
	}
	switch {
	case d.flags&scSerializable != 0 && d.flags&scExternalizable != 0:
		return nil, p.bad(at, "the class %q is Serializable and Externalizable", d.name)
	case d.flags&scEnum != 0 && (d.uid != 0 || n != 0):
		return nil, p.bad(at, "the enum %q has a serialVersionUID or fields", d.name)
	}
	if n > 32767 {
		n = 0 // a negative short: ObjectInputStream takes it for none
	}
	if err := p.readFields(d, n); err != nil {
		return nil, err
	}
	p.traits(d)
	p.note(d)
	return d, p.finish(d, depth)
}

func (p *parser) readFields(d *desc, n int) error {
	if p.fields += n; p.fields > maxFields {
		return fmt.Errorf("java stream at %d: more than %d fields: %w", d.at, maxFields, format.ErrLimit)
	}
	objects := false
	for range n {
		at := p.rd.offset()
		code, err := p.rd.byte()
		if err != nil {
			return err
		}
		name, err := p.rd.utf(maxName)
		if err != nil {
			return err
		}
		if code == 'L' || code == '[' {
			objects = true
			if err := p.signature(); err != nil {
				return err
			}
		} else if w := width(code); w == 0 {
			return p.bad(at, "the field %q of %q has the unknown type %q", name, d.name, code)
		} else if objects {
			return p.bad(at, "the fields of %q are in an order that no reader takes", d.name)
		} else {
			d.prim += w
		}
		d.fields = append(d.fields, field{name, code})
	}
	return nil
}

// signature reads the type of a field: a string or a reference to one.
func (p *parser) signature() error {
	at := p.rd.offset()
	tc, err := p.rd.byte()
	if err != nil {
		return err
	}
	switch tc {
	case tcString, tcLongString:
		_, err = p.str(at, tc, false)
		return err
	case tcReference:
		r, err := p.reference(at, false)
		if err == nil && !r.text && r.class != nil {
			err = p.bad(at, "the type of a field is no string")
		}
		return err
	}
	return p.bad(at, "type code %#x where the type of a field should be", tc)
}

// proxied reads a TC_PROXYCLASSDESC behind its code.
func (p *parser) proxied(at int64, depth int) (*desc, error) {
	d, err := p.newDesc(at)
	if err != nil {
		return nil, err
	}
	d.name, d.proxy, d.flags = "java.lang.reflect.Proxy", true, scSerializable
	n, err := p.rd.int32()
	if err != nil {
		return nil, err
	}
	if n < 0 || n > maxFaces {
		return nil, p.bad(at, "a proxy of %d interfaces", n)
	}
	if p.names += int(n); p.names > maxNames {
		return nil, fmt.Errorf("java stream at %d: more than %d interfaces of proxies: %w", at, maxNames, format.ErrLimit)
	}
	for range n {
		name, err := p.rd.utf(maxName)
		if err != nil {
			return nil, err
		}
		d.faces = append(d.faces, name)
	}
	p.note(d)
	return d, p.finish(d, depth)
}

// finish reads what follows a descriptor of either kind: annotation and superclass.
func (p *parser) finish(d *desc, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("java stream at %d: classes are nested more than %d deep: %w", d.at, maxDepth, format.ErrLimit)
	}
	items, err := p.annotation(1, 0, depth+1)
	for _, s := range items.list {
		if s.Kind == weir.ValueStr && d.codebase == "" && strings.Contains(s.Text, ":") {
			d.codebase = s.Text
		}
	}
	if err != nil {
		return err
	}
	at := p.rd.offset()
	if d.super, err = p.classDesc(depth + 1); err != nil {
		return err
	}
	chain := 0
	for s := d; s != nil; s = s.super {
		if chain++; chain > maxChain {
			return fmt.Errorf("java stream at %d: more than %d superclasses: %w", at, maxChain, format.ErrLimit)
		}
	}
	p.settle(d)
	d.ready = true
	p.book.complete(d)
	if p.fields += len(d.layout) + len(d.runs); p.fields > maxFields {
		return fmt.Errorf("java stream at %d: more than %d fields and superclasses: %w", at, maxFields, format.ErrLimit)
	}
	return nil
}

// settle works out what follows from the superclasses.
func (p *parser) settle(d *desc) {
	if d.super != nil {
		d.structural = d.structural || d.super.structural
		d.layout = append(d.layout, d.super.layout...)
		for _, r := range d.super.runs {
			d.runs = appendNew(d.runs, r)
		}
		if d.super.boxed && d.name != "java.lang.Number" {
			d.boxed = d.boxed && len(d.super.fields) == 0
		}
	}
	if len(d.fields) > 0 || d.flags&scWriteMethod != 0 {
		d.layout = append(d.layout, d)
	}
}

func appendNew(list []string, s string) []string {
	for _, x := range list {
		if x == s {
			return list
		}
	}
	return append(list, s)
}

// supers lists the names of the superclasses, nearest first.
func (d *desc) supers() []string {
	var out []string
	for s := d.super; s != nil && len(out) < 16; s = s.super {
		out = append(out, s.name)
	}
	return out
}
