package main

import (
	"archive/zip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"weir/internal/gateway/intake"
)

// fixture is a file of the repository's testdata.
func fixture(t testing.TB, name string) intake.Subject {
	t.Helper()
	file := filepath.Join("..", "..", "testdata", filepath.FromSlash(name))
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return intake.Subject{Name: scanHint(name, head[:min(len(head), 512)]), File: file, Size: info.Size()}
}

func gateScanner4test(t testing.TB) *gateScanner {
	t.Helper()
	s, err := newGateScanner("off", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// judged is a file or folder of testdata as the gate sees it.
func judged(t *testing.T, s *gateScanner, folder bool, files ...intake.Subject) intake.Report {
	t.Helper()
	r, err := s.scan(context.Background(), folder, files)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestGateScan(t *testing.T) {
	s := gateScanner4test(t)
	for name, pass := range map[string]bool{
		"malicious/stdlib/os-popen.pkl":   false,
		"malicious/torch/zip-data-pkl.pt": false,
		"malicious/torch/torchserve.mar":  false,
		"malicious/archive/gzip.pkl.gz":   false,
		"malicious/h2o/field-array.bin":   false,
		"malicious/h2o/mojo-columns.zip":  false,
		"benign/README.md":                true,
	} {
		t.Run(name, func(t *testing.T) {
			sub := fixture(t, name)
			if r := judged(t, s, false, sub); intake.DefaultPolicy(&r) != pass {
				t.Errorf("%s: verdict %s, findings %v, passes: %v", sub.Name, r.Verdict, r.Findings, !pass)
			}
		})
	}
}

// TestGateScanFolders: what MLflow runs only when a folder's files come together is seen when they are judged together, and honest models of
// every flavour pass.
func TestGateScanFolders(t *testing.T) {
	s := gateScanner4test(t)
	for _, pass := range []bool{false, true} {
		where := "malicious/*.zip"
		if pass {
			where = "benign/*/*.zip"
		}
		packed, err := filepath.Glob(filepath.Join("..", "..", "testdata", "mlflow", filepath.FromSlash(where)))
		if err != nil || len(packed) == 0 {
			t.Fatalf("no fixtures: %v", err)
		}
		for _, name := range packed {
			t.Run(filepath.Base(name), func(t *testing.T) {
				files := unpack(t, name)
				if r := judged(t, s, true, files...); intake.DefaultPolicy(&r) != pass {
					t.Errorf("verdict %s, findings %v, problems %v: passes: %v", r.Verdict, r.Findings, r.Problems, !pass)
				}
				for _, f := range files {
					f.Name = scanHint(f.Name, nil)
					if r := judged(t, s, false, f); pass && !intake.DefaultPolicy(&r) {
						t.Errorf("%s alone: verdict %s, findings %v, problems %v: it does not pass", f.Name, r.Verdict, r.Findings, r.Problems)
					}
				}
			})
		}
	}
}

// unpack makes a folder of an archive.
func unpack(t *testing.T, name string) (files []intake.Subject) {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	dir := t.TempDir()
	for i, e := range z.File {
		if e.FileInfo().IsDir() {
			continue
		}
		r, err := e.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, intake.Subject{Name: e.Name, File: file, Size: int64(len(b))})
	}
	return files
}

// TestScanHint: two names that lead to one hint are one name for the scanner, since it sees nothing but the hint.
func TestScanHint(t *testing.T) {
	binary, text, packed := []byte("PK\x03\x04\x00"), []byte("python: 3.12\n"), []byte("\x1f\x8b\x08\x00")
	for _, c := range []struct {
		name string
		head []byte
		want string
	}{
		{"runs/1/model/data/model.pth", binary, "content.pth"},
		{"part-00000.parquet", binary, "part-content.parquet"},
		{"runs/1/model/MLmodel", text, "model/MLmodel"},
		{"requirements.txt", text, "requirements.txt"},
		{`a\recipe.yaml`, text, "a/recipe.yaml"},
		{"x/MLmodel.gz", packed, "x/MLmodel.gz"},
		{"", nil, ""},
	} {
		if got := scanHint(c.name, c.head); got != c.want {
			t.Errorf("scanHint(%q) = %q, want %q", c.name, got, c.want)
		}
	}
}
