package pyname

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"weir"
)

func TestResolve(t *testing.T) {
	tests := []struct {
		module, name string
		protocol     int
		path         string // canonical, or empty where it does not matter
		kind         Kind
		power        Power // must be among its powers; 0: it has none
		safe         string
	}{
		// one function under all of its names
		{"os", "system", 4, "os.system", KindFunction, Execute, ""},
		{"posix", "system", 2, "os.system", KindFunction, Execute, ""},
		{"nt", "system", 0, "os.system", KindFunction, Execute, ""},
		{"io", "open", 4, "io.open", KindFunction, File, ""},
		{"_io", "open", 4, "io.open", KindFunction, File, ""},
		{"_pickle", "loads", 4, "", KindFunction, Deserialize, ""},
		{"cPickle", "loads", 2, "", KindFunction, Deserialize, ""},
		{"_operator", "attrgetter", 4, "", KindClass, Importing, "nisc"},
		{"os.path", "exists", 4, "", KindFunction, File, ""},
		{"numpy", "fromfile", 4, "", KindFunction, File, ""},
		{"numpy.core.multiarray", "fromfile", 2, "", KindFunction, File, ""},
		{"numpy._core.multiarray", "fromfile", 4, "", KindFunction, File, ""},
		// Python 2 and what Python 3 makes of it
		{"__builtin__", "eval", 2, "builtins.eval", KindFunction, Execute, ""},
		{"__builtin__", "eval", 4, "builtins.eval", KindFunction, Execute, ""},
		{"__builtin__", "execfile", 2, "", KindFunction, Execute, ""},
		{"__builtin__", "set", 2, "builtins.set", KindClass, 0, "nisc"},
		{"__builtin__", "object", 0, "builtins.object", KindClass, 0, "nisc"},
		{"exceptions", "ValueError", 2, "builtins.ValueError", KindClass, 0, "nisc"},
		{"copy_reg", "_reconstructor", 0, "copyreg._reconstructor", KindFunction, 0, "nc"},
		{"commands", "getoutput", 2, "", KindUnknown, Execute, ""},
		{"itertools", "imap", 2, "", KindUnknown, Apply, ""},
		{"__builtin__", "reduce", 2, "", KindUnknown, Apply, ""},
		{"multiprocessing.process", "Process", 2, "", KindUnknown, Execute, ""},
		{"multiprocessing", "Process", 2, "", KindUnknown, Execute, ""},
		{"urllib2", "urlopen", 2, "", KindUnknown, Network, ""},
		// dotted paths and re-exports
		{"random", "_os.system", 4, "os.system", KindFunction, Execute, ""},
		{"random", "_os", 4, "", KindModule, Importing, ""},
		{"builtins", "eval.__call__", 4, "", KindUnknown, Execute | Importing, ""},
		{"builtins", "object.__subclasses__", 4, "", KindUnknown, Importing, ""},
		{"builtins", "print.__self__.eval", 4, "", KindUnknown, Importing, ""},
		{"sklearn.base", "BaseEstimator.__init__.__globals__", 4, "", KindUnknown, Importing, ""},
		{"numpy", "__builtins__", 4, "", KindUnknown, Importing, ""},
		{"os", "path.os.system", 4, "os.system", KindFunction, Execute, ""},
		{"torch.library", "torch.utils.collect_env.run", 4, "torch.utils.collect_env.run", KindFunction, Execute, ""},
		{"torch", "serialization.os.system", 4, "os.system", KindFunction, Execute, ""},
		{"logging", "config", 4, "", KindUnknown, Importing, ""},
		{"json.decoder", "JSONDecoder.decode", 4, "", KindFunction, 0, "n"},
		{"builtins", "str.upper", 4, "", KindFunction, 0, "n"},
		{"builtins", "str.format", 4, "", KindUnknown, Importing, ""},
		// native code that no call graph sees
		{"numpy", "ndarray.tofile", 4, "", KindUnknown, File, ""},
		{"numpy", "loadtxt", 4, "", KindFunction, File | Network, ""},
		{"numpy", "memmap", 4, "", KindClass, File, "ns"},
		{"_posixsubprocess", "fork_exec", 4, "", KindFunction, Execute, ""},
		{"sqlite3", "connect", 4, "", KindUnknown, File, ""},
		{"torch._C", "PyTorchFileReader", 2, "", KindUnknown, File, ""},
		{"types", "CodeType", 4, "", KindClass, Execute, ""},
		// inherited: under the class that inherits, too
		{"pathlib", "PosixPath.write_text", 4, "", KindFunction, File, ""},
		{"numpy", "matrix.tofile", 4, "", KindFunction, File, ""},
		{"pandas.core.series", "Series.to_pickle", 4, "", KindFunction, File, ""},
		{"xgboost.sklearn", "XGBClassifier.save_model", 4, "", KindFunction, File, ""},
		// what only the call graph finds
		{"torch.utils.collect_env", "run_and_parse_first_match", 2, "", KindFunction, Execute, ""},
		{"numpy.f2py.crackfortran", "getlincoef", 2, "", KindFunction, Execute, ""},
		{"torch._inductor.codecache", "_reload_python_module_in_subproc", 2, "", KindUnknown, Execute, ""},
		{"statistics", "mean", 4, "", KindFunction, 0, "n"},
		// honest names
		{"collections", "OrderedDict", 2, "collections.OrderedDict", KindClass, 0, "nisc"},
		{"numpy.core.multiarray", "_reconstruct", 2, "", KindFunction, 0, "nc"},
		{"numpy._core.multiarray", "_reconstruct", 4, "", KindFunction, 0, "nc"},
		{"numpy", "add", 4, "", KindFunction, 0, "n"},
		{"sklearn.linear_model._logistic", "LogisticRegression", 4, "", KindClass, 0, "nis"},
		{"sklearn.ensemble", "RandomForestClassifier", 4, "sklearn.ensemble._forest.RandomForestClassifier", KindClass, 0, "nis"},
		{"torch.nn.modules.linear", "Linear", 2, "", KindClass, 0, "nis"},
		{"torch.nn.modules.rnn", "LSTM", 2, "", KindClass, 0, "nis"},
		{"torch.nn.functional", "relu", 2, "", KindFunction, 0, "n"},
		{"torch", "float32", 2, "", KindObject, 0, "n"},
		{"torch.optim.adam", "Adam", 2, "", KindClass, 0, "nis"},
		{"pandas.core.frame", "DataFrame", 4, "", KindClass, 0, "nis"},
		{"subprocess", "CalledProcessError", 4, "", KindClass, 0, "nis"},
		{"subprocess", "Popen", 4, "", KindClass, Execute, ""},
		{"re", "RegexFlag", 4, "", KindClass, 0, "nisc"},
		// not in the index: never safe, whatever it is called
		{"foo", "bar", 4, "foo.bar", KindUnknown, 0, ""},
		{"numpy.nothing", "_reconstruct", 4, "", KindUnknown, 0, ""},
		{"Numpy", "ndarray", 4, "", KindUnknown, 0, ""},
		{"numpy", "NDARRAY", 4, "", KindUnknown, 0, ""},
		{"", "", 4, "", KindUnknown, 0, ""},
	}
	x := Default()
	for _, tt := range tests {
		o := x.Resolve(tt.module, tt.name, tt.protocol)
		t.Run(tt.module+" "+tt.name, func(t *testing.T) {
			if tt.path != "" && o.Path() != tt.path {
				t.Errorf("leads to %q, want %q", o.Path(), tt.path)
			}
			if tt.kind != KindUnknown && o.Kind != tt.kind {
				t.Errorf("kind %d, want %d", o.Kind, tt.kind)
			}
			if o.Power&tt.power != tt.power || tt.power == 0 && o.Power != 0 {
				t.Errorf("power %q, want %q", o.Power, tt.power)
			}
			if !strings.Contains(uses(o.Safe), tt.safe) || tt.safe == "" && o.Safe != 0 {
				t.Errorf("safe %q, want %q", uses(o.Safe), tt.safe)
			}
		})
	}
}

// uses writes a set of uses by the letters of gen/safe.txt.
func uses(s Uses) string {
	out := ""
	for i, c := range "nisc" {
		if s.Has(weir.Use(i)) {
			out += string(c)
		}
	}
	return out
}

// published reads a list of "module name" lines and fails when it is empty.
func published(t *testing.T, file string) [][2]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out [][2]string
	s := bufio.NewScanner(f)
	for s.Scan() {
		if line := s.Text(); line != "" && line[0] != '#' {
			m, n, _ := strings.Cut(line, " ")
			n, _, _ = strings.Cut(n, "\t")
			out = append(out, [2]string{m, n})
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s holds nothing", file)
	}
	return out
}

func TestPublishedDangersHavePower(t *testing.T) {
	exempt := map[[2]string]bool{}
	for _, e := range published(t, "testdata/exempt.txt") {
		exempt[e] = true
	}
	x := Default()
	for _, e := range published(t, "testdata/published.txt") {
		name := e[1]
		if name == "*" {
			name = "some_name_that_no_index_lists"
		}
		for _, protocol := range []int{2, 4} {
			o := x.Resolve(e[0], name, protocol)
			if o.Power == 0 != exempt[e] {
				t.Errorf("%s %s at protocol %d: power %q, exempt %v", e[0], e[1], protocol, o.Power, exempt[e])
			}
		}
	}
}

func TestWithoutForgets(t *testing.T) {
	x := Default().Without(func(o Object) bool { return o.Path() == "os.system" })
	for _, m := range []string{"os", "posix", "nt"} {
		if o := x.Resolve(m, "system", 4); o.Power != 0 || o.Safe != 0 {
			t.Errorf("%s.system: power %q safe %q after it was forgotten", m, o.Power, uses(o.Safe))
		}
	}
	if o := x.Resolve("os", "popen", 4); o.Power == 0 {
		t.Error("os.popen was forgotten too")
	}
	if o := x.Resolve("collections", "OrderedDict", 4); !o.Allows(weir.UseCalled, "REDUCE", nil) {
		t.Error("a safe name is not safe any more")
	}
	if Default().Resolve("os", "system", 4).Power == 0 {
		t.Error("the original changed")
	}
}

func TestNothingIsSafeUnlessListed(t *testing.T) {
	for o := range Default().all() {
		if o.Safe.Has(weir.UseCalled) && o.Kind == KindUnknown {
			t.Errorf("%s is safe to call and of unknown kind", o.Path())
		}
		if o.Safe != 0 && o.Kind == KindModule {
			t.Errorf("module %s is safe", o.Path())
		}
	}
}

func TestCounts(t *testing.T) {
	names, dangerous, safe := Default().Count()
	if names < 100_000 || dangerous < 10_000 || safe < 50_000 {
		t.Errorf("%d names, %d dangerous, %d safe: the data is not whole", names, dangerous, safe)
	}
	n := 0
	for m, p := range Default().DangerousModules() {
		if m == "" || p == 0 {
			t.Errorf("module %q has power %q", m, p)
		}
		n++
	}
	if n < 300 {
		t.Errorf("%d dangerous modules", n)
	}
	n = 0
	for o := range Default().Dangerous() {
		if !o.Dangerous() {
			t.Fatalf("%s is listed as dangerous", o.Path())
		}
		n++
	}
	if n != dangerous {
		t.Errorf("Dangerous lists %d, Count says %d", n, dangerous)
	}
	if len(Versions()) < 20 {
		t.Errorf("versions: %q", Versions())
	}
}

func TestVolumesAreWhole(t *testing.T) {
	if len(shipped.volumes) == 0 {
		t.Fatal("no data")
	}
	for i, v := range shipped.volumes {
		if err := v.check(); err != nil {
			t.Errorf("volume %d: %v", i, err)
		}
		for j := range v.modules() {
			if top, _, _ := strings.Cut(v.moduleName(j), "."); volumeOf(top) != i {
				t.Fatalf("volume %d holds module %q", i, v.moduleName(j))
			}
		}
		for j := 1; j < v.modules(); j++ {
			if v.moduleName(j-1) >= v.moduleName(j) {
				t.Fatalf("volume %d: module %q is not sorted", i, v.moduleName(j))
			}
		}
	}
}

func TestEveryRecordIsFound(t *testing.T) {
	n := 0
	for _, v := range shipped.volumes {
		for i := range v.modules() {
			c := v.records(i)
			for c.next() {
				name := string(c.name)
				if r, ok := v.find(i, name); !ok || r != c.record() {
					t.Fatalf("%s %s is not found", v.moduleName(i), name)
				}
				if _, ok := v.find(i, name+"\x00"); ok {
					t.Fatalf("%s %q is found", v.moduleName(i), name+"\x00")
				}
				n++
			}
		}
	}
	if names, _, _ := Default().Count(); n == 0 || n != names {
		t.Errorf("%d records, Count says %d", n, names)
	}
}

func TestDamagedVolumes(t *testing.T) {
	whole := string(shipped.volumes[0])
	damaged := map[string]string{
		"empty": "", "magic only": magic, "cut": whole[:len(whole)/2], "other": strings.Repeat("x", 200), "header": whole[:headerSize],
	}
	for name, data := range damaged {
		if volume(data).check() == nil {
			t.Errorf("%s: no error", name)
		}
		x := Index{volumes: []volume{volume(data)}}
		if o := x.Resolve("collections", "OrderedDict", 4); o.Safe.Has(weir.UseCalled) && name != "cut" {
			t.Errorf("%s: something is safe", name)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("os", "system", 2)
	f.Add("random", "_os.system", 4)
	f.Add("builtins", "eval.__call__.__self__", 4)
	f.Add("", "....", 0)
	f.Add("torch.library", "torch.utils.collect_env.run", 4)
	f.Add(strings.Repeat("a.", 600), strings.Repeat(".b", 600), 1)
	x := Default()
	f.Fuzz(func(t *testing.T, module, name string, protocol int) {
		o := x.Resolve(module, name, protocol)
		if o != x.Resolve(module, name, protocol) {
			t.Error("not the same twice")
		}
		if o.Kind == KindUnknown && o.Safe != 0 {
			t.Errorf("%q %q is unknown and safe", module, name)
		}
		if len(o.Module) > 2*maxName || len(o.Name) > 2*maxName {
			t.Error("names grow")
		}
		x.Path(module+"."+name, protocol)
	})
}

func BenchmarkResolve(b *testing.B) {
	x := Default()
	for b.Loop() {
		x.Resolve("sklearn.ensemble._forest", "RandomForestClassifier", 4)
		x.Resolve("__builtin__", "set", 2)
		x.Resolve("foo.bar", "Baz", 4)
	}
}
