// Package formattest stands in for the engine where parsers are tested: it recognises, recurses and keeps what was said, without workers,
// budgets or rules.
//
// Start with [New].
package formattest

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// Engine is a small stand-in for internal/scan: it recognises, recurses and keeps facts by member.
type Engine struct {
	Formats []format.Format // those that it recognises, in their order
	Deep    bool            // as --deep
	Facts   map[string][]weir.Fact
	Members []string // each with its formats, in the order in which they were done
	Read    int64    // bytes read of the content and of members handed over
	Errs    []string // of parsers, each with its member
	depth   int
	count   int
}

// New gives an engine for some formats.
func New(formats ...[]format.Format) *Engine {
	return &Engine{Formats: slices.Concat(formats...), Facts: map[string][]weir.Fact{}}
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

// Scan examines content as the engine does and gives the names of the formats that it is of.
func (e *Engine) Scan(name string, r io.ReaderAt, size int64) []string {
	return e.examine("", name, counter{r, &e.Read}, size)
}

func (e *Engine) examine(member, name string, r io.ReaderAt, size int64) []string {
	if e.count++; e.count > 10_000 || e.depth > 16 {
		return nil
	}
	e.depth++
	defer func() { e.depth-- }()
	h := format.Head{Name: name, Size: size, First: make([]byte, min(size, format.HeadSize)), Last: make([]byte, min(size, format.TailSize))}
	_, _ = r.ReadAt(h.First, 0)
	_, _ = r.ReadAt(h.Last, size-int64(len(h.Last)))
	var hits []format.Format
	for _, f := range e.Formats {
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
			if err := f.Parse(e.Input(member, r, size)); err != nil {
				e.Errs = append(e.Errs, member+": "+err.Error())
			}
		}
	}
	e.Members = append(e.Members, fmt.Sprintf("%s %v", member, names))
	return names
}

func join(member, name string) string {
	if member == "" {
		return name
	}
	return member + "!/" + name
}

// Input is what a parser of a member gets.
func (e *Engine) Input(member string, r io.ReaderAt, size int64) *format.Input {
	in := &format.Input{ReaderAt: r, Name: member, Size: size, Limits: weir.DefaultLimits(), Deep: e.Deep}
	in.Limits.Steps = 5_000_000
	in.Emit = func(f weir.Fact) { e.Facts[member] = append(e.Facts[member], f) }
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
		return e.Input(join(member, name), io.NewSectionReader(r, offset, n), n)
	}
	return in
}

// All gives the facts of one kind in all members, in the order of their names.
func All[F weir.Fact](e *Engine) []F {
	var names []string
	for n := range e.Facts {
		names = append(names, n)
	}
	sort.Strings(names)
	var list []F
	for _, n := range names {
		for _, f := range e.Facts[n] {
			if f, ok := f.(F); ok {
				list = append(list, f)
			}
		}
	}
	return list
}

// Lines renders all facts for golden files.
func (e *Engine) Lines() string {
	var names []string
	for n := range e.Facts {
		names = append(names, n)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, n := range names {
		for _, f := range e.Facts[n] {
			fmt.Fprintf(&b, "%s: %s %+v\n", n, weir.KindOf(f), f)
		}
	}
	for _, s := range e.Errs {
		fmt.Fprintf(&b, "error %s\n", s)
	}
	return b.String()
}

// Twice runs a parser two times over content and fails if the readings differ: whoever scans twice must get the same report.
func Twice(t testing.TB, b []byte, fresh func() *Engine, parse func(*format.Input) error) *Engine {
	t.Helper()
	run := func() *Engine {
		e := fresh()
		if err := parse(e.Input("", bytes.NewReader(b), int64(len(b)))); err != nil {
			e.Errs = append(e.Errs, err.Error())
		}
		return e
	}
	e := run()
	if one, two := e.Lines(), run().Lines(); one != two {
		t.Fatalf("two readings differ:\n%s\n%s", one, two)
	}
	return e
}
