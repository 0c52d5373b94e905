package rule

import (
	"fmt"
	"strings"
	"testing"

	"weir"
	"weir/internal/pyname"
)

// found runs rules over one pickle and lists what they find as "rule severity".
func found(t testing.TB, trust []string, facts ...weir.Fact) []string {
	t.Helper()
	var out []string
	Apply(Pickle(), ScopeFile, Pass{
		File: weir.Artifact{Path: "model.pkl"}, Names: pyname.Default(),
		Units: []Unit{{Formats: []string{"pickle"}, Model: true, Facts: facts}},
		Trust: func(module, name string) bool {
			for _, x := range trust {
				if module+"."+name == x || strings.HasSuffix(x, ".*") && strings.HasPrefix(module+".", strings.TrimSuffix(x, "*")) {
					return true
				}
			}
			return false
		},
		Report: func(f weir.Finding) { out = append(out, f.Rule+" "+f.Severity.String()) },
	})
	return out
}

func call(module, name string, args ...weir.Value) weir.Import {
	return weir.Import{Module: module, Name: name, Use: weir.UseCalled, Op: "REDUCE", Args: args, Protocol: 4, Evidence: module + "." + name + "()"}
}

func named(module, name string) weir.Import {
	return weir.Import{Module: module, Name: name, Use: weir.UseNamed, Op: "STACK_GLOBAL", Protocol: 4, Evidence: module + "." + name}
}

func global(path string) weir.Value { return weir.Value{Kind: weir.ValueGlobal, Text: path} }
func number(text string) weir.Value { return weir.Value{Kind: weir.ValueInt, Text: text} }
func items(kind weir.ValueKind, vs ...weir.Value) weir.Value {
	return weir.Value{Kind: kind, Items: vs, Len: int64(len(vs))}
}

func TestJudgement(t *testing.T) {
	dead := call("os", "system")
	dead.Dead = true
	deadUnknown := call("acme", "run")
	deadUnknown.Dead = true
	lost := call("", "?")
	lost.Computed = true
	state := weir.Import{Module: "acme", Name: "Net", Use: weir.UseStateSet, Op: "BUILD", Protocol: 4}
	tests := []struct {
		name  string
		trust []string
		facts []weir.Fact
		want  string
	}{
		{name: "nothing", want: ""},
		{name: "dangerous and called", facts: []weir.Fact{call("os", "system")}, want: "pickle/code-execution critical"},
		{name: "dangerous and only named", facts: []weir.Fact{named("os", "system")}, want: "pickle/code-execution high"},
		{name: "two calls are one finding", facts: []weir.Fact{call("os", "system"), call("os", "system")}, want: "pickle/code-execution critical"},
		{name: "one object under two names is one finding", facts: []weir.Fact{call("builtins", "eval"), call("__builtin__", "eval")}, want: "pickle/code-execution critical"},
		{name: "dotted path of protocol 4", facts: []weir.Fact{call("random", "_os.system")}, want: "pickle/code-execution critical"},
		{name: "trust does not cover powers", trust: []string{"os.*"}, facts: []weir.Fact{call("os", "system")}, want: "pickle/code-execution critical"},
		{name: "unknown function called", facts: []weir.Fact{call("acme", "run")}, want: "pickle/unknown-call high"},
		{name: "unknown class called", facts: []weir.Fact{call("acme", "Net")}, want: "pickle/unknown-import medium"},
		{name: "unknown given state", facts: []weir.Fact{state}, want: "pickle/unknown-import medium"},
		{name: "unknown trusted by name", trust: []string{"acme.run"}, facts: []weir.Fact{call("acme", "run")}, want: ""},
		{name: "unknown trusted by package", trust: []string{"acme.*"}, facts: []weir.Fact{call("acme.deep", "run")}, want: ""},
		{name: "the worst use of a name counts", facts: []weir.Fact{named("acme", "run"), call("acme", "run")}, want: "pickle/unknown-call high"},
		{name: "a name of the program that wrote the file", facts: []weir.Fact{call("__main__", "run")}, want: "pickle/custom-code medium"},
		{name: "computed", facts: []weir.Fact{lost}, want: "pickle/computed-name high"},
		{name: "dead and dangerous", facts: []weir.Fact{dead}, want: "pickle/code-execution high"},
		{name: "dead and unknown", facts: []weir.Fact{deadUnknown}, want: ""},
		{name: "map of a dangerous function", facts: []weir.Fact{call("builtins", "map", global("os.system"), items(weir.ValueList))},
			want: "pickle/code-execution critical"},
		{name: "map of an unknown function", facts: []weir.Fact{call("builtins", "map", global("acme.run"), items(weir.ValueList))}, want: "pickle/unknown-call high"},
		{name: "map of a trusted function", trust: []string{"acme.*"}, facts: []weir.Fact{call("builtins", "map", global("acme.run"), items(weir.ValueList))}, want: ""},
		{name: "map of something hidden", facts: []weir.Fact{call("builtins", "map", weir.Value{}, items(weir.ValueList))}, want: "pickle/gadget critical"},
		{name: "partial keeps an unknown function", facts: []weir.Fact{call("functools", "partial", global("acme.run"))}, want: ""},
		{name: "partial of a dangerous function", facts: []weir.Fact{call("functools", "partial", global("os.system"))}, want: "pickle/code-execution critical"},
		{name: "map within partial", facts: []weir.Fact{call("functools", "partial", global("builtins.map"), global("os.system"))}, want: "pickle/code-execution critical"},
		{name: "a terabyte", facts: []weir.Fact{call("builtins", "bytearray", number("1000000000000"))}, want: "pickle/denial-of-service high"},
		{name: "an integer that was not decoded", facts: []weir.Fact{call("builtins", "bytearray", number("<99-byte integer>"))}, want: "pickle/denial-of-service high"},
		{name: "endless list", facts: []weir.Fact{call("builtins", "list", items(weir.ValueCall)), call("builtins", "list", weir.Value{Kind: weir.ValueCall, Text: "itertools.count"})},
			want: "pickle/denial-of-service high"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(found(t, tt.trust, tt.facts...), ", "); got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// TestFlood: a file that names everything does not drown its reader, and the worst is not lost among it.
func TestFlood(t *testing.T) {
	var facts []weir.Fact
	for i := range 5000 {
		facts = append(facts, named("acme", fmt.Sprintf("name%d", i)))
	}
	facts = append(facts, call("os", "system"))
	got := found(t, nil, facts...)
	if len(got) != maxPerRule+1 || got[0] != "pickle/code-execution critical" {
		t.Errorf("%d findings, the first is %s", len(got), got[0])
	}
}

func TestPowerOrder(t *testing.T) {
	all := pyname.Power(0)
	for i := range powers {
		p := powers[len(powers)-1-i]
		all |= p.power
		if d := powerOf(all); d.rule != p.rule {
			t.Errorf("with %v the finding is %s, want %s", all, d.rule, p.rule)
		}
	}
	if got := fmt.Sprint(impacts(pyname.File | pyname.Network)); got != "[file-write file-read network data-exposure]" {
		t.Errorf("impacts are %s", got)
	}
}

func TestLooksLikeClass(t *testing.T) {
	for name, want := range map[string]bool{
		"Net": true, "_Net": true, "__Net": true, "BERTModel": true, "A": true, "Outer.Inner": true, "net.Net": true,
		"run": false, "_run": false, "MAX_SIZE": false, "HTTP": false, "Net.make": false, "": false, "_": false, "2D": false,
	} {
		if got := looksLikeClass(name); got != want {
			t.Errorf("looksLikeClass(%q) = %v", name, got)
		}
	}
}

func TestApplyCompletes(t *testing.T) {
	rules := []Rule{{
		ID: "test/rule", Severity: weir.SeverityLow, Impact: []weir.Impact{weir.ImpactRead}, CWE: []int{1}, Fix: "fix", Aliases: []string{"CVE"}, References: []string{"R"},
		Check: func(p *Pass) {
			p.Report(weir.Finding{Message: "plain"})
			p.Report(weir.Finding{Message: "own", Severity: weir.SeverityHigh, Path: "other", CWE: []int{2}})
		},
	}, {ID: "test/other-scope", Scope: ScopeContainer, Check: func(p *Pass) { p.Report(weir.Finding{Message: fmt.Sprint(len(p.Units))}) }}}
	var got []weir.Finding
	p := Pass{
		File: weir.Artifact{Path: "f"}, Units: make([]Unit, 2), Names: pyname.Default(), Trust: func(string, string) bool { return false },
		Report: func(f weir.Finding) { got = append(got, f) },
	}
	Apply(rules, ScopeFile, p)
	if len(got) != 4 {
		t.Fatalf("%d findings, want two for each unit", len(got))
	}
	if f := got[0]; f.Rule != "test/rule" || f.Path != "f" || f.Severity != weir.SeverityLow || f.Fix != "fix" || len(f.CWE) != 1 || len(f.Impact) != 1 || len(f.Aliases) != 1 || len(f.References) != 1 {
		t.Errorf("left incomplete: %+v", f)
	}
	if f := got[1]; f.Path != "other" || f.Severity != weir.SeverityHigh || f.CWE[0] != 2 {
		t.Errorf("what the rule set was overwritten: %+v", f)
	}
	got[0].CWE[0] = 99
	if rules[0].CWE[0] != 1 {
		t.Error("a finding shares memory with its rule")
	}
	got = nil
	Apply(rules, ScopeContainer, p)
	if len(got) != 1 || got[0].Message != "2" {
		t.Errorf("container scope gave %+v", got)
	}
}

func TestCallsOfPython(t *testing.T) {
	tests := []struct{ text, want, early string }{
		{"import os\nos.system('id')", "os.system", "os.system"},
		{"import os as o, sys\no.system('id')\nsys.exit()", "os.system sys.exit", "os.system sys.exit"},
		{"import os.path\ndef f():\n    os.system('id')", "f os.system", ""},
		{"from os import system as s, path\nclass A(B):\n\ts('id')", "A os.system", ""},
		{"from subprocess import (run)\nrun(['id'])", "subprocess.run", "subprocess.run"},
		{"# os.system('id')\n'os.system(1)'\n\"\"\"os.system(2)\"\"\"", "", ""},
		{"x = 'a\\'b' + f(1)", "f", "f"},
		{"open('f').write('x')", "open", "open"},
		{"self.fit(x)", "self.fit", "self.fit"},
		{"'never closed", "", ""},
		{"'ends in a backslash\\", "", ""},
		{"'''never closed\nos.system()", "", ""},
		{"(1)(2)", "", ""},
		{"from nowhere", "", ""},
	}
	for _, tt := range tests {
		calls, early := callsOf(weir.Code{Language: "python", Text: tt.text})
		if got := strings.Join(calls, " "); got != tt.want {
			t.Errorf("%q calls %q, want %q", tt.text, got, tt.want)
		}
		if got := strings.Join(early, " "); got != tt.early {
			t.Errorf("%q calls %q at import, want %q", tt.text, got, tt.early)
		}
	}
	if got, _ := callsOf(weir.Code{Language: "python", Calls: []string{"a"}, Text: "b()"}); len(got) != 1 || got[0] != "a" {
		t.Errorf("the parser's calls became %v", got)
	}
}

func TestCardErrors(t *testing.T) {
	const whole = "-- what --\na\n-- why --\nb\n-- incident --\nc\n-- fix --\nd\n"
	const fact = `{"kind":"note","fact":{"key":"k","value":"v"}}`
	tests := map[string]struct{ text, want string }{
		"whole":            {whole + "-- bad/x --\n" + fact + "\nwant a/b high some text\n", ""},
		"missing section":  {"-- what --\na\n", "is missing"},
		"empty section":    {"-- what --\n-- why --\nb\n", "is empty"},
		"unknown section":  {whole + "-- note --\nx\n", "is not known"},
		"no facts":         {whole + "-- bad/x --\nwant a/b high\n", "no facts"},
		"unknown kind":     {whole + "-- bad/x --\n" + `{"kind":"nope","fact":{}}`, "not known"},
		"unknown field":    {whole + "-- bad/x --\n" + `{"kind":"note","facts":{}}`, "unknown field"},
		"unknown severity": {whole + "-- bad/x --\n" + fact + "\nwant a/b huge\n", "huge"},
		"half a want":      {whole + "-- bad/x --\n" + fact + "\nwant a/b\n", "needs a rule"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := parseCard("a/b", tt.text)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error is %v, want one about %q", err, tt.want)
			}
		})
	}
	if _, err := CardOf("no/such-rule"); err == nil {
		t.Error("a rule without a card gave no error")
	}
}

// everything runs all rules over one unit of some format.
func everything(formats []string, facts []weir.Fact) []weir.Finding {
	var out []weir.Finding
	p := Pass{
		File: weir.Artifact{Path: "f"}, Names: pyname.Default(), Trust: func(string, string) bool { return false },
		Units:  []Unit{{Formats: formats, Model: true, Facts: facts}, {Member: "inner@1", Formats: []string{"pickle"}, Facts: facts}},
		Report: func(f weir.Finding) { out = append(out, f) },
	}
	for _, family := range [][]Rule{Pickle(), Torch(), Numpy(), Joblib(), Archive()} {
		Apply(family, ScopeFile, p)
		Apply(family, ScopeContainer, p)
	}
	return out
}

// FuzzRules feeds facts as a worker that was taken over could send them: no panic, the same findings twice, a bound on their number, and
// no finding that is incomplete.
func FuzzRules(f *testing.F) {
	f.Add("os", "system", uint8(3), "REDUCE", "builtins.map", "torchscript", false, false)
	f.Add("", "", uint8(200), "", "", "", true, true)
	f.Add("a.b.c", "D.e.F", uint8(1), "NEWOBJ", "....", "zip", false, true)
	f.Add("types", "FunctionType", uint8(3), "path", "aten::save", "npy", false, true)
	f.Fuzz(func(t *testing.T, module, name string, use uint8, op, arg, kind string, computed, dead bool) {
		imp := weir.Import{
			Module: module, Name: name, Use: weir.Use(use), Op: op, Computed: computed, Dead: dead, Protocol: int(use),
			Args: []weir.Value{global(arg), {Kind: weir.ValueKind(op), Text: arg, Items: []weir.Value{global(name)}}},
		}
		facts := []weir.Fact{
			imp, weir.Code{Language: "python-bytecode", Name: name, Calls: []string{arg, module}, Auto: dead},
			weir.Code{Language: "python", Name: name, Text: arg + "(" + module}, weir.Code{Language: "native", Name: op},
			weir.Oddity{Kind: weir.OddityKind(op), Detail: arg, At: int64(use)}, weir.Call{Callee: arg, Auto: dead},
			weir.Storage{Key: name, Want: int64(use), Have: -1}, weir.Member{Name: name, Mode: uint32(use) << 8}, imp,
		}
		formats := []string{kind, "pickle"}[:1+use%2]
		a, b := everything(formats, facts), everything(formats, facts)
		if fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("two runs differ: %v and %v", a, b)
		}
		if len(a) > 4*len(facts) {
			t.Errorf("%d findings from %d facts", len(a), len(facts))
		}
		for _, f := range a {
			if f.Rule == "" || f.Severity < weir.SeverityLow || f.Message == "" || f.Fix == "" || len(f.Impact) == 0 {
				t.Errorf("incomplete: %+v", f)
			}
		}
	})
}

// A line is one of a text file: where a parser of a container read the entry itself, the entry is the member.
func TestLineHasItsMember(t *testing.T) {
	for outer, want := range map[string]string{"": "m/code/a.py", "x.zip!/m.pt": "x.zip!/m.pt!/m/code/a.py"} {
		units := []Unit{{Member: outer, Formats: []string{"torchscript"}, Facts: []weir.Fact{
			weir.Call{Callee: "aten::save", Member: "m/code/a.py", Line: 4},
		}}, {Member: outer, Formats: []string{"torch-package"}, Facts: []weir.Fact{
			weir.Code{Language: "python", Name: "m/code/a.py", Member: "m/code/a.py", Line: 1},
		}}}
		n := 0
		for _, s := range []Scope{ScopeFile, ScopeContainer} {
			Apply(Torch(), s, Pass{
				File: weir.Artifact{Path: "model"}, Names: pyname.Default(), Units: units, Trust: func(string, string) bool { return false },
				Report: func(f weir.Finding) {
					if n++; f.Member != want || f.Line == 0 {
						t.Errorf("%s at line %d of %q, want %q", f.Rule, f.Line, f.Member, want)
					}
				},
			})
		}
		if n != 2 {
			t.Errorf("%d findings, want 2", n)
		}
	}
}

// A policy is foreign unless it lies where weir looks for its own.
func TestForeignPolicy(t *testing.T) {
	for file, want := range map[string]int{
		"weir.yaml": 0, "../weir.yaml": 0, "../../weir.yaml": 0, "model/weir.yaml": 1, "../other/weir.yaml": 1, "/srv/weir.yaml": 1, "model/xweir.yaml": 0,
	} {
		n := 0
		Apply(Config(), ScopeFile, Pass{File: weir.Artifact{Path: file}, Units: []Unit{{}}, Names: pyname.Default(), Report: func(weir.Finding) { n++ }})
		if n != want {
			t.Errorf("%s: %d findings, want %d", file, n, want)
		}
	}
}
