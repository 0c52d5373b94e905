package dependency_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/dependency"
)

// req makes a requirement of pypi from "name", "name==1" or "name>=1".
func req(text string, more ...func(*weir.Requirement)) weir.Requirement {
	r := weir.Requirement{Ecosystem: "pypi", Name: text, State: weir.PinAny, Origin: weir.OriginManifest, Text: text, Direct: true}
	if name, version, ok := strings.Cut(text, "=="); ok {
		r.Name, r.Version, r.State = name, version, weir.PinExact
	} else if i := strings.IndexAny(text, "<>"); i > 0 {
		r.Name, r.Range, r.State = text[:i], text[i:], weir.PinRange
	}
	for _, m := range more {
		m(&r)
	}
	return r
}

func locked(requires ...string) func(*weir.Requirement) {
	return func(r *weir.Requirement) { r.Origin, r.Requires, r.Direct = weir.OriginLock, requires, false }
}

func installed(requires ...string) func(*weir.Requirement) {
	return func(r *weir.Requirement) { r.Origin, r.Requires = weir.OriginInstalled, requires }
}

func file(name string, facts ...weir.Fact) dependency.File {
	path, member, _ := strings.Cut(name, "!/")
	return dependency.File{Path: path, Member: member, Facts: facts}
}

// find gives the one requirement of a name in a file.
func find(t *testing.T, f dependency.File, name string) weir.Requirement {
	t.Helper()
	for _, fact := range f.Facts {
		if r, ok := fact.(weir.Requirement); ok && r.Name == name {
			return r
		}
	}
	t.Fatalf("%s names no %q: %v", f.Path, name, f.Facts)
	return weir.Requirement{}
}

func closureOf(f dependency.File) string {
	var all []string
	for _, fact := range f.Facts {
		if n, ok := fact.(weir.Note); ok && n.Key == "closure" {
			all = append(all, n.Value)
		}
	}
	return strings.Join(all, " and ")
}

func include(kind, path string) weir.Include {
	return weir.Include{Kind: kind, Path: path, Text: "-r " + path, Line: 9}
}

func TestIncludes(t *testing.T) {
	out := dependency.Join([]dependency.File{
		file("app/requirements.txt", include("requirement", "base/core.txt"), include("constraint", "limits.txt"), req("flask")),
		file("app/base/core.txt", req("numpy>=1.0"), include("requirement", "../requirements.txt"), include("requirement", "gone.txt")),
		file("app/limits.txt", req("flask==2.0"), req("numpy<2"), req("unused==1")),
		file("other/requirements.txt", req("flask")),
	})
	flask := find(t, out[0], "flask")
	if flask.State != weir.PinExact || flask.Version != "2.0" || !slices.Equal(flask.Via, []string{"app/limits.txt"}) {
		t.Errorf("a constraint does not hold: %+v", flask)
	}
	numpy := find(t, out[1], "numpy")
	if numpy.Range != ">=1.0,<2" || !slices.Equal(numpy.Via, []string{"app/requirements.txt", "app/limits.txt"}) {
		t.Errorf("a constraint does not hold in an included file: %+v", numpy)
	}
	if r := find(t, out[1], ""); r.State != weir.PinUnresolved || !strings.Contains(r.Reason, "gone.txt") || r.Line != 9 {
		t.Errorf("a missing file is not said: %+v", r)
	}
	if r := find(t, out[2], "unused"); r.Origin != weir.OriginConstraint || r.Direct {
		t.Errorf("a file that only bounds is taken for one that asks: %+v", r)
	}
	if r := find(t, out[3], "flask"); r.State != weir.PinAny {
		t.Errorf("a constraint of another installation holds: %+v", r)
	}
}

func TestIncludeIsFoundWhereCommandsRun(t *testing.T) {
	for name, c := range map[string]struct{ from, says, file string }{
		"image":      {"svc/Dockerfile", "/app/requirements.txt", "svc/requirements.txt"},
		"root of CI": {".github/workflows/ci.yml", "tests/requirements.txt", "tests/requirements.txt"},
		"archive":    {"m.mar!/sub/run.sh", "requirements.txt", "m.mar!/requirements.txt"},
	} {
		command := file(c.from, weir.Include{Kind: "requirement", Path: c.says, Text: "pip install -r " + c.says})
		out := dependency.Join([]dependency.File{command, file(c.file, req("flask")), file("setup.cfg", req("x"))})
		if r := find(t, out[1], "flask"); len(r.Via) != 1 || len(out[0].Facts) != 1 {
			t.Errorf("%s: %v %v", name, r.Via, out[0].Facts)
		}
	}
	out := dependency.Join([]dependency.File{file("m.mar!/requirements.txt", include("requirement", "../../etc/passwd")), file("etc/passwd", req("x"))})
	if r := find(t, out[1], "x"); len(r.Via) != 0 {
		t.Errorf("an archive reaches files outside it: %v", r.Via)
	}
}

func TestChains(t *testing.T) {
	out := dependency.Join([]dependency.File{
		file("p/pyproject.toml", req("mlflow>=2")),
		file("p/poetry.lock", req("mlflow==2.9.2", locked("flask", "numpy")), req("flask==2.2", locked("werkzeug")), req("werkzeug==2.2.2", locked("flask")), req("numpy==1.0", locked())),
		file("q/requirements.txt", req("other")),
		file("p/sub/requirements.txt", req("flask")),
	})
	if got := find(t, out[1], "werkzeug").Chain; !slices.Equal(got, []string{"mlflow", "flask"}) && !slices.Equal(got, []string{"flask"}) {
		t.Errorf("chain of werkzeug: %v", got)
	}
	if r := find(t, out[1], "numpy"); !slices.Equal(r.Chain, []string{"mlflow"}) || r.Direct {
		t.Errorf("numpy: %+v", r)
	}
	if r := find(t, out[1], "mlflow"); !r.Direct || r.Chain != nil {
		t.Errorf("mlflow: %+v", r)
	}
	for i, want := range []string{"lock:p/poetry.lock", "lock:p/poetry.lock", "unknown", "lock:p/poetry.lock"} {
		if got := closureOf(out[i]); got != want {
			t.Errorf("%s: closure %q, want %q", out[i].Path, got, want)
		}
	}
}

func TestChainWithoutManifest(t *testing.T) {
	env := "venv/lib/python3.12/site-packages/"
	out := dependency.Join([]dependency.File{
		file(env+"mlflow.dist-info/METADATA", req("mlflow==2.9.2", installed("flask"))),
		file(env+"flask.dist-info/METADATA", req("flask==2.2", installed("werkzeug"))),
		file(env+"werkzeug.dist-info/METADATA", req("werkzeug==2.2.2", installed())),
		file("requirements.txt", req("mlflow")),
	})
	if got := find(t, out[2], "werkzeug").Chain; !slices.Equal(got, []string{"mlflow", "flask"}) {
		t.Errorf("chain of werkzeug: %v", got)
	}
	if got := closureOf(out[3]); got != "environment:venv/lib/python3.12/site-packages" {
		t.Errorf("the manifest above the environment: %q", got)
	}
}

func TestClosureByHashes(t *testing.T) {
	hash := func(r *weir.Requirement) { r.Hashes = 2 }
	out := dependency.Join([]dependency.File{file("a.txt", req("x==1", hash), req("y==2", hash)), file("b.txt", req("x==1", hash), req("y==2"))})
	if a, b := closureOf(out[0]), closureOf(out[1]); a != "hashes" || b != "unknown" {
		t.Errorf("closures %q and %q", a, b)
	}
}

// maven makes a dependency; a version of "" is managed elsewhere, one with ${…} is a property of another file.
func maven(name, version string, more ...func(*weir.Requirement)) weir.Requirement {
	r := weir.Requirement{Ecosystem: "maven", Name: name, State: weir.PinExact, Version: version, Origin: weir.OriginManifest, Text: name + ":" + version, Direct: true}
	if version == "" || strings.Contains(version, "$") {
		r.State, r.Version, r.Range, r.Reason = weir.PinUnresolved, "", version, "elsewhere"
	}
	for _, m := range more {
		m(&r)
	}
	return r
}

func managed(r *weir.Requirement)  { r.Origin = weir.OriginConstraint }
func imported(r *weir.Requirement) { r.Origin, r.Group = weir.OriginConstraint, "import" }

func TestMaven(t *testing.T) {
	note := func(key, value string) weir.Note { return weir.Note{Key: key, Value: value} }
	out := dependency.Join([]dependency.File{
		file("mod/pom.xml", note("maven.project", "g:mod:1"), note("maven.parent", "g:root:1"), include("parent", "../pom.xml"),
			maven("a:a", ""), maven("b:b", "${b.version}"), maven("c:c", ""), maven("d:d", ""), weir.Setting{Key: "maven.property.a.version", Value: "${base}.9"}),
		file("pom.xml", note("maven.project", "g:root:1"), maven("a:a", "${a.version}", managed), maven("g:bom", "${project.version}", imported),
			weir.Setting{Key: "maven.property.b.version", Value: "[1,2)"}, weir.Setting{Key: "maven.property.a.version", Value: "0"}, weir.Setting{Key: "maven.property.base", Value: "3"}),
		file("bom/pom.xml", note("maven.project", "g:bom:1"), maven("c:c", "4.0", managed), maven("g:bom", "1", imported)),
	})
	if r := find(t, out[0], "a:a"); r.Version != "3.9" || r.State != weir.PinExact || r.Reason != "" {
		t.Errorf("managed by the parent, with a property of the child: %+v", r)
	}
	if r := find(t, out[0], "b:b"); r.Range != "[1,2)" || r.State != weir.PinRange {
		t.Errorf("property of the parent: %+v", r)
	}
	if r := find(t, out[0], "c:c"); r.Version != "4.0" {
		t.Errorf("managed by an imported bill: %+v", r)
	}
	if r := find(t, out[0], "d:d"); r.State != weir.PinUnresolved || r.Reason == "" {
		t.Errorf("managed by nobody: %+v", r)
	}
}

// FuzzJoin gives Join files that name each other in any way: it must end, keep the files, change no input and say the same twice.
func FuzzJoin(f *testing.F) {
	f.Add("a.txt b.txt", "a.txt>b.txt b.txt>a.txt a.txt!b.txt", "x>y y>z z>x")
	f.Add("m/pom.xml pom.xml z.zip!/d/pom.xml", "m/pom.xml^pom.xml pom.xml^m/pom.xml", "g:a>g:b g:b>${g}")
	f.Add("../../a.txt /b a!/../c!/d", "a>../../../../x b>/etc/passwd", "a>a")
	f.Fuzz(func(t *testing.T, names, includes, packages string) {
		var files []dependency.File
		for n := range strings.FieldsSeq(names) {
			fl := file(n)
			for pair := range strings.FieldsSeq(includes) {
				for sep, kind := range map[string]string{">": "requirement", "!": "constraint", "^": "parent"} {
					if from, to, ok := strings.Cut(pair, sep); ok && from == n {
						fl.Facts = append(fl.Facts, include(kind, to))
					}
				}
			}
			for pair := range strings.FieldsSeq(packages) {
				from, to, _ := strings.Cut(pair, ">")
				fl.Facts = append(fl.Facts, req(from, locked(to)), req(to), maven(from, to), maven(from, to, managed), maven(from, to, imported),
					weir.Note{Key: "maven.project", Value: from + ":" + to}, weir.Note{Key: "maven.parent", Value: from + ":" + to},
					weir.Setting{Key: "maven.property." + from, Value: to})
			}
			files = append(files, fl)
		}
		before, _ := json.Marshal(files)
		one, two := dependency.Join(files), dependency.Join(files)
		if after, _ := json.Marshal(files); string(after) != string(before) {
			t.Fatal("the input was changed")
		}
		if !reflect.DeepEqual(one, two) || len(one) != len(files) {
			t.Fatal("two runs differ, or files are missing")
		}
		for i := range one {
			if one[i].Path != files[i].Path || len(one[i].Facts) < len(files[i].Facts) {
				t.Fatal("a file or a fact is lost")
			}
		}
	})
}

// TestLearn: what an index says goes to the line of the requirement that its chain begins with, and the closure is then known.
func TestLearn(t *testing.T) {
	line := func(n int) func(*weir.Requirement) { return func(r *weir.Requirement) { r.Line = n } }
	files := dependency.Join([]dependency.File{
		file("r.txt", req("mlflow", line(3)), include("requirement", "more.txt"), include("constraint", "c.txt")), file("more.txt", req("numpy==1.0", line(7))),
		file("c.txt", req("flask<3")), file("q/p.toml", req("x")), file("q/uv.lock", req("x==1", locked())),
	})
	asks := dependency.Asks(files)
	if len(asks) != 1 || len(asks[0].Files) != 3 || len(asks[0].Requirements) != 3 {
		t.Fatalf("one installation of three files is to be asked about: %+v", asks)
	}
	resolved := func(r *weir.Requirement) { r.Origin = weir.OriginResolved }
	dependency.Learn(files, asks[0], []weir.Requirement{
		req("mlflow==2.9.2", resolved), req("numpy==1.0", resolved), req("flask==2.2", resolved, func(r *weir.Requirement) { r.Chain = []string{"mlflow"} }),
	}, "index:example")
	if r := find(t, files[0], "flask"); r.Line != 3 || r.Version != "2.2" {
		t.Errorf("flask is not at the line of mlflow: %+v", r)
	}
	if got := closureOf(files[0]); got != "index:example" {
		t.Errorf("closure %q", got)
	}
	if got := len(files[1].Facts); got != 2 {
		t.Errorf("a package that the manifest pins itself is stated twice: %v", files[1].Facts)
	}
}
