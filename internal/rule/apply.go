package rule

import (
	"slices"
	"strings"

	"weir"
)

// Apply runs the rules of one scope over the units of one file (or, for ScopeTree, of many) and hands over complete findings: nothing that
// a rule left out stays zero. Findings come unit by unit in the
// order of the rules.
func Apply(rules []Rule, scope Scope, p Pass) {
	p = Judged(p)
	units := p.Units
	p.all = units
	if scope != ScopeFile {
		apply(rules, scope, p)
		return
	}
	for u := range units {
		p.Units = units[u : u+1]
		apply(rules, scope, p)
	}
}

func apply(rules []Rule, scope Scope, p Pass) {
	report := p.Report
	pass := p // one for all rules: small files are many, and so are rules
	pass.Report = func(f weir.Finding) { report(Complete(f, pass.Rule, p.File)) }
	for i := range rules {
		if rules[i].Scope == scope {
			pass.Rule = &rules[i]
			pass.Rule.Check(&pass)
		}
	}
}

// Judged gives a pass whose import judgements are computed once and shared by all rules that see it. An engine that calls rules itself
// should start from it; [Apply] works either way.
func Judged(p Pass) Pass {
	if p.memo == nil {
		p.memo = &memo{}
	}
	return p
}

// Complete fills in what a rule left zero: rule, path, severity, impact, CWE, fix and references. Fingerprints are
// policy's.
func Complete(f weir.Finding, r *Rule, file weir.Artifact) weir.Finding {
	if f.Rule == "" {
		f.Rule = r.ID
	}
	if f.Path == "" {
		f.Path = file.Path
	}
	if f.Member == "" {
		f.Member = file.Member
	}
	if f.Severity == weir.SeverityNone {
		f.Severity = r.Severity
	}
	if len(f.Impact) == 0 {
		f.Impact = slices.Clone(r.Impact)
	}
	if len(f.CWE) == 0 {
		f.CWE = slices.Clone(r.CWE)
	}
	if f.Fix == "" {
		f.Fix = r.Fix
	}
	if len(f.Aliases) == 0 {
		f.Aliases = slices.Clone(r.Aliases)
	}
	if len(f.References) == 0 {
		f.References = slices.Clone(r.References)
	}
	return f
}

// memo keeps the judgements of the unit that was judged last: rules of one scope look at the same unit one after another.
type memo struct {
	unit   *Unit
	judged []judgement
}

func (p *Pass) judgements(u *Unit) []judgement {
	if p.memo != nil && p.memo.unit == u {
		return p.memo.judged
	}
	j := judge(u, p.Names, p.Trust, surroundings{p.inScript(u), p.checkpoints(u)})
	if p.memo != nil {
		*p.memo = memo{u, j}
	}
	return j
}

// inScript reports whether a unit is a member of a TorchScript archive. There, names that begin with __torch__ are no Python: torch.jit
// resolves them to classes in the archive's own code.
func (p *Pass) inScript(u *Unit) bool {
	outer := ""
	if i := strings.LastIndex(u.Member, "!/"); i >= 0 {
		outer = u.Member[:i]
	}
	for i := range p.all {
		if p.all[i].Member == outer && hasFormat(&p.all[i], "torchscript") {
			return true
		}
	}
	return false
}

// checkpoints counts the PyTorch files among the bytes that a unit carries.
func (p *Pass) checkpoints(u *Unit) int {
	prefix, n := "bytes@", 0
	if u.Member != "" {
		prefix = u.Member + "!/" + prefix
	}
	for i := range p.all {
		if rest, ok := strings.CutPrefix(p.all[i].Member, prefix); ok && !strings.Contains(rest, "!/") && hasFormat(&p.all[i], "torch") {
			n++
		}
	}
	return n
}

// inModel reports whether a unit is a model or lies in one. Compiled modules of ordinary programs call what they like.
func (p *Pass) inModel(u *Unit) bool {
	for i := range p.all {
		o := &p.all[i]
		if o.Model && (o.Member == "" || o.Member == u.Member || strings.HasPrefix(u.Member, o.Member+"!/")) {
			return true
		}
	}
	return u.Model
}

// finding starts a finding about a place in a unit.
func (p *Pass) finding(u *Unit, at int64, message, evidence string) weir.Finding {
	f := weir.Finding{
		Member: u.Member, Message: message, Evidence: evidence, Confidence: weir.ConfidenceCertain,
		Pos: weir.Pos{Offset: at},
	}
	return f
}

// facts gives the facts of one type in a unit.
func facts[T weir.Fact](u *Unit) []T {
	var out []T
	for _, f := range u.Facts {
		if x, ok := f.(T); ok {
			out = append(out, x)
		}
	}
	return out
}
