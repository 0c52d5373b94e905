package catalog

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/pyname"
)

// TestWeightsOnly asks torch's own restricted unpickler about every checkpoint: a name that torch refuses is either reported by weir, or the
// index knows it and vouches for importing it. Debian's python3-torch is the oracle; testdata/make/setup.sh installs it.
func TestWeightsOnly(t *testing.T) {
	const python = "/usr/bin/python3"
	names := pyname.Default()
	for _, corpus := range []string{"benign", "malicious"} {
		all := scanCorpus(t, corpus, names)
		var files []string
		for path, o := range all {
			if slices.Contains([]string{"torch-zip", "torch-legacy", "torch-tar"}, o.format) {
				files = append(files, path)
			}
		}
		slices.Sort(files)
		if len(files) < 20 {
			t.Fatalf("only %d checkpoints among the %s fixtures", len(files), corpus)
		}
		var paths strings.Builder
		for _, f := range files {
			paths.WriteString(filepath.Join(testdata, corpus, f) + "\n")
		}
		cmd := exec.Command(python, "-B", filepath.Join("testdata", "weights_only.py"))
		cmd.Stdin = strings.NewReader(paths.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s with torch: %v (testdata/make/setup.sh test installs it)", python, err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if len(lines) != len(files) {
			t.Fatalf("%d answers to %d files", len(lines), len(files))
		}
		counts := map[string]int{}
		for i, l := range lines {
			answer, name, _ := strings.Cut(l, " ")
			counts[answer]++
			if answer != "refused" || all[files[i]].verdict != weir.VerdictClean {
				continue
			}
			dot := strings.LastIndexByte(name, '.')
			if dot < 0 {
				continue
			}
			if o := names.Resolve(name[:dot], name[dot+1:], 2); !o.Safe.Has(weir.UseNamed) {
				t.Errorf("%s: torch refuses %s, weir calls the file clean and the index does not vouch for it", files[i], name)
			}
		}
		t.Logf("%s: torch says %v of %d checkpoints", corpus, counts, len(files))
		if counts["refused"] == 0 {
			t.Error("torch refused nothing: the oracle is not working")
		}
	}
}
