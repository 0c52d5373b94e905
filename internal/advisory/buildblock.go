package advisory

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"weir/internal/version"
)

// block encodes one package and says how many flaws it has.
func (b *Builder) block(k pkg, numbers map[int32]uint32) (data []byte, flaws int) {
	c := b.packages[k]
	scheme := version.For(k.ecosystem)
	versions := map[string]bool{}
	byFlaw := map[uint32][]*statement{}
	for _, data := range c.states {
		s := &statement{}
		s.read(data)
		s.name(versions)
		n := numbers[b.find(s.record)]
		byFlaw[n] = append(byFlaw[n], s)
	}
	for _, v := range c.releases {
		versions[v] = true
	}
	ladder := newLadder(scheme, versions)
	order := make([]uint32, 0, len(byFlaw))
	for n := range byFlaw {
		order = append(order, n)
	}
	slices.Sort(order)
	out := appendString(nil, k.ecosystem)
	out = appendString(out, k.name)
	out = ladder.append(out)
	var encoded []byte
	for _, n := range order {
		f := flaw{record: n}
		for _, s := range byFlaw[n] {
			f.ranges = append(f.ranges, ladder.spans(s)...)
			f.fixed = append(f.fixed, ladder.fixes(s)...)
			f.symbols = append(f.symbols, s.symbols...)
		}
		f.ranges = join(f.ranges)
		slices.Sort(f.fixed)
		f.fixed = slices.Compact(f.fixed)
		slices.Sort(f.symbols)
		f.symbols = slices.Compact(f.symbols)
		if len(f.ranges) == 0 {
			continue // nothing that can be matched: only commits, or versions that are none
		}
		flaws++
		encoded = f.append(encoded)
	}
	out = binary.AppendUvarint(out, uint64(flaws))
	return append(out, encoded...), flaws
}

// name adds the versions that a statement names.
func (s *statement) name(versions map[string]bool) {
	note := func(v string) {
		if v != "" && v != "0" && len(v) <= version.MaxLength {
			versions[v] = true
		}
	}
	for _, events := range s.ranges {
		for _, e := range events {
			note(e.Introduced)
			note(e.Fixed)
			note(e.LastAffected)
		}
	}
	for _, v := range s.listed {
		note(v)
	}
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// ladder holds a package's known versions in order.
type ladder struct {
	scheme version.Scheme
	steps  []known
	place  map[string]int // version as written → step
}

func newLadder(scheme version.Scheme, versions map[string]bool) *ladder {
	l := &ladder{scheme: scheme, place: make(map[string]int, len(versions))}
	for v := range versions {
		if key, ok := scheme.Key(v); ok {
			l.steps = append(l.steps, known{key: key, text: v, pre: scheme.Prerelease(v)})
		}
	}
	slices.SortFunc(l.steps, func(x, y known) int {
		return cmp.Or(bytes.Compare(x.key, y.key), cmp.Compare(len(y.text), len(x.text)), cmp.Compare(x.text, y.text))
	})
	l.steps = slices.CompactFunc(l.steps, func(x, y known) bool { return bytes.Equal(x.key, y.key) })
	for v := range versions {
		if key, ok := scheme.Key(v); ok {
			i, _ := slices.BinarySearchFunc(l.steps, key, func(k known, key []byte) int { return bytes.Compare(k.key, key) })
			l.place[v] = i
		}
	}
	return l
}

// append encodes the steps as block.readVersions reads them.
func (l *ladder) append(out []byte) []byte {
	out = binary.AppendUvarint(out, uint64(len(l.steps)))
	var last []byte
	for _, s := range l.steps {
		shared := 0
		for shared < len(last) && shared < len(s.key) && last[shared] == s.key[shared] {
			shared++
		}
		out = binary.AppendUvarint(out, uint64(shared))
		out = binary.AppendUvarint(out, uint64(len(s.key)-shared))
		out = append(out, s.key[shared:]...)
		last = s.key
		form := uint64(0)
		if s.pre {
			form = 1
		}
		if zeros, ok := l.plain(s); ok {
			out = binary.AppendUvarint(out, form|2|uint64(zeros)<<2)
			continue
		}
		out = binary.AppendUvarint(out, form)
		out = appendString(out, s.text)
	}
	return out
}

// plain says whether the text follows from the key, with how many zeros.
func (l *ladder) plain(s known) (zeros int, ok bool) {
	for zeros = range 4 {
		if t, ok := l.scheme.Text(s.key, zeros); ok && t == s.text {
			return zeros, true
		}
	}
	return 0, false
}

// spans are the positions that a statement calls affected: OSV's evaluation of events in order, and each listed version.
func (l *ladder) spans(s *statement) []span {
	var out []span
	for _, events := range s.ranges {
		out = append(out, l.rangeSpans(events)...)
	}
	for _, v := range s.listed {
		if i, ok := l.place[v]; ok {
			out = append(out, span{2*i + 1, 2*i + 1})
		}
	}
	return out
}

// edge is an event at its position: from there on the range is open, or closed.
type edge struct {
	at   int
	open bool
}

func (l *ladder) rangeSpans(events []event) []span {
	var edges []edge
	for _, e := range events {
		switch {
		case e.Introduced == "0":
			edges = append(edges, edge{0, true})
		case e.Introduced != "":
			if i, ok := l.place[e.Introduced]; ok {
				edges = append(edges, edge{2*i + 1, true})
			}
		case e.Fixed != "":
			if i, ok := l.place[e.Fixed]; ok {
				edges = append(edges, edge{2*i + 1, false})
			}
		case e.LastAffected != "":
			if i, ok := l.place[e.LastAffected]; ok {
				edges = append(edges, edge{2*i + 2, false})
			}
		}
	}
	// At one place a fix comes before an introduction: fixed in 2.0, broken anew in 2.0 means broken.
	slices.SortStableFunc(edges, func(x, y edge) int {
		if c := cmp.Compare(x.at, y.at); c != 0 || x.open == y.open {
			return c
		}
		if x.open {
			return 1
		}
		return -1
	})
	var out []span
	from := -1
	for _, e := range edges {
		switch {
		case e.open && from < 0:
			from = e.at
		case !e.open && from >= 0:
			if e.at > from {
				out = append(out, span{from, e.at - 1})
			}
			from = -1
		}
	}
	if from >= 0 {
		out = append(out, span{from, 2 * len(l.steps)})
	}
	return out
}

func (l *ladder) fixes(s *statement) []int {
	var out []int
	for _, events := range s.ranges {
		for _, e := range events {
			if i, ok := l.place[e.Fixed]; ok && e.Fixed != "" {
				out = append(out, i)
			}
		}
	}
	return out
}

// join makes the union of spans.
func join(spans []span) []span {
	slices.SortFunc(spans, func(x, y span) int { return cmp.Or(cmp.Compare(x.low, y.low), cmp.Compare(x.high, y.high)) })
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && s.low <= out[n-1].high+1 {
			out[n-1].high = max(out[n-1].high, s.high)
		} else {
			out = append(out, s)
		}
	}
	return out
}

// append encodes a flaw as flaw.read reads it.
func (f *flaw) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(f.record))
	b = binary.AppendUvarint(b, uint64(len(f.ranges)))
	at := 0
	for _, s := range f.ranges {
		b = binary.AppendUvarint(b, uint64(s.low-at))
		b = binary.AppendUvarint(b, uint64(s.high-s.low))
		at = s.high
	}
	b = binary.AppendUvarint(b, uint64(len(f.fixed)))
	at = 0
	for _, i := range f.fixed {
		b = binary.AppendUvarint(b, uint64(i-at))
		at = i
	}
	b = binary.AppendUvarint(b, uint64(len(f.symbols)))
	for _, s := range f.symbols {
		b = appendString(b, s)
	}
	return b
}
