package pycode

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bounds of one marshal stream. CPython itself stops at a depth of 2,000 (MAX_MARSHAL_STACK_DEPTH in marshal.c).
const (
	maxDepth   = 2000
	maxObjects = 1 << 20
)

// errShort says that the data ends inside an object.
var errShort = errors.New("marshal data ends too early")

// unmarshal reads the object at the start of b, whose code objects are laid out as l says, and how many bytes it takes. A version that
// is not zero is noted in the code objects.
func unmarshal(b []byte, l Layout, v Version) (o *Object, n int, err error) {
	d := decoder{b: b, layout: l, version: v}
	o, err = d.object(0)
	return o, d.pos, err
}

type decoder struct {
	b       []byte
	pos     int
	layout  Layout
	version Version
	refs    []*Object // 3.4 and later: objects that were marked for reuse; nil while one is being read
	interns []string  // 2.x: strings that TYPE_STRINGREF refers to
	objects int
	codes   int
}

func (d *decoder) fail(form string, args ...any) error {
	return fmt.Errorf("marshal data at byte %d: %s", d.pos, fmt.Sprintf(form, args...))
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || n > len(d.b)-d.pos {
		d.pos = len(d.b)
		return nil, errShort
	}
	b := d.b[d.pos : d.pos+n]
	d.pos += n
	return b, nil
}

func (d *decoder) byte() (byte, error) {
	b, err := d.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (d *decoder) int32() (int64, error) {
	b, err := d.take(4)
	if err != nil {
		return 0, err
	}
	return int64(int32(binary.LittleEndian.Uint32(b))), nil
}

// size reads a length of four bytes.
func (d *decoder) size() (int, error) {
	n, err := d.int32()
	if err != nil {
		return 0, err
	}
	if n < 0 {
		return 0, d.fail("length %d", n)
	}
	return int(n), nil
}

// sized reads a length of four bytes (or one, if short) and so many bytes.
func (d *decoder) sized(short bool) (string, error) {
	var n int
	if short {
		b, err := d.byte()
		if err != nil {
			return "", err
		}
		n = int(b)
	} else {
		var err error
		if n, err = d.size(); err != nil {
			return "", err
		}
	}
	b, err := d.take(n)
	return string(b), err
}

// flagRef is the bit of a type byte that marks an object for reuse (marshal.c).
const flagRef = 0x80

// object reads one object. The end mark of dictionaries is a nil object.
func (d *decoder) object(depth int) (*Object, error) {
	if depth > maxDepth {
		return nil, d.fail("nesting of more than %d", maxDepth)
	}
	if d.objects++; d.objects > maxObjects {
		return nil, d.fail("more than %d objects", maxObjects)
	}
	c, err := d.byte()
	if err != nil {
		return nil, err
	}
	ref := -1
	typ := c &^ flagRef
	if d.layout == Layout2 {
		typ = c // no such flag there: a byte above 127 is no type
	} else if c&flagRef != 0 && typ != 'r' && typ != '0' {
		ref = len(d.refs)
		d.refs = append(d.refs, nil)
	}
	o := &Object{}
	switch typ { // containers that may hold themselves are known before they are filled
	case '[', '{', '<':
		d.keep(ref, o)
	}
	if err := d.body(typ, o, depth); err != nil {
		return nil, err
	}
	switch typ {
	case '0':
		return nil, nil
	case 'r':
		return o.Items[0], nil
	}
	d.keep(ref, o)
	return o, nil
}

func (d *decoder) keep(ref int, o *Object) {
	if ref >= 0 {
		d.refs[ref] = o
	}
}

// body reads what follows a type byte into o.
func (d *decoder) body(typ byte, o *Object, depth int) (err error) {
	two := d.layout == Layout2
	switch typ {
	case '0':
		if depth == 0 {
			return d.fail("end mark outside of a dictionary")
		}
	case 'N':
		o.Kind = None
	case 'T', 'F':
		o.Kind, o.Text = Bool, map[byte]string{'T': "True", 'F': "False"}[typ]
	case 'S':
		o.Kind, o.Text = Str, "StopIteration"
	case '.':
		o.Kind = Ellipsis
	case 'i':
		n, err := d.int32()
		o.Kind, o.Text = Int, strconv.FormatInt(n, 10)
		return err
	case 'I':
		b, err := d.take(8)
		if err != nil {
			return err
		}
		o.Kind, o.Text = Int, strconv.FormatInt(int64(binary.LittleEndian.Uint64(b)), 10)
	case 'l':
		o.Kind = Int
		o.Text, err = d.long()
		return err
	case 'f', 'g':
		o.Kind = Float
		o.Text, err = d.float(typ == 'g')
		return err
	case 'x', 'y':
		o.Kind = Complex
		re, err := d.float(typ == 'y')
		if err != nil {
			return err
		}
		im, err := d.float(typ == 'y')
		o.Text = "(" + re + "+" + im + "j)"
		return err
	case 's':
		o.Kind = Bytes
		if two {
			o.Kind = Str
		}
		o.Text, err = d.sized(false)
		return err
	case 't':
		o.Kind = Str
		o.Text, err = d.sized(false)
		if two {
			d.interns = append(d.interns, o.Text)
		}
		return err
	case 'u':
		o.Kind = Str
		o.Text, err = d.sized(false)
		return err
	case 'R':
		n, err := d.size()
		if err != nil {
			return err
		}
		if !two || n >= len(d.interns) {
			return d.fail("reference to string %d of %d", n, len(d.interns))
		}
		o.Kind, o.Text = Str, d.interns[n]
	case 'a', 'A', 'z', 'Z':
		if two {
			return d.fail("type %q in data of Python 2", typ)
		}
		o.Kind = Str
		if o.Text, err = d.sized(typ == 'z' || typ == 'Z'); err == nil && !isASCII(o.Text) {
			return d.fail("string that is not ASCII")
		}
		return err
	case '(', '[', '<', '>', ')':
		return d.sequence(typ, o, depth)
	case '{':
		return d.dict(o, depth)
	case ':':
		o.Kind = Slice
		o.Items, err = d.objects3(depth)
		return err
	case 'r':
		n, err := d.size()
		if err != nil {
			return err
		}
		if two || n >= len(d.refs) || d.refs[n] == nil {
			return d.fail("reference to object %d of %d", n, len(d.refs))
		}
		o.Items = []*Object{d.refs[n]}
	case 'c':
		o.Kind = CodeObject
		o.Code, err = d.code(depth)
		return err
	default:
		d.pos--
		return d.fail("0x%02x is not a type", typ)
	}
	return nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

func (d *decoder) sequence(typ byte, o *Object, depth int) error {
	o.Kind = map[byte]Kind{'(': Tuple, ')': Tuple, '[': List, '<': Set, '>': Set}[typ]
	var n int
	if typ == ')' {
		if d.layout == Layout2 {
			return d.fail("type %q in data of Python 2", typ)
		}
		b, err := d.byte()
		if err != nil {
			return err
		}
		n = int(b)
	} else {
		var err error
		if n, err = d.size(); err != nil {
			return err
		}
	}
	if n > len(d.b)-d.pos {
		return errShort // every object takes a byte at least
	}
	for range n {
		x, err := d.element(depth)
		if err != nil {
			return err
		}
		o.Items = append(o.Items, x)
	}
	return nil
}

// element reads an object that may not be an end mark.
func (d *decoder) element(depth int) (*Object, error) {
	x, err := d.object(depth + 1)
	if err == nil && x == nil {
		err = d.fail("end mark outside of a dictionary")
	}
	return x, err
}

func (d *decoder) objects3(depth int) ([]*Object, error) {
	var out []*Object
	for range 3 {
		x, err := d.element(depth)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func (d *decoder) dict(o *Object, depth int) error {
	o.Kind = Dict
	for {
		k, err := d.object(depth + 1)
		if err != nil || k == nil {
			return err
		}
		v, err := d.object(depth + 1)
		if err != nil || v == nil {
			return err
		}
		o.Items = append(o.Items, k, v)
	}
}

// long reads an integer of any size: a signed count of digits of 15 bits. Only what fits in 64 bits is given in full.
func (d *decoder) long() (string, error) {
	n, err := d.int32()
	if err != nil {
		return "", err
	}
	neg := n < 0
	if neg {
		n = -n
	}
	b, err := d.take(int(n) * 2)
	if err != nil {
		return "", err
	}
	var x uint64
	for i := len(b) - 2; i >= 0; i -= 2 {
		digit := binary.LittleEndian.Uint16(b[i:])
		if digit >= 1<<15 {
			return "", d.fail("digit %d of an integer", digit)
		}
		x = x<<15 | uint64(digit)
	}
	if n > 4 {
		return fmt.Sprintf("<integer of %d bits>", 15*n), nil
	}
	s := strconv.FormatUint(x, 10)
	if neg {
		s = "-" + s
	}
	return s, nil
}

func (d *decoder) float(binaryForm bool) (string, error) {
	if !binaryForm {
		s, err := d.sized(true)
		if err == nil && strings.Trim(s, "0123456789+-.einfaEINFA") != "" {
			return "", d.fail("number %q", s)
		}
		return s, err
	}
	b, err := d.take(8)
	if err != nil {
		return "", err
	}
	return strconv.FormatFloat(math.Float64frombits(binary.LittleEndian.Uint64(b)), 'g', -1, 64), nil
}

// code reads the parts of a code object in the order of its layout (r_object in marshal.c).
func (d *decoder) code(depth int) (*Code, error) {
	c := &Code{Layout: d.layout, Version: d.version}
	counts := map[Layout]int{Layout2: 4, Layout30: 5, Layout38: 6, Layout311: 5}[d.layout]
	var head [6]int64
	for i := range counts {
		n, err := d.int32()
		if err != nil {
			return nil, err
		}
		if n < 0 || n > 1<<20 && i < counts-1 || n > 1<<30 { // counts of arguments and variables, size of the stack, then flags
			return nil, d.fail("count %d of a code object", n)
		}
		head[i] = n
	}
	c.Flags = head[counts-1]
	switch d.layout {
	case Layout2:
		c.Args = int(head[0])
	case Layout30:
		c.Args = int(head[0] + head[1])
	default:
		c.Args = int(head[0] + head[2]) // positional-only ones are counted among the positional
	}
	c.Args += int(c.Flags>>2&1 + c.Flags>>3&1) // *args and **kwargs: CO_VARARGS, CO_VARKEYWORDS

	var err error
	if c.Bytecode, err = d.text(depth, true); err != nil {
		return nil, err
	}
	if c.Consts, err = d.tuple(depth); err != nil {
		return nil, err
	}
	for _, to := range []*[]string{&c.Names, &c.Locals} {
		if *to, err = d.names(depth); err != nil {
			return nil, err
		}
	}
	if d.layout == Layout311 {
		kinds, err := d.text(depth, true)
		if err != nil {
			return nil, err
		}
		if len(kinds) != len(c.Locals) {
			return nil, d.fail("%d kinds of %d local variables", len(kinds), len(c.Locals))
		}
		for i, name := range c.Locals {
			if kinds[i]&0x80 != 0 { // CO_FAST_FREE
				c.Frees = append(c.Frees, name)
			}
		}
	} else {
		for _, to := range []*[]string{&c.Frees, &c.Cells} {
			if *to, err = d.names(depth); err != nil {
				return nil, err
			}
		}
	}
	texts := []*string{&c.Filename, &c.Name}
	if d.layout == Layout311 {
		texts = append(texts, &c.Qualname)
	}
	for _, to := range texts {
		if *to, err = d.text(depth, false); err != nil {
			return nil, err
		}
	}
	if c.FirstLine, err = d.int32(); err != nil {
		return nil, err
	}
	if _, err = d.text(depth, true); err != nil { // the table of line numbers
		return nil, err
	}
	if d.layout == Layout311 {
		if c.Handlers, err = d.text(depth, true); err != nil {
			return nil, err
		}
	}
	d.codes++
	return c, nil
}

// text reads an object that must be a string, or bytes.
func (d *decoder) text(depth int, bytes bool) (string, error) {
	o, err := d.element(depth)
	if err != nil {
		return "", err
	}
	if bytes && o.Kind == Bytes || o.Kind == Str && (!bytes || d.layout == Layout2) {
		return o.Text, nil
	}
	return "", d.fail("part of a code object of another type")
}

func (d *decoder) tuple(depth int) ([]*Object, error) {
	o, err := d.element(depth)
	if err != nil {
		return nil, err
	}
	if o.Kind != Tuple {
		return nil, d.fail("part of a code object that is not a tuple")
	}
	return o.Items, nil
}

func (d *decoder) names(depth int) ([]string, error) {
	items, err := d.tuple(depth)
	if err != nil {
		return nil, err
	}
	out := make([]string, 0, len(items))
	for _, o := range items {
		if o.Kind != Str {
			return nil, d.fail("name that is not a string")
		}
		out = append(out, o.Text)
	}
	return out, nil
}
