package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// seen is what Python says of one archive.
type seen struct {
	Error   string
	Entries []struct {
		At, Packed, Size int64
		CRC              uint32
		Name, Link       string
		Content          string
	}
	Size    int
	Content string
}

// ask runs Python's readers over archives, all in one process.
func ask(t *testing.T, kind byte, archives [][]byte) []seen {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal("no python3 here: testdata/make/setup.sh test installs what the oracles need")
	}
	return run(t, kind, archives, python, "testdata/oracle.py")
}

// run gives archives to an oracle and reads its answers.
func run(t *testing.T, kind byte, archives [][]byte, command ...string) []seen {
	t.Helper()
	var in bytes.Buffer
	for _, b := range archives {
		in.WriteByte(kind)
		in.Write(le.AppendUint32(nil, uint32(len(b))))
		in.Write(b)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = &in
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("oracle: %v\n%s", err, stderr.String())
	}
	var all []seen
	for l := range strings.Lines(string(out)) {
		var s seen
		if err := json.Unmarshal([]byte(l), &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if len(all) != len(archives) {
		t.Fatalf("oracle answered %d of %d", len(all), len(archives))
	}
	return all
}

// mutants gives the honest archives of some kinds, each also with some changes.
func mutants(t *testing.T, each int, most int, exts ...string) [][]byte {
	r := rand.New(rand.NewPCG(7, 11))
	var out [][]byte
	files := honest(t)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b := files[name]
		if !slices.Contains(exts, filepath.Ext(name)) || len(b) > most {
			continue
		}
		out = append(out, b)
		for range each {
			out = append(out, mutate(r, b))
		}
	}
	if len(out) < 2*each {
		t.Fatalf("only %d mutants", len(out))
	}
	return out
}

func mutate(r *rand.Rand, b []byte) []byte {
	c := bytes.Clone(b)
	for range 1 + r.IntN(3) {
		i := r.IntN(len(c))
		switch r.IntN(6) {
		case 0:
			c[i] = byte(r.Uint32())
		case 1:
			c[i] ^= 1 << r.IntN(8)
		case 2:
			c = slices.Insert(c, i, make([]byte, r.IntN(20))...)
		case 3:
			c = slices.Delete(c, i, min(len(c), i+r.IntN(20)))
		case 4:
			j := r.IntN(len(c))
			n := min(r.IntN(60), len(c)-i, len(c)-j)
			copy(c[i:i+n], bytes.Clone(c[j:j+n]))
		case 5:
			c = c[:i+1]
		}
		if len(c) == 0 {
			return []byte{0}
		}
	}
	return c
}

func (e *engine) digests() map[string]bool {
	out := map[string]bool{}
	for _, c := range e.content {
		s := sha256.Sum256(c)
		out[hex.EncodeToString(s[:])] = true
	}
	return out
}

// Every entry that zipfile lists is an entry of ours, in Python's view, and what zipfile reads of it has reached the engine.
func TestZipAgainstPython(t *testing.T) {
	archives := mutants(t, 60, 4096, ".zip", ".jar")
	opened, read := 0, 0
	for i, s := range ask(t, 'z', archives) {
		if s.Error != "" {
			continue
		}
		opened++
		b := archives[i]
		z, _, err := OpenZip(bytes.NewReader(b), int64(len(b)), weir.DefaultLimits())
		if err != nil {
			t.Fatalf("mutant %d: Python opens what we do not: %v", i, err)
		}
		e, _ := parse(Zip, b)
		digests := e.digests()
		for _, p := range s.Entries {
			found := slices.ContainsFunc(z.Entries, func(e ZipEntry) bool {
				return e.Header == p.At && e.Packed == p.Packed && e.Size == p.Size && e.CRC == p.CRC && e.Views&ViewPython != 0
			})
			if !found {
				t.Errorf("mutant %d: Python lists an entry that we do not: %+v, we have %+v", i, p, z.Entries)
				dump(t, i, b, e)
			}
			if p.Content == "" {
				continue
			}
			read++
			if !digests[p.Content] && !prefixHeld(e, p.Content, p.Size) {
				t.Errorf("mutant %d: Python reads content of the entry at %d that the engine was not given", i, p.At)
				dump(t, i, b, e)
			}
		}
	}
	if opened < 100 || read < 300 {
		t.Errorf("Python opened only %d archives and read %d entries", opened, read)
	}
}

// torchPython finds an interpreter that has torch.
func torchPython(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if python, err := exec.LookPath(name); err == nil && exec.Command(python, "-c", "import torch").Run() == nil {
			return python
		}
	}
	t.Fatal("no torch here: testdata/make/setup.sh test installs it")
	return ""
}

// Every record that torch's reader lists is an entry of ours, in torch's view, and what it reads of it has reached the engine.
func TestZipAgainstTorch(t *testing.T) {
	python := torchPython(t)
	r := rand.New(rand.NewPCG(5, 6))
	whole := load(t, "torch.zip")
	archives := [][]byte{whole}
	for range 1500 {
		archives = append(archives, mutate(r, whole))
	}
	opened, read := 0, 0
	for i, s := range run(t, 'z', archives, python, "testdata/oracle_torch.py") {
		if s.Error != "" {
			continue
		}
		opened++
		b := archives[i]
		z, _, err := OpenZip(bytes.NewReader(b), int64(len(b)), weir.DefaultLimits())
		if err != nil {
			t.Fatalf("mutant %d: torch opens what we do not: %v", i, err)
		}
		e, _ := parse(Zip, b)
		digests := e.digests()
		for _, p := range s.Entries {
			name, _ := hex.DecodeString(p.Name)
			if !slices.ContainsFunc(z.Entries, func(e ZipEntry) bool {
				full, _, _ := strings.Cut(e.Name, "\x00") // torch's names are strings of C
				return strings.HasSuffix(full, string(name)) && e.Views&ViewTorch != 0
			}) {
				t.Errorf("mutant %d: torch lists %q, we do not", i, name)
				dumpShort(t, e)
			}
			if p.Size <= 0 {
				continue
			}
			if read++; !digests[p.Content] && !prefixHeld(e, p.Content, p.Size) {
				t.Errorf("mutant %d: torch reads content of %q that the engine was not given", i, name)
				dump(t, i, b, e)
			}
		}
	}
	t.Logf("torch opened %d archives and read %d records", opened, read)
	if opened < 100 || read < 300 {
		t.Errorf("torch opened only %d archives and read %d records", opened, read)
	}
}

// prefixHeld reports whether the content is the beginning of something that the engine was given.
func prefixHeld(e *engine, digest string, size int64) bool {
	for _, c := range e.content {
		if int64(len(c)) >= size {
			if s := sha256.Sum256(c[:size]); hex.EncodeToString(s[:]) == digest {
				return true
			}
		}
	}
	return false
}

func dump(t *testing.T, i int, b []byte, e *engine) {
	t.Helper()
	t.Logf("mutant %d: %x\n%s", i, b, strings.Join(e.log, "\n"))
}

// Every member that tarfile lists is a member of ours, and what it reads of it has reached the engine.
func TestTarAgainstPython(t *testing.T) {
	archives := mutants(t, 60, 20<<10, ".tar")
	read := 0
	for i, s := range ask(t, 't', archives) {
		b := archives[i]
		e, _ := parse(Tar, b)
		digests := e.digests()
		for _, p := range s.Entries {
			name, _ := hex.DecodeString(p.Name)
			link, _ := hex.DecodeString(p.Link)
			found := slices.ContainsFunc(e.membersSeen(), func(m weir.Member) bool {
				return strings.TrimRight(m.Name, "/") == strings.TrimRight(string(name), "/") && (p.Link == "" || strings.TrimRight(m.Link, "/") == strings.TrimRight(string(link), "/"))
			})
			if !found {
				t.Errorf("mutant %d: Python lists %q at %d, we do not", i, name, p.At)
				dumpShort(t, e)
			}
			if p.Content == "" {
				continue
			}
			read++
			if !digests[p.Content] {
				t.Errorf("mutant %d: Python reads content of %q at %d that the engine was not given", i, name, p.At)
				dumpShort(t, e)
			}
		}
	}
	if read < 300 {
		t.Errorf("Python read only %d members", read)
	}
}

func dumpShort(t *testing.T, e *engine) {
	t.Helper()
	t.Logf("%s", strings.Join(e.log, "\n"))
}

// What Python's streaming readers give away before they fail is the beginning of what the engine was given.
func TestStreamsAgainstPython(t *testing.T) {
	for _, c := range []struct {
		kind byte
		f    format.Format
		exts []string
	}{
		{'g', Gzip, []string{".gz"}}, {'b', Bzip2, []string{".bz2"}}, {'x', XZ, []string{".xz"}}, {'x', LZMA, []string{".lzma"}}, {'l', Zlib, []string{".zlib"}},
	} {
		t.Run(c.f.Name, func(t *testing.T) {
			archives := mutants(t, 150, 4096, c.exts...)
			read := 0
			for i, s := range ask(t, c.kind, archives) {
				if s.Size == 0 {
					continue
				}
				read++
				e, err := parse(c.f, archives[i])
				if !prefixHeld(e, s.Content, int64(s.Size)) {
					t.Errorf("mutant %d: Python reads %d bytes (%s) that the engine was not given (%v)", i, s.Size, s.Error, err)
					dumpShort(t, e)
				}
			}
			if read < 20 {
				t.Errorf("Python read only %d streams", read)
			}
		})
	}
}
