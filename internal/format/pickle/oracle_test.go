package pickle

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
)

// pythons finds every CPython of this machine: the oracles. WEIR_PYTHONS names more (path list); pyenv's versions and the system's are
// found by themselves.
func pythons(t testing.TB) []string {
	t.Helper()
	list := filepath.SplitList(os.Getenv("WEIR_PYTHONS"))
	root := os.Getenv("PYENV_ROOT")
	if home, err := os.UserHomeDir(); root == "" && err == nil {
		root = filepath.Join(home, ".pyenv")
	}
	found, _ := filepath.Glob(filepath.Join(root, "versions", "*", "bin", "python"))
	list = append(list, found...)
	for _, name := range []string{"python2.7", "python3"} {
		if p, err := exec.LookPath(name); err == nil {
			list = append(list, p)
		}
	}
	var out []string
	seen := map[string]bool{}
	for _, p := range list {
		real, err := filepath.EvalSymlinks(p)
		if err == nil && !seen[real] && exec.Command(p, "-c", "import pickle").Run() == nil {
			seen[real] = true
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		t.Fatal("no Python is there to compare with: install python3")
	}
	return out
}

// ask sends pickles to a Python script and gives back its line for each. A pickle that keeps the script busy has an empty line.
func ask(t testing.TB, python string, corpus [][]byte, script string, args ...string) []string {
	t.Helper()
	lines := make([]string, 0, len(corpus))
	for busy := 0; len(lines) < len(corpus); {
		got, err := askOnce(python, corpus[len(lines):], script, args...)
		lines = append(lines, got...)
		if len(lines) == len(corpus) {
			break
		}
		if busy++; err == nil || !strings.Contains(err.Error(), "alarm") || busy > 20 {
			t.Fatalf("%s %s: %v after %d of %d pickles", python, script, err, len(lines), len(corpus))
		}
		lines = append(lines, "")
	}
	return lines
}

func askOnce(python string, corpus [][]byte, script string, args ...string) ([]string, error) {
	var in bytes.Buffer
	for _, b := range corpus {
		var n [4]byte
		binary.LittleEndian.PutUint32(n[:], uint32(len(b)))
		in.Write(n[:])
		in.Write(b)
	}
	cmd := exec.Command(python, append([]string{"-B", filepath.Join("testdata", script)}, args...)...)
	cmd.Stdin = &in
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errs.Bytes())
	}
	if out.Len() == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), err
}

// covers reports whether what weir said of a pickle covers an event of the oracle.
func covers(s *seen, event string) bool {
	part := strings.SplitN(event, ":", 3)
	kind, module, name := part[0], squeeze(part[1]), squeeze(part[2])
	if module == "" {
		return true // no module can have that name
	}
	return slices.ContainsFunc(s.imports, func(i weir.Import) bool {
		if i.Computed {
			// what cannot be known stands for any name, but only for the same sort of use
			return kind == "find" && i.Use == weir.UseNamed || kind != "find" && i.Use != weir.UseNamed
		}
		same := flat(i.Module) == module && flat(i.Name) == name
		switch kind {
		case "find":
			return same
		case "call", "new":
			return same && (i.Use == weir.UseCalled || i.Use == weir.UseInstantiated)
		case "state", "items":
			return same && i.Use != weir.UseNamed && i.Use != weir.UseInstantiated || i.Name == "setattr" || strings.HasPrefix(i.Name, name+".")
		case "again":
			// what a partial calls when it is called is followed: the call of the partial itself is no fact
			return i.Use == weir.UseCalled && (same || strings.HasPrefix(i.Name, name+".") || name == "partial")
		}
		return false
	})
}

// flat writes a name as the oracle does: what is not printable ASCII, and the separator, become question marks. Python 2 sees bytes where
// Python 3 sees characters, so runs of them count as one.
func flat(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r <= ' ' || r > '~' || r == ':' {
			r = '?'
		}
		b.WriteRune(r)
	}
	return squeeze(b.String())
}

func squeeze(s string) string {
	for strings.Contains(s, "??") {
		s = strings.ReplaceAll(s, "??", "?")
	}
	return s
}

// compare checks the guarantee: every import and call that an unpickler performs is a fact of ours.
func compare(t *testing.T, corpus [][]byte, names []string) {
	mine := make([]*seen, len(corpus))
	for i, b := range corpus {
		mine[i] = parse(b)
	}
	for _, py := range pythons(t) {
		for _, which := range []string{"c", "python"} {
			t.Run(filepath.Base(filepath.Dir(filepath.Dir(py)))+"/"+which, func(t *testing.T) {
				t.Parallel()
				events, bad := 0, 0
				for i, line := range ask(t, py, corpus, "oracle.py", which) {
					if line == "" {
						continue
					}
					for _, e := range strings.Split(line, "\t") {
						if events++; !covers(mine[i], e) {
							if bad++; bad <= 5 {
								t.Errorf("%s: %s is not a fact\npickle %q\nfacts  %v\nerror  %v %v", names[i], e, corpus[i], mine[i].uses(), mine[i].err, mine[i].kinds())
							}
						}
					}
				}
				if events == 0 {
					t.Fatal("the oracle saw nothing: it is not working")
				}
				t.Logf("%d events, %d missed", events, bad)
			})
		}
	}
}

func TestOracleFixtures(t *testing.T) {
	var corpus [][]byte
	var names []string
	for _, kind := range []string{"malicious", "benign"} {
		for name, b := range fixtures(t, kind) {
			corpus, names = append(corpus, b), append(names, name)
		}
	}
	compare(t, corpus, names)
}

func TestOracleGenerated(t *testing.T) {
	n := 12_000
	if testing.Short() || raceEnabled {
		n = 3000 // the full number is asked for without the race detector, which test.sh does too
	}
	var seeds [][]byte
	for _, kind := range []string{"malicious", "benign"} {
		for _, b := range fixtures(t, kind) {
			if len(b) < 1500 {
				seeds = append(seeds, b)
			}
		}
	}
	slices.SortFunc(seeds, bytes.Compare)
	var corpus [][]byte
	var names []string
	r := rand.New(rand.NewPCG(7, 11))
	for i := range n {
		var b []byte
		if i%3 == 0 {
			b = mutate(r, seeds[r.IntN(len(seeds))])
		} else {
			b = compose(r)
		}
		corpus, names = append(corpus, b), append(names, fmt.Sprintf("generated %d", i))
	}
	compare(t, corpus, names)
}

// mutate changes a real pickle a little.
func mutate(r *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(b))
		switch r.IntN(5) {
		case 0:
			b[i] = byte(r.IntN(256))
		case 1:
			b = slices.Insert(b, i, piece(r)...)
		case 2:
			b = slices.Delete(b, i, min(len(b), i+1+r.IntN(4)))
		case 3:
			b = slices.Insert(b, i, b[i:min(len(b), i+1+r.IntN(12))]...)
		case 4:
			b[i] = "(.0125789abcdeghijlopqrstu\x81\x85\x86\x93\x94"[r.IntN(31)]
		}
		if len(b) == 0 {
			return []byte(".")
		}
	}
	return b
}

// compose writes opcodes at random, with a bias to those that do something.
func compose(r *rand.Rand) []byte {
	var b []byte
	if r.IntN(2) == 0 {
		b = append(b, 0x80, byte(r.IntN(6)))
	}
	for range 3 + r.IntN(25) {
		b = append(b, piece(r)...)
	}
	return append(b, '.')
}

// piece is one opcode with a plausible operand, or a group of opcodes that belong together.
func piece(r *rand.Rand) []byte {
	mods := []string{"os", "m", "a.b", "builtins", "__builtin__"}
	attrs := []string{"f", "C", "system", "x.y", "__setstate__"}
	mod, attr := mods[r.IntN(len(mods))], attrs[r.IntN(len(attrs))]
	slot := byte(r.IntN(4))
	digit := string('0' + rune(slot))
	short := func(s string) string { return "\x8c" + string([]byte{byte(len(s))}) + s }
	special := []string{"__setstate__", "append", "extend", "add", "x"}[r.IntN(5)]
	pieces := []string{
		"c" + mod + "\n" + attr + "\n", "c" + mod + "\n" + attr + "\n)R", "c" + mod + "\n" + attr + "\n)\x81", "c" + mod + "\n" + attr + "\nN\x85R",
		short(mod) + short(attr) + "\x93", short(mod) + "\x94" + short(attr) + "\x94\x93", "(c" + mod + "\n" + attr + "\no",
		"(i" + mod + "\n" + attr + "\n", "(K\x01i" + mod + "\n" + attr + "\n", "(K\x01K\x02t", "(", "0", "1", "2", "N", "K\x01", "I1\n", "I010\n", "I0x1\n", "I01\n",
		"L1L\n", "L0x10L\n", "F1.5\n", "F1_0\n", "S'x'\n", "S'os' \n", "S\"a\\x62\"\n", "V\\u0061\n", "U\x01x", "C\x01x", short("x"), short(special), "X\x01\x00\x00\x00y",
		")", "t", "\x85", "\x86", "\x87", "]", "l", "}", "d", "\x8f", "\x91", "a", "e", "s", "u", "\x90", "b", "R", "\x81", "\x92", "o",
		"p" + digit + "\n", "q" + string([]byte{slot}), "r" + string([]byte{slot, 0, 0, 0}), "\x94", "g" + digit + "\n", "g0" + digit + "\n", "p 1\n",
		"h" + string([]byte{slot}), "j" + string([]byte{slot, 0, 0, 0}), "Pid\n", "Q", "\x82\x01", "\x88", "\x89", "\x8a\x01\x05", "\x97", "\x98", "\x96\x01\x00\x00\x00\x00\x00\x00\x00z",
		"\x95\x05\x00\x00\x00\x00\x00\x00\x00", "\x95\x00\x00\x00\x00\x00\x00\x00\x00", "\x80" + string([]byte{byte(r.IntN(5))}),
		"}" + short(special) + "c" + mod + "\n" + attr + "\nsb", "}" + short("x") + "N" + "sb", "(K\x01e", "N}" + short(special) + "c" + mod + "\n" + attr + "\ns\x86b", "Nb",
	}
	return []byte(pieces[r.IntN(len(pieces))])
}

// TestOpcodes compares the opcodes and their places with pickletools.
func TestOpcodes(t *testing.T) {
	var corpus [][]byte
	var names []string
	for _, kind := range []string{"malicious", "benign"} {
		for name, b := range fixtures(t, kind) {
			corpus, names = append(corpus, b), append(names, name)
		}
	}
	py, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for i, line := range ask(t, py, corpus, "genops.py") {
		theirs := strings.Fields(line)
		failed := len(theirs) > 0 && theirs[len(theirs)-1] == "!"
		theirs = slices.DeleteFunc(theirs, func(s string) bool { return s == "!" })
		ours := opcodes(corpus[i])
		n := len(theirs)
		if len(ours) < n {
			t.Errorf("%s: %d opcodes, pickletools sees %d", names[i], len(ours), n)
			continue
		}
		if !slices.Equal(ours[:n], theirs) || !failed && len(ours) != n {
			t.Errorf("%s: opcodes differ from pickletools", names[i])
			continue
		}
		same++
	}
	t.Logf("%d pickles with the same opcodes", same)
}

// opcodes gives the opcodes of the first stream as pickletools names them. Whether they can be executed does not matter here.
func opcodes(b []byte) []string {
	s := &seen{}
	m := &machine{session: newSession(newInput(b, s)), rd: newReader(bytes.NewReader(b), int64(len(b)), 0)}
	m.quiet = true
	var out []string
	for m.rd.fill(1) == nil {
		m.opAt = m.rd.offset()
		m.op = m.rd.buf[m.rd.pos]
		m.rd.pos++
		done, err := m.step()
		if isMalformed(err) || err == nil {
			out = append(out, fmt.Sprintf("%s@%d", opName(m.op), m.opAt))
		}
		if done || err != nil && (!isMalformed(err) || opNames[m.op] == "") {
			break
		}
	}
	return out
}
