package policy

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"weir"
)

// The rules by which waivers speak up for themselves.
const (
	RuleWaiverExpired = "policy/waiver-expired" // a waiver is over and what it covered counts again
	RuleWaiverUnused  = "policy/waiver-unused"  // a waiver covers nothing
)

// Waiver accepts findings: those of a rule in the files that a pattern names.
type Waiver struct {
	Rule   string // exact, or family/*
	Path   string // doublestar pattern over path or path!/member; empty: every file
	Flaw   string // id of a known flaw (CVE, GHSA, PYSEC); empty: whatever the rule finds
	Reason string // required
	Until  Date   // last day on which it holds; empty: for ever
	File   string // where it stands, for messages and findings: weir.yaml
	Line   int
	Source string // File:Line
}

type waiverUse struct {
	Waiver
	used int
}

// Check says what is wrong with a waiver.
func (w Waiver) Check() error {
	family, name, ok := strings.Cut(w.Rule, "/")
	switch {
	case w.Rule == "":
		return errors.New("a waiver needs a rule")
	case !ok || family == "" || name == "" || strings.Contains(family, "*") || strings.Contains(name, "*") && name != "*":
		return fmt.Errorf("rule %q is neither a rule's name nor a family/*", w.Rule)
	case strings.TrimSpace(w.Reason) == "":
		return fmt.Errorf("the waiver of %q needs a reason", w.Rule)
	case !doublestar.ValidatePattern(w.Path):
		return fmt.Errorf("path %q is not a valid pattern", w.Path)
	case w.Until != "" && !w.Until.Valid():
		return fmt.Errorf("until %q is not a date like 2026-12-31", w.Until)
	}
	return nil
}

// covers reports whether w names f, in time or not.
func (w Waiver) covers(f weir.Finding, prefix string) bool {
	if family, ok := strings.CutSuffix(w.Rule, "*"); ok {
		if !strings.HasPrefix(f.Rule, family) {
			return false
		}
	} else if w.Rule != f.Rule {
		return false
	}
	if w.Flaw != "" && (!slices.Contains(f.Aliases, w.Flaw) || manyFlaws(f.Aliases)) {
		return false
	}
	if w.Path == "" {
		return true
	}
	p := path.Clean(f.Path)
	if !path.IsAbs(p) {
		p = path.Join(prefix, p)
	}
	pattern := strings.TrimPrefix(w.Path, "./")
	if doublestar.MatchUnvalidated(pattern, p) {
		return true
	}
	return f.Member != "" && doublestar.MatchUnvalidated(pattern, p+"!/"+f.Member)
}

// waive finds what accepts f: the first waiver that covers it and is not over, or the baseline.
func (j *Judge) waive(f weir.Finding) *weir.Waiver {
	var found *weir.Waiver
	for i := range j.waivers {
		w := &j.waivers[i]
		if !w.covers(f, j.cfg.Prefix) {
			continue
		}
		w.used++
		if found == nil && !w.over(j.cfg.Today) {
			found = &weir.Waiver{Reason: w.Reason, Until: string(w.Until), Source: w.Source}
		}
	}
	if found == nil {
		found = j.cfg.VEX.clears(f, j.at(f.Path).purls(f))
	}
	if found == nil && j.cfg.Baseline.Has(f.Fingerprint) {
		found = &weir.Waiver{Reason: "known from the baseline", Source: "baseline"}
	}
	return found
}

func (w Waiver) over(today Date) bool { return w.Until != "" && w.Until < today }

// waiverFindings says which waivers are over or idle.
func (j *Judge) waiverFindings() []weir.Finding {
	var out []weir.Finding
	for _, w := range j.waivers {
		f := weir.Finding{Path: w.File, Pos: weir.Pos{Line: w.Line}, Confidence: weir.ConfidenceCertain, Evidence: w.Text()}
		switch {
		case w.used == 0:
			f.Rule, f.Severity = RuleWaiverUnused, weir.SeverityInfo
			f.Message = fmt.Sprintf("the waiver of %s covers nothing in this scan", w.Rule)
			f.Fix = "Remove it, or correct its rule or path."
		case w.over(j.cfg.Today):
			f.Rule, f.Severity = RuleWaiverExpired, weir.SeverityLow
			f.Message = fmt.Sprintf("the waiver of %s ended on %s; what it covered (%s) counts again", w.Rule, w.Until, findings(w.used))
			f.Fix = "Fix what it covered, or decide anew and give it a later date."
		default:
			continue
		}
		out = append(out, f)
	}
	return out
}

func findings(n int) string {
	if n == 1 {
		return "1 finding"
	}
	return fmt.Sprintf("%d findings", n)
}

// Text is the waiver as one line, for a person and for its fingerprint.
func (w Waiver) Text() string {
	s := "rule: " + w.Rule
	if w.Path != "" {
		s += ", path: " + w.Path
	}
	if w.Flaw != "" {
		s += ", flaw: " + w.Flaw
	}
	if w.Until != "" {
		s += ", until: " + string(w.Until)
	}
	return s
}

// Date is a day as 2006-01-02; such strings sort by time.
type Date string

// Valid reports whether d is a day of the Gregorian calendar.
func (d Date) Valid() bool {
	if len(d) != 10 || d[4] != '-' || d[7] != '-' {
		return false
	}
	y, ok1 := digits(d[:4])
	m, ok2 := digits(d[5:7])
	day, ok3 := digits(d[8:])
	if !ok1 || !ok2 || !ok3 || m < 1 || m > 12 || day < 1 {
		return false
	}
	last := []int{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1]
	if m == 2 && y%4 == 0 && (y%100 != 0 || y%400 == 0) {
		last = 29
	}
	return day <= last
}

func digits(s Date) (n int, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
