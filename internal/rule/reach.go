package rule

import (
	"slices"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// maxReach bounds how many callables of one call are judged; an honest call names one or two.
const maxReach = 64

// reach judges a callable that calls what it is given (map, partial, reduce) by what it is given. all is false when that cannot be told,
// and the callable itself has to be reported.
func (j *judging) reach(v judgement, imp weir.Import) (out []judgement, all bool) {
	var found []weir.Value
	hidden := false
	for _, a := range imp.Args {
		found, hidden = callables(a, found, hidden)
	}
	if len(found) > maxReach {
		return nil, false
	}
	for _, c := range found {
		out = append(out, j.given(v, c, imp)...)
	}
	if hidden && !j.plainHead(imp) {
		return out, len(out) > 0
	}
	return out, true
}

// plainHead reports whether the first argument (or the first part of the state) is a known callable that is no Apply itself: then it is
// what is called, and parts of the other arguments that cannot be seen are only data to it.
func (j *judging) plainHead(imp weir.Import) bool {
	if len(imp.Args) == 0 {
		return true
	}
	head := imp.Args[0]
	if head.Kind == weir.ValueTuple && len(head.Items) > 0 {
		head = head.Items[0]
	}
	if head.Kind != weir.ValueGlobal {
		return false
	}
	_, _, obj := j.resolvePath(head.Text, imp.Protocol)
	return obj.Power&pyname.Apply == 0
}

// given judges one callable that is an argument of an Apply callable: it counts as called, with arguments that are not looked at.
func (j *judging) given(via judgement, c weir.Value, imp weir.Import) []judgement {
	module, name, obj := j.resolvePath(c.Text, imp.Protocol)
	v := judgement{callee: dotted(module, name), spelled: c.Text, via: via.spelled, imp: imp, conf: weir.ConfidenceCertain}
	if obj.Module != "" || obj.Name != "" {
		v.callee = dotted(obj.Module, obj.Name)
	}
	if obj.Safe.Has(weir.UseCalled) && obj.Shape == "" {
		return nil
	}
	switch p := obj.Power &^ pyname.Apply; {
	case p != 0:
		imp.Use = weir.UseCalled
		return power(v, obj.Power, imp)
	case obj.Power == pyname.Apply:
		return nil // its own arguments are among those of the outer call
	case userCode(obj) || isUserModule(module):
		v.rule, v.severity = "pickle/custom-code", weir.SeverityMedium
		v.message = v.name() + ", which " + via.spelled + " is given to call, is code of whoever wrote the file"
	case obj.Kind == pyname.KindUnknown:
		if j.trust(module, name) {
			return nil
		}
		return []judgement{unknown(v, withUse(imp, name))}
	case obj.Kind == pyname.KindClass && obj.Safe.Has(weir.UseInstantiated):
		return nil
	default:
		return j.unvetted(v, obj, withUse(imp, name))
	}
	return []judgement{v}
}

func withUse(imp weir.Import, name string) weir.Import {
	imp.Use, imp.Name = weir.UseCalled, name
	return imp
}

// callables collects the names in a value that could be called. hidden becomes true when some part could hide one.
func callables(v weir.Value, found []weir.Value, hidden bool) ([]weir.Value, bool) {
	switch v.Kind {
	case weir.ValueGlobal:
		if !slices.ContainsFunc(found, func(f weir.Value) bool { return f.Text == v.Text }) {
			found = append(found, v)
		}
		return found, hidden
	case weir.ValueUnknown, weir.ValuePersID:
		return found, true
	case weir.ValueTuple, weir.ValueList, weir.ValueSet, weir.ValueDict:
		hidden = hidden || !v.Whole() && len(v.Items) == 0
	case weir.ValueCall:
		hidden = true // the result of a call may be a function
	}
	for _, i := range v.Items {
		found, hidden = callables(i, found, hidden)
	}
	return found, hidden
}

// resolvePath finds the module in a dotted path: the longest split that the index knows, else the last dot.
func (j *judging) resolvePath(path string, protocol int) (module, name string, obj pyname.Object) {
	for i := strings.LastIndexByte(path, '.'); i > 0; i = strings.LastIndexByte(path[:i], '.') {
		if o := resolve(j.names, path[:i], path[i+1:], protocol); o.Kind != pyname.KindUnknown || o.Power != 0 || userCode(o) {
			return path[:i], path[i+1:], o
		}
	}
	if i := strings.LastIndexByte(path, '.'); i > 0 {
		return path[:i], path[i+1:], pyname.Object{}
	}
	o := resolve(j.names, "builtins", path, 3)
	return "builtins", path, o
}
