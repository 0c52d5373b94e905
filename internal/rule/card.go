package rule

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"weir"
)

//go:embed cards
var cardFiles embed.FS

// Card is what a person should know of one rule. It is at once `weir explain`, the page under docs/rules, the help text in SARIF and,
// through its examples, the rule's test.
type Card struct {
	ID       string
	What     string // what the rule finds
	Why      string // why it is dangerous
	Incident string // where it happened, with its source
	Fix      string // what to do, in full
	Examples []Example
}

// Example is a set of facts with the findings that all rules together must make of it.
type Example struct {
	Name  string
	Bad   bool // a finding of the card's rule is wanted
	File  weir.Artifact
	Units []Unit
	Want  []Want
	// Advice is what the advisory database says of a package, by its name; of others it says that nothing is known against them.
	Advice map[string]weir.Advice
	Text   string // as it stands in the card
}

// Advise answers for the advisory database.
func (e Example) Advise(r weir.Requirement) weir.Advice {
	if a, ok := e.Advice[r.Name]; ok {
		return a
	}
	return weir.Advice{Affected: weir.AffectedNone, Known: true}
}

// Want is one finding that an example must give; Text is part of its message or evidence.
type Want struct {
	Rule     string
	Severity weir.Severity
	Text     string
}

// CardOf reads the card of a rule. An error names what is missing or wrong in it.
func CardOf(id string) (Card, error) {
	name := path.Join("cards", id+".txtar")
	b, err := cardFiles.ReadFile(name)
	if err != nil {
		return Card{}, fmt.Errorf("rule %q has no card: %w", id, err)
	}
	c, err := parseCard(id, string(b))
	if err != nil {
		return Card{}, fmt.Errorf("card of rule %q: %w", id, err)
	}
	return c, nil
}

// CardIDs lists the rules that have a card. Finding none is an error: it would pass every test.
func CardIDs() ([]string, error) {
	var ids []string
	err := fs.WalkDir(cardFiles, "cards", func(name string, d fs.DirEntry, err error) error {
		if id, ok := strings.CutSuffix(name, ".txtar"); ok && err == nil {
			ids = append(ids, strings.TrimPrefix(id, "cards/"))
		}
		return err
	})
	if err == nil && len(ids) == 0 {
		err = fmt.Errorf("no cards are embedded")
	}
	return ids, err
}

func parseCard(id, text string) (Card, error) {
	c := Card{ID: id}
	for _, s := range sections(text) {
		body := strings.TrimSpace(s.body)
		if body == "" {
			return c, fmt.Errorf("section %q is empty", s.name)
		}
		kind, name, isExample := strings.Cut(s.name, "/")
		switch {
		case s.name == "what":
			c.What = body
		case s.name == "why":
			c.Why = body
		case s.name == "incident":
			c.Incident = body
		case s.name == "fix":
			c.Fix = body
		case isExample && (kind == "bad" || kind == "good"):
			e, err := parseExample(body)
			if err != nil {
				return c, fmt.Errorf("example %q: %w", s.name, err)
			}
			e.Name, e.Bad = name, kind == "bad"
			c.Examples = append(c.Examples, e)
		default:
			return c, fmt.Errorf("section %q is not known", s.name)
		}
	}
	for what, text := range map[string]string{"what": c.What, "why": c.Why, "incident": c.Incident, "fix": c.Fix} {
		if text == "" {
			return c, fmt.Errorf("section %q is missing", what)
		}
	}
	return c, nil
}

type section struct{ name, body string }

// sections splits a txtar archive ("-- name --" lines); text before the first section is a comment.
func sections(text string) []section {
	var out []section
	for line := range strings.Lines(text) {
		t := strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(t, "-- "); ok && strings.HasSuffix(name, " --") {
			out = append(out, section{name: strings.TrimSuffix(name, " --")})
			continue
		}
		if len(out) > 0 {
			out[len(out)-1].body += line
		}
	}
	return out
}

// unitLine describes a file or one of its members in an example.
type unitLine struct {
	Member    string   `json:"member"`
	Path      string   `json:"path"` // of the file itself; "example" when it does not matter
	Formats   []string `json:"formats"`
	Model     bool     `json:"model"`
	Framework string   `json:"framework"`
}

// factLine is a fact in an example: its kind, the member that holds it and the fact as in reports.
type factLine struct {
	Kind   string          `json:"kind"`
	Member string          `json:"member"`
	Fact   json.RawMessage `json:"fact"`
}

// parseExample reads lines: "unit {…}", "want rule severity [text]", "advice package {…}", comments (#) and facts as JSON.
func parseExample(text string) (Example, error) {
	e := Example{Text: text, File: weir.Artifact{Path: "example", Format: "pickle"}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := e.line(line); err != nil {
			return e, fmt.Errorf("%q: %w", line, err)
		}
	}
	if len(e.Units) == 0 {
		return e, fmt.Errorf("it holds no facts")
	}
	return e, nil
}

func (e *Example) line(line string) error {
	switch word, rest, _ := strings.Cut(line, " "); word {
	case "unit":
		var l unitLine
		if err := strictJSON(rest, &l); err != nil {
			return err
		}
		*e.unit(l.Member) = Unit{Member: l.Member, Formats: l.Formats, Model: l.Model}
		if l.Path != "" {
			e.File.Path = l.Path
		}
		if l.Framework != "" {
			e.File.Framework = l.Framework
		}
	case "want":
		parts := strings.SplitN(rest, " ", 3)
		if len(parts) < 2 {
			return fmt.Errorf("want needs a rule and a severity")
		}
		s, err := weir.ParseSeverity(parts[1])
		if err != nil {
			return err
		}
		e.Want = append(e.Want, Want{Rule: parts[0], Severity: s, Text: strings.Join(parts[2:], "")})
	case "advice":
		name, text, _ := strings.Cut(rest, " ")
		var a weir.Advice
		if err := strictJSON(text, &a); err != nil {
			return err
		}
		if e.Advice == nil {
			e.Advice = map[string]weir.Advice{}
		}
		e.Advice[name] = a
	default:
		var l factLine
		if err := strictJSON(line, &l); err != nil {
			return err
		}
		f, err := weir.DecodeFact(l.Kind, l.Fact)
		if err != nil {
			return err
		}
		u := e.unit(l.Member)
		u.Facts = append(u.Facts, f)
	}
	return nil
}

// unit finds or makes the unit of a member; a file that an example does not describe is a pickle.
func (e *Example) unit(member string) *Unit {
	for i := range e.Units {
		if e.Units[i].Member == member {
			return &e.Units[i]
		}
	}
	e.Units = append(e.Units, Unit{Member: member, Formats: []string{"pickle"}, Model: true})
	return &e.Units[len(e.Units)-1]
}

func strictJSON(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	return d.Decode(into)
}
