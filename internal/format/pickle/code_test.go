package pickle

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// codeFacts parses a pickle and gives its code objects.
func codeFacts(t *testing.T, b []byte) []weir.Code {
	t.Helper()
	var out []weir.Code
	in := &format.Input{
		ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Limits: weir.DefaultLimits(),
		Emit: func(f weir.Fact) {
			if c, ok := f.(weir.Code); ok {
				out = append(out, c)
			}
		},
		Nested: func(string, io.ReaderAt, int64) (format.Summary, error) { return format.Summary{}, nil },
	}
	if err := Formats[0].Parse(in); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCarriedCode says what the functions in pickles of cloudpickle and dill call, under whatever name, and which of them run by themselves.
func TestCarriedCode(t *testing.T) {
	for name, want := range map[string]struct {
		call string
		auto bool
	}{
		"cloudpickle-alias":    {"os.system", false},
		"cloudpickle-restored": {"os.system", true},
		"cloudpickle-called":   {"os.system", true},
		"cloudpickle-class":    {"eval", false},
		"cloudpickle-built":    {"eval", true},
		"dill-alias":           {"os.system", false},
		"dill-restored":        {"os.system", true},
		"dill-called":          {"os.system", true},
	} {
		b, err := os.ReadFile(filepath.Join("testdata/code", name+".pkl"))
		if err != nil {
			t.Fatal(err)
		}
		called, auto := false, false
		for _, c := range codeFacts(t, b) {
			if slices.Contains(c.Calls, want.call) {
				called, auto = true, auto || c.Auto
			}
		}
		if !called || auto != want.auto {
			t.Errorf("%s: %s is called: %v, by itself: %v, want %v", name, want.call, called, auto, want.auto)
		}
	}
}

// TestHonestCode holds real functions to what they call.
func TestHonestCode(t *testing.T) {
	files, _ := filepath.Glob("../../../testdata/benign/*/*/defaults-p*.pkl")
	if len(files) < 3 {
		t.Fatalf("%d fixtures", len(files))
	}
	for _, f := range files {
		if !strings.Contains(f, "dill") && !strings.Contains(f, "cloudpickle") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		facts := codeFacts(t, b)
		if len(facts) == 0 || !slices.Equal(facts[0].Calls, []string{"np.log1p"}) || facts[0].Name != "ratio" || facts[0].Auto {
			t.Errorf("%s: %+v", f, facts)
		}
	}
}
