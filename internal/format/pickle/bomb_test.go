package pickle

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// part is a piece of a stream, repeated.
type part struct {
	text  string
	times int64
}

// pattern is a stream of parts that needs no memory of its own. As it is read it measures what the reader holds.
type pattern struct {
	parts []part
	size  int64
	base  uint64 // bytes that were live before
	most  uint64
	next  int64 // where it is measured next
}

func newPattern(parts ...part) *pattern {
	p := &pattern{parts: parts, base: live()}
	for _, q := range parts {
		p.size += int64(len(q.text)) * q.times
	}
	return p
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func (p *pattern) ReadAt(b []byte, off int64) (n int, err error) {
	if off >= p.next {
		p.next = off + p.size/32
		p.most = max(p.most, live())
	}
	at := int64(0)
	for _, q := range p.parts {
		end := at + int64(len(q.text))*q.times
		for n < len(b) && off+int64(n) < end {
			i := int((off + int64(n) - at) % int64(len(q.text)))
			m := copy(b[n:min(int64(len(b)), end-off)], q.text[i:])
			if n += m; i == 0 && m == len(q.text) { // a full piece: double what is there as long as it repeats
				for begin := n - m; n < len(b) && off+int64(n) < end; {
					n += copy(b[n:min(int64(len(b)), end-off)], b[begin:n])
				}
			}
		}
		at = end
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// manyNames imports that many different names of some kilobytes.
func manyNames(n int) []part {
	var parts []part
	for i := range n {
		parts = append(parts, part{"cm\nC", 1}, part{"x", 4000}, part{strconv.Itoa(i) + "\n0", 1})
	}
	return parts
}

// maxLive is what a run may hold: a worker has 64 MiB together with its parent, and its binary takes a part of that.
const maxLive = 28 << 20

// TestBombs puts streams that would exhaust an unpickler or a scanner between two calls: both calls are said and memory stays bounded.
func TestBombs(t *testing.T) {
	const million = 1_000_000
	long := func(n int64) string { return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) }
	for _, c := range []struct {
		name  string
		parts []part
	}{
		{"tuples in tuples", []part{{")", 1}, {"\x85", 20 * million}}},
		{"lists of one list", []part{{"]", 1}, {"2a", 5 * million}}},
		{"lists in lists", []part{{"](", 1}, {"](", 60_000}, {"e", 60_001}}},
		{"a list and its copies on the stack", []part{{"]", 1}, {"]2a", 5 * million}}},
		{"list of itself in a tuple", []part{{"]", 1}, {"2\x852a", 5 * million}}},
		{"doubling", []part{{"K\x01", 1}, {"2\x86", 10 * million}}},
		{"doubling, memoized", []part{{"K\x01", 1}, {"2\x86\x94", 5 * million}}},
		{"tripled and hashed", []part{{"K\x01", 1}, {"22\x87", 40}, {"\x8f(", 1}, {"N", 1}, {"\x90", 1}}},
		{"memo of many values", []part{{"K\x01\x940", 10 * million}}},
		{"memo of many tuples", []part{{"K\x01\x85\x940", 5 * million}}},
		{"memo of dictionaries in dictionaries", []part{{"}\x94", 1}, {"K\x01}\x94s", million}, {"0", 1}}},
		{"marks", []part{{"(", 20 * million}}},
		{"marks and values", []part{{"(N", 10 * million}}},
		{"marks and many values", []part{{"(NNNNNNNN", 3 * million}}},
		{"dictionaries on the stack", []part{{"}K\x01]s", 3 * million}}},
		{"states on the stack", []part{{"cm\nC\n)\x81}U\x0c__setstate__NsU\x06appendNsb", million / 2}}},
		{"giant LONG4", []part{{"\x8b" + long(1<<30), 1}, {"\x01", 1 << 30}}},
		{"giant text", []part{{"X" + long(1<<30), 1}, {"x", 1 << 30}}},
		{"giant line", []part{{"V", 1}, {"x", 1 << 30}, {"\n", 1}}},
		{"numbers as text", []part{{"I1234567\n0", 5 * million}}},
		{"floats as text", []part{{"F1.5\n0", 2 * million}}},
		{"texts", []part{{"S'some text'\n0", 5 * million}}},
		{"padding", []part{{"N0", 25 * million}}},
		{"PUT", []part{{"N", 1}, {"q\x07", 20 * million}, {"0", 1}}},
		{"PUT as text", []part{{"N", 1}, {"p70000\n", 5 * million}, {"0", 1}}},
		{"high memo slots", []part{{"N", 1}, {"r\xff\xff\xff\x7f", 5 * million}, {"0", 1}}},
		{"circle", []part{{"]\x94h\x00ah\x00\x85h\x00\x86\x940", 1}, {"h\x00h\x01a0", 2 * million}}},
		{"a long name", []part{{"cm\nC" + strings.Repeat("x", 4000) + "\n0", 20_000}}},
		{"long names", manyNames(20_000)},
		{"computed names", []part{{"K\x01K\x02\x930", million}}},
		{"zeros", []part{{"\x00", 100 * million}}},
		{"long beginnings behind a break", []part{{"\xff", 1}, {"\x80\x04N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0N0", 100_000}, {"\xff", 1}}},
		{"short beginnings behind a break", []part{{"\xff", 1}, {"\x80\x04N\xff", 2 * million}}},
		{"decoys behind a break", []part{{"\xff", 1}, {"ccollections\nOrderedDict\n\xff", 1000}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if raceEnabled {
				for i := range c.parts {
					if c.parts[i].times < 1<<30 {
						c.parts[i].times = min(c.parts[i].times, 300_000)
					}
				}
			}
			parts := slices.Concat([]part{{"cposix\nsystem\n(S'before'\ntR0", 1}}, c.parts, []part{{"csubprocess\ncall\n(S'after'\ntR.", 1}})
			p := newPattern(parts...)
			s, said := &seen{}, map[string]bool{}
			in := newInput(nil, s)
			emit := in.Emit
			in.Emit = func(f weir.Fact) {
				switch i, ok := f.(weir.Import); {
				case !ok:
					emit(f)
				case i.Module != "m": // a worker does not hold facts either
					said[i.Use.String()+" "+i.Module+"."+i.Name] = true
				}
			}
			in.ReaderAt, in.Size, in.Limits = p, p.size, weir.DefaultLimits()
			defer debug.SetGCPercent(debug.SetGCPercent(50))
			s.err = Parse(in)
			if s.err != nil && !errors.Is(s.err, format.ErrLimit) && len(s.oddities) == 0 {
				t.Errorf("ends in %v", s.err)
			}
			for _, want := range []string{"called posix.system", "called subprocess.call"} {
				if !said[want] {
					t.Errorf("no %q, error %v, oddities %v", want, s.err, s.kinds())
				}
			}
			if held := int64(p.most) - int64(p.base); held > maxLive {
				t.Errorf("held %d MiB", held>>20)
			} else {
				t.Logf("%d MB of stream, held %d MiB, %v", p.size/million, held>>20, s.err)
			}
		})
	}
}

// TestPattern holds the generator of the bombs to what it says.
func TestPattern(t *testing.T) {
	p := newPattern(part{"ab", 3}, part{"xyz", 1}, part{"c", 5})
	want := []byte("abababxyzccccc")
	for i := range want {
		for n := 1; n <= len(want)-i; n++ {
			b := make([]byte, n)
			if got, err := p.ReadAt(b, int64(i)); got != n || err != nil || !bytes.Equal(b, want[i:i+n]) {
				t.Fatalf("%d bytes at %d: %q, %v", n, i, b[:got], err)
			}
		}
	}
}
