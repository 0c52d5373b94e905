package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"weir"
	"weir/internal/policy"
	"weir/internal/report"
)

func newInspect(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "inspect FILE...",
		Short:   "Show what is in a model, without loading it",
		GroupID: "work",
		Long: `Inspect shows what files hold: format, framework and version, tensors with their names, shapes and sizes,
the members of archives, the objects that loading would look up, code and requirements that come along,
and what the file says of who made it when and under which licence. It reads as weir scan does and runs
nothing; the verdict of the scan stands beside it. Folders are looked through.

With --map it also draws which bytes of the file are what: each part of it in its place, and in red what
no part of the format accounts for. The picture is an SVG without scripts.

Exit codes: 0 all was read; 2 wrong use; 3 something could not be read in full. A verdict changes nothing
here: weir scan is what pipelines ask.`,
		Example: `  weir inspect model.pt
  weir inspect model.pt --all | grep attention
  weir inspect model.pt --format json | jq '.files[0].tensors | length'
  weir inspect model.zip --map model.svg`,
	}
	format := listFormat(cmd)
	f := cmd.Flags()
	f.Bool("all", false, "show long lists to their end")
	f.String("map", "", "draw the bytes of the one file that is inspected to `FILE` (SVG)")
	addOptions(f, "exclude", "jobs", "isolate", "deep", "digest", "quiet", "limits.time", "limits.memory", "limits.depth", "limits.members", "limits.expanded", "limits.ratio")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		asJSON, err := format()
		if err != nil {
			return err
		}
		return a.inspect(cmd, args, asJSON)
	}
	return cmd
}

// inspectFacts is how many facts of a parse are kept: a description has one for every tensor and member, where a scan needs but the odd ones.
const inspectFacts = 400_000

func (a *app) inspect(cmd *cobra.Command, targets []string, asJSON bool) error {
	if len(targets) == 0 {
		return usage("Usage: weir inspect FILE...", "%q needs a FILE", cmd.CommandPath())
	}
	s, err := loadSettings(a, cmd)
	if err != nil {
		return err
	}
	cfg, err := a.engineConfig(cmd, s, targets)
	if err != nil {
		return err
	}
	cfg.facts, cfg.inspect = true, true
	cfg.limits.Facts = max(cfg.limits.Facts, inspectFacts)
	quiet := s.flag("quiet")
	p := startProgress(a.stderr, quiet)
	defer p.end()
	all, _ := cmd.Flags().GetBool("all")
	out, end := a.inspectOutput(&pipeWriter{w: p.above(a.stdout)}, asJSON, all)
	var picture *outputFile
	if name, _ := cmd.Flags().GetString("map"); name != "" {
		picture = &outputFile{path: name}
		if err := picture.open(); err != nil {
			return cannotWrite(name, err)
		}
		defer picture.spool.close()
	}
	var drawn *report.Inspection
	files := 0
	sink := report.Inspect(func(i *report.Inspection) error {
		files++
		if drawn = nil; picture != nil {
			drawn = i
		}
		return out(i)
	})
	judge, err := policy.New(policy.Config{
		FailOn: weir.SeverityNone, Show: weir.SeverityInfo, Today: policy.Date(a.today().Format(time.DateOnly)), Model: modelFormats(), Inert: true,
	}, sink)
	if err != nil {
		return internal(err)
	}
	if err := a.stream(cfg, judge, p); err != nil {
		return err
	}
	p.clear()
	if err := end(); err != nil {
		return outputError(err)
	}
	if picture != nil {
		if err := draw(picture, drawn, files); err != nil {
			return err
		}
	}
	if code := judge.Summary().ExitCode; code != exitOK {
		return exit(code)
	}
	return nil
}

// inspectOutput writes each file's inspection as it comes; end completes what was written.
func (a *app) inspectOutput(w io.Writer, asJSON, all bool) (each func(*report.Inspection) error, end func() error) {
	if asJSON {
		return report.InspectJSON(w)
	}
	return report.InspectText(w, report.Options{Width: terminal(a.stdout), Color: a.colors(a.stdout)}, all), func() error { return nil }
}

// draw writes the picture of the one file that was inspected.
func draw(f *outputFile, i *report.Inspection, files int) error {
	if files != 1 {
		return usage("Name one file.", "--map draws one file, and %d were inspected", files)
	}
	if err := report.ByteMap(f.spool, i); err != nil {
		return cannotWrite(f.path, err)
	}
	if err := f.commit(); err != nil {
		return cannotWrite(f.path, err)
	}
	return nil
}
