package scan

import (
	"bytes"
	"context"
	"fmt"
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

// projectConfig adds manifests: files that begin with "R:" and name packages, one a word.
func projectConfig() Config {
	cfg := folderConfig()
	cfg.Catalog.Formats = append(cfg.Catalog.Formats, format.Format{
		Name: "manifest", Parsed: true, Manifest: true, Match: func(h format.Head) bool { return bytes.HasPrefix(h.First, []byte("R:")) },
		Parse: func(in *format.Input) error {
			b := make([]byte, in.Size)
			if _, err := in.ReadAt(b, 0); err != nil {
				return err
			}
			for i, name := range strings.Fields(string(b[2:])) {
				in.Emit(weir.Requirement{Ecosystem: "pypi", Name: name, State: weir.PinExact, Version: "1", Origin: weir.OriginManifest, Direct: true, Line: i + 1})
			}
			return nil
		},
	})
	cfg.Advise = func(q weir.Requirement) weir.Advice {
		if q.Name != "bad" {
			return weir.Advice{Affected: weir.AffectedNone, Known: true, Newest: "3"}
		}
		return weir.Advice{Affected: weir.AffectedAll, Known: true, Newest: "3", Safe: "2", Advisories: []weir.Advisory{{ID: "CVE-1"}}}
	}
	cfg.Rules = append(cfg.Rules, rule.Rule{ID: "test/project", Severity: weir.SeverityLow, Scope: rule.ScopeProject, Check: func(p *rule.Pass) {
		var names []string
		for _, u := range p.Units {
			names = append(names, u.Member)
		}
		for _, u := range p.Units {
			p.Report(weir.Finding{Member: u.Member, Message: p.File.Path + " " + strings.Join(names, ",")})
		}
	}})
	return cfg
}

// TestProjects: loose manifests are one project and come last, a model folder is one, an archive is one; every finding comes with its file.
func TestProjects(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"a.req": "R:one bad", "b.txt": "nothing", "c/d.req": "R:two", "m/main": "M:", "m/needs": "R:three", "n/main": "no model", "n/needs": "R:four",
		"z.tar": tarOf(t, "x/needs", "R:five", "y", "R:six"),
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	var got []string
	err := Run(context.Background(), source.Walk(context.Background(), []string{"."}, source.Options{}), projectConfig(), func(e weir.Event) error {
		switch {
		case e.Finding != nil && e.Finding.Rule == "test/project":
			got = append(got, fmt.Sprintf("%s!%s: %s", e.Finding.Path, e.Finding.Member, e.Finding.Message))
		case e.Package != nil:
			got = append(got, fmt.Sprint(e.Package.Path, "!", e.Package.Member, " ", e.Package.PURL, e.Package.Flaws, e.Package.Safe))
		case e.Artifact != nil:
			got = append(got, "artifact "+e.Artifact.Path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"artifact b.txt",
		"artifact m/main",
		"m/needs! pkg:pypi/three@1[]", "m/needs!: m m/needs", "artifact m/needs", "artifact m",
		"artifact n/main",
		"z.tar!x/needs pkg:pypi/five@1[]", "z.tar!y pkg:pypi/six@1[]",
		"z.tar!x/needs: z.tar z.tar!/x/needs,z.tar!/y", "z.tar!y: z.tar z.tar!/x/needs,z.tar!/y", "artifact z.tar",
		"a.req! pkg:pypi/one@1[]", "a.req! pkg:pypi/bad@1[CVE-1]2", "a.req!:  a.req,c/d.req,n/needs", "artifact a.req",
		"c/d.req! pkg:pypi/two@1[]", "c/d.req!:  a.req,c/d.req,n/needs", "artifact c/d.req",
		"n/needs! pkg:pypi/four@1[]", "n/needs!:  a.req,c/d.req,n/needs", "artifact n/needs",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
