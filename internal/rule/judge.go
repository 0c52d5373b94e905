package rule

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"weir"
	"weir/internal/pyname"
)

// judgement is what weir thinks of one callee in one unit, after all its uses were seen: one flaw, one finding.
type judgement struct {
	rule     string // id of the rule that reports it
	severity weir.Severity
	conf     weir.Confidence
	impact   []weir.Impact
	callee   string // dotted name as resolved
	spelled  string // dotted name as the stream spells it
	via      string // the callable that calls it, when it is only an argument there
	message  string
	imp      weir.Import // the use that decided
	uses     int64       // further uses of the same callee
}

// judge looks at every import of a unit and gives one judgement per callee that is not safe, in the order of first sight.
func judge(u *Unit, names *pyname.Index, trust func(module, name string) bool, about surroundings) []judgement {
	j := judging{names: names, trust: trust, at: map[string]int{}, used: map[string]bool{}, known: map[spelling]pyname.Object{}}
	j.code = slices.ContainsFunc(facts[weir.Code](u), isBytecode)
	imports := facts[weir.Import](u)
	for _, imp := range imports {
		if imp.Use != weir.UseNamed && !imp.Dead {
			j.used[imp.Module+"."+imp.Name] = true
		}
	}
	j.inner = about.checkpoints >= loads(imports)
	for _, imp := range imports {
		if about.script && (imp.Module == "__torch__" || strings.HasPrefix(imp.Module, "__torch__.")) {
			continue
		}
		j.add(imp)
	}
	return j.out
}

type judging struct {
	names *pyname.Index
	trust func(module, name string) bool
	at    map[string]int  // callee → index in out
	used  map[string]bool // spelled names that are also called, instantiated or given state
	known map[spelling]pyname.Object
	code  bool // the code objects that the unit carries are there to be read
	inner bool // all bytes that the unit hands to torch.load are units of their own, and judged as such
	out   []judgement
}

// surroundings are what judging a unit needs to know of the others.
type surroundings struct {
	script      bool // it lies in a TorchScript archive
	checkpoints int  // PyTorch checkpoints among the bytes in it
}

// tensorLoader is the call by which a tensor in a plain pickle carries its storage: torch.load of bytes in the pickle.
const tensorLoader = "torch.storage._load_from_bytes"

// loads counts the calls of the tensor loader.
func loads(imports []weir.Import) int {
	n := int64(0)
	for _, imp := range imports {
		if imp.Use == weir.UseCalled && dotted(imp.Module, imp.Name) == tensorLoader {
			n += 1 + imp.Count
		}
	}
	return int(min(n, 1<<30))
}

// carriesTensor reports whether a use of the tensor loader is one whose bytes were examined.
func (j *judging) carriesTensor(imp weir.Import, spelled string) bool {
	if spelled != tensorLoader || !j.inner {
		return false
	}
	return imp.Use == weir.UseNamed && j.used[spelled] || imp.Use == weir.UseCalled && len(imp.Args) == 1 && imp.Args[0].Kind == weir.ValueBytes
}

// spelling is a name as a stream of some protocol spells it.
type spelling struct {
	module, name string
	protocol     int
}

// resolve asks the index once per name: most are named, called and given state.
func (j *judging) resolve(imp weir.Import) pyname.Object {
	k := spelling{imp.Module, imp.Name, imp.Protocol}
	obj, ok := j.known[k]
	if !ok {
		obj = j.names.Resolve(k.module, k.name, k.protocol)
		j.known[k] = obj
	}
	return obj
}

// add judges one import and merges the result with what is known of the same callee: the worst use decides.
func (j *judging) add(imp weir.Import) {
	for _, v := range j.judge(imp) {
		if v.uses = imp.Count; imp.Use == weir.UseNamed {
			v.uses = 0 // every use needs the name first: only what is done with it is counted
		}
		if v.imp.Dead {
			// Bytes that look like a pickle's import but that nothing is known to execute: no more than a suspicion, and of unknown names none.
			if !dangerous(v.rule) {
				continue
			}
			v.severity, v.conf = min(v.severity, weir.SeverityHigh), weir.ConfidencePossible
		}
		key := v.callee
		i, seen := j.at[key]
		if !seen {
			j.at[key] = len(j.out)
			j.out = append(j.out, v)
			continue
		}
		old := &j.out[i]
		uses := old.uses + v.uses
		if old.imp.Use != weir.UseNamed && v.imp.Use != weir.UseNamed {
			uses++
		}
		if worse(v, *old) {
			*old = v
		}
		old.uses = uses
	}
}

func worse(a, b judgement) bool {
	return cmp.Or(cmp.Compare(a.severity, b.severity), cmp.Compare(a.conf, b.conf), cmp.Compare(a.imp.Use, b.imp.Use)) > 0
}

// judge gives the judgements of one import: none when it is safe, several when it hands on several callables.
func (j *judging) judge(imp weir.Import) []judgement {
	spelled := dotted(imp.Module, imp.Name)
	if imp.Computed {
		return []judgement{computed(imp, spelled)}
	}
	obj := j.resolve(imp)
	v := judgement{callee: canonical(obj, spelled), spelled: spelled, imp: imp, conf: weir.ConfidenceCertain}
	if exhausts(obj, imp) {
		v.rule, v.severity, v.impact = "pickle/denial-of-service", weir.SeverityHigh, impacts(pyname.Crash)
		v.message = v.name() + " is told to go on without end, or to make something that no memory holds"
		return []judgement{v}
	}
	if obj.Power&pyname.Apply != 0 && imp.Use != weir.UseNamed {
		return j.applies(v, obj, imp)
	}
	switch {
	case allows(obj, imp), j.carriesTensor(imp, spelled):
		return nil
	case imp.Use == weir.UseNamed && obj.Power == pyname.Apply,
		imp.Use == weir.UseNamed && obj.Safe != 0 && j.used[imp.Module+"."+imp.Name]:
		return nil // harmless as a name alone: what it is used for is judged where it is used
	case j.code && codeMakers[dotted(imp.Module, imp.Name)]:
		return []judgement{ownCode(v)}
	case obj.Power != 0:
		return power(v, obj, imp)
	case obj.UserCode && importers[imp.Name] && imp.Use == weir.UseCalled && plainNames(imp.Args):
		return j.module(v, imp)
	case obj.UserCode && imp.Use == weir.UseCalled && !j.makes(imp):
		v.rule, v.severity = "pickle/unexpected-arguments", weir.SeverityHigh
		v.message = v.name() + " calls its first argument, which is not a class"
		return []judgement{v}
	case obj.UserCode && (imp.Name == "_setattr" || imp.Name == "_delattr") && len(imp.Args) > 0 && imp.Args[0].Kind == weir.ValueGlobal:
		obj.Power = pyname.Environment // dill does this to what it has just made, never to what everybody uses
		return power(v, obj, imp)
	case obj.UserCode && lookups[imp.Name] && (imp.Use == weir.UseNamed || imp.Use == weir.UseCalled && plainNames(imp.Args)):
		return nil // what it finds is reported under its own name
	case obj.UserCode || isUserModule(imp.Module):
		return []judgement{ownCode(v)}
	case j.trust(imp.Module, imp.Name) || j.trust(obj.Module, obj.Name):
		return nil
	case obj.Kind == pyname.KindUnknown:
		return []judgement{unknown(v, imp)}
	case imp.Use == weir.UseStateSet && obj.Kind == pyname.KindFunction:
		return nil // state for what that function made: the call was judged, with whatever state may follow
	}
	return []judgement{j.unvetted(v, obj, imp)}
}

// ownCode judges what makes functions and classes of code that the file carries, and the names of the program that wrote it.
func ownCode(v judgement) judgement {
	v.rule, v.severity = "pickle/custom-code", weir.SeverityMedium
	v.message = v.name() + " is code of whoever wrote the file, not of a known library"
	return v
}

// codeMakers make functions and their wrappers of code objects, as cloudpickle before 3 does, and run none of it. Where the code can be read it is judged by
// what it calls (pickle/code-object); a call of what was made is a use of its own.
var codeMakers = map[string]bool{
	"types.FunctionType": true, "types.LambdaType": true, "types.CodeType": true, "types.CellType": true,
	"builtins.property": true, "builtins.classmethod": true, "builtins.staticmethod": true,
	"__builtin__.property": true, "__builtin__.classmethod": true, "__builtin__.staticmethod": true,
}

// lookups are the functions by which cloudpickle and dill name builtin types, modules and their attributes.
var lookups = map[string]bool{"_builtin_type": true, "_load_type": true, "_get_attr": true, "_import_module": true, "subimport": true}

// importers are those of them that import the module that their first argument names.
var importers = map[string]bool{"_import_module": true, "subimport": true}

// module judges the import of a module by its name alone: importing runs it.
func (j *judging) module(v judgement, imp weir.Import) []judgement {
	if len(imp.Args) == 0 || imp.Args[0].Kind != weir.ValueStr {
		return []judgement{ownCode(v)}
	}
	name := imp.Args[0].Text
	v.callee, v.spelled = name, name
	obj := j.names.Path(name, imp.Protocol)
	switch {
	case actsWhenImported(name):
		v.rule, v.severity, v.impact = "pickle/code-execution", weir.SeverityCritical, impacts(pyname.Execute)
		v.message = "loading imports the module " + name + ", which is a program"
		return []judgement{v}
	case j.trust(name, ""):
		return nil
	case j.names.Resolve(name, "", 4).Kind == pyname.KindModule:
		return nil // it only defines names; what is taken from it is reported under its own
	case strings.Contains(name, ".") && obj.Kind != pyname.KindModule && obj.Power != 0:
		return power(v, obj, imp) // dill takes "os.system" for the attribute of a module
	case strings.Contains(name, ".") && obj.Kind != pyname.KindModule && obj.Safe.Has(weir.UseNamed):
		return nil
	}
	v.conf, v.rule, v.severity = weir.ConfidenceLikely, "pickle/unknown-import", weir.SeverityMedium
	v.message = "loading imports the unknown module " + name + ", which runs it"
	return []judgement{v}
}

// programs are modules of the standard library that do something when they are imported.
var programs = map[string]bool{"antigravity": true, "this": true, "idlelib.idle": true, "idlelib.idle_test": true, "turtledemo.__main__": true}

func actsWhenImported(module string) bool {
	return programs[module] || module[strings.LastIndexByte(module, '.')+1:] == "__main__" && module != "__main__"
}

// creators are functions of dill and cloudpickle that call their first argument with the others.
var creators = map[string]bool{"_create_type": true, "_create_ftype": true, "_make_skeleton_class": true}

// makes reports whether a call of a creator makes what it is for: its first argument is a class, known or the file's own.
func (j *judging) makes(imp weir.Import) bool {
	if !creators[imp.Name] || len(imp.Args) == 0 {
		return true
	}
	switch head := imp.Args[0]; head.Kind {
	case weir.ValueGlobal:
		obj := j.names.Path(head.Text, imp.Protocol)
		return obj.Kind == pyname.KindClass && obj.Power&^pyname.Apply == 0 || obj.Kind == pyname.KindUnknown || obj.UserCode
	case weir.ValueCall:
		return j.names.Path(head.Text, imp.Protocol).UserCode // a type by its name, or one that the file has made
	}
	return false
}

// plainNames reports whether all arguments of a look-up are written out.
func plainNames(args []weir.Value) bool {
	return !slices.ContainsFunc(args, func(v weir.Value) bool { return v.Kind != weir.ValueStr && v.Kind != weir.ValueGlobal || !v.Whole() })
}

// itemOps call methods of a container rather than give it state.
var itemOps = map[string]bool{"SETITEM": true, "SETITEMS": true, "APPEND": true, "APPENDS": true, "ADDITEMS": true}

// allows reports whether the index vouches for a use.
func allows(obj pyname.Object, imp weir.Import) bool {
	if imp.Use == weir.UseStateSet && itemOps[imp.Op] && !obj.Items {
		return false
	}
	return obj.Allows(imp.Use, imp.Op, imp.Args)
}

// unvetted judges a known object without known powers whose use nobody has vouched for.
func (j *judging) unvetted(v judgement, obj pyname.Object, imp weir.Import) judgement {
	switch {
	case imp.Use == weir.UseNamed:
		// The index vouches for the bare name of everything that is known to be harmless, so what is left is either new or hidden from it.
		v.rule, v.severity, v.conf = "pickle/unvetted-call", weir.SeverityMedium, weir.ConfidenceLikely
		if isStandard(obj.Module) {
			v.severity = weir.SeverityHigh
		}
		v.message = v.name() + " is imported by the file; what it does when something calls it has not been reviewed"
	case obj.Safe.Has(imp.Use) && obj.Shape != "":
		v.rule, v.severity = "pickle/unexpected-arguments", weir.SeverityHigh
		if obj.Kind == pyname.KindClass && !isStandard(obj.Module) || j.onlyForeignClass(obj, imp) {
			v.severity = weir.SeverityMedium
		}
		v.conf = weir.ConfidenceLikely
		v.message = v.name() + " is called with arguments that no real writer gives it"
	case obj.Kind == pyname.KindClass && imp.Use == weir.UseCalled && isStandard(obj.Module) && !isError(obj.Name):
		return reviewed(v)
	case obj.Kind == pyname.KindClass || obj.Kind == pyname.KindObject && imp.Use != weir.UseCalled:
		v.rule, v.severity, v.conf = "pickle/unvetted-call", weir.SeverityMedium, weir.ConfidenceLikely
		v.message = "an instance of " + v.name() + " is made or given state; what that class does then has not been reviewed"
	default:
		v.rule, v.severity, v.conf = "pickle/unvetted-call", weir.SeverityHigh, weir.ConfidenceLikely
		v.message = v.name() + " is called when the file is loaded; what it does with chosen arguments has not been reviewed"
	}
	return v
}

// reviewed judges a class of the standard library that is called though nobody vouches for it.
func reviewed(v judgement) judgement {
	v.rule, v.severity, v.conf = "pickle/unvetted-call", weir.SeverityHigh, weir.ConfidenceLikely
	v.message = v.name() + " of Python's standard library is called when the file is loaded; no real writer is known to do so"
	return v
}

// onlyForeignClass reports whether a class as first argument is all that is unusual: numpy's _reconstruct for a subclass of ndarray that
// the index does not know makes an empty instance and nothing else.
func (j *judging) onlyForeignClass(obj pyname.Object, imp weir.Import) bool {
	if obj.Name != "_reconstruct" || len(imp.Args) == 0 || imp.Args[0].Kind != weir.ValueGlobal {
		return false
	}
	args := slices.Clone(imp.Args)
	args[0] = weir.Value{Kind: weir.ValueGlobal, Text: "numpy.ndarray"}
	return pyname.Fits(obj.Shape, args)
}

// unknown judges a name that the index does not hold: a third party's, or an attacker's.
func unknown(v judgement, imp weir.Import) judgement {
	v.conf = weir.ConfidenceLikely
	if imp.Use == weir.UseCalled && isStandard(imp.Module) && looksLikeClass(imp.Name) && !isError(imp.Name) {
		return reviewed(v)
	}
	if imp.Use == weir.UseCalled && !looksLikeClass(imp.Name) {
		v.rule, v.severity = "pickle/unknown-call", weir.SeverityHigh
		v.message = "the unknown function " + v.name() + " is called when the file is loaded"
		return v
	}
	v.rule, v.severity = "pickle/unknown-import", weir.SeverityMedium
	switch imp.Use {
	case weir.UseNamed:
		v.message = "loading imports the unknown " + v.name() + ", which runs the module that holds it"
	case weir.UseStateSet:
		v.message = "an object of the unknown class " + v.name() + " is given state"
	default:
		v.message = "an instance of the unknown class " + v.name() + " is made"
	}
	return v
}

func computed(imp weir.Import, spelled string) judgement {
	v := judgement{callee: "computed:", spelled: spelled, imp: imp, rule: "pickle/computed-name", conf: weir.ConfidenceCertain}
	v.severity = weir.SeverityHigh
	v.message = "the file computes which object is called when it is loaded, so what runs cannot be known before"
	if imp.Use == weir.UseNamed {
		v.severity = weir.SeverityMedium
		v.message = "the file computes a name that it imports, so what it is cannot be known before"
	}
	return v
}

// name is how a message names a callee: as spelled, with what it really is.
func (v judgement) name() string {
	if v.callee == v.spelled || v.callee == "" {
		return v.spelled
	}
	return v.spelled + " (really " + v.callee + ")"
}

// isUserModule names the modules that stand for "the program that wrote this": nothing there can be known.
func isUserModule(module string) bool {
	return module == "__main__" || module == "__mp_main__" || strings.HasPrefix(module, "__main__.")
}

// looksLikeClass applies PEP 8 to the last part of a dotted name: CapWords is a class, everything else (lower case, constants) is not.
func looksLikeClass(name string) bool {
	name = strings.TrimLeft(name[strings.LastIndexByte(name, '.')+1:], "_")
	lower := false
	for i, r := range name {
		if i == 0 && !unicode.IsUpper(r) {
			return false
		}
		lower = lower || unicode.IsLower(r)
	}
	return lower || len(name) == 1
}

// canonical is the dotted path of what a name really leads to.
func canonical(obj pyname.Object, spelled string) string {
	if obj.Module == "" && obj.Name == "" {
		return spelled
	}
	return dotted(obj.Module, obj.Name)
}

func dotted(module, name string) string {
	if module == "" || name == "" {
		return module + name
	}
	return module + "." + name
}
