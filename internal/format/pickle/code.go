package pickle

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"weir"
	"weir/internal/format/pycode"
)

// Bounds on the code objects of one run.
const (
	maxCodes   = 4096 // facts
	maxLinked  = 4096 // classes and dictionaries whose functions are remembered
	maxPadding = 1 << 16
)

// codes is what the machine knows of functions and classes that the stream makes.
type codes struct {
	emitted int
	inits   map[uint32][]val // class → functions that run when it is called
	globals map[uint32]val   // dictionary → the function whose global names it holds
	known   map[uint32]*told // code object → what was found out about it so far
}

// told is what the stream has told of one code object.
type told struct {
	globals map[string]string
	auto    bool
}

// learn notes something about a code object; the fact is emitted again if it says more than before.
func (m *machine) learn(code val, globals map[string]string, auto bool) {
	k := m.codes.known[code.id]
	if k == nil {
		if k = (&told{}); m.codes.known == nil {
			m.codes.known = map[uint32]*told{}
		}
		if len(m.codes.known) < maxLinked {
			m.codes.known[code.id] = k
		}
	}
	more := auto && !k.auto
	for name, path := range globals {
		if k.globals[name] == path {
			continue
		}
		if k.globals == nil {
			k.globals = map[string]string{}
		}
		k.globals[name], more = path, true
	}
	k.auto = k.auto || auto
	if more {
		m.emitCode(m.items(code), k.globals, k.auto)
	}
}

// codeObject reports a code object that the stream makes from parts: types.CodeType(argcount, …, code, consts, names, …), or a maker of
// cloudpickle or dill.
func (m *machine) codeObject(items []val) { m.emitCode(items, nil, false) }

// emitCode reports a code object; globals says what its global names hold, as far as that is known.
func (m *machine) emitCode(items []val, globals map[string]string, auto bool) {
	if m.quiet || m.codes.emitted >= maxCodes {
		return
	}
	m.codes.emitted++
	f := weir.Code{Language: "python-bytecode", At: m.opAt, Auto: auto}
	if c, consts, ok := m.codeOf(items); ok {
		c.Globals = globals
		f = pycode.Fact(c, m.opAt)
		f.Auto = auto
		if globals == nil && !auto {
			m.examineBytes(consts) // a literal may be a pickle or code of its own
		}
	} else {
		// The bytecode cannot be seen: all names that it could use count.
		for _, v := range items {
			switch {
			case v.k == kTuple:
				f.Calls = append(f.Calls, m.nameTuple(v)...)
			case f.Name == "":
				if s, ok := m.constant(v); ok && identifier(s) {
					f.Name = s
				}
			}
		}
		f.Calls = f.Calls[:min(len(f.Calls), maxTupleItems)]
	}
	m.in.Emit(f)
}

// nameTuple gives the strings of a tuple of names.
func (m *machine) nameTuple(t val) []string {
	var out []string
	for _, v := range m.items(t) {
		if s, ok := m.constant(v); ok && identifier(s) {
			out = append(out, spell(s))
		}
	}
	return out
}

// codeOf reads the arguments of types.CodeType. Their order differs between versions: four to six numbers, the bytecode, constants, names,
// local variables, file name, name, from 3.11 on the qualified name, first line, line table, from 3.11 on the exception table, free and cell
// variables. dill puts one more table in front (dill._dill._create_code) and, like cloudpickle, keeps the rest.
func (m *machine) codeOf(items []val) (c *pycode.Code, consts []val, ok bool) {
	at := slices.IndexFunc(items, func(v val) bool { return v.k == kTuple }) - 1
	if at < 4 || at+6 >= len(items) || items[at+2].k != kTuple || items[at+3].k != kTuple {
		return nil, nil, false
	}
	bytecode, ok := m.bytecode(items[at])
	if !ok {
		return nil, nil, false
	}
	c = &pycode.Code{Bytecode: string(bytecode), Consts: m.constants(items[at+1], 0)}
	var numbers []int64
	for i := at - 1; i >= 0 && (items[i].k == kInt || items[i].k == kTrue || items[i].k == kFalse); i-- {
		numbers = append(numbers, items[i].n) // flags, size of the stack, number of locals, …
	}
	c.Names, c.Locals = m.words(items[at+2]), m.words(items[at+3])
	rest := items[at+4:]
	var texts []string
	for len(rest) > 0 && (rest[0].k == kStr || rest[0].k == kBytes) && len(texts) < 3 {
		s, _ := m.text(rest[0], 4096)
		texts = append(texts, spell(s))
		rest = rest[1:]
	}
	texts = append(texts, "", "", "")
	c.Filename, c.Name = texts[0], texts[1]
	if len(rest) > 0 && rest[0].k == kInt {
		c.FirstLine = rest[0].n
	}
	var tuples []val
	var tables [][]byte
	for _, v := range rest {
		if v.k == kTuple {
			tuples = append(tuples, v)
		} else if b, ok := m.bytecode(v); ok {
			tables = append(tables, b)
		}
	}
	var free, cells []string
	if n := len(tuples); n >= 2 {
		free, cells = m.words(tuples[n-2]), m.words(tuples[n-1])
	}
	n := func(i int) int64 {
		if i < len(numbers) {
			return min(max(numbers[i], 0), maxPadding)
		}
		return 0
	}
	c.Flags = 0
	if len(numbers) > 0 {
		c.Flags = numbers[0]
	}
	switch {
	case len(numbers) >= 6 && texts[2] != "":
		c.Layout, c.Qualname = pycode.Layout311, texts[2]
		c.Args = int(n(5) + n(3))
		if len(tables) > 1 {
			c.Handlers = string(tables[len(tables)-1])
		}
		for _, name := range cells {
			if !slices.Contains(c.Locals, name) { // a parameter that is a cell has one place
				c.Locals = append(c.Locals, name)
			}
		}
		c.Locals, c.Frees = append(c.Locals, free...), free
	case len(numbers) >= 6:
		c.Layout, c.Args, c.Frees, c.Cells = pycode.Layout38, int(n(5)+n(3)), free, cells
	case len(numbers) == 5:
		c.Layout, c.Args, c.Frees, c.Cells = pycode.Layout30, int(n(4)+n(3)), free, cells
	default:
		c.Layout, c.Args, c.Frees, c.Cells = pycode.Layout2, int(n(3)), free, cells
	}
	return c, m.items(items[at+1]), true
}

// bytecode gives the bytes of an argument that must be bytes, as both Pythons write them.
func (m *machine) bytecode(v val) ([]byte, bool) {
	switch {
	case v.k == kStr && v.enc == encUTF8, v.k == kStr && v.enc == encRaw:
		s, whole := m.text(v, maxLayer)
		b, ok := toLatin1(s)
		return b, ok && whole
	case v.k == kBytes && m.size(v) <= maxLayer:
		b := m.rd.at(v.n, m.size(v), maxLayer)
		return b, int64(len(b)) == m.size(v)
	case v.k == kStr && m.size(v) <= maxLayer:
		b := m.rd.at(v.n, m.size(v), maxLayer)
		if v.enc == encEscape {
			b = unescape(b)
		}
		return b, true
	case v.k == kCall:
		return m.raw(v, 0)
	}
	return nil, false
}

// words gives all elements of a tuple of names, those that are unknown as empty strings.
func (m *machine) words(t val) []string {
	var out []string
	for _, v := range m.items(t) {
		s, _ := m.constant(v)
		out = append(out, spell(s))
	}
	for n := min(m.count(t), maxPadding); int64(len(out)) < n; {
		out = append(out, "") // the tuple was cut
	}
	return out
}

// constants turns a tuple of constants into what pycode works on.
func (m *machine) constants(t val, depth int) []*pycode.Object {
	var out []*pycode.Object
	for _, v := range m.items(t) {
		out = append(out, m.object(v, depth))
	}
	for n := min(m.count(t), maxPadding); int64(len(out)) < n; {
		out = append(out, &pycode.Object{})
	}
	return out
}

func (m *machine) object(v val, depth int) *pycode.Object {
	switch v.k {
	case kNone:
		return &pycode.Object{Kind: pycode.None}
	case kTrue:
		return &pycode.Object{Kind: pycode.Bool, Text: "True"}
	case kFalse:
		return &pycode.Object{Kind: pycode.Bool, Text: "False"}
	case kInt:
		return &pycode.Object{Kind: pycode.Int, Text: strconv.FormatInt(v.n, 10)}
	case kFloat:
		return &pycode.Object{Kind: pycode.Float, Text: m.value(v, 1, 1).Text}
	case kStr:
		s, _ := m.text(v, 4096)
		return &pycode.Object{Kind: pycode.Str, Text: spell(s)}
	case kBytes:
		return &pycode.Object{Kind: pycode.Bytes, Text: string(m.rd.at(v.n, m.size(v), 4096))}
	case kTuple:
		if depth < 8 {
			return &pycode.Object{Kind: pycode.Tuple, Items: m.constants(v, depth+1)}
		}
	case kGlobal:
		return &pycode.Object{Text: m.global(v).path()} // no compiler puts one there, but the stream can
	case kModule:
		return &pycode.Object{Text: m.global(v).module}
	case kCall:
		if b, ok := m.raw(v, 0); ok && len(b) <= 4096 {
			return &pycode.Object{Kind: pycode.Bytes, Text: string(b)}
		}
	}
	return &pycode.Object{}
}

// lastName is the last part of a dotted name.
func lastName(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }

// makesCode reports whether a callee makes code objects from their parts.
func makesCode(g *global) bool {
	switch canonical(g) {
	case "builtins.code", "types.CodeType":
		return true
	}
	switch lastName(g.name) {
	case "_create_code", "_make_code":
		return g.obj.UserCode
	}
	return false
}

// makesFunction reports whether a callee is the type of functions.
func makesFunction(g *global) bool {
	switch canonical(g) {
	case "builtins.function", "types.FunctionType", "types.LambdaType":
		return true
	}
	return false
}

// keeps lists callables that hold on to what they are given and call it only when they are used themselves.
var keeps = map[string]bool{
	"functools.partial": true, "functools.partialmethod": true, "_functools.partial": true, "collections.defaultdict": true,
}

// carried gives the code object that a function runs, if the stream makes it: the argument of types.FunctionType, of a maker
// of cloudpickle or dill, or of something that binds such a function.
func (m *machine) carried(v val, depth int) (code val, ok bool) {
	g := m.calleeGlobal(v)
	if g == nil || depth > 4 {
		return val{}, false
	}
	if makesCode(g) {
		return v, true
	}
	if g.obj.UserCode && makesClass(g) {
		return val{}, false
	}
	for _, a := range firstOf(m.items(v), 3) {
		if code, ok := m.carried(a, depth+1); ok {
			return code, true
		}
	}
	return val{}, false
}

// runs reports the code of a function that the stream has called as code that runs by itself. A class that is called runs its constructor.
func (m *machine) runs(v val) {
	if v.k != kCall && v.k != kInst {
		return
	}
	if code, ok := m.carried(v, 0); ok {
		m.learn(code, nil, true)
		return
	}
	for _, f := range m.codes.inits[v.id] {
		if code, ok := m.carried(f, 0); ok {
			m.learn(code, nil, true)
		}
	}
}

// automatic lists methods that unpickling itself calls on the instances (or subclasses) of a class that the stream makes.
var automatic = map[string]bool{
	"__new__": true, "__setstate__": true, "__setattr__": true, "__getattr__": true, "__getattribute__": true, "__hash__": true, "__eq__": true,
	"__del__": true, "__init_subclass__": true, "__set_name__": true, "__setitem__": true, "append": true, "extend": true, "add": true,
}

// carriers follows the makers of functions and classes: what their dictionaries hold decides which code runs when, and what global names
// lead to. made is the result of the call.
func (m *machine) carriers(g *global, items []val, made val) {
	name := lastName(g.name)
	switch {
	case m.quiet:
	case name == "_setitems" && len(items) == 2: // dill fills the global names of a function afterwards
		if f, ok := m.codes.globals[items[0].id]; ok && items[0].k == kDict && items[1].k == kDict {
			m.inScope(f, items[1])
		}
	case name == "_function_setstate" && len(items) == 2:
		m.dicts(items[1], 0, func(key string, v val) {
			if key == "__globals__" && v.k == kDict {
				m.inScope(items[0], v)
			}
		})
	case name == "_class_setstate" && len(items) == 2:
		m.methods(items[0], items[1:])
	case g.obj.UserCode && makesClass(g), canonical(g) == "builtins.type":
		m.methods(made, items)
	case g.obj.UserCode || makesFunction(g):
		if _, ok := m.carried(made, 0); !ok || makesCode(g) {
			return
		}
		for _, v := range items {
			if v.k != kDict {
				continue
			}
			if len(m.codes.globals) < maxLinked {
				if m.codes.globals == nil {
					m.codes.globals = map[uint32]val{}
				}
				m.codes.globals[v.id] = made
			}
			m.inScope(made, v)
			break // the first dictionary holds the global names
		}
	}
}

// dicts visits the entries of a dictionary, or of the dictionaries in a tuple.
func (m *machine) dicts(v val, depth int, visit func(key string, v val)) {
	switch v.k {
	case kTuple:
		for _, x := range firstOf(m.items(v), 8) {
			if depth < 2 {
				m.dicts(x, depth+1, visit)
			}
		}
	case kDict:
		items := m.items(v)
		for i := 0; i+1 < len(items); i += 2 {
			if s, ok := m.constant(items[i]); ok {
				visit(s, items[i+1])
			}
		}
	}
}

// methods looks for functions that a class runs by itself.
func (m *machine) methods(class val, items []val) {
	for _, v := range items {
		m.dicts(v, 0, func(key string, f val) {
			switch {
			case automatic[key]:
				m.runs(f)
			case key == "__init__" && class.k.onHeap() && len(m.codes.inits) < maxLinked:
				if m.codes.inits == nil {
					m.codes.inits = map[uint32][]val{}
				}
				if len(m.codes.inits[class.id]) < 4 {
					m.codes.inits[class.id] = append(m.codes.inits[class.id], f)
				}
			}
		})
	}
}

// inScope reports the code of a function again when its global names lead to modules or objects under other names than their own.
func (m *machine) inScope(f, dict val) {
	code, ok := m.carried(f, 0)
	if !ok || m.quiet {
		return
	}
	globals := map[string]string{}
	m.dicts(dict, 0, func(key string, v val) {
		path := ""
		switch {
		case v.k == kGlobal && m.global(v).known:
			path = m.global(v).path()
		case v.k == kModule:
			path = m.global(v).module
		case v.k == kCall && m.calleeGlobal(v) != nil && len(m.items(v)) > 0:
			switch lastName(m.calleeGlobal(v).name) {
			case "subimport", "dynamic_subimport", "_import_module", "__import__", "import_module":
				path, _ = m.constant(m.items(v)[0])
			}
		}
		if path != "" && path != key {
			globals[key] = spell(path)
		}
	})
	if len(globals) > 0 {
		m.learn(code, globals, false)
	}
}

// filled is told of new entries of a dictionary: dill fills the global names of a function after it has made the function.
func (m *machine) filled(dict val) {
	if len(m.codes.globals) == 0 {
		return
	}
	if f, ok := m.codes.globals[dict.id]; ok {
		m.inScope(f, dict)
	}
}

// codes keeps what is remembered of code objects that are still there.
func (c *collection) codes(k *codes) {
	for _, id := range slices.Sorted(maps.Keys(k.inits)) {
		for i := range k.inits[id] {
			c.keep(&k.inits[id][i])
		}
	}
	for _, id := range slices.Sorted(maps.Keys(k.globals)) {
		v := k.globals[id]
		c.keep(&v)
		k.globals[id] = v
	}
}

// moved follows the nodes to their new places and forgets those that are gone.
func (k *codes) moved(from *heap) {
	k.inits = rekey(k.inits, from)
	k.globals = rekey(k.globals, from)
	k.known = rekey(k.known, from)
}

func rekey[V any](old map[uint32]V, from *heap) map[uint32]V {
	if old == nil {
		return nil
	}
	now := make(map[uint32]V, len(old))
	for id, v := range old {
		if n := from.at(id); n.moved {
			now[n.first] = v
		}
	}
	return now
}
