// Package policy turns findings, problems, waivers and today's date into verdicts and one outcome: what to do about what was found. It is
// pure: the clock, the files and the configuration are the caller's.
//
// Start with [New]; its Sink stands between the engine and the reports.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"weir"
)

// Exit codes of a scan, as the contract has them. 4 (internal error) never comes from a policy, and 2 (wrong use) only where a target is
// missing.
const (
	ExitPass       = 0
	ExitFail       = 1
	ExitUsage      = 2
	ExitIncomplete = 3
)

// Config is what an organisation decided.
type Config struct {
	FailOn   weir.Severity // findings from here on fail the scan; SeverityNone: none does
	Show     weir.Severity // milder findings count but are not reported, unless they fail the scan
	Demand   []string      // rules whose findings fail the scan, however mild they are
	Waivers  []Waiver
	VEX      VEX      // what documents say of known flaws
	Baseline Baseline // findings that are known and do not fail; nil: none
	Today    Date     // decides which waivers are over
	Inert    bool     // hand on artifacts without a verdict too: what is neither a model nor has findings
	Prefix   string   // path from the folder of weir.yaml to the working directory: waivers name paths as seen from weir.yaml
	// Model reports whether files of the named format are models; nil: all are.
	Model func(format string) bool
}

// Judge applies one Config to one stream.
type Judge struct {
	cfg      Config
	next     weir.Sink
	file     file // what is known of the file whose events are passing by
	seen     map[[16]byte]int
	waivers  []waiverUse
	sum      weir.Summary
	worst    weir.Severity // of all findings that are not waived
	demanded bool          // a finding of a demanded rule was there
	missing  bool          // something that the user named is not there
}

// file gathers what the verdicts of a file and its members rest on.
type file struct {
	path     string
	units    map[string]*unit // by member
	flagged  bool             // it holds a model
	packages map[place][]string
}

// modelFamilies are rules about serialised objects wherever they lie: a file in which such rules find something holds a model, even if nothing
// recognised it as one because the model hides behind other bytes.
var modelFamilies = []string{"pickle", "torch", "numpy", "joblib"}

type unit struct {
	worst    weir.Severity
	outside  weir.Severity // of findings about dependencies
	problems bool
}

// New checks cfg and returns a Judge that hands judged events to next.
func New(cfg Config, next weir.Sink) (*Judge, error) {
	if cfg.Model == nil {
		cfg.Model = func(string) bool { return true }
	}
	j := &Judge{cfg: cfg, next: next, seen: map[[16]byte]int{}}
	for _, w := range cfg.Waivers {
		if err := w.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", w.Source, err)
		}
		j.waivers = append(j.waivers, waiverUse{Waiver: w})
	}
	j.sum.Complete = true
	return j, nil
}

// Sink judges one event: findings get their fingerprint and, where one holds, their waiver; artifacts get their verdict, and those
// with nothing to say are counted and dropped; the end gets its summary. Counters that the engine put into the end's summary are kept.
func (j *Judge) Sink(e weir.Event) error {
	switch {
	case e.Finding != nil:
		return j.finding(*e.Finding)
	case e.Problem != nil:
		j.sum.Complete = false
		j.missing = j.missing || e.Problem.Stage == weir.StageTarget
		j.at(e.Problem.Path).unit(e.Problem.Member).problems = true
		return j.next(e)
	case e.Package != nil && len(j.cfg.VEX) > 0 && len(e.Package.Flaws) > 0:
		j.at(e.Package.Path).note(*e.Package)
	case e.Artifact != nil:
		return j.artifact(*e.Artifact)
	case e.End != nil:
		return j.end(e.End.Summary)
	}
	return j.next(e)
}

// Summary is what has been counted so far, with the outcome as it stands. A missing target is wrong use, which is said before anything that
// could not be examined; a finding that fails the scan is said before both.
func (j *Judge) Summary() weir.Summary {
	s := j.sum
	s.Outcome, s.ExitCode = Outcome(j.worst, j.cfg.FailOn, s.Complete)
	if j.demanded {
		s.Outcome, s.ExitCode = weir.OutcomeFail, ExitFail
	}
	if j.missing && s.ExitCode == ExitIncomplete {
		s.ExitCode = ExitUsage
	}
	return s
}

// Outcome is the one word for a scan whose worst finding that counts is worst, and the exit code that goes with it: a failure wins over
// something that could not be examined.
func Outcome(worst, failOn weir.Severity, complete bool) (weir.Outcome, int) {
	switch {
	case fails(worst, failOn):
		return weir.OutcomeFail, ExitFail
	case !complete:
		return weir.OutcomeIncomplete, ExitIncomplete
	}
	return weir.OutcomePass, ExitPass
}

func fails(s, failOn weir.Severity) bool {
	return failOn != weir.SeverityNone && s >= failOn
}

func (j *Judge) finding(f weir.Finding) error {
	complete(&f)
	u := j.at(f.Path).unit(f.Member)
	if f.Outside() {
		u.outside = max(u.outside, f.Severity)
	} else {
		u.worst = max(u.worst, f.Severity)
	}
	if family, _, _ := strings.Cut(f.Rule, "/"); slices.Contains(modelFamilies, family) {
		j.file.flagged = true
	}
	f.Fingerprint = j.fingerprint(f)
	f.Waived = j.waive(f)
	if f.Waived != nil {
		j.sum.Waived++
	} else {
		Count(&j.sum, f.Severity)
		j.worst = max(j.worst, f.Severity)
		if slices.Contains(j.cfg.Demand, f.Rule) {
			j.demanded = true
			return j.next(weir.Event{Finding: &f})
		}
	}
	if f.Severity < j.cfg.Show && (f.Waived != nil || !fails(f.Severity, j.cfg.FailOn)) {
		return nil
	}
	return j.next(weir.Event{Finding: &f})
}

// complete makes lists that are not there empty ones: the JSON contract has no null in their place.
func complete(f *weir.Finding) {
	if f.Impact == nil {
		f.Impact = []weir.Impact{}
	}
	if f.Aliases == nil {
		f.Aliases = []string{}
	}
	if f.CWE == nil {
		f.CWE = []int{}
	}
	if f.References == nil {
		f.References = []string{}
	}
}

// Count adds one finding of severity s to sum.
func Count(sum *weir.Summary, s weir.Severity) {
	switch s {
	case weir.SeverityCritical:
		sum.Critical++
	case weir.SeverityHigh:
		sum.High++
	case weir.SeverityMedium:
		sum.Medium++
	case weir.SeverityLow:
		sum.Low++
	case weir.SeverityInfo:
		sum.Info++
	}
}

func (j *Judge) end(engine weir.Summary) error {
	for _, f := range j.waiverFindings() {
		complete(&f)
		f.Fingerprint = j.fingerprint(f)
		Count(&j.sum, f.Severity)
		j.worst = max(j.worst, f.Severity)
		if f.Severity < j.cfg.Show && !fails(f.Severity, j.cfg.FailOn) {
			continue
		}
		if err := j.next(weir.Event{Finding: &f}); err != nil {
			return err
		}
	}
	j.sum.Files += engine.Files
	j.sum.Skipped += engine.Skipped
	j.sum.Bytes += engine.Bytes
	j.sum.Seconds = engine.Seconds
	return j.next(weir.Event{End: &weir.End{Summary: j.Summary()}})
}

// at is the state of the file at path: a new one when the stream has moved on to another file.
func (j *Judge) at(path string) *file {
	if j.file.units == nil || j.file.path != path {
		j.file = file{path: path, units: map[string]*unit{}}
	}
	return &j.file
}

func (f *file) unit(member string) *unit {
	u := f.units[member]
	if u == nil {
		u = &unit{}
		f.units[member] = u
	}
	return u
}
