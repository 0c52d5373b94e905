package version

import (
	"bytes"
	"testing"
)

// FuzzVersion: no panic, keys that keep what they promise, text that gives its key back.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"1.2.3", "1!2.0rc1.post2.dev3+cu113", "1.0-SNAPSHOT", "v1.2.3-0.20200101000000-abcdef", "go1.22rc1", "1.1.a1", "1.0.1_", "2004d"} {
		f.Add(s, "1.0")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for s := PEP440; s <= Conda; s++ {
			ka, oka := s.Key(a)
			kb, okb := s.Key(b)
			if oka && okb && s.Compare(a, b) != bytes.Compare(ka, kb) {
				t.Errorf("%s: %q and %q compare unlike their keys", s, a, b)
			}
			if s.Compare(a, b) != -s.Compare(b, a) {
				t.Errorf("%s: %q and %q compare unlike %q and %q", s, a, b, b, a)
			}
			for zeros := range 3 {
				if text, ok := s.Text(ka, zeros); oka && ok {
					if k, ok := s.Key(text); !ok || !bytes.Equal(k, ka) {
						t.Errorf("%s: key of %q gives %q, which has another", s, a, text)
					}
				}
			}
			s.Prerelease(a)
			if set, err := s.Parse(a); err == nil {
				set.Contains(b)
				set.Admits(b)
				set.Exact()
			}
		}
	})
}
