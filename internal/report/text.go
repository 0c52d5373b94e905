package report

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"weir"
)

// Bounds of what a person is shown of one file; the machine formats have all of it.
const (
	maxShownFindings = 12
	maxShownProblems = 6
	maxEvidenceLines = 10
	maxEvidenceRunes = 1200
	maxShownClean    = 8
)

// text writes for a person: file by file as the scan goes on, the verdict first, and the count of everything at the end.
type text struct {
	w     *bufio.Writer
	o     Options
	tally Tally
	group group
	clean []string
	old   []weir.Package // with known flaws, each version once
	older map[string]bool
}

// group is what is known of the file whose events are passing by.
type group struct {
	path     string
	findings []weir.Finding
	problems []weir.Problem
}

func newText(w *bufio.Writer, o Options) weir.Sink {
	t := &text{w: w, o: o, older: map[string]bool{}}
	return t.sink
}

func (t *text) sink(e weir.Event) error {
	t.tally.Count(e)
	switch {
	case e.Finding != nil:
		t.move(e.Finding.Path)
		t.group.findings = append(t.group.findings, *e.Finding)
	case e.Problem != nil:
		t.move(e.Problem.Path)
		t.group.problems = append(t.group.problems, *e.Problem)
	case e.Artifact != nil && e.Artifact.Member == "":
		t.move(e.Artifact.Path)
		t.artifact(*e.Artifact)
		t.group = group{}
		return t.w.Flush() // a long scan shows what it has
	case e.Package != nil && len(e.Package.Flaws) > 0 && !t.older[e.Package.PURL]:
		t.older[e.Package.PURL] = true
		t.old = append(t.old, *e.Package)
	case e.End != nil:
		t.move("")
		t.end(e.End.Summary)
	}
	return nil
}

// move writes what is left of the file before, if the stream goes on with another one.
func (t *text) move(path string) {
	if t.group.path != path && len(t.group.findings)+len(t.group.problems) > 0 {
		t.header(t.label(), t.group.path, "")
		t.body()
	}
	if t.group.path != path {
		t.group = group{path: path}
	}
}

// label heads things that belong to no artifact: a path that cannot be opened, weir.yaml.
func (t *text) label() string {
	if len(t.group.problems) > 0 {
		return t.paint(verdictStyle[weir.VerdictIncomplete], " NOT EXAMINED ")
	}
	worst := slices.MaxFunc(t.group.findings, func(a, b weir.Finding) int { return cmp.Compare(a.Severity, b.Severity) }).Severity
	if worst <= weir.SeverityLow {
		return t.paint(severityStyle[weir.SeverityInfo], " NOTE ")
	}
	return t.paint(verdictStyle[weir.VerdictVulnerable], " FOUND ")
}

func (t *text) artifact(a weir.Artifact) {
	if a.Verdict == weir.VerdictClean && len(t.group.findings)+len(t.group.problems) == 0 {
		if len(t.clean) < maxShownClean {
			t.clean = append(t.clean, Printable(a.Path))
		}
		return
	}
	about := []string{a.Format}
	if a.Framework != "" {
		about = append(about, a.Framework)
	}
	about = append(about, Bytes(a.Size))
	if a.Format == "" {
		about = about[1:]
	}
	if a.Coverage == weir.CoverageRecognised {
		about = append(about, "only recognised, not read")
	}
	t.header(t.paint(verdictStyle[a.Verdict], " "+strings.ToUpper(a.Verdict.String())+" "), a.Path, Printable(strings.Join(about, ", ")))
	t.body()
}

func (t *text) header(label, path, about string) {
	fmt.Fprintf(t.w, "%s %s", label, t.paint(bold, Printable(path)))
	if about != "" {
		fmt.Fprintf(t.w, "  %s", t.paint(dim, about))
	}
	t.w.WriteByte('\n')
}

func (t *text) body() {
	for i, p := range t.group.problems {
		if i == maxShownProblems {
			t.more(len(t.group.problems)-i, "problem")
			break
		}
		t.problem(p)
	}
	// The worst first: a person may not read on.
	slices.SortStableFunc(t.group.findings, func(a, b weir.Finding) int {
		if (a.Waived == nil) != (b.Waived == nil) {
			return cmp.Compare(waivedRank(a), waivedRank(b))
		}
		return cmp.Compare(b.Severity, a.Severity)
	})
	shown := 0
	for i, b := range bundles(t.group.findings) {
		if i == maxShownFindings {
			t.more(len(t.group.findings)-shown, "finding")
			break
		}
		t.bundle(b)
		shown += len(b)
	}
	t.w.WriteByte('\n')
}

func waivedRank(f weir.Finding) int {
	if f.Waived != nil {
		return 1
	}
	return 0
}

func (t *text) more(n int, what string) {
	fmt.Fprintf(t.w, "   %s\n", t.paint(dim, fmt.Sprintf("… and %s; --format json has them all", plural(n, "more "+what))))
}

func (t *text) problem(p weir.Problem) {
	s := "could not be examined in full"
	if p.Member != "" {
		s = Printable(p.Member) + " " + s
	}
	t.wrap("   ", fmt.Sprintf("%s (%s): %s", s, Printable(p.Stage), Printable(p.Reason)))
}

func (t *text) finding(f weir.Finding) {
	if f.Waived != nil {
		t.waived(f)
		return
	}
	fmt.Fprintf(t.w, "   %s %s%s\n", t.paint(severityStyle[f.Severity], f.Severity.String()), t.paint(bold, Printable(f.Rule)), t.paint(dim, place(f)))
	t.wrap("     ", Printable(f.Message))
	t.evidence(f.Evidence)
	if f.Fix != "" {
		t.wrap("     ", "→ "+Printable(f.Fix))
	}
	if len(f.Aliases) > 0 {
		t.wrap("     ", Printable(strings.Join(f.Aliases, ", ")))
	}
}

func (t *text) waived(f weir.Finding) {
	s := fmt.Sprintf("waived %s %s%s: %s (%s", f.Severity, Printable(f.Rule), place(f), Printable(f.Waived.Reason), Printable(f.Waived.Source))
	if f.Waived.Until != "" {
		s += ", until " + Printable(f.Waived.Until)
	}
	fmt.Fprintf(t.w, "   %s\n", t.paint(dim, s+")"))
}

// place says where in its file a finding is.
func place(f weir.Finding) string {
	var b strings.Builder
	if f.Member != "" {
		b.WriteString("  " + Printable(f.Member))
	}
	switch {
	case f.Line > 0:
		fmt.Fprintf(&b, "  line %d", f.Line)
	case f.Offset > 0:
		fmt.Fprintf(&b, "  at byte %d", f.Offset)
	}
	return b.String()
}

func (t *text) evidence(s string) {
	if strings.TrimSpace(s) == "" {
		return
	}
	const margin = "       │ "
	cut := false
	if utf8.RuneCountInString(s) > maxEvidenceRunes {
		s, cut = string([]rune(s)[:maxEvidenceRunes]), true
	}
	var out []string
	for _, line := range printableLines(s) {
		out = append(out, chop(line, t.o.Width-utf8.RuneCountInString(margin))...)
	}
	if len(out) > maxEvidenceLines {
		out, cut = out[:maxEvidenceLines], true
	}
	for _, line := range out {
		fmt.Fprintf(t.w, "%s%s\n", t.paint(dim, margin), t.paint(code, line))
	}
	if cut {
		fmt.Fprintf(t.w, "%s\n", t.paint(dim, margin+"… (cut here; --format json has it whole)"))
	}
}

func (t *text) end(s weir.Summary) {
	if t.o.Brief {
		return
	}
	if n := t.tally.Verdicts[weir.VerdictClean]; len(t.clean) > 0 {
		list := strings.Join(t.clean, ", ")
		if more := n - len(t.clean); more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		label := " CLEAN "
		fmt.Fprintf(t.w, "%s ", t.paint(verdictStyle[weir.VerdictClean], label))
		for i, line := range fold(list, t.o.Width-len(label)-1) {
			if i > 0 {
				t.w.WriteString(strings.Repeat(" ", len(label)+1))
			}
			t.w.WriteString(line + "\n")
		}
		t.w.WriteByte('\n')
	}
	t.outdated()
	style := verdictStyle[weir.VerdictClean]
	switch s.Outcome {
	case weir.OutcomeFail:
		style = verdictStyle[weir.VerdictMalicious]
	case weir.OutcomeIncomplete:
		style = verdictStyle[weir.VerdictIncomplete]
	}
	fmt.Fprintf(t.w, "%s\n", t.paint(style, t.tally.Line()))
}

// wrap writes s in lines of the terminal's width, each behind the indent; lines after an arrow stand below its text.
func (t *text) wrap(indent, s string) {
	hang := ""
	if strings.HasPrefix(s, "→ ") {
		hang = "  "
	}
	for i, line := range fold(s, t.o.Width-len(indent)-len(hang)) {
		if i > 0 {
			line = hang + line
		}
		t.w.WriteString(indent + line + "\n")
	}
}

// fold breaks s at spaces into lines of at most width characters; longer words are broken too.
func fold(s string, width int) []string {
	width = max(width, 20)
	var lines []string
	line, n := "", 0
	for word := range strings.FieldsSeq(s) {
		for _, part := range chop(word, width) {
			m := utf8.RuneCountInString(part)
			if n > 0 && n+1+m > width {
				lines, line, n = append(lines, line), "", 0
			}
			if n > 0 {
				line, n = line+" ", n+1
			}
			line, n = line+part, n+m
		}
	}
	return append(lines, line)
}

// chop cuts s into pieces of at most width characters.
func chop(s string, width int) []string {
	width = max(width, 20)
	if utf8.RuneCountInString(s) <= width {
		return []string{s}
	}
	var out []string
	r := []rune(s)
	for len(r) > width {
		out = append(out, string(r[:width]))
		r = r[width:]
	}
	return append(out, string(r))
}

// Styles are SGR parameters.
const (
	bold = "1"
	dim  = "2"
	code = "36"
)

var severityStyle = map[weir.Severity]string{
	weir.SeverityCritical: "1;31",
	weir.SeverityHigh:     "31",
	weir.SeverityMedium:   "33",
	weir.SeverityLow:      "34",
	weir.SeverityInfo:     "2",
}

var verdictStyle = map[weir.Verdict]string{
	weir.VerdictMalicious:  "1;97;41",
	weir.VerdictSuspicious: "1;31",
	weir.VerdictVulnerable: "1;33",
	weir.VerdictIncomplete: "1;35",
	weir.VerdictUnverified: "1;33",
	weir.VerdictClean:      "1;32",
}

func (t *text) paint(style, s string) string {
	if !t.o.Color || style == "" || s == "" {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// Bytes writes a size for a person.
func Bytes(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f, unit := float64(n)/1000, 0
	for f >= 999.5 && unit < 4 {
		f, unit = f/1000, unit+1
	}
	prec := 1
	if f >= 99.95 {
		prec = 0
	}
	return strconv.FormatFloat(f, 'f', prec, 64) + " " + []string{"kB", "MB", "GB", "TB", "PB"}[unit]
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
