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
	kBigInt             // literal at n, length m (text or little-endian), or unknown
	kFloat              // n holds the bits
	kStr                // literal at n, length m, spelled as enc says
	kBytes              // literal at n, length m
	kText               // a computed string: p.text
	kGlobal             // p.g: an imported object
	kModule             // p.g: a module object that was imported by a call
	kTuple              //
	kList               //
	kDict               //
	kSet                // set and frozenset
	kCall               // p.callee(p.items…): the result of a call
	kInst               // p.callee.__new__(p.items…): an instance
	kPersID             // p.items[0]
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
	tagCount
)

// val is a symbolic value. It holds no text: literals stay in the file and are read when somebody asks.
type val struct {
	k    kind
	tag  tag
	enc  enc
	n, m int64
	p    *node
}

// node is the part of a value that does not fit in val.
type node struct {
	g      *global
	callee val
	items  []val // bounded; for dicts key, value, key, value …
	count  int64 // true number of elements
	text   string
	attrs  *[tagCount]val // values stored under tagged names
	cost   int32          // bytes held by this node and all below it, for the memo's budget
	kept   bool           // the memo keeps it
	id     int32          // variable number in a trace; 0: none yet
	at     int64
}

// Bounds on what a node keeps. Arguments of real calls are few; code objects have up to some hundred names.
const (
	maxTupleItems = 1024
	maxListItems  = 16
	maxDictItems  = 64 // keys and values together
	nodeCost      = 160
	valCost       = 32
)

func (n *node) keep(limit int, vs ...val) {
	for _, v := range vs {
		if len(n.items) >= limit {
			return
		}
		n.items = append(n.items, v)
		n.cost = addCost(n.cost, v)
	}
}

func addCost(c int32, v val) int32 {
	c += valCost
	switch {
	case c >= 1<<30:
	case v.p != nil && v.k != kGlobal:
		c += min(v.p.cost, 1<<30)
	case v.k == kLost:
		c += int32(min(v.n, 1<<30))
	}
	return c
}

func (n *node) setAttr(t tag, v val) {
	if t == tagNone {
		return
	}
	if n.attrs == nil {
		n.attrs = new([tagCount]val)
	}
	n.attrs[t] = v
}

func (n *node) attr(t tag) (val, bool) {
	if n == nil || n.attrs == nil || n.attrs[t].k == kEmpty {
		return val{}, false
	}
	return n.attrs[t], true
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
	case kText:
		return v.p.text, true
	case kStr, kBytes:
		b := m.rd.at(v.n, v.m, max)
		whole = int64(len(b)) == v.m
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
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
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
		return weir.Value{Kind: weir.ValueInt, Text: "<" + strconv.FormatInt(v.m, 10) + "-byte integer>"}
	case kFloat:
		return weir.Value{Kind: weir.ValueFloat, Text: floatText(math.Float64frombits(uint64(v.n)))}
	case kStr, kText:
		s, whole := m.text(v, m.shown)
		n := int64(len(s))
		if !whole {
			n = max(v.m, n+1)
		}
		return weir.Value{Kind: weir.ValueStr, Text: strings.ToValidUTF8(s, "\ufffd"), Len: fixLen(s, n)}
	case kBytes:
		b := m.rd.at(v.n, v.m, m.shown)
		return weir.Value{Kind: weir.ValueBytes, Text: latin1(b), Len: bytesLen(b, v.m)}
	case kGlobal:
		return weir.Value{Kind: weir.ValueGlobal, Text: v.p.g.path()}
	case kModule:
		return weir.Value{Kind: weir.ValueGlobal, Text: v.p.g.module}
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
		w.Text = m.calleeText(v.p.callee)
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
		return int64(len(latin1(b)))
	}
	return max(n, int64(len(latin1(b)))+1)
}

func (m *machine) compound(k weir.ValueKind, v val, depth, items int) weir.Value {
	w := weir.Value{Kind: k, Len: v.p.count}
	if depth <= 0 {
		if w.Len == 0 && len(v.p.items) > 0 {
			w.Len = int64(len(v.p.items))
		}
		return w
	}
	n := min(len(v.p.items), items)
	if n > 0 {
		w.Items = make([]weir.Value, n)
		for i := range n {
			w.Items[i] = m.value(v.p.items[i], depth-1, items)
		}
	}
	return w
}

func (m *machine) calleeText(c val) string {
	switch c.k {
	case kGlobal:
		return c.p.g.path()
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
