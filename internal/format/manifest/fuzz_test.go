package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"weir"
	"weir/internal/format"
	"weir/internal/format/formattest"
)

// parse recognises content by its name and runs the parsers that claim it.
func parse(name, content string) (formats []string, facts []weir.Fact, err error) {
	b := []byte(content)
	h := format.Head{Name: name, Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)], Last: b[max(0, len(b)-format.TailSize):]}
	for _, f := range Formats {
		if !f.Match(h) {
			continue
		}
		formats = append(formats, f.Name)
		in := formattest.New().Input("", bytes.NewReader(b), int64(len(b)))
		in.Name, in.Emit = name, func(f weir.Fact) { facts = append(facts, f) }
		err = errors.Join(err, f.Parse(in))
	}
	return formats, facts, err
}

// FuzzManifest runs every parser on anything under any name: no panic, bounded facts, the same facts for the same input, and places that lie
// in the file.
func FuzzManifest(f *testing.F) {
	for _, seed := range []struct{ name, content string }{
		{"requirements.txt", "a==1\n-e git+https://example.org/b\nc @ https://example.org/c.whl\n"},
		{"conda.yaml", "channels: [a]\ndependencies: [b, {pip: [c]}]\n"},
		{"python_env.yaml", "python: 3\nbuild_dependencies: [a]\ndependencies: [-r x]\n"},
	} {
		f.Add(seed.name, []byte(seed.content))
	}
	for _, seed := range ecoSeeds {
		f.Add(seed.name, []byte(seed.content))
	}
	seeds := 0
	err := filepath.WalkDir(filepath.Join("testdata", "python"), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if len(b) < 8<<10 {
			f.Add(name, b)
			seeds++
		}
		return err
	})
	if err != nil || seeds < 20 {
		f.Fatalf("only %d seeds: %v", seeds, err)
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		formats, one, err := parse(name, string(b))
		_, two, err2 := parse(name, string(b))
		if fmt.Sprint(one) != fmt.Sprint(two) || fmt.Sprint(err) != fmt.Sprint(err2) {
			t.Errorf("%q read twice as %v differs", name, formats)
		}
		for _, x := range one {
			if n := len(fmt.Sprintf("%+v", x)); n > 64<<10 {
				t.Errorf("%q: a fact of %d bytes", name, n)
			}
			if r, ok := x.(weir.Requirement); ok && (r.Spec.At < 0 || r.Spec.Size < 0 || r.Spec.At+r.Spec.Size > int64(len(b))) {
				t.Errorf("%q: %+v lies outside the file", name, r)
			}
		}
	})
}
