package rule

import (
	"slices"

	"weir"
	"weir/internal/pyname"
)

// exhausts reports whether a harmless constructor is told to make something without end: a terabyte of zeros, a list of an endless iterator.
func exhausts(obj pyname.Object, imp weir.Import) bool {
	if imp.Use == weir.UseNamed || imp.Use == weir.UseStateSet || obj.Module != "builtins" && obj.Module != "collections" {
		return false
	}
	switch obj.Name {
	case "bytearray", "bytes":
		return len(imp.Args) > 0 && isHuge(imp.Args[0])
	case "list", "tuple", "set", "frozenset", "deque", "dict", "OrderedDict", "Counter":
		return slices.ContainsFunc(imp.Args, endless)
	}
	return false
}

// endless reports whether a value is an iterator that gives more than any memory holds.
func endless(v weir.Value) bool {
	if v.Kind != weir.ValueCall && v.Kind != weir.ValueInstance {
		return false
	}
	switch v.Text {
	case "itertools.count", "itertools.cycle":
		return true
	case "itertools.repeat":
		return len(v.Items) < 2 || isHuge(v.Items[1])
	case "builtins.range", "builtins.xrange", "__builtin__.xrange", "__builtin__.range":
		return slices.ContainsFunc(v.Items, isHuge)
	}
	return slices.ContainsFunc(v.Items, endless)
}

// isHuge reports whether a value is an integer of a thousand million or more.
func isHuge(v weir.Value) bool {
	n, ok := v.Int()
	return v.Kind == weir.ValueInt && (!ok || n >= 1e9 || n <= -1e9)
}
