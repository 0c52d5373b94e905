package rule

import (
	"slices"
	"strconv"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// lazy are callables that take an endless iterator and draw nothing from it: who draws from what they give is judged for it.
var lazy = set("map filter zip enumerate iter reversed slice range xrange type object isinstance id repr getattr")

// exhausts reports whether something harmless is told to go on without end or to make what no memory holds: a terabyte of zeros, the sum of an
// endless iterator, the digits of a number of a thousand million digits.
func exhausts(obj pyname.Object, imp weir.Import) bool {
	if imp.Use == weir.UseNamed || imp.Use == weir.UseStateSet {
		return false
	}
	switch path := obj.Module + "." + obj.Name; {
	case path == "numpy.ndarray" || path == "numpy.zeros" || path == "numpy.empty" || path == "numpy.ones" || path == "numpy.full":
		return len(imp.Args) > 0 && hugeShape(imp.Args[0])
	case path == "builtins.bytearray" || path == "builtins.bytes":
		return len(imp.Args) > 0 && isHuge(imp.Args[0]) || slices.ContainsFunc(imp.Args, endless)
	case path == "builtins.int":
		return len(imp.Args) > 0 && hugeDecimal(imp.Args[0])
	case obj.Module == "itertools" || obj.Module == "builtins" && lazy[obj.Name] || !isStandard(obj.Module):
		return false
	}
	return slices.ContainsFunc(imp.Args, endless)
}

// tooMany is a number of elements that nobody waits for.
const tooMany = 1e9

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
	case "itertools.islice":
		return len(v.Items) < 2 || v.Items[len(v.Items)-1].Kind != weir.ValueInt || slices.ContainsFunc(v.Items[1:], isHuge)
	case "itertools.product":
		n := 1.0
		for _, i := range v.Items {
			n *= float64(max(i.Len, 1))
		}
		return n >= tooMany || v.Len > int64(len(v.Items)) && n > 1
	case "itertools.permutations":
		return len(v.Items) > 0 && v.Items[0].Len > 12
	case "itertools.combinations", "itertools.combinations_with_replacement":
		return len(v.Items) > 0 && v.Items[0].Len > 40
	case "builtins.range", "builtins.xrange", "__builtin__.xrange", "__builtin__.range":
		return slices.ContainsFunc(v.Items, isHuge)
	}
	return slices.ContainsFunc(v.Items, endless)
}

// isHuge reports whether a value is an integer of a thousand million or more.
func isHuge(v weir.Value) bool {
	n, ok := v.Int()
	return v.Kind == weir.ValueInt && (!ok || n >= tooMany || n <= -tooMany)
}

// hugeShape reports whether an array of a shape would have a million million elements or more.
func hugeShape(v weir.Value) bool {
	if v.Kind == weir.ValueInt {
		v = weir.Value{Kind: weir.ValueTuple, Items: []weir.Value{v}}
	}
	n := 1.0
	for _, d := range v.Items {
		size, ok := d.Int()
		if d.Kind == weir.ValueInt && !ok {
			return true
		}
		n *= float64(max(size, 1))
	}
	return (v.Kind == weir.ValueTuple || v.Kind == weir.ValueList) && n >= 1e12
}

// hugeDecimal reports whether a value is a decimal number with more digits than anybody writes out.
func hugeDecimal(v weir.Value) bool {
	if v.Kind != weir.ValueCall && v.Kind != weir.ValueInstance || !strings.HasSuffix(v.Text, "decimal.Decimal") || len(v.Items) == 0 {
		return false
	}
	_, exp, ok := strings.Cut(strings.ToLower(v.Items[0].Text), "e")
	n, err := strconv.Atoi(exp)
	return ok && (err != nil || n > 100_000)
}
