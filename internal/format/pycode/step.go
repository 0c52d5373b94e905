package pycode

import (
	"slices"
	"strings"
)

// step executes one instruction on the symbolic stack. Effects within an expression are exact; what is left between statements (blocks,
// exceptions) need not be, because no expression reaches below what it pushed itself.
func (r *reader) step(in instruction, live bool) {
	switch op, arg := in.op, in.arg; op {
	case "LOAD_CONST", "RETURN_CONST":
		r.loadConst(arg, live)
		if op == "RETURN_CONST" {
			r.pop()
		}
	case "LOAD_SMALL_INT":
		r.push(small(arg))
	case "LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS":
		r.loadGlobal(op, arg, live)
	case "LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR":
		r.attribute(op, arg, live)
	case "LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW", "LOAD_FAST_AND_CLEAR":
		r.pushLocal(r.local(arg, live))
	case "LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW":
		r.pushLocal(r.local(arg>>4, live))
		r.pushLocal(r.local(arg&15, live))
	case "STORE_FAST":
		r.vars.store(fastKey(r.local(arg, live)), r.pop())
	case "STORE_FAST_LOAD_FAST":
		r.vars.store(fastKey(r.local(arg>>4, live)), r.pop())
		r.pushLocal(r.local(arg&15, live))
	case "STORE_FAST_STORE_FAST":
		r.vars.store(fastKey(r.local(arg>>4, live)), r.pop())
		r.vars.store(fastKey(r.local(arg&15, live)), r.pop())
	case "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF":
		if op == "LOAD_FROM_DICT_OR_DEREF" {
			r.pop()
		}
		v := r.loadFree(r.cell(arg, live))
		if !v.module {
			r.use(v, 1)
		}
		r.push(v)
	case "STORE_DEREF":
		r.vars.store(fastKey(r.cell(arg, live)), r.pop())
	case "STORE_NAME":
		r.vars.store(r.name(arg, live), r.pop())
	case "STORE_GLOBAL":
		s := r.vars
		for s.outer != nil {
			s = s.outer
		}
		s.store(r.name(arg, live), r.pop())
	case "STORE_ATTR":
		obj, v := r.pop(), r.pop()
		r.say(in, cut(obj.text+"."+plain(r.name(arg, live))+" = "+v.text, maxText))
	case "DELETE_ATTR":
		r.say(in, "del "+r.pop().text+"."+plain(r.name(arg, live)))
	case "DELETE_NAME", "DELETE_GLOBAL":
		r.name(arg, live)
	case "DELETE_FAST":
		r.local(arg, live)
	case "STORE_ANNOTATION":
		r.name(arg, live)
		r.pop()
	case "IMPORT_NAME":
		r.imported(in, r.name(arg, live))
	case "IMPORT_FROM":
		m, name := r.peek(1), r.name(arg, live)
		v := m.attr(name)
		r.use(m, -1)
		r.use(v, 1)
		v.text = plain(name)
		v.module = true // "from a import b" may import a module a.b
		r.say(in, "from "+m.text+" import "+plain(name))
		r.push(v)
	case "IMPORT_STAR":
		r.importStar(in)
	case "CALL_INTRINSIC_1":
		if arg == 2 { // INTRINSIC_IMPORT_STAR
			r.importStar(in)
			r.push(unknown("None"))
		} else if v := r.pop(); arg == 6 { // INTRINSIC_LIST_TO_TUPLE
			r.push(v)
		} else {
			r.push(unknown(v.text))
		}
	default:
		if !r.calls(in) && !r.shuffles(op, arg) && !r.builds(op, arg) {
			r.rest(op, arg)
		}
	}
}

func (r *reader) loadConst(i int, live bool) {
	if i >= len(r.c.Consts) {
		r.fault(live)
		r.push(anything)
		return
	}
	o := r.c.Consts[i]
	if o == nil {
		o = &Object{}
	}
	v := constant(o)
	if o.Kind == Unknown {
		v = anything
		if o.Text != "" { // a global that a pickle carries among the constants
			v = &value{text: plain(o.Text), paths: []string{o.Text}, spell: o.Text}
			r.use(v, 1)
		}
	}
	r.push(v)
}

func (r *reader) pushLocal(name string) {
	v := r.loadLocal(name)
	r.use(v, 1)
	r.push(v)
}

// cell names the variable of an instruction that works on cells.
func (r *reader) cell(i int, live bool) string {
	s, ok := r.c.deref(i)
	if !ok {
		r.fault(live)
	}
	return s
}

func (r *reader) loadGlobal(op string, arg int, live bool) {
	null := false
	if op == "LOAD_GLOBAL" && r.t.version >= 311 {
		null, arg = arg&1 != 0, arg>>1
	}
	if op == "LOAD_FROM_DICT_OR_GLOBALS" {
		r.pop()
	}
	v := r.loadName(r.name(arg, live))
	r.use(v, 1)
	r.note(v)
	r.pushCallable(v, null)
}

// pushCallable pushes a value and, if it is about to be called, the empty place beside it.
func (r *reader) pushCallable(v *value, null bool) {
	switch {
	case !null:
		r.push(v)
	case r.t.version >= 313:
		r.push(v, &value{null: true})
	default:
		r.push(&value{null: true}, v)
	}
}

func (r *reader) attribute(op string, arg int, live bool) {
	method := op == "LOAD_METHOD"
	switch {
	case op == "LOAD_SUPER_ATTR":
		r.popN(3)
		v := unknown("super()." + plain(r.name(arg>>2, live)))
		r.pushCallable(v, arg&1 != 0)
		return
	case op == "LOAD_ATTR" && r.t.version >= 312:
		method, arg = arg&1 != 0, arg>>1
	}
	r.pushCallable(r.loadAttr(r.pop(), r.name(arg, live)), method)
}

func (r *reader) importStar(in instruction) {
	m := r.pop()
	for _, p := range m.paths {
		if len(r.stars) < maxPaths && !slices.Contains(r.stars, p) {
			r.stars = append(r.stars, p)
		}
		r.count1(p)
	}
	r.say(in, "from "+m.text+" import *")
}

// calls executes the instructions that call something.
func (r *reader) calls(in instruction) bool {
	arg := in.arg
	switch in.op {
	case "CALL_FUNCTION", "CALL_FUNCTION_VAR", "CALL_FUNCTION_VAR_KW":
		r.callFunction(in)
	case "CALL_FUNCTION_KW":
		if r.t.version < 306 {
			r.callFunction(in)
			break
		}
		names := keywords(r.pop())
		args := r.popN(arg)
		r.call(in, r.pop(), args, names, "")
	case "CALL_METHOD":
		args := r.popN(arg)
		fn := r.pop()
		r.pop()
		r.call(in, fn, args, nil, "")
	case "CALL_FUNCTION_EX":
		r.callSpread(in)
	case "KW_NAMES":
		r.kw = nil
		if arg < len(r.c.Consts) && r.c.Consts[arg] != nil {
			r.kw = constant(r.c.Consts[arg])
		}
	case "CALL":
		var names []string
		if r.kw != nil {
			names, r.kw = keywords(r.kw), nil
		}
		r.slotCall(in, arg, names, "")
	case "CALL_KW":
		names := keywords(r.pop())
		r.slotCall(in, arg, names, "")
	case "EXEC_STMT":
		args := r.popN(3)
		fn := &value{text: "exec", paths: []string{"exec"}, spell: "exec"}
		r.use(fn, 1)
		r.call(in, fn, args[:1], nil, "")
		r.pop()
	default:
		return false
	}
	return true
}

// callFunction executes the calls of 2.7 and 3.0 to 3.5, whose argument counts positional and keyword arguments apart; and 3.6's plain one.
func (r *reader) callFunction(in instruction) {
	positional, pairs := in.arg, 0
	if r.t.version < 306 {
		positional, pairs = in.arg&0xff, in.arg>>8&0xff
	}
	var kw, star *value
	if strings.HasSuffix(in.op, "_KW") {
		kw = r.pop()
	}
	if strings.Contains(in.op, "_VAR") {
		star = r.pop()
	}
	pair := r.popN(2 * pairs)
	args := r.popN(positional)
	var names []string
	var rest string
	if star != nil || kw != nil {
		if star == nil {
			star = &value{items: []*value{}}
		}
		more, s := spread(star, kw)
		args, rest = append(args, more...), s
	}
	for i := 0; i+1 < len(pair); i += 2 {
		k, _ := pair[i].str()
		names = append(names, k)
		args = append(args, pair[i+1])
	}
	r.call(in, r.pop(), args, names, rest)
}

// callSpread executes f(*args, **kw) of 3.6 and later.
func (r *reader) callSpread(in instruction) {
	var kw *value
	if in.arg&1 != 0 || r.t.version >= 314 {
		kw = r.pop()
	}
	args := r.pop()
	fn := r.pop()
	switch {
	case r.t.version >= 313: // callable, nothing, arguments
		fn = r.pop()
	case r.t.version >= 311:
		r.pop()
	}
	list, star := spread(args, kw)
	r.call(in, fn, list, nil, star)
}

// shuffles executes the instructions that move values about.
func (r *reader) shuffles(op string, arg int) bool {
	switch op {
	case "DUP_TOP":
		r.copyTop(1, 1)
	case "DUP_TOP_TWO":
		r.copyTop(2, 2)
	case "DUP_TOPX":
		r.copyTop(arg, arg)
	case "COPY":
		r.copyTop(arg, 1)
	case "ROT_TWO":
		r.rotate(2)
	case "ROT_THREE":
		r.rotate(3)
	case "ROT_FOUR":
		r.rotate(4)
	case "ROT_N":
		r.rotate(arg)
	case "SWAP":
		if n := len(r.stack); arg >= 1 && arg <= n {
			r.stack[n-1], r.stack[n-arg] = r.stack[n-arg], r.stack[n-1]
		} else if n > 0 {
			r.stack[n-1] = anything
		}
	case "PUSH_NULL":
		r.push(&value{null: true})
	default:
		return false
	}
	return true
}

// copyTop pushes copies of the values from n below the top on, m of them.
func (r *reader) copyTop(n, m int) {
	if n > maxStack {
		r.push(anything)
		return
	}
	vs := make([]*value, 0, m)
	for i := range m {
		v := r.peek(n - i)
		r.use(v, 1)
		vs = append(vs, v)
	}
	r.push(vs...)
}

// rotate lifts the top below n-1 others.
func (r *reader) rotate(n int) {
	if n < 2 || n > maxStack {
		return
	}
	for len(r.stack) < n {
		r.stack = append([]*value{anything}, r.stack...)
	}
	top := r.stack[len(r.stack)-1]
	at := len(r.stack) - n
	copy(r.stack[at+1:], r.stack[at:len(r.stack)-1])
	r.stack[at] = top
}

// builds executes the instructions that put values together.
func (r *reader) builds(op string, arg int) bool {
	switch op {
	case "BUILD_TUPLE":
		r.push(compound("(", ")", r.popN(arg)))
	case "BUILD_LIST":
		r.push(compound("[", "]", r.popN(arg)))
	case "BUILD_SET":
		r.push(compound("{", "}", r.popN(arg)))
	case "BUILD_STRING":
		parts := r.popN(arg)
		if v, ok := join("", parts); ok {
			r.push(v)
			break
		}
		var words []string
		for _, p := range parts {
			words = append(words, p.text)
		}
		r.push(unknown(strings.Join(words, " + ")))
	case "BUILD_MAP":
		if r.t.version >= 305 {
			r.popN(2 * arg)
		}
		r.push(unknown("{…}"))
	case "BUILD_CONST_KEY_MAP":
		r.popN(arg + 1)
		r.push(unknown("{…}"))
	case "BUILD_SLICE":
		parts := r.popN(arg)
		var words []string
		for _, p := range parts {
			words = append(words, p.text)
		}
		r.push(unknown("slice(" + strings.Join(words, ", ") + ")"))
	case "BUILD_LIST_UNPACK", "BUILD_TUPLE_UNPACK", "BUILD_SET_UNPACK", "BUILD_MAP_UNPACK", "BUILD_TUPLE_UNPACK_WITH_CALL", "BUILD_MAP_UNPACK_WITH_CALL":
		var all []*value
		known := true
		for _, p := range r.popN(arg & 0xff) {
			items, ok := p.elements()
			known = known && ok
			all = append(all, items...)
		}
		if known && !strings.Contains(op, "MAP") {
			r.push(compound("(", ")", all))
		} else {
			r.push(unknown("…"))
		}
	case "LIST_EXTEND", "LIST_APPEND":
		v := r.pop()
		if l := r.peek(arg); l.list && arg == 1 {
			more := []*value{v}
			if op == "LIST_EXTEND" {
				var ok bool
				if more, ok = v.elements(); !ok {
					more = []*value{unknown("*" + v.text)}
				}
			}
			r.stack[len(r.stack)-1] = compound("[", "]", append(slices.Clone(l.items), more...))
		}
	case "LIST_TO_TUPLE", "CONVERT_VALUE", "TO_BOOL":
	case "FORMAT_VALUE", "FORMAT_SIMPLE":
		spec := op == "FORMAT_VALUE" && arg&4 != 0
		if spec {
			r.pop()
		}
		v := r.pop()
		if _, ok := v.str(); !ok || spec {
			v = unknown("{" + v.text + "}")
		}
		r.push(v)
	case "UNPACK_SEQUENCE", "UNPACK_EX":
		r.unpack(op, arg)
	default:
		return false
	}
	return true
}

func (r *reader) unpack(op string, arg int) {
	v := r.pop()
	if op == "UNPACK_EX" {
		for range min(arg&0xff+1+arg>>8, maxStack) {
			r.push(anything)
		}
		return
	}
	items, ok := v.elements()
	for i := min(arg, maxStack) - 1; i >= 0; i-- {
		if ok && i < len(items) {
			r.push(items[i])
		} else {
			r.push(anything)
		}
	}
}

// effect is how many values an instruction takes and leaves, where nothing is known of what it leaves.
type effect struct{ pop, push int }

// effects lists instructions whose results say nothing about names.
var effects = map[string]effect{
	"POP_TOP": {1, 0}, "STORE_SUBSCR": {3, 0}, "DELETE_SUBSCR": {2, 0}, "STORE_SLICE": {4, 0},
	"STORE_SLICE+0": {2, 0}, "STORE_SLICE+1": {3, 0}, "STORE_SLICE+2": {3, 0}, "STORE_SLICE+3": {4, 0},
	"DELETE_SLICE+0": {1, 0}, "DELETE_SLICE+1": {2, 0}, "DELETE_SLICE+2": {2, 0}, "DELETE_SLICE+3": {3, 0},
	"STORE_MAP": {2, 0}, "STORE_LOCALS": {1, 0}, "SET_ADD": {1, 0}, "MAP_ADD": {2, 0},
	"SET_UPDATE": {1, 0}, "DICT_MERGE": {1, 0}, "DICT_UPDATE": {1, 0},
	"COMPARE_OP": {2, 1}, "IS_OP": {2, 1}, "CONTAINS_OP": {2, 1}, "BUILD_CLASS": {3, 1}, "BUILD_TEMPLATE": {2, 1}, "FORMAT_WITH_SPEC": {2, 1},
	"GET_ITER": {1, 1}, "GET_YIELD_FROM_ITER": {1, 1}, "GET_AITER": {1, 1}, "GET_ANEXT": {0, 1}, "GET_AWAITABLE": {1, 1}, "GET_LEN": {0, 1},
	"YIELD_VALUE": {1, 1}, "YIELD_FROM": {2, 1}, "END_SEND": {2, 1}, "RETURN_VALUE": {1, 0}, "RETURN_GENERATOR": {0, 1}, "GEN_START": {1, 0},
	"PRINT_EXPR": {1, 0}, "PRINT_ITEM": {1, 0}, "PRINT_ITEM_TO": {2, 0}, "PRINT_NEWLINE_TO": {1, 0}, "LOAD_LOCALS": {0, 1},
	"LOAD_BUILD_CLASS": {0, 1}, "LOAD_ASSERTION_ERROR": {0, 1}, "LOAD_COMMON_CONSTANT": {0, 1}, "LOAD_CLOSURE": {0, 1},
	"FOR_ITER": {0, 1}, "END_FOR": {1, 0}, "POP_ITER": {1, 0}, "JUMP_IF_FALSE_OR_POP": {1, 0}, "JUMP_IF_TRUE_OR_POP": {1, 0},
	"JUMP_IF_NOT_EXC_MATCH": {2, 0}, "PUSH_EXC_INFO": {0, 1}, "CHECK_EXC_MATCH": {1, 1}, "CHECK_EG_MATCH": {2, 2}, "PREP_RERAISE_STAR": {2, 1},
	"WITH_EXCEPT_START": {0, 1}, "BEGIN_FINALLY": {0, 1}, "END_ASYNC_FOR": {2, 0}, "CLEANUP_THROW": {3, 2},
	"MATCH_MAPPING": {0, 1}, "MATCH_SEQUENCE": {0, 1}, "MATCH_KEYS": {0, 1}, "MATCH_CLASS": {3, 1}, "CALL_INTRINSIC_2": {2, 1},
	"SET_FUNCTION_ATTRIBUTE": {2, 1}, "UNARY_POSITIVE": {1, 1}, "UNARY_NEGATIVE": {1, 1}, "UNARY_NOT": {1, 1}, "UNARY_INVERT": {1, 1},
	"UNARY_CONVERT": {1, 1},
}

// binaries spells the operators that have instructions of their own.
var binaries = map[string]string{
	"BINARY_ADD": "+", "INPLACE_ADD": "+", "BINARY_MODULO": "%", "BINARY_SUBTRACT": "-", "BINARY_MULTIPLY": "*", "BINARY_DIVIDE": "/",
	"BINARY_TRUE_DIVIDE": "/", "BINARY_FLOOR_DIVIDE": "//", "BINARY_POWER": "**", "BINARY_LSHIFT": "<<", "BINARY_RSHIFT": ">>",
	"BINARY_AND": "&", "BINARY_OR": "|", "BINARY_XOR": "^", "BINARY_MATRIX_MULTIPLY": "@",
}

// rest executes everything else.
func (r *reader) rest(op string, arg int) {
	switch {
	case op == "BINARY_SUBSCR", op == "BINARY_OP" && arg == 26 && r.t.version >= 314:
		r.subscript()
	case op == "BINARY_OP":
		sign := operators[arg]
		if arg >= 13 && arg < 26 {
			sign = operators[arg-13]
		}
		r.binary(sign)
	case binaries[op] != "":
		r.binary(binaries[op])
	case strings.HasPrefix(op, "INPLACE_"):
		r.binary("…")
	case op == "BINARY_SLICE":
		end, start := r.pop(), r.pop()
		r.push(unknown(r.pop().text + "[" + start.text + ":" + end.text + "]"))
	case strings.HasPrefix(op, "SLICE+"):
		r.popN(map[string]int{"SLICE+0": 0, "SLICE+1": 1, "SLICE+2": 1, "SLICE+3": 2}[op])
		r.push(unknown(r.pop().text + "[…]"))
	case strings.HasPrefix(op, "POP_JUMP_"):
		r.pop()
	case op == "SETUP_WITH", op == "BEFORE_WITH", op == "BEFORE_ASYNC_WITH":
		v := r.pop()
		r.push(unknown("exit"), v.entered())
	case op == "LOAD_SPECIAL": // 3.14: v.__enter__ and the like, with the empty place beside it
		v := r.pop()
		if arg == 0 || arg == 2 { // SPECIAL___ENTER__, SPECIAL___AENTER__
			r.pushCallable(v.entered(), true)
		} else {
			r.pushCallable(unknown("exit"), true)
		}
	case op == "MAKE_FUNCTION", op == "MAKE_CLOSURE":
		r.makeFunction(op, arg)
	case op == "BUILD_INTERPOLATION":
		r.popN(2 + arg&1)
		r.push(anything)
	case op == "SEND":
		r.pop()
		r.push(anything)
	case op == "POP_EXCEPT" && r.t.version >= 311:
		r.pop()
	default:
		e := effects[op]
		r.popN(e.pop)
		for range e.push {
			r.push(anything)
		}
		if op == "RAISE_VARARGS" {
			r.popN(arg)
		}
	}
}

// entered is what "with v as x" gives x: mostly v itself.
func (v *value) entered() *value {
	out := *v
	out.spell = ""
	return &out
}

func (r *reader) subscript() {
	key, v := r.pop(), r.pop()
	out := v.item(key)
	if out.paths != nil {
		r.use(out, 1)
	}
	r.push(out)
}

// makeFunction executes def, lambda and comprehensions.
func (r *reader) makeFunction(op string, arg int) {
	v := r.t.version
	name := (*value)(nil)
	if v >= 304 && v < 311 {
		name = r.pop() // the qualified name
	}
	code := r.pop()
	switch {
	case v >= 313:
	case v >= 306:
		for flag := 1; flag <= 8; flag <<= 1 {
			if arg&flag != 0 {
				r.pop()
			}
		}
	default:
		if op == "MAKE_CLOSURE" {
			r.pop()
		}
		n := arg & 0xff
		if v >= 304 {
			n += 2 * (arg >> 8 & 0xff)
			n += arg >> 16 & 0x7fff
		} else {
			n = arg
		}
		r.popN(n)
	}
	text := "<function>"
	if code.con != nil && code.con.Kind == CodeObject {
		text = "<function " + plain(code.con.Code.Title()) + ">"
	} else if s, ok := name.str(); ok {
		text = "<function " + plain(s) + ">"
	}
	f := unknown(text)
	f.def = true
	r.push(f)
}
