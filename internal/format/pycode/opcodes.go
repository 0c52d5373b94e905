package pycode

import (
	_ "embed" // the table
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed opcodes.txt
var opcodeData string

// tableVersions are the versions whose opcodes are known; the others have the opcodes of the nearest older one, 3.0 to 3.3 those of 3.4.
var tableVersions = []Version{207, 304, 305, 306, 307, 308, 309, 310, 311, 312, 313, 314}

// nearest gives the table for a version.
func nearest(v Version) Version {
	if v >= 300 && v < 304 {
		return 304
	}
	out := tableVersions[0]
	for _, t := range tableVersions {
		if t <= v {
			out = t
		}
	}
	return out
}

// opcode is one entry of a version's table.
type opcode struct {
	name    string // "": no such opcode
	caches  int    // code units of inline cache behind it
	special bool   // a specialised or instrumented form, which compilers do not write
}

// table is the instruction set of one version.
type table struct {
	version Version
	ops     [256]opcode
}

var tables = sync.OnceValue(func() map[Version]*table {
	out := map[Version]*table{}
	for _, v := range tableVersions {
		out[v] = &table{version: v}
	}
	for line := range strings.Lines(opcodeData) {
		cells := strings.Fields(line)
		if len(cells) != len(tableVersions)+1 || cells[0] == "name" {
			continue
		}
		for i, cell := range cells[1:] {
			if cell != "-" {
				out[tableVersions[i]].add(cells[0], cell)
			}
		}
	}
	return out
})

// add enters a cell of the table: number[/caches][,special forms].
func (t *table) add(name, cell string) {
	numbers := strings.Split(cell, ",")
	first, caches, _ := strings.Cut(numbers[0], "/")
	numbers[0] = first
	n, _ := strconv.Atoi(caches)
	for i, s := range numbers {
		if op, err := strconv.ParseUint(s, 10, 8); err == nil {
			t.ops[op] = opcode{name: name, caches: n, special: i > 0}
		}
	}
}

// instruction is one decoded instruction.
type instruction struct {
	at, next int // bytes; next lies behind the inline caches
	op       string
	arg      int
	bad      bool // no such opcode, or it breaks off
	odd      bool // valid, but nothing that a compiler writes
}

// decode reads the instruction at a byte offset.
func (t *table) decode(code string, pos int) instruction {
	in := instruction{at: pos}
	ext := 0
	for range 8 { // more than three EXTENDED_ARG say nothing
		if pos >= len(code) {
			break
		}
		op := t.ops[code[pos]]
		arg := 0
		switch {
		case t.version >= 306:
			if pos+1 >= len(code) {
				return instruction{at: in.at, next: len(code), bad: true}
			}
			arg = ext<<8 | int(code[pos+1])
			pos += 2
		case code[pos] >= 90: // HAVE_ARGUMENT until 3.5
			if pos+2 >= len(code) {
				return instruction{at: in.at, next: len(code), bad: true}
			}
			arg = ext<<16 | int(code[pos+1]) | int(code[pos+2])<<8
			pos += 3
		default:
			pos++
		}
		if op.name == "EXTENDED_ARG" {
			ext = arg & 0xffffff
			in.odd = in.odd || op.special
			continue
		}
		in.op, in.arg, in.bad = op.name, arg&0x7fffffff, op.name == "" || op.name == "CACHE" // executing a cache entry ends the process
		in.odd = in.odd || op.special
		in.next = pos + 2*op.caches
		if in.next > len(code) {
			in.next, in.bad = len(code), true
		}
		for _, c := range []byte(code[min(pos, in.next):in.next]) {
			in.odd = in.odd || c != 0 // compilers leave the caches empty
		}
		return in
	}
	return instruction{at: in.at, next: pos, bad: true}
}

// target gives the offset to which a jump leads, and whether the instruction is one.
func (t *table) target(in instruction) (to int, ok bool) {
	unit := 1
	if t.version >= 310 {
		unit = 2
	}
	switch {
	case strings.Contains(in.op, "BACKWARD"):
		return in.next - unit*in.arg, true
	case in.op == "JUMP_FORWARD" || in.op == "FOR_ITER" || in.op == "SEND" || in.op == "CALL_FINALLY" || strings.HasPrefix(in.op, "SETUP_") && in.op != "SETUP_ANNOTATIONS":
		return in.next + unit*in.arg, true
	case in.op == "JUMP_ABSOLUTE" || in.op == "CONTINUE_LOOP":
		return unit * in.arg, true
	case strings.HasPrefix(in.op, "POP_JUMP_") || strings.HasPrefix(in.op, "JUMP_IF_"):
		if t.version >= 311 {
			return in.next + unit*in.arg, true
		}
		return unit * in.arg, true
	}
	return 0, false
}

// ends reports whether nothing follows an instruction.
func ends(op string) bool {
	switch op {
	case "RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT",
		"CONTINUE_LOOP", "BREAK_LOOP":
		return true
	}
	return false
}

// handlers decodes the targets of the exception table of 3.11 and later: entries of four numbers (start, length, target, depth and flag)
// in big-endian groups of six bits, the first byte of an entry marked by its highest bit (Objects/exception_handling_notes.txt).
func handlers(encoded string) []int {
	var out []int
	var entry []int
	for i := 0; i < len(encoded) && len(out) < 1<<16; {
		n := 0
		for {
			b := encoded[i]
			n = (n<<6 | int(b&0x3f)) & 0x3ffffff
			i++
			if b&0x40 == 0 || i >= len(encoded) {
				break
			}
		}
		if entry = append(entry, n); len(entry) == 4 {
			if to := 2 * entry[2]; !slices.Contains(out[max(0, len(out)-8):], to) {
				out = append(out, to)
			}
			entry = entry[:0]
		}
	}
	return out
}
