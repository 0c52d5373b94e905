package pyname

import (
	"strings"
	"testing"

	"weir"
)

// Values for the tables below, short because they are many.
func str(s string) weir.Value   { return weir.Value{Kind: weir.ValueStr, Text: s, Len: int64(len(s))} }
func raw(s string) weir.Value   { return weir.Value{Kind: weir.ValueBytes, Text: s, Len: int64(len(s))} }
func num(s string) weir.Value   { return weir.Value{Kind: weir.ValueInt, Text: s} }
func glob(s string) weir.Value  { return weir.Value{Kind: weir.ValueGlobal, Text: s} }
func truth(s string) weir.Value { return weir.Value{Kind: weir.ValueBool, Text: s} }
func tup(v ...weir.Value) weir.Value {
	return weir.Value{Kind: weir.ValueTuple, Items: v, Len: int64(len(v))}
}
func dict(v ...weir.Value) weir.Value {
	return weir.Value{Kind: weir.ValueDict, Items: v, Len: int64(len(v) / 2)}
}
func call(f string, v ...weir.Value) weir.Value {
	return weir.Value{Kind: weir.ValueCall, Text: f, Items: v, Len: int64(len(v))}
}
func inst(class string, v ...weir.Value) weir.Value {
	return weir.Value{Kind: weir.ValueInstance, Text: class, Items: v, Len: int64(len(v))}
}
func pers() weir.Value { return weir.Value{Kind: weir.ValuePersID} }

var none = weir.Value{Kind: weir.ValueNone}

func dtype(code string) weir.Value {
	return call("numpy.dtype", str(code), truth("False"), truth("True"))
}

const template = "\ndef _parse_args(self, a, b,  loc=0, scale=1):\n    return (a, b, ), loc, scale\n\ndef _parse_args_rvs(self, a, b,  loc=0, scale=1, " +
	"size=None):\n    return self._argcheck_rvs(a, b,  loc, scale, size=size)\n\ndef _parse_args_stats(self, a, b,  loc=0, scale=1, moments='mv'):\n" +
	"    return (a, b, ), loc, scale, moments\n"

func TestFits(t *testing.T) {
	v := func(vs ...weir.Value) []weir.Value { return vs }
	tests := []struct {
		shape string
		fits  bool
		args  []weir.Value
	}{
		{"", true, v(glob("os.system"))},
		{"no such shape", false, nil},

		{"plain", true, v(str("a"), tup(num("1"), dict(str("k"), none)))},
		{"plain", true, v(call("datetime.timedelta", num("1")))},
		{"plain", true, v(call("_codecs.encode", str("\x00"), str("latin1")))},
		{"plain", true, v(call("numpy.core.multiarray._reconstruct", glob("numpy.ndarray"), tup(num("0")), raw("b")))},
		{"plain", false, v(call("numpy.core.multiarray._reconstruct", glob("numpy.ndarray"), tup(num("9")), raw("b")))},
		{"plain", false, v(tup(tup(glob("os.system"))))},
		{"plain", false, v(call("foo.bar"))},
		{"plain", false, v(weir.Value{})},
		{"plain", false, v(call("functools.partial", glob("builtins.print")))},

		{"getattr", true, v(glob("enum.Enum"), str("RED"))},
		{"getattr", true, v(glob("sklearn.pipeline.Pipeline"), str("fit"))},
		{"getattr", true, v(str("abc"), str("upper"))},
		{"getattr", true, v(glob("builtins.object"), str("__new__"))},
		{"getattr", false, v(str("abc"), str("format"))},
		{"getattr", false, v(str("abc"), str("__new__x__"))},
		{"getattr", false, v(glob("os"), str("system"))},
		{"getattr", false, v(glob("random._os"), str("system"))},
		{"getattr", false, v(glob("builtins.dict"), str("__subclasses__"))},
		{"getattr", false, v(glob("enum.Enum"), str("a.b"))},
		{"getattr", false, v(glob("enum.Enum"), str("__globals__"))},
		{"getattr", false, v(glob("enum.Enum"), call("foo.bar"))},
		{"getattr", false, v(call("importlib.import_module", str("os")), str("system"))},
		{"getattr", false, v(glob("pathlib.Path"), str("write_text"))},

		{"reconstructor", true, v(glob("sklearn.svm._classes.SVC"), glob("__builtin__.object"), none)},
		{"reconstructor", true, v(glob("foo.Bar"), glob("builtins.dict"), dict())},
		{"reconstructor", false, v(glob("subprocess.Popen"), glob("builtins.object"), none)},
		{"reconstructor", false, v(glob("foo.Bar"), glob("foo.Base"), none)},
		{"reconstructor", false, v(glob("foo.Bar"), glob("builtins.map"), none)},
		{"reconstructor", false, v(glob("foo.Bar"), glob("builtins.object"))},

		{"newobj", true, v(glob("pandas.core.indexes.base.Index"), dict())},
		{"newobj", false, v(glob("numpy.memmap"), dict())},
		{"newobj", false, v(glob("builtins.map"), glob("os.system"))},
		{"newobj", false, nil},

		{"encode", true, v(str("\u00ff"), str("latin1"))},
		{"encode", false, v(str("x"), str("zip"))},
		{"encode", false, v(str("x"), str("evil_codec"))},
		{"encode", false, v(str("x"))},
		{"encode", false, v(glob("os.system"), str("latin1"))},

		{"enum", true, v(num("1"))},
		{"enum", false, v(str("Name"), dict())},
		{"enum", false, v(glob("os.system"))},

		{"factory", true, v()},
		{"factory", true, v(glob("builtins.list"))},
		{"factory", true, v(none, dict())},
		{"factory", true, v(glob("foo.Bar"))},
		{"factory", false, v(glob("subprocess.Popen"))},
		{"factory", false, v(glob("builtins.breakpoint"))},

		{"apply", true, v(glob("numpy.mean"))},
		{"apply", false, v(glob("os.system"))},
		{"apply", false, v(glob("posix.system"), str("x"))},
		{"apply", false, v(glob("builtins.map"))},
		{"apply", false, v()},

		{"getter", true, v(str("name"))},
		{"getter", true, v(num("0"), str("a.b"))},
		{"getter", false, v(str("__class__"))},
		{"getter", false, v(str("a.__globals__.b"))},
		{"getter", false, v(tup())},

		{"methodcaller", true, v(str("lower"))},
		{"methodcaller", false, v(str("__reduce__"))},
		{"methodcaller", false, v(str("touch"))},
		{"methodcaller", false, v(str("system"), str("id"))},

		{"values", true, v(tup(inst("sklearn.svm._classes.SVC")))},
		{"values", true, v(call("numpy.dtype", str("f8")))},
		{"values", true, v(inst("collections.OrderedDict"))},
		{"values", false, v(inst("torch.utils.data.datapipes.iter.fileopener.FileOpenerIterDataPipe"))},
		{"values", false, v(inst("types.SimpleNamespace"))},
		{"values", false, v(weir.Value{})},
		{"methodcaller", false, v(str("run"), glob("os.system"))},

		{"reconstruct", true, v(glob("numpy.ndarray"), tup(num("0")), raw("b"))},
		{"reconstruct", true, v(glob("numpy.ndarray"), tup(num("0")), call("_codecs.encode", str("b"), str("latin1")))},
		{"reconstruct", true, v(glob("numpy.memmap"), tup(num("0")), raw("b"))},
		{"reconstruct", false, v(glob("os.system"), tup(num("0")), raw("b"))},
		{"reconstruct", false, v(glob("numpy.ndarray"), tup(num("1000000")), raw("b"))},
		{"reconstruct", false, v(glob("numpy.ndarray"), tup(num("0")), raw("bb"))},

		{"scalar", true, v(dtype("f8"), raw("12345678"))},
		{"scalar", true, v(call("numpy.dtype", glob("numpy.record"), truth("False")), raw("1"))},
		{"scalar", false, v(dtype("O8"), raw("12345678"))},
		{"scalar", false, v(dtype("|O"), raw("12345678"))},
		{"scalar", false, v(call("numpy.dtype", glob("numpy.object_")), raw("12345678"))},
		{"scalar", false, v(dtype("f8"), glob("os.system"))},

		{"dtype", true, v(str("f8"), truth("False"), truth("True"))},
		{"dtype", true, v(glob("numpy.float64"))},
		{"dtype", false, v(glob("os.system"))},
		{"dtype", false, v()},

		{"frombuffer", true, v(raw("12345678"), dtype("f8"), tup(num("1")), str("C"))},
		{"frombuffer", false, v(raw("12345678"), str("f8"), tup(num("1")), str("C"))},
		{"frombuffer", false, v(glob("os.system"), dtype("f8"), tup(num("1")), str("C"))},

		{"ufunc", true, v(str("numpy.core.umath"), str("add"))},
		{"ufunc", false, v(str("os"), str("system"))},
		{"ufunc", false, v(str("antigravity"), str("x"))},
		{"ufunc", false, v(str("foo"), str("bar"))},

		{"mareconstruct", true, v(glob("numpy.ma.core.MaskedArray"), glob("numpy.ndarray"), tup(num("0")), raw("b"))},
		{"mareconstruct", false, v(glob("os.system"), glob("numpy.ndarray"), tup(num("0")), raw("b"))},

		{"bitgenerator", true, v(str("MT19937"))},
		{"bitgenerator", true, v(str("MT19937"), glob("numpy.random._pickle.__bit_generator_ctor"))},
		{"bitgenerator", true, v(glob("numpy.random._pcg64.PCG64"))},
		{"bitgenerator", false, v(glob("os.abort"))},
		{"bitgenerator", false, v(str("MT19937"), glob("os.system"))},
		{"bitgenerator", false, v(call("foo.MT19937"))},

		{"cython", true, v(glob("sklearn._loss._loss.CyHalfSquaredError"), num("1"), none)},
		{"cython", false, v(glob("os.system"), num("1"), none)},
		{"cython", false, v(glob("sklearn._loss._loss.CyHalfSquaredError"), num("1"))},

		{"tensor", true, v(pers(), num("0"), tup(num("2")), tup(num("1")), truth("False"), call("collections.OrderedDict"))},
		{"tensor", false, v(pers(), num("0"), tup(num("2")), tup(num("1")), glob("os.system"))},
		{"tensor", false, v(glob("os.system"), num("0"), tup(), tup())},
		{"tensor", false, v(pers())},

		{"rebuildtype", true, v(glob("torch._utils._rebuild_tensor_v2"), glob("torch.nn.parameter.Parameter"),
			tup(pers(), num("0"), tup(), tup(), truth("False"), none), dict())},
		{"rebuildtype", false, v(glob("os.system"), glob("torch.Tensor"), tup(str("x")), dict())},
		{"rebuildtype", false, v(glob("torch._tensor._rebuild_from_type_v2"), glob("torch.Tensor"), tup(), dict())},
		{"rebuildtype", false, v(glob("torch._utils._rebuild_tensor_v2"), glob("torch.Tensor"), tup(glob("os.system")), dict())},

		{"zone", true, v(str("Europe/Berlin"), truth("True"))},
		{"zone", true, v(str("Etc/GMT+1"))},
		{"zone", false, v(str("../../x"))},
		{"zone", false, v(str("/etc/x"))},
		{"zone", false, v(str(""))},

		{"one", true, v(none)},
		{"one", false, v(str("X"), tup(), dict())},

		{"accessor", true, v(call("cloudpickle.cloudpickle._make_function"), none, none, str("doc"))},
		{"accessor", false, v(glob("os.system"))},
		{"accessor", false, v()},

		{"setattr", true, v(call("dill._dill._create_type"), str("__qualname__"), str("X"))},
		{"setattr", false, v(call("dill._dill._create_type"), str("__reduce__"), str("X"))},
		{"setattr", false, v(glob("os"), str("__name__"), str("X"))},
		{"setattr", false, v(call("dill._dill._create_type"), str("__module__"), glob("os.system"))},

		{"createarray", true, v(glob("numpy.core.multiarray._reconstruct"), tup(glob("numpy.ndarray"), tup(num("0")), raw("b")), tup())},
		{"createarray", false, v(glob("os.system"), tup(str("x")), tup())},
		{"createarray", false, v(glob("numpy.fromfile"), tup(str("x")), tup())},

		{"rangerepr", true, v(str("range(0, 3)"))},
		{"rangerepr", true, v(str("Ellipsis"))},
		{"rangerepr", true, v(str("xrange(-1, 3, 2)"))},
		{"rangerepr", false, v(str("range(__import__('os'))"))},
		{"rangerepr", false, v(str("print(1)"))},

		{"text", true, v(str("a"), str("latin-1"))},
		{"text", true, v()},
		{"text", true, v(tup(num("1")))},
		{"text", false, v(str("a"), str("evil"))},
		{"text", false, v(str("a"), glob("os.system"))},

		{"fraction", true, v(str("1/3"))},
		{"fraction", true, v(num("1"), num("3"))},
		{"fraction", false, v(str("1e999999999"))},
		{"fraction", false, v(glob("os.system"))},

		{"distribution", true, nil},
		{"distribution", true, v(dict(str("name"), str("beta"), str("_parse_arg_template"), str(template)))},
		{"distribution", true, v(tup(dict(str("name"), str("beta")), none))},
		{"distribution", false, v(dict(str("name"), str("beta")))},
		{"distribution", false, v(dict(str("_parse_arg_template"), str("import os")))},
		{"distribution", false, v(dict(str("_parse_arg_template"), str(template+"import os\n")))},
		{"distribution", false, v(dict(str("_parse_arg_template"), str(strings.Replace(template, "scale=1", "scale=f()", 1))))},
		{"distribution", false, v(dict(str("_parse_arg_template"), str(template), str("_parse_arg_template"), str("x")))},
		{"distribution", false, v(dict(str("_parse_arg_template"), str(template), str("_attach_methods"), glob("os.abort")))},
		{"distribution", false, v(weir.Value{Kind: weir.ValueDict, Len: 3, Items: []weir.Value{str("_parse_arg_template"), str(template)}})},
		{"distribution", false, v(none)},
	}
	for _, tt := range tests {
		if got := Fits(tt.shape, tt.args); got != tt.fits {
			t.Errorf("Fits(%q, %v) = %v, want %v", tt.shape, tt.args, got, tt.fits)
		}
	}
	tried := map[string]int{}
	for _, tt := range tests {
		if tt.fits {
			tried[tt.shape] |= 1
		} else {
			tried[tt.shape] |= 2
		}
	}
	for _, s := range shapeNames {
		if want := 3; s != "" && tried[s] != want {
			t.Errorf("shape %q has no good or no bad example", s)
		}
	}
}

func TestFitsIsBounded(t *testing.T) {
	deep := tup()
	for range 10_000 {
		deep = tup(deep)
	}
	if Fits("plain", []weir.Value{deep}) {
		t.Error("a value of any depth is plain")
	}
}

func TestAllows(t *testing.T) {
	x := Default()
	tests := []struct {
		module, name string
		use          weir.Use
		args         []weir.Value
		want         bool
	}{
		{"functools", "partial", weir.UseCalled, []weir.Value{glob("numpy.mean")}, true},
		{"functools", "partial", weir.UseCalled, []weir.Value{glob("os.system")}, false},
		{"functools", "partial", weir.UseCalled, []weir.Value{call("operator.methodcaller", str("lower"))}, false},
		{"functools", "partial", weir.UseNamed, nil, true},
		{"builtins", "list", weir.UseCalled, []weir.Value{inst("types.SimpleNamespace")}, false},
		{"builtins", "list", weir.UseStateSet, nil, true},
		{"functools", "partial", weir.UseStateSet, nil, true},
		{"sklearn.svm._classes", "SVC", weir.UseInstantiated, nil, true},
		{"scipy.stats._continuous_distns", "norm_gen", weir.UseInstantiated, nil, true},
		{"scipy.stats._continuous_distns", "norm_gen", weir.UseStateSet, []weir.Value{dict(str("_parse_arg_template"), str("import os"))}, false},
		{"scipy.stats._continuous_distns", "norm_gen", weir.UseStateSet, []weir.Value{dict(str("_parse_arg_template"), str(template))}, true},
		{"numpy", "memmap", weir.UseInstantiated, []weir.Value{str("file")}, false},
		{"numpy", "add", weir.UseCalled, nil, false},
		{"os", "system", weir.UseNamed, nil, false},
		{"foo", "bar", weir.UseNamed, nil, false},
	}
	for _, tt := range tests {
		if got := x.Resolve(tt.module, tt.name, 4).Allows(tt.use, "REDUCE", tt.args); got != tt.want {
			t.Errorf("%s.%s %s %v: %v, want %v", tt.module, tt.name, tt.use, tt.args, got, tt.want)
		}
	}
}

func FuzzFits(f *testing.F) {
	f.Add("getattr", "enum.Enum", "RED")
	f.Add("distribution", "_parse_arg_template", template)
	f.Add("encode", "x", "latin1")
	f.Fuzz(func(t *testing.T, shape, a, b string) {
		for _, args := range [][]weir.Value{{str(a), str(b)}, {glob(a), str(b)}, {call(a, str(b)), raw(b), tup(num(a))}, {dict(str(a), str(b))}} {
			first := Fits(shape, args)
			if again := Fits(shape, args); first != again {
				t.Error("not the same twice")
			}
		}
	})
}
