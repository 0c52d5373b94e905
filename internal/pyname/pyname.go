// Package pyname is the attribute index: which module.attribute is really which Python object, and what whoever controls its arguments
// can do with it. The data is generated from the real packages by the scripts in gen/, so that a judgement needs no Python on the machine
// that scans and is the same everywhere.
//
// Start with [Index.Resolve] on [Default], then ask the [Object] with [Object.Allows].
package pyname

import (
	"iter"

	"weir"
)

// Kind says what sort of object a name leads to.
type Kind uint8

// The kinds.
const (
	KindUnknown  Kind = iota // not in the index
	KindModule               // a module
	KindClass                // a class
	KindFunction             // a plain function, builtin, ufunc or bound method
	KindObject               // any other object: a constant, an enum member, an instance
)

// Power is what an object gives whoever controls its arguments; a bit set.
type Power uint16

// The powers.
const (
	Execute     Power = 1 << iota // runs Python code, a shell or a process
	Importing                     // imports or resolves modules and attributes by name (import_module, resolve_name, getattr)
	File                          // reads, writes, removes or lists files
	Network                       // opens connections or listens
	Native                        // loads native code or pokes memory
	Deserialize                   // unpickles or otherwise decodes into objects
	Environment                   // changes the interpreter or process for others: sys.modules, environ, signal handlers, monkey patches
	Crash                         // ends or exhausts the process
	Apply                         // calls a callable that it is given (map, partial, reduce, defaultdict): as dangerous as its argument
)

var powerNames = [...]string{"execute", "import", "file", "network", "native", "deserialize", "environment", "crash", "apply"}

// String lists the powers, separated by commas.
func (p Power) String() string {
	s := ""
	for i, n := range powerNames {
		if p&(1<<i) != 0 {
			if s != "" {
				s += ","
			}
			s += n
		}
	}
	return s
}

// Object is what the index knows of one name.
type Object struct {
	Module, Name string // canonical: where the object is really defined, after aliases, Python 2 names and re-exports
	Kind         Kind
	Power        Power  // what it gives an attacker; 0: none known
	Safe         Uses   // uses in which it cannot do harm, whatever state follows
	Shape        string // when not empty, uses are safe only with arguments or a state of that shape: ask Allows
	// UserCode: no power of its own, but it carries code that the user of the library wrote (cloudpickle's and dill's functions and
	// classes), which must be shown and judged by what it calls.
	UserCode bool
	// Items: SETITEM, APPEND and ADDITEMS on an instance fill a container and do nothing else.
	Items bool
}

// Path is the canonical dotted name.
func (o Object) Path() string { return o.Module + "." + o.Name }

// Dangerous reports whether o gives an attacker something and there is no use in which it is known to be harmless.
func (o Object) Dangerous() bool { return o.Power != 0 && o.Safe == 0 }

// Allows reports whether a use of o cannot do harm, its shape included: the arguments of a call or an instantiation, or the state of a class
// that runs what its state holds.
func (o Object) Allows(use weir.Use, _ string, args []weir.Value) bool {
	if !o.Safe.Has(use) {
		return false
	}
	if use == weir.UseNamed || (use == weir.UseStateSet) != (o.Shape == stateShape) {
		return true
	}
	return Fits(o.Shape, args)
}

// Uses is a set of weir.Use values.
type Uses uint8

// Has reports whether u is in the set.
func (s Uses) Has(u weir.Use) bool { return s&(1<<u) != 0 }

// Index is a set of names with what is known of each. The zero value knows nothing; [Default] is the one that weir ships.
type Index struct {
	volumes []volume
	without func(Object) bool
	memo    *memo // nil: names are looked up anew every time
}

// Default is the index that weir ships.
func Default() *Index { return &shipped }

// Without is a copy of x in which the dangerous names that drop accepts are forgotten: what they give is not known any more. It serves the
// test that judgements do not rest on the list of dangerous names.
func (x *Index) Without(drop func(Object) bool) *Index {
	c := *x
	c.without, c.memo = drop, &memo{}
	return &c
}

// Resolve says what module and name, as a pickle stream of that protocol spells them, lead to. Below protocol 3 the stream may be meant for
// Python 2 or for Python 3, which maps old names: both readings are judged and the worse one wins.
func (x *Index) Resolve(module, name string, protocol int) Object {
	return x.memo.get(spelling{module: module, name: name, old: protocol < 3}, func() Object { return x.resolve(module, name, protocol) })
}

func (x *Index) resolve(module, name string, protocol int) Object {
	as := x.walk(module, name)
	m, n := python3(module, name)
	if m == module && n == name {
		return as
	}
	mapped := x.walk(m, n)
	if protocol >= 3 {
		// No unpickler maps here. A dangerous name in the spelling of Python 2 has no honest use all the same.
		if as.Power == 0 && mapped.Dangerous() {
			return mapped
		}
		return as
	}
	return worse(as, mapped)
}

// worse unites two readings of one name: the powers of both, the safety that both share. as is the reading of Python 2, which counts only
// where that name exists there.
func worse(as, mapped Object) Object {
	if as.Kind == KindUnknown && as.Power == 0 {
		return mapped
	}
	if mapped.Kind == KindUnknown && mapped.Power == 0 {
		return as
	}
	o := mapped
	if as.Dangerous() && !mapped.Dangerous() {
		o = as
	}
	o.Power = as.Power | mapped.Power
	o.Safe = as.Safe & mapped.Safe
	o.UserCode = as.UserCode || mapped.UserCode
	o.Items = as.Items && mapped.Items
	if o.Shape == "" {
		o.Shape = as.Shape + mapped.Shape // one of them is empty
	}
	return o
}

// Dangerous lists every name that gives an attacker something and is safe in no use. Names that only a whole module's judgement covers are
// not listed; see [Index.DangerousModules].
func (x *Index) Dangerous() iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for o := range x.all() {
			if o.Dangerous() && !yield(o) {
				return
			}
		}
	}
}

// DangerousModules lists the modules of which every name gives an attacker something, unless it is listed as safe, with that power.
func (x *Index) DangerousModules() iter.Seq2[string, Power] {
	return func(yield func(string, Power) bool) {
		for _, v := range x.volumes {
			for i := range v.modules() {
				if p, _ := v.power(i); p != 0 && !yield(v.moduleName(i), p) {
					return
				}
			}
		}
	}
}

// all lists every record under the name at which it stands.
func (x *Index) all() iter.Seq[Object] {
	return func(yield func(Object) bool) {
		for _, v := range x.volumes {
			for i := range v.modules() {
				module := v.moduleName(i)
				c := v.records(i)
				for c.next() {
					o := v.object(c.record(), module, string(c.name))
					o.Module, o.Name = module, string(c.name)
					if !yield(x.forget(o)) {
						return
					}
				}
			}
		}
	}
}

// Count says how many names the index holds, how many of them are dangerous and how many are safe in at least one use.
func (x *Index) Count() (names, dangerous, safe int) {
	for o := range x.all() {
		names++
		if o.Dangerous() {
			dangerous++
		}
		if o.Safe != 0 {
			safe++
		}
	}
	return names, dangerous, safe
}

// forget applies Without.
func (x *Index) forget(o Object) Object {
	if x.without != nil && o.Dangerous() && x.without(o) {
		o.Power = 0
	}
	return o
}
