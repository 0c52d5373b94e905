package tensor

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"weir"
	"weir/internal/format"
	"weir/internal/format/archive"
	"weir/internal/format/pickle"
)

// engine is a small stand-in for internal/scan: it recognises, recurses and keeps facts by member.
type engine struct {
	formats []format.Format
	deep    bool
	facts   map[string][]weir.Fact
	members []string
	read    int64 // bytes read through members handed over
	errs    []string
	depth   int
	count   int
}

func newEngine() *engine {
	e := &engine{facts: map[string][]weir.Fact{}}
	e.formats = append(e.formats, Formats...)
	e.formats = append(e.formats, pickle.Formats...)
	e.formats = append(e.formats, archive.Zip)
	return e
}

// counter counts the bytes that are read through it.
type counter struct {
	io.ReaderAt
	n *int64
}

func (c counter) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(p, off)
	*c.n += int64(n)
	return n, err
}

func (e *engine) scan(name string, r io.ReaderAt, size int64) []string {
	return e.examine("", name, counter{r, &e.read}, size)
}

func (e *engine) examine(member, name string, r io.ReaderAt, size int64) []string {
	if e.count++; e.count > 10_000 || e.depth > 16 {
		return nil
	}
	e.depth++
	defer func() { e.depth-- }()
	h := format.Head{Name: name, Size: size, First: make([]byte, min(size, format.HeadSize)), Last: make([]byte, min(size, format.TailSize))}
	_, _ = r.ReadAt(h.First, 0)
	_, _ = r.ReadAt(h.Last, size-int64(len(h.Last)))
	var hits []format.Format
	for _, f := range e.formats {
		if f.Match(h) && !(f.Name == "pickle" && bytes.HasPrefix(h.First, []byte("PK\x03\x04"))) { // no unpickler takes a persistent id first
			hits = append(hits, f)
		}
	}
	var names []string
	for _, f := range hits {
		if !slices.ContainsFunc(hits, func(o format.Format) bool { return slices.Contains(o.Supersedes, f.Name) }) {
			names = append(names, f.Name)
			if f.Parse == nil {
				continue
			}
			if err := f.Parse(e.input(member, r, size)); err != nil {
				e.errs = append(e.errs, member+": "+err.Error())
			}
		}
	}
	e.members = append(e.members, fmt.Sprintf("%s %v", member, names))
	return names
}

func join(member, name string) string {
	if member == "" {
		return name
	}
	return member + "!/" + name
}

func (e *engine) input(member string, r io.ReaderAt, size int64) *format.Input {
	in := &format.Input{ReaderAt: r, Name: member, Size: size, Limits: weir.DefaultLimits(), Deep: e.deep}
	in.Limits.Steps = 5_000_000
	in.Emit = func(f weir.Fact) { e.facts[member] = append(e.facts[member], f) }
	in.Nested = func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
		f := e.examine(join(member, name), name, r, size)
		return format.Summary{Size: size, Formats: f, Complete: true}, nil
	}
	in.Expand = func(name string, src io.Reader, packed int64) (format.Summary, error) {
		b, err := io.ReadAll(io.LimitReader(src, 64<<20))
		if err != nil {
			return format.Summary{Size: int64(len(b))}, err
		}
		f := e.examine(join(member, name), name, bytes.NewReader(b), int64(len(b)))
		return format.Summary{Size: int64(len(b)), Formats: f, Complete: true}, nil
	}
	in.Sub = func(name string, offset, n int64) *format.Input {
		return e.input(join(member, name), io.NewSectionReader(r, offset, n), n)
	}
	return in
}

// all gives the facts of one kind in all members, in the order of their names.
func all[F weir.Fact](e *engine) []F {
	var names []string
	for n := range e.facts {
		names = append(names, n)
	}
	sort.Strings(names)
	var list []F
	for _, n := range names {
		for _, f := range e.facts[n] {
			if f, ok := f.(F); ok {
				list = append(list, f)
			}
		}
	}
	return list
}

// lines renders all facts for golden files.
func (e *engine) lines() string {
	var names []string
	for n := range e.facts {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, n := range names {
		for _, f := range e.facts[n] {
			fmt.Fprintf(&b, "%s: %s %+v\n", n, weir.KindOf(f), f)
		}
	}
	for _, s := range e.errs {
		fmt.Fprintf(&b, "error %s\n", s)
	}
	return b.String()
}
