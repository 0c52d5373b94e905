package catalog

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
	"weir/internal/policy"
	"weir/internal/scan"
	"weir/internal/source"
)

const mlflowData = "../../testdata/mlflow"

// mlflowFixture is a line of the manifest that testdata/make/mlflow/models.py writes.
type mlflowFixture struct {
	Path      string   `json:"path"`
	Expect    string   `json:"expect"` // benign: the verdict
	MLflow    string   `json:"mlflow"`
	Technique string   `json:"technique"` // malicious: what it does
	Fires     []string `json:"fires"`     // malicious: the versions with which it was seen to act
	Alarm     string   `json:"alarm"`     // benign: why its verdict is not yet the expected one
}

// unpack writes the files of a zip below dir.
func unpack(t *testing.T, name, dir string) {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) == 0 {
		t.Fatalf("%s is empty", name)
	}
	for _, f := range z.File {
		if !filepath.IsLocal(f.Name) {
			t.Fatalf("%s: entry %q", name, f.Name)
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// scanTree scans a folder and gives what was said of each entry at its top: of a folder, the verdict of its own artifact and all findings in it.
func scanTree(t *testing.T, root string) map[string]*outcome {
	t.Helper()
	out := map[string]*outcome{}
	at := func(p string) (*outcome, bool) {
		rel, err := filepath.Rel(root, filepath.FromSlash(p))
		if err != nil {
			t.Fatal(err)
		}
		top, _, inside := strings.Cut(filepath.ToSlash(rel), "/")
		if out[top] == nil {
			out[top] = &outcome{}
		}
		return out[top], !inside
	}
	models, frameworks := map[string]bool{}, map[string]string{}
	for _, f := range Formats() {
		models[f.Name], frameworks[f.Name] = f.Model, f.Framework
	}
	judge, err := policy.New(policy.Config{FailOn: weir.SeverityHigh, Today: "2026-01-01", Model: func(f string) bool { return models[f] }}, func(e weir.Event) error {
		switch {
		case e.Finding != nil:
			o, _ := at(e.Finding.Path)
			o.findings = append(o.findings, *e.Finding)
		case e.Problem != nil:
			o, _ := at(e.Problem.Path)
			o.problems = append(o.problems, *e.Problem)
		case e.Artifact != nil && e.Artifact.Member == "":
			if o, itself := at(e.Artifact.Path); itself {
				o.verdict, o.format = e.Artifact.Verdict, e.Artifact.Format
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := scan.Config{
		Catalog: scan.Catalog{Formats: Formats(), Opaque: Opaque()}, Rules: Rules(), Limits: weir.DefaultLimits(),
		Framework: func(f string) string { return frameworks[f] },
	}
	if err := scan.Run(t.Context(), source.Walk(t.Context(), []string{root}, source.Options{}), cfg, judge.Sink); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMLflowCorpus scans every fixture twice, as the folder that MLflow saved and as one archive, and wants the same of both: a high finding
// in each hostile one that was seen to act, the manifest's verdict for each honest one.
func TestMLflowCorpus(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(mlflowData, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []mlflowFixture
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 100 {
		t.Fatalf("the manifest lists only %d fixtures", len(all))
	}
	folders := t.TempDir()
	key := func(f mlflowFixture) string { return strings.ReplaceAll(f.Path, "/", "-") }
	archives := t.TempDir()
	for _, f := range all {
		name := filepath.Join(mlflowData, filepath.FromSlash(f.Path))
		unpack(t, name, filepath.Join(folders, key(f)))
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(archives, key(f)), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	honest, hostile := 0, 0
	for form, root := range map[string]string{"folder": folders, "archive": archives} {
		got := scanTree(t, root)
		for _, f := range all {
			o := got[key(f)]
			if o == nil {
				o = &outcome{}
			}
			switch {
			case f.Technique == "":
				honest++
				right := o.verdict == expected[f.Expect] && o.format == "mlflow"
				if f.Expect == "silent" { // a store, project or recipe: no model of its own
					right = o.worst() < weir.SeverityLow && len(o.problems) == 0
				}
				if right != (f.Alarm == "") {
					t.Errorf("%s as %s: %s %s, want %s mlflow; the manifest's reason for an alarm: %q%s", f.Path, form, o.verdict, o.format, f.Expect, f.Alarm, said(o))
				}
			case len(f.Fires) == 0:
				t.Errorf("%s was never seen to act", f.Path)
			default:
				hostile++
				if o.worst() < weir.SeverityHigh {
					t.Errorf("missed: %s as %s (%s), verdict %s%s", f.Path, form, f.Technique, o.verdict, said(o))
				}
			}
		}
	}
	t.Logf("%d honest and %d hostile scans", honest, hostile)
}
