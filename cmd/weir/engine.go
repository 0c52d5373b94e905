package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"

	"weir"
	"weir/internal/catalog"
	"weir/internal/report"
	"weir/internal/sandbox"
	"weir/internal/scan"
	"weir/internal/source"
)

// engineConfig is what the scan command asks of the engine. This file is the one place where the two meet.
type engineConfig struct {
	targets []string
	named   int  // how many of them, from the first, the user named; the others are from a list
	nothing bool // an empty list was given: look at no file
	exclude []string
	stdin   io.Reader
	jobs    int
	limits  weir.Limits
	deep    bool
	digest  bool
	facts   bool
	inspect bool
	trace   io.Writer // nil: no trace
	isolate string
	trust   func(module, name string) bool

	resolve    func(context.Context, []weir.Requirement) ([]weir.Requirement, string, error)
	advise     func(weir.Requirement) weir.Advice
	advisories string        // their date
	old        *weir.Problem // they are older than the settings allow; said where packages were found
}

// runEngine sends what the targets hold to sink: findings, problems, artifacts and, when asked for, facts; then the end with its counts.
func runEngine(ctx context.Context, cfg engineConfig, sink weir.Sink) error {
	if cfg.nothing {
		return sink(weir.Event{End: &weir.End{}})
	}
	isolate, batch, done, err := isolation(cfg)
	if err != nil {
		return err
	}
	defer done()
	c := scan.Config{
		Catalog: engineCatalog(), Rules: catalog.Rules(), Trust: cfg.trust, Limits: cfg.limits, Jobs: cfg.jobs,
		Deep: cfg.deep, Digest: cfg.digest, Facts: cfg.facts, Inspect: cfg.inspect, Isolate: isolate, Batch: batch, Framework: frameworks(),
		Advise: cfg.advise, Resolve: cfg.resolve,
	}
	if cfg.trace != nil {
		c.Trace = tracer(cfg.trace)
	}
	files := source.Walk(ctx, cfg.targets, source.Options{Exclude: cfg.exclude, Named: cfg.named, Stdin: &interruptibleReader{ctx: ctx, r: cfg.stdin}})
	return scan.Run(ctx, files, c, sink)
}

// interruptibleReader lets an interrupt end the wait for standard input.
type interruptibleReader struct {
	ctx context.Context
	r   io.Reader
	buf []byte
	got chan readResult
}

type readResult struct {
	n   int
	err error
}

func (i *interruptibleReader) Read(p []byte) (int, error) {
	if i.buf == nil {
		i.buf, i.got = make([]byte, 64<<10), make(chan readResult, 1)
	}
	want := i.buf[:min(len(p), len(i.buf))]
	go func() {
		n, err := i.r.Read(want)
		i.got <- readResult{n, err}
	}()
	select {
	case r := <-i.got:
		return copy(p, want[:r.n]), r.err
	case <-i.ctx.Done():
		return 0, i.ctx.Err() // the read that is under way has a buffer of its own; nobody reads after this
	}
}

// workerArg makes this binary a worker; see serveWorker.
const workerArg = "worker"

// workerHeap makes a worker collect its garbage seldom while its heap is small and rather often than grow: with its parent it stays below
// 64 MiB. It is no bound on what the worker may hold; Limits.Memory is.
var workerHeap = []string{"GOGC=400", "GOMEMLIMIT=36MiB"}

// frugal is the same for this process, as far as its user has not decided otherwise.
func (a *app) frugal() {
	if a.getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if a.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(32 << 20)
	}
}

// isolation starts the workers, as far as the system can and the user wants.
func isolation(cfg engineConfig) (scan.Isolate, scan.Batch, func(), error) {
	if cfg.isolate == "off" {
		return nil, nil, func() {}, nil
	}
	require := cfg.isolate == "require"
	pool, err := sandbox.NewPool(sandbox.Config{
		Argv: []string{"weir", workerArg}, Env: workerHeap, Workers: cfg.jobs, Require: require,
		Limits: sandbox.Limits{Memory: cfg.limits.Memory, Spool: cfg.limits.Expanded},
	})
	switch {
	case err != nil && require:
		return nil, nil, nil, &failure{
			code: exitUsage, what: "files cannot be examined in a locked-down process here", err: err,
			hint: "--isolate=auto goes on with what the system can do.",
		}
	case errors.Is(err, sandbox.ErrUnsupported):
		slog.Warn("this system cannot lock down the process that reads the files; they are read in this one")
		return nil, nil, func() {}, nil
	case err != nil:
		slog.Warn(fmt.Sprintf("files are read in this process, without a sandbox of their own: %v", err))
		return nil, nil, func() {}, nil
	case !pool.Report().Complete():
		slog.Warn(fmt.Sprintf("the process that reads the files could only be locked down in part: %s", pool.Report()))
	}
	return scan.Isolated(pool), scan.Batched(pool), pool.Close, nil
}

func engineCatalog() scan.Catalog {
	return scan.Catalog{Formats: catalog.Formats(), Opaque: catalog.Opaque()}
}

// frameworks names the framework of each format.
func frameworks() func(string) string {
	m := map[string]string{}
	for _, f := range catalog.Formats() {
		m[f.Name] = f.Framework
	}
	return func(name string) string { return m[name] }
}

// tracer writes programs as they were read, each under the name of the file or member that holds it.
func tracer(w io.Writer) func(path, member string, at int64, line string) {
	last := ""
	return func(path, member string, at int64, line string) {
		name := report.Printable(path)
		if member != "" {
			name += "!/" + report.Printable(member)
		}
		if name != last {
			fmt.Fprintf(w, "# %s\n", name)
			last = name
		}
		fmt.Fprintf(w, "%8d  %s\n", at, report.Printable(line))
	}
}

// engineError is an error of the engine as a whole; what is wrong with one file is a problem in the report instead.
func engineError(err error) error {
	var f *failure
	if errors.As(err, &f) {
		return err
	}
	return internal(err)
}

// serveWorker is the life of a locked-down process in which files are parsed.
func serveWorker() error { return sandbox.Serve(scan.Serve(engineCatalog())) }
