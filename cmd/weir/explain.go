package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir"
	"weir/internal/catalog"
	"weir/internal/rule"
	order "weir/internal/version"
)

func newExplain(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "explain RULE|SYSTEM",
		Short:   "What a finding means or what loading a system's models can do, and what to do",
		GroupID: "know",
		Long: `Explain teaches one rule: what it finds, why that is dangerous, where it happened to others, and how to fix it,
with examples of what it finds and what it does not. weir rules lists the rules.

Of a system (` + strings.Join(systemNames(), ", ") + `) it tells what loading one of its models can do, what happened, where its makers
publish security advisories, the first version without known flaws as the advisories here have it, and how to run
it safely.`,
		Example: `  weir explain pickle/code-execution
  weir explain mlflow`,
		Args: exactly("a RULE or a SYSTEM"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			ids := systemNames()
			for _, r := range ruleInfos() {
				ids = append(ids, r.ID+"\t"+r.Title)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
	}
	addOptions(cmd.Flags(), "db")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if slices.Contains(systemNames(), args[0]) {
			s, err := rule.SystemOf(args[0])
			if err != nil {
				return internal(err)
			}
			known, err := a.knownFlaws(cmd, s)
			if err != nil {
				return err
			}
			return a.print(a.explainSystem(s, known))
		}
		r, err := findRule(args[0])
		if err != nil {
			return err
		}
		return a.print(a.explain(r))
	}
	return cmd
}

// knownFlaws tells which versions of a system's packages have known flaws, as the advisories of this machine have it.
func (a *app) knownFlaws(cmd *cobra.Command, sys rule.System) (string, error) {
	s, err := loadSettings(a, cmd)
	if err != nil {
		return "", err
	}
	db, err := a.openAdvisories(s)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var b strings.Builder
	for _, p := range sys.Packages {
		fmt.Fprintf(&b, "- %s (%s): %s.\n", p[1], p[0], firstSafe(db.Advise, p[0], p[1]))
	}
	fmt.Fprintf(&b, "The advisories are of %s.\n", db.Date().UTC().Format(time.DateOnly))
	return b.String(), db.Err()
}

// firstSafe finds the version from which on nothing is known: the last fix of all flaws, or what is safe after it.
func firstSafe(advise func(weir.Requirement) weir.Advice, ecosystem, name string) string {
	a := advise(weir.Requirement{Ecosystem: ecosystem, Name: name, State: weir.PinAny})
	exact := func(v string) weir.Advice {
		return advise(weir.Requirement{Ecosystem: ecosystem, Name: name, State: weir.PinExact, Version: v})
	}
	// Where the data names few versions the newest may be all that an open question is about; the oldest there can be has what was never introduced.
	flaws := slices.Concat(a.Advisories, exact("0.0.1").Advisories)
	switch {
	case len(flaws) == 0 && a.Newest == "":
		return "no flaws on record"
	case len(flaws) == 0:
		return a.Newest + ", the newest on record, has no known flaws"
	}
	last, scheme := "", order.For(ecosystem)
	for _, v := range flaws {
		for _, f := range v.Fixed {
			if last == "" || scheme.Compare(f, last) > 0 {
				last = f
			}
		}
	}
	if last != "" {
		b := exact(last)
		if len(b.Advisories) > 0 {
			last = b.Safe
		}
	}
	if last != "" {
		return fmt.Sprintf("%s is the first version after all known fixes; the newest on record is %s", last, a.Newest)
	}
	if a.Newest == "" {
		return fmt.Sprintf("%d flaws on record, and no version that fixes them", len(flaws))
	}
	var open []string
	for _, v := range exact(a.Newest).Advisories {
		open = append(open, v.ID)
	}
	if len(open) == 0 {
		return a.Newest + ", the newest on record, has no known flaws"
	}
	return fmt.Sprintf("the newest on record, %s, still has %s", a.Newest, shortList(open))
}

// page gives the width of what explain writes and a function that makes a heading stand out.
func (a *app) page() (width int, style func(string) string) {
	if width = terminal(a.stdout); width == 0 {
		width = 100
	}
	return width, func(s string) string {
		if a.colors(a.stdout) {
			return "\x1b[1m" + s + "\x1b[0m"
		}
		return s
	}
}

// systemNames lists the systems that explain knows; they are embedded, so an error is a broken build and their test's to find.
func systemNames() []string {
	names, _ := rule.SystemNames()
	return names
}

// explainSystem tells about a system and lists the rules about it.
func (a *app) explainSystem(s rule.System, known string) string {
	width, style := a.page()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", style(s.Title))
	for _, part := range s.Parts() {
		fmt.Fprintf(&b, "\n%s\n%s", style(part.Head), reflow(part.Text, width-2, "  "))
	}
	fmt.Fprintf(&b, "\n%s\n%s", style("What the advisories of this machine say"), reflow(strings.TrimSpace(known), width-2, "  "))
	fmt.Fprintf(&b, "\n%s\n", style("Rules about it (weir explain RULE tells more)"))
	var rows [][]string
	for _, family := range s.Families {
		for _, r := range ruleInfos() {
			if strings.HasPrefix(r.ID, family+"/") {
				rows = append(rows, []string{"  " + r.ID, r.Severity.String(), r.Title})
			}
		}
	}
	b.WriteString(fitted(rows, terminal(a.stdout)))
	return b.String()
}

func (a *app) explain(r ruleInfo) string {
	width, style := a.page()
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s (%s", style(r.ID), r.Title, r.Severity)
	for _, c := range r.CWE {
		fmt.Fprintf(&b, ", CWE-%d", c)
	}
	fmt.Fprintf(&b, ", since %s)\n", r.Since)
	for _, part := range []struct{ title, text string }{{"What it is", r.card.What}, {"Why it is dangerous", r.card.Why}, {"Where it happened", r.card.Incident}, {"How to fix it", r.card.Fix}} {
		if part.text != "" {
			fmt.Fprintf(&b, "\n%s\n%s", style(part.title), reflow(part.text, width-2, "  "))
		}
	}
	for i, e := range r.card.Examples {
		if i == 0 {
			fmt.Fprintf(&b, "\n%s\n", style("Examples"))
		}
		b.WriteString(explainExample(e))
	}
	return b.String()
}

// explainExample shows what an example holds as a person reads it, and what is found in it.
func explainExample(e rule.Example) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(e.Name, "-", " "))
	last := ""
	for _, u := range e.Units {
		for _, f := range u.Facts {
			text := factText(f)
			if u.Member != "" {
				text = u.Member + ": " + text
			}
			if text != "" && text != last {
				fmt.Fprintf(&b, "    │ %s\n", text)
			}
			last = text
		}
	}
	for _, w := range e.Want {
		fmt.Fprintf(&b, "    → %s %s\n", w.Severity, w.Rule)
	}
	if len(e.Want) == 0 {
		b.WriteString("    → nothing\n")
	}
	return b.String()
}

// factText is a fact in one line.
func factText(f weir.Fact) string {
	switch f := f.(type) {
	case weir.Import:
		return fmt.Sprintf("%s (%s)", f.Evidence, f.Use)
	case weir.Call:
		return fmt.Sprintf("%s(%s)", f.Callee, strings.Join(f.Args, ", "))
	case weir.Member:
		if f.Link != "" {
			return fmt.Sprintf("entry %q, a link to %q", f.Name, f.Link)
		}
		return fmt.Sprintf("entry %q", f.Name)
	case weir.Class:
		return fmt.Sprintf("%s (%s)", cmp.Or(f.Evidence, f.Name), f.How)
	case weir.Code:
		return fmt.Sprintf("%s code %q", f.Language, f.Name)
	case weir.Oddity:
		return fmt.Sprintf("%s: %s", f.Kind, f.Detail)
	case weir.Storage:
		return fmt.Sprintf("storage %q of %d bytes, %d are there", f.Key, f.Want, f.Have)
	case weir.Setting:
		return fmt.Sprintf("%s = %s", f.Key, f.Value)
	case weir.Note:
		return fmt.Sprintf("%s: %s", f.Key, f.Value)
	case weir.Requirement:
		return f.Text
	case weir.Include:
		return f.Text
	case weir.Tensor:
		return fmt.Sprintf("tensor %q, %s %v", f.Name, f.DType, f.Shape)
	case weir.Part:
		return fmt.Sprintf("%s %q", f.Kind, f.Name)
	}
	return weir.KindOf(f)
}

// reflow wraps the paragraphs of Markdown text; items of lists stay apart, and blocks of code (indented or fenced) as they are.
func reflow(text string, width int, indent string) string {
	var b strings.Builder
	var words []string
	flush := func() {
		hang := indent
		if len(words) > 0 && isItem(words[0]) {
			hang += strings.Repeat(" ", len(words[0])+1)
		}
		line, n := indent, 0
		for _, w := range words {
			if n > 0 && len([]rune(line))+1+len([]rune(w)) > width {
				b.WriteString(line + "\n")
				line, n = hang, 0
			}
			if n > 0 {
				line += " "
			}
			line, n = line+w, n+1
		}
		if n > 0 {
			b.WriteString(line + "\n")
		}
		words = nil
	}
	fenced := false
	for line := range strings.SplitSeq(text, "\n") {
		first, _, _ := strings.Cut(line, " ")
		switch {
		case strings.HasPrefix(line, "```"):
			flush()
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    "):
			flush()
			b.WriteString(indent + line + "\n")
		case strings.TrimSpace(line) == "":
			flush()
			b.WriteString("\n")
		default:
			if isItem(first) {
				flush()
			}
			words = append(words, strings.Fields(line)...)
		}
	}
	flush()
	return b.String()
}

// isItem recognises what a list's item begins with: a dash, a star or a number with its dot.
func isItem(word string) bool {
	digits, dotted := strings.CutSuffix(word, ".")
	return word == "-" || word == "*" || dotted && digits != "" && strings.Trim(digits, "0123456789") == ""
}

func newRules(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "rules",
		Short:   "List the rules",
		GroupID: "know",
		Long:    `Rules lists every rule with the highest severity that it gives and its title. weir explain RULE tells more about one.`,
		Example: `  weir rules
  weir rules --format json`,
		Args: exactly(),
	}
	format := listFormat(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		rules := ruleInfos()
		if asJSON, err := format(); err != nil || asJSON {
			return a.printJSON(rules, err)
		}
		rows := [][]string{}
		for _, r := range rules {
			rows = append(rows, []string{r.ID, r.Severity.String(), r.Title})
		}
		return a.print(fitted(rows, terminal(a.stdout)))
	}
	return cmd
}

func newFormats(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "formats",
		Short:   "List the file formats that are understood",
		GroupID: "know",
		Long: `Formats lists every file format with its framework and how far it is understood: read means that every byte is
accounted for, recognised that the format is known but its content is not read; such a file is never clean.`,
		Example: `  weir formats
  weir formats --format json`,
		Args: exactly(),
	}
	format := listFormat(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		type info struct {
			Name      string `json:"name"`
			Doc       string `json:"doc"`
			Framework string `json:"framework"`
			Model     bool   `json:"model"`
			Read      bool   `json:"read"`
		}
		list := []info{}
		rows := [][]string{}
		for _, f := range catalog.Formats() {
			list = append(list, info{f.Name, f.Doc, f.Framework, f.Model, f.Parsed})
			how := "recognised"
			if f.Parsed {
				how = "read"
			}
			framework := f.Framework
			if framework == "" {
				framework = "-"
			}
			rows = append(rows, []string{f.Name, how, framework, f.Doc})
		}
		if asJSON, err := format(); err != nil || asJSON {
			return a.printJSON(list, err)
		}
		return a.print(fitted(rows, terminal(a.stdout)))
	}
	return cmd
}

// listFormat gives cmd the flag --format and a function that says whether it asks for JSON.
func listFormat(cmd *cobra.Command) func() (bool, error) {
	format := cmd.Flags().String("format", "text", "`text|json`, json for programs")
	_ = cmd.RegisterFlagCompletionFunc("format", complete("text", "json"))
	return func() (bool, error) {
		if *format != "text" && *format != "json" {
			return false, usage(didYouMean(*format, []string{"text", "json"}), "--format %q is not one of text, json", *format)
		}
		return *format == "json", nil
	}
}

// table lines up the columns of rows; the last is not padded.
func table(rows [][]string) string {
	width := map[int]int{}
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		for i, c := range r {
			if i == len(r)-1 {
				b.WriteString(c + "\n")
				continue
			}
			fmt.Fprintf(&b, "%-*s  ", width[i], c)
		}
	}
	return b.String()
}

// fitted is a table whose last column goes on in further rows where a terminal of that width would break it; elsewhere (width 0) a row is
// a line.
func fitted(rows [][]string, width int) string {
	if len(rows) == 0 {
		return ""
	}
	room := width
	for i := range rows[0][:len(rows[0])-1] {
		widest := 0
		for _, r := range rows {
			widest = max(widest, len([]rune(r[i])))
		}
		room -= widest + 2
	}
	if room < 20 {
		return table(rows)
	}
	var out [][]string
	for _, r := range rows {
		last := len(r) - 1
		for n, line := range strings.Split(strings.TrimRight(reflow(r[last], room, ""), "\n"), "\n") {
			if n == 0 {
				out = append(out, append(slices.Clone(r[:last]), line))
			} else {
				out = append(out, append(make([]string, last), line))
			}
		}
	}
	return table(out)
}

// print writes a command's text to standard output.
func (a *app) print(s string) error {
	_, err := io.WriteString(&pipeWriter{w: a.stdout}, s)
	return err
}

func (a *app) printJSON(v any, err error) error {
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return internal(err)
	}
	return a.print(string(b) + "\n")
}
