package pyname

import (
	"strings"

	"weir"
)

// shapeNames are the forms of arguments in which real frameworks call a function and in which it can do no harm, in the order that
// gen/build.py numbers them by.
var shapeNames = [...]string{
	"", "plain", "getattr", "reconstructor", "newobj", "encode", "enum", "factory", "apply", "getter", "methodcaller",
	"reconstruct", "scalar", "dtype", "frombuffer", "ufunc", "mareconstruct", "bitgenerator", "cython", "tensor", "rebuildtype", "zone",
	"one", "accessor", "setattr", "createarray", stateShape, "rangerepr", "fraction", "text",
}

// valuesShape is the shape of constructors that ask their arguments for their items or their value, by calling methods of them: nothing in
// the arguments themselves may be an object with methods that somebody else wrote. [Index.Resolve] gives it to what converts names.
const valuesShape = "values"

// converts reports whether calling o, which the data calls safe with any arguments, calls methods of the arguments.
func converts(o Object) bool {
	if o.Kind != KindClass || !o.Safe.Has(weir.UseCalled) {
		return false
	}
	switch o.Module {
	case "builtins", "__builtin__":
		switch o.Name {
		case "set", "frozenset", "list", "dict", "tuple", "int", "long", "float", "complex", "bool", "range", "xrange":
			return true
		}
	case "collections", "_collections":
		switch o.Name {
		case "OrderedDict", "Counter", "UserDict", "UserList", "UserString", "deque":
			return true
		}
	case "numpy", "array", "torch", "random", "_random", "uuid", "decimal", "_decimal", "_pydecimal", "datetime", "_datetime", "_pydatetime":
		return true
	}
	return false
}

// stateShape is the one shape that speaks of a class's state.
const stateShape = "distribution"

// FitsConstants reports whether arguments that are all None, truth values, numbers, texts or bytes have the named shape, however many and
// whichever they are.
func FitsConstants(shape string) bool { return shape == "" || shape == valuesShape || shape == "plain" }

// Fits reports whether args have the named shape. No shape fits everything, an unknown one nothing.
func Fits(shape string, args []weir.Value) bool {
	switch shape {
	case "":
		return true
	case "plain":
		return fitsPlain(args)
	case "getattr":
		return fitsGetattr(args)
	case "reconstructor":
		return fitsReconstructor(args)
	case "newobj":
		return fitsNewobj(args)
	case "encode":
		return fitsEncode(args)
	case "enum":
		return fitsEnum(args)
	case "factory":
		return fitsFactory(args)
	case "apply":
		return fitsApply(args)
	case "getter":
		return fitsGetter(args)
	case "methodcaller":
		return fitsMethodcaller(args)
	case "reconstruct":
		return fitsReconstruct(args)
	case "scalar":
		return fitsScalar(args)
	case "dtype":
		return fitsDtype(args)
	case "frombuffer":
		return fitsFrombuffer(args)
	case "ufunc":
		return fitsUfunc(args)
	case "mareconstruct":
		return fitsMareconstruct(args)
	case "bitgenerator":
		return fitsBitGenerator(args)
	case "cython":
		return fitsCython(args)
	case "tensor":
		return fitsTensor(args)
	case "rebuildtype":
		return fitsRebuildType(args)
	case "zone":
		return fitsZone(args)
	case "one":
		return len(args) == 1
	case "accessor":
		return fitsAccessor(args)
	case "setattr":
		return fitsSetattr(args)
	case "createarray":
		return fitsCreateArray(args)
	case stateShape:
		return fitsDistribution(args)
	case "rangerepr":
		return fitsRangeRepr(args)
	case "fraction":
		return fitsFraction(args)
	case "text":
		return fitsText(args)
	case valuesShape:
		return fitsValues(args)
	}
	return false
}

// fitsValues: constants, containers, which hold what they like, and what classes of value types make.
func fitsValues(args []weir.Value) bool {
	for _, a := range args {
		switch a.Kind {
		case weir.ValueUnknown: // lost to a bound on memory
			return false
		case weir.ValueInstance:
			if !valueType(Default().Path(a.Text, 2)) {
				return false
			}
		case weir.ValueCall:
			o := Default().Path(a.Text, 2)
			if o.Kind == KindClass && !valueType(o) {
				return false
			}
		}
	}
	return true
}

// valueType reports whether objects of a class are values whose conversion runs nothing but native code.
func valueType(o Object) bool {
	switch o.Module {
	case "builtins", "__builtin__", "collections", "_collections", "numpy", "array", "torch", "decimal", "_decimal", "_pydecimal",
		"fractions", "datetime", "_datetime", "_pydatetime", "uuid", "io", "_io", "itertools", "zoneinfo":
		return o.Power&^Apply == 0
	}
	return o.Kind == KindUnknown || o.UserCode // judged where it is made
}

// maxNesting bounds how deep a value is looked into; what lies deeper is not plain.
const maxNesting = 64

// global resolves v when it is a name. The protocol is not known here: both readings count.
func global(v weir.Value) (Object, bool) {
	if v.Kind != weir.ValueGlobal {
		return Object{}, false
	}
	return Default().Path(v.Text, 2), true
}

// weak reports whether calling o, with arguments that are not known, gives an attacker nothing that is known.
func weak(o Object) bool { return (o.Power == 0 || o.Safe.Has(weir.UseCalled)) && !o.Resolves() }

// Resolves reports whether a call of o imports, looks up or calls what its arguments say: it is safe with arguments of its shape alone, and
// not where something else gives it its arguments.
func (o Object) Resolves() bool {
	if !o.Safe.Has(weir.UseCalled) {
		return false
	}
	switch o.Shape {
	case "getattr", "ufunc", "rebuildtype", "createarray", "bitgenerator", "setattr", "rangerepr":
		return true
	}
	return false
}

// data reports whether v is a value without behaviour of its own: constants, containers of them, and the results of calls that only make
// values. What was cut off v has been judged by itself.
func data(v weir.Value, depth int) bool {
	if depth <= 0 {
		return false
	}
	switch v.Kind {
	case weir.ValueNone, weir.ValueBool, weir.ValueInt, weir.ValueFloat, weir.ValueStr, weir.ValueBytes, weir.ValueBuffer:
		return true
	case weir.ValueTuple, weir.ValueList, weir.ValueSet, weir.ValueDict:
		return allData(v.Items, depth-1)
	case weir.ValueGlobal:
		o, _ := global(v)
		return o.Kind == KindObject && o.Safe.Has(weir.UseNamed)
	case weir.ValueCall, weir.ValueInstance:
		o := Default().Path(v.Text, 2)
		if !o.Safe.Has(weir.UseCalled) || makesCallable(o.Shape) {
			return false
		}
		if o.Shape != "" && o.Shape != "plain" {
			return Fits(o.Shape, v.Items)
		}
		return allData(v.Items, depth-1) || o.Kind == KindClass && o.Safe.Has(weir.UseInstantiated)
	}
	return false
}

// makesCallable reports whether calls of that shape give something that can be called in turn.
func makesCallable(shape string) bool {
	switch shape {
	case "getattr", "apply", "getter", "methodcaller", "ufunc", "newobj", "reconstructor", "rebuildtype":
		return true
	}
	return false
}

func allData(vs []weir.Value, depth int) bool {
	for _, v := range vs {
		if !data(v, depth) {
			return false
		}
	}
	return true
}

// callee reports whether v can be called without giving an attacker anything: a name without power, or an object the making of which has
// been judged by itself.
func callee(v weir.Value) bool {
	switch v.Kind {
	case weir.ValueGlobal:
		o, _ := global(v)
		return weak(o)
	case weir.ValueCall, weir.ValueInstance:
		o := Default().Path(v.Text, 2)
		return weak(o) && o.Shape != "methodcaller" // which is any method of whatever it meets
	}
	return false
}

// class reports whether v names something that may stand where a class is made into an instance without its constructor.
func class(v weir.Value) bool {
	o, ok := global(v)
	if !ok {
		return false
	}
	return o.Safe.Has(weir.UseInstantiated) || o.Kind == KindUnknown && o.Power == 0
}

// named reports whether v names a class or type that may be handed over as a value.
func named(v weir.Value) bool {
	o, ok := global(v)
	return ok && (o.Safe.Has(weir.UseNamed) || o.Kind == KindUnknown && o.Power == 0)
}

// text gives the content of a string, of bytes or of bytes as protocols below 3 write them.
func text(v weir.Value) (string, bool) {
	switch v.Kind {
	case weir.ValueStr, weir.ValueBytes:
		return v.Text, v.Len == int64(len(v.Text))
	case weir.ValueCall:
		if (v.Text == "_codecs.encode" || v.Text == "codecs.encode") && fitsEncode(v.Items) {
			return text(v.Items[0])
		}
		if len(v.Items) == 0 && (v.Text == "builtins.bytes" || v.Text == "__builtin__.bytes") {
			return "", true
		}
	}
	return "", false
}

// blob reports whether v is text or bytes of any length.
func blob(v weir.Value) bool {
	if v.Kind == weir.ValueCall {
		switch v.Text {
		case "_codecs.encode", "codecs.encode":
			return fitsEncode(v.Items)
		case "builtins.bytes", "__builtin__.bytes", "builtins.bytearray", "__builtin__.bytearray":
			return allData(v.Items, maxNesting)
		}
	}
	return v.Kind == weir.ValueStr || v.Kind == weir.ValueBytes || v.Kind == weir.ValueBuffer
}

// identifier reports whether s is a name, or names with dots between, that leads to no bridge.
func identifier(s string, dots bool) bool {
	if s == "" || len(s) > maxName || !dots && strings.Contains(s, ".") {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if part == "" || bridge(part) || strings.HasPrefix(part, "__") {
			return false
		}
		for i, r := range part {
			if r != '_' && !('a' <= r && r <= 'z') && !('A' <= r && r <= 'Z') && r < 0x80 && (i == 0 || r < '0' || r > '9') {
				return false
			}
		}
	}
	return true
}

func ints(v weir.Value) bool {
	if v.Kind != weir.ValueTuple && v.Kind != weir.ValueList {
		return false
	}
	for _, i := range v.Items {
		if i.Kind != weir.ValueInt && i.Kind != weir.ValueBool {
			return false
		}
	}
	return true
}
