package tensor

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
	"weir/internal/format/formattest"
)

// npyFile makes an array file of a header text and data.
func npyFile(version byte, header, data string) []byte {
	b := []byte(npyMagic)
	b = append(b, version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(header)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(header)))
	}
	return append(append(b, header...), data...)
}

func kinds(e *formattest.Engine) string {
	var list []string
	for _, o := range formattest.All[weir.Oddity](e) {
		list = append(list, string(o.Kind))
	}
	return strings.Join(list, " ")
}

// hostilePickle calls posix.system when it is loaded.
const hostilePickle = "\x80\x02cposix\nsystem\nX\x09\x00\x00\x00echo weir\x85R."

func called(e *formattest.Engine, name string) bool {
	for _, i := range formattest.All[weir.Import](e) {
		if i.Module+"."+i.Name == name && i.Use == weir.UseCalled {
			return true
		}
	}
	return false
}

func TestNPYHeaders(t *testing.T) {
	const pad = "          \n"
	for _, tc := range []struct {
		name, header, data string
		version            byte
		odd                string // kinds of oddities
		fails              bool
		runs               bool // posix.system is seen to be called
	}{
		{name: "plain", header: "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }" + pad, data: strings.Repeat("\x00", 16)},
		{name: "scalar", header: "{'descr': '|b1', 'fortran_order': False, 'shape': (), }" + pad, data: "\x01"},
		{name: "no elements", header: "{'descr': '<f8', 'fortran_order': True, 'shape': (0, 9223372036854775807, 9223372036854775807), }" + pad},
		{name: "long of Python 2", header: "{'descr': '<i2', 'fortran_order': False, 'shape': (2L,), }" + pad, data: "abcd"},
		{name: "structured", header: "{'descr': [('a', '<i4'), (('title', 'b'), '<f8', (2,)), ('', '|V4')], 'fortran_order': False, 'shape': (1,), }" + pad, data: strings.Repeat("x", 24)},
		{name: "sub-array", header: "{'descr': ('<f4', (3,)), 'fortran_order': False, 'shape': (2,), }" + pad, data: strings.Repeat("x", 24)},
		{name: "dates", header: "{'descr': '<M8[25us]', 'fortran_order': False, 'shape': (1,), }" + pad, data: strings.Repeat("x", 8)},
		{name: "version 3", version: 3, header: "{'descr': [('\u00e9', '<i4')], 'fortran_order': False, 'shape': (1,), }" + pad, data: "abcd"},
		{name: "two arrays", header: "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }" + pad, data: "a" + string(npyFile(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }"+pad, "b"))},
		{name: "objects", header: "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + pad, data: hostilePickle, runs: true},
		{name: "objects in a field", header: "{'descr': [('a', '<i4'), ('b', [('c', '|O')])], 'fortran_order': False, 'shape': (1,), }" + pad, data: hostilePickle, runs: true},
		{name: "objects under another name", header: "{'descr': 'i4,O', 'fortran_order': False, 'shape': (1,), }" + pad, data: hostilePickle, odd: "shape", fails: true, runs: true},
		{name: "objects, broken pickle", header: "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + pad, data: strings.TrimSuffix(hostilePickle, "."), odd: "truncated", fails: true, runs: true},
		{name: "something after objects", header: "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + pad, data: "\x80\x02N." + hostilePickle, odd: "trailing", runs: true},
		{name: "something after the data", header: "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }" + pad, data: "a" + hostilePickle, odd: "trailing", runs: true},
		{name: "data missing", header: "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }" + pad, data: "123", odd: "truncated"},
		{name: "a call", header: "{'descr': __import__('os').system('echo'), 'fortran_order': False, 'shape': (1,), }" + pad, odd: "shape", fails: true},
		{name: "an expression", header: "{'descr': '<f8', 'fortran_order': False, 'shape': (1+1,), }" + pad, odd: "shape", fails: true},
		{name: "a further key", header: "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}" + pad, data: "12345678", odd: "shape", fails: true},
		{name: "a key missing", header: "{'descr': '<f8', 'shape': (1,)}" + pad, odd: "shape", fails: true},
		{name: "a key twice", header: "{'descr': '<f8', 'descr': '|O', 'fortran_order': False, 'shape': (1,)}" + pad, odd: "shape", fails: true},
		{name: "negative shape", header: "{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }" + pad, odd: "shape", fails: true},
		{name: "shape beyond 64 bits", header: "{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4611686018427387904), }" + pad, odd: "shape", fails: true},
		{name: "deep", version: 2, header: strings.Repeat("(", 100_000), odd: "shape", fails: true},
		{name: "unknown version", version: 9, header: "{}", odd: "unsupported", fails: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := newEngine()
			b := npyFile(max(tc.version, 1), tc.header, tc.data)
			e.Scan("a.npy", bytes.NewReader(b), int64(len(b)))
			if got := kinds(e); got != tc.odd && !(tc.odd != "" && strings.Contains(got, tc.odd)) {
				t.Errorf("oddities %q, want %q\n%s", got, tc.odd, e.Lines())
			}
			if (len(e.Errs) > 0) != tc.fails {
				t.Errorf("errors %q, want any: %v", e.Errs, tc.fails)
			}
			if called(e, "posix.system") != tc.runs {
				t.Errorf("posix.system seen: %v, want %v\n%s", !tc.runs, tc.runs, e.Lines())
			}
		})
	}
}

func TestNPYHeaderLengthThatLies(t *testing.T) {
	b := append([]byte(npyMagic), 2, 0, 0xff, 0xff, 0xff, 0xff, '{', '}')
	e := newEngine()
	e.Scan("a.npy", bytes.NewReader(b), int64(len(b)))
	if kinds(e) != "truncated" || len(e.Errs) != 1 {
		t.Errorf("got %q, %q", kinds(e), e.Errs)
	}
	if e.Read > 100_000 {
		t.Errorf("%d bytes read", e.Read)
	}
}

// sparse is a file of zeros of any size behind some first bytes.
type sparse struct{ head []byte }

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	clear(p)
	if off < int64(len(s.head)) {
		copy(p, s.head[off:])
	}
	return len(p), nil
}

func TestArraysAreNotRead(t *testing.T) {
	b := npyFile(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (134217728,), }   \n", "")
	e := newEngine()
	e.Scan("a.npy", sparse{b}, int64(len(b))+1<<30)
	if kinds(e) != "" || len(e.Errs) > 0 || e.Read > 64<<10 {
		t.Errorf("1 GiB array: %d bytes read, %q, %q", e.Read, kinds(e), e.Errs)
	}
}

func TestBenignArrays(t *testing.T) {
	n := 0
	for _, pattern := range []string{"numpy/*/*.npy", "numpy/*/*.npz", "sklearn/*/*.joblib", "sklearn/*/joblib/*", "sklearn/*/vendored-joblib/*/*"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "benign", filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e := newEngine()
			names := e.Scan(file, bytes.NewReader(b), int64(len(b)))
			if len(names) == 0 || names[0] == "pickle" {
				continue
			}
			n++
			for _, o := range formattest.All[weir.Oddity](e) {
				t.Errorf("%s %v: %+v", file, names, o)
			}
			if len(e.Errs) > 0 {
				t.Errorf("%s %v: %q", file, names, e.Errs)
			}
			for _, s := range formattest.All[weir.Storage](e) {
				if s.Want != s.Have && s.Have >= 0 {
					t.Errorf("%s: %+v", file, s)
				}
			}
		}
	}
	if n < 50 {
		t.Fatalf("only %d fixtures found", n)
	}
}

// TestTruncated cuts files at every length: nothing may panic, and a cut is never silent.
func TestTruncated(t *testing.T) {
	files := map[string][]byte{
		"f8":      npyFile(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }   \n", strings.Repeat("\x00", 16)),
		"objects": npyFile(1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }   \n", hostilePickle),
		"joblib":  joblibFile("u1", 40, strings.Repeat("\x00", 40)),
	}
	for name, b := range files {
		for n := len(npyMagic); n < len(b); n++ {
			e := newEngine()
			f := ParseNPY
			if name == "joblib" {
				f = ParseJoblib
			}
			err := f(e.Input("", bytes.NewReader(b[:n]), int64(n)))
			if err == nil && kinds(e) == "" {
				t.Errorf("%s cut at %d of %d: nothing said", name, n, len(b))
			}
		}
	}
}

func TestLiterals(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"{'a': (1, 2L, -3), \"b\": [True, None], u'c': ()}", "{'a': (1, 2, -3), 'b': [True, None], 'c': ()}"},
		{`'\x41\u00e9\n\''`, `'Aé\n\''`},
		{"(1)", "1"},
		{"(1,)", "(1,)"},
		{" [ ] ", "[]"},
		{"{1: 2", ""},
		{"", ""},
		{"a", ""},
		{"1.5", ""},
		{"1 2", ""},
		{"'a' 'b'", ""},
		{"[1 2]", ""},
		{"{'a'}", ""},
		{"Truex", ""},
		{"f'a'", ""},
		{"'a", ""},
		{`'\N{DASH}'`, ""},
		{"99999999999999999999", ""},
		{strings.Repeat("[", 1000) + strings.Repeat("]", 1000), ""},
	} {
		v, err := parseLiteral(tc.text)
		if tc.want == "" {
			if !errors.Is(err, errLiteral) {
				t.Errorf("%q: got %v, %v, want an error", tc.text, v, err)
			}
		} else if err != nil || v.String() != tc.want {
			t.Errorf("%q: got %v, %v, want %s", tc.text, v, err, tc.want)
		}
	}
}

func TestTypeStrings(t *testing.T) {
	for _, tc := range []struct {
		text   string
		size   int64
		object bool
	}{
		{"<f8", 8, false}, {"|u1", 1, false}, {">c16", 16, false}, {"|S0", 0, false}, {"<U3", 12, false}, {"|V40", 40, false},
		{"<M8[ns]", 8, false}, {"<m8", 8, false}, {"<M8[25us]", 8, false}, {"|O", 8, true}, {"O8", 8, true}, {"f8", 8, false}, {"<f16", 16, false},
		{"", -1, false}, {"f9", -1, false}, {"float64", -1, false}, {"<<f8", -1, false}, {"i4,O", -1, false}, {"V", -1, false},
		{"<M8[ns", -1, false}, {"<M8[evil]", -1, false}, {"S99999999999", -1, false}, {"S+1", -1, false}, {"object", -1, false},
	} {
		got, err := parseTypeString(tc.text)
		if tc.size < 0 {
			if err == nil {
				t.Errorf("%q: got %+v, want an error", tc.text, got)
			}
		} else if err != nil || got.size != tc.size || got.object != tc.object {
			t.Errorf("%q: got %+v, %v", tc.text, got, err)
		}
	}
}

// checkParse runs a parser twice and checks what must hold for any input.
func checkParse(t *testing.T, b []byte, parse func(*format.Input) error) {
	t.Helper()
	e := formattest.Twice(t, b, newEngine, parse)
	for _, s := range formattest.All[weir.Storage](e) {
		if s.Have > int64(len(b)) || s.Have < -1 || s.At < 0 {
			t.Fatalf("storage out of bounds: %+v", s)
		}
	}
}

func FuzzNPY(f *testing.F) {
	f.Add(npyFile(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }   \n", strings.Repeat("\x00", 16)))
	f.Add(npyFile(2, "{'descr': [('a', '|O'), ('b', '<i4', (2, 3))], 'fortran_order': True, 'shape': (1,), }\n", hostilePickle))
	f.Add(npyFile(3, "{'descr': ('<M8[D]', (2L,)), 'fortran_order': True, 'shape': (), }\n", "12345678"))
	f.Fuzz(func(t *testing.T, b []byte) { checkParse(t, b, ParseNPY) })
}

func FuzzLiteral(f *testing.F) {
	f.Add("{'a': (1, 2L, -3), \"b\": [True, None], u'c': ()}")
	f.Add(`'\x41\u00e9\n\''`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseLiteral(text)
		if err != nil {
			return
		}
		if !v.Whole() {
			t.Fatalf("%q: %v is not whole", text, v)
		}
	})
}

var _ io.ReaderAt = sparse{}

func ExampleParseNPY() {
	b := npyFile(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", strings.Repeat("\x00", 24))
	in := &format.Input{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Emit: func(f weir.Fact) { fmt.Printf("%+v\n", f) }}
	fmt.Println(ParseNPY(in))
	// Output:
	// {Key:array[0] Type:<f4 Want:24 Have:24 Views:false At:73}
	// <nil>
}
