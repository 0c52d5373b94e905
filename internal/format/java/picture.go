package java

import (
	"encoding/binary"
	"math"
	"strconv"

	"weir"
)

// Bounds of pictures: enough for a person to see what an object is made of, and for rules to see its shape.
const (
	maxText    = 256 // bytes of a string
	maxBytes   = 48  // elements of an array of primitive values
	maxBlock   = 64  // bytes of a block that are looked at
	maxItems   = 24  // elements of a list
	maxHeight  = 7
	maxSize    = 96      // values in one picture
	maxPics    = 1 << 14 // handles of which a picture is kept
	maxPicture = 1 << 12 // objects that are pictured
)

// node is a value with its extent.
type node struct {
	v            weir.Value
	height, size int
}

var nothing = &node{v: weir.Value{Kind: weir.ValueNone}, size: 1}

// shallow is an object of which only the class is told.
func (p *parser) shallow(d *desc) *node {
	if d == nil {
		return &node{size: 1}
	}
	return &node{v: weir.Value{Kind: weir.ValueInstance, Text: d.name}, size: 1}
}

// keep remembers the picture of a handle.
func (p *parser) keep(id int, n *node) {
	if n != nil && len(p.pics) < maxPics {
		p.pics[id] = n
	}
}

// fit gives a child's value, cut where the parent would become too large.
func (n *node) fit(child *node) weir.Value {
	if child == nil {
		return weir.Value{}
	}
	v := child.v
	if child.height+1 >= maxHeight || n.size+child.size > maxSize {
		v.Items = nil
		n.size++
		return v
	}
	n.size += child.size
	n.height = max(n.height, child.height+1)
	return v
}

func (n *node) append(child *node) { n.v.Items = append(n.v.Items, n.fit(child)) }

// fill shows the first elements of an array of primitive values; bytes as such, characters as text.
func (n *node) fill(code byte, count int64, raw []byte) {
	if code == 'B' {
		text := make([]rune, len(raw))
		for i, c := range raw {
			text[i] = rune(c)
		}
		n.v = weir.Value{Kind: weir.ValueBytes, Text: string(text), Len: count}
		if count == int64(len(raw)) {
			n.v.Len = int64(len(n.v.Text))
		}
		return
	}
	if code == 'C' {
		text := make([]rune, len(raw)/2)
		for i := range text {
			text[i] = rune(binary.BigEndian.Uint16(raw[2*i:]))
		}
		n.v = weir.Value{Kind: weir.ValueStr, Text: string(text), Len: count}
		if count == int64(len(text)) {
			n.v.Len = int64(len(n.v.Text))
		}
		return
	}
	w := int(width(code))
	for i := 0; i < len(raw) && len(n.v.Items) < 8; i += w {
		n.v.Items = append(n.v.Items, primitive(code, raw[i:]))
	}
	n.size += len(n.v.Items)
	n.height = 1
}

// primitive turns the wire form of a primitive value into one that shows.
func primitive(code byte, b []byte) weir.Value {
	switch code {
	case 'Z':
		if b[0] == 0 {
			return weir.Value{Kind: weir.ValueBool, Text: "False"}
		}
		return weir.Value{Kind: weir.ValueBool, Text: "True"}
	case 'B':
		return integer(int64(int8(b[0])))
	case 'C':
		s := string(rune(binary.BigEndian.Uint16(b)))
		return weir.Value{Kind: weir.ValueStr, Text: s, Len: int64(len(s))}
	case 'S':
		return integer(int64(int16(binary.BigEndian.Uint16(b))))
	case 'I':
		return integer(int64(int32(binary.BigEndian.Uint32(b))))
	case 'J':
		return integer(int64(binary.BigEndian.Uint64(b)))
	case 'F':
		return number(float64(math.Float32frombits(binary.BigEndian.Uint32(b))), 32)
	case 'D':
		return number(math.Float64frombits(binary.BigEndian.Uint64(b)), 64)
	}
	return weir.Value{}
}

func integer(n int64) weir.Value {
	return weir.Value{Kind: weir.ValueInt, Text: strconv.FormatInt(n, 10)}
}

func number(f float64, bits int) weir.Value {
	return weir.Value{Kind: weir.ValueFloat, Text: strconv.FormatFloat(f, 'g', -1, bits)}
}

// build gathers an object while it is read.
type build struct {
	want int // levels that are pictured
	pic  node
	cost float32 // of what it holds, and its own 1
	held int64   // objects that it really holds in fields and contents
	says int64   // how many it claims to hold
}

func (b *build) add(name string, child *node) {
	if b.want <= 0 || b.pic.size > maxSize {
		return
	}
	b.pic.v.Items = append(b.pic.v.Items, weir.Value{Kind: weir.ValueStr, Text: name, Len: int64(len(name))}, b.pic.fit(child))
}

// contents adds what a writeObject method wrote, under the empty name.
func (b *build) contents(it items, c claim) {
	b.cost += it.cost
	b.held += it.n
	if c.off > 0 && len(it.block) >= c.off {
		b.says = int64(int32(binary.BigEndian.Uint32(it.block[c.off-4:])))
	}
	if b.want <= 0 || it.n == 0 {
		return
	}
	list := &node{v: weir.Value{Kind: weir.ValueList, Len: it.n}, size: 1}
	for _, n := range it.nodes {
		list.append(n)
	}
	b.add("", list)
}

// total is what a hashCode of the object costs.
func (b *build) total(d *desc) float32 {
	if d.structural {
		return b.cost
	}
	return 1
}

// node finishes the picture. A box shows as its value.
func (b *build) node(d *desc) *node {
	if d.boxed && len(b.pic.v.Items) == 2 {
		return &node{v: b.pic.v.Items[1], size: 1}
	}
	n := b.pic
	n.size++
	n.v.Kind, n.v.Text = weir.ValueInstance, d.name
	return &n
}
