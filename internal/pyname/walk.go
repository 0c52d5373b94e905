package pyname

import (
	"strings"

	"weir"
)

// Bounds on names: longer ones are not names that any Python package defines.
const (
	maxName  = 1 << 10
	maxParts = 32
)

// bridge reports whether walking through the attribute leads out of an object to its class, its globals or the import machinery. Frames,
// generators and the functions of Python 2 have such attributes without double underscores.
func bridge(part string) bool {
	switch part {
	case "f_back", "f_builtins", "f_globals", "f_locals", "f_code", "tb_frame", "tb_next", "gi_frame", "gi_code", "gi_yieldfrom",
		"cr_frame", "cr_code", "cr_await", "ag_frame", "ag_code", "func_globals", "func_code", "func_closure", "func_defaults",
		"im_func", "im_self", "im_class", "mro":
		return true
	}
	return len(part) > 4 && strings.HasPrefix(part, "__") && strings.HasSuffix(part, "__")
}

// walk follows the dotted path name from module on.
func (x *Index) walk(module, name string) Object {
	if len(module) > maxName || len(name) > maxName || strings.Count(name, ".") >= maxParts {
		return Object{Module: cutName(module), Name: cutName(name)}
	}
	module = x.canonical(module)
	if o, ok := x.find(module, name); ok {
		return x.finish(o)
	}
	first, rest, dotted := strings.Cut(name, ".")
	cur, ok := x.find(module, first)
	if !ok {
		cur = x.unlisted(module, first, dotted)
	}
	for dotted {
		var part string
		part, rest, dotted = strings.Cut(rest, ".")
		cur = x.step(cur, part)
	}
	return x.finish(cur)
}

// step goes from an object to one of its attributes.
func (x *Index) step(cur Object, part string) Object {
	if cur.Kind == KindModule {
		inside := join(cur.Module, cur.Name)
		next, ok := x.find(inside, part)
		if !ok {
			next = x.unlisted(inside, part, true)
		}
		return next
	}
	path := join(cur.Name, part)
	next, ok := x.find(cur.Module, path)
	if ok {
		return next
	}
	if inside := join(cur.Module, cur.Name); x.known(inside) {
		if next, ok = x.find(inside, part); ok { // a module that is listed as something else as well: dill's own
			return next
		}
	}
	next = Object{Module: cur.Module, Name: path}
	switch {
	case bridge(part):
		next.Power = cur.Power | Importing
	case cur.Dangerous():
		next.Power = cur.Power // a method of a dangerous class, an attribute of a dangerous object
	case cur.Kind == KindClass && cur.Safe.Has(weir.UseNamed):
		// The methods of known classes that reach something are listed; this one is not known to.
		next.Kind, next.Safe = KindFunction, 1<<weir.UseNamed
	}
	return next
}

// implicit are the methods that list, tuple, zip and the like call of what they are given, so that an instance is enough to run them.
var implicit = []string{"__iter__", "__next__", "next", "__len__", "__getitem__", "__contains__", "__index__", "__array__", "__reversed__"}

// finish gives the judgement on an object that a whole name led to.
func (x *Index) finish(o Object) Object {
	if o.Kind == KindModule {
		// A module is no data: whoever has it has all of its names, and BUILD on it rebinds them.
		o.Power |= Importing | Environment
		o.Safe = 0
	}
	if o.Kind == KindClass {
		for _, method := range implicit {
			if m, ok := x.find(o.Module, join(o.Name, method)); ok && m.Power&^Apply != 0 && m.Safe == 0 {
				o.Power |= m.Power
				o.Safe &= 1 << weir.UseNamed
			}
		}
	}
	if o.Shape == "" && converts(o) {
		o.Shape = valuesShape
	}
	return x.forget(o)
}

// find looks up a listed name.
func (x *Index) find(module, name string) (Object, bool) {
	if v, i, ok := x.module(module); ok {
		if r, ok := v.find(i, name); ok {
			return v.object(r, module, name), true
		}
	}
	return Object{}, false
}

// module finds the volume that holds a module, and its place there.
func (x *Index) module(name string) (volume, int, bool) {
	top, _, _ := strings.Cut(name, ".")
	at := volumeOf(top)
	if at >= len(x.volumes) {
		return "", 0, false
	}
	i, ok := x.volumes[at].module(name)
	return x.volumes[at], i, ok
}

// unlisted judges a name of a module that is not listed there: a module below it, a module that it imports, what is said of all of its
// names, an attribute that every module has.
func (x *Index) unlisted(module, name string, more bool) Object {
	o := Object{Module: module, Name: name, Power: x.wild(module)}
	if strings.HasSuffix(module, ".__main__") {
		o.Power |= Execute // importing it runs a program
	}
	if bridge(name) {
		o.Power |= Importing
	}
	if x.known(join(module, name)) {
		o.Kind = KindModule
		return o
	}
	if more && o.Power == 0 {
		// "random" + "_os.system": modules import others under their own name or with an underscore before it.
		if top := strings.TrimLeft(name, "_"); top != "" && x.known(top) {
			return Object{Module: top, Kind: KindModule}
		}
	}
	return o
}

// wild is the power of all names of a module that are not listed, its parents included.
func (x *Index) wild(module string) Power {
	var p Power
	child := module
	for {
		if v, i, ok := x.module(module); ok {
			own, marks := v.power(i)
			if marks&reachOwn == 0 || module == child {
				p |= own
			}
			if marks&reachStops != 0 {
				return p
			}
		}
		dot := strings.LastIndexByte(module, '.')
		if dot < 0 {
			return p
		}
		module = module[:dot]
	}
}

// known reports whether the index has a module of that name.
func (x *Index) known(module string) bool {
	_, _, ok := x.module(module)
	return ok
}

// canonical follows names that sys.modules holds for a module of another name: os.path, posix.
func (x *Index) canonical(module string) string {
	if v, i, ok := x.module(module); ok {
		if a := v.alias(i); a != "" {
			return a
		}
	}
	return module
}

// Path resolves a dotted path whose module part is not marked off, as in "numpy.core.multiarray._reconstruct".
func (x *Index) Path(path string, protocol int) Object {
	return x.memo.get(spelling{name: path, old: protocol < 3, path: true}, func() Object { return x.resolvePath(path, protocol) })
}

func (x *Index) resolvePath(path string, protocol int) Object {
	if len(path) > 2*maxName {
		return Object{Name: cutName(path)}
	}
	for dot := strings.LastIndexByte(path, '.'); dot > 0; dot = strings.LastIndexByte(path[:dot], '.') {
		if m := path[:dot]; x.known(m) || oldModuleKnown(m) {
			return x.Resolve(m, path[dot+1:], protocol)
		}
	}
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 {
		return Object{Name: path}
	}
	return x.Resolve(path[:dot], path[dot+1:], protocol)
}

// oldModuleKnown reports whether Python 3 maps names of that module.
func oldModuleKnown(module string) bool {
	m, _ := python3(module, "")
	return m != module
}

func join(module, name string) string {
	switch {
	case module == "":
		return name
	case name == "":
		return module
	}
	return module + "." + name
}

func cutName(s string) string { return s[:min(len(s), maxName)] }
