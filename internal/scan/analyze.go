package scan

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"weir"
	"weir/internal/format"
)

// Spool is space for inflated content: one unlinked file in a worker.
type Spool interface {
	io.ReaderAt
	io.WriterAt
}

// Catalog is what an analysis recognises.
type Catalog struct {
	Formats []format.Format
	// Opaque examines content that no format matches: it searches for what could be hidden there. Its Match is not asked.
	Opaque *format.Format
}

// Bounds that no limit sets.
const (
	memoryExpand = 1 << 20  // what inflates to no more stays in memory
	bombFloor    = 16 << 20 // ratios are judged from here on
	maxUnits     = 200_000
	maxProblems  = 1000
	wholeUpTo    = 64 << 10 // smaller files are read once and kept
	copySize     = 256 << 10
	digestUpTo   = 1 << 20 // smaller files are always digested: their bytes are all read anyway
)

// Analyze examines one file: it recognises it, runs the parsers, recurses into members within the job's budgets, and says everything through
// out. It trusts nothing that it reads and runs in the worker when there is one. The returned error is out's; all other trouble is a
// ProblemRecord.
func Analyze(ctx context.Context, job Job, r io.ReaderAt, spool Spool, cat Catalog, out func(Record) error) error {
	a := &analysis{job: job, cat: cat, out: out, spool: spool}
	if job.Budget > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, job.Budget)
		defer cancel()
	}
	stop := context.AfterFunc(ctx, func() { a.over.Store(true) })
	defer stop()
	guarded := &guard{a, r}
	if small := a.whole(r); small != nil {
		guarded.r = small
	}
	a.examine("", job.Name, guarded, job.Size, 0)
	done := DoneRecord{}
	if job.Digest || job.Size <= digestUpTo {
		done.Digest = a.digest(guarded)
	}
	a.say(Record{Done: &done})
	return a.err
}

// analysis is the engine's state for one file.
type analysis struct {
	job      Job
	cat      Catalog
	out      func(Record) error
	err      error // of out
	over     atomic.Bool
	spool    Spool
	spoolAt  int64  // next free byte in the spool
	copied   []byte // what expand copies through; it copies all before it examines, so one is enough
	units    int
	members  int
	expanded int64
	problems int
	stopped  bool // a budget of the whole file is used up: say so once
}

// errTime ends reads once the file's time is over.
var errTime = fmt.Errorf("time for this file is over: %w", format.ErrLimit)

// guard makes reads fail when time is over.
type guard struct {
	a *analysis
	r io.ReaderAt
}

func (g *guard) ReadAt(p []byte, off int64) (int, error) {
	if g.a.over.Load() {
		return 0, errTime
	}
	return g.r.ReadAt(p, off)
}

// whole reads a small file at once, as its bytes are all looked at several times; nil when it is not small or could not be read.
func (a *analysis) whole(r io.ReaderAt) io.ReaderAt {
	if a.job.Size > wholeUpTo || a.job.Size <= 0 {
		return nil
	}
	b := make([]byte, a.job.Size)
	if n, _ := r.ReadAt(b, 0); n < len(b) {
		return nil // whoever reads next meets the same error and says so
	}
	return bytes.NewReader(b)
}

func (a *analysis) say(r Record) {
	if a.err == nil {
		a.err = a.out(r)
	}
}

func (a *analysis) problem(member, stage, reason string) {
	if a.problems++; a.problems > maxProblems {
		return
	}
	a.say(Record{Problem: &ProblemRecord{member, stage, reason}})
}

func (a *analysis) digest(r io.ReaderAt) string {
	h := sha256.New()
	buf := make([]byte, min(max(a.job.Size, 1), copySize))
	if n, err := io.CopyBuffer(h, struct{ io.Reader }{io.NewSectionReader(r, 0, a.job.Size)}, buf); err != nil || n != a.job.Size {
		return ""
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// match gives the formats of some content, without those that another one parses along.
func (a *analysis) match(h format.Head) []*format.Format {
	var hits []*format.Format
	for i := range a.cat.Formats {
		f := &a.cat.Formats[i]
		if f.Match != nil && f.Match(h) {
			hits = append(hits, f)
		}
	}
	return slices.DeleteFunc(slices.Clone(hits), func(f *format.Format) bool {
		return slices.ContainsFunc(hits, func(o *format.Format) bool { return slices.Contains(o.Supersedes, f.Name) })
	})
}

// head reads the two ends of some content; of short content the last bytes are among the first.
func head(name string, r io.ReaderAt, size int64) (format.Head, error) {
	h := format.Head{Name: name, Size: size, First: make([]byte, min(size, format.HeadSize))}
	err := fill(h.First, r, 0)
	if tail := min(size, format.TailSize); size <= format.HeadSize {
		h.Last = h.First[size-tail:]
	} else if err == nil {
		h.Last = make([]byte, tail)
		err = fill(h.Last, r, size-tail)
	}
	return h, err
}

// longer replaces the last bytes of a head by more of them.
func longer(h *format.Head, r io.ReaderAt) error {
	h.Last = make([]byte, min(h.Size, format.LongTail))
	return fill(h.Last, r, h.Size-int64(len(h.Last)))
}

// fill reads all of b, which must be there.
func fill(b []byte, r io.ReaderAt, at int64) error {
	n, err := r.ReadAt(b, at)
	switch {
	case n == len(b):
		return nil
	case err == nil || err == io.EOF:
		return errors.New("file ends early: it was changed while it was read")
	}
	return err
}

// examine recognises and parses one piece of content.
func (a *analysis) examine(member, name string, r io.ReaderAt, size int64, depth int) format.Summary {
	sum := format.Summary{Size: size, Complete: true}
	if a.err != nil {
		return sum
	}
	h, err := head(name, r, size)
	if err != nil {
		a.problem(member, "read", err.Error())
		sum.Complete = false
		return sum
	}
	h.Inside = a.job.Inside || depth > 0
	hits := a.match(h)
	if len(hits) == 0 && size > format.TailSize {
		if err := longer(&h, r); err != nil {
			a.problem(member, "read", err.Error())
			sum.Complete = false
			return sum
		}
		hits = a.match(h)
	}
	unit := UnitRecord{Member: member, Size: size}
	for _, f := range hits {
		unit.Formats = append(unit.Formats, f.Name)
	}
	sum.Formats = unit.Formats
	if a.units >= maxUnits {
		a.exhausted(member, "more than %d members", maxUnits)
		sum.Complete = false
		return sum
	}
	n := a.units
	a.units++
	a.say(Record{Unit: &unit})
	if len(hits) == 0 && a.cat.Opaque != nil && size > 0 {
		hits = append(hits, a.cat.Opaque)
	}
	if len(hits) > 1 {
		a.say(Record{Fact: &FactRecord{n, weir.Oddity{Kind: weir.OddAmbiguous, Detail: "is several formats at once: " + strings.Join(unit.Formats, ", ")}}})
	}
	for _, f := range hits {
		if f.Parse == nil {
			continue
		}
		in := a.input(n, member, name, r, size, depth, &sum)
		if err := safely(f, in); err != nil {
			sum.Complete = false
			a.parseProblem(member, err)
		}
	}
	return sum
}

func (a *analysis) parseProblem(member string, err error) {
	var p *panicked
	switch {
	case errors.As(err, &p):
		a.problem(member, "crash", err.Error())
	case errors.Is(err, format.ErrLimit):
		a.problem(member, "limit", err.Error())
	default:
		a.problem(member, "parse", err.Error())
	}
}

// panicked is a parser's panic: a bug of ours that must not end the scan.
type panicked struct{ text string }

func (p *panicked) Error() string { return p.text }

// safely runs a parser and turns a panic into an error that names the place in the code.
func safely(f *format.Format, in *format.Input) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{fmt.Sprintf("parser %s panicked: %v%s", f.Name, v, origin(debug.Stack()))}
		}
	}()
	return f.Parse(in)
}

// origin picks the first place of weir's own code below the panic from a stack.
func origin(stack []byte) string {
	_, rest, _ := bytes.Cut(stack, []byte("panic("))
	for l := range strings.Lines(string(rest)) {
		if i := strings.Index(l, "/internal/format/"); i >= 0 {
			place, _, _ := strings.Cut(l[i+1:], " ")
			return " at " + strings.TrimSpace(place)
		}
	}
	return ""
}

// input is what a parser of unit n may touch.
func (a *analysis) input(n int, member, name string, r io.ReaderAt, size int64, depth int, sum *format.Summary) *format.Input {
	facts, dropped := 0, false
	in := &format.Input{ReaderAt: r, Name: name, Size: size, Limits: a.job.Limits, Deep: a.job.Deep, Inspect: a.job.Inspect}
	in.Emit = func(f weir.Fact) {
		if facts++; facts > a.job.Limits.Facts {
			if !dropped {
				dropped = true
				sum.Complete = false
				a.problem(member, "limit", fmt.Sprintf("more than %d facts: the rest was not kept", a.job.Limits.Facts))
			}
			return
		}
		a.say(Record{Fact: &FactRecord{n, f}})
	}
	if a.job.Trace {
		in.Trace = func(at int64, line string) { a.say(Record{Trace: &TraceRecord{member, at, line}}) }
	}
	in.Nested = func(sub string, r io.ReaderAt, size int64) (format.Summary, error) {
		path := join(member, sub)
		if err := a.admit(path, depth); err != nil {
			sum.Complete = false
			return format.Summary{}, err
		}
		if _, ok := r.(*guard); !ok {
			r = &guard{a, r}
		}
		s := a.examine(path, sub, r, size, depth+1)
		sum.Complete = sum.Complete && s.Complete
		return s, a.err
	}
	in.Expand = func(sub string, src io.Reader, packed int64) (format.Summary, error) {
		path := join(member, sub)
		if err := a.admit(path, depth); err != nil {
			sum.Complete = false
			return format.Summary{}, err
		}
		s, err := a.expand(n, path, sub, src, packed, depth)
		sum.Complete = sum.Complete && s.Complete && err == nil
		return s, err
	}
	return in
}

// admit counts a member against the budgets of the file.
func (a *analysis) admit(path string, depth int) error {
	if a.over.Load() {
		a.exhausted(path, "%v", errTime)
		return errTime
	}
	if depth+1 > a.job.Limits.Depth {
		a.problem(path, "limit", fmt.Sprintf("more than %d containers within each other", a.job.Limits.Depth))
		return fmt.Errorf("depth: %w", format.ErrLimit)
	}
	if a.members++; a.members > a.job.Limits.Members {
		a.exhausted(path, "more than %d members", a.job.Limits.Members)
		return fmt.Errorf("members: %w", format.ErrLimit)
	}
	return a.err
}

// exhausted says once that a budget of the whole file is used up.
func (a *analysis) exhausted(member, reason string, args ...any) {
	if !a.stopped {
		a.stopped = true
		a.problem(member, "limit", fmt.Sprintf(reason, args...))
	}
}

// expand inflates content under the budget and examines what came out, even when it was cut off.
func (a *analysis) expand(unit int, path, name string, src io.Reader, packed int64, depth int) (format.Summary, error) {
	free := a.spoolAt
	defer func() { a.spoolAt = free }()
	w := &spooler{a: a, base: free, packed: packed}
	if want := min(copySize, max(packed, 8<<10)); int64(len(a.copied)) < want {
		a.copied = make([]byte, want)
	}
	n, err := io.CopyBuffer(w, struct{ io.Reader }{src}, a.copied) // a WriterTo would choose a size of its own
	if w.limit != nil {
		if !errors.Is(w.limit, errTime) && !errors.Is(w.limit, errRoom) { // which say nothing about the file
			a.say(Record{Fact: &FactRecord{unit, weir.Oddity{Kind: weir.OddBomb, Detail: fmt.Sprintf("%s: %v", name, w.limit), Size: n}}})
		}
		a.problem(path, "limit", w.limit.Error())
		err = w.limit
	}
	var s format.Summary
	if n > 0 {
		a.spoolAt = w.base + w.n
		s = a.examine(path, name, &guard{a, w.reader()}, n, depth+1)
	} else {
		s = format.Summary{Complete: true}
	}
	s.Size = n
	if err != nil {
		s.Complete = false
	}
	if a.err != nil {
		err = a.err
	}
	return s, err
}

// spooler keeps what is inflated: the first part in memory, all of it in the spool once it is more.
type spooler struct {
	a      *analysis
	mem    []byte
	base   int64 // where it begins in the spool
	n      int64 // bytes in the spool
	packed int64
	limit  error
}

func (w *spooler) size() int64 {
	if w.n > 0 {
		return w.n
	}
	return int64(len(w.mem))
}

func (w *spooler) Write(p []byte) (int, error) {
	lim := w.a.job.Limits
	total := w.size() + int64(len(p))
	switch {
	case w.a.over.Load():
		w.limit = errTime
	case w.a.expanded+int64(len(p)) > lim.Expanded:
		w.limit = fmt.Errorf("inflates to more than %d bytes: %w", lim.Expanded, format.ErrLimit)
	case total > bombFloor && total > lim.Ratio*max(w.packed, 1):
		w.limit = fmt.Errorf("inflates to more than %d times its size: %w", lim.Ratio, format.ErrLimit)
	case total > memoryExpand && w.a.spool == nil:
		w.limit = fmt.Errorf("inflates to more than %d bytes: %w", memoryExpand, errRoom)
	}
	if w.limit != nil {
		return 0, w.limit
	}
	w.a.expanded += int64(len(p))
	if w.n == 0 && total <= memoryExpand {
		w.mem = append(w.mem, p...)
		return len(p), nil
	}
	if w.n == 0 && len(w.mem) > 0 {
		if _, err := w.a.spool.WriteAt(w.mem, w.base); err != nil {
			return 0, w.full(err)
		}
		w.n, w.mem = int64(len(w.mem)), nil
	}
	if _, err := w.a.spool.WriteAt(p, w.base+w.n); err != nil {
		return 0, w.full(err)
	}
	w.n += int64(len(p))
	return len(p), nil
}

// errRoom is the limit of the machine, not of the file: there is no place for what is unpacked.
var errRoom = fmt.Errorf("no room for what is unpacked in the folder for temporary files (TMPDIR names another): %w", format.ErrLimit)

// full makes an error of the spool (its size limit, a full disk) a reached limit; the name of its file says nothing to anybody.
func (w *spooler) full(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err
	}
	w.limit = fmt.Errorf("%w: %w", errRoom, err)
	return w.limit
}

func (w *spooler) reader() io.ReaderAt {
	if w.n == 0 {
		return bytes.NewReader(w.mem)
	}
	return io.NewSectionReader(w.a.spool, w.base, w.n)
}

// join names a nested member.
func join(outer, name string) string {
	name = strings.ToValidUTF8(name, "\ufffd")
	if outer == "" {
		return name
	}
	return outer + "!/" + name
}
