package rule

import (
	"slices"
	"strings"

	"weir"
	"weir/internal/pyname"
)

// maxReach bounds how many callables of one call are judged; an honest call names one or two.
const maxReach = 64

// keepers hold on to a callable and call it when they are used, not when they are made.
var keepers = map[string]bool{
	"functools.partial": true, "functools.partialmethod": true, "collections.defaultdict": true, "_functools.partial": true,
}

// applies judges a callable that calls what it is given (map, partial, reduce): by what it is given, and by itself where that is hidden.
func (j *judging) applies(v judgement, obj pyname.Object, imp weir.Import) []judgement {
	var found []weir.Value
	hidden := false
	for _, a := range imp.Args {
		found, hidden = j.callables(a, imp.Protocol, found, hidden)
	}
	if len(found) > maxReach {
		return power(v, obj, imp)
	}
	var out []judgement
	// partial(max, key=f) hands f to max as soon as anything calls it, so f is only kept where the head calls nothing itself.
	kept := keepers[v.callee] && j.plainHead(imp)
	for _, c := range found {
		if g, bad := j.given(v, c, imp, kept); bad {
			out = append(out, g...)
		}
	}
	switch {
	case len(out) > 0:
		return out
	case allows(obj, imp):
		return nil
	case hidden && !j.plainHead(imp), obj.Power != pyname.Apply:
		return power(v, obj, imp)
	}
	return nil
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
	return j.names.Path(head.Text, imp.Protocol).Power&pyname.Apply == 0
}

// given judges one callable that is an argument of an Apply callable: it counts as called, with arguments that are not looked at, unless
// it is only kept for later.
func (j *judging) given(via judgement, c weir.Value, imp weir.Import, kept bool) (out []judgement, bad bool) {
	obj := j.names.Path(c.Text, imp.Protocol)
	v := judgement{callee: canonical(obj, c.Text), spelled: c.Text, via: via.spelled, imp: imp, conf: weir.ConfidenceCertain}
	module, name := split(v.callee)
	if args, ok := handed(via.callee, imp, c); ok && obj.Allows(weir.UseCalled, "", args) {
		return nil, false
	}
	imp.Use, imp.Op, imp.Name, imp.Args = weir.UseCalled, "", name, nil
	switch {
	case obj.Safe.Has(weir.UseCalled) && obj.Shape == "", obj.Power == pyname.Apply:
		return nil, false // the arguments of an inner map are among those of the outer
	case obj.Power&^pyname.Apply != 0:
		return power(v, obj, imp), true
	case obj.Resolves():
		v.rule, v.severity, v.conf = "pickle/unexpected-arguments", weir.SeverityHigh, weir.ConfidenceLikely
		v.message = v.name() + " finds what its arguments name, and is kept to be called by something else"
		return []judgement{v}, true
	case kept, j.trust(module, name):
		return nil, false // its name alone is judged where the file imports it
	case obj.UserCode || isUserModule(module):
		return []judgement{ownCode(v)}, true
	case obj.Kind == pyname.KindUnknown:
		return []judgement{unknown(v, imp)}, true
	case obj.Kind == pyname.KindClass && obj.Safe.Has(weir.UseInstantiated):
		return nil, false
	}
	return []judgement{j.unvetted(v, obj, imp)}, true
}

// handed gives the arguments with which a caller calls a callable, where they are written out beside it.
func handed(via string, imp weir.Import, c weir.Value) ([]weir.Value, bool) {
	if via == "dill._dill._create_array" && len(imp.Args) > 1 && imp.Args[0].IsGlobal(c.Text) && imp.Args[1].Kind == weir.ValueTuple {
		return imp.Args[1].Items, imp.Args[1].Len == int64(len(imp.Args[1].Items))
	}
	return nil, false
}

// split cuts a dotted path at its last dot.
func split(path string) (module, name string) {
	i := strings.LastIndexByte(path, '.')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// callables collects the names in a value that could be called. hidden becomes true when some part could hide one.
func (j *judging) callables(v weir.Value, protocol int, found []weir.Value, hidden bool) ([]weir.Value, bool) {
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
		hidden = hidden || j.makesCallable(v.Text, protocol)
	}
	for _, i := range v.Items {
		found, hidden = j.callables(i, protocol, found, hidden)
	}
	return found, hidden
}

// makesCallable reports whether the result of a call may be a function: it is not when the callee is a class, or known and without power.
func (j *judging) makesCallable(callee string, protocol int) bool {
	obj := j.names.Path(callee, protocol)
	switch {
	case obj.Power&^pyname.Apply != 0, obj.UserCode:
		return true
	case obj.Power == pyname.Apply:
		return false // it was judged with all that it was given
	case obj.Shape == "methodcaller":
		return true // a method of whatever it meets
	}
	return obj.Kind != pyname.KindClass && !obj.Safe.Has(weir.UseCalled)
}
