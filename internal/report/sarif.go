package report

import (
	"bufio"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"weir"
)

// sarif writes SARIF 2.1.0 (OASIS Standard, with errata 01). Section numbers below are that document's.
type sarif struct {
	w         *bufio.Writer
	o         Options
	start     weir.Start
	rules     []sarifRule
	ruleIndex map[string]int
	cwe       []int
	artifacts jsonList
	results   jsonList
	notes     jsonList
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifRule struct {
	ID            string         `json:"id"`
	Short         sarifText      `json:"shortDescription"`
	Help          *sarifText     `json:"help,omitempty"`
	DefaultConfig map[string]any `json:"defaultConfiguration,omitempty"`
	Relationships []any          `json:"relationships,omitempty"`
	Properties    map[string]any `json:"properties"`
}

type sarifRegion struct {
	StartLine   int        `json:"startLine,omitempty"`
	StartColumn int        `json:"startColumn,omitempty"`
	ByteOffset  *int64     `json:"byteOffset,omitempty"`
	Snippet     *sarifText `json:"snippet,omitempty"`
}

type sarifURI struct {
	URI    string `json:"uri"`
	BaseID string `json:"uriBaseId,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifURI     `json:"artifactLocation"`
	Region   *sarifRegion `json:"region,omitempty"`
}

type sarifLogical struct {
	Name string `json:"fullyQualifiedName"`
	Kind string `json:"kind"`
}

type sarifLocation struct {
	Physical sarifPhysical  `json:"physicalLocation"`
	Logical  []sarifLogical `json:"logicalLocations,omitempty"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
	Suppressions []any             `json:"suppressions"` // 3.27.23: on all results or on none; empty means not suppressed
	Properties   map[string]any    `json:"properties"`
}

// sarifBase names the folder that relative paths start from; whoever reads the report knows where that is.
const sarifBase = "%SRCROOT%"

func newSARIF(w *bufio.Writer, o Options) weir.Sink {
	s := &sarif{w: w, o: o, ruleIndex: map[string]int{}}
	return func(e weir.Event) error {
		switch {
		case e.Start != nil:
			s.start = *e.Start
		case e.Artifact != nil && e.Artifact.Member == "":
			return s.artifact(*e.Artifact)
		case e.Finding != nil:
			return s.finding(*e.Finding)
		case e.Problem != nil:
			return s.problem(*e.Problem)
		case e.End != nil:
			return s.end(e.End.Summary)
		}
		return nil
	}
}

func (s *sarif) artifact(a weir.Artifact) error {
	v := map[string]any{
		"location": sarifLocate(a.Path), "length": a.Size,
		"properties": map[string]any{"format": a.Format, "framework": a.Framework, "verdict": a.Verdict, "coverage": a.Coverage},
	}
	if sum, ok := strings.CutPrefix(a.Digest, "sha256:"); ok {
		v["hashes"] = map[string]string{"sha-256": sum}
	}
	return s.artifacts.add(v)
}

func (s *sarif) finding(f weir.Finding) error {
	r := sarifResult{
		RuleID: f.Rule, RuleIndex: s.rule(f), Level: sarifLevel(f.Severity), Message: sarifMessage(f), Locations: []sarifLocation{sarifPlace(f)},
		Suppressions: []any{}, Properties: map[string]any{"severity": f.Severity, "confidence": f.Confidence, "impact": f.Impact, "aliases": f.Aliases},
	}
	if f.Fingerprint != "" {
		r.Fingerprints = map[string]string{"weir/v1": f.Fingerprint}
	}
	for key, v := range map[string]string{"evidence": f.Evidence, "fix": f.Fix, "member": f.Member} {
		if v != "" {
			r.Properties[key] = Printable(v)
		}
	}
	if f.Member != "" && f.Offset > 0 {
		r.Properties["memberOffset"] = f.Offset // within the member: no region of the file
	}
	if f.Line > 0 && lineOf(f) == 0 {
		r.Properties["memberLine"] = f.Line
	}
	if f.Waived != nil {
		r.Suppressions = append(r.Suppressions, map[string]any{
			"kind": "external", "status": "accepted", "justification": Printable(f.Waived.Reason),
			"properties": map[string]string{"source": Printable(f.Waived.Source), "until": Printable(f.Waived.Until)},
		})
	}
	return s.results.add(r)
}

// sarifPlace says where a finding is without claiming more than is known: a line only in text, a byte offset only in the file itself. What
// lies in an archive's member has the archive as its physical place and the member as its logical one.
func sarifPlace(f weir.Finding) sarifLocation {
	l := sarifLocation{Physical: sarifPhysical{Artifact: sarifLocate(f.Path)}}
	switch {
	case lineOf(f) > 0:
		l.Physical.Region = &sarifRegion{StartLine: lineOf(f), StartColumn: f.Column}
		if f.Evidence != "" {
			l.Physical.Region.Snippet = &sarifText{Text: Printable(f.Evidence)}
		}
	case f.Member == "" && f.Offset > 0:
		l.Physical.Region = &sarifRegion{ByteOffset: &f.Offset}
	}
	if f.Member != "" {
		l.Logical = []sarifLogical{{Name: Printable(f.Member), Kind: "member"}}
	}
	return l
}

// lineOf is the line of a finding in its physical file; services mark it in the file itself. What lies in a member has none there.
func lineOf(f weir.Finding) int {
	if f.Member != "" {
		return 0
	}
	return f.Line
}

// sarifMessage is what services show: the message and the evidence, both as plain text (3.11.6: brackets would make links).
func sarifMessage(f weir.Finding) sarifText {
	text := Printable(f.Message)
	if f.Member != "" {
		text += " In " + Printable(f.Member) + "."
	}
	if f.Evidence != "" {
		text += " Evidence: " + Printable(short(f.Evidence, 500))
	}
	if strings.Contains(text, "](") {
		text = strings.NewReplacer(`[`, `\[`, `]`, `\]`).Replace(text)
	}
	return sarifText{Text: text}
}

// rule gives the index of a finding's rule, which is described when it is first met.
func (s *sarif) rule(f weir.Finding) int {
	if i, ok := s.ruleIndex[f.Rule]; ok {
		return i
	}
	d, ok := s.o.doc(f.Rule)
	if !ok {
		d = Doc{Title: f.Rule, Severity: f.Severity, CWE: f.CWE}
	}
	tags := []string{"security"}
	r := sarifRule{ID: f.Rule, Short: sarifText{Text: d.Title}, DefaultConfig: map[string]any{"level": sarifLevel(d.Severity)}}
	for _, c := range d.CWE {
		tags = append(tags, fmt.Sprintf("external/cwe/cwe-%d", c))
		r.Relationships = append(r.Relationships, map[string]any{
			"target": map[string]any{"id": fmt.Sprint(c), "toolComponent": map[string]string{"name": "CWE"}}, "kinds": []string{"superset"},
		})
		if !slices.Contains(s.cwe, c) {
			s.cwe = append(s.cwe, c)
		}
	}
	if d.Help != "" {
		r.Help = &sarifText{Text: d.Help, Markdown: d.Help}
	}
	r.Properties = map[string]any{"tags": tags, "precision": "high"}
	if score := securitySeverity[d.Severity]; score != "" {
		r.Properties["security-severity"] = score
	}
	s.ruleIndex[f.Rule] = len(s.rules)
	s.rules = append(s.rules, r)
	return s.ruleIndex[f.Rule]
}

// securitySeverity puts a rule into the band of its severity where services know numbers only (above 9 critical, above 7 high, above 4 medium).
var securitySeverity = map[weir.Severity]string{weir.SeverityCritical: "9.5", weir.SeverityHigh: "8.0", weir.SeverityMedium: "5.5", weir.SeverityLow: "2.0"}

func sarifLevel(s weir.Severity) string {
	switch {
	case s >= weir.SeverityHigh:
		return "error"
	case s == weir.SeverityMedium:
		return "warning"
	}
	return "note"
}

func (s *sarif) problem(p weir.Problem) error {
	text := fmt.Sprintf("%s could not be examined in full (%s): %s", Printable(join(p.Path, p.Member)), Printable(p.Stage), Printable(p.Reason))
	return s.notes.add(map[string]any{
		"level": "error", "message": sarifText{Text: text}, "locations": []sarifLocation{{Physical: sarifPhysical{Artifact: sarifLocate(p.Path)}}},
		"descriptor": map[string]string{"id": "problem/" + Printable(p.Stage)},
	})
}

func (s *sarif) end(sum weir.Summary) error {
	driver := map[string]any{"name": "weir", "rules": s.rules}
	if s.rules == nil {
		driver["rules"] = []any{}
	}
	if v := s.start.Tool.Version; v != "" {
		driver["version"] = v
	}
	head := []sarifField{
		{"tool", map[string]any{"driver": driver}},
		{"originalUriBaseIds", map[string]any{sarifBase: map[string]any{"description": sarifText{Text: "The working directory of the scan."}}}},
		{"columnKind", "unicodeCodePoints"},
		{"properties", map[string]any{"outcome": sum.Outcome, "complete": sum.Complete, "files": sum.Files, "skipped": sum.Skipped}},
	}
	if len(s.cwe) > 0 {
		slices.Sort(s.cwe)
		taxa := []any{}
		for _, c := range s.cwe {
			taxa = append(taxa, map[string]any{"id": fmt.Sprint(c), "helpUri": fmt.Sprintf("https://cwe.mitre.org/data/definitions/%d.html", c)})
		}
		cwe := map[string]any{"name": "CWE", "organization": "MITRE", "shortDescription": sarifText{Text: "The MITRE Common Weakness Enumeration"}, "taxa": taxa}
		head = append(head, sarifField{"taxonomies", []any{cwe}})
		driver["supportedTaxonomies"] = []any{map[string]any{"name": "CWE", "index": 0}}
	}
	s.w.WriteString("{\n \"$schema\": \"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json\",\n \"version\": \"2.1.0\",\n \"runs\": [{")
	for _, f := range head {
		b, err := encode(f.value)
		if err != nil {
			return fmt.Errorf("sarif: %w", err)
		}
		fmt.Fprintf(s.w, "\n  %q: %s,", f.name, b)
	}
	// The long lists go out as they are: another copy of a big scan's results would double the memory.
	fmt.Fprintf(s.w, "\n  \"invocations\": [{\"executionSuccessful\": %t, \"exitCode\": %d, \"toolExecutionNotifications\": ", sum.Complete, sum.ExitCode)
	s.notes.writeTo(s.w)
	s.w.WriteString("}],\n  \"artifacts\": ")
	s.artifacts.writeTo(s.w)
	s.w.WriteString(",\n  \"results\": ")
	s.results.writeTo(s.w)
	_, err := s.w.WriteString("\n }]\n}\n")
	return err
}

// sarifField is one of a run's small properties.
type sarifField struct {
	name  string
	value any
}

// sarifLocate names a file as a URI (RFC 3986): relative to the base where the path is, and every byte that is not plain written as %XX.
func sarifLocate(p string) sarifURI {
	p = strings.ReplaceAll(p, `\`, "/")
	switch {
	case p == "":
		p = "."
	case path.IsAbs(p):
		return sarifURI{URI: "file://" + percent(p)}
	case len(p) > 2 && p[1] == ':' && p[2] == '/':
		return sarifURI{URI: "file:///" + percent(p)}
	}
	return sarifURI{URI: percent(path.Clean(p)), BaseID: sarifBase}
}

func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c < utf8.RuneSelf && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// short cuts s to at most n characters.
func short(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n]) + "…"
}

// join names a member of a file as people write it.
func join(path, member string) string {
	if member == "" {
		return path
	}
	return path + "!/" + member
}
