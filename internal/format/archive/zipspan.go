package archive

import (
	"bytes"
	"cmp"
	"slices"

	"weir"
)

// spanKind says what explains a range of an archive.
type spanKind uint8

const (
	spanRecord spanKind = iota
	spanComment
	spanDirectory
	spanHeader
	spanData
)

// span is a range that something names. owner is the local header that it belongs to, -1 for none.
type span struct {
	at, end, owner int64
	kind           spanKind
}

func (z *zipScan) explain(at, n int64, kind spanKind) { z.explainOwned(at, n, kind, -1) }

func (z *zipScan) explainOwned(at, n int64, kind spanKind, owner int64) {
	if n > 0 {
		z.spans = append(z.spans, span{at, at + n, owner, kind})
	}
}

// explainHeader names the bytes of a local header, extra field included.
func (z *zipScan) explainHeader(e *ZipEntry) {
	z.explainOwned(e.Header, e.Data-e.Header, spanHeader, e.Header)
}

func (z *zipScan) sortSpans() {
	slices.SortStableFunc(z.spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.end, b.end), cmp.Compare(a.kind, b.kind))
	})
}

// unexplained gives the ranges that nothing names, by offset.
func (z *zipScan) unexplained() []span {
	z.sortSpans()
	var gaps []span
	at := int64(0)
	for _, s := range z.spans {
		if s.at > at {
			gaps = append(gaps, span{at: at, end: min(s.at, z.size)})
		}
		at = max(at, s.end)
	}
	if at < z.size {
		gaps = append(gaps, span{at: at, end: z.size})
	}
	return gaps
}

// parts describes the ranges that the records name, by offset.
func (z *ZipArchive) parts() []weir.Part {
	names := make(map[int64]string, len(z.Entries))
	for _, e := range z.Entries {
		names[e.Header] = short(e.Name)
	}
	kinds := map[spanKind]string{spanRecord: "end record", spanComment: "comment", spanDirectory: "directory", spanHeader: "entry", spanData: "data"}
	list := make([]weir.Part, 0, len(z.spans))
	for i, s := range z.spans {
		if i > 0 && s == z.spans[i-1] {
			continue // two views of one
		}
		p := weir.Part{Kind: kinds[s.kind], At: s.at, Size: s.end - s.at}
		if s.owner >= 0 {
			p.Name = names[s.owner]
		}
		list = append(list, p)
	}
	return list
}

// account turns what is unexplained into gaps and what is explained twice into overlaps.
func (z *zipScan) account() error {
	gaps := z.unexplained()
	z.overlaps()
	for _, s := range gaps {
		g := Gap{Name: gapName("gap", s.at), At: s.at, Size: s.end - s.at}
		kind, text := weir.OddGap, "bytes that no record names"
		switch {
		case s.at == 0:
			g.Name, kind, text = "[prefix]", weir.OddPrefixed, "bytes before the archive"
			z.Prefix = g.Size
		case s.end == z.size:
			g.Name, kind, text = "[suffix]", weir.OddTrailing, "bytes after the archive"
		}
		var err error
		if g.Zero, err = allZero(z.r, g.At, g.Size); err != nil {
			return err
		}
		switch {
		case g.Zero:
			text += " (all zero)"
		case z.signingBlock(s.end):
			text += " (an APK signing block)"
		}
		z.odd.add(kind, g.At, g.Size, "%s", text)
		z.Gaps = append(z.Gaps, g)
	}
	const maxQuiet = 1000
	for _, g := range z.quiet[:min(len(z.quiet), maxQuiet)] {
		if !slices.ContainsFunc(z.Gaps, func(o Gap) bool { return o.Quiet && o.At == g.At }) {
			z.Gaps = append(z.Gaps, g)
		}
	}
	return nil
}

// signingBlock reports whether the 16 bytes before offset end are the magic of Android's signing block.
func (z *zipScan) signingBlock(end int64) bool {
	b := make([]byte, 16)
	return readAt(z.r, b, end-16) == nil && bytes.Equal(b, []byte("APK Sig Block 42"))
}

// overlaps reports bytes that two entries, or an entry and the directory, both claim: what a quoting zip bomb does, and what makes
// readers disagree.
func (z *zipScan) overlaps() {
	var last span
	for _, s := range z.spans {
		same := s.owner >= 0 && s.owner == last.owner || s.owner < 0 && last.owner < 0
		if s.at < last.end && !same {
			z.odd.add(weir.OddOverlap, s.at, min(s.end, last.end)-s.at, "%s and %s share bytes", z.claim(last), z.claim(s))
		}
		if s.end > last.end {
			last = s
		}
	}
}

func (z *zipScan) claim(s span) string {
	if i, ok := z.heads[s.owner]; ok && s.owner >= 0 {
		return "entry " + quote(z.Entries[i].Name)
	}
	return "a record of the archive"
}

// compareViews reports entries that some readers see and others do not.
func (z *zipScan) compareViews() {
	var python, torch, directory int
	for i := range z.Entries {
		v := z.Entries[i].Views
		if v&ViewPython != 0 {
			python++
		}
		if v&ViewTorch != 0 {
			torch++
		}
		if v&directoryViews != 0 {
			directory++
		}
	}
	for i := range z.Entries {
		e := &z.Entries[i]
		v := e.Views & directoryViews
		switch {
		case v == 0 || v&(ViewPython|ViewTorch) == ViewPython|ViewTorch:
		case v == ViewOther:
			z.odd.add(weir.OddDivergent, e.Header, 0, "entry %s is listed only where few readers look", quote(e.Name))
		case v&ViewTorch == 0 && torch > 0:
			z.odd.add(weir.OddDivergent, e.Header, 0, "entry %s is listed for Python but not for torch", quote(e.Name))
		case v&ViewPython == 0 && python > 0:
			z.odd.add(weir.OddDivergent, e.Header, 0, "entry %s is listed for torch but not for Python", quote(e.Name))
		}
	}
	if directory > 0 && python == 0 && torch > 0 {
		z.odd.add(weir.OddDivergent, 0, 0, "Python cannot find the directory that torch finds")
	}
	if directory > 0 && torch == 0 && python > 0 {
		z.odd.add(weir.OddDivergent, 0, 0, "torch cannot find the directory that Python finds")
	}
}

// markOccurrences sets First and Last, and reports names that a directory lists twice.
func (z *zipScan) markOccurrences() {
	last := make(map[string]int, len(z.Entries))
	for i := range z.Entries {
		e := &z.Entries[i]
		j, again := last[e.Name]
		e.First, e.Last = !again, true
		if again {
			z.Entries[j].Last = false
			if o := &z.Entries[j]; e.Views&directoryViews != 0 && o.Views&directoryViews != 0 {
				z.odd.add(weir.OddDuplicate, e.Header, 0, "two entries are called %s, at %d and %d", quote(e.Name), o.Header, e.Header)
			}
		}
		last[e.Name] = i
	}
}
