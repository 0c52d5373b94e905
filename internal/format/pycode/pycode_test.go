package pycode

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample is one line of testdata/make.py.
type sample struct {
	Name     string
	Python   Version
	Marshal  []byte
	Chains   []string
	Resolved []string
}

func samples(t testing.TB, b []byte) []sample {
	t.Helper()
	var out []sample
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(nil, 64<<20)
	for s.Scan() {
		var x sample
		if err := json.Unmarshal(s.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func kept(t testing.TB) []sample {
	t.Helper()
	files, _ := filepath.Glob("testdata/small-*.jsonl")
	var out []sample
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, samples(t, b)...)
	}
	if len(out) < 200 {
		t.Fatalf("%d samples, want those of nine interpreters", len(out))
	}
	return out
}

// check compares one sample with what the interpreter's own dis module saw.
func (s sample) check(t *testing.T) (missing, extra int) {
	o, n, err := unmarshal(s.Marshal, layoutOf(s.Python), s.Python)
	if err != nil || n != len(s.Marshal) || o.Kind != CodeObject {
		t.Errorf("%s %s: %v, %d of %d bytes", s.Python, s.Name, err, n, len(s.Marshal))
		return 1, 0
	}
	r := readings(o.Code)[0]
	if r.broken > 0 || r.odd > 0 {
		t.Errorf("%s %s: %d broken and %d odd instructions", s.Python, s.Name, r.broken, r.odd)
	}
	for _, c := range s.Chains {
		if !r.spelled[c] {
			if missing++; missing < 4 {
				t.Errorf("%s %s: chain %q is not found", s.Python, s.Name, c)
			}
		}
		delete(r.spelled, c)
	}
	names := Names(o.Code)
	for _, c := range s.Resolved {
		if !slices.Contains(names, c) {
			t.Errorf("%s %s: %q is not resolved: %q\n%s", s.Python, s.Name, c, names, Listing(o.Code))
		}
	}
	return missing, len(r.spelled)
}

func TestSmall(t *testing.T) {
	for _, s := range kept(t) {
		if _, extra := s.check(t); extra > 1 {
			t.Errorf("%s %s: %d chains that dis does not see", s.Python, s.Name, extra)
		}
	}
}

// interpreters lists the CPythons of this machine: those of pyenv and those on the PATH. There must be one.
func interpreters(t *testing.T) []string {
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); root == "" && err == nil {
		root = filepath.Join(home, ".pyenv")
	}
	found, _ := filepath.Glob(filepath.Join(root, "versions/*/bin/python"))
	names := []string{"python2.7", "python3"}
	for minor := 6; minor <= 14; minor++ {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	for _, n := range names {
		p, err := exec.LookPath(n)
		if err == nil && !strings.HasPrefix(p, filepath.Join(root, "shims")) { // a shim runs one of the above, or nothing
			found = append(found, p)
		}
	}
	once := map[string]bool{}
	found = slices.DeleteFunc(found, func(p string) bool {
		real, err := filepath.EvalSymlinks(p)
		seen := once[real]
		once[real] = true
		return err != nil || seen
	})
	if len(found) == 0 {
		t.Fatal("no Python here to compare with: testdata/make/setup.sh test installs one")
	}
	return found
}

// TestInterpreters compares with the dis module of every CPython that is here, over its own standard library.
func TestInterpreters(t *testing.T) {
	var versions []string
	for _, python := range interpreters(t) {
		count := "12"
		if c := os.Getenv("WEIR_STDLIB_MODULES"); c != "" {
			count = c
		}
		b, err := exec.Command(python, "-W", "ignore", "testdata/make.py", "stdlib", count).Output()
		if err != nil {
			t.Errorf("%s: %v", python, err)
			continue
		}
		all := samples(t, b)
		if len(all) == 0 {
			t.Errorf("%s compiled nothing", python)
			continue
		}
		chains, missing, extra := 0, 0, 0
		for _, s := range all {
			m, e := s.check(t)
			chains, missing, extra = chains+len(s.Chains), missing+m, extra+e
		}
		if chains < 200 {
			t.Errorf("only %d chains to compare", chains)
		}
		t.Logf("%s: %d modules, %d chains, %d missing, %d more", all[0].Python, len(all), chains, missing, extra)
		versions = append(versions, all[0].Python.String())
	}
	t.Logf("compared with the dis module of Python %s", strings.Join(versions, ", "))
}

// TestVersions reads code without being told its version: what must be found is found, and nothing else than with it.
func TestVersions(t *testing.T) {
	for _, s := range kept(t) {
		var names [2][]string
		for i, v := range []Version{0, s.Python} {
			o, _, err := unmarshal(s.Marshal, layoutOf(s.Python), v)
			if err != nil {
				t.Fatal(err)
			}
			names[i] = Names(o.Code)
		}
		for _, c := range s.Resolved {
			if !slices.Contains(names[0], c) {
				t.Errorf("%s %s: %q is not resolved without a version", s.Python, s.Name, c)
			}
		}
		for _, n := range names[0] {
			if !slices.Contains(names[1], n) && s.Name != "extended" { // a module without anything that tells versions apart
				t.Errorf("%s %s: %q is found only without a version", s.Python, s.Name, n)
			}
		}
	}
}

func TestListing(t *testing.T) {
	const want = "code <module> of 'keywords.py', line 1, Python 3.11\n  import subprocess\n code f\n  subprocess.run('x', shell=True)\n" +
		"  subprocess.call(*a, **{…})\n  subprocess.Popen(*a, **{…})"
	for _, s := range kept(t) {
		if s.Python != 311 || s.Name != "keywords" {
			continue
		}
		o, _, err := unmarshal(s.Marshal, layoutOf(s.Python), s.Python)
		if err != nil {
			t.Fatal(err)
		}
		if got := Listing(o.Code); got != want {
			t.Errorf("listing is\n%s\nwant\n%s", got, want)
		}
	}
}
