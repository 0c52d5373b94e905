package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"weir"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sample is a stream with everything in it.
func sample() []weir.Event {
	return []weir.Event{
		{Start: &weir.Start{Schema: weir.Schema, Tool: weir.Tool{Name: "weir", Version: "1.2.3", Rules: 7, Advisories: "2026-11-20T00:00:00Z"}, Targets: []string{"models"}}},
		{Finding: &weir.Finding{
			Rule: "pickle/code-execution", Severity: weir.SeverityCritical, Confidence: weir.ConfidenceCertain, Impact: []weir.Impact{weir.ImpactExecution},
			Path: "models/a.pt", Member: "archive/data.pkl", Pos: weir.Pos{Offset: 17}, Message: "Loading this file calls os.system with a command.",
			Evidence: "os.system('echo hello > canary')", Fix: "Do not load it. Ask the sender for safetensors; torch.load(weights_only=True) of torch 2.6 or newer refuses this file.",
			Aliases: []string{"CVE-2025-32434"}, CWE: []int{502}, References: []string{"ATLAS:AML.T0011"}, Fingerprint: "0123456789abcdef0123456789abcdef",
		}},
		{Finding: &weir.Finding{
			Rule: "archive/trailing-bytes", Severity: weir.SeverityMedium, Confidence: weir.ConfidenceLikely, Impact: []weir.Impact{},
			Path: "models/a.pt", Message: "12 bytes follow the end of the archive.", Fix: "Save the model anew.",
			Aliases: []string{}, CWE: []int{}, References: []string{}, Fingerprint: "1123456789abcdef0123456789abcdef",
		}},
		{Artifact: &weir.Artifact{Path: "models/a.pt", Member: "archive/data.pkl", Format: "pickle", Size: 200, Verdict: weir.VerdictMalicious, Coverage: weir.CoverageComplete}},
		{Artifact: &weir.Artifact{Path: "models/a.pt", Format: "torch-zip", Framework: "pytorch", Size: 1234, Digest: "sha256:00ff", Verdict: weir.VerdictMalicious, Coverage: weir.CoverageComplete}},
		{Problem: &weir.Problem{Path: "models/b.7z", Member: "data.pkl", Stage: "parse", Reason: "encrypted"}},
		{Artifact: &weir.Artifact{Path: "models/b.7z", Format: "7z", Size: 12_345_678, Verdict: weir.VerdictIncomplete, Coverage: weir.CoveragePartial}},
		{Artifact: &weir.Artifact{Path: "models/c.pkl", Format: "pickle", Size: 99, Verdict: weir.VerdictClean, Coverage: weir.CoverageComplete}},
		{Finding: &weir.Finding{
			Rule: "pickle/unknown-call", Severity: weir.SeverityHigh, Confidence: weir.ConfidenceLikely, Impact: []weir.Impact{weir.ImpactExecution},
			Path: "models/d.pkl", Pos: weir.Pos{Offset: 3}, Message: "A function that weir does not know is called.", Evidence: "acme.build('x')", Aliases: []string{},
			CWE: []int{502}, References: []string{}, Fingerprint: "2123456789abcdef0123456789abcdef",
			Waived: &weir.Waiver{Reason: "ours, reviewed", Until: "2026-12-31", Source: "weir.yaml:4"},
		}},
		{Artifact: &weir.Artifact{Path: "models/d.pkl", Format: "pickle", Size: 40, Verdict: weir.VerdictSuspicious, Coverage: weir.CoverageComplete}},
		{Package: &weir.Package{PURL: "pkg:pypi/mlflow@2.9.2", Path: "models/requirements.txt", Line: 3, Direct: true, Chain: []string{}}},
		{Finding: &weir.Finding{
			Rule: "source/torch-load", Severity: weir.SeverityMedium, Confidence: weir.ConfidenceCertain, Impact: []weir.Impact{weir.ImpactExecution},
			Path: "models/load.py", Pos: weir.Pos{Line: 7, Column: 5}, Message: "torch.load without weights_only.", Evidence: "model = torch.load(\n\tpath)",
			Fix: "Pass weights_only=True.", Aliases: []string{}, CWE: []int{502}, References: []string{}, Fingerprint: "3123456789abcdef0123456789abcdef",
		}},
		{Artifact: &weir.Artifact{Path: "models/load.py", Format: "python", Size: 40, Verdict: weir.VerdictVulnerable, Coverage: weir.CoverageComplete}},
		{Problem: &weir.Problem{Path: "models/secret.pt", Stage: "open", Reason: "permission denied"}},
		{Finding: &weir.Finding{
			Rule: "policy/waiver-unused", Severity: weir.SeverityInfo, Confidence: weir.ConfidenceCertain, Impact: []weir.Impact{}, Path: "weir.yaml", Pos: weir.Pos{Line: 9},
			Message: "the waiver of torch/* covers nothing in this scan", Evidence: "rule: torch/*", Fix: "Remove it, or correct its rule or path.",
			Aliases: []string{}, CWE: []int{}, References: []string{}, Fingerprint: "4123456789abcdef0123456789abcdef",
		}},
		{End: &weir.End{Summary: weir.Summary{Critical: 1, Medium: 2, Info: 1, Waived: 1, Skipped: 2, Files: 8, Outcome: weir.OutcomeFail, ExitCode: 1, Seconds: 0.0125, Bytes: 12_347_051}}},
	}
}

func sampleRule(id string) (Doc, bool) {
	if id != "pickle/code-execution" {
		return Doc{}, false
	}
	return Doc{Title: "A pickle calls something dangerous when it is loaded", Help: "# What it is\n\nA *pickle* is a program.\n", Severity: weir.SeverityCritical, CWE: []int{502}}, true
}

// hostileText tries to break out of every format at once.
const hostileText = "x]]>-->\"'`|<script>alert(1)</script>${7*7}{{1}}&amp;\\u0041\n::error::owned\n## owned\r\n| a | b |\n\x1b[2J\x1b]0;owned\x07\u202eevil\u2066\u200b\u0085\u009b31m\x00\x7f\xff\xfe\ufeff\U000e0041 ```\n~~~\n[l](javascript:alert(1)) <!-- %0A"

// hostile is a stream in which every string that files can choose is hostile.
func hostile() []weir.Event {
	h := hostileText
	return []weir.Event{
		{Start: &weir.Start{Schema: weir.Schema, Tool: weir.Tool{Name: "weir", Version: "1"}, Targets: []string{h}}},
		{Finding: &weir.Finding{
			Rule: "pickle/code-execution", Severity: weir.SeverityCritical, Path: h, Member: h, Message: h, Evidence: h, Fix: h,
			Impact: []weir.Impact{}, Aliases: []string{"CVE-1"}, CWE: []int{502}, References: []string{"https://example.org/x"}, Fingerprint: "00",
		}},
		{Finding: &weir.Finding{Rule: "a/b", Severity: weir.SeverityLow, Path: h, Message: h, Evidence: "x", Waived: &weir.Waiver{Reason: h, Source: h, Until: h}}},
		{Problem: &weir.Problem{Path: h, Member: h, Stage: "parse", Reason: h}},
		{Artifact: &weir.Artifact{Path: h, Format: "pickle", Verdict: weir.VerdictMalicious, Coverage: weir.CoveragePartial}},
		{Artifact: &weir.Artifact{Path: h + "2", Format: "pickle", Verdict: weir.VerdictClean, Coverage: weir.CoverageComplete}},
		{Problem: &weir.Problem{Path: h + "3", Stage: "open", Reason: h}},
		{End: &weir.End{Summary: weir.Summary{Outcome: weir.OutcomeFail, ExitCode: 1}}},
	}
}

func render(t *testing.T, format string, o Options, events []weir.Event) []byte {
	t.Helper()
	f, err := Find(format)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	sink := f.New(&b, o)
	for _, e := range events {
		if err := sink(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is written now; go test -update writes it anew", file)
	}
}

func TestGolden(t *testing.T) {
	for _, f := range All() {
		t.Run(f.Name, func(t *testing.T) {
			golden(t, f.Name+".golden", render(t, f.Name, Options{Rule: sampleRule}, sample()))
		})
	}
}

func TestGoldenColor(t *testing.T) {
	golden(t, "text-color.golden", render(t, "text", Options{Color: true, Width: 60}, sample()))
}

func TestEmptyStreams(t *testing.T) {
	for _, f := range All() {
		t.Run(f.Name, func(t *testing.T) {
			got := render(t, f.Name, Options{}, []weir.Event{
				{Start: &weir.Start{Schema: weir.Schema}}, {End: &weir.End{Summary: weir.Summary{Outcome: weir.OutcomePass, Complete: true}}},
			})
			golden(t, f.Name+"-empty.golden", got)
		})
	}
}

// TestHostile: whatever names and evidence hold, no report has a character in it that a terminal would act on or that hides others.
func TestHostile(t *testing.T) {
	for _, f := range All() {
		t.Run(f.Name, func(t *testing.T) {
			for _, o := range []Options{{}, {Width: 1}, {Rule: sampleRule}} {
				got := render(t, f.Name, o, hostile())
				if !utf8.Valid(got) {
					t.Error("not UTF-8")
				}
				for i, r := range string(got) {
					if r != '\n' && !visible(r) {
						t.Errorf("%U at byte %d", r, i)
					}
				}
				if !strings.Contains(string(got), "alert(1)") {
					t.Error("the evidence is not in the report")
				}
			}
		})
	}
}

func TestHostileText(t *testing.T) {
	got := string(render(t, "text", Options{}, hostile()))
	for line := range strings.SplitSeq(got, "\n") {
		if strings.HasPrefix(line, "::") || strings.HasPrefix(line, "#") {
			t.Errorf("a line of the evidence stands as a line of its own: %q", line)
		}
		if n := utf8.RuneCountInString(line); n > 100 && !strings.Contains(line, `\x1b`) {
			t.Errorf("line of %d characters: %q", n, line)
		}
	}
}

// TestHostileJSON: both JSON forms give the hostile text back unharmed, but for bytes that are not UTF-8.
func TestHostileJSON(t *testing.T) {
	want := strings.ReplaceAll(strings.ReplaceAll(hostileText, "\xff", `\xff`), "\xfe", `\xfe`)
	var whole struct {
		Findings []weir.Finding
		Problems []weir.Problem
	}
	if err := json.Unmarshal(render(t, "json", Options{}, hostile()), &whole); err != nil {
		t.Fatal(err)
	}
	if f := whole.Findings[0]; f.Path != want || f.Evidence != want || whole.Problems[0].Reason != want {
		t.Errorf("got %q", f.Path)
	}
	n := 0
	for line := range bytes.Lines(render(t, "jsonl", Options{}, hostile())) {
		var e weir.Event
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		if e.Finding != nil && e.Finding.Path != want {
			t.Errorf("got %q", e.Finding.Path)
		}
		n++
	}
	if n != len(hostile()) {
		t.Errorf("%d lines", n)
	}
}

// TestReplay: a stored stream gives the same report as the scan itself, in every format.
func TestReplay(t *testing.T) {
	for name, events := range map[string][]weir.Event{"sample": sample(), "hostile": hostile()} {
		stored := render(t, "jsonl", Options{}, events)
		for _, f := range All() {
			t.Run(name+"/"+f.Name, func(t *testing.T) {
				var again bytes.Buffer
				if err := Replay(bytes.NewReader(stored), f.New(&again, Options{})); err != nil {
					t.Fatal(err)
				}
				if want := render(t, f.Name, Options{}, events); !bytes.Equal(again.Bytes(), want) {
					t.Errorf("%d bytes, and not the %d of the scan itself", again.Len(), len(want))
				}
			})
		}
	}
}

func TestReplayOfBrokenStreams(t *testing.T) {
	stored := string(render(t, "jsonl", Options{}, sample()))
	lines := strings.SplitAfter(stored, "\n")
	for name, tt := range map[string]struct {
		text string
		cut  bool
		want string
	}{
		"empty":          {"", false, "empty"},
		"no JSON":        {"hello\n", false, "line 1"},
		"other JSON":     {"{\"a\":1}\n", false, "line 1 is not the start"},
		"other schema":   {`{"start":{"schema":"weir/report/v9"}}` + "\n", false, "line 1 is not the start"},
		"no end":         {strings.Join(lines[:4], ""), true, "after line 4"},
		"cut in a line":  {stored[:len(stored)-20], true, "cut off"},
		"noise between":  {lines[0] + "noise\n" + lines[1], false, "line 2 is not an event"},
		"after the end":  {stored + lines[1], false, "comes after the end"},
		"noise after it": {stored + "noise\n", false, "not an event"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Replay(strings.NewReader(tt.text), func(weir.Event) error { return nil })
			if err == nil || errors.Is(err, ErrCut) != tt.cut || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTextIsBounded(t *testing.T) {
	events := sample()[:1]
	for i := range 1000 {
		events = append(events, weir.Event{Finding: &weir.Finding{Rule: "a/b", Severity: weir.SeverityLow, Path: "m", Evidence: strings.Repeat("é", 100_000), Pos: weir.Pos{Offset: int64(i)}}})
	}
	for range 1000 {
		events = append(events, weir.Event{Problem: &weir.Problem{Path: "m", Stage: "parse", Reason: "r"}})
	}
	for i := range 1000 {
		events = append(events, weir.Event{Artifact: &weir.Artifact{Path: fmt.Sprint(i), Format: "pickle", Verdict: weir.VerdictClean}})
	}
	got := render(t, "text", Options{}, append(events, sample()[len(sample())-1]))
	if len(got) > 64<<10 {
		t.Errorf("%d bytes for a person", len(got))
	}
	for _, want := range []string{"988 more findings", "994 more problems", "and 992 more"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is not said", want)
		}
	}
}

func TestWriteErrorsEndTheStream(t *testing.T) {
	for _, f := range All() {
		sink := f.New(failing{}, Options{})
		var err error
		for _, e := range sample() {
			if err = sink(e); err != nil {
				break
			}
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%s: got %v", f.Name, err)
		}
	}
}

var errFull = errors.New("disk full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain é 日本 'x'": "plain é 日本 'x'",
		"a\x1b[31mb":     `a\x1b[31mb`,
		"a\u202eb":       `a\u202eb`,
		"a\U000e0041b":   `a\U000e0041b`,
		"a\xffb":         `a\xffb`,
		"a\nb\tc\rd":     `a\nb\tc\rd`,
		"a\u00a0b":       `a\xa0b`,
		"a\u3164b":       `a\u3164b`,
		"\x9b":           `\x9b`,
		"\u009b":         `\x9b`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 12_345_678: "12.3 MB", 999_999: "1.0 MB", 99_960_000: "100 MB", 1 << 62: "4612 PB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}
