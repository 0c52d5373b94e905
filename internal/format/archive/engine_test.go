package archive

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// engine is a small stand-in for internal/scan: it recurses into members, within bounds, and keeps what it was told.
type engine struct {
	limits   weir.Limits
	members  int
	expanded int64
	facts    []weir.Fact
	log      []string          // facts and members as lines, in order
	content  map[string][]byte // by nested name, outermost first
	fail     bool              // a member failed to parse
}

var allFormats = []format.Format{Zip, Tar, Gzip, Zlib, Bzip2, XZ, LZMA, Zstd, LZ4, SevenZip}

func newEngine() *engine {
	l := weir.DefaultLimits()
	l.Members, l.Expanded, l.Facts = 5_000, 64<<20, 20_000
	return &engine{limits: l, content: map[string][]byte{}}
}

func (e *engine) input(name string, r io.ReaderAt, size int64, depth int) *format.Input {
	in := &format.Input{ReaderAt: r, Name: name, Size: size, Limits: e.limits}
	in.Emit = func(f weir.Fact) {
		if len(e.facts) >= e.limits.Facts {
			return
		}
		e.facts = append(e.facts, f)
		e.log = append(e.log, fmt.Sprintf("%s %s %+v", name, weir.KindOf(f), f))
	}
	in.Nested = func(member string, r io.ReaderAt, size int64) (format.Summary, error) {
		return e.member(name+"!/"+member, r, size, depth+1)
	}
	in.Expand = func(member string, src io.Reader, packed int64) (format.Summary, error) {
		budget := min(e.limits.Expanded-e.expanded, max(16<<20, packed*e.limits.Ratio))
		b, err := io.ReadAll(io.LimitReader(src, budget))
		e.expanded += int64(len(b))
		if err == nil && int64(len(b)) == budget {
			if n, _ := src.Read(make([]byte, 1)); n > 0 || budget == 0 {
				err = fmt.Errorf("expanded: %w", format.ErrLimit)
			}
		}
		s, nerr := e.member(name+"!/"+member, bytes.NewReader(b), int64(len(b)), depth+1)
		if err == nil {
			err = nerr
		}
		return s, err
	}
	return in
}

func (e *engine) member(name string, r io.ReaderAt, size int64, depth int) (format.Summary, error) {
	s := format.Summary{Size: size, Complete: true}
	if e.members++; e.members > e.limits.Members || depth > e.limits.Depth {
		return s, fmt.Errorf("members: %w", format.ErrLimit)
	}
	b, err := io.ReadAll(io.NewSectionReader(r, 0, size))
	if err != nil || int64(len(b)) != size {
		return s, fmt.Errorf("member %q: %d of %d bytes: %w", name, len(b), size, errors.Join(err, io.ErrUnexpectedEOF))
	}
	e.content[name] = b
	e.log = append(e.log, fmt.Sprintf("member %s %d %x", name, size, sha256.Sum256(b)))
	head := headOf(name, b)
	for _, f := range allFormats {
		if f.Match(head) {
			s.Formats = append(s.Formats, f.Name)
			if err := f.Parse(e.input(name, r, size, depth)); err != nil {
				s.Complete, e.fail = false, true
				return s, err
			}
		}
	}
	return s, nil
}

func headOf(name string, b []byte) format.Head {
	return format.Head{
		Name: name, Size: int64(len(b)),
		First: b[:min(len(b), format.HeadSize)], Last: b[max(0, len(b)-format.TailSize):],
	}
}

// parse runs one format over content, whatever Match says.
func parse(f format.Format, b []byte) (*engine, error) {
	e := newEngine()
	err := f.Parse(e.input("f", bytes.NewReader(b), int64(len(b)), 0))
	return e, err
}

func (e *engine) oddities() []weir.Oddity {
	var out []weir.Oddity
	for _, f := range e.facts {
		if o, ok := f.(weir.Oddity); ok {
			out = append(out, o)
		}
	}
	return out
}

func (e *engine) membersSeen() []weir.Member {
	var out []weir.Member
	for _, f := range e.facts {
		if m, ok := f.(weir.Member); ok {
			out = append(out, m)
		}
	}
	return out
}

// has reports whether an oddity of that kind, with that text in its detail, was emitted.
func (e *engine) has(kind weir.OddityKind, text string) bool {
	for _, o := range e.oddities() {
		if o.Kind == kind && strings.Contains(o.Detail, text) {
			return true
		}
	}
	return false
}

// holds reports whether some member's content contains b.
func (e *engine) holds(b string) bool {
	for _, c := range e.content {
		if bytes.Contains(c, []byte(b)) {
			return true
		}
	}
	return false
}

// wants fails where an oddity or some content is missing; empty ones are not asked for.
func (e *engine) wants(t *testing.T, kind weir.OddityKind, text, holds string) {
	t.Helper()
	if kind != "" && !e.has(kind, text) {
		t.Errorf("no oddity %s %q", kind, text)
	}
	if holds != "" && !e.holds(holds) {
		t.Errorf("content %q did not reach the engine", holds)
	}
	if t.Failed() {
		t.Logf("%s", strings.Join(e.log, "\n"))
	}
}

// wantClean fails when an honest file gives an oddity or an error.
func wantClean(t *testing.T, e *engine, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("error: %v", err)
	}
	for _, o := range e.oddities() {
		t.Errorf("oddity in an honest file: %+v", o)
	}
}
