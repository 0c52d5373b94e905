package main

import (
	"slices"
	"strings"
	"sync"

	"weir"
	"weir/internal/catalog"
	"weir/internal/policy"
	"weir/internal/report"
	"weir/internal/rule"
)

// ruleInfo is a rule as people are told of it.
type ruleInfo struct {
	ID       string        `json:"id"`
	Title    string        `json:"title"`
	Severity weir.Severity `json:"severity"`
	Since    string        `json:"since"`
	CWE      []int         `json:"cwe"`
	card     rule.Card
}

// policyRules are said by policy about weir.yaml, not by a rule about a file; their cards stand here.
func policyRules() []ruleInfo {
	return []ruleInfo{
		{policy.RuleWaiverExpired, "A waiver in weir.yaml is over", weir.SeverityLow, "0.1", []int{}, rule.Card{
			ID:   policy.RuleWaiverExpired,
			What: "An entry of `ignore` in weir.yaml has an `until` date that has passed, and it covers findings of this scan. They count again.",
			Why:  "A waiver is a decision for a time. When the time is over nobody stands behind it any more.",
			Fix:  "Fix what it covered. If it is still acceptable, decide anew and write a later date.",
		}},
		{policy.RuleWaiverUnused, "A waiver in weir.yaml covers nothing", weir.SeverityInfo, "0.1", []int{}, rule.Card{
			ID:   policy.RuleWaiverUnused,
			What: "An entry of `ignore` in weir.yaml matches no finding of this scan.",
			Why:  "It may have a mistake in its rule or path and not protect what it should, or it may be a leftover that will hide a later finding.",
			Fix:  "Remove it, or correct its rule or path.",
		}},
	}
}

// ruleInfos lists all rules, in the catalogue's order.
func ruleInfos() []ruleInfo {
	var all []ruleInfo
	for _, r := range catalog.Rules() {
		info := ruleInfo{ID: r.ID, Title: r.Title, Severity: r.Severity, Since: r.Since, CWE: slices.Clone(r.CWE)}
		if info.CWE == nil {
			info.CWE = []int{}
		}
		info.card, _ = rule.CardOf(r.ID) // a test makes sure that every rule has one
		all = append(all, info)
	}
	return append(all, policyRules()...)
}

func findRule(id string) (ruleInfo, error) {
	var ids []string
	for _, r := range ruleInfos() {
		if r.ID == id {
			return r, nil
		}
		ids = append(ids, r.ID)
	}
	hint := didYouMean(id, append(ids, systemNames()...))
	if hint == "" {
		var full []string
		for _, known := range ids { // the name without its family
			if strings.HasSuffix(known, "/"+id) {
				full = append(full, known)
			}
		}
		if len(full) > 0 {
			hint = "Did you mean " + strings.Join(full, " or ") + "?"
		}
	}
	if hint == "" {
		hint = "weir rules lists them all."
	}
	return ruleInfo{}, usage(hint, "%q is neither a rule nor a system", id)
}

// markdown is the rule's documentation as reports carry it.
func (r ruleInfo) markdown() string {
	var b strings.Builder
	for _, part := range []struct{ title, text string }{{"What it is", r.card.What}, {"Why it is dangerous", r.card.Why}, {"Where it happened", r.card.Incident}, {"How to fix it", r.card.Fix}} {
		if part.text != "" {
			b.WriteString("## " + part.title + "\n\n" + part.text + "\n\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// ruleDocs answers reports' questions about rules. The cards are read when the first one is asked: most reports ask none.
func ruleDocs() func(id string) (report.Doc, bool) {
	docs := sync.OnceValue(func() map[string]report.Doc {
		docs := map[string]report.Doc{}
		for _, r := range ruleInfos() {
			docs[r.ID] = report.Doc{Title: r.Title, Help: r.markdown(), Severity: r.Severity, CWE: r.CWE}
		}
		return docs
	})
	return func(id string) (report.Doc, bool) {
		d, ok := docs()[id]
		return d, ok
	}
}

// modelFormats reports whether files of a format are models.
func modelFormats() func(name string) bool {
	models := map[string]bool{}
	for _, f := range catalog.Formats() {
		models[f.Name] = f.Model
	}
	return func(name string) bool { return models[name] }
}
