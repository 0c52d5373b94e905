package scan

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
	"weir/internal/rule"
	"weir/internal/source"
)

// folderConfig knows a model that is a folder with an entry "main" whose content begins with "M:", tar archives, and a rule that asks for
// a file "code/evil" beside it.
func folderConfig() Config {
	cfg := testConfig()
	prefix := func(p string) func(format.Head) bool {
		return func(h format.Head) bool { return bytes.HasPrefix(h.First, []byte(p)) }
	}
	cfg.Catalog.Formats = append(cfg.Catalog.Formats,
		format.Format{
			Name: "main", Framework: "fw", Model: true, Parsed: true, Match: prefix("M:"),
			MatchDir: func(names []string) bool { return slices.Contains(names, "main") },
			Parse:    func(*format.Input) error { return nil },
		},
		format.Format{
			Name: "deep", Framework: "deep", Model: true, Parsed: true, Match: prefix("D:"), Below: "meta",
			MatchDir: func(names []string) bool { return slices.Contains(names, "meta") },
			Parse:    func(*format.Input) error { return nil },
		},
		format.Format{
			Name: "tar", Parsed: true, Match: func(h format.Head) bool { return len(h.First) > 262 && string(h.First[257:262]) == "ustar" },
			Parse: func(in *format.Input) error {
				r := tar.NewReader(io.NewSectionReader(in, 0, in.Size))
				for {
					h, err := r.Next()
					if err != nil {
						return nil //nolint:nilerr // the end
					}
					if _, err := in.Expand(h.Name, r, h.Size); err != nil {
						return err
					}
				}
			},
		})
	cfg.Facts = false
	cfg.Rules = append(cfg.Rules, rule.Rule{ID: "test/evil", Severity: weir.SeverityCritical, Scope: rule.ScopeTree, Check: func(p *rule.Pass) {
		if len(p.Units) == 1 && p.File.Path == "main" {
			p.Report(weir.Finding{Member: p.Units[0].Member, Message: "alone in a " + p.File.Format})
		}
		for i := range p.Units {
			switch p.Units[i].Member {
			case "code/evil", "code/evil!/in":
				p.Report(weir.Finding{Member: p.Units[i].Member, Message: "evil in a " + p.File.Format})
			case "lonely":
				p.Report(weir.Finding{Message: "nothing but itself"})
			}
		}
	}})
	return cfg
}

// tree scans files by their names below a new folder and gives one line an event.
func tree(t *testing.T, cfg Config, files map[string]string, targets ...string) []string {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	ctx := context.Background()
	err := Run(ctx, source.Walk(ctx, targets, source.Options{}), cfg, func(e weir.Event) error {
		switch {
		case e.Finding != nil:
			out = append(out, fmt.Sprintf("finding %s|%s|%s", e.Finding.Path, e.Finding.Member, e.Finding.Message))
		case e.Problem != nil:
			out = append(out, fmt.Sprintf("problem %s %s", e.Problem.Path, e.Problem.Stage))
		case e.Artifact != nil && e.Artifact.Holds != nil:
			a := e.Artifact
			out = append(out, fmt.Sprintf("folder %s %s %s %d %s %v", a.Path, a.Format, a.Coverage, a.Size, a.Holds.Worst, a.Holds.Problems))
		case e.Artifact != nil:
			out = append(out, fmt.Sprintf("artifact %s %s", e.Artifact.Path, e.Artifact.Format))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tarOf(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Size: int64(len(files[i+1])), Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[i+1])
	}
	w.Close()
	return b.String()
}

func TestFolders(t *testing.T) {
	for _, c := range []struct {
		name    string
		files   map[string]string
		targets []string
		want    []string
	}{
		{
			"clean", map[string]string{"m/main": "M:", "m/a": "x"}, nil,
			[]string{"artifact m/a ", "artifact m/main main", "folder m main complete 3 none false"},
		},
		{
			"the finding comes with its file", map[string]string{"m/a/x": "x", "m/code/evil": "x", "m/main": "M:", "z": "x"}, nil,
			[]string{
				"artifact m/a/x ", "finding m/code/evil||evil in a main", "artifact m/code/evil ", "artifact m/main main",
				"folder m main complete 4 critical false", "artifact z ",
			},
		},
		{
			"a member of a file", map[string]string{"m/code/evil": "N:x", "m/main": "M:"}, []string{"m"},
			[]string{
				"finding m/code/evil||evil in a main", "finding m/code/evil|in|evil in a main", "artifact m/code/evil nest", "artifact m/main main", "folder m main complete 5 critical false",
			},
		},
		{
			"the target itself", map[string]string{"code/evil": "x", "main": "M:"}, nil,
			[]string{"finding code/evil||evil in a main", "artifact code/evil ", "artifact main main", "folder . main complete 3 critical false"},
		},
		{
			"of the folder as such", map[string]string{"lonely": "x", "main": "M:"}, nil,
			[]string{"artifact lonely ", "artifact main main", "finding .||nothing but itself", "folder . main complete 3 critical false"},
		},
		{
			"findings and problems of its files count", map[string]string{"m/a": "B:", "m/b": "E:", "m/k": "K:", "m/main": "M:"}, nil,
			[]string{
				"finding m/a||yes", "artifact m/a bad", "problem m/b parse", "artifact m/b fails", "artifact m/k known", "artifact m/main main",
				"folder m main partial 8 high true",
			},
		},
		{
			"recognised only", map[string]string{"m/k": "K:", "m/main": "M:"}, nil,
			[]string{"artifact m/k known", "artifact m/main main", "folder m main recognised 4 none false"},
		},
		{
			"a name is no model", map[string]string{"m/code/evil": "x", "m/main": "text"}, nil,
			[]string{"artifact m/code/evil ", "artifact m/main "},
		},
		{
			"one in another and one after", map[string]string{"m/in/code/evil": "x", "m/in/main": "M:", "m/main": "M:", "n/main": "M:"}, nil,
			[]string{
				"finding m/in/code/evil||evil in a main", "artifact m/in/code/evil ", "artifact m/in/main main", "folder m/in main complete 3 critical false",
				"artifact m/main main", "folder m main complete 5 critical false", "artifact n/main main", "folder n main complete 2 none false",
			},
		},
		{
			"one that says so below, with its parts", map[string]string{"m/meta/a": "D:", "m/parts/1/meta/a": "D:", "m/parts/1/data/x": "B:"}, nil,
			[]string{
				"artifact m/meta/a deep", "finding m/parts/1/data/x||yes", "artifact m/parts/1/data/x bad", "artifact m/parts/1/meta/a deep",
				"folder m deep complete 6 high false",
			},
		},
		{
			"only the name of what would say so", map[string]string{"m/a": "D:", "m/meta/a": "x", "m/meta/b/meta": "D:"}, nil,
			[]string{"artifact m/a deep", "artifact m/meta/a ", "artifact m/meta/b/meta deep"},
		},
		{
			"its main file alone", map[string]string{"code/evil": "x", "main": "M:"}, []string{"main"},
			[]string{"finding main||alone in a main", "artifact main main"},
		},
		{
			"in an archive", map[string]string{"a.tar": tarOf(t, "m/main", "M:", "m/code/evil", "N:x", "code/evil", "x")}, nil,
			[]string{"finding a.tar|m/code/evil|evil in a main", "finding a.tar|m/code/evil!/in|evil in a main", "artifact a.tar main"},
		},
		{
			"at the top of an archive in an archive", map[string]string{"a": "N:" + tarOf(t, "main", "M:", "code/evil", "x")}, nil,
			[]string{"finding a|in!/code/evil|evil in a main", "artifact a nest"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := tree(t, folderConfig(), c.files, c.targets...)
			if !slices.Equal(got, c.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(c.want, "\n\t"))
			}
		})
	}
}

// TestFolderTooLarge holds no more than its bound, and says so.
func TestFolderTooLarge(t *testing.T) {
	cfg := folderConfig()
	held := folders{cfg: &cfg, claims: map[*source.Dir]*format.Format{}}
	var files, limits, said int
	held.sink = func(e weir.Event) error {
		switch {
		case e.Problem != nil && e.Problem.Stage == "limit":
			limits++
		case e.Artifact != nil && e.Artifact.Holds != nil:
			said++
			if e.Artifact.Coverage != weir.CoveragePartial || e.Artifact.Size != 3*maxFolderFiles {
				t.Errorf("folder is %+v", *e.Artifact)
			}
		case e.Artifact != nil:
			files++
		}
		return nil
	}
	dir := &source.Dir{Path: "m", Names: []string{"main"}}
	for i := range 3 * maxFolderFiles {
		r := &result{file: source.File{Path: fmt.Sprint("m/", i), Size: 1, Dir: dir}, units: []rule.Unit{{}}}
		if i == 0 {
			r.units[0].Formats = []string{"main"}
		}
		if err := held.take(r); err != nil {
			t.Fatal(err)
		}
		if len(held.held) > maxFolderFiles {
			t.Fatalf("%d files are held", len(held.held))
		}
	}
	if err := held.end(true); err != nil {
		t.Fatal(err)
	}
	if files != 3*maxFolderFiles || limits != 1 || said != 1 {
		t.Errorf("%d files, %d limits, %d folders", files, limits, said)
	}
}
