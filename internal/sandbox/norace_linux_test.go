//go:build linux && !race

package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The race detector needs cgo, with which a process can restrict one thread only, and its shadow memory has no bound: what follows is tested
// without it. test.sh runs this room both ways.

// TestLandlockAlone shows that the second layer holds without the first.
func TestLandlockAlone(t *testing.T) {
	if !newTestPool(t, nil).Report().held("landlock") {
		t.Fatal("this kernel has no Landlock, so the second layer cannot be shown")
	}
	dir := t.TempDir()
	given := filepath.Join(dir, "file")
	if err := os.WriteFile(given, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, folder := mustOpen(t, given), mustOpen(t, dir)
	listener, socket := listenAbstract(t)
	p := newTestPool(t, func(c *Config) { c.NoLockdown = true; c.Recycle = 1 })
	for _, c := range []struct {
		deed string
		file *os.File
		want string
	}{
		{"open " + given, nil, "refused: open " + given + ": permission denied"},
		{"create " + filepath.Join(dir, "new"), nil, "refused"},
		{"openat-in-a-given-folder", folder, "refused: permission denied"},
		{"unlink " + given, nil, "refused: permission denied"},
		{"exec", nil, "refused: permission denied"},
		{"connect " + listener, socket, "refused: operation not permitted"},
		{"kill-of-the-parent", nil, "refused: operation not permitted"},
		{"read-of-the-parents-memory", nil, "refused: operation not permitted"},
		{"tcp", nil, "refused: permission denied"},
		{"map-of-a-file", file, "done"},
		{"threads", nil, "done"},
	} {
		var files []*os.File
		if c.file != nil {
			files = append(files, c.file)
		}
		if got := try(t, p, "landlock+"+c.deed, files...); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.deed, got, c.want)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	p := newTestPool(t, nil)
	for _, req := range []string{"bomb", "recurse 100000000"} {
		got, err := ask(p, context.Background(), req)
		var crash *Crash
		if !errors.As(err, &crash) || crash.Reason != ReasonMemory || len(got) != 1 {
			t.Errorf("%s: %q, %v", req, got, err)
		}
	}
}
