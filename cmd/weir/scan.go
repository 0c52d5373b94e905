package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"weir"
	"weir/internal/policy"
	"weir/internal/report"
	"weir/internal/source"
)

func newScan(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "scan [TARGET...]",
		Short:   "Look at models and say which of them would run code",
		GroupID: "work",
		Long: `Scan looks at files and folders (the working directory when none is named; - is standard input), recognises
models by their content, never by their name, and reports what would happen if they were loaded. Archives
are looked into, to any depth that --max-depth allows. Nothing of what is examined is executed.

Each file gets a verdict, the worst that holds: malicious (a critical finding in a model), suspicious (a high
one), incomplete (not everything could be examined), unverified (a person must look), clean (every byte was
accounted for and nothing in it can run code). Files that are not models but have findings are vulnerable.

Report formats (--format, and --output FORMAT=FILE):
` + outputHelp() + `

Settings come from flags, WEIR_* variables (WEIR_FAIL_ON=medium), weir.yaml in this or a parent folder, and
defaults, in this order. Only weir.yaml has the list of accepted findings (ignore) and of allowed imports
(trust); see weir help config.

Exit codes: 0 nothing at or above --fail-on; 1 something is; 2 wrong use or configuration, a target that is
not there included (the others are scanned all the same); 3 not everything could be examined, and nothing
worse was found; 4 internal error. 1 wins over 2 and 3, and 2 over 3. An interrupt (Ctrl-C) ends the scan with a
valid report that is marked incomplete; a second one ends it at once.`,
		Example: `  weir scan models                                     a folder, for a person
  weir scan model.pt --trace                           what loading it would do, line by line
  curl -s https://example.org/m.pkl | weir scan -      without a file
  weir scan . --output sarif=weir.sarif                a further report, for code scanning
  weir scan . --format json --output report.json       the report to a file instead
  weir scan . --baseline report.json                   only what is new fails
  git diff --name-only --diff-filter=d main | weir scan --files-from -    only what changed
  weir scan . --fail-on critical --exclude 'old/**'`,
		RunE: func(cmd *cobra.Command, args []string) error { return a.scan(cmd, args) },
	}
	f := cmd.Flags()
	addOptions(f)
	f.Bool("trace", false, "print every pickle as a Python-like program, with offsets, before its verdict")
	f.Bool("facts", false, "put everything that was seen into json and jsonl reports, not only what it means")
	f.String("files-from", "", "read more targets from `FILE`, one a line, or ended by NUL; - is standard input")
	for _, o := range options() {
		if o.kind == kindWord && o.flag != "" {
			_ = cmd.RegisterFlagCompletionFunc(o.flag, complete(o.words...))
		}
	}
	return cmd
}

func (a *app) scan(cmd *cobra.Command, targets []string) error {
	s, err := loadSettings(a, cmd)
	if err != nil {
		return err
	}
	quiet := s.flag("quiet")
	if quiet {
		slog.SetDefault(slog.New(&handler{w: a.stderr, level: slog.LevelError}))
	}
	if s.file != "" && !quiet && terminal(a.stderr) > 0 {
		fmt.Fprintf(a.stderr, "weir: obeying %s (%d waivers, %d trusted imports, fail-on %s)\n",
			report.Printable(s.file), len(s.waivers), len(s.list("trust")), s.text("fail-on"))
	}
	cfg, err := a.engineConfig(cmd, s, targets)
	if err != nil {
		return err
	}
	db, err := a.openAdvisories(s)
	if err != nil {
		return err
	}
	defer db.Close()
	if cfg.resolve, err = a.resolver(s); err != nil {
		return err
	}
	cfg.advise, cfg.advisories, cfg.old = a.advise(s, db), db.Date().UTC().Format(time.RFC3339), a.tooOld(s, db)
	out, err := parseOutputs(s.text("format"), s.list("output"))
	if err != nil {
		return err
	}
	pol, err := a.policy(s)
	if err != nil {
		return err
	}
	if err := out.open(); err != nil {
		return err
	}
	defer out.discard()

	p := startProgress(a.stderr, quiet)
	defer p.end()
	stdout := &pipeWriter{w: p.above(a.stdout), late: true}
	if trace, _ := cmd.Flags().GetBool("trace"); trace {
		cfg.trace = p.above(a.stderr)
		if out.stdout != nil && out.stdout.Name == "text" {
			cfg.trace = stdout
		}
	}
	var tally report.Tally
	sink := report.Tee(func(e weir.Event) error { tally.Count(e); return nil }, out.sink(stdout, a.textOptions(quiet), report.Options{Rule: ruleDocs()}))
	judge, err := policy.New(pol, sink)
	if err != nil {
		return misconfigured(s.file, err)
	}
	if err := a.stream(cfg, judge, p); err != nil {
		return err
	}
	p.clear()
	if err := db.Err(); err != nil {
		return &failure{code: exitInternal, what: "the advisories are damaged", err: err}
	}
	if err := cmp.Or(stdout.err, out.commit()); err != nil {
		return err
	}
	if !quiet && !a.summaryShown(out, stdout) {
		fmt.Fprintf(a.stderr, "weir: %s\n", tally.Line())
	}
	if code := judge.Summary().ExitCode; code != exitOK {
		return exit(code)
	}
	return nil
}

// summaryShown reports whether a person has already read the closing line in the text report.
func (a *app) summaryShown(out *outputs, stdout *pipeWriter) bool {
	return out.stdout != nil && out.stdout.Name == "text" && !stdout.closed && (terminal(a.stdout) > 0 || terminal(a.stderr) == 0)
}

func (a *app) textOptions(quiet bool) report.Options {
	return report.Options{Width: terminal(a.stdout), Color: a.colors(a.stdout), Brief: quiet, Rule: ruleDocs()}
}

// policy is what the settings say about findings.
func (a *app) policy(s *settings) (policy.Config, error) {
	cfg := policy.Config{
		FailOn: s.severity("fail-on"), Show: s.severity("severity"), Waivers: s.waivers, Prefix: s.prefix,
		Today: policy.Date(a.today().Format(time.DateOnly)), Model: modelFormats(),
	}
	if s.flag("require-closure") {
		cfg.Demand = append(cfg.Demand, "dependency/closure-unknown")
	}
	for _, name := range s.list("vex") {
		v, err := readVEX(name)
		if err != nil {
			return cfg, cannotRead("VEX document", name, err)
		}
		cfg.VEX = append(cfg.VEX, v...)
	}
	name := s.text("baseline")
	if name == "" {
		return cfg, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return cfg, cannotRead("baseline", name, err)
	}
	defer f.Close()
	if cfg.Baseline, err = policy.ReadBaseline(f); err != nil {
		return cfg, cannotRead("baseline", name, err)
	}
	return cfg, nil
}

func readVEX(name string) (policy.VEX, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return policy.ReadVEX(f, name)
}

func (a *app) engineConfig(cmd *cobra.Command, s *settings, targets []string) (engineConfig, error) {
	if slices.Contains(targets, "") {
		return engineConfig{}, usage("Most likely a variable was not set; . is the working directory.", "a target is empty")
	}
	trust, err := policy.NewTrust(s.list("trust"))
	if err != nil {
		return engineConfig{}, misconfigured(s.origin["trust"], err)
	}
	cfg := engineConfig{
		targets: targets, named: len(targets), exclude: s.list("exclude"), stdin: a.stdin, jobs: s.jobs(), limits: s.limits(),
		deep: s.flag("deep"), digest: s.flag("digest"), isolate: s.text("isolate"), trust: trust.Allows,
	}
	for _, p := range cfg.exclude {
		if err := source.CheckPattern(p); err != nil {
			return cfg, misconfigured(s.origin["exclude"], err)
		}
	}
	cfg.facts, _ = cmd.Flags().GetBool("facts")
	from, _ := cmd.Flags().GetString("files-from")
	if from != "" {
		more, err := a.filesFrom(from)
		if err != nil {
			return cfg, err
		}
		for _, t := range targets {
			if t == "-" && from == "-" {
				return cfg, usage("", "standard input cannot be both the list of targets and one of them")
			}
		}
		cfg.targets = append(cfg.targets, more...)
		if len(cfg.targets) == 0 {
			cfg.nothing = true // an empty list means no file, not the working directory
			return cfg, nil
		}
	}
	if len(cfg.targets) == 0 {
		cfg.targets = []string{"."}
	}
	return cfg, nil
}

// stream runs the engine between a start and an end, and ends the report properly when the user interrupts.
func (a *app) stream(cfg engineConfig, judge *policy.Judge, p *progress) error {
	ctx, stop := a.interruptible()
	defer stop()
	began := time.Now()
	start := &weir.Start{Schema: weir.Schema, Tool: tool(), Targets: append([]string{}, cfg.targets...), Time: a.today()}
	start.Tool.Advisories = cfg.advisories
	if err := judge.Sink(weir.Event{Start: start}); err != nil {
		return outputError(err)
	}
	var sinkErr error
	packages := false
	sink := func(e weir.Event) error {
		p.count(e)
		if e.Problem != nil && e.Problem.Stage == weir.StageTarget {
			fail(p.above(a.stderr), missing(e.Problem.Path, e.Problem.Reason))
		}
		packages = packages || e.Package != nil
		if e.End != nil && packages && cfg.old != nil {
			if sinkErr = judge.Sink(weir.Event{Problem: cfg.old}); sinkErr != nil {
				return sinkErr
			}
		}
		if e.End != nil {
			e.End = &weir.End{Summary: e.End.Summary}
			e.End.Summary.Seconds = time.Since(began).Seconds()
		}
		sinkErr = judge.Sink(e)
		return sinkErr
	}
	err := runEngine(ctx, cfg, sink)
	switch {
	case sinkErr != nil:
		return outputError(sinkErr)
	case err == nil:
		return nil
	case ctx.Err() == nil:
		return engineError(err)
	}
	for _, e := range []weir.Event{
		{Problem: &weir.Problem{Path: first(cfg.targets), Stage: "walk", Reason: "interrupted: the files that would have followed were not looked at"}},
		{End: &weir.End{}},
	} {
		if err := sink(e); err != nil {
			return outputError(err)
		}
	}
	return nil
}

func first(targets []string) string {
	if len(targets) == 0 {
		return "."
	}
	return targets[0]
}

// interruptible gives a context that the first interrupt ends; after it the system's default holds again, so that a second one kills.
func (a *app) interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals)
			fmt.Fprintln(a.stderr, "weir: interrupted; ending the report (once more to stop at once)")
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

// outputError is an error of a report on its way out.
func outputError(err error) error {
	var f *failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	return cannotWrite("report", err)
}
