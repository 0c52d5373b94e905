package pyname

import (
	"strings"
	"sync"

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

// weak reports whether calling o gives an attacker nothing that is known.
func weak(o Object) bool { return o.Power == 0 || o.Safe.Has(weir.UseCalled) }

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
	return len(args) <= 3
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

func fitsReconstruct(args []weir.Value) bool {
	if len(args) != 3 || !named(args[0]) || !ints(args[1]) || len(args[1].Items) != 1 {
		return false
	}
	n, ok := args[1].Items[0].Int()
	kind, whole := text(args[2])
	return ok && n == 0 && whole && len(kind) == 1
}

// dtypeCode gives the type string of a numpy.dtype call; V for a class of scalars other than object.
func dtypeCode(v weir.Value) (string, bool) {
	if v.Kind != weir.ValueCall && v.Kind != weir.ValueInstance {
		return "", false
	}
	o := Default().Path(v.Text, 2)
	if o.Name != "dtype" || !strings.HasPrefix(o.Module, "numpy") || len(v.Items) == 0 {
		return "", false
	}
	if t, ok := global(v.Items[0]); ok {
		return "V", t.Kind == KindClass && strings.HasPrefix(t.Module, "numpy") && !strings.HasPrefix(t.Name, "object") && t.Safe.Has(weir.UseNamed)
	}
	return text(v.Items[0])
}

func fitsScalar(args []weir.Value) bool {
	if len(args) != 2 || !blob(args[1]) {
		return false
	}
	code, ok := dtypeCode(args[0])
	return ok && strings.TrimLeft(code, "<>|=") != "" && strings.TrimLeft(code, "<>|=")[0] != 'O'
}

func fitsDtype(args []weir.Value) bool {
	if len(args) == 0 {
		return false
	}
	if args[0].Kind == weir.ValueGlobal && !named(args[0]) {
		return false
	}
	return (args[0].Kind == weir.ValueGlobal || data(args[0], maxNesting)) && allData(args[1:], maxNesting)
}

func fitsFrombuffer(args []weir.Value) bool {
	if len(args) < 3 || len(args) > 4 || !ints(args[2]) {
		return false
	}
	_, ok := dtypeCode(args[1])
	return ok && (blob(args[0]) || data(args[0], maxNesting) || callee(args[0]) && args[0].Kind == weir.ValueCall)
}

func fitsUfunc(args []weir.Value) bool {
	if len(args) != 2 || args[0].Kind != weir.ValueStr || args[1].Kind != weir.ValueStr {
		return false
	}
	o := Default().Resolve(args[0].Text, args[1].Text, 4)
	return o.Kind == KindFunction && o.Power == 0 && o.Safe.Has(weir.UseNamed)
}

func fitsMareconstruct(args []weir.Value) bool {
	if len(args) != 4 || !named(args[0]) || !named(args[1]) || !ints(args[2]) {
		return false
	}
	_, ok := text(args[3])
	return ok
}

// bitGenerators are numpy's own, by the names that numpy.random._pickle accepts.
var bitGenerators = []string{"MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"}

func fitsBitGenerator(args []weir.Value) bool {
	for _, a := range args {
		if !bitGenerator(a) {
			return false
		}
	}
	return len(args) <= 2
}

func bitGenerator(v weir.Value) bool {
	switch v.Kind {
	case weir.ValueStr, weir.ValueBytes:
		for _, n := range bitGenerators {
			if v.Text == n {
				return true
			}
		}
	case weir.ValueGlobal, weir.ValueCall, weir.ValueInstance:
		o := Default().Path(v.Text, 2)
		if !strings.HasPrefix(o.Module, "numpy.random") {
			return false
		}
		if o.Name == "__bit_generator_ctor" {
			return true
		}
		for _, n := range bitGenerators {
			if o.Name == n {
				return true
			}
		}
	}
	return false
}

func fitsCython(args []weir.Value) bool {
	return len(args) == 3 && class(args[0]) && args[1].Kind == weir.ValueInt && args[2].Kind != weir.ValueGlobal
}

func fitsTensor(args []weir.Value) bool {
	if len(args) < 4 {
		return false
	}
	switch args[0].Kind {
	case weir.ValuePersID, weir.ValueCall, weir.ValueInstance, weir.ValueNone:
	default:
		return false
	}
	for _, a := range args[1:] {
		if o, ok := global(a); ok && o.Dangerous() {
			return false
		}
	}
	return args[1].Kind == weir.ValueInt && ints(args[2]) && ints(args[3])
}

func fitsRebuildType(args []weir.Value) bool {
	if len(args) < 3 || !named(args[1]) || args[2].Kind != weir.ValueTuple {
		return false
	}
	o, ok := global(args[0])
	return ok && o.Safe.Has(weir.UseCalled) && o.Shape != "rebuildtype" && (o.Shape == "" || Fits(o.Shape, args[2].Items))
}

func fitsZone(args []weir.Value) bool {
	if len(args) == 0 || len(args) > 2 || args[0].Kind != weir.ValueStr || args[0].Len > 255 {
		return false
	}
	for _, part := range strings.Split(args[0].Text, "/") {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-") != "" {
			return false
		}
	}
	return allData(args[1:], maxNesting)
}

// fitsAccessor: property, staticmethod and classmethod hold functions and a text, and call none of them.
func fitsAccessor(args []weir.Value) bool {
	for _, a := range args {
		if a.Kind != weir.ValueNone && a.Kind != weir.ValueStr && !callee(a) {
			return false
		}
	}
	return len(args) > 0
}

// classAttributes are what dill sets on a class or function that it has just made.
var classAttributes = []string{"__qualname__", "__module__", "__name__", "__doc__"}

func fitsSetattr(args []weir.Value) bool {
	if len(args) != 3 || args[0].Kind != weir.ValueCall || args[1].Kind != weir.ValueStr {
		return false
	}
	if !Default().Path(args[0].Text, 2).UserCode {
		return false
	}
	for _, n := range classAttributes {
		if args[1].Text == n {
			return data(args[2], maxNesting)
		}
	}
	return false
}

func fitsCreateArray(args []weir.Value) bool {
	if len(args) < 2 || args[1].Kind != weir.ValueTuple {
		return false
	}
	o, ok := global(args[0])
	return ok && strings.HasPrefix(o.Module, "numpy") && o.Safe.Has(weir.UseCalled) && o.Shape != "" && Fits(o.Shape, args[1].Items)
}

// fitsDistribution looks at the state of a scipy.stats distribution, whose __setstate__ executes the source in _parse_arg_template: it must
// be what scipy itself writes for some list of parameter names. Before scipy 1.5 the state was a pair that only its constructor saw.
func fitsDistribution(args []weir.Value) bool {
	if len(args) == 0 {
		return true // made, without state
	}
	state := args[0]
	if state.Kind == weir.ValueTuple && len(state.Items) == 2 && state.Len == 2 {
		return state.Items[0].Kind == weir.ValueDict
	}
	if state.Kind != weir.ValueDict || state.Len*2 != int64(len(state.Items)) {
		return false
	}
	seen := false
	for i := 0; i+1 < len(state.Items); i += 2 {
		k, v := state.Items[i], state.Items[i+1]
		if k.Kind != weir.ValueStr || k.Len != int64(len(k.Text)) {
			return false
		}
		switch k.Text {
		case "_parse_arg_template":
			if seen || v.Kind != weir.ValueStr || v.Len != int64(len(v.Text)) || !argumentParser(v.Text) {
				return false
			}
			seen = true
		case "_attach_methods", "_attach_argparser_methods":
			return false
		}
	}
	return seen
}

// argumentParser reports whether src is scipy's parse_arg_template with names and numbers in its gaps.
func argumentParser(src string) bool {
	const head = "\ndef _parse_args(self, "
	rest, ok := strings.CutPrefix(src, head)
	if !ok {
		return false
	}
	in, rest, ok := strings.Cut(rest, "):\n    return (")
	if !ok {
		return false
	}
	shapes, rest, ok := strings.Cut(rest, "), ")
	if !ok {
		return false
	}
	out, _, ok := strings.Cut(rest, "\n")
	if !ok || strings.Trim(in+shapes+out, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_,= ") != "" {
		return false
	}
	return src == head+in+"):\n    return ("+shapes+"), "+out+"\n\ndef _parse_args_rvs(self, "+in+", size=None):\n    return self._argcheck_rvs("+
		shapes+" "+out+", size=size)\n\ndef _parse_args_stats(self, "+in+", moments='mv'):\n    return ("+shapes+"), "+out+", moments\n"
}

// fitsRangeRepr: dill writes ranges and singletons as the text that eval makes them of.
func fitsRangeRepr(args []weir.Value) bool {
	if len(args) != 1 || args[0].Kind != weir.ValueStr || args[0].Len != int64(len(args[0].Text)) {
		return false
	}
	switch args[0].Text {
	case "Ellipsis", "NotImplemented", "None":
		return true
	}
	in, ok := strings.CutPrefix(strings.TrimPrefix(args[0].Text, "x"), "range(")
	return ok && strings.HasSuffix(in, ")") && strings.Trim(in[:len(in)-1], "0123456789-, ") == ""
}

// fitsFraction: numbers or "1/3".
func fitsFraction(args []weir.Value) bool {
	for _, a := range args {
		if a.Kind == weir.ValueStr && strings.Trim(a.Text, "0123456789-/ ") == "" || a.Kind == weir.ValueInt || a.Kind == weir.ValueFloat || a.Kind == weir.ValueNone || a.Kind == weir.ValueBool {
			continue
		}
		return false
	}
	return true
}
