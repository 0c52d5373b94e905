package pickle

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// seen is what one parse said.
type seen struct {
	imports  []weir.Import
	oddities []weir.Oddity
	code     []weir.Code
	nested   []string
	err      error
}

func newInput(data []byte, s *seen) *format.Input {
	in := &format.Input{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Limits: weir.DefaultLimits()}
	in.Limits.Steps = 5_000_000
	in.Emit = func(f weir.Fact) {
		switch f := f.(type) {
		case weir.Import:
			s.imports = append(s.imports, f)
		case weir.Oddity:
			s.oddities = append(s.oddities, f)
		case weir.Code:
			s.code = append(s.code, f)
		}
	}
	in.Nested = func(name string, _ io.ReaderAt, size int64) (format.Summary, error) {
		s.nested = append(s.nested, fmt.Sprintf("%s:%d", name, size))
		return format.Summary{Size: size, Complete: true}, nil
	}
	return in
}

func parse(data []byte) *seen {
	s := &seen{}
	s.err = Parse(newInput(data, s))
	return s
}

// uses lists what was said of names as "use module.name", computed ones as "use ?".
func (s *seen) uses() []string {
	var out []string
	for _, i := range s.imports {
		name := i.Module + "." + i.Name
		if i.Computed {
			name = "?"
		}
		if u := i.Use.String() + " " + name; !slices.Contains(out, u) {
			out = append(out, u)
		}
	}
	return out
}

func (s *seen) kinds() []string {
	var out []string
	for _, o := range s.oddities {
		if !slices.Contains(out, string(o.Kind)) {
			out = append(out, string(o.Kind))
		}
	}
	return out
}

func TestUses(t *testing.T) {
	const sys = "cposix\nsystem\n"
	for _, c := range []struct {
		name string
		data string
		want string // uses, comma separated
		odd  string // kinds of oddities, comma separated
	}{
		{"empty dict", "\x80\x04}.", "", ""},
		{"reduce", sys + "(S'id'\ntR.", "named posix.system, called posix.system", ""},
		{"pop hides nothing", sys + "(S'id'\ntR0N.", "named posix.system, called posix.system", ""},
		{"stack global", "\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", "named posix.system, called posix.system", ""},
		{"names from the memo", "\x80\x04\x8c\x05posix\x94\x8c\x06system\x94h\x00h\x01\x93\x8c\x02id\x85R.", "named posix.system, called posix.system", ""},
		{"names by escapes", "\x80\x04S'p\\x6fsix'\nS'sys\\164em'\n\x93\x8c\x02id\x85R.", "named posix.system, called posix.system", ""},
		{"names by unicode escapes", "\x80\x04V\\u0070osix\nVsystem\n\x93\x8c\x02id\x85R.", "named posix.system, called posix.system", ""},
		{"inst", "(S'id'\niposix\nsystem\n.", "named posix.system, called posix.system", ""},
		{"obj", "(cposix\nsystem\nS'id'\no.", "named posix.system, called posix.system", ""},
		{"newobj", "\x80\x02c__builtin__\nmap\n)\x81.", "named __builtin__.map, instantiated __builtin__.map", ""},
		{"unknown extension", "\x80\x02\x82\x07.", "named ?", ""},
		{
			"registered extension", "\x80\x02ccopy_reg\nadd_extension\n(U\x05posixU\x06systemK\x07tR0\x82\x07(U\x02idtR.",
			"named copy_reg.add_extension, called copy_reg.add_extension, named posix.system, called posix.system", "",
		},
		{
			"chain of getattr", "cbuiltins\ngetattr\n(cimportlib\nimport_module\n(S'os'\ntRS'system'\ntR(S'id'\ntR.",
			"named builtins.getattr, named importlib.import_module, called importlib.import_module, called builtins.getattr, named os.system, called os.system", "",
		},
		{
			"partial", "cfunctools\npartial\n(cposix\nsystem\nS'id'\ntR)R.",
			"named functools.partial, named posix.system, called functools.partial, called posix.system", "",
		},
		{
			"state makes the second BUILD a call", "\x80\x02cm\nC\n)\x81}U\x0c__setstate__cposix\nsystem\nsbU\x02idb.",
			"named m.C, instantiated m.C, named posix.system, state-set m.C, called posix.system", "",
		},
		{
			"state makes APPEND a call", "\x80\x02cm\nC\n)\x81}U\x06extendcposix\nsystem\nsb(U\x02ide.",
			"named m.C, instantiated m.C, named posix.system, state-set m.C, called posix.system", "",
		},
		{"state of a class itself", "\x80\x02cm\nC\n}U\x01xK\x01sb.", "named m.C, called builtins.setattr", ""},
		{"append to an import", "csys\npath\nS'x'\na.", "named sys.path, called sys.path.append", ""},
		{"set item of an import", "cos\nenviron\nS'x'\nS'y'\ns.", "named os.environ, called ?", ""},
		{"computed call", "\x80\x04K\x01)R.", "called ?", ""},
		{"broken after the call", sys + "(S'id'\ntR\xff", "named posix.system, called posix.system", "malformed"},
		{"no stop", sys + "(S'id'\ntR", "named posix.system, called posix.system", "truncated"},
		{"second pickle", "\x80\x04N." + sys + "(S'id'\ntR.", "named posix.system, called posix.system", ""},
		{"what follows goes to the engine", "\x80\x04N.\x00\x00\x00\x00" + sys + "(S'id'\ntR.", "", "trailing"},
		{"a pickle behind a break", "\x80\x04\xff\x00\x00\x00" + sys + "(S'id'\ntR.", "named posix.system, called posix.system", "malformed,embedded"},
		{"octal and hex", "(I010\nI0x10\nI1_0\nt.", "", "divergent"},
		{"frame beyond the end", "\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00N.", "", "divergent"},
		{"protocol 9", "\x80\x09N.", "", "divergent"},
		{"put and binput", "S'posix'\np0\n0S'm'\nq\x000g0\nS'system'\n\x93(S'id'\ntR.", "named m.system, called m.system, named posix.system, called posix.system", "divergent"},
		{"dup of a mark", "(2.", "", "divergent,malformed"},
		{"below a mark", "cposix\nsystem\n(S'id'\nt(R.", "named posix.system, called posix.system", "divergent"},
		{"code object", "\x80\x03ctypes\nCodeType\n(K\x00K\x00K\x00K\x00K\x01K\x43C\x04t\x00|\x00(Nt(X\x02\x00\x00\x00osX\x06\x00\x00\x00systemt)X\x01\x00\x00\x00fX\x01\x00\x00\x00fK\x01C\x00tR.", "named types.CodeType, called types.CodeType", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse([]byte(c.data))
			if got := strings.Join(s.uses(), ", "); got != c.want {
				t.Errorf("uses\n got %s\nwant %s", got, c.want)
			}
			if got := strings.Join(s.kinds(), ","); got != c.odd {
				t.Errorf("oddities\n got %s\nwant %s\n%v", got, c.odd, s.oddities)
			}
		})
	}
}

func TestNestedBytes(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"loads", "\x80\x04cpickle\nloads\nC\x05\x80\x04N.x\x85R.", "bytes"},
		{"base64", "\x80\x04cpickle\nloads\n(cbase64\nb64decode\nC\x08gAROLg==\x85RtR.", "base64"},
		{"latin1", "\x80\x02cpickle\nloads\nc_codecs\nencode\nX\x05\x00\x00\x00\xc2\x80\x04N.X\x06\x00\x00\x00latin1\x86R\x85R.", "bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse([]byte(c.data))
			if len(s.nested) == 0 || !strings.HasPrefix(s.nested[len(s.nested)-1], c.want) {
				t.Fatalf("nested %v, want one that begins with %q (%v, %v)", s.nested, c.want, s.uses(), s.err)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name string
		data string
		want bool
	}{
		{"protocol 4", "\x80\x04N.", true},
		{"protocol 0 dict", "(dp0\nS'a'\np1\nI1\ns.", true},
		{"import first", "cos\nsystem\n(S'id'\ntR.", true},
		{"broken after an import", "cos\nsystem\n(S'id'\ntR\xff\xff", true},
		{"text", "Hello, world\nThis is a text.\n", false},
		{"python", "import os\nos.system('id')\n", false},
		{"json", "{\"a\": [1, 2, 3]}\n", false},
		{"csv", "1,2,3\n4,5,6\n", false},
		{"yaml list", "- a\n- b\n", false},
		{"empty", "", false},
		{"zip", "PK\x03\x04\x14\x00\x00\x00", false},
		{"names", "Peter\nPaul\nPamela\n", false},
		{"values", strings.Repeat("Value 1\n", 4000), false},
		{"functions", "cos\nsin\n(tan)\n", false},
	} {
		b := []byte(c.data)
		h := format.Head{Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)]}
		if got := Match(h); got != c.want {
			t.Errorf("%s: Match = %v, want %v", c.name, got, c.want)
		}
	}
}

// fixtures gives the pickles of a tree of testdata, which must not be empty.
func fixtures(t testing.TB, kind string) map[string][]byte {
	t.Helper()
	root := filepath.Join("..", "..", "..", "testdata", kind)
	files := map[string][]byte{}
	err := filepath.Walk(root, func(p string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() || info.Size() > 200_000 {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if Match(format.Head{Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)]}) {
			rel, _ := filepath.Rel(root, p)
			files[kind+"/"+filepath.ToSlash(rel)] = b
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("only %d pickles below %s: run testdata/make", len(files), root)
	}
	return files
}

// TestTruncated cuts fixtures at every length: no panic, and everything that ran before the cut is still said.
func TestTruncated(t *testing.T) {
	n := 0
	for name, b := range fixtures(t, "malicious") {
		if len(b) > 400 || raceEnabled && len(b) > 100 {
			continue
		}
		n++
		for i := range b {
			s := parse(b[:i])
			if i > 0 && s.err == nil && len(s.oddities) == 0 && !bytes.HasSuffix(b[:i], []byte(".")) && Match(format.Head{Size: int64(i), First: b[:i]}) {
				t.Fatalf("%s cut at %d: silence", name, i)
			}
		}
	}
	if n == 0 {
		t.Fatal("no small fixture")
	}
}

func FuzzPickle(f *testing.F) {
	for _, kind := range []string{"malicious", "benign"} {
		for _, b := range fixtures(f, kind) {
			if len(b) < 4096 {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, b := parse(data), parse(data)
		if len(a.imports) != len(b.imports) || len(a.oddities) != len(b.oddities) || (a.err == nil) != (b.err == nil) {
			t.Fatalf("two parses differ: %v %v", a, b)
		}
		if n := len(a.imports) + len(a.oddities); n > 64*(maxOrdinary+maxDangerous) {
			t.Fatalf("%d facts", n)
		}
		Match(format.Head{Size: int64(len(data)), First: data[:min(len(data), format.HeadSize)]})
	})
}
