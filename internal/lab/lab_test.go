package lab

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// python is the interpreter that has torch, joblib and numpy on Debian; without it the samples are only compared with their digests.
const python = "/usr/bin/python3"

// TestDigests: docs/usage.md promises these names and digests, and pipelines rely on them.
func TestDigests(t *testing.T) {
	text, err := os.ReadFile("../../docs/usage.md")
	if err != nil {
		t.Fatal(err)
	}
	promised := regexp.MustCompile("(?m)^\\| ([a-z-]+) \\| `([^`]+)` \\| `([0-9a-f]{64})`").FindAllStringSubmatch(string(text), -1)
	if len(promised) != len(Samples()) {
		t.Fatalf("docs/usage.md has %d samples, there are %d", len(promised), len(Samples()))
	}
	for i, s := range Samples() {
		sum := sha256.Sum256(s.Make())
		if got := hex.EncodeToString(sum[:]); promised[i][1] != s.Kind || promised[i][2] != s.File || promised[i][3] != got {
			t.Errorf("docs/usage.md promises %v; it is %s %s %s", promised[i][1:], s.Kind, s.File, got)
		}
	}
}

// TestSamplesFire loads every sample with the real framework, in a folder of its own, and looks whether what its Doc says happens.
func TestSamplesFire(t *testing.T) {
	load := map[string]string{
		"pickle":       "import pickle; pickle.load(open(f, 'rb'))",
		"clean":        "import pickle; print(pickle.load(open(f, 'rb')))",
		"joblib":       "import joblib; joblib.load(f)",
		"numpy":        "import numpy; numpy.load(f, allow_pickle=True)",
		"torch":        "import torch; torch.load(f)",
		"torch-legacy": "import torch; torch.load(f)",
		"torchscript":  "import torch; torch.jit.load(f)(torch.zeros(1))",
	}
	for _, s := range Samples() {
		t.Run(s.Kind, func(t *testing.T) {
			module, _, _ := strings.Cut(strings.TrimPrefix(load[s.Kind], "import "), ";")
			if exec.Command(python, "-c", "import "+module).Run() != nil {
				t.Skipf("%s has no %s here", python, module)
			}
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, s.File), s.Make(), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(python, "-W", "ignore", "-c", "f = '"+s.File+"'; "+load[s.Kind])
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			_, canary := os.Stat(filepath.Join(dir, Canary))
			fired := strings.Contains(string(out), Text) || canary == nil
			if fired != (s.Kind != "clean") {
				t.Errorf("fired: %v, %v\n%s", fired, err, out)
			}
		})
	}
}

func TestContainersAreWhole(t *testing.T) {
	r, err := zlib.NewReader(bytes.NewReader(zlibStored(payload())))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, payload()) {
		t.Errorf("zlib: %v", err)
	}
	for _, b := range [][]byte{torchZip(), torchScript()} {
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			if at, err := f.DataOffset(); err != nil || at%64 != 0 || f.Flags != 0 {
				t.Errorf("%s at %d, flags %d, %v", f.Name, at, f.Flags, err)
			}
			c, err := f.Open()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(c); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
	if n := len(npy()) - len(payload()); n%64 != 0 {
		t.Errorf("the npy header has %d bytes", n)
	}
}
