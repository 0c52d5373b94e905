package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"weir"
)

// compile reads a schema from testdata.
func compile(t *testing.T, file string) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(file, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSARIFSchema validates reports against the official schema.
func TestSARIFSchema(t *testing.T) {
	schema := compile(t, "sarif-schema-2.1.0.json")
	for name, events := range map[string][]weir.Event{
		"sample": sample(), "hostile": hostile(), "empty": {{Start: &weir.Start{}}, {End: &weir.End{Summary: weir.Summary{Complete: true}}}},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(render(t, "sarif", Options{Rule: sampleRule}, events)))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(v); err != nil {
				t.Error(err)
			}
		})
	}
	broken, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"version":"2.1.0","runs":[{"tool":{}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(broken) == nil {
		t.Error("the schema refuses nothing")
	}
}

func TestSARIFSaysOnlyWhatIsKnown(t *testing.T) {
	for name, tt := range map[string]struct {
		f    weir.Finding
		want string // region
	}{
		"text":             {weir.Finding{Path: "a.py", Pos: weir.Pos{Line: 3, Column: 2}}, `{"startLine":3,"startColumn":2}`},
		"binary":           {weir.Finding{Path: "a.pkl", Pos: weir.Pos{Offset: 9}}, `{"byteOffset":9}`},
		"member of a file": {weir.Finding{Path: "a.zip", Member: "x", Pos: weir.Pos{Offset: 9}}, `null`},
		"program inside":   {weir.Finding{Rule: "torch/x", Path: "a.pt", Member: "a/code/x.py", Pos: weir.Pos{Line: 8, Offset: 9}}, `null`},
		"nothing known":    {weir.Finding{Path: "a.pkl"}, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(sarifPlace(tt.f).Physical.Region)
			if err != nil || string(b) != tt.want {
				t.Errorf("got %s, %v", b, err)
			}
		})
	}
}

func TestSARIFLocations(t *testing.T) {
	for in, want := range map[string]sarifURI{
		"models/a b.pt":    {"models/a%20b.pt", sarifBase},
		"./a":              {"a", sarifBase},
		"../a#b?c%41":      {"../a%23b%3Fc%2541", sarifBase},
		"javascript:x":     {"javascript%3Ax", sarifBase},
		"/data/é.pt":       {"file:///data/%C3%A9.pt", ""},
		`C:\models\a.pt`:   {"file:///C%3A/models/a.pt", ""},
		"":                 {".", sarifBase},
		"-":                {"-", sarifBase},
		"a\nb":             {"a%0Ab", sarifBase},
		"//host/share/a":   {"file:////host/share/a", ""},
		"models/x%00/y.pt": {"models/x%2500/y.pt", sarifBase},
	} {
		if got := sarifLocate(in); got != want {
			t.Errorf("%q: got %+v, want %+v", in, got, want)
		}
	}
}

func TestSARIFMessagesMakeNoLinks(t *testing.T) {
	got := sarifMessage(weir.Finding{Message: "see [here](javascript:alert(1))"}).Text
	if got != `see \[here\](javascript:alert(1))` {
		t.Errorf("got %q", got)
	}
}

// bill is a stream with packages of every kind, a chain, a model, a flaw and a waived one.
func bill() []weir.Event {
	pack := func(purl string, line int, direct bool, chain []string, flaws ...string) weir.Event {
		return weir.Event{Package: &weir.Package{PURL: purl, Path: "app/poetry.lock", Line: line, Direct: direct, Chain: chain, Flaws: flaws, Safe: "2.2.3"}}
	}
	flaw := func(line int, w *weir.Waiver, ids ...string) weir.Event {
		return weir.Event{Finding: &weir.Finding{
			Rule: "dependency/known-vulnerability", Severity: weir.SeverityHigh, Path: "app/poetry.lock", Pos: weir.Pos{Line: line}, Message: "a flaw", Fix: "upgrade",
			Aliases: ids, CWE: []int{770}, References: []string{"https://example.org/a", "ATLAS:AML.T0011"}, Waived: w,
		}}
	}
	return []weir.Event{
		{Start: &weir.Start{Schema: weir.Schema, Tool: weir.Tool{Name: "weir", Version: "1"}, Targets: []string{"app"}}},
		flaw(9, nil, "CVE-2023-1", "GHSA-x"), flaw(4, &weir.Waiver{Reason: "not reached", Source: "weir.yaml:3"}, "CVE-2023-2"),
		pack("pkg:pypi/mlflow@2.9.2", 1, true, nil), pack("pkg:pypi/flask@2.2", 4, false, []string{"mlflow"}, "CVE-2023-2"),
		pack("pkg:pypi/werkzeug@2.2.2", 9, false, []string{"mlflow", "flask"}, "CVE-2023-1"),
		pack("pkg:maven/org.apache.commons/commons-text@1.9", 12, true, nil), pack("pkg:npm/%40scope/a@1", 13, true, nil), pack("pkg:oci/python@3.12", 14, true, nil),
		{Artifact: &weir.Artifact{Path: "app/poetry.lock", Format: "poetry-lock", Verdict: weir.VerdictVulnerable}},
		{Artifact: &weir.Artifact{Path: "app/m.pt", Format: "torch", Framework: "pytorch", Verdict: weir.VerdictClean, Digest: "sha256:" + strings.Repeat("0a", 32)}},
		{End: &weir.End{}},
	}
}

// TestCycloneDX validates bills against the official schema (its prose left out) and looks at what a reader needs most.
func TestCycloneDX(t *testing.T) {
	schema := compile(t, "cyclonedx-1.6.schema.json")
	for name, events := range map[string][]weir.Event{"sample": sample(), "hostile": hostile(), "bill": bill(), "empty": {{Start: &weir.Start{}}, {End: &weir.End{}}}} {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(render(t, "cyclonedx", Options{}, events)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken, _ := jsonschema.UnmarshalJSON(strings.NewReader(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library"}]}`))
	if schema.Validate(broken) == nil {
		t.Error("the schema refuses nothing")
	}
	got := string(render(t, "cyclonedx", Options{}, bill()))
	for _, want := range []string{
		`{"ref":"scan","dependsOn":["model:app/m.pt","pkg:maven/org.apache.commons/commons-text@1.9","pkg:npm/%40scope/a@1","pkg:oci/python@3.12","pkg:pypi/mlflow@2.9.2"]}`,
		`{"ref":"pkg:pypi/flask@2.2","dependsOn":["pkg:pypi/werkzeug@2.2.2"]}`, `"type":"machine-learning-model"`, `"group":"@scope","name":"a"`,
		`"id":"CVE-2023-1"`, `"affects":[{"ref":"pkg:pypi/werkzeug@2.2.2"}]`, `"response":["will_not_fix"],"detail":"not reached"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not in\n%s", want, got)
		}
	}
}

// TestGitLab checks what GitLab's schema (15.0.7, SAST) requires.
func TestGitLab(t *testing.T) {
	for name, events := range map[string][]weir.Event{"sample": sample(), "hostile": hostile(), "empty": {{Start: &weir.Start{}}, {End: &weir.End{}}}} {
		t.Run(name, func(t *testing.T) {
			var r struct {
				Version string
				Scan    struct {
					Analyzer, Scanner struct {
						ID, Name, Version string
						Vendor            struct{ Name string }
					}
					Type, Status string
					Start        string `json:"start_time"`
					End          string `json:"end_time"`
					Messages     []struct{ Level, Value string }
				}
				Vulnerabilities []struct {
					ID, Name, Description, Severity, Solution string
					Location                                  struct{ File string }
					Identifiers                               []struct{ Type, Name, Value string }
				}
			}
			if err := json.Unmarshal(render(t, "gitlab", Options{Rule: sampleRule}, events), &r); err != nil {
				t.Fatal(err)
			}
			s := r.Scan
			if !regexp.MustCompile(`^15\.\d+\.\d+$`).MatchString(r.Version) || s.Type != "sast" || (s.Status != "success" && s.Status != "failure") {
				t.Errorf("%+v", s)
			}
			stamp := regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$`)
			if !stamp.MatchString(s.Start) || !stamp.MatchString(s.End) {
				t.Errorf("times %q, %q", s.Start, s.End)
			}
			for _, a := range []string{s.Analyzer.ID, s.Analyzer.Name, s.Analyzer.Version, s.Analyzer.Vendor.Name, s.Scanner.ID, s.Scanner.Name, s.Scanner.Version} {
				if a == "" {
					t.Errorf("something is empty in %+v", s)
				}
			}
			if r.Vulnerabilities == nil {
				t.Error("vulnerabilities must be a list")
			}
			for _, v := range r.Vulnerabilities {
				if v.ID == "" || len(v.Identifiers) == 0 || v.Location.File == "" || len(v.Name) > 255 || len(v.Solution) > 7000 {
					t.Errorf("%+v", v)
				}
				if !strings.Contains("Info Low Medium High Critical", v.Severity) || v.Severity == "" {
					t.Errorf("severity %q", v.Severity)
				}
				for _, i := range v.Identifiers {
					if i.Type == "" || i.Name == "" || i.Value == "" {
						t.Errorf("identifier %+v", i)
					}
				}
			}
		})
	}
}

// TestJUnit reads the report back as test services do.
func TestJUnit(t *testing.T) {
	for name, events := range map[string][]weir.Event{"sample": sample(), "hostile": hostile()} {
		t.Run(name, func(t *testing.T) {
			text := render(t, "junit", Options{}, events)
			var r struct {
				Tests    int `xml:"tests,attr"`
				Failures int `xml:"failures,attr"`
				Errors   int `xml:"errors,attr"`
				Suites   []struct {
					Name  string `xml:"name,attr"`
					Cases []struct {
						Name    string `xml:"name,attr"`
						Failure *struct {
							Message string `xml:"message,attr"`
						} `xml:"failure"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			if err := xml.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			cases := 0
			for _, s := range r.Suites {
				cases += len(s.Cases)
			}
			if cases != r.Tests || r.Failures == 0 || r.Errors == 0 {
				t.Errorf("%d cases, %+v", cases, r)
			}
			if name == "hostile" && r.Suites[0].Name != Printable(weir.UTF8(hostileText)) {
				t.Errorf("name %q", r.Suites[0].Name)
			}
			d := xml.NewDecoder(bytes.NewReader(text))
			for {
				tok, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if e, ok := tok.(xml.StartElement); ok && !strings.Contains("testsuites testsuite testcase failure error skipped system-out", e.Name.Local) {
					t.Errorf("element %q", e.Name.Local)
				}
			}
		})
	}
}

// TestHostileHTML: no element or attribute but those of the page's own template.
func TestHostileHTML(t *testing.T) {
	got := string(render(t, "html", Options{}, hostile()))
	allowed := regexp.MustCompile(`^</?(!DOCTYPE html|html|head|meta|title|style|body|h1|h2|p|section|article|span|strong|pre|table|tr|td)( lang="en"| charset="utf-8"| http-equiv="Content-Security-Policy"| content="[^"<>]*"| name="(referrer|viewport)"| class="[a-z ]+")*>$`)
	for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(got, -1) {
		if !allowed.MatchString(tag) {
			t.Errorf("tag %q", tag)
		}
	}
	if !strings.Contains(got, `content="default-src 'none'; style-src 'unsafe-inline';`) {
		t.Error("the page has no policy")
	}
}

// TestHostileMarkdown: hostile text stays in its cell, and nothing in it is an element, a link, a mention or a heading.
func TestHostileMarkdown(t *testing.T) {
	events := hostile()
	events[1].Finding.Message += " @admin www.example.org https://example.org <b>"
	got := string(render(t, "markdown", Options{}, events))
	for line := range strings.SplitSeq(got, "\n") {
		if strings.HasPrefix(line, "|") && strings.Count(line, "|") != 5 {
			t.Errorf("a row with other cells: %q", line)
		}
		if strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "## weir: ") && line != "### What to do" && line != "### Not examined in full" {
			t.Errorf("heading %q", line)
		}
	}
	for _, bad := range []string{"@", "www.", "://", "](", "`", "$"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q stands in it", bad)
		}
	}
	for _, tag := range regexp.MustCompile(`<[^>]*>?`).FindAllString(got, -1) {
		if tag != "<code>" && tag != "</code>" && tag != "<span>" && tag != "</span>" {
			t.Errorf("element %q", tag)
		}
	}
}

func TestMarkdownKeepsTheWorst(t *testing.T) {
	events := sample()[:1]
	for i := range 200 {
		s := weir.SeverityLow
		if i == 150 {
			s = weir.SeverityCritical
		}
		events = append(events, weir.Event{Finding: &weir.Finding{Rule: "a/b", Severity: s, Path: fmt.Sprint("file", i)}})
	}
	got := string(render(t, "markdown", Options{}, append(events, sample()[len(sample())-1])))
	if !strings.Contains(got, "critical | <code>file150</code>") || !strings.Contains(got, "and 150 more findings") || len(got) > 65_536 {
		t.Errorf("%d characters: %s", len(got), got[:500])
	}
}
