package catalog

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/internal/rule"
)

var update = flag.Bool("update", false, "write what is generated instead of comparing it")

const pagesDir = "../../docs/rules"

// TestRulePages holds docs/rules to the cards: generated pages never lag.
func TestRulePages(t *testing.T) {
	pages := map[string]string{"README.md": index()}
	for _, r := range Rules() {
		card, err := rule.CardOf(r.ID)
		if err != nil {
			t.Fatal(err)
		}
		pages[r.ID+".md"] = page(r, card)
	}
	if *update {
		if err := os.RemoveAll(pagesDir); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range pages {
		file := filepath.Join(pagesDir, filepath.FromSlash(name))
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != text {
			t.Errorf("%s is not what the card says: run go test ./internal/catalog -run TestRulePages -update (%v)", name, err)
		}
	}
	on, err := filepath.Glob(filepath.Join(pagesDir, "*", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	if len(on)+1 != len(pages) || len(on) == 0 {
		t.Errorf("docs/rules holds %d pages, the catalogue has %d rules", len(on), len(pages)-1)
	}
}

const systemsDir = "../../docs/systems"

// TestSystemPages holds docs/systems to the texts of weir explain SYSTEM; -update writes them.
func TestSystemPages(t *testing.T) {
	names, err := rule.SystemNames()
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]string{}
	for _, name := range names {
		s, err := rule.SystemOf(name)
		if err != nil {
			t.Fatal(err)
		}
		pages[name+".md"] = systemPage(t, s)
	}
	if *update {
		if err := os.RemoveAll(systemsDir); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(systemsDir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range pages {
		file := filepath.Join(systemsDir, name)
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("%s is not what its text says: run go test ./internal/catalog -run TestSystemPages -update (%v)", name, err)
		}
	}
	on, err := filepath.Glob(filepath.Join(systemsDir, "*"))
	if err != nil || len(on) != len(pages) || len(on) == 0 {
		t.Errorf("docs/systems holds %d pages, %d systems can be explained (%v)", len(on), len(pages), err)
	}
}

// systemPage writes a system's page; one that no rule is about, or that does not say where advisories are published, is an error.
func systemPage(t *testing.T, s rule.System) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nGenerated from `internal/rule/systems`; `weir explain %s` shows the same text.\n", s.Title, s.Name)
	for _, part := range s.Parts() {
		fmt.Fprintf(&b, "\n## %s\n%s\n", part.Head, part.Text)
	}
	b.WriteString("\n## Rules about it\n")
	rules := 0
	for _, family := range s.Families {
		for _, r := range Rules() {
			if strings.HasPrefix(r.ID, family+"/") {
				rules++
				fmt.Fprintf(&b, "- [%s](../rules/%s.md): %s\n", r.ID, r.ID, r.Title)
			}
		}
	}
	if rules == 0 {
		t.Errorf("%s: no rule is about it", s.Name)
	}
	if !strings.Contains(s.Advisories, "https://") {
		t.Errorf("%s: no address of its advisories", s.Name)
	}
	return b.String()
}

func index() string {
	var b strings.Builder
	b.WriteString("# Rules\n\nGenerated from the cards in `internal/rule/cards`; `weir explain RULE` shows the same text.\n\n| rule | usually | finds |\n|---|---|---|\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "| [%s](%s.md) | %s | %s |\n", r.ID, r.ID, r.Severity, r.Title)
	}
	return b.String()
}

func page(r rule.Rule, c rule.Card) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s. Usually **%s**; since %s; ", r.ID, r.Title, r.Severity, r.Since)
	for i, n := range r.CWE {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "[CWE-%d](https://cwe.mitre.org/data/definitions/%d.html)", n, n)
	}
	b.WriteString(".\n")
	for _, s := range []struct{ head, text string }{
		{"What it finds", c.What}, {"Why it is dangerous", c.Why}, {"Where it happened", c.Incident}, {"What to do", c.Fix},
	} {
		fmt.Fprintf(&b, "\n## %s\n%s\n", s.head, s.text)
	}
	b.WriteString("\n## Examples\nFacts as parsers report them (`weir scan --facts --format jsonl`), and the findings that follow.\n")
	for _, e := range c.Examples {
		kind := "Silent"
		if e.Bad {
			kind = "Found"
		}
		fmt.Fprintf(&b, "\n%s: %s\n```\n%s\n```\n", kind, strings.ReplaceAll(e.Name, "-", " "), e.Text)
	}
	return b.String()
}
