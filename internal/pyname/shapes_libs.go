package pyname

import (
	"strings"

	"weir"
)

// The shapes in which frameworks write their own objects.

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
