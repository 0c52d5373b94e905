// Package pyname is the attribute index: which module.attribute is really which Python object, and what whoever controls its arguments
// can do with it. The data is generated from the real packages by the scripts in gen/, so that a judgement needs no Python on the machine
// that scans and is the same everywhere.
//
// Start with [Resolve].
package pyname

import "weir"

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

// Object is what the index knows of one name.
type Object struct {
	Module, Name string // canonical: where the object is really defined, after aliases, Python 2 names and re-exports
	Kind         Kind
	Power        Power  // what it gives an attacker; 0: none known
	Safe         Uses   // uses in which it cannot do harm, whatever state follows
	Shape        string // when not empty, UseCalled and UseInstantiated are safe only if Fits(Shape, args)
}

// Uses is a set of weir.Use values.
type Uses uint8

// Has reports whether u is in the set.
func (s Uses) Has(u weir.Use) bool { return s&(1<<u) != 0 }

// Index is a set of names with what is known of each. The zero value knows nothing; [Default] is the one that weir ships.
type Index struct {
	without func(Object) bool
}

// Default is the index that weir ships.
func Default() *Index { return &Index{} }
