package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir"
)

func finding(rule string, s weir.Severity, path, member, evidence string) weir.Event {
	return weir.Event{Finding: &weir.Finding{Rule: rule, Severity: s, Path: path, Member: member, Evidence: evidence}}
}

func artifact(path, format string, c weir.Coverage) weir.Event {
	return weir.Event{Artifact: &weir.Artifact{Path: path, Format: format, Coverage: c, Size: 10}}
}

func problem(path string) weir.Event {
	return weir.Event{Problem: &weir.Problem{Path: path, Stage: "parse", Reason: "broken"}}
}

// judge runs events through cfg and returns what came out, the last event being the end.
func judge(t *testing.T, cfg Config, events ...weir.Event) []weir.Event {
	t.Helper()
	var out []weir.Event
	j, err := New(cfg, func(e weir.Event) error { out = append(out, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(events, weir.Event{End: &weir.End{}}) {
		if err := j.Sink(e); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func summary(t *testing.T, out []weir.Event) weir.Summary {
	t.Helper()
	e := out[len(out)-1].End
	if e == nil {
		t.Fatal("the stream has no end")
	}
	return e.Summary
}

func config() Config {
	return Config{FailOn: weir.SeverityHigh, Show: weir.SeverityInfo, Today: "2026-11-24", Model: func(f string) bool { return f == "pickle" }}
}

func TestOutcomes(t *testing.T) {
	crit := finding("a/b", weir.SeverityCritical, "m.pkl", "", "x")
	med := finding("a/b", weir.SeverityMedium, "m.pkl", "", "x")
	missing := weir.Event{Problem: &weir.Problem{Path: "gone", Stage: weir.StageTarget}}
	for name, tt := range map[string]struct {
		failOn weir.Severity
		events []weir.Event
		want   weir.Outcome
		code   int
	}{
		"nothing":                   {weir.SeverityHigh, nil, weir.OutcomePass, 0},
		"critical":                  {weir.SeverityHigh, []weir.Event{crit}, weir.OutcomeFail, 1},
		"below fail-on":             {weir.SeverityHigh, []weir.Event{med}, weir.OutcomePass, 0},
		"at fail-on":                {weir.SeverityMedium, []weir.Event{med}, weir.OutcomeFail, 1},
		"problem":                   {weir.SeverityHigh, []weir.Event{problem("m.pkl")}, weir.OutcomeIncomplete, 3},
		"problem and finding":       {weir.SeverityHigh, []weir.Event{problem("m.pkl"), crit}, weir.OutcomeFail, 1},
		"problem and mild finding":  {weir.SeverityHigh, []weir.Event{problem("m.pkl"), med}, weir.OutcomeIncomplete, 3},
		"fail-on none":              {weir.SeverityNone, []weir.Event{crit}, weir.OutcomePass, 0},
		"fail-on none with problem": {weir.SeverityNone, []weir.Event{crit, problem("x")}, weir.OutcomeIncomplete, 3},
		"missing target":            {weir.SeverityHigh, []weir.Event{missing}, weir.OutcomeIncomplete, 2},
		"missing target, problem":   {weir.SeverityHigh, []weir.Event{missing, problem("x")}, weir.OutcomeIncomplete, 2},
		"missing target, finding":   {weir.SeverityHigh, []weir.Event{missing, crit}, weir.OutcomeFail, 1},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.FailOn = tt.failOn
			s := summary(t, judge(t, cfg, tt.events...))
			if s.Outcome != tt.want || s.ExitCode != tt.code {
				t.Errorf("got %s (%d), want %s (%d)", s.Outcome, s.ExitCode, tt.want, tt.code)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	const c, p, r = weir.CoverageComplete, weir.CoveragePartial, weir.CoverageRecognised
	for name, tt := range map[string]struct {
		events []weir.Event
		want   weir.Verdict
	}{
		"clean":                       {[]weir.Event{artifact("m", "pickle", c)}, weir.VerdictClean},
		"low is clean":                {[]weir.Event{finding("a/b", weir.SeverityLow, "m", "", ""), artifact("m", "pickle", c)}, weir.VerdictClean},
		"recognised":                  {[]weir.Event{artifact("m", "pickle", r)}, weir.VerdictUnverified},
		"no coverage is not complete": {[]weir.Event{artifact("m", "pickle", "")}, weir.VerdictUnverified},
		"medium":                      {[]weir.Event{finding("a/b", weir.SeverityMedium, "m", "", ""), artifact("m", "pickle", c)}, weir.VerdictUnverified},
		"partial beats medium":        {[]weir.Event{finding("a/b", weir.SeverityMedium, "m", "", ""), artifact("m", "pickle", p)}, weir.VerdictIncomplete},
		"problem":                     {[]weir.Event{problem("m"), artifact("m", "pickle", c)}, weir.VerdictIncomplete},
		"high beats problem":          {[]weir.Event{problem("m"), finding("a/b", weir.SeverityHigh, "m", "", ""), artifact("m", "pickle", p)}, weir.VerdictSuspicious},
		"critical in a member":        {[]weir.Event{finding("a/b", weir.SeverityCritical, "m", "x!/y", ""), artifact("m", "pickle", c)}, weir.VerdictMalicious},
		"not a model":                 {[]weir.Event{finding("a/b", weir.SeverityCritical, "m", "", ""), artifact("m", "text", c)}, weir.VerdictVulnerable},
		"not a model, problem":        {[]weir.Event{problem("m"), artifact("m", "zip", p)}, weir.VerdictIncomplete},
		"a low one hides no problem":  {[]weir.Event{problem("m"), finding("a/b", weir.SeverityLow, "m", "", ""), artifact("m", "zip", p)}, weir.VerdictIncomplete},
		"not a model, high, problem":  {[]weir.Event{problem("m"), finding("a/b", weir.SeverityHigh, "m", "", ""), artifact("m", "zip", p)}, weir.VerdictVulnerable},
		"a model that hides":          {[]weir.Event{finding("pickle/x", weir.SeverityCritical, "m", "", ""), artifact("m", "", c)}, weir.VerdictMalicious},
		"container of a model": {[]weir.Event{
			finding("a/b", weir.SeverityCritical, "m", "x", ""),
			{Artifact: &weir.Artifact{Path: "m", Member: "x", Format: "pickle", Coverage: c}},
			artifact("m", "zip", c),
		}, weir.VerdictMalicious},
	} {
		t.Run(name, func(t *testing.T) {
			out := judge(t, config(), tt.events...)
			if got := out[len(out)-2].Artifact; got == nil || got.Verdict != tt.want {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
		})
	}
}

func TestVerdictOfMembersStaysApart(t *testing.T) {
	out := judge(t, config(),
		finding("a/b", weir.SeverityCritical, "m", "bad", ""),
		weir.Event{Artifact: &weir.Artifact{Path: "m", Member: "bad", Format: "pickle", Coverage: weir.CoverageComplete}},
		weir.Event{Artifact: &weir.Artifact{Path: "m", Member: "bad2", Format: "pickle", Coverage: weir.CoverageComplete}},
		artifact("m", "zip", weir.CoverageComplete),
		artifact("n", "pickle", weir.CoverageComplete),
	)
	var got []weir.Verdict
	for _, e := range out {
		if e.Artifact != nil {
			got = append(got, e.Artifact.Verdict)
		}
	}
	want := []weir.Verdict{weir.VerdictMalicious, weir.VerdictClean, weir.VerdictMalicious, weir.VerdictClean}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestDemand: what a demanded rule finds fails the scan and is shown, unless it is waived.
func TestDemand(t *testing.T) {
	cfg := config()
	cfg.Demand, cfg.Show = []string{"a/b"}, weir.SeverityHigh
	info := finding("a/b", weir.SeverityInfo, "x", "", "")
	if out := judge(t, cfg, info); summary(t, out).ExitCode != ExitFail || len(out) != 2 {
		t.Errorf("demanded: %+v", out)
	}
	cfg.Waivers = []Waiver{{Rule: "a/b", Reason: "known", Source: "weir.yaml:1"}}
	if out := judge(t, cfg, info); summary(t, out).ExitCode != ExitPass {
		t.Errorf("waived: %+v", out)
	}
	cfg.Waivers, cfg.Demand = nil, nil
	if out := judge(t, cfg, info); summary(t, out).ExitCode != ExitPass || len(out) != 1 {
		t.Errorf("not demanded: %+v", out)
	}
}

// TestOutside: what a model asks for does not make it suspicious, malware aside; a file that is no model is vulnerable.
func TestOutside(t *testing.T) {
	for _, tt := range []struct {
		rule, format string
		want         weir.Verdict
	}{
		{"dependency/known-vulnerability", "pickle", weir.VerdictClean},
		{"dependency/malicious-package", "pickle", weir.VerdictSuspicious},
		{"dependencies/other", "pickle", weir.VerdictSuspicious},
		{"dependency/known-vulnerability", "text", weir.VerdictVulnerable},
	} {
		out := judge(t, config(), finding(tt.rule, weir.SeverityHigh, "m", "", ""), artifact("m", tt.format, weir.CoverageComplete))
		if got := out[1].Artifact.Verdict; got != tt.want {
			t.Errorf("%s in %s: got %s, want %s", tt.rule, tt.format, got, tt.want)
		}
		if s := summary(t, out); s.Outcome != weir.OutcomeFail {
			t.Errorf("%s: the scan is a %s", tt.rule, s.Outcome)
		}
	}
}

// TestFolder gives a folder the worst of what it holds, and counts it as no file.
func TestFolder(t *testing.T) {
	for want, a := range map[weir.Verdict]weir.Artifact{
		weir.VerdictClean:      {Coverage: weir.CoverageComplete, Holds: &weir.Holds{}},
		weir.VerdictUnverified: {Coverage: weir.CoverageComplete, Holds: &weir.Holds{Worst: weir.SeverityMedium}},
		weir.VerdictIncomplete: {Coverage: weir.CoverageComplete, Holds: &weir.Holds{Problems: true}},
		weir.VerdictSuspicious: {Coverage: weir.CoveragePartial, Holds: &weir.Holds{Worst: weir.SeverityHigh, Problems: true}},
		weir.VerdictMalicious:  {Coverage: weir.CoverageComplete, Holds: &weir.Holds{Worst: weir.SeverityCritical}},
	} {
		a.Path, a.Format, a.Size = "m", "text", 20
		out := judge(t, config(), artifact("m/a", "pickle", weir.CoverageComplete), weir.Event{Artifact: &a})
		if got := out[1].Artifact.Verdict; got != want {
			t.Errorf("%+v: got %s, want %s", *a.Holds, got, want)
		}
		if s := summary(t, out); s.Files != 1 || s.Bytes != 10 {
			t.Errorf("counted %d files and %d bytes", s.Files, s.Bytes)
		}
	}
	found := finding("a/b", weir.SeverityHigh, "m", "", "")
	out := judge(t, config(), artifact("m/a", "pickle", weir.CoverageComplete), found,
		weir.Event{Artifact: &weir.Artifact{Path: "m", Format: "text", Coverage: weir.CoverageComplete, Holds: &weir.Holds{}}})
	if got := out[2].Artifact.Verdict; got != weir.VerdictSuspicious {
		t.Errorf("a finding about the folder itself: got %s", got)
	}
}

func TestInertFilesAreCountedAndDropped(t *testing.T) {
	out := judge(t, config(), artifact("a.txt", "", weir.CoverageComplete), artifact("m", "pickle", weir.CoverageComplete))
	s := summary(t, out)
	if len(out) != 2 || s.Skipped != 1 || s.Files != 2 || s.Bytes != 20 {
		t.Errorf("got %d events and %+v", len(out), s)
	}
}

func TestShow(t *testing.T) {
	cfg := config()
	cfg.Show = weir.SeverityCritical
	out := judge(t, cfg, finding("a/b", weir.SeverityMedium, "m", "", ""), finding("a/c", weir.SeverityHigh, "m", "", ""))
	if len(out) != 2 || out[0].Finding.Rule != "a/c" {
		t.Errorf("only what fails the scan is shown below --severity: %+v", out)
	}
	if s := summary(t, out); s.Medium != 1 || s.High != 1 {
		t.Errorf("what is not shown still counts: %+v", s)
	}
}

func TestWaivers(t *testing.T) {
	hit := finding("pickle/code-execution", weir.SeverityCritical, "models/a.pt", "data.pkl", "os.system('x')")
	for name, tt := range map[string]struct {
		w      Waiver
		prefix string
		waived bool
		rules  []string // of the findings that policy adds
	}{
		"exact":                 {Waiver{Rule: "pickle/code-execution", Path: "models/a.pt"}, "", true, nil},
		"family and glob":       {Waiver{Rule: "pickle/*", Path: "models/**"}, "", true, nil},
		"no path":               {Waiver{Rule: "pickle/*"}, "", true, nil},
		"until today":           {Waiver{Rule: "pickle/*", Until: "2026-11-24"}, "", true, nil},
		"expired":               {Waiver{Rule: "pickle/*", Until: "2026-11-23"}, "", false, []string{RuleWaiverExpired}},
		"unused":                {Waiver{Rule: "torch/*"}, "", false, []string{RuleWaiverUnused}},
		"expired and unused":    {Waiver{Rule: "torch/*", Until: "2020-01-01"}, "", false, []string{RuleWaiverUnused}},
		"other path":            {Waiver{Rule: "pickle/*", Path: "*.pt"}, "", false, []string{RuleWaiverUnused}},
		"member":                {Waiver{Rule: "pickle/*", Path: "models/a.pt!/data.pkl"}, "", true, nil},
		"from the config's dir": {Waiver{Rule: "pickle/*", Path: "sub/models/*"}, "sub", true, nil},
		"only from there":       {Waiver{Rule: "pickle/*", Path: "models/*"}, "sub", false, []string{RuleWaiverUnused}},
		"dot slash":             {Waiver{Rule: "pickle/*", Path: "./models/*"}, "", true, nil},
		"rule is not a prefix":  {Waiver{Rule: "pickle/code"}, "", false, []string{RuleWaiverUnused}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config()
			cfg.Prefix = tt.prefix
			tt.w.Reason, tt.w.Source, tt.w.File, tt.w.Line = "because", "weir.yaml:3", "weir.yaml", 3
			cfg.Waivers = []Waiver{tt.w}
			out := judge(t, cfg, hit)
			f := out[0].Finding
			if (f.Waived != nil) != tt.waived {
				t.Errorf("waived is %+v", f.Waived)
			}
			if s := summary(t, out); (s.ExitCode == 0) != tt.waived || s.Waived+s.Critical != 1 {
				t.Errorf("summary %+v", s)
			}
			var rules []string
			for _, e := range out[1 : len(out)-1] {
				rules = append(rules, e.Finding.Rule)
				if e.Finding.Path != "weir.yaml" || e.Finding.Line != 3 || e.Finding.Severity > weir.SeverityLow {
					t.Errorf("finding %+v", e.Finding)
				}
			}
			if !slices.Equal(rules, tt.rules) {
				t.Errorf("policy added %v, want %v", rules, tt.rules)
			}
		})
	}
}

func TestWrongWaivers(t *testing.T) {
	for name, w := range map[string]Waiver{
		"no rule":     {Reason: "r"},
		"no family":   {Rule: "code-execution", Reason: "r"},
		"all":         {Rule: "*", Reason: "r"},
		"star family": {Rule: "*/*", Reason: "r"},
		"part star":   {Rule: "pickle/code*", Reason: "r"},
		"no reason":   {Rule: "pickle/*", Reason: " "},
		"bad glob":    {Rule: "pickle/*", Reason: "r", Path: "[a"},
		"bad date":    {Rule: "pickle/*", Reason: "r", Until: "2026-02-30"},
	} {
		t.Run(name, func(t *testing.T) {
			w.Source = "weir.yaml:7"
			_, err := New(Config{Waivers: []Waiver{w}}, nil)
			if err == nil || !strings.HasPrefix(err.Error(), "weir.yaml:7: ") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBaseline(t *testing.T) {
	hit := finding("a/b", weir.SeverityHigh, "m", "", "x")
	first := judge(t, config(), hit)
	for name, text := range map[string]string{
		"json":  fmt.Sprintf(`{"schema":%q,"findings":[{"fingerprint":%q}]}`, weir.Schema, first[0].Finding.Fingerprint),
		"jsonl": fmt.Sprintf("{\"start\":{\"schema\":%q}}\n{\"finding\":{\"fingerprint\":%q}}\n", weir.Schema, first[0].Finding.Fingerprint),
	} {
		t.Run(name, func(t *testing.T) {
			b, err := ReadBaseline(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			cfg := config()
			cfg.Baseline = b
			out := judge(t, cfg, hit, hit)
			if out[0].Finding.Waived == nil || out[0].Finding.Waived.Source != "baseline" {
				t.Error("the known finding is not waived")
			}
			if out[1].Finding.Waived != nil || summary(t, out).ExitCode != 1 {
				t.Error("a second equal finding is new, and fails")
			}
		})
	}
	for name, text := range map[string]string{"empty": "", "no report": `{"a":1}`, "no JSON": "hello", "other schema": `{"schema":"weir/report/v9"}`} {
		t.Run(name, func(t *testing.T) {
			if _, err := ReadBaseline(strings.NewReader(text)); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	f := weir.Finding{Rule: "a/b", Path: "m", Member: "x", Evidence: "os.system( 'a' )", Pos: weir.Pos{Line: 3}, Message: "one"}
	moved := f
	moved.Line, moved.Offset, moved.Message, moved.Evidence, moved.Path = 9, 77, "two", " os.system(\n'a' )", "./m"
	if Fingerprint(f, 0) != Fingerprint(moved, 0) {
		t.Error("a finding that moved has another fingerprint")
	}
	others := map[string]bool{Fingerprint(f, 0): true, Fingerprint(f, 1): true}
	for _, change := range []func(*weir.Finding){
		func(f *weir.Finding) { f.Rule = "a/c" },
		func(f *weir.Finding) { f.Path = "n" },
		func(f *weir.Finding) { f.Member = "y" },
		func(f *weir.Finding) { f.Evidence = "os.remove" },
		func(f *weir.Finding) { f.Path, f.Member = "mx", "" },
	} {
		g := f
		change(&g)
		others[Fingerprint(g, 0)] = true
	}
	if len(others) != 7 {
		t.Errorf("%d different fingerprints, want 7", len(others))
	}
}

func TestTrust(t *testing.T) {
	tr, err := NewTrust([]string{"acme.models.Net", "corp.*"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		module, name string
		want         bool
	}{
		{"acme.models", "Net", true},
		{"acme.models", "Other", false},
		{"acme", "models.Net", true},
		{"corp", "f", true},
		{"corp.sub.mod", "f", true},
		{"corporate", "f", false},
		{"corp", "os.system", false},
		{"os", "system", false},
	} {
		if got := tr.Allows(tt.module, tt.name); got != tt.want {
			t.Errorf("%s.%s: got %v", tt.module, tt.name, got)
		}
	}
	for _, bad := range []string{"", "*", ".*", "a.*.b", "a..b", "a b.c", "name", "*.system"} {
		if _, err := NewTrust([]string{bad}); err == nil {
			t.Errorf("%q accepted", bad)
		}
	}
}
