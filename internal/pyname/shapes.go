package pyname

import (
	"strings"
	"sync"

	"weir"
)

func fitsPlain(args []weir.Value) bool { return allData(args, maxNesting) }

func fitsGetattr(args []weir.Value) bool {
	if len(args) != 2 && len(args) != 3 || args[1].Kind != weir.ValueStr || !identifier(args[1].Text, false) && args[1].Text != "__new__" {
		return false
	}
	var owner Object
	switch args[0].Kind {
	case weir.ValueGlobal, weir.ValueCall, weir.ValueInstance:
		owner = Default().Path(args[0].Text, 2)
	case weir.ValueStr, weir.ValueBytes, weir.ValueInt, weir.ValueFloat, weir.ValueBool, weir.ValueTuple, weir.ValueList, weir.ValueDict, weir.ValueSet:
		owner = Object{Module: "builtins", Name: string(args[0].Kind), Kind: KindClass, Safe: 1 << weir.UseNamed}
	default:
		return false
	}
	if owner.Kind == KindModule || owner.Dangerous() {
		return false
	}
	if args[1].Text == "__new__" {
		return owner.Kind == KindClass // how cloudpickle writes enums
	}
	o := Default().Resolve(owner.Module, join(owner.Name, args[1].Text), 4)
	return weak(o) && o.Kind != KindModule
}

// baseTypes are the types of which copyreg._reconstructor makes plain objects.
var baseTypes = []string{"object", "dict", "list", "tuple", "set", "frozenset", "int", "long", "float", "complex", "str", "unicode", "bytes", "bytearray", "bool"}

func fitsReconstructor(args []weir.Value) bool {
	if len(args) != 3 || !class(args[0]) || args[1].Kind != weir.ValueGlobal {
		return false
	}
	base, _ := global(args[1])
	if base.Kind != KindClass || !base.Safe.Has(weir.UseCalled) {
		return false
	}
	if base.Module == "builtins" {
		for _, b := range baseTypes {
			if base.Name == b {
				return b != "object" || args[2].Kind == weir.ValueNone
			}
		}
		return false
	}
	return base.Shape == "" && allData(args[2:], maxNesting)
}

func fitsNewobj(args []weir.Value) bool { return len(args) > 0 && class(args[0]) }

func fitsEncode(args []weir.Value) bool {
	if len(args) != 2 || args[0].Kind != weir.ValueStr && args[0].Kind != weir.ValueBytes || args[1].Kind != weir.ValueStr {
		return false
	}
	return plainCodec(args[1].Text)
}

// plainCodec reports whether an encoding is one that writers of pickles use; others are modules that the codec registry imports.
func plainCodec(name string) bool {
	switch name {
	case "latin1", "latin-1", "utf-8", "utf8", "ascii":
		return true
	}
	return false
}

// fitsText: a text or bytes of one argument, or of an argument and an encoding.
func fitsText(args []weir.Value) bool {
	for i, a := range args {
		if i > 0 && !(a.Kind == weir.ValueStr && (plainCodec(a.Text) || i == 2)) {
			return false
		}
	}
	return len(args) <= 3 && fitsValues(args)
}

func fitsEnum(args []weir.Value) bool { return len(args) == 1 && allData(args, maxNesting) }

func fitsFactory(args []weir.Value) bool {
	if len(args) == 0 || args[0].Kind == weir.ValueNone {
		return true
	}
	return callee(args[0])
}

func fitsApply(args []weir.Value) bool { return len(args) > 0 && callee(args[0]) }

func fitsGetter(args []weir.Value) bool {
	for _, a := range args {
		switch a.Kind {
		case weir.ValueInt:
		case weir.ValueStr:
			if !identifier(a.Text, true) && strings.Contains(a.Text, "_") {
				return false
			}
		default:
			return false
		}
	}
	return len(args) > 0
}

func fitsMethodcaller(args []weir.Value) bool {
	return len(args) > 0 && args[0].Kind == weir.ValueStr && identifier(args[0].Text, false) && !reaching()[args[0].Text] &&
		allData(args[1:], maxNesting)
}

// reaching holds the last parts of all names that give an attacker something. A method called by its name alone can be any of them.
var reaching = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for o := range Default().all() {
		if o.Power&^(Apply|Crash) != 0 && o.Kind == KindFunction {
			names[o.Name[strings.LastIndexByte(o.Name, '.')+1:]] = true
		}
	}
	for _, n := range []string{"lower", "upper", "strip", "lstrip", "rstrip", "split", "title", "mean"} {
		delete(names, n) // methods of texts and arrays, with which nothing else of that name can do harm
	}
	return names
})
