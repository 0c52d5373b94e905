package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"weir/internal/store"
	"weir/internal/store/storetest"
)

func TestStore(t *testing.T) {
	dir := t.TempDir()
	storetest.Run(t, func(t *testing.T, name string) store.Store {
		s, err := Open(filepath.Join(dir, name+" ü?#%41.db")) // a name that a URI would read in another way
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
	if _, err := os.Stat(filepath.Join(dir, "accounts ü?#%41.db")); err != nil {
		t.Errorf("the store does not lie where it was to: %v", err)
	}
}

func TestModeOfFile(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // modes are those of Unix
	}
	path := filepath.Join(t.TempDir(), "weir.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 2 {
		t.Fatalf("files %v, error %v: want the store and its journal", files, err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v: hashes of passwords lie there", filepath.Base(f), info.Mode().Perm())
		}
	}
}

func TestNewerStoreIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weir.db")
	d, err := open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.exec(context.Background(), `UPDATE schema_version SET version = 999 WHERE series = 'auth'`); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Fatalf("error %v, want one about a newer weir", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", ":memory:", "a\x00b", text, filepath.Join(t.TempDir(), "missing", "weir.db")} {
		if s, err := Open(path); err == nil {
			s.Close()
			t.Errorf("%q was opened", path)
		}
	}
}
