package manifest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"weir"
	"weir/internal/format"
	"weir/internal/format/formattest"
)

// parse recognises content by its name and runs the parsers that claim it.
func parse(name, content string) (formats []string, facts []weir.Fact, err string) {
	e := formattest.New(Formats)
	formats = e.Scan(name, bytes.NewReader([]byte(content)), int64(len(content)))
	for _, f := range e.Facts {
		facts = append(facts, f...)
	}
	return formats, facts, fmt.Sprint(e.Errs)
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
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		formats, one, err := parse(name, string(b))
		_, two, err2 := parse(name, string(b))
		if fmt.Sprint(one) != fmt.Sprint(two) || err != err2 {
			t.Errorf("%q read twice as %v differs", name, formats)
		}
		for _, x := range one {
			if r, ok := x.(weir.Requirement); ok && (r.Spec.At < 0 || r.Spec.Size < 0 || r.Spec.At+r.Spec.Size > int64(len(b))) {
				t.Errorf("%q: %+v lies outside the file", name, r)
			}
		}
		for _, x := range Formats {
			h := format.Head{Name: name, Size: int64(len(b)), First: b[:min(len(b), format.HeadSize)]}
			if x.Match(h) != slices.Contains(formats, x.Name) {
				t.Errorf("%q: %s", name, x.Name)
			}
		}
	})
}
