package catalog

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/policy"
	"weir/internal/pyname"
	"weir/internal/scan"
	"weir/internal/source"
)

const testdata = "../../testdata"

// fixture is a line of a manifest; the two have different fields.
type fixture struct {
	Path      string   `json:"path"`
	Technique string   `json:"technique"` // malicious: what it does
	Fires     []string `json:"fires"`     // malicious: where it was seen to run; empty: nowhere yet
	Expect    string   `json:"expect"`    // benign: the verdict
	Kind      string   `json:"kind"`      // benign: its format
	Note      string   `json:"note"`
	// HandMade: the layout was built from its specification.
	HandMade bool `json:"hand_made"`
}

// listed reads the lists of a corpus, its own and those of families that keep one beside their files; an empty one would let every test below
// pass. A path that ends in a slash is a folder that is one model.
func listed(t testing.TB, corpus string) []fixture {
	t.Helper()
	own := filepath.Join(testdata, corpus, "manifest.json")
	lists, err := filepath.Glob(filepath.Join(testdata, corpus, "*", "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	for _, name := range append([]string{own}, lists...) {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var some []fixture
		if err := json.Unmarshal(b, &some); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(some) == 0 {
			t.Fatalf("%s lists nothing", name)
		}
		all = append(all, some...)
	}
	if len(all) < 10 {
		t.Fatalf("the manifest of %s lists only %d files", corpus, len(all))
	}
	return all
}

// outcome is what one scan said of one file.
type outcome struct {
	verdict  weir.Verdict
	format   string
	findings []weir.Finding
	problems []weir.Problem
}

func (o *outcome) worst() weir.Severity {
	worst := weir.SeverityNone
	for _, f := range o.findings {
		if !strings.HasPrefix(f.Rule, "dependency/") { // an old or loose pin is no sign that a model attacks
			worst = max(worst, f.Severity)
		}
	}
	return worst
}

// scanCorpus scans a corpus as `weir scan` does, in this process.
func scanCorpus(t testing.TB, corpus string, names *pyname.Index) map[string]*outcome {
	t.Helper()
	root := filepath.Join(testdata, corpus)
	out := map[string]*outcome{}
	at := func(p string) *outcome {
		rel, err := filepath.Rel(root, filepath.FromSlash(p))
		if err != nil {
			t.Fatal(err)
		}
		rel = filepath.ToSlash(rel)
		if out[rel] == nil {
			out[rel] = &outcome{}
		}
		return out[rel]
	}
	models := map[string]bool{}
	frameworks := map[string]string{}
	for _, f := range Formats() {
		models[f.Name], frameworks[f.Name] = f.Model, f.Framework
	}
	judge, err := policy.New(policy.Config{
		FailOn: weir.SeverityHigh, Today: "2026-01-01", Model: func(f string) bool { return models[f] },
	}, func(e weir.Event) error {
		switch {
		case e.Finding != nil:
			o := at(e.Finding.Path)
			o.findings = append(o.findings, *e.Finding)
		case e.Problem != nil:
			o := at(e.Problem.Path)
			o.problems = append(o.problems, *e.Problem)
		case e.Artifact != nil && e.Artifact.Member == "":
			o := at(e.Artifact.Path)
			o.verdict, o.format = e.Artifact.Verdict, e.Artifact.Format
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := scan.Config{
		Catalog: scan.Catalog{Formats: Formats(), Opaque: Opaque()}, Rules: Rules(), Names: names, Limits: weir.DefaultLimits(),
		Framework: func(f string) string { return frameworks[f] },
	}
	ctx := context.Background()
	if err := scan.Run(ctx, source.Walk(ctx, []string{root}, source.Options{}), cfg, judge.Sink); err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("nothing was found below %s", root)
	}
	return out
}

func scanned(t testing.TB, all map[string]*outcome, f fixture) *outcome {
	t.Helper()
	if o := all[f.Path]; o != nil {
		return o
	}
	if strings.HasSuffix(f.Path, "/") {
		return folderOutcome(all, f.Path)
	}
	return &outcome{} // nothing was said of it: not a model, and nothing found
}

// folderOutcome is what was said of all that lies in a folder, in the order of the names; a verdict is larger the worse it is.
func folderOutcome(all map[string]*outcome, dir string) *outcome {
	var sum outcome
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if o := all[name]; strings.HasPrefix(name+"/", dir) {
			sum.findings = append(sum.findings, o.findings...)
			sum.problems = append(sum.problems, o.problems...)
			sum.verdict = max(sum.verdict, o.verdict)
		}
	}
	return &sum
}

// knownMisses reads the list of hostile files that weir does not rate high, each with its reason. It is kept short and true: a file that is
// found after all must leave it.
func knownMisses(t testing.TB) map[string]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "known-misses.txt"))
	if err != nil {
		t.Fatal(err)
	}
	misses := map[string]string{}
	for l := range strings.Lines(string(b)) {
		l = strings.TrimSpace(l)
		if l == "" || strings.HasPrefix(l, "#") {
			continue
		}
		path, why, ok := strings.Cut(l, ": ")
		if !ok {
			t.Fatalf("known-misses.txt: %q has no reason", l)
		}
		misses[path] = why
	}
	return misses
}

// TestCorpusMalicious demands a high finding in every file that was seen to run something when loaded.
func TestCorpusMalicious(t *testing.T) {
	all := scanCorpus(t, "malicious", pyname.Default())
	files, misses := listed(t, "malicious"), knownMisses(t)
	found := 0
	for _, f := range files {
		o := scanned(t, all, f)
		if o.worst() >= weir.SeverityHigh {
			found++
			if _, ok := misses[f.Path]; ok {
				t.Errorf("%s is found: take it out of known-misses.txt", f.Path)
			}
			continue
		}
		if why, ok := misses[f.Path]; ok {
			t.Logf("known: %s is %s: %s", f.Path, o.verdict, why)
			continue
		}
		t.Errorf("missed: %s (%s), verdict %s%s", f.Path, f.Technique, o.verdict, said(o))
	}
	t.Logf("%d of %d malicious files are high or critical", found, len(files))
}

// verdicts that a benign manifest may expect, beside their own names.
var expected = map[string]weir.Verdict{
	"clean": weir.VerdictClean, "unverified": weir.VerdictUnverified, "incomplete": weir.VerdictIncomplete, "skipped": weir.VerdictNone,
	"suspicious": weir.VerdictSuspicious, "vulnerable": weir.VerdictVulnerable,
}

// TestCorpusBenign demands the verdict that the manifest names for every honest file.
func TestCorpusBenign(t *testing.T) {
	all := scanCorpus(t, "benign", pyname.Default())
	files := listed(t, "benign")
	right, alarms := 0, 0
	rules := map[string]int{}
	for _, f := range files {
		o := scanned(t, all, f)
		want, ok := expected[f.Expect]
		if !ok {
			t.Errorf("%s: the manifest expects %q, which is no verdict", f.Path, f.Expect)
			continue
		}
		if o.verdict == weir.VerdictVulnerable && o.worst() == weir.SeverityNone && want == weir.VerdictNone {
			right++ // what is said of the file is about packages alone
			continue
		}
		if o.verdict == want || unlisted(f, o) || strings.Contains(f.Note, "else incomplete") && o.verdict == weir.VerdictIncomplete {
			right++
			continue
		}
		if o.worst() >= weir.SeverityHigh && want != weir.VerdictSuspicious {
			alarms++
		}
		for _, x := range o.findings {
			rules[x.Rule]++
		}
		t.Errorf("%s (%s): verdict %s, want %s%s", f.Path, f.Note, o.verdict, want, said(o))
	}
	t.Logf("%d of %d benign files have their verdict; %d false alarms (high or critical)", right, len(files), alarms)
	for _, r := range slices.SortedFunc(maps.Keys(rules), func(a, b string) int { return cmp.Compare(rules[b], rules[a]) }) {
		t.Logf("  %4d  %s", rules[r], r)
	}
}

// unlisted accepts that a plain container without a model in it is clean by not being mentioned.
func unlisted(f fixture, o *outcome) bool {
	plain := []string{"zip", "tar", "gzip", "bzip2", "bz2", "xz", "lzma", "zlib", "zstd", "lz4", "7z"}
	return f.Expect == "clean" && o.verdict == weir.VerdictNone && len(o.findings)+len(o.problems) == 0 && slices.Contains(plain, f.Kind)
}

// said lists what was said of a file, bounded.
func said(o *outcome) string {
	var b strings.Builder
	for i, f := range o.findings {
		if i == 4 {
			fmt.Fprintf(&b, "\n\t… and %d more findings", len(o.findings)-i)
			break
		}
		fmt.Fprintf(&b, "\n\t%s %s %s: %s | %.120s", f.Severity, f.Rule, f.Member, f.Message, f.Evidence)
	}
	for i, p := range o.problems {
		if i == 3 {
			break
		}
		fmt.Fprintf(&b, "\n\tproblem in %s: %s", p.Member, p.Reason)
	}
	return b.String()
}

// TestCorpusWithoutAFifth takes a random fifth of the dangerous names away, with fixed seeds: judgement must not rest on knowing them.
func TestCorpusWithoutAFifth(t *testing.T) {
	malicious, benign := listed(t, "malicious"), listed(t, "benign")
	before := scanCorpus(t, "benign", pyname.Default())
	full := scanCorpus(t, "malicious", pyname.Default())
	for seed := range 5 {
		dropped := 0
		names := pyname.Default().Without(func(o pyname.Object) bool {
			if o.Power == pyname.Apply {
				return false // says how to judge a call (by what it is given), not that it is dangerous
			}
			h := fnv.New32a()
			fmt.Fprintf(h, "%d/%s", seed, o.Path())
			if h.Sum32()%5 != 0 {
				return false
			}
			dropped++
			return true
		})
		all := scanCorpus(t, "malicious", names)
		found, of := 0, 0
		var missed []string
		for _, f := range malicious {
			if scanned(t, full, f).worst() < weir.SeverityHigh {
				continue // TestCorpusMalicious reports it
			}
			of++
			if o := scanned(t, all, f); o.worst() >= weir.SeverityHigh {
				found++
			} else {
				missed = append(missed, f.Path+said(o))
			}
		}
		if dropped == 0 || of == 0 {
			t.Fatalf("seed %d: %d uses of dangerous names were forgotten, %d files looked at", seed, dropped, of)
		}
		t.Logf("seed %d: %d of %d found", seed, found, of)
		if found*100 < of*99 {
			t.Errorf("seed %d: without a fifth of the dangerous names only %d of %d files are found:\n%s", seed, found, of, strings.Join(missed, "\n"))
		}
		after := scanCorpus(t, "benign", names)
		for _, f := range benign {
			if a, b := scanned(t, before, f).verdict, scanned(t, after, f).verdict; b > a {
				t.Errorf("seed %d: %s becomes %s, was %s", seed, f.Path, b, a)
			}
		}
	}
}
