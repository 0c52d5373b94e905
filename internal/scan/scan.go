// Package scan is the engine: it walks, identifies, recurses, isolates, applies rules and emits events in order; it takes Advise
// (advisories) and Isolate (jail) as functions.
//
// Start with [Run]. [Analyze] is the part that runs in a worker; DESIGN.md tells how the two fit together.
package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"
	"sync"
	"time"

	"weir"
	"weir/internal/format"
	"weir/internal/pyname"
	"weir/internal/rule"
	"weir/internal/source"
)

// Isolate runs one analysis in another process and hands its records on. An error says that the process did not come to the end of it
// (crash, time, kill); records that came before stand.
type Isolate func(ctx context.Context, job Job, f *os.File, out func(Record) error) error

// Config says how to scan.
type Config struct {
	Catalog Catalog
	Rules   []rule.Rule
	Names   *pyname.Index                  // nil: the index that weir ships
	Trust   func(module, name string) bool // nil: nothing is trusted
	Limits  weir.Limits
	Jobs    int  // files at once; 0: one per processor
	Deep    bool // read and check raw tensor data too
	Digest  bool // digest every file
	Facts   bool // send facts as events
	Inspect bool // have parsers describe what is there, and send each member's artifact too
	// Advise asks the advisory database; nil: there is none, and requirements are listed without being judged.
	Advise func(weir.Requirement) weir.Advice
	// Resolve asks a package index what the requirements of a manifest come to, and names the index; nil: nobody is asked.
	Resolve func(ctx context.Context, direct []weir.Requirement) (closure []weir.Requirement, index string, err error)
	Isolate Isolate
	Batch   Batch // the same for small files, several at a time; nil: each goes alone
	// Trace receives the program of every pickle as Python-like source, in order; nil: not wanted.
	Trace func(path, member string, at int64, line string)
	// Framework names the framework of a format for reports; nil: unknown.
	Framework func(format string) string
	ctx       context.Context // of the run
}

// Run examines files and sends what it learns to sink, file by file in the order in which they come: facts (if wanted), findings, problems,
// then the artifact. It returns sink's error, or the context's when it was cancelled; then every file that was sent is complete and the
// others were not looked at.
func Run(ctx context.Context, files iter.Seq2[source.File, error], cfg Config, sink weir.Sink) error {
	if cfg.Names == nil {
		cfg.Names = pyname.Default()
	}
	if cfg.Trust == nil {
		cfg.Trust = func(string, string) bool { return false }
	}
	if cfg.Framework == nil {
		cfg.Framework = func(string) string { return "" }
	}
	if cfg.Jobs <= 0 {
		cfg.Jobs = runtime.GOMAXPROCS(0)
	}
	cfg.ctx = ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// Each group of files, mostly of one, is a slot; slots are filled concurrently and emptied in order, so that reports never depend on timing.
	slots := make(chan chan []*result, 4*cfg.Jobs)
	var wg sync.WaitGroup
	go func() {
		defer close(slots)
		defer wg.Wait()
		room := make(chan struct{}, cfg.Jobs)
		for group := range groups(files, cfg.Batch != nil, cfg.Catalog.below()) {
			slot := make(chan []*result, 1)
			select {
			case slots <- slot:
			case <-ctx.Done():
				return
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				slot <- nil
				return
			}
			wg.Go(func() {
				defer func() { <-room }()
				slot <- several(ctx, group, &cfg)
			})
		}
	}()
	tree := folders{cfg: &cfg, sink: sink, claims: map[*source.Dir]*format.Format{}, loose: project{cfg: &cfg}}
	sum, err := drain(ctx, slots, &tree)
	cause := ctx.Err()
	cancel()
	for range slots { //nolint:revive // drained so that the producer ends
	}
	if err != nil {
		return err
	}
	if err := tree.end(cause == nil); cause != nil || err != nil {
		return cmp.Or(cause, err)
	}
	return sink(weir.Event{End: &weir.End{Summary: sum}})
}

// drain sends the results of the slots in order, up to the first that was not examined because the context ended.
func drain(ctx context.Context, slots <-chan chan []*result, tree *folders) (sum weir.Summary, err error) {
	for slot := range slots {
		group := <-slot
		for _, r := range group {
			if ctx.Err() != nil && r.cut {
				return sum, nil
			}
			if r.file.Skipped {
				sum.Skipped++
			}
			if err := tree.take(r); err != nil {
				return sum, err
			}
		}
		if group == nil {
			return sum, nil
		}
	}
	return sum, nil
}

// groups puts neighbouring small files together, as far as they fit into a batch; those inside a claimed folder and others go apart.
func groups(files iter.Seq2[source.File, error], together bool, inside func(*source.Dir) bool) iter.Seq[[]slot] {
	return func(yield func([]slot) bool) {
		var group []slot
		var bytes int64
		for f, err := range files {
			s := slot{f, err, inside(f.Dir)}
			if !together || !s.small() || len(group) == batchFiles || bytes+f.Size > batchBytes || len(group) > 0 && group[0].inside != s.inside {
				if len(group) > 0 && !yield(group) {
					return
				}
				group, bytes = nil, 0
			}
			group, bytes = append(group, s), bytes+f.Size
			if !together || !s.small() {
				if !yield(group) {
					return
				}
				group, bytes = nil, 0
			}
		}
		if len(group) > 0 {
			yield(group)
		}
	}
}

// result is all that is known of one file before it is sent.
type result struct {
	file     source.File
	err      error // it could not be looked at
	cut      bool  // cancelled while it was examined
	units    []rule.Unit
	sizes    []int64
	problems []ProblemRecord
	traces   []TraceRecord
	digest   string
	done     bool
	tree     []weir.Finding // of the rules over the folder or the project in which it lies
	joined   bool           // its manifests were taken into a project
	packages []weir.Package // that they name
	artifact weir.Artifact  // once it was sent
	worst    weir.Severity  // of what was found in it, once it was sent
}

// one opens and examines a file.
func one(ctx context.Context, s slot, cfg *Config) *result {
	r := &result{file: s.file}
	h, err := s.file.Open()
	if err != nil {
		r.err = err
		return r
	}
	defer h.Close()
	before, err := h.Stat()
	if err != nil {
		r.err = err
		return r
	}
	r.file.Size = before.Size()
	job := cfg.job(s, before.Size())
	if cfg.Isolate != nil {
		err = cfg.Isolate(ctx, job, h, r.add)
	} else {
		err = inProcess(ctx, job, h, cfg.Catalog, r.add)
	}
	switch {
	case ctx.Err() != nil:
		r.cut = true
	case err != nil:
		r.problems = append(r.problems, ProblemRecord{Stage: "crash", Reason: err.Error()})
	case !r.done:
		r.problems = append(r.problems, ProblemRecord{Stage: "crash", Reason: "the analysis ended without saying so"})
	}
	if after, err := h.Stat(); err == nil && (after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime())) {
		r.problems = append(r.problems, ProblemRecord{Stage: "read", Reason: "the file was changed while it was read: scan it again"})
	}
	return r
}

// inProcess runs an analysis without isolation; inflated content goes to an unlinked file.
func inProcess(ctx context.Context, job Job, h io.ReaderAt, cat Catalog, out func(Record) error) error {
	sp := &lazySpool{}
	defer sp.close()
	return Analyze(ctx, job, h, sp, cat, out)
}

// lazySpool makes its file when it is first written.
type lazySpool struct{ f *os.File }

func (s *lazySpool) WriteAt(p []byte, off int64) (int, error) {
	if s.f == nil {
		f, err := os.CreateTemp("", "weir-spool-")
		if err != nil {
			return 0, err
		}
		os.Remove(f.Name()) // where an open file cannot be removed, close does it
		s.f = f
	}
	return s.f.WriteAt(p, off)
}

func (s *lazySpool) ReadAt(p []byte, off int64) (int, error) {
	if s.f == nil {
		return 0, io.EOF
	}
	return s.f.ReadAt(p, off)
}

func (s *lazySpool) close() {
	if s.f != nil {
		s.f.Close()
		os.Remove(s.f.Name())
	}
}

var errUnit = errors.New("record for a unit that was not opened")

// Bounds on what a worker may make its parent hold.
const (
	maxHeldFacts  = 500_000
	maxHeldTraces = 2_000_000
)

// add takes one record. Whatever it says, it only becomes data: a worker that was taken over can say wrong things of its own file and
// nothing else.
func (r *result) add(rec Record) error {
	switch {
	case rec.Unit != nil:
		if len(r.units) >= maxUnits {
			return fmt.Errorf("more than %d members", maxUnits)
		}
		r.units = append(r.units, rule.Unit{Member: rec.Unit.Member, Formats: rec.Unit.Formats})
		r.sizes = append(r.sizes, rec.Unit.Size)
	case rec.Fact != nil:
		if rec.Fact.Unit < 0 || rec.Fact.Unit >= len(r.units) {
			return errUnit
		}
		u := &r.units[rec.Fact.Unit]
		if len(u.Facts) >= maxHeldFacts {
			return fmt.Errorf("more than %d facts", maxHeldFacts)
		}
		u.Facts = append(u.Facts, rec.Fact.Fact)
	case rec.Problem != nil:
		if len(r.problems) <= maxProblems {
			r.problems = append(r.problems, *rec.Problem)
		}
	case rec.Trace != nil:
		if len(r.traces) < maxHeldTraces {
			r.traces = append(r.traces, *rec.Trace)
		}
	case rec.Done != nil:
		r.done = true
		r.digest = rec.Done.Digest
	}
	return nil
}

// send turns what is known of a file into events.
func (r *result) send(cfg *Config, sink weir.Sink) error {
	path := r.file.Path
	if r.err != nil {
		stage := "open"
		if errors.Is(r.err, source.ErrMissing) {
			stage = weir.StageTarget
		}
		return sink(weir.Event{Problem: &weir.Problem{Path: path, Stage: stage, Reason: r.err.Error()}})
	}
	if r.file.Skipped {
		return nil
	}
	a := weir.Artifact{Path: path, Size: r.file.Size, Digest: r.digest, Coverage: weir.CoverageComplete}
	for i := range r.units {
		u := &r.units[i]
		for _, name := range u.Formats {
			f := cfg.Catalog.format(name)
			if f == nil {
				continue
			}
			u.Model = u.Model || f.Model
			if a.Format == "" || i > 0 && a.Framework == "" && f.Model && !cfg.Catalog.model(a.Format) {
				// a plain container is named by what it holds: the first model in it
				a.Format, a.Framework = f.Name, f.Framework
			}
			if !f.Parsed && a.Coverage == weir.CoverageComplete {
				a.Coverage = weir.CoverageRecognised
			}
		}
	}
	if len(r.problems) > 0 {
		a.Coverage = weir.CoveragePartial
	}
	for _, t := range r.traces {
		cfg.Trace(path, t.Member, t.At, t.Line)
	}
	if cfg.Facts {
		for _, u := range r.units {
			for _, f := range u.Facts {
				if imp, ok := f.(weir.Import); ok && imp.Evidence == "" {
					imp.Evidence = imp.Python(int64(len(imp.Args)))
					f = imp
				}
				if err := sink(weir.Event{Fact: &weir.FactAt{Path: path, Member: u.Member, Fact: f}}); err != nil {
					return err
				}
			}
		}
	}
	if cfg.Inspect {
		if err := r.members(cfg, sink); err != nil {
			return err
		}
	}
	if err := r.judge(cfg, &a, sink); err != nil {
		return err
	}
	for _, p := range r.problems {
		if err := sink(weir.Event{Problem: &weir.Problem{Path: path, Member: p.Member, Stage: p.Stage, Reason: p.Reason}}); err != nil {
			return err
		}
	}
	r.artifact = a
	return sink(weir.Event{Artifact: &a})
}

// members sends an artifact for every member, with what it was recognised as.
func (r *result) members(cfg *Config, sink weir.Sink) error {
	for i, u := range r.units[min(1, len(r.units)):] {
		a := weir.Artifact{Path: r.file.Path, Member: u.Member, Size: r.sizes[i+1]}
		if len(u.Formats) > 0 {
			a.Format = u.Formats[0]
			a.Framework = cfg.Framework(a.Format)
		}
		if err := sink(weir.Event{Artifact: &a}); err != nil {
			return err
		}
	}
	return nil
}

// judge applies the rules of file and container scope, then those over the model folders that the file holds or lies in. An archive that
// holds such a folder is named by it.
func (r *result) judge(cfg *Config, a *weir.Artifact, sink weir.Sink) error {
	var err error
	report := func(f weir.Finding) {
		if !f.Outside() {
			r.worst = max(r.worst, f.Severity)
		}
		if err == nil {
			err = sink(weir.Event{Finding: &f})
		}
	}
	r.packed(cfg, a)
	if !r.joined {
		own := project{cfg: cfg, path: a.Path}
		own.add(r)
		own.judge()
	}
	for i := range r.packages {
		if err := sink(weir.Event{Package: &r.packages[i]}); err != nil {
			return err
		}
	}
	p := rule.Pass{File: *a, Units: r.units, Names: cfg.Names, Trust: cfg.Trust, Report: report}
	rule.Apply(cfg.Rules, rule.ScopeFile, p)
	rule.Apply(cfg.Rules, rule.ScopeContainer, p)
	for _, f := range r.tree {
		report(f)
	}
	return err
}

func (c *Catalog) format(name string) *format.Format {
	for i := range c.Formats {
		if f := &c.Formats[i]; f.Name == name {
			return f
		}
	}
	return nil
}

func (c *Catalog) model(name string) bool {
	f := c.format(name)
	return f != nil && f.Model
}

// grace is how long after its budget a worker may take to say that its time is over.
const grace = 5 * time.Second
