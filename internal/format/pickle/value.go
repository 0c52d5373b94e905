package pickle

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir"
)

// kind is the type of a symbolic value on the machine's stack.
type kind uint8

const (
	kEmpty  kind = iota // no value: an unused memo slot
	kNone               //
	kTrue               //
	kFalse              //
	kInt                // n
	kBigInt             // literal at n of so many bytes (text or little-endian), or unknown
	kFloat              // n holds the bits
	kStr                // literal at n, spelled as enc says
	kBytes              // literal at n
	kGlobal             // an imported object
	kModule             // a module object that was imported by a call
	kTuple              //
	kList               //
	kDict               //
	kSet                // set and frozenset
	kCall               // callee(items…): the result of a call
	kInst               // callee.__new__(items…): an instance
	kPersID             // items[0]
	kBuffer             // out-of-band buffer
	kMark               // Python 2's pickle.py keeps marks on the stack, where DUP and PUT can reach them
	kRun                // n plain values that were dropped to bound memory
	kLost               // a plain value that was dropped to bound memory, or one that cannot be known; n: its cost, if that is known
)

// enc says how a string's bytes in the file spell the string.
type enc uint8

const (
	encUTF8   enc = iota // BINUNICODE and its kin, with surrogatepass
	encLatin             // BINSTRING and its kin: bytes in an encoding that the loader chooses
	encEscape            // STRING: Python 2 string escapes
	encRaw               // UNICODE: raw-unicode-escape
)

// tag marks the strings whose use as an attribute name changes what the unpickler calls.
type tag uint8

const (
	tagNone tag = iota
	tagSetState
	tagAppend
	tagExtend
	tagAdd
	tagClass
	tagHook     // a tuple of callables that stand under names of methods
	tagItemSize // bytes of an item of a dtype
	tagCount
)

// onHeap reports whether values of this kind have a node.
func (k kind) onHeap() bool { return k >= kTuple && k <= kPersID }

// val is a symbolic value of 16 bytes without pointers. It holds no text: literals stay in the file and are read when somebody asks.
type val struct {
	k       kind
	tag     tag
	enc     enc
	fetched bool   // in a memo slot: it was fetched from there
	id      uint32 // its node, its global, or the length of its literal (math.MaxUint32: session.long knows)
	n       int64  // a number, where the literal lies, or where the node was made
}

// node is the part of a value that does not fit in val.
type node struct {
	first      uint32 // where the items lie on the heap; once moved, the node's new place
	room, kept uint16 // how many there may be there, and are; for dicts key, value, key, value …
	callee     uint32
	ext        uint32 // one more than the place of the values stored under tagged names; 0: none
	count      uint32 // true number of elements, math.MaxUint32 for more
	cost       int32  // weight of this node and all below it, to tell bombs
	id         int32  // variable number in a trace; 0: none yet
	calleeKind kind
	moved      bool // by the collection that is under way
	objects    bool // a dtype whose state gave it fields that hold objects
}

// Bounds on what a node keeps. Arguments of real calls are few; code objects have up to some hundred names.
const (
	maxTupleItems = 1024
	maxListItems  = 16
	maxDictItems  = 64  // keys and values together
	nodeCost      = 160 // weights: about what CPython's objects take
	valCost       = 32
	maxCost       = 1 << 30
)

// addCost adds the weight of one more item.
func addCost(c, weight int32) int32 {
	return int32(min(int64(c)+int64(weight)+valCost, maxCost))
}

// firstOf gives at most n of some values.
func firstOf(vs []val, n int) []val { return vs[:min(len(vs), n)] }

// grow counts n more elements.
func (n *node) grow(by int64) {
	n.count = uint32(min(int64(n.count)+max(0, by), math.MaxUint32))
}

// node gives the node of a value that has one.
func (s *session) node(v val) *node { return s.heap.at(v.id) }

// items gives the items that are kept of a value; values of other kinds have none.
func (s *session) items(v val) []val {
	if !v.k.onHeap() {
		return nil
	}
	return s.heap.items(s.node(v))
}

// count gives the true number of elements of a value that has a node.
func (s *session) count(v val) int64 { return int64(s.node(v).count) }

// callee gives what was called for a value of kind kCall or kInst: a kind with what belongs to it, no more.
func (s *session) callee(v val) val {
	n := s.node(v)
	return val{k: n.calleeKind, id: n.callee}
}

// global gives the import that a value of kind kGlobal or kModule is.
func (s *session) global(v val) *global { return s.table[v.id] }

// size gives the length of a literal in bytes.
func (s *session) size(v val) int64 {
	if v.id == math.MaxUint32 {
		return s.long[v.n]
	}
	return int64(v.id)
}

// span makes a value of a literal.
func (s *session) span(k kind, e enc, off, n int64) val {
	if n >= math.MaxUint32 { // at most one for every 4 GiB of the file
		if s.long == nil {
			s.long = map[int64]int64{}
		}
		s.long[off] = n
		n = math.MaxUint32
	}
	return val{k: k, enc: e, n: off, id: uint32(n)}
}

func tagOf(b []byte) tag {
	switch string(b) {
	case "__setstate__":
		return tagSetState
	case "append":
		return tagAppend
	case "extend":
		return tagExtend
	case "add":
		return tagAdd
	case "__class__":
		return tagClass
	}
	return tagNone
}

// maxShown bounds the text of a literal in a weir.Value; maxShaped does where the shape of arguments is judged, because some shapes are
// those of long texts (the template that scipy's distributions keep in their state).
const (
	maxShown  = 256
	maxShaped = 16 << 10
)

// text gives a string value's text, up to max bytes of its spelling, and whether that is all of it.
func (m *machine) text(v val, max int) (s string, whole bool) {
	switch v.k {
	case kStr, kBytes:
		b := m.rd.at(v.n, m.size(v), max)
		whole = int64(len(b)) == m.size(v)
		switch v.enc {
		case encLatin:
			if v.k == kBytes {
				return string(b), whole
			}
			return latin1(b), whole
		case encEscape:
			return latin1(unescape(b)), whole
		case encRaw:
			return rawUnicode(b), whole
		}
		return string(b), whole
	}
	return "", false
}

// latin1 reads bytes as Latin-1, which keeps ASCII and loses nothing.
func latin1(b []byte) string {
	ascii := true
	for _, c := range b {
		if c >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return string(b)
	}
	out := make([]byte, 0, latin1Len(b))
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return string(out)
}

// latin1Len is the length of latin1(b).
func latin1Len(b []byte) int {
	n := len(b)
	for _, c := range b {
		n += int(c >> 7)
	}
	return n
}

// unescape undoes Python 2 string escapes (codecs.escape_decode); unknown escapes stay as they are.
func unescape(b []byte) []byte {
	i := strings.IndexByte(string(b), '\\')
	if i < 0 {
		return b
	}
	out := append([]byte(nil), b[:i]...)
	for ; i < len(b); i++ {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			out = append(out, c)
			continue
		}
		i++
		switch c = b[i]; c {
		case '\n':
		case '\\', '\'', '"':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 't':
			out = append(out, '\t')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 'v':
			out = append(out, '\v')
		case 'a':
			out = append(out, '\a')
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n := 0
			j := i
			for ; j < len(b) && j < i+3 && b[j] >= '0' && b[j] <= '7'; j++ {
				n = n*8 + int(b[j]-'0')
			}
			out = append(out, byte(n))
			i = j - 1
		case 'x':
			if i+2 < len(b) {
				if n, err := strconv.ParseUint(string(b[i+1:i+3]), 16, 8); err == nil {
					out = append(out, byte(n))
					i += 2
					continue
				}
			}
			out = append(out, '\\', 'x')
		default:
			out = append(out, '\\', c)
		}
	}
	return out
}

// rawUnicode decodes raw-unicode-escape: Latin-1 with \uXXXX and \UXXXXXXXX after an odd number of backslashes.
func rawUnicode(b []byte) string {
	var s strings.Builder
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' {
			s.WriteRune(rune(c))
			continue
		}
		j := i
		for j < len(b) && b[j] == '\\' {
			j++
		}
		n := j - i
		digits := 0
		if n%2 == 1 && j < len(b) {
			switch b[j] {
			case 'u':
				digits = 4
			case 'U':
				digits = 8
			}
		}
		if digits > 0 && j+1+digits <= len(b) {
			if r, err := strconv.ParseUint(string(b[j+1:j+1+digits]), 16, 32); err == nil {
				s.WriteString(strings.Repeat("\\", n-1))
				s.WriteRune(rune(r))
				i = j + digits
				continue
			}
		}
		s.WriteString(strings.Repeat("\\", n))
		i = j - 1
	}
	return s.String()
}

// value turns a symbolic value into the bounded form that facts carry.
func (m *machine) value(v val, depth, items int) weir.Value {
	switch v.k {
	case kNone:
		return weir.Value{Kind: weir.ValueNone}
	case kTrue:
		return weir.Value{Kind: weir.ValueBool, Text: "True"}
	case kFalse:
		return weir.Value{Kind: weir.ValueBool, Text: "False"}
	case kInt:
		return weir.Value{Kind: weir.ValueInt, Text: strconv.FormatInt(v.n, 10)}
	case kBigInt:
		return weir.Value{Kind: weir.ValueInt, Text: "<" + strconv.FormatInt(m.size(v), 10) + "-byte integer>"}
	case kFloat:
		return weir.Value{Kind: weir.ValueFloat, Text: floatText(math.Float64frombits(uint64(v.n)))}
	case kStr:
		s, whole := m.text(v, m.shown)
		n := int64(len(s))
		if !whole {
			n = max(m.size(v), n+1)
		}
		return weir.Value{Kind: weir.ValueStr, Text: strings.ToValidUTF8(s, "\ufffd"), Len: fixLen(s, n)}
	case kBytes:
		b := m.rd.at(v.n, m.size(v), m.shown)
		return weir.Value{Kind: weir.ValueBytes, Text: latin1(b), Len: bytesLen(b, m.size(v))}
	case kGlobal:
		return weir.Value{Kind: weir.ValueGlobal, Text: m.global(v).path()}
	case kModule:
		return weir.Value{Kind: weir.ValueGlobal, Text: m.global(v).module}
	case kBuffer:
		return weir.Value{Kind: weir.ValueBuffer}
	case kTuple:
		return m.compound(weir.ValueTuple, v, depth, items)
	case kList:
		return m.compound(weir.ValueList, v, depth, items)
	case kSet:
		return m.compound(weir.ValueSet, v, depth, items)
	case kDict:
		return m.compound(weir.ValueDict, v, depth, 2*items)
	case kPersID:
		return m.compound(weir.ValuePersID, v, depth, items)
	case kCall, kInst:
		kind := weir.ValueCall
		if v.k == kInst {
			kind = weir.ValueInstance
		}
		w := m.compound(kind, v, depth, items)
		w.Text = m.calleeText(m.callee(v))
		return w
	}
	return weir.Value{}
}

// fixLen keeps Len equal to len(Text) for whole strings even when invalid UTF-8 was replaced.
func fixLen(s string, n int64) int64 {
	if n == int64(len(s)) {
		return int64(len(strings.ToValidUTF8(s, "\ufffd")))
	}
	return n
}

// bytesLen gives the length to report for b, whose text is spelled in UTF-8: whole literals must satisfy Len == len(Text).
func bytesLen(b []byte, n int64) int64 {
	if int64(len(b)) == n {
		return int64(latin1Len(b))
	}
	return max(n, int64(latin1Len(b))+1)
}

func (m *machine) compound(k weir.ValueKind, v val, depth, items int) weir.Value {
	kept := m.items(v)
	w := weir.Value{Kind: k, Len: m.count(v)}
	if depth <= 0 {
		if w.Len == 0 && len(kept) > 0 {
			w.Len = int64(len(kept))
		}
		return w
	}
	n := min(len(kept), items)
	if n > 0 {
		w.Items = m.shelf.take(n)
		for i := range n {
			w.Items[i] = m.value(kept[i], depth-1, items)
		}
	}
	return w
}

// shelf holds the items of values that somebody looks at and does not keep, so that they are not garbage each time. Its zero value makes new
// ones instead.
type shelf struct {
	values []weir.Value
	used   int
	open   bool
}

// shelfSize is the number of values on the shelf: the arguments of ordinary calls with all that is in them.
const shelfSize = 512

// lend has take give values that are only good until the next call of lend; after end it makes new ones again.
func (s *shelf) lend() {
	if s.values == nil {
		s.values = make([]weir.Value, shelfSize)
	}
	s.used, s.open = 0, true
}

func (s *shelf) end() { s.open = false }

func (s *shelf) take(n int) []weir.Value {
	if !s.open || s.used+n > len(s.values) {
		return make([]weir.Value, n)
	}
	s.used += n
	return s.values[s.used-n : s.used : s.used]
}

func (m *machine) calleeText(c val) string {
	switch c.k {
	case kGlobal:
		return m.global(c).path()
	case kCall, kInst:
		return m.value(c, 2, 4).String()
	}
	return "?"
}

func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == math.Trunc(f) && math.Abs(f) < 1e16:
		return strconv.FormatFloat(f, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// identifier reports whether s is a dotted Python identifier: what a real module or attribute name looks like.
func identifier(s string) bool {
	if s == "" || len(s) > 512 {
		return false
	}
	start := true
	for _, r := range s {
		switch {
		case r == '.':
			if start {
				return false
			}
			start = true
			continue
		case r == utf8.RuneError:
			return false
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0x80:
		case r >= '0' && r <= '9':
			if start {
				return false
			}
		case r == '<' || r == '>': // <locals>, <lambda> in qualified names
		default:
			return false
		}
		start = false
	}
	return !start
}

func floatVal(f float64) val { return val{k: kFloat, n: int64(math.Float64bits(f))} }

func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}
