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
	if p.Advise == nil {
		p.Advise = func(weir.Requirement) weir.Advice { return weir.Advice{Affected: weir.AffectedUnknown} }
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

// memo keeps the judgements of the unit that was judged last, for rules of one scope look at the same unit one after another, and the plan of
// the file.
type memo struct {
	unit   *Unit
	judged []judgement
	plan   *plan
	of     []Unit          // what the plan was made of
	mlflow map[string]bool // folders with an MLmodel, of a project; nil: not looked for yet
}

func (p *Pass) judgements(u *Unit) []judgement {
	if p.memo != nil && p.memo.unit == u {
		return p.memo.judged
	}
	plan := p.plan()
	outer, _ := parent(u.Member)
	j := judge(u, p.Names, p.Trust, surroundings{plan.scripts[outer], plan.checkpoints[u.Member]})
	if p.memo != nil {
		p.memo.unit, p.memo.judged = u, j
	}
	return j
}

// plan says what the units of a file are to each other. It is made once: an archive has a hundred thousand of them.
type plan struct {
	// scripts are the TorchScript archives. In them, names that begin with __torch__ are no Python: torch.jit resolves them to classes in
	// the archive's own code.
	scripts     map[string]bool
	checkpoints map[string]int // member → the number of PyTorch files among the bytes that it carries
	models      map[string]bool
	model       bool // there is one
}

func (p *Pass) plan() *plan {
	if m := p.memo; m != nil && m.plan != nil && len(m.of) == len(p.all) && (len(m.of) == 0 || &m.of[0] == &p.all[0]) {
		return m.plan
	}
	made := &plan{scripts: map[string]bool{}, checkpoints: map[string]int{}, models: map[string]bool{}}
	for i := range p.all {
		u := &p.all[i]
		made.models[u.Member] = made.models[u.Member] || u.Model
		made.model = made.model || u.Model
		made.scripts[u.Member] = made.scripts[u.Member] || hasFormat(u, "torchscript")
		if outer, name := parent(u.Member); strings.HasPrefix(name, "bytes@") && hasFormat(u, "torch") {
			made.checkpoints[outer]++
		}
	}
	if p.memo != nil {
		p.memo.plan, p.memo.of = made, p.all
	}
	return made
}

// parent splits the name of a member into that of the container that it lies in and its own.
func parent(member string) (outer, name string) {
	if i := strings.LastIndex(member, "!/"); i >= 0 {
		return member[:i], member[i+2:]
	}
	return "", member
}

// inModel reports whether a unit is a model or lies in one. Compiled modules of ordinary programs call what they like.
func (p *Pass) inModel(u *Unit) bool {
	models := p.plan().models
	if u.Model || models[""] {
		return true
	}
	for m := u.Member; m != ""; m, _ = parent(m) {
		if models[m] {
			return true
		}
	}
	return false
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
