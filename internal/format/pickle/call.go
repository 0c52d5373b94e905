package pickle

import (
	"errors"
	"fmt"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// intern gives the one global for a name under the current protocol, which decides how CPython looks it up.
func (m *machine) intern(module, name string) *global {
	class := byte('3')
	switch {
	case m.proto < 3:
		class = '2'
	case m.proto >= 4:
		class = '4'
	}
	key := string(class) + module + "\x00" + name
	if g := m.globals[key]; g != nil {
		return g
	}
	g := &global{module: module, name: name, at: m.opAt, known: true}
	g.obj = m.names.Resolve(module, name, m.proto)
	g.watch = m.opt.Watch[g.path()] || m.opt.Watch[canonical(g)]
	if m.enter(g, 3*len(key)) {
		m.globals[key] = g
	} else {
		m.dropped = true
	}
	return g
}

// globalSize is about what a global takes, less its names.
const globalSize = 400

// enter gives a global a place in the table, as long as there is room; dangerous names have room of their own.
func (s *session) enter(g *global, size int) bool {
	if g.id != 0 {
		return true
	}
	if len(s.table) == 0 {
		s.table = append(s.table, &global{name: "one of too many names", computed: true})
	}
	limit := maxNameBytes
	if g.obj.Power != 0 {
		limit += maxNameBytes / 8
	}
	if s.nameBytes+size+globalSize > limit {
		return false
	}
	s.nameBytes += size + globalSize
	g.id = uint32(len(s.table))
	s.table = append(s.table, g)
	return true
}

// canonical is the dotted name of the object that g really is.
func canonical(g *global) string {
	if g.real == "" {
		if g.real = g.path(); g.obj.Module != "" {
			g.real = g.obj.Module + "." + g.obj.Name
		}
	}
	return g.real
}

// globalVal is a value that refers to an import.
func (s *session) globalVal(g *global) val {
	if !s.enter(g, 2*(len(g.module)+len(g.name))) {
		s.dropped = true
	}
	return val{k: kGlobal, id: g.id}
}

// moduleVal is a value that is a module.
func (m *machine) moduleVal(name string) val {
	key := "m" + name
	g := m.globals[key]
	if g == nil {
		g = &global{module: name}
		if m.enter(g, 3*len(key)) {
			m.globals[key] = g
		} else {
			m.dropped = true
			return val{k: kGlobal}
		}
	}
	return val{k: kModule, id: g.id}
}

// find performs find_class: the import itself is a fact.
func (m *machine) find(module, name, op string) val {
	g := m.intern(module, name)
	m.say(g, weir.UseNamed, op, nil, 0)
	return m.globalVal(g)
}

// textName reads a line that names a module or attribute. At the end of the file, where the newline is missing, Python's own unpicklers
// drop the last byte instead and import what is left; last is then true.
func (m *machine) textName() (name string, last bool, err error) {
	off, n, err := m.rd.line()
	if errors.Is(err, errTruncated) {
		return string(m.rd.at(off, n-1, 4096)), true, nil
	}
	if err != nil {
		return "", false, err
	}
	return string(m.rd.at(off, n, 4096)), false, nil
}

// textGlobal executes GLOBAL.
func (m *machine) textGlobal() error {
	g, cut, err := m.namedPair("GLOBAL")
	if err != nil {
		return err
	}
	m.push(g)
	if cut {
		return errTruncated
	}
	return nil
}

// namedPair reads the two lines of GLOBAL and INST and performs the import; cut says that the file ends in them.
func (m *machine) namedPair(op string) (g val, cut bool, err error) {
	module, cut, err := m.textName()
	if err != nil {
		return val{}, false, err
	}
	name := ""
	if !cut {
		if name, cut, err = m.textName(); err != nil {
			return val{}, false, err
		}
	}
	if cut {
		if module == "" {
			return val{}, true, errTruncated
		}
		m.diverge("%s without a newline at the end: the Python unpicklers import, the C one stops", op)
	}
	return m.find(module, name, op), cut, nil
}

// stackGlobal executes STACK_GLOBAL.
func (m *machine) stackGlobal() error {
	n, err := m.pop()
	if err != nil {
		return err
	}
	mod, err := m.pop()
	if err != nil {
		return err
	}
	module, ok1 := m.constant(mod)
	name, ok2 := m.constant(n)
	if ok1 && ok2 {
		m.memo.keepName(mod)
		m.memo.keepName(n)
		m.push(m.find(module, name, "STACK_GLOBAL"))
		return nil
	}
	g := m.unknownGlobal(fmt.Sprintf("import of %s from %s", m.value(n, 3, 4), m.value(mod, 3, 4)))
	m.say(g, weir.UseNamed, "STACK_GLOBAL", nil, 0)
	m.push(m.globalVal(g))
	return nil
}

// unknownGlobal stands for an object that the stream computes; it is never safe.
func (m *machine) unknownGlobal(what string) *global {
	return &global{name: what, at: m.opAt, computed: true}
}

// inst executes INST.
func (m *machine) inst() error {
	cls, cut, err := m.namedPair("INST")
	if err != nil {
		return err
	}
	vs, n, err := m.popMark()
	if err != nil {
		return err
	}
	m.push(m.construct(cls, m.tuple(vs, n), "INST"))
	if cut {
		return errTruncated
	}
	return nil
}

// obj executes OBJ.
func (m *machine) obj() error {
	vs, n, err := m.popMark()
	if err != nil {
		return err
	}
	if len(vs) == 0 {
		return m.fail("OBJ without a class")
	}
	cls := vs[0]
	m.push(m.construct(cls, m.tuple(vs[1:], n-1), "OBJ"))
	return nil
}

func (m *machine) tuple(vs []val, n int64) val {
	return m.filledWith(kTuple, maxTupleItems, vs, n)
}

// construct is what INST and OBJ do: without arguments a class is only allocated, anything else is called.
func (m *machine) construct(cls, args val, op string) val {
	if m.count(args) == 0 && cls.k == kGlobal && m.global(cls).obj.Kind == pyname.KindClass {
		return m.instantiate(cls, args, op)
	}
	return m.call(cls, args, op)
}

func (m *machine) withKeywords(args, kw val) val {
	if kw.k == kDict && m.count(kw) == 0 || args.k != kTuple {
		return args
	}
	items := append(append([]val(nil), m.items(args)...), kw)
	v := m.filledWith(kTuple, len(items), items, m.count(args)+1)
	v.n = args.n
	return v
}

// args gives the positional arguments that a call would see. CPython's C unpickler wants a tuple, the Python one takes any iterable.
func (m *machine) args(args val) ([]val, int64) {
	switch args.k {
	case kTuple:
		return m.items(args), m.count(args)
	case kList, kSet:
		m.diverge("%s with arguments that are not a tuple: the Python unpickler calls, the C one stops", opName(m.op))
		return m.items(args), m.count(args)
	case kDict:
		m.diverge("%s with arguments that are not a tuple: the Python unpickler calls, the C one stops", opName(m.op))
		var keys []val
		for i, v := range m.items(args) {
			if i%2 == 0 {
				keys = append(keys, v)
			}
		}
		return keys, m.count(args)
	}
	return []val{args}, 1
}

// result makes the value of a call.
func (m *machine) result(k kind, callee val, items []val, count int64) val {
	for _, v := range items {
		m.walked(v)
	}
	v := m.filledWith(k, valChunk, items, count)
	p := m.node(v)
	p.calleeKind, p.callee = callee.k, callee.id
	m.hookItems(v, items)
	m.placeArgs(v, items)
	if m.in.Trace != nil {
		m.vars++
		p.id = m.vars
	}
	return v
}

// instantiate is cls.__new__(cls, *args).
func (m *machine) instantiate(cls, args val, op string) val {
	items, n := m.args(args)
	r := m.result(kInst, cls, items, n)
	m.sayOf(cls, weir.UseInstantiated, op, items, r)
	return r
}

// sayOf emits the fact for an object that may not be a plain import.
func (m *machine) sayOf(obj val, use weir.Use, op string, args []val, result val) {
	g := m.globalOf(obj)
	m.traced = result
	m.say(g, use, op, args, int64(len(args)))
	m.traced = val{}
}

// globalOf gives the name that stands for a value that is used as a class or function.
func (m *machine) globalOf(v val) *global {
	switch v.k {
	case kGlobal:
		return m.global(v)
	case kCall, kInst:
		if g, ok := m.classOf(v); ok {
			return g
		}
		// a class that the file itself makes (cloudpickle): its maker stands for it
		if root := m.rootOf(v); root != nil && root.obj.UserCode {
			return root
		}
	}
	return m.unknownGlobal(m.value(v, 3, 6).String())
}

// rootOf follows callees down to the import that made a value.
func (s *session) rootOf(v val) *global {
	for range 32 {
		switch v.k {
		case kGlobal:
			return s.global(v)
		case kCall, kInst:
			v = s.callee(v)
		default:
			return nil
		}
	}
	return nil
}

// classOf tells of which class the result of a call or instantiation is.
func (m *machine) classOf(v val) (*global, bool) {
	if v.k != kCall && v.k != kInst {
		return nil, false
	}
	if c, ok := m.heap.attr(m.node(v), tagClass); ok && c.k == kGlobal {
		return m.global(c), true
	}
	g := m.calleeGlobal(v)
	if g == nil {
		return nil, false
	}
	items := m.items(v)
	if g.obj.Shape == "newobj" && len(items) > 0 && items[0].k == kGlobal {
		return m.global(items[0]), true // pandas and scikit-learn have makers of this kind too
	}
	switch canonical(g) {
	case "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct", "copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__", "copy_reg._reconstructor":
		if len(items) > 0 && items[0].k == kGlobal {
			return m.global(items[0]), true
		}
		return nil, false
	}
	return g, true
}

// call is fn(*args).
func (m *machine) call(fn, args val, op string) val {
	items, n := m.args(args)
	return m.apply(fn, items, n, op, 0)
}

// apply follows one call as far as constants allow. depth bounds chains of partial, methodcaller and the like.
func (m *machine) apply(fn val, items []val, n int64, op string, depth int) val {
	r := m.result(kCall, fn, items, n)
	m.runs(fn)
	if depth > 16 {
		m.sayOf(val{k: kLost}, weir.UseCalled, op, items, r)
		return r
	}
	switch fn.k {
	case kGlobal:
		return m.callGlobal(fn, items, n, op, r)
	case kCall, kInst:
		if g := m.calleeGlobal(fn); g != nil {
			made := m.items(fn)
			switch canonical(g) {
			case "functools.partial", "_functools.partial":
				if len(made) > 0 {
					all := append(append([]val(nil), made[1:]...), items...)
					m.apply(made[0], all, int64(len(all)), op, depth+1)
					return r
				}
			case "operator.attrgetter", "_operator.attrgetter":
				if len(made) == 1 && len(items) == 1 {
					return m.getattr(items[0], made[0], op)
				}
			case "operator.methodcaller", "_operator.methodcaller":
				if len(made) > 0 && len(items) == 1 {
					return m.apply(m.getattr(items[0], made[0], op), made[1:], int64(len(made)-1), op, depth+1)
				}
			}
			if fn.k == kInst {
				bound := m.intern(g.module, g.name+".__call__")
				m.traced = r
				m.say(bound, weir.UseCalled, op, items, n)
				m.traced = val{}
				return r
			}
			if root := m.rootOf(fn); root != nil && root.obj.UserCode && makesClass(root) {
				m.sayOf(m.globalVal(root), weir.UseInstantiated, op, items, r)
				return r
			}
		}
	}
	g := m.unknownGlobal(m.value(fn, 3, 6).String())
	m.traced = r
	m.say(g, weir.UseCalled, op, items, n)
	m.traced = val{}
	return r
}

// makesClass reports whether a maker of user code makes classes (whose call is an instance) rather than functions.
func makesClass(g *global) bool {
	switch g.name[strings.LastIndexByte(g.name, '.')+1:] {
	case "_make_skeleton_class", "_make_skeleton_enum", "_create_type", "_rehydrate_skeleton_class", "_create_namedtuple", "_make_typevar", "_builtin_type", "_load_type", "_create_class":
		return true
	}
	return false
}

// calleeGlobal gives the import whose call or instantiation a value is the result of, or nil.
func (s *session) calleeGlobal(v val) *global {
	if v.k != kCall && v.k != kInst {
		return nil
	}
	if n := s.node(v); n.calleeKind == kGlobal {
		return s.table[n.callee]
	}
	return nil
}

// callGlobal is a call of an import: what is known of the callee decides what the result is.
func (m *machine) callGlobal(fn val, items []val, n int64, op string, r val) val {
	g := m.global(fn)
	name := canonical(g)
	m.traced = r
	m.say(g, weir.UseCalled, op, items, n)
	m.traced = val{}
	if g.watch && m.opt.Call != nil {
		m.shelf.lend()
		vs := m.shelf.take(len(items))
		for i, v := range items {
			vs[i] = m.value(v, 6, maxTupleItems)
		}
		m.opt.Call(m.opAt, name, vs)
		m.shelf.end()
	}
	switch name {
	case "builtins.getattr":
		if len(items) >= 2 {
			return m.getattr(items[0], items[1], op)
		}
	case "importlib.import_module", "builtins.__import__", "importlib.__import__":
		if len(items) > 0 {
			if s, ok := m.constant(items[0]); ok {
				if name != "importlib.import_module" && n < 4 {
					s, _, _ = strings.Cut(s, ".")
				}
				return m.moduleVal(s)
			}
		}
	case "pkgutil.resolve_name", "pydoc.locate":
		if len(items) > 0 {
			if s, ok := m.constant(items[0]); ok {
				if mod, attr, ok := strings.Cut(s, ":"); ok {
					return m.find(mod, attr, op)
				}
				if i := strings.LastIndexByte(s, '.'); i > 0 {
					return m.find(s[:i], s[i+1:], op)
				}
				return m.moduleVal(s)
			}
		}
	case "copyreg.add_extension", "copy_reg.add_extension":
		if len(items) >= 3 && items[2].k == kInt {
			mod, ok1 := m.constant(items[0])
			attr, ok2 := m.constant(items[1])
			if ok1 && ok2 && len(m.ext) < maxExtensions {
				m.ext[items[2].n] = m.intern(mod, attr)
			}
		}
	case "copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__", "copy_reg._reconstructor", "copy_reg.__newobj__":
		if len(items) > 0 {
			m.sayOf(items[0], weir.UseInstantiated, op, items[1:], val{})
		}
	case "builtins.code", "types.CodeType":
		m.codeObject(items)
	}
	m.carriers(g, items, r)
	if g.obj.Power&pyname.Apply != 0 && !keeps[name] {
		for _, v := range items {
			m.runs(v) // map, reduce and their kin call what they are given
		}
	}
	if g.obj.UserCode {
		if v, ok := m.userCode(g, items, op); ok {
			return v
		}
	}
	if (!g.obj.Safe.Has(weir.UseCalled) || g.obj.Shape != "") && !makesCode(g) { // bytecode and line tables are read as what they are
		m.examineBytes(items)
	}
	return r
}

// userCode gives the results of the makers of cloudpickle and dill that later opcodes build on.
func (m *machine) userCode(g *global, items []val, op string) (val, bool) {
	switch g.name[strings.LastIndexByte(g.name, '.')+1:] {
	case "_builtin_type", "_load_type": // cloudpickle, dill: a type by its name in module types or builtins
		if len(items) == 1 {
			if s, ok := m.constant(items[0]); ok {
				return m.typeByName(g, s, op)
			}
		}
	case "_import_module", "subimport": // dill, cloudpickle: a module
		if len(items) > 0 {
			if s, ok := m.constant(items[0]); ok {
				return m.moduleVal(s), true
			}
		}
	case "_get_attr": // dill: getattr, and __import__ of what is not there yet
		if len(items) == 2 {
			return m.getattr(items[0], items[1], op), true
		}
	case "_create_array": // dill: a call and the state of what it gives
		if len(items) >= 3 {
			args, n := m.args(items[1])
			made := m.apply(items[0], args, n, op, 1)
			m.sayOf(made, weir.UseStateSet, op, []val{items[2]}, val{})
			return made, true
		}
	case "_create_code", "_make_code", "CodeType":
		m.codeObject(items)
	}
	return val{}, false
}

// typeByName finds what dill and cloudpickle mean by the name of a type. The type of code objects stays user code: what is made with it
// is code that the file carries, and is judged by what it calls.
func (m *machine) typeByName(maker *global, name, op string) (val, bool) {
	if name == "CodeType" {
		key := "t" + maker.path()
		carried := m.globals[key]
		if carried == nil {
			carried = &global{module: maker.module, name: maker.name, at: maker.at, known: maker.known, obj: maker.obj}
			carried.obj.Module, carried.obj.Name = "types", "CodeType"
			m.globals[key] = carried
		}
		return m.globalVal(carried), true
	}
	module := "builtins"
	if strings.HasSuffix(name, "Type") || strings.HasSuffix(maker.name, "_builtin_type") && name != "type" {
		module = "types" // cloudpickle looks there alone: GenericAlias for an annotation like list[str]
	}
	return m.find(module, name, op), true
}

// getattr resolves an attribute of something known to an import of its own.
func (m *machine) getattr(obj, name val, op string) val {
	attr, ok := m.constant(name)
	if ok {
		switch obj.k {
		case kModule:
			return m.find(m.global(obj).module, attr, "getattr")
		case kGlobal:
			if m.global(obj).known {
				return m.find(m.global(obj).module, m.global(obj).name+"."+attr, "getattr")
			}
		case kCall, kInst:
			if g, ok := m.classOf(obj); ok && g.known {
				return m.find(g.module, g.name+"."+attr, "getattr")
			}
		default:
			if t := builtinType(obj.k); t != "" {
				return m.find("builtins", t+"."+attr, "getattr")
			}
		}
	}
	g := m.unknownGlobal("getattr(" + m.value(obj, 3, 4).String() + ", " + m.value(name, 3, 4).String() + ")")
	m.say(g, weir.UseNamed, op, nil, 0)
	return m.globalVal(g)
}

func builtinType(k kind) string {
	switch k {
	case kStr:
		return "str"
	case kBytes:
		return "bytes"
	case kTuple:
		return "tuple"
	case kList:
		return "list"
	case kDict:
		return "dict"
	case kSet:
		return "set"
	case kInt, kBigInt:
		return "int"
	case kFloat:
		return "float"
	}
	return ""
}

// extension executes EXT1, EXT2 and EXT4.
func (m *machine) extension(code int64) {
	if g := m.ext[code]; g != nil {
		m.say(g, weir.UseNamed, opName(m.op), nil, 0)
		m.push(m.globalVal(g))
		return
	}
	g := m.unknownGlobal(fmt.Sprintf("extension code %d", code))
	m.say(g, weir.UseNamed, opName(m.op), nil, 0)
	m.push(m.globalVal(g))
}

func (m *machine) persID(id val) {
	p := m.filledWith(kPersID, 1, []val{id}, 1)
	if m.opt.PersID != nil {
		item := m.opt.PersID(m.opAt, m.value(id, 6, 64))
		if items := m.items(id); id.k == kTuple && item >= 0 && item < len(items) {
			m.push(items[item])
			return
		}
	}
	m.push(p)
}

// build executes BUILD.
func (m *machine) build(st val) error {
	inst, err := m.top()
	if err != nil {
		return err
	}
	state, slots := st, val{}
	if two := m.items(st); st.k == kTuple && len(two) == 2 && m.count(st) == 2 {
		state, slots = two[0], two[1]
	}
	m.placed(inst, st, "")
	switch inst.k {
	case kGlobal, kModule:
		// the object itself is given state, not an instance of it: attributes of a class, function or module change for everybody
		m.say(m.intern("builtins", "setattr"), weir.UseCalled, "BUILD", []val{inst, st}, 2)
	case kCall, kInst:
		if f, ok := m.heap.attr(m.node(inst), tagSetState); ok {
			m.call(f, m.tuple([]val{st}, 1), "BUILD")
			break
		}
		m.sayOf(inst, weir.UseStateSet, "BUILD", []val{st}, val{})
		m.partialState(inst, st)
		m.arrayType(inst, st)
		m.aliasState(inst, st, slots)
		for _, s := range []val{state, slots} {
			m.runHooks(s)
			if !s.k.onHeap() || m.node(s).ext == 0 {
				continue
			}
			for t, v := range m.heap.exts[m.node(s).ext-1] {
				if v.k != kEmpty && tag(t) < tagHook && (tag(t) != tagClass || s == slots) {
					m.heap.setAttr(m.node(inst), tag(t), v)
				}
			}
		}
		if g, ok := m.classOf(inst); ok && m.opt.Build != nil && (g.watch || m.opt.Watch[g.path()]) {
			skip, err := m.opt.Build(m.rd.offset(), canonical(g), m.value(st, 6, 64))
			if err != nil {
				return err
			}
			if skip > 0 {
				if err := m.rd.skip(skip); err != nil {
					return err
				}
				m.rd.frame = 0
			}
		}
	case kPersID, kLost, kBuffer:
		m.say(m.unknownGlobal(m.value(inst, 3, 4).String()), weir.UseStateSet, "BUILD", []val{st}, 1)
	}
	return nil
}

// tooMuch is the size, in bytes of our own nodes, from which on a value is taken for a bomb: small in the file, because parts of it stand for
// the same object, and enormous for whoever walks it.
const tooMuch = 1 << 29

// hashed notes a key that the unpickler walks in full to compute its hash.
func (m *machine) hashed(v val) {
	if v.k == kTuple || v.k == kSet || v.k == kLost {
		m.walked(v)
	}
}

// walked notes a value that is walked in full; a call may do that with its arguments.
func (m *machine) walked(v val) {
	if m.heap.weight(v) >= tooMuch {
		m.oddity(weir.OddBomb, m.opAt, 0, "%s works on a value that stands for more than %d parts", opName(m.op), tooMuch/nodeCost)
	}
}

// partialState follows functools.partial.__setstate__, whose state (func, args, keywords, dict) replaces what the partial calls.
func (m *machine) partialState(inst, st val) {
	g, ok := m.classOf(inst)
	s := m.items(st)
	if !ok || st.k != kTuple || len(s) < 2 {
		return
	}
	switch canonical(g) {
	case "functools.partial", "_functools.partial":
		args, _ := m.args(s[1])
		n, items := m.node(inst), append([]val{s[0]}, args...)
		n.kept, n.room, n.count = 0, 0, uint32(len(items))
		m.heap.add(n, valChunk, items)
	}
}

// aliasState sees that slot state of a generic alias of module typing goes to what it is an alias of: the class changes for everybody.
func (m *machine) aliasState(inst, st, slots val) {
	g, ok := m.classOf(inst)
	if ok && slots.k == kDict && m.count(slots) > 0 && strings.HasPrefix(canonical(g), "typing._") && strings.HasSuffix(g.name, "Alias") {
		m.say(m.intern("builtins", "setattr"), weir.UseCalled, "BUILD", []val{inst, st}, 2)
	}
}

// The flags of a dtype that holds objects: items are counted references, and are pickled as a list rather than as bytes.
const objectFlags = 1 | 2

// arrayType follows numpy.dtype.__setstate__, whose state (version, order, subarray, names, fields, size, alignment, flags) numpy believes:
// with objects in its fields and without their flags, bytes of the file become the addresses of Python objects.
func (m *machine) arrayType(inst, st val) {
	s := m.items(st)
	if !m.isArrayType(inst) || st.k != kTuple || len(s) < 5 {
		return
	}
	m.arrayFields(inst, st, s)
	object := false
	if sub := m.items(s[2]); s[2].k == kTuple && len(sub) > 0 {
		object = m.holdsObjects(sub[0])
	}
	if s[4].k == kDict {
		for i, f := range m.items(s[4]) {
			if field := m.items(f); i%2 == 1 && f.k == kTuple && len(field) > 0 {
				object = object || m.holdsObjects(field[0])
			}
		}
	}
	if !object {
		return
	}
	m.node(inst).objects = true
	if len(s) < 8 || s[7].k != kInt || s[7].n&objectFlags != objectFlags {
		m.say(m.unknownGlobal("a Python object at an address that the file holds"), weir.UseCalled, "BUILD", []val{inst, st}, 2)
	}
}

func (m *machine) isArrayType(v val) bool {
	g, ok := m.classOf(v)
	return ok && strings.HasPrefix(g.module, "numpy") && (g.name == "dtype" || g.obj.Name == "dtype")
}

// holdsObjects reports whether a dtype is one of Python objects or has fields of them.
func (m *machine) holdsObjects(v val) bool {
	if !m.isArrayType(v) {
		return false
	}
	items := m.items(v)
	if m.node(v).objects || len(items) == 0 {
		return m.node(v).objects
	}
	code, _ := m.constant(items[0])
	if items[0].k == kBytes {
		code, _ = m.text(items[0], 16)
	}
	return strings.HasPrefix(strings.TrimLeft(code, "<>|="), "O")
}

// extend executes APPEND, APPENDS and ADDITEMS. vs may lie above the stack: it is copied before the stack is touched.
func (m *machine) extend(vs []val, n int64, method string) error {
	if method == "add" {
		for _, v := range vs {
			m.hashed(v)
		}
	}
	kept := m.scratch[:copy(m.scratch[:maxListItems], vs)]
	if len(m.stack) == 0 && len(kept) > 0 && n <= int64(len(kept)) {
		// pickle.py of Python 2 looks for the list at stack[-1], which is then the last of the items
		m.diverge("%s without anything below its mark: Python 2 takes the last item for the list", opName(m.op))
		m.sayOf(kept[n-1], weir.UseStateSet, opName(m.op), kept, val{})
		return nil
	}
	to, err := m.top()
	if err != nil {
		return err
	}
	switch to.k {
	case kList, kSet:
		p := m.node(to)
		m.placeItems(to, int64(p.count), vs)
		m.heap.add(p, maxListItems, kept)
		p.grow(n)
	case kGlobal:
		g := m.global(to)
		m.say(m.intern(g.module, g.name+"."+method), weir.UseCalled, opName(m.op), kept, n)
	case kCall, kInst:
		for _, t := range []tag{tagExtend, tagAppend, tagAdd} {
			if f, ok := m.heap.attr(m.node(to), t); ok {
				m.call(f, m.tuple(kept, n), opName(m.op))
				return nil
			}
		}
		m.sayOf(to, weir.UseStateSet, opName(m.op), kept, val{})
	case kModule, kPersID, kLost, kBuffer:
		m.say(m.unknownGlobal(m.value(to, 3, 4).String()+"."+method), weir.UseCalled, opName(m.op), kept, n)
	}
	return nil
}

// setItems executes SETITEM and SETITEMS. vs may lie above the stack: it is copied before the stack is touched.
func (m *machine) setItems(vs []val, n int64) error {
	tagged := false
	for i := 0; i+1 < len(vs); i += 2 {
		tagged = tagged || vs[i].tag != tagNone
		m.hashed(vs[i])
	}
	kept := m.scratch[:copy(m.scratch[:maxDictItems], vs[:len(vs)/2*2])]
	to, err := m.top()
	if err != nil {
		return err
	}
	if tagged && (to.k == kDict || to.k == kCall || to.k == kInst) {
		for i := 0; i+1 < len(vs); i += 2 {
			m.heap.setAttr(m.node(to), vs[i].tag, vs[i+1])
		}
	}
	if to.k == kDict || to.k == kCall || to.k == kInst {
		m.hookPairs(to, vs)
	}
	m.placePairs(to, vs)
	switch to.k {
	case kDict:
		if n%2 != 0 {
			m.diverge("odd number of values for a dict")
		}
		p := m.node(to)
		m.heap.add(p, maxDictItems, kept)
		p.grow(n / 2)
		m.filled(to)
	case kGlobal, kModule, kPersID, kLost:
		m.say(m.unknownGlobal(m.value(to, 3, 4).String()+".__setitem__"), weir.UseCalled, opName(m.op), kept, n)
	case kCall, kInst:
		m.sayOf(to, weir.UseStateSet, opName(m.op), kept[:min(len(kept), 4)], val{})
	}
	return nil
}

// named reports whether a value is an object with the name of one, or no imported object at all.
func (m *machine) named(v val) bool {
	if v.k != kGlobal && v.k != kModule {
		return true
	}
	g := m.globalOf(v)
	return g != nil && identifier(g.module) && (g.name == "" || identifier(g.name))
}

// say emits the fact that g is used, once for uses that cannot matter again and every time, with arguments, for those that do.
func (m *machine) say(g *global, use weir.Use, op string, args []val, n int64) {
	m.imports++
	if m.in.Trace != nil && !m.quiet {
		m.trace(g, use, op, args)
	}
	if m.opt.Silent {
		return
	}
	if m.quiet {
		if g.known && identifier(g.module) && identifier(g.name) {
			call := false
			switch m.op {
			case opReduce, opInst, opObj, opNewObj, opNewObjEx: // letters of plain text seldom make these succeed
				call = use != weir.UseNamed
			case opBuild: // nor this, on something that has a name
				call = use != weir.UseNamed && (len(args) == 0 || m.named(args[0]))
			}
			if m.op == opBuild && use == weir.UseCalled && !call {
				return
			}
			m.credible = append(m.credible, credit{g, call})
		}
		return
	}
	var vs []weir.Value
	fits, slot := true, int(use)
	if use == weir.UseStateSet && op != "BUILD" {
		slot = len(g.sayings) - 1
	}
	if use != weir.UseNamed && g.obj.Shape != "" {
		if g.fit[slot] && pyname.FitsConstants(g.obj.Shape) && constants(args) {
			return
		}
		m.shown = maxShaped
		if g.fit[slot] { // the fact was emitted: these values are only looked at
			m.shelf.lend()
		}
		vs = m.valuesOf(args, 64)
		fits = pyname.Fits(g.obj.Shape, vs)
		m.shelf.end()
		if fits && g.fit[slot] {
			m.shown = maxShown
			return
		}
		if g.fit[slot] {
			vs = m.valuesOf(args, 64)
		}
		m.shown = maxShown
		g.fit[slot] = fits || g.fit[slot]
	}
	safe := g.obj.Safe.Has(use) && fits && (slot == int(use) || g.obj.Items)
	grave := !safe && (g.computed || g.obj.Power != 0 || !fits)
	applies := grave && g.obj.Power&pyname.Apply != 0
	limit := uint16(1)
	switch {
	case use == weir.UseNamed:
	case applies:
		limit = 4096 // what it does is said by its arguments alone
	case grave:
		limit = 64
	case !safe:
		limit = 4
	}
	if g.sayings[slot] >= limit {
		m.dropped = m.dropped || applies && use != weir.UseNamed
		return
	}
	if g.computed {
		if m.computed >= maxComputed {
			m.dropped = true
			return
		}
		m.computed++
	}
	// Repetitions of dangerous names stop early, so that they fill no memory; a name that was not said yet never hides behind them.
	if grave && m.dangerous < maxDangerous {
		m.dangerous++
	} else {
		if grave && !applies && g.sayings[slot] > 0 {
			return
		}
		if m.ordinary >= maxOrdinary {
			m.dropped = true
			return
		}
		m.ordinary++
	}
	g.sayings[slot]++
	if vs == nil && use != weir.UseNamed {
		vs = m.values(args)
	}
	imp := weir.Import{
		Module: spell(g.module), Name: spell(g.name), Use: use, Protocol: m.proto, Computed: g.computed, Op: op, Args: vs, At: m.opAt,
	}
	if !safe || m.in.Inspect { // nobody asks for the text of what is harmless, and most is
		imp.Evidence = imp.Python(n)
	}
	m.in.Emit(imp)
}

// constants reports whether all values are numbers, texts and the like.
func constants(vs []val) bool {
	for _, v := range vs {
		if v.k < kNone || v.k > kBytes {
			return false
		}
	}
	return true
}

func (m *machine) values(args []val) []weir.Value { return m.valuesOf(args, 16) }

// valuesOf turns arguments into what facts carry, with that many items of each container.
func (m *machine) valuesOf(args []val, items int) []weir.Value {
	vs := m.shelf.take(min(len(args), 64))
	for i := range vs {
		vs[i] = m.value(args[i], 4, items)
	}
	return vs
}

// maxEvidence bounds the text of one fact.
const maxEvidence = 2048
