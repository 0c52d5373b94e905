package pyname

import (
	"errors"
	"strings"
)

// A volume is one data file of the index, read in place: nothing is unpacked or built at start-up. gen/build.py writes it so:
//
//	"weirpyn1", then as little-endian uint32 the offsets of the six sections below, the length of the whole and the number of modules
//	judgements  power uint16, safe, kind, shape, flags uint8
//	modules     offset of the name in names, offset of the block in blocks (uint32), power of every name that is not listed and
//	            1 + target of the module that this is another name of (uint16); sorted by name; one more entry ends the last
//	names       the names of the modules
//	targets     offsets of names in the next section (uint32), one more ends the last
//	targetNames the names of modules that records point to
//	blocks      per module: number of names (uint32), offset of every sixteenth record (uint32), records sorted by name
//
// A record is: bytes shared with the name before it and bytes of its own (uint8 each), those bytes, then as varints the judgement and the
// target: 0 when the name is where the object is defined, else (1 + target module) << 1, plus 1 when its name there differs and follows.
type volume string

const (
	magic       = "weirpyn1"
	secJudge    = 0
	secModules  = 1
	secNames    = 2
	secTargets  = 3
	secTNames   = 4
	secBlocks   = 5
	secEnd      = 6
	headerSize  = len(magic) + 8*4
	moduleSize  = 12
	judgeSize   = 6
	restartStep = 16
)

// Flags of a judgement.
const (
	flagUserCode = 1 << iota
	flagItems
)

var errData = errors.New("attribute index is empty or damaged")

// check reports whether v is a whole volume with names in it.
func (v volume) check() error {
	if len(v) < headerSize || !strings.HasPrefix(string(v), magic) || v.section(secEnd) != len(v) || v.modules() == 0 {
		return errData
	}
	for i := secJudge; i < secEnd; i++ {
		if v.section(i) > v.section(i+1) {
			return errData
		}
	}
	return nil
}

func (v volume) u32(at int) int {
	if at < 0 || at+4 > len(v) {
		return 0
	}
	return int(v[at]) | int(v[at+1])<<8 | int(v[at+2])<<16 | int(v[at+3])<<24
}

func (v volume) u16(at int) int {
	if at < 0 || at+2 > len(v) {
		return 0
	}
	return int(v[at]) | int(v[at+1])<<8
}

func (v volume) cut(from, to int) string {
	if from < 0 || to > len(v) || from > to {
		return ""
	}
	return string(v[from:to])
}

func (v volume) section(i int) int { return v.u32(len(magic) + 4*i) }
func (v volume) modules() int      { return v.u32(len(magic) + 4*7) }

func (v volume) moduleName(i int) string {
	at, names := v.section(secModules)+i*moduleSize, v.section(secNames)
	return v.cut(names+v.u32(at), names+v.u32(at+moduleSize))
}

func (v volume) target(i int) string {
	at, names := v.section(secTargets)+4*i, v.section(secTNames)
	return v.cut(names+v.u32(at), names+v.u32(at+4))
}

// module finds a module by its exact name.
func (v volume) module(name string) (int, bool) {
	table, names, n := v.section(secModules), v.section(secNames), v.modules()
	i, j := 0, n
	for i < j {
		h := (i + j) / 2
		at := table + h*moduleSize
		if v.cut(names+v.u32(at), names+v.u32(at+moduleSize)) < name {
			i = h + 1
		} else {
			j = h
		}
	}
	return i, i < n && v.moduleName(i) == name
}

// Marks beside the power of a module's unlisted names.
const (
	reachStops = 0x8000 // the powers of its parents do not cover it
	reachOwn   = 0x4000 // the power does not cover its submodules
)

// power is what every name of module i has that is not listed, and the marks.
func (v volume) power(i int) (p Power, marks int) {
	n := v.u16(v.section(secModules) + i*moduleSize + 8)
	return Power(n &^ (reachStops | reachOwn)), n & (reachStops | reachOwn)
}

// alias is the module that module i is another name of, or empty.
func (v volume) alias(i int) string {
	if t := v.u16(v.section(secModules) + i*moduleSize + 10); t > 0 {
		return v.target(t - 1)
	}
	return ""
}

// cursor walks the records of one module.
type cursor struct {
	v      volume
	at     int
	left   int
	name   []byte
	judge  int
	target int
	other  string
	broken bool
}

func (c *cursor) byte() int {
	if c.at >= len(c.v) {
		c.broken = true
		return 0
	}
	c.at++
	return int(c.v[c.at-1])
}

func (c *cursor) varint() int {
	n, shift := 0, 0
	for shift < 35 {
		b := c.byte()
		n |= (b & 0x7f) << shift
		if b < 0x80 {
			return n
		}
		shift += 7
	}
	c.broken = true
	return 0
}

func (c *cursor) bytes(n int) string {
	s := c.v.cut(c.at, c.at+n)
	c.broken = c.broken || len(s) != n
	c.at += n
	return s
}

func (c *cursor) next() bool {
	if c.left <= 0 || c.broken {
		return false
	}
	c.left--
	shared, own := c.byte(), c.byte()
	if shared > len(c.name) {
		return false
	}
	c.name = append(c.name[:shared], c.bytes(own)...)
	c.rest()
	return !c.broken
}

// rest reads what follows a record's name.
func (c *cursor) rest() {
	c.judge, c.target, c.other = c.varint(), c.varint(), ""
	if c.target&1 != 0 {
		c.other = c.bytes(c.varint())
	}
}

// block gives the place of the restarts of module i, their number and the number of records.
func (v volume) block(i int) (restarts, n, records int) {
	at := v.section(secBlocks) + v.u32(v.section(secModules)+i*moduleSize+4)
	records = v.u32(at)
	return at + 4, (records + restartStep - 1) / restartStep, records
}

// records walks all records of module i.
func (v volume) records(i int) cursor {
	at, n, records := v.block(i)
	return cursor{v: v, at: at + 4*n, left: records}
}

// find looks a name up in module i.
func (v volume) find(i int, name string) (record, bool) {
	at, n, records := v.block(i)
	base := at + 4*n
	lo, hi := 0, n // the last restart whose name is not after the one wanted
	for lo < hi {
		h := (lo + hi) / 2
		if v.restartName(base+v.u32(at+4*h)) <= name {
			lo = h + 1
		} else {
			hi = h
		}
	}
	if lo == 0 {
		return record{}, false
	}
	// Names are compared as they are stored: equal is how much of name the last one shared with it.
	c, equal := cursor{v: v, at: base + v.u32(at+4*(lo-1))}, 0
	for range min(restartStep, records-(lo-1)*restartStep) {
		shared, own := c.byte(), c.byte()
		tail := c.bytes(own)
		c.rest()
		switch {
		case c.broken || shared < equal:
			return record{}, false // it and all that follow come after name
		case shared == equal:
			n := 0
			for n < len(tail) && equal+n < len(name) && tail[n] == name[equal+n] {
				n++
			}
			if equal += n; n == len(tail) && equal == len(name) {
				return c.record(), true
			}
		}
	}
	return record{}, false
}

// restartName is the name of a record that shares nothing with the one before it.
func (v volume) restartName(at int) string {
	if at+1 >= len(v) {
		return ""
	}
	return v.cut(at+2, at+2+int(v[at+1]))
}

// record is what a module says of one name.
type record struct {
	judge, target int
	other         string
}

func (c *cursor) record() record { return record{c.judge, c.target, c.other} }

// object makes a record of module and name into an Object.
func (v volume) object(r record, module, name string) Object {
	at := v.section(secJudge) + r.judge*judgeSize
	if at+judgeSize > len(v) {
		return Object{Module: module, Name: name}
	}
	o := Object{Module: module, Name: name, Power: Power(v.u16(at)), Safe: Uses(v[at+2]), Kind: Kind(v[at+3])}
	if s := int(v[at+4]); s < len(shapeNames) {
		o.Shape = shapeNames[s]
	} else {
		o.Safe = 0 // written for a newer reader
	}
	o.UserCode, o.Items = v[at+5]&flagUserCode != 0, v[at+5]&flagItems != 0
	if r.target > 1 {
		o.Module = v.target(r.target>>1 - 1)
		if r.target&1 != 0 {
			o.Name = r.other
		}
	}
	return o
}
