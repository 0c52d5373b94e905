package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"weir"
	"weir/internal/report"
	"weir/internal/sandbox/detonate"
)

// detonation is what weir run --model was asked.
type detonation struct {
	model     string   // file or folder, as the user named it
	loader    string   // a name of detonate.Kinds; "" to choose by what the model is
	pythons   []string // interpreters to try; none: those that pythons finds
	classpath []string // jars for MLeap and H2O
	room      detonate.Room
	judge     func([]weir.Behaviour) []weir.Finding // the rules about behaviour
	isolate   string                                // as for scan
}

// exitRun is what weir run ends with when it failed itself, as env, nohup and timeout do.
const exitRun = 125

// detonate scans a model, has its framework load it in the room, and says how the two accounts agree; sink gets both as one stream. The exit
// code is 1 when the load misbehaved, 3 when it ended too early to tell, 0 otherwise.
func (a *app) detonate(ctx context.Context, d detonation, sink weir.Sink) error {
	path, err := filepath.Abs(d.model)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return &failure{code: exitRun, what: fmt.Sprintf("the model %q", d.model), err: err}
	}
	said, err := a.foretold(ctx, d, sink)
	if err != nil {
		return err
	}
	loader, ok := detonate.For(path, said.formats)
	if d.loader != "" {
		loader, ok = detonate.Named(d.loader)
	}
	if !ok {
		if slices.ContainsFunc(said.formats, func(f string) bool { return f == "zip" || f == "tar" || f == "7z" }) {
			return &failure{code: exitRun, what: fmt.Sprintf("no framework loads %q as it is", d.model), hint: "Unpack it, and name the model in it."}
		}
		return &failure{code: exitRun, what: fmt.Sprintf("no loader is known for %q (%s)", d.model, cmp.Or(strings.Join(said.formats, ", "), "not recognised")),
			hint: "--loader names one: " + strings.Join(detonate.Kinds(), ", ")}
	}
	java, _ := exec.LookPath("java") // a loader that needs it says so
	r, err := detonate.Run(ctx, detonate.Request{Model: path, Loader: loader, Pythons: a.pythons(d.pythons), Java: java, Classpath: d.classpath, Room: d.room})
	switch {
	case errors.Is(err, detonate.ErrNoFramework):
		return &failure{code: exitRun, what: fmt.Sprintf("%q cannot be loaded with %s", d.model, loader.Framework), err: err,
			hint: "Start weir in an environment that has the framework, or name its Python with --python."}
	case err != nil:
		return &failure{code: exitRun, what: fmt.Sprintf("loading %q", d.model), err: err}
	}
	did := d.judge(r.Behaviours)
	for i := range did {
		did[i].Path = d.model
		if err := sink(weir.Event{Finding: &did[i]}); err != nil {
			return outputError(err)
		}
	}
	if err := sink(weir.Event{End: &said.end}); err != nil {
		return outputError(err)
	}
	answer := detonate.Conclude(r, said.findings, did)
	describe(a.stderr, d.model, answer, r, said.findings, did)
	switch {
	case answer.Hostile():
		return exit(1)
	case answer == detonate.NotReached:
		return exit(3)
	}
	return nil
}

// foretelling is what the scan says of a model.
type foretelling struct {
	formats  []string
	findings []weir.Finding
	end      weir.End
}

// foretold scans the model, and hands on all but the end.
func (a *app) foretold(ctx context.Context, d detonation, sink weir.Sink) (*foretelling, error) {
	var f foretelling
	cfg := engineConfig{targets: []string{d.model}, named: 1, stdin: a.stdin, jobs: 2, limits: weir.DefaultLimits(), isolate: cmp.Or(d.isolate, "auto"),
		trust: func(string, string) bool { return false }}
	var sinkErr error
	err := runEngine(ctx, cfg, func(e weir.Event) error {
		switch {
		case e.End != nil:
			f.end = weir.End{Summary: e.End.Summary}
			return nil
		case e.Artifact != nil && e.Artifact.Member == "" && filepath.Clean(e.Artifact.Path) == filepath.Clean(d.model):
			f.formats = append(f.formats, e.Artifact.Format)
		case e.Finding != nil:
			f.findings = append(f.findings, *e.Finding)
		}
		sinkErr = sink(e)
		return sinkErr
	})
	switch {
	case sinkErr != nil:
		return nil, outputError(sinkErr)
	case err != nil:
		return nil, engineError(err)
	}
	return &f, nil
}

// pythons gives the interpreters to try: those that were named; else that of the active environment and those of the search path.
func (a *app) pythons(named []string) []string {
	var out []string
	add := func(p string) {
		if found, err := exec.LookPath(p); err == nil {
			if found, err = filepath.Abs(found); err == nil && !slices.Contains(out, found) {
				out = append(out, found)
			}
		}
	}
	if len(named) > 0 {
		for _, p := range named {
			add(p)
		}
		return out
	}
	for _, env := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if dir := a.getenv(env); dir != "" {
			add(filepath.Join(dir, "bin", "python"))
		}
	}
	for _, p := range []string{"python3", "python", "/usr/bin/python3"} {
		add(p)
	}
	return out
}

// meaning is what each answer means for who has to decide.
var meaning = map[detonate.Answer]string{
	detonate.Confirmed:  "the scan warned, and loading it did what no honest load does",
	detonate.Unforeseen: "the scan had no warning, but loading it did what no honest load does",
	detonate.Refuted:    "the scan warned, but this load did nothing of the kind; another version, input or day may",
	detonate.NotReached: "the load ended before its end and nothing had happened: that says nothing for or against the model",
	detonate.Quiet:      "neither the scan nor the load shows anything",
}

// shown is how many findings of each kind a person is shown.
const shown = 8

// describe tells a person what happened.
func describe(w io.Writer, model string, answer detonate.Answer, r *detonate.Result, said, did []weir.Finding) {
	line := func(what, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-9s %s\n", what, report.Printable(text))
		}
	}
	fmt.Fprintf(w, "%s: %s: %s\n", report.Printable(model), answer, meaning[answer])
	findings := func(what string, fs []weir.Finding) {
		n := 0
		for _, f := range fs {
			if f.Severity < weir.SeverityMedium {
				continue
			}
			if n++; n <= shown {
				line(what, fmt.Sprintf("%s %s: %s", f.Severity, f.Rule, cmp.Or(f.Evidence, f.Message)))
			}
		}
		if n > shown {
			line(what, fmt.Sprintf("and %d more", n-shown))
		}
	}
	findings("foretold", said)
	line("called", fmt.Sprintf("%s, with %s by %s", r.Call, r.Framework, r.Python))
	if r.Loaded() {
		line("loaded", r.Type)
		line("used", r.Used)
		line("not used", r.Unused)
	} else {
		line("failed", r.Error)
	}
	findings("did", did)
	line("canary", r.Canary)
}
