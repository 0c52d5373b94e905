package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"weir"
	"weir/internal/policy"
	"weir/internal/report"
)

func newReport(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "report FILE.jsonl",
		Short:   "Write a stored scan in another format",
		GroupID: "work",
		Long: `Report reads the stream of a former scan (weir scan --format jsonl; - is standard input) and writes it in any
other format, as the scan itself would have written it. Nothing is looked at again. It ends with the exit
code of that scan, so that a pipeline can scan once, publish in several formats and then fail.

A stream that was cut off gives a report that is marked incomplete.

Formats (--format, and --output FORMAT=FILE):
` + outputHelp(),
		Example: `  weir scan models --format jsonl --output scan.jsonl
  weir report scan.jsonl --format sarif --output weir.sarif
  weir report scan.jsonl --output junit=weir.xml --output html=weir.html`,
		Args: exactly("a FILE.jsonl"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.report(cmd, args[0]) },
	}
	addOptions(cmd.Flags(), "format", "output", "quiet")
	_ = cmd.RegisterFlagCompletionFunc("format", complete(report.Names()...))
	return cmd
}

func (a *app) report(cmd *cobra.Command, name string) error {
	s, err := loadSettings(a, cmd)
	if err != nil {
		return err
	}
	out, err := parseOutputs(s.text("format"), s.list("output"))
	if err != nil {
		return err
	}
	var in io.Reader = a.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return cannotRead("stream", name, err)
		}
		defer f.Close()
		in = f
	}
	if err := out.open(); err != nil {
		return err
	}
	defer out.discard()
	stdout := &pipeWriter{w: a.stdout, late: true}
	sink := out.sink(stdout, a.textOptions(s.flag("quiet")), report.Options{Rule: ruleDocs()})
	sum, err := replay(name, in, sink)
	if err != nil {
		return err
	}
	if err := cmp.Or(stdout.err, out.commit()); err != nil {
		return err
	}
	if sum.ExitCode != exitOK {
		return exit(sum.ExitCode)
	}
	return nil
}

// replay sends a stored stream to sink and gives its summary; a stream that was cut off gets the end that it lacks.
func replay(name string, in io.Reader, sink weir.Sink) (sum weir.Summary, err error) {
	counted := weir.Summary{}
	worst := weir.SeverityNone
	var sinkErr error
	err = report.Replay(in, func(e weir.Event) error {
		switch {
		case e.Finding != nil && e.Finding.Waived == nil:
			worst = max(worst, e.Finding.Severity)
			policy.Count(&counted, e.Finding.Severity)
		case e.Finding != nil:
			counted.Waived++
		case e.Artifact != nil && e.Artifact.Member == "":
			counted.Files++
			counted.Bytes += e.Artifact.Size
		case e.End != nil:
			sum = e.End.Summary
		}
		sinkErr = sink(e)
		return sinkErr
	})
	switch {
	case sinkErr != nil:
		return sum, outputError(sinkErr)
	case err == nil:
		return sum, nil
	case !errors.Is(err, report.ErrCut):
		return sum, cannotRead("stream", name, err)
	}
	counted.Outcome, counted.ExitCode = policy.Outcome(worst, weir.SeverityHigh, false)
	for _, e := range []weir.Event{
		{Problem: &weir.Problem{Path: name, Stage: "read", Reason: fmt.Sprintf("%v; what came after is not known", err)}},
		{End: &weir.End{Summary: counted}},
	} {
		if err := sink(e); err != nil {
			return counted, outputError(err)
		}
	}
	return counted, nil
}
