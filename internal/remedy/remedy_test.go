package remedy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/remedy"
	"weir/internal/version"
)

// oracle knows one flaw, in everything below 2.2.3, of every package but "hopeless", which has no version without one.
func oracle(r weir.Requirement) weir.Advice {
	a := weir.Advice{Affected: weir.AffectedAll, Known: true, Newest: "3.1", Safe: "2.2.3", Advisories: []weir.Advisory{{ID: "CVE-1", Malicious: r.Name == "evil"}}}
	switch {
	case r.Name == "hopeless":
		a.Safe = ""
	case r.State == weir.PinExact && version.For(r.Ecosystem).Compare(r.Version, "2.2.3") >= 0:
		return weir.Advice{Affected: weir.AffectedNone, Known: true}
	case r.State != weir.PinExact:
		a.Affected = weir.AffectedSome
	}
	return a
}

// at makes a requirement whose constraint is the n-th place of spec in content.
func at(t testing.TB, content, name, spec string, form weir.SpecForm, more ...func(*weir.Requirement)) weir.Requirement {
	t.Helper()
	i := strings.Index(content, spec)
	if i < 0 {
		t.Fatalf("%q is not in %q", spec, content)
	}
	r := weir.Requirement{Ecosystem: "pypi", Name: name, State: weir.PinExact, Origin: weir.OriginManifest, Spec: weir.Span{At: int64(i), Size: int64(len(spec))}, Form: form, Line: 1 + strings.Count(content[:i], "\n")}
	r.Version = strings.TrimLeft(spec, "= ")
	if strings.ContainsAny(spec, "<>~^,*!") {
		r.State, r.Version, r.Range = weir.PinRange, "", spec
	}
	for _, m := range more {
		m(&r)
	}
	return r
}

func TestRespell(t *testing.T) {
	for _, c := range []struct {
		name, spec, want string
		form             weir.SpecForm
	}{
		{"pin", "==2.2.2", "==2.2.3", weir.SpecPEP440},
		{"pin with blanks", "== 2.2.2", "== 2.2.3", weir.SpecPEP440},
		{"arbitrary equality", "===2.2.2", "===2.2.3", weir.SpecPEP440},
		{"local version", "==2.2.2+cu113", "==2.2.3", weir.SpecPEP440},
		{"range", ">=1.0,<4", ">=2.2.3,<4", weir.SpecPEP440},
		{"range with blanks and exclusions", ">=1.0, !=1.5, <4", ">=2.2.3, !=1.5, <4", weir.SpecPEP440},
		{"upper bound that excludes", ">=1.0,<2", ">=2.2.3", weir.SpecPEP440},
		{"upper bound alone", "<4", ">=2.2.3,<4", weir.SpecPEP440},
		{"compatible", "~=2.1.0", "~=2.2.3", weir.SpecPEP440},
		{"compatible, fewer parts", "~=2.1", ">=2.2.3", weir.SpecPEP440},
		{"any of a series", "==2.1.*", ">=2.2.3", weir.SpecPEP440},
		{"bare", "2.2.2", "2.2.3", weir.SpecVersion},
		{"caret", "^2.1", "^2.2.3", weir.SpecPoetry},
		{"poetry's list", ">=1,<4", ">=2.2.3,<4", weir.SpecPoetry},
		{"poetry's pin", "2.2.2", "2.2.3", weir.SpecPoetry},
		{"conda's pin", "=2.2.2", "=2.2.3", weir.SpecConda},
		{"npm's caret", "^2.1.0", "^2.2.3", weir.SpecNPM},
		{"npm's list stays", ">=1 <4 || ^5", "", weir.SpecNPM},
		{"tag stays", "2.2.2", "", weir.SpecTag},
	} {
		content := "# before\nx" + c.spec + " ; marker # after"
		changes, left := remedy.Plan([]byte(content), []weir.Requirement{at(t, content, "x", c.spec, c.form)}, oracle)
		if c.want == "" {
			if len(changes) != 0 || len(left) != 1 || !strings.Contains(left[0].Why, "2.2.3") {
				t.Errorf("%s: %+v %+v", c.name, changes, left)
			}
			continue
		}
		if got, want := string(remedy.Apply([]byte(content), changes)), strings.Replace(content, c.spec, c.want, 1); got != want || len(left) != 0 {
			t.Errorf("%s: %q, want %q; left %+v", c.name, got, want, left)
		}
	}
}

func TestLeft(t *testing.T) {
	content := "x==2.2.2\n"
	origin := func(o weir.Origin) func(*weir.Requirement) {
		return func(r *weir.Requirement) { r.Origin = o }
	}
	for name, c := range map[string]struct {
		more func(*weir.Requirement)
		why  string
	}{
		"lock":       {origin(weir.OriginLock), "uv lock"},
		"installed":  {origin(weir.OriginInstalled), "upgrade it there"},
		"bundled":    {origin(weir.OriginBundled), "build again"},
		"no release": {func(r *weir.Requirement) { r.Name = "hopeless" }, "no release is known"},
		"malware":    {func(r *weir.Requirement) { r.Name = "evil" }, "take it out"},
		"no version": {func(r *weir.Requirement) { r.State, r.Version, r.Spec = weir.PinAny, "", weir.Span{} }, "pin x to 2.2.3"},
		"no place":   {func(r *weir.Requirement) { r.Spec = weir.Span{} }, "cannot be edited"},
		"outside":    {func(r *weir.Requirement) { r.Spec.Size = 99 }, "cannot be edited"},
		"changed":    {func(r *weir.Requirement) { r.Version = "1.9" }, "has changed"},
	} {
		changes, left := remedy.Plan([]byte(content), []weir.Requirement{at(t, content, "x", "==2.2.2", weir.SpecPEP440, c.more)}, oracle)
		if len(changes) != 0 || len(left) != 1 || !strings.Contains(left[0].Why, c.why) || !slices.Equal(left[0].Flaws, []string{"CVE-1"}) {
			t.Errorf("%s: %+v %+v", name, changes, left)
		}
	}
}

func TestNotes(t *testing.T) {
	content := "x==1.0+cu113 --hash=sha256:aa\n"
	changes, _ := remedy.Plan([]byte(content), []weir.Requirement{at(t, content, "x", "==1.0+cu113", weir.SpecPEP440, func(r *weir.Requirement) { r.Hashes = 1 })}, oracle)
	if len(changes) != 1 || len(changes[0].Notes) != 3 {
		t.Fatalf("hashes, major version and build are to be noted: %+v", changes)
	}
}

// TestNoReleaseFixesAll takes the version that mends what can be mended, and says what stays.
func TestNoReleaseFixesAll(t *testing.T) {
	partly := func(r weir.Requirement) weir.Advice {
		a := weir.Advice{Affected: weir.AffectedAll, Known: true, Advisories: []weir.Advisory{{ID: "CVE-open"}}}
		for id, fix := range map[string]string{"CVE-a": "1.5", "CVE-b": "2.0"} {
			if version.PEP440.Compare(r.Version, fix) < 0 {
				a.Advisories = append(a.Advisories, weir.Advisory{ID: id, Fixed: []string{"0.9", fix}})
			}
		}
		return a
	}
	content := "x==1.0"
	changes, left := remedy.Plan([]byte(content), []weir.Requirement{at(t, content, "x", "==1.0", weir.SpecPEP440)}, partly)
	if len(changes) != 1 || len(left) != 0 || changes[0].To != "==2.0" || !slices.Equal(changes[0].Stays, []string{"CVE-open"}) {
		t.Errorf("%+v %+v", changes, left)
	}
}

func TestSharedPlace(t *testing.T) {
	content := "<v>1.0</v>"
	a := at(t, content, "g:a", "1.0", weir.SpecVersion, func(r *weir.Requirement) { r.Ecosystem = "maven" })
	b := a
	b.Name = "g:b"
	changes, left := remedy.Plan([]byte(content), []weir.Requirement{a, b}, oracle)
	if len(changes) != 1 || len(left) != 0 || changes[0].Name != "g:a, g:b" || string(remedy.Apply([]byte(content), changes)) != "<v>2.2.3</v>" {
		t.Errorf("%+v %+v", changes, left)
	}
}

// TestDiff gives diffs to git, which must make of the old file what Apply makes of it.
func TestDiff(t *testing.T) {
	filler := strings.Repeat("filler\n", 9)
	for name, content := range map[string]string{
		"one line, no end": "a==1.0",
		"two in a line":    "pip install a==1.0 b==1.1\n",
		"far apart":        "a==1.0\n" + filler + "b==1.1\n" + filler,
		"near":             "head\na==1.0\nx\ny\nb==1.1\r\nz",
		"over two lines":   "q\na>=1,\\\n<9\nb==1.1\n" + filler,
	} {
		var reqs []weir.Requirement
		for _, c := range [][2]string{{"a", "==1.0"}, {"b", "==1.1"}} {
			if strings.Contains(content, c[1]) {
				reqs = append(reqs, at(t, content, c[0], c[1], weir.SpecPEP440))
			}
		}
		changes, left := remedy.Plan([]byte(content), reqs, oracle)
		if len(changes) != len(reqs) || len(left) != 0 {
			t.Fatalf("%s: %+v %+v", name, changes, left)
		}
		file := filepath.Join(t.TempDir(), "f.txt")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "apply", "-")
		cmd.Dir = filepath.Dir(file)
		cmd.Stdin = strings.NewReader(remedy.Diff("f.txt", []byte(content), changes))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", name, err, out)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != string(remedy.Apply([]byte(content), changes)) {
			t.Errorf("%s: git makes %q (%v)", name, got, err)
		}
	}
	if d := remedy.Diff("f", []byte("x\n"), nil); d != "" {
		t.Errorf("a diff of nothing: %q", d)
	}
}

// FuzzPlan rewrites any constraint at any place: what lies outside of it must stay, byte by byte, and nothing may panic.
func FuzzPlan(f *testing.F) {
	f.Add("x==1.0\n", int64(1), int64(5), "1.0", "", "pep440", "pypi")
	f.Add("x >=1,<2\n", int64(2), int64(6), "", ">=1,<2", "poetry", "conda")
	f.Add("[1,2)", int64(0), int64(99), "", "[1,2)", "version", "maven")
	f.Fuzz(func(t *testing.T, content string, from, size int64, v, r, form, ecosystem string) {
		q := weir.Requirement{Ecosystem: ecosystem, Name: "x", State: weir.PinExact, Version: v, Range: r, Form: weir.SpecForm(form), Spec: weir.Span{At: from, Size: size}}
		if r != "" {
			q.State = weir.PinRange
		}
		changes, left := remedy.Plan([]byte(content), []weir.Requirement{q, q}, oracle)
		if len(changes)+len(left) > 2 {
			t.Fatal("more answers than questions")
		}
		got := remedy.Apply([]byte(content), changes)
		remedy.Diff("f", []byte(content), changes)
		if len(changes) == 1 && (!strings.HasPrefix(string(got), content[:from]) || !strings.HasSuffix(string(got), content[from+size:])) {
			t.Fatalf("%q became %q", content, got)
		}
	})
}
