package pickle

import (
	"strconv"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// maxHooks bounds the callables that are remembered of one dict until it becomes an instance's state.
const maxHooks = 16

// hook looks at a pair that comes into a container: a callable under a name that instances have called when they are restored. An instance's
// own dict hides the methods of its class, so the class calls what the file put there.
func (m *machine) hook(to, key, v val) {
	if !m.hooking(v) {
		return
	}
	if name, ok := m.constant(key); !ok || !pyname.Hook(name) {
		return
	}
	m.hooked(to, v)
}

func (m *machine) hooked(to, v val) {
	held, ok := m.heap.attr(m.node(to), tagHook)
	switch {
	case !ok:
		held = m.tuple([]val{v}, 1)
		m.heap.setAttr(m.node(to), tagHook, held)
	case held.k == kTuple && m.count(held) < maxHooks:
		n := m.node(held)
		m.heap.add(n, maxHooks, []val{v})
		n.grow(1)
	default:
		m.apply(v, nil, 0, opName(m.op), 0) // what cannot be remembered counts as called
	}
}

// hooking reports whether v is a plain function or one that the file made of others. Instances of classes with a __call__ of their own are
// common under such names and judged by what they are.
func (m *machine) hooking(v val) bool {
	switch v.k {
	case kGlobal:
		return m.global(v).obj.Kind == pyname.KindFunction
	case kCall, kInst:
		g := m.calleeGlobal(v)
		if g == nil {
			return false
		}
		switch canonical(g) {
		case "functools.partial", "_functools.partial", "operator.attrgetter", "_operator.attrgetter", "operator.itemgetter", "_operator.itemgetter",
			"operator.methodcaller", "_operator.methodcaller", "builtins.getattr":
			return true
		}
	}
	return false
}

// hookPairs looks at keys and values that come into a container.
func (m *machine) hookPairs(to val, vs []val) {
	for i := 0; i+1 < len(vs); i += 2 {
		m.hook(to, vs[i], vs[i+1])
	}
}

// hookItems looks at what a call is given: dicts, which may be keyword arguments, and lists of pairs, of which dict makes a state.
func (m *machine) hookItems(to val, items []val) {
	for _, v := range items {
		switch v.k {
		case kDict:
			for _, f := range m.hooksOf(v) {
				m.hooked(to, f)
			}
		case kList, kTuple:
			for _, pair := range m.items(v) {
				if pair.k != kTuple && pair.k != kList {
					continue
				}
				if two := m.items(pair); len(two) == 2 {
					m.hook(to, two[0], two[1])
				}
			}
		}
	}
}

// hooksOf gives the callables that a container holds under names of methods; a lost value stands for those that were lost.
func (m *machine) hooksOf(v val) []val {
	if !v.k.onHeap() {
		return nil
	}
	held, ok := m.heap.attr(m.node(v), tagHook)
	if ok && held.k != kTuple {
		return []val{{k: kLost}}
	}
	return m.items(held)
}

// runHooks calls what a state puts in the place of methods.
func (m *machine) runHooks(state val) {
	for _, f := range m.hooksOf(state) {
		m.apply(f, nil, 0, opName(m.op), 0)
	}
}

// arrayFields sees that numpy would read and write outside of an array's items, where the state of a dtype says that its fields or its subarray
// lie, and remembers how many bytes an item has.
func (m *machine) arrayFields(inst, st val, s []val) {
	if len(s) < 6 || s[5].k != kInt {
		return
	}
	size := s[5].n
	if size >= 0 {
		m.heap.setAttr(m.node(inst), tagItemSize, s[5])
	}
	outside := false
	if sub := m.items(s[2]); s[2].k == kTuple && len(sub) > 0 {
		outside = m.arraySize(sub) > size
	}
	if s[4].k == kDict {
		for i, f := range m.items(s[4]) {
			if field := m.items(f); i%2 == 1 && f.k == kTuple && len(field) > 1 && field[1].k == kInt {
				length := m.itemSize(field[0])
				outside = outside || field[1].n < 0 || length > size || field[1].n > size-length
			}
		}
	}
	if outside {
		m.say(m.unknownGlobal("memory outside of an array's items, where the file says that a field lies"), weir.UseCalled, "BUILD", []val{inst, st}, 2)
	}
}

// itemSize is how many bytes an item of a dtype has, 0 when that is not written out: then only its beginning is checked.
func (m *machine) itemSize(v val) int64 {
	if !m.isArrayType(v) {
		return 0
	}
	if n, ok := m.heap.attr(m.node(v), tagItemSize); ok {
		return n.n
	}
	items := m.items(v)
	if len(items) == 0 {
		return 0
	}
	code, ok := m.constant(items[0])
	if items[0].k == kBytes {
		code, ok = m.text(items[0], 32)
	}
	code = strings.TrimLeft(code, "<>|=")
	if !ok || code == "" {
		return 0
	}
	n, err := strconv.ParseInt(code[1:], 10, 48)
	switch {
	case err != nil || n < 0:
		return 0
	case code[0] == 'U':
		return 4 * n // UCS4
	}
	return n
}

// arraySize is the size of a subarray, given as a dtype and its shape.
func (m *machine) arraySize(sub []val) int64 {
	n := m.itemSize(sub[0])
	if len(sub) < 2 || n == 0 {
		return n
	}
	dims := []val{sub[1]}
	if sub[1].k == kTuple {
		dims = m.items(sub[1])
	}
	for _, d := range dims {
		if d.k != kInt || d.n < 0 {
			return 0
		}
		if d.n > 0 && n > (1<<48)/d.n {
			return 1 << 48
		}
		n *= d.n
	}
	return n
}
