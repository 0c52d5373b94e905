package rule

import (
	"fmt"
	"slices"
	"strings"

	"weir"
)

// weightsOnlyFlaw is torch.load(weights_only=True) running code all the same, in torch before 2.6.0.
const weightsOnlyFlaw = "CVE-2025-32434"

// eachAdvised calls do for every requirement of which advisories are known.
func eachAdvised(p *Pass, do func(*Unit, weir.Requirement, weir.Advice)) {
	bound := boundNames(p)
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if r.Name == "" || r.State == weir.PinUnresolved || r.Origin == weir.OriginConstraint && r.State != weir.PinExact && !bound[r.Ecosystem+" "+r.Name] {
				continue
			}
			if a := p.Advise(r); len(a.Advisories) > 0 && (a.Affected == weir.AffectedAll || a.Affected == weir.AffectedSome) {
				do(u, r, a)
			}
		}
	}
}

// boundNames are the packages that something asks for, so that a constraint about them matters.
func boundNames(p *Pass) map[string]bool {
	names := map[string]bool{}
	for i := range p.Units {
		for _, r := range facts[weir.Requirement](&p.Units[i]) {
			if r.Origin != weir.OriginConstraint {
				names[r.Ecosystem+" "+r.Name] = true
			}
		}
	}
	return names
}

func maliciousPackage(p *Pass) {
	eachAdvised(p, func(u *Unit, r weir.Requirement, a weir.Advice) {
		for _, v := range a.Advisories {
			if !v.Malicious {
				continue
			}
			f := p.requirementFinding(u, r, fmt.Sprintf("%s is malware (%s): %s", packageName(r), v.ID, v.Summary), "malicious versions: "+v.Affected)
			if a.Affected == weir.AffectedSome {
				f.Severity = weir.SeverityHigh
				f.Evidence += "\nhigh instead of critical: only some of the versions that this allows are malicious"
			}
			aboutAdvisory(&f, v)
			p.Report(f)
		}
	})
}

func aboutAdvisory(f *weir.Finding, v weir.Advisory) {
	f.Aliases = slices.Clone(v.Aliases)
	if !slices.Contains(f.Aliases, v.ID) {
		f.Aliases = append([]string{v.ID}, f.Aliases...)
	}
	f.CWE, f.References = slices.Clone(v.CWE), slices.Clone(v.URLs)
}

// knownVulnerability reports one finding per flaw and statement. What names no version at all gets one for all its flaws: today's installation
// most likely takes the newest.
func knownVulnerability(p *Pass) {
	locked, bound, called := locks(p), boundNames(p), calls(p)
	eachAdvised(p, func(u *Unit, r weir.Requirement, a weir.Advice) {
		flaws := slices.DeleteFunc(slices.Clone(a.Advisories), func(v weir.Advisory) bool { return v.Malicious })
		if len(flaws) == 0 || a.Affected == weir.AffectedSome && locked[lockKey(note(u, "closure"), r)] {
			return // the lock's own entry says which version it is
		}
		if r.State == weir.PinAny && a.Affected == weir.AffectedSome {
			p.Report(anyVersion(p, u, r, a, flaws))
			return
		}
		for _, v := range flaws {
			s := weigh(r, a, v, called)
			if r.Origin == weir.OriginConstraint && !bound[r.Ecosystem+" "+r.Name] {
				s.down("nothing in the project asks for it by name; this only bounds it")
			}
			verb := "has"
			if a.Affected == weir.AffectedSome {
				verb = "allows versions with"
			}
			f := p.requirementFinding(u, r, fmt.Sprintf("%s %s %s: %s", packageName(r), verb, v.ID, v.Summary), slices.Concat([]string{"affected: " + v.Affected}, s.why, []string{fixed(a, v)})...)
			f.Severity = s.severity
			if a.Affected == weir.AffectedSome {
				f.Confidence = weir.ConfidencePossible
			}
			switch {
			case a.Safe != "":
				f.Fix = fmt.Sprintf("upgrade %s to %s, the smallest version at or above this one without a known flaw", r.Name, a.Safe)
			case a.Newest != "" && a.Newest != r.Version:
				f.Fix = fmt.Sprintf("no version of %s is without known flaws; weir fix proposes the one with the fewest, and %s is the newest known", r.Name, a.Newest)
			}
			aboutAdvisory(&f, v)
			p.Report(f)
		}
	})
}

func anyVersion(p *Pass, u *Unit, r weir.Requirement, a weir.Advice, flaws []weir.Advisory) weir.Finding {
	var ids, aliases []string
	for _, v := range flaws {
		ids = append(ids, v.ID)
		aliases = append(aliases, v.ID)
		aliases = append(aliases, v.Aliases...)
	}
	slices.Sort(aliases)
	f := p.requirementFinding(u, r, fmt.Sprintf("%s is named without a version, and some of its versions have known flaws: %s", r.Name, some(ids, 5)),
		"low: an installation of today takes the newest version that fits", newest(a))
	f.Severity, f.Confidence = weir.SeverityLow, weir.ConfidencePossible
	f.Aliases = slices.Compact(aliases)
	f.Fix = "name a version without a known flaw"
	if a.Newest != "" {
		f.Fix += ", such as " + a.Newest
	}
	return f
}

func newest(a weir.Advice) string {
	if a.Newest == "" {
		return ""
	}
	return "newest known version: " + a.Newest
}

func fixed(a weir.Advice, v weir.Advisory) string {
	if len(v.Fixed) == 0 {
		if last := lastAffected(v.Affected); last != "" {
			return "no version is named that fixes it; those after " + last + " are not said to have it"
		}
		return "no release fixes it"
	}
	s := "fixed in: " + some(v.Fixed, 4)
	if a.Newest != "" {
		s += "; newest known version: " + a.Newest
	}
	return s
}

// lastAffected gives the version up to which an advisory's last range goes; empty where it has no end.
func lastAffected(affected string) string {
	ranges := strings.Split(affected, "||")
	_, last, ok := strings.Cut(ranges[len(ranges)-1], "<=")
	if !ok {
		return ""
	}
	last, _, _ = strings.Cut(strings.TrimSpace(last), ",")
	return strings.TrimSpace(last)
}

// weight is a severity with what raised and lowered it.
type weight struct {
	severity weir.Severity
	why      []string
}

func (w *weight) down(why string) {
	if w.severity > weir.SeverityLow {
		w.severity--
		w.why = append(w.why, "lowered: "+why)
	}
}

// weigh starts from the advisory's band. High is the most that a flaw reaches by itself; critical needs that attackers use it and that this
// project calls it.
func weigh(r weir.Requirement, a weir.Advice, v weir.Advisory, called map[string]string) weight {
	w := weight{severity: max(v.Severity, weir.SeverityLow)}
	score := "severity: " + v.Severity.String()
	if v.Score > 0 {
		score += fmt.Sprintf(", CVSS %.1f", v.Score)
	}
	if v.EPSS > 0 {
		score += fmt.Sprintf(", EPSS %.1f %%", v.EPSS*100)
	}
	w.why = append(w.why, score)
	reached := ""
	for _, s := range v.Symbols {
		if at, ok := called[s]; ok {
			reached = s + " is called in " + at
			break
		}
	}
	switch {
	case v.Exploited && reached != "":
		w.severity = weir.SeverityCritical
		w.why = append(w.why, "raised: attackers use it (CISA KEV), and "+reached)
	case v.Exploited:
		w.severity = weir.SeverityHigh
		w.why = append(w.why, "high: attackers use it (CISA KEV)")
	case w.severity == weir.SeverityCritical:
		w.severity = weir.SeverityHigh
		w.why = append(w.why, "lowered: a flaw of a dependency is high at most unless it is exploited and called here")
	}
	if reached != "" && !v.Exploited {
		w.why = append(w.why, "reached: "+reached)
	}
	if a.Affected == weir.AffectedSome {
		w.down("only some of the versions that this allows are affected")
	}
	if g := strings.ToLower(r.Group); g == "dev" || g == "test" || g == "tests" || g == "dev-dependencies" || g == "lint" || g == "docs" {
		w.down("needed for " + r.Group + " alone")
	}
	if v.Server && reached == "" && !runsServer(r) {
		w.down("it concerns who runs the package's server, and nothing here starts one")
	}
	return w
}

// runsServer reports whether the statement itself is about running something: an image that starts, or a package installed into one.
func runsServer(r weir.Requirement) bool {
	return r.Origin == weir.OriginImage || r.Origin == weir.OriginCommand
}

// calls are the functions that source code of the project calls, with the first place. Manifests alone have none: the audit of source code adds them.
func calls(p *Pass) map[string]string {
	out := map[string]string{}
	for i := range p.Units {
		u := &p.Units[i]
		for _, c := range facts[weir.Call](u) {
			if _, ok := out[c.Callee]; !ok {
				out[c.Callee] = orElse(u.Member, p.File.Path)
			}
		}
	}
	return out
}

// locks are the packages that each closure of the project names exactly.
func locks(p *Pass) map[string]bool {
	out := map[string]bool{}
	for i := range p.Units {
		u := &p.Units[i]
		for _, r := range facts[weir.Requirement](u) {
			if closed(r) && r.State == weir.PinExact {
				out[lockKey(note(u, "closure"), r)] = true
			}
		}
	}
	return out
}

func lockKey(closure string, r weir.Requirement) string {
	return closure + " " + r.Ecosystem + " " + r.Name
}

// closed reports whether a requirement stands in what names the chosen versions, indirect packages included.
func closed(r weir.Requirement) bool {
	return r.Origin == weir.OriginLock || r.Origin == weir.OriginInstalled || r.Origin == weir.OriginSBOM || r.Origin == weir.OriginResolved
}

// torchWeightsOnly joins what source code relies on with the version that it runs on.
func torchWeightsOnly(p *Pass) {
	load := ""
	for i := range p.Units {
		u := &p.Units[i]
		for _, c := range facts[weir.Call](u) {
			if c.Callee == "torch.load" && slices.ContainsFunc(c.Args, func(a string) bool { return strings.ReplaceAll(a, " ", "") == "weights_only=True" }) {
				load = fmt.Sprintf("%s line %d: torch.load(%s)", orElse(u.Member, p.File.Path), c.Line, strings.Join(c.Args, ", "))
			}
		}
	}
	if load == "" {
		return
	}
	eachAdvised(p, func(u *Unit, r weir.Requirement, a weir.Advice) {
		i := slices.IndexFunc(a.Advisories, func(v weir.Advisory) bool {
			return v.ID == weightsOnlyFlaw || slices.Contains(v.Aliases, weightsOnlyFlaw)
		})
		if i < 0 || r.Name != "torch" && r.Name != "pytorch" || r.State == weir.PinAny {
			return
		}
		p.Report(p.requirementFinding(u, r, fmt.Sprintf("%s runs code of a checkpoint in spite of weights_only=True, on which this project relies", packageName(r)), load))
	})
}
