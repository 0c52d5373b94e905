package report

import (
	"bufio"
	"fmt"
	"strings"
	"unicode/utf8"

	"weir"
)

// Bounds of a Markdown report: a pull request's comment holds 65,536 characters.
const (
	maxMarkdownFindings = 50
	maxMarkdownProblems = 20
	maxMarkdownText     = 300
)

// newMarkdown writes for a pull request's comment or a job's summary: the outcome, what counts, and what could not be examined.
func newMarkdown(w *bufio.Writer, o Options) weir.Sink {
	var tally Tally
	var findings []weir.Finding
	var problems []weir.Problem
	more, moreProblems := 0, 0
	return func(e weir.Event) error {
		tally.Count(e)
		switch {
		case e.Finding != nil && e.Finding.Waived == nil:
			findings, more = keepWorst(findings, *e.Finding, more)
		case e.Problem != nil:
			if len(problems) < maxMarkdownProblems {
				problems = append(problems, *e.Problem)
			} else {
				moreProblems++
			}
		case e.End != nil:
			writeMarkdown(w, o, tally, e.End.Summary, findings, problems, more, moreProblems)
		}
		return nil
	}
}

// keepWorst adds f to the worst findings, in their order; beyond the bound the mildest is dropped and counted.
func keepWorst(list []weir.Finding, f weir.Finding, dropped int) ([]weir.Finding, int) {
	i := len(list)
	for i > 0 && list[i-1].Severity < f.Severity {
		i--
	}
	list = append(list, weir.Finding{})
	copy(list[i+1:], list[i:])
	list[i] = f
	if len(list) > maxMarkdownFindings {
		return list[:maxMarkdownFindings], dropped + 1
	}
	return list, dropped
}

func writeMarkdown(w *bufio.Writer, o Options, tally Tally, sum weir.Summary, findings []weir.Finding, problems []weir.Problem, more, moreProblems int) {
	fmt.Fprintf(w, "## weir: %s\n\n%s\n", sum.Outcome, tally.Line())
	if len(findings) > 0 {
		w.WriteString("\n| severity | file | what | evidence |\n|---|---|---|---|\n")
		for _, f := range findings {
			where := join(f.Path, f.Member)
			if f.Line > 0 {
				where += fmt.Sprintf(":%d", f.Line)
			}
			fmt.Fprintf(w, "| %s | %s | %s %s | %s |\n", f.Severity, cell(where), cell(f.Rule), plain(short(f.Message, maxMarkdownText)), cell(f.Evidence))
		}
	}
	if more > 0 {
		fmt.Fprintf(w, "\n… and %s.\n", plural(more, "more finding"))
	}
	if fixes := distinctFixes(findings); len(fixes) > 0 {
		w.WriteString("\n### What to do\n\n")
		for _, f := range fixes {
			fmt.Fprintf(w, "- %s: %s\n", cell(f.Rule), plain(f.Fix))
		}
	}
	if len(problems) > 0 {
		w.WriteString("\n### Not examined in full\n\n")
		for _, p := range problems {
			fmt.Fprintf(w, "- %s (%s): %s\n", cell(join(p.Path, p.Member)), plain(p.Stage), plain(short(p.Reason, maxMarkdownText)))
		}
	}
	if moreProblems > 0 {
		fmt.Fprintf(w, "- … and %s\n", plural(moreProblems, "more problem"))
	}
}

func distinctFixes(findings []weir.Finding) []weir.Finding {
	seen := map[string]bool{}
	var out []weir.Finding
	for _, f := range findings {
		if key := f.Rule + "\x00" + f.Fix; f.Fix != "" && !seen[key] && len(out) < 10 {
			seen[key] = true
			out = append(out, f)
		}
	}
	return out
}

// cell is hostile text as code. It is written as an element because no run of backquotes holds together in every renderer's tables.
func cell(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + entities(Printable(short(s, maxMarkdownText))) + "</code>"
}

// plain is s as text in which nothing is Markdown, HTML, a mention or a link.
func plain(s string) string {
	s = entities(Printable(s))
	// Mentions are looked for in the finished page, where an entity is no protection; an element between is.
	s = strings.ReplaceAll(s, "&#64;", "<span>&#64;</span>")
	return strings.ReplaceAll(s, "www.", "www&#46;")
}

// entities writes every ASCII mark that could mean something within a line of Markdown or HTML as a character reference.
func entities(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r < utf8.RuneSelf && r > ' ' && !strings.ContainsRune(`.,()'-/!;%?+"=`, r) && !isAlnum(r) {
			fmt.Fprintf(&b, "&#%d;", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isAlnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// codeBlock is s as a block of code, fenced by more backquotes than any run in it.
func codeBlock(s string) string {
	fence := strings.Repeat("`", max(3, longestRun(s, '`')+1))
	return fence + "\n" + s + "\n" + fence
}

func longestRun(s string, c rune) int {
	longest, n := 0, 0
	for _, r := range s {
		if n++; r != c {
			n = 0
		}
		longest = max(longest, n)
	}
	return longest
}
