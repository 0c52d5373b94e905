package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"weir"
)

// maxShownFlaws is how many flaws of one package a person is shown in full; one old pin has fifty.
const maxShownFlaws = 3

// bundles puts the known vulnerabilities of one statement together; every other finding stands alone. The order of their first ones stays.
func bundles(findings []weir.Finding) [][]weir.Finding {
	var out [][]weir.Finding
	at := map[string]int{}
	for _, f := range findings {
		if f.Rule != "dependency/known-vulnerability" || f.Waived != nil {
			out = append(out, []weir.Finding{f})
			continue
		}
		statement, _, _ := strings.Cut(f.Evidence, "\n")
		key := fmt.Sprintf("%s\n%d\n%s", f.Member, f.Line, statement)
		if i, ok := at[key]; ok {
			out[i] = append(out[i], f)
			continue
		}
		at[key] = len(out)
		out = append(out, []weir.Finding{f})
	}
	return out
}

// bundle shows the flaws of one package: how many of which severity, the worst of them with what they are, the others by their names.
func (t *text) bundle(list []weir.Finding) {
	if len(list) <= maxShownFlaws {
		for _, f := range list {
			t.finding(f)
		}
		return
	}
	slices.SortStableFunc(list, func(a, b weir.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	worst := list[0]
	name, verb := worst.Message, "has"
	for _, v := range []string{" has ", " allows versions with "} {
		if before, _, ok := strings.Cut(worst.Message, v); ok {
			name, verb = before, strings.TrimSpace(v)
			break
		}
	}
	count := map[weir.Severity]int{}
	for _, f := range list {
		count[f.Severity]++
	}
	var parts []string
	for s := weir.SeverityCritical; s >= weir.SeverityInfo; s-- {
		if count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	fmt.Fprintf(t.w, "   %s %s%s\n", t.paint(severityStyle[worst.Severity], worst.Severity.String()), t.paint(bold, Printable(worst.Rule)), t.paint(dim, place(worst)))
	t.wrap("     ", Printable(fmt.Sprintf("%s %s %d known vulnerabilities (%s), the worst of them:", name, verb, len(list), strings.Join(parts, ", "))))
	statement, _, _ := strings.Cut(worst.Evidence, "\n")
	t.evidence(statement)
	for _, f := range list[:maxShownFlaws] {
		t.wrap("     ", "→ "+Printable(strings.TrimPrefix(f.Message, name+" "+verb+" ")))
	}
	var others []string
	for _, f := range list[maxShownFlaws:] {
		if len(f.Aliases) > 0 {
			others = append(others, f.Aliases[0])
		}
	}
	t.wrap("     ", Printable("and "+strings.Join(others, ", ")))
	if worst.Fix != "" {
		t.wrap("     ", "→ "+Printable(worst.Fix))
	}
}
