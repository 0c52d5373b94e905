package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzVerify changes a log in any way: verification must not panic, and must not call whole what is not what was written.
func FuzzVerify(f *testing.F) {
	dir := written(f, 5, Options{})
	name := filepath.Join(dir, liveName)
	whole, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, 0, []byte("{"))
	f.Add(300, 5, []byte("x"))
	f.Add(len(whole)-1, 1, []byte(""))
	f.Add(len(whole), 0, []byte("\n"))
	f.Add(0, len(whole), []byte(""))
	own := f.TempDir() // one for all: a process tries one input at a time
	for _, keep := range []string{pubName, headName} {
		data, err := os.ReadFile(filepath.Join(dir, keep))
		if err != nil {
			f.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(own, keep), data, 0o600); err != nil {
			f.Fatal(err)
		}
	}
	f.Fuzz(func(t *testing.T, at, cut int, with []byte) {
		at = max(0, min(at, len(whole)))
		end := max(at, min(at+max(0, cut), len(whole)))
		changed := bytes.Join([][]byte{whole[:at], with, whole[end:]}, nil)
		if err := os.WriteFile(filepath.Join(own, liveName), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify([]string{own}, ""); (err == nil) != bytes.Equal(changed, whole) {
			t.Errorf("at %d, %d bytes became %q: %v", at, end-at, with, err)
		}
		_ = Read([]string{own}, func(*Entry) error { return nil })
	})
}
