package h2o

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir"
	"weir/internal/format"
)

// parse runs the parser and gives what it said; nested content is counted only.
func parse(b []byte) (facts []weir.Fact, nested map[string]int64, err error) {
	nested = map[string]int64{}
	in := &format.Input{
		ReaderAt: bytes.NewReader(b), Name: "model", Size: int64(len(b)), Limits: weir.DefaultLimits(), Inspect: true,
		Emit: func(f weir.Fact) { facts = append(facts, f) },
		Nested: func(name string, r io.ReaderAt, size int64) (format.Summary, error) {
			nested[name] += size
			return format.Summary{Size: size, Complete: true}, nil
		},
	}
	return facts, nested, Parse(in)
}

// real gives the models of this package: written by H2O 3.46.0.12 (testdata/make/h2o/train.py).
func real(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.bin")
	if err != nil || len(files) == 0 {
		t.Fatalf("no models: %v", err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = b
	}
	return all
}

// TestRealModels: every byte of a real file belongs to an object, and no class of it is foreign.
func TestRealModels(t *testing.T) {
	for name, b := range real(t) {
		facts, nested, err := parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var covered int64
		streams := map[string]bool{}
		for _, f := range facts {
			switch f := f.(type) {
			case weir.Oddity:
				t.Errorf("%s: %+v", name, f)
			case weir.Class:
				streams[f.Field] = true
			case weir.Part:
				if f.Kind != "java" {
					covered += f.Size
				}
			}
		}
		if covered < int64(len(b))-100 { // the numbers of classes before the objects are in no part
			t.Errorf("%s: %d of %d bytes are in parts", name, covered, len(b))
		}
		if !match(format.Head{First: b, Size: int64(len(b))}) {
			t.Errorf("%s is not recognised", name)
		}
		if want := "hex.pca.PCAModel$PCAOutput._training_time_ms"; streams[want] != (name == "pca.bin") || len(nested) > 0 {
			t.Errorf("%s: Java streams in %v, nested content %v", name, streams, nested)
		}
	}
}

func TestTruncated(t *testing.T) {
	for name, b := range real(t) {
		every := 0 // pca.bin is cut at every length
		if name != "pca.bin" {
			every = len(b) / 200
		}
		for n := 2; n < len(b); n += 1 + every {
			if _, _, err := parse(b[:n]); err == nil && n < len(b) {
				// A file may end after any of its outermost objects; then nothing is missing that can be known.
				if _, _, err := parse(append(bytes.Clone(b[:n]), 0)); err != nil {
					t.Errorf("%s cut at %d is taken for whole", name, n)
				}
			}
		}
	}
}

// TestForeignClass: a class that an object uses is initialised, one that no object uses is only named, and when not everything could be
// read every one may be used.
func TestForeignClass(t *testing.T) {
	b := real(t)["pca.bin"]
	rename := func(old, name string) []byte {
		b := bytes.Clone(b)
		at := bytes.Index(b, []byte(old))
		copy(b[at:at+len(old)], name)
		return b
	}
	for name, c := range map[string]struct {
		file []byte
		how  weir.ClassUse
	}{
		"of no object": {rename("water.Iced", "evil.Cls12"), weir.ClassDescribed},
		"of an object": {rename("hex.pca.PCAModel", "evil.pca.ICAModel"[:16]), weir.ClassStaticInit},
		"not all read": {rename("water.Iced", "evil.Cls12")[:len(b)-400], weir.ClassStaticInit},
	} {
		facts, _, _ := parse(c.file)
		found := false
		for _, f := range facts {
			if k, ok := f.(weir.Class); ok && k.Field == TypeMap {
				found = found || k.How == c.how && strings.HasPrefix(k.Name, "evil.")
			}
		}
		if !found {
			t.Errorf("%s: not reported as %s", name, c.how)
		}
	}
}

// TestUnknownVersion: in a file of a version without layouts, a stream that the walk steps over is told; in one of a known version it is data.
func TestUnknownVersion(t *testing.T) {
	b := bytes.Clone(real(t)["gbm-regression.bin"])
	at := bytes.Index(b, []byte("Gradient")) // a text inside
	if at < 0 {
		at = bytes.LastIndex(b, []byte("model"))
	}
	copy(b[at:], "\xac\xed\x00\x05")
	for version, want := range map[string]int{"3.46.0.12": 0, "3.46.0.99": 1} {
		facts, _, err := parse(bytes.Replace(b, []byte("3.46.0.12"), []byte(version), 1))
		got := 0
		for _, f := range facts {
			if o, ok := f.(weir.Oddity); ok && o.Kind == weir.OddEmbedded && o.At == int64(at) {
				got++
			}
		}
		if err != nil || got != want {
			t.Errorf("%s: %d streams, want %d: %v", version, got, want, err)
		}
	}
}

func TestVersions(t *testing.T) {
	l := shippedLayouts()
	if len(l.byName) < 2000 || len(l.versions) < 3 {
		t.Fatalf("%d classes of %v", len(l.byName), l.versions)
	}
	for v, want := range map[string]string{
		"3.46.0.12": l.versions[0], "3.46.0.99": l.versions[0], "3.46.0.6": "3.46.0.6", "3.46.0.5": "3.46.0.6", "3.10.0.1": l.versions[len(l.versions)-1],
	} {
		if got := l.versions[l.letter(v)-'a']; got != want {
			t.Errorf("version %s is read as %s, want %s", v, got, want)
		}
	}
	if !l.is("hex.tree.gbm.GBMModel", "hex.Model") || l.is("hex.Model", "water.fvec.Frame") {
		t.Error("superclasses are not followed")
	}
	for name, all := range l.byName {
		for _, c := range all {
			if c.super != "" && l.byName[c.super] == nil {
				t.Errorf("%s: superclass %s is not there", name, c.super)
			}
		}
	}
}

func FuzzBinary(f *testing.F) {
	for _, b := range real(f) {
		f.Add(b)
	}
	f.Add([]byte(magic + "\x0a3.46.0.12" + strings.Repeat("\x01", 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := &format.Input{
			ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Limits: weir.DefaultLimits(), Emit: func(weir.Fact) {},
			Nested: func(string, io.ReaderAt, int64) (format.Summary, error) { return format.Summary{}, nil },
		}
		in.Limits.Steps = 100_000
		_ = Parse(in)
	})
}

func TestDescribes(t *testing.T) {
	facts, _, err := parse(real(t)["gbm-regression.bin"])
	if err != nil {
		t.Fatal(err)
	}
	notes := map[string]string{}
	for _, f := range facts {
		if n, ok := f.(weir.Note); ok {
			notes[n.Key] = n.Value
		}
	}
	for key, want := range map[string]string{
		"h2o.columns": "4: a, b, c, y", "h2o.response": "y", "h2o.trees": "2", "h2o.class": "hex.tree.gbm.GBMModel", "h2o.version": "3.46.0.12",
	} {
		if notes[key] != want {
			t.Errorf("%s is %q, want %q", key, notes[key], want)
		}
	}
	if !strings.HasPrefix(notes["h2o.trained"], "2026-11-24T") {
		t.Errorf("trained %q", notes["h2o.trained"])
	}
	for s, want := range map[int64]string{0: "1970-01-01T00:00:00Z", 951_782_399: "2000-02-28T23:59:59Z", 951_782_400: "2000-02-29T00:00:00Z", 1_700_000_000: "2023-11-14T22:13:20Z"} {
		if got := utc(s); got != want {
			t.Errorf("%d is %s, want %s", s, got, want)
		}
	}
}

// TestRestIsNoModel: what is handed back is never the file itself, which would come back until the engine's depth ends it.
func TestRestIsNoModel(t *testing.T) {
	b := real(t)["pca.bin"]
	for _, n := range []int{20, 100, 3000, len(b) / 2} {
		_, nested, err := parse(b[:n])
		if err == nil {
			t.Errorf("cut at %d: no error", n)
		}
		for name, size := range nested {
			if size >= int64(n) {
				t.Errorf("cut at %d: %s of %d bytes is handed back", n, name, size)
			}
		}
	}
}
