package pycode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// run parses b and gives the facts and the names of what is handed back.
func run(f format.Format, b []byte) (facts []weir.Fact, nested []string, err error) {
	in := &format.Input{
		ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Limits: weir.DefaultLimits(),
		Emit: func(f weir.Fact) { facts = append(facts, f) },
		Nested: func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
			nested = append(nested, fmt.Sprintf("%s %d", name, size))
			return format.Summary{Size: size}, nil
		},
	}
	err = f.Parse(in)
	return facts, nested, err
}

func matches(f format.Format, b []byte) bool {
	h := format.Head{Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)], Last: b[max(0, len(b)-format.TailSize):]}
	return f.Match(h)
}

// pyc puts the header of a .pyc file before marshal data (PEP 552, and before it).
func pyc(s sample) []byte {
	magic := map[Version]uint16{207: 62211, 306: 3379, 307: 3394, 308: 3413, 309: 3425, 310: 3439, 311: 3495, 312: 3531, 313: 3571}[s.Python]
	h := binary.LittleEndian.AppendUint16(nil, magic)
	h = append(h, "\r\n"...)
	switch {
	case s.Python >= 307:
		h = append(h, make([]byte, 12)...)
	case s.Python >= 303:
		h = append(h, make([]byte, 8)...)
	default:
		h = append(h, make([]byte, 4)...)
	}
	return append(h, s.Marshal...)
}

func codes(facts []weir.Fact) []weir.Code {
	var out []weir.Code
	for _, f := range facts {
		if c, ok := f.(weir.Code); ok {
			out = append(out, c)
		}
	}
	return out
}

func TestFormats(t *testing.T) {
	for _, s := range kept(t) {
		for i, b := range [][]byte{pyc(s), s.Marshal} {
			f := Formats[i]
			if !matches(f, b) || matches(Formats[1-i], b) {
				t.Errorf("%s %s: %s does not match, or the other does", s.Python, s.Name, f.Name)
			}
			facts, nested, err := run(f, b)
			found := codes(facts)
			if err != nil || len(found) != 1 || len(nested) != 0 {
				t.Fatalf("%s %s as %s: %v, %d code objects, %q", s.Python, s.Name, f.Name, err, len(found), nested)
			}
			for _, want := range s.Resolved {
				if !slices.Contains(found[0].Calls, want) {
					t.Errorf("%s %s as %s: no %q in %q", s.Python, s.Name, f.Name, want, found[0].Calls)
				}
			}
		}
	}
}

// TestMatchPrefix recognises code objects of which only the beginning is seen, and nothing else.
func TestMatchPrefix(t *testing.T) {
	for _, s := range kept(t) {
		if s.Name != "extended" {
			continue
		}
		for n := 40; n < len(s.Marshal); n += 97 {
			h := format.Head{Size: int64(len(s.Marshal)), First: s.Marshal[:n]}
			if !Formats[1].Match(h) {
				t.Errorf("%s: the first %d bytes of %d are not recognised", s.Python, n, len(s.Marshal))
			}
		}
	}
	for _, text := range []string{
		"cos\nsystem\n(S'echo hi'\ntR.", "class Model:\n    def forward(self, x):\n        return x\n", "c" + strings.Repeat("\x00", 400),
		"\xe3" + strings.Repeat("\x00", 400), "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]", "(dp0\nS'a'\np1\nI1\ns.                  ",
		"{\"model\": \"a\", \"layers\": [1, 2, 3]}          ", "<html><body>text and more of it</body></html>", "c" + strings.Repeat("\x01\x00\x00\x00", 99),
	} {
		if matches(Formats[1], []byte(text)) {
			t.Errorf("%q is taken for marshal data", text)
		}
	}
}

// TestCut cuts a code object everywhere: an error and no panic, and never a code object that is not there.
func TestCut(t *testing.T) {
	for _, s := range kept(t) {
		if s.Name != "closure" {
			continue
		}
		for n := range s.Marshal {
			if facts, _, err := run(Formats[1], s.Marshal[:n]); err == nil || len(codes(facts)) > 0 {
				t.Fatalf("%s: the first %d bytes give %d code objects and %v", s.Python, n, len(codes(facts)), err)
			}
		}
		facts, nested, err := run(Formats[1], append(slices.Clone(s.Marshal), "and more"...))
		if err != nil || len(codes(facts)) != 1 || len(nested) != 1 {
			t.Errorf("%s: with bytes behind it: %v, %v, %q", s.Python, err, facts, nested)
		}
	}
}

// TestHostile gives shapes that make careless readers crash, loop or swallow memory.
func TestHostile(t *testing.T) {
	deep := func(s string, n int) string { return strings.Repeat(s, n) }
	for name, b := range map[string]string{
		"deep tuple":       deep("\x29\x01", 1<<20),
		"deep list":        deep("[\x01\x00\x00\x00", 1<<18),
		"huge tuple":       "(\xff\xff\xff\x7f",
		"huge string":      "s\xff\xff\xff\x7f",
		"huge integer":     "l\xff\xff\xff\x7f",
		"smallest integer": "l\x00\x00\x00\x80",
		"self":             "\xdb\x01\x00\x00\x00r\x00\x00\x00\x00",
		"unread":           "\xa9\x01r\x00\x00\x00\x00",
		"beyond":           "r\x05\x00\x00\x00",
		"dict":             "{NNNN0",
		"half dict":        "{N0",
		"end":              "0",
	} {
		if facts, _, _ := run(Formats[1], []byte(b)); len(codes(facts)) > 0 {
			t.Errorf("%s: %v", name, facts)
		}
	}
}

func FuzzMarshal(f *testing.F) {
	for _, s := range kept(f) {
		if len(s.Marshal) < 1500 {
			f.Add(s.Marshal)
			f.Add(pyc(s))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		for _, x := range Formats {
			matches(x, b)
			facts, nested, err := run(x, b)
			again, _, err2 := run(x, b)
			if !reflect.DeepEqual(facts, again) || (err == nil) != (err2 == nil) {
				t.Fatal("two runs differ")
			}
			if len(nested) > maxLiterals*len(layouts)+1 || len(facts) > maxCodes*len(layouts)+4 {
				t.Fatalf("%d facts, %d members", len(facts), len(nested))
			}
			for _, c := range codes(facts) {
				if len(c.Text) > 2*maxListed || len(c.Calls) > maxNames {
					t.Fatalf("text of %d bytes, %d calls", len(c.Text), len(c.Calls))
				}
			}
		}
	})
}
