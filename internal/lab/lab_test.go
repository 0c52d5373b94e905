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

// TestSamplesFire loads the samples with the real frameworks, in a folder of their own, and looks whether what their Doc says happens. Each
// framework is started once: torch takes seconds.
func TestSamplesFire(t *testing.T) {
	load := map[string]string{
		"pickle":       "import pickle; pickle.load(open(f, 'rb'))",
		"clean":        "import pickle; pickle.load(open(f, 'rb'))",
		"joblib":       "import joblib; joblib.load(f)",
		"numpy":        "import numpy; numpy.load(f, allow_pickle=True)",
		"torch":        "import torch; torch.load(f)",
		"torch-legacy": "import torch; torch.load(f)",
		"torchscript":  "import torch; torch.jit.load(f)",
	}
	byModule := map[string][]Sample{}
	for _, s := range Samples() {
		module, _, _ := strings.Cut(strings.TrimPrefix(load[s.Kind], "import "), ";")
		byModule[module] = append(byModule[module], s)
	}
	for module, samples := range byModule {
		t.Run(module, func(t *testing.T) {
			if exec.Command(python, "-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('"+module+"') is None)").Run() != nil {
				t.Fatalf("%s has no %s: testdata/make/setup.sh test installs it", python, module)
			}
			dir := t.TempDir()
			program := "import os, sys\n"
			for _, s := range samples {
				if err := os.WriteFile(filepath.Join(dir, s.File), s.Make(), 0o600); err != nil {
					t.Fatal(err)
				}
				program += "print('== " + s.Kind + "', flush=True); f = '" + s.File + "'\ntry:\n    " + load[s.Kind] +
					"\nexcept Exception as e:\n    print(repr(e), flush=True)\nif os.path.exists('" + Canary + "'):\n    print('" + Text + "', flush=True)\n"
			}
			cmd := exec.Command(python, "-W", "ignore", "-c", program)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for part := range strings.SplitSeq(strings.TrimPrefix(string(out), "== "), "== ") {
				kind, text, _ := strings.Cut(part, "\n")
				if fired := strings.Contains(text, Text); fired != (kind != "clean") {
					t.Errorf("%s fired: %v\n%s", kind, fired, text)
				}
			}
			if n := strings.Count(string(out), "== "); n != len(samples) {
				t.Errorf("%d of %d samples were loaded\n%s", n, len(samples), out)
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
