package java

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
)

// fixtures reads the streams of both corpora: files that are one, and what other files hold is left to the engine.
func fixtures(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, corpus := range []string{"benign", "malicious"} {
		files, err := filepath.Glob(filepath.Join("../../../testdata", corpus, "java", "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no fixtures of %s: %v", corpus, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(string(b), magic) {
				out[corpus+"/"+filepath.Base(f)] = string(b)
			}
		}
	}
	if len(out) < 80 {
		t.Fatalf("only %d object streams below testdata", len(out))
	}
	return out
}

// answer is what the JDK said of one stream.
type answer struct {
	names []string
	ended string
}

// ask gives streams to the JDK's ObjectInputStream in a throwaway process, with libraries on its class path or none. Without them it reads all the
// same: the objects of a class that cannot be resolved are skipped by the grammar.
func ask(t *testing.T, streams []string, libraries string) []answer {
	t.Helper()
	source, err := filepath.Abs("../../../testdata/make/java/Oracle.java")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("javac", "-nowarn", "-Xlint:none", "-d", dir, source).CombinedOutput(); err != nil {
		t.Fatalf("javac: %v\n%s", err, out)
	}
	hosts := filepath.Join(dir, "hosts")
	if err := os.WriteFile(hosts, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var in bytes.Buffer
	for _, s := range streams {
		in.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		in.WriteString(s)
	}
	work := t.TempDir()
	cmd := exec.Command("java", "-Xmx1g", "-Djdk.net.hosts.file="+hosts, "-cp", dir+libraries, "Oracle") // no name is looked up beyond that empty list
	cmd.Dir, cmd.Stdin, cmd.Env = work, &in, append(os.Environ(), "HOME="+work)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("java: %v\n%.2000s", err, out)
	}
	var all []answer
	var a answer
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		kind, rest, _ := strings.Cut(s.Text(), " ")
		if kind == "ended" {
			a.ended = rest
			all, a = append(all, a), answer{}
			continue
		}
		name, err := hex.DecodeString(rest)
		if err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		// the filter is also asked for the superclasses and component types of what was resolved; those are not in the stream
		if kind != "filter" {
			a.names = append(a.names, string(name))
		}
	}
	if len(all) != len(streams) {
		t.Fatalf("%d answers for %d streams", len(all), len(streams))
	}
	return all
}

// told lists the names of classes and interfaces that a run told, and which of them the grammar gave.
func told(s *seen) (all, grammar map[string]bool) {
	all, grammar = map[string]bool{}, map[string]bool{}
	for _, c := range s.classes {
		for _, n := range append([]string{c.Name}, c.Interfaces...) {
			all[n] = true
			if !c.Searched {
				grammar[n] = true
			}
		}
	}
	return all, grammar
}

// compare demands every class that the JDK asked for among ours.
func compare(t *testing.T, names, streams []string, libraries string) {
	t.Helper()
	classes, byGrammar, agreed := 0, 0, 0
	ends := map[string]int{}
	for i, a := range ask(t, streams, libraries) {
		s := read(streams[i])
		all, grammar := told(s)
		ends[a.ended]++
		missed := false
		for _, n := range a.names {
			classes++
			if grammar[n] {
				byGrammar++
			}
			if !all[n] {
				missed = true
				t.Errorf("%s: the JDK resolves %q, we do not tell it (it ended with %s, we with %v)\n%.1000s", names[i], n, a.ended, s.err, s.said())
			}
		}
		if !missed {
			agreed++
		}
		if a.ended == "end" && s.err != nil {
			t.Errorf("%s: the JDK reads all of it, we say %v", names[i], s.err)
		}
	}
	if classes == 0 {
		t.Fatal("the JDK resolved nothing")
	}
	t.Logf("%d of %d streams agree; %d classes resolved, %d of them met by the grammar; ends: %v", agreed, len(streams), classes, byGrammar, ends)
}

// TestOracleFixtures compares all fixtures with the JDK.
func TestOracleFixtures(t *testing.T) {
	all := fixtures(t)
	names := slices.Sorted(maps.Keys(all))
	var streams []string
	for _, n := range names {
		streams = append(streams, all[n])
	}
	compare(t, names, streams, "")
	// With the libraries (testdata/make/setup.sh all) the classes' own code reads, and the attacks run: they touch a file in the work folder.
	jars, err := filepath.Abs("../../../.cache/java/lib")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(jars, "commons-collections-3.2.1.jar")); err == nil {
		t.Run("libraries", func(t *testing.T) { compare(t, names, streams, ":"+filepath.Join(jars, "*")) })
	}
}

// mutate breaks a stream in one of the ways in which attackers and accidents do.
func mutate(s, other string, r *rand.Rand) string {
	b := []byte(s)
	at := func() int { return len(magic) + r.IntN(max(1, len(b)-len(magic))) }
	for range 1 + r.IntN(3) {
		if len(b) <= len(magic)+1 {
			break
		}
		i := at()
		switch r.IntN(7) {
		case 0:
			b[i] = byte(r.IntN(256))
		case 1:
			b[i] = byte(tcNull + r.IntN(15))
		case 2:
			b = b[:i]
		case 3: // a range is taken out
			b = slices.Delete(b, i, min(len(b), i+1+r.IntN(40)))
		case 4: // a range comes twice
			b = slices.Insert(b, i, bytes.Clone(b[i:min(len(b), i+1+r.IntN(60))])...)
		case 5: // a part of another stream
			j := len(magic) + r.IntN(max(1, len(other)-len(magic)))
			b = slices.Insert(b, i, []byte(other[j:min(len(other), j+r.IntN(300))])...)
		case 6: // another handle
			if j := bytes.Index(b[i:], []byte{0x71, 0, 0x7e}); j >= 0 && i+j+4 < len(b) {
				b[i+j+4] = byte(r.IntN(40))
			}
		}
	}
	return string(b)
}

// TestOracleMutants compares thousands of broken streams with the JDK. Where a mutant stays well-formed the JDK reads all of it.
func TestOracleMutants(t *testing.T) {
	all := fixtures(t)
	names := slices.Sorted(maps.Keys(all))
	names = slices.DeleteFunc(names, func(n string) bool { return len(all[n]) > 12_000 || strings.Contains(n, "bomb-") })
	r := rand.New(rand.NewPCG(3, 4))
	var which, streams []string
	for i := range 2500 {
		n := names[i%len(names)]
		which = append(which, fmt.Sprintf("%s, mutant %d", n, i))
		streams = append(streams, mutate(all[n], all[names[r.IntN(len(names))]], r))
	}
	compare(t, which, streams, "")
}

// TestFixturesTruncated cuts every fixture at every length (long ones at a sample): the classes described so far stand, in their order.
func TestFixturesTruncated(t *testing.T) {
	described := func(s *seen) (out []string) {
		for _, c := range s.classes {
			if c.How == weir.ClassDescribed && !c.Searched {
				out = append(out, c.Name)
			}
		}
		return out
	}
	for name, whole := range fixtures(t) {
		all := described(read(whole))
		last := 0
		for n := len(magic); n < len(whole); n += 1 + len(whole)/250 {
			got := described(read(whole[:n]))
			if len(got) < last || len(got) > len(all) || !slices.Equal(got, all[:len(got)]) {
				t.Fatalf("%s cut after %d of %d bytes: %d classes, %d before, %d in all", name, n, len(whole), len(got), last, len(all))
			}
			last = len(got)
		}
	}
}
