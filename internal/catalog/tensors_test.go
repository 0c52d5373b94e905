package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/scan"
)

// TestTensors compares what `weir inspect` is told of state dicts and arrays with what torch and numpy load from them: names, types, shapes.
func TestTensors(t *testing.T) {
	var files []string
	for _, pattern := range []string{"torch/zip/state-*", "torch/legacy/state-*", "torch/zip/checkpoint*", "torch/legacy/checkpoint*", "numpy/np1.24/*.np[yz]"} {
		list, err := filepath.Glob(filepath.Join(testdata, "benign", pattern))
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: no fixtures (%v)", pattern, err)
		}
		files = append(files, list...)
	}
	files = slices.DeleteFunc(files, func(f string) bool { return strings.Contains(f, "structured") }) // the two spell such types differently
	cmd := exec.Command("/usr/bin/python3", "-B", filepath.Join("testdata", "tensors.py"))
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n") + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("torch: %v (testdata/make/setup.sh test installs it)", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d answers to %d files", len(lines), len(files))
	}
	total := 0
	for i, f := range files {
		var want [][]any
		if err := json.Unmarshal([]byte(lines[i]), &want); err != nil {
			t.Fatal(err)
		}
		got := tensorsOf(t, f)
		for _, w := range want {
			total++
			if line := fmt.Sprint(w...); !got[line] {
				t.Errorf("%s: %s is not among %v", f, line, got)
			}
		}
	}
	if total < 50 {
		t.Errorf("only %d tensors were compared", total)
	}
}

func tensorsOf(t *testing.T, file string) map[string]bool {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	job := scan.Job{Name: file, Size: info.Size(), Limits: weir.DefaultLimits(), Inspect: true}
	err = scan.Analyze(context.Background(), job, f, nil, scan.Catalog{Formats: Formats(), Opaque: Opaque()}, func(r scan.Record) error {
		if r.Fact != nil {
			if x, ok := r.Fact.Fact.(weir.Tensor); ok {
				shape := make([]any, len(x.Shape))
				for i, n := range x.Shape {
					shape[i] = n
				}
				found[fmt.Sprint(x.Name, x.DType, shape)] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
