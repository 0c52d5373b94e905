package rule

import (
	"weir"
	"weir/internal/pyname"
)

// resolver is what judging needs of the attribute index.
type resolver interface {
	Resolve(module, name string, protocol int) pyname.Object
}

func resolve(ix *pyname.Index, module, name string, protocol int) pyname.Object {
	if r, ok := any(ix).(resolver); ok {
		return r.Resolve(module, name, protocol)
	}
	return pyname.Object{}
}

func userCode(pyname.Object) bool { return false }

func fits(string, []weir.Value) bool { return false }
