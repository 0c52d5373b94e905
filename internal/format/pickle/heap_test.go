package pickle

import (
	"reflect"
	"strings"
	"testing"
)

// TestCollectAlways runs all fixtures with a collection after every opcode, which must change nothing.
func TestCollectAlways(t *testing.T) {
	for _, kind := range []string{"malicious", "benign"} {
		for name, b := range fixtures(t, kind) {
			if len(b) > 20_000 {
				continue
			}
			want, got := parse(b), &seen{}
			s := newSession(newInput(b, got))
			s.heap.run = 0
			got.err = s.parse(Options{})
			if !reflect.DeepEqual(want.imports, got.imports) || !reflect.DeepEqual(want.code, got.code) ||
				!reflect.DeepEqual(want.oddities, got.oddities) || !reflect.DeepEqual(want.nested, got.nested) {
				t.Errorf("%s: %v\nbecomes %v", name, want.uses(), got.uses())
			}
		}
	}
}

// TestLost holds what a collection drops to be said as unknown, never as harmless.
func TestLost(t *testing.T) {
	const fill = "\x80\x04cfunctools\npartial\n(cposix\nsystem\nS'id'\ntR\x94"
	for _, c := range []struct{ name, between, after, want string }{
		{"kept on the stack", strings.Repeat("K\x01\x85\x85\x850", 100_000), ")R.", "called posix.system"},
		{"lost below much else", strings.Repeat("]K\x01\x85\x85\x85a", 150_000), "h\x00)R.", "called ?"},
		{"kept in the memo, for it was fetched", "0h\x000" + strings.Repeat("K\x01\x85\x85\x85\x940", 150_000), "h\x00)R.", "called posix.system"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse([]byte(fill + c.between + c.after))
			if got := strings.Join(s.uses(), ", "); !strings.HasSuffix(got, c.want) {
				t.Errorf("%s, %v; want %s at the end", got, s.err, c.want)
			}
		})
	}
}

// TestHeap fills the heap in all ways that it has and compares it with slices.
func TestHeap(t *testing.T) {
	var h heap
	h.run = heapRun
	h.reset()
	var ids []uint32
	var want [][]val
	for i := range 3000 {
		id, n := h.make()
		items := make([]val, i%97*11)
		for j := range items {
			items[j] = val{k: kInt, n: int64(i*10_000 + j)}
		}
		h.add(n, maxTupleItems, items)
		h.add(n, maxTupleItems, items[:min(len(items), 3)])
		ids, want = append(ids, id), append(want, append(items, items[:min(len(items), 3)]...)[:min(maxTupleItems, len(items)+min(len(items), 3))])
	}
	for i, id := range ids {
		if got := h.items(h.at(id)); len(got) != len(want[i]) || len(got) > 0 && !reflect.DeepEqual(got, want[i]) {
			t.Fatalf("node %d: %d items, want %d", id, len(got), len(want[i]))
		}
	}
}

// TestLongLiteral holds the length of a literal of more than 4 GiB, which does not fit in a value.
func TestLongLiteral(t *testing.T) {
	s := newSession(newInput(nil, &seen{}))
	for _, n := range []int64{0, 1<<32 - 2, 1<<32 - 1, 1 << 40} {
		if got := s.size(s.span(kBytes, encLatin, n+7, n)); got != n {
			t.Errorf("%d becomes %d", n, got)
		}
	}
	head := append([]byte("\x8e"), 0, 0, 0, 0, 2, 0, 0, 0)
	seen := &seen{}
	in := newInput(nil, seen)
	p := newPattern(part{string(head), 1}, part{"x", 1 << 33}, part{"0cposix\nsystem\n)R.", 1})
	in.ReaderAt, in.Size = p, p.size
	if err := Parse(in); err != nil || len(seen.imports) != 2 {
		t.Errorf("%v, %v", seen.uses(), err)
	}
}
