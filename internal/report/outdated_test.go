package report

import (
	"bytes"
	"strings"
	"testing"

	"weir"
)

// TestOutdated: packages with known flaws end the report as a table, each version once, the most flawed first, nothing of a hostile name let through.
func TestOutdated(t *testing.T) {
	var b bytes.Buffer
	f, err := Find("text")
	if err != nil {
		t.Fatal(err)
	}
	sink := f.New(&b, Options{Width: 100})
	one := weir.Package{PURL: "pkg:pypi/mlflow@2.9.2", Safe: "3.9.1", Newest: "3.17.2", Flaws: []string{"CVE-1"}}
	for _, p := range []weir.Package{
		one, one,
		{PURL: "pkg:npm/%40a/b%1B%5B31m@1.0%2Blocal", Flaws: []string{"CVE-2", "CVE-3"}},
		{PURL: "pkg:pypi/fine@1"},
		{PURL: "pkg:pypi/loose", Range: ">=1,<2", Safe: "2", Flaws: []string{"CVE-4"}},
	} {
		if err := sink(weir.Event{Package: &p}); err != nil {
			t.Fatal(err)
		}
	}
	if err := sink(weir.Event{End: &weir.End{}}); err != nil {
		t.Fatal(err)
	}
	want := `package          used       flaws  first safe  newest known
@a/b\x1b[31m     1.0+local  2      none known  -
mlflow           2.9.2      1      3.9.1       3.17.2
loose            >=1,<2     1      2           -
`
	if !strings.Contains(squeeze(b.String()), squeeze(want)) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// squeeze makes one blank of several: the widths of columns are not what is tested.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

// TestBundles: the flaws of one old pin are one block, those of other lines and few ones are not, and none is lost.
func TestBundles(t *testing.T) {
	flaw := func(line int, id string, s weir.Severity) weir.Event {
		return weir.Event{Finding: &weir.Finding{
			Rule: "dependency/known-vulnerability", Severity: s, Path: "r.txt", Pos: weir.Pos{Line: line}, Message: "acme 1.0 has " + id + ": bad", Evidence: "acme==1.0\nmore", Aliases: []string{id}, Fix: "upgrade",
		}}
	}
	events := []weir.Event{{Start: &weir.Start{}}}
	for i, id := range []string{"CVE-1", "CVE-2", "CVE-3", "CVE-4", "CVE-5"} {
		events = append(events, flaw(1, id, weir.SeverityMedium+weir.Severity(i%2)), flaw(1+i%2, id+"0", weir.SeverityLow))
	}
	events = append(events, weir.Event{Artifact: &weir.Artifact{Path: "r.txt", Verdict: weir.VerdictVulnerable}}, weir.Event{End: &weir.End{}})
	got := string(render(t, "text", Options{Width: 80}, events))
	if !strings.Contains(got, "acme 1.0 has 8 known vulnerabilities (2 high, 3 medium, 3 low)") || strings.Count(got, "dependency/known-vulnerability") != 3 {
		t.Errorf("one block and two findings are wanted:\n%s", got)
	}
	for _, id := range []string{"CVE-1", "CVE-2", "CVE-3", "CVE-4", "CVE-5", "CVE-10", "CVE-20", "CVE-30", "CVE-40", "CVE-50"} {
		if !strings.Contains(got, id) {
			t.Errorf("%s is lost", id)
		}
	}
	if strings.Index(got, "CVE-2:") > strings.Index(got, "CVE-1") {
		t.Errorf("the worst is not the first:\n%s", got)
	}
}
