//go:build unix

package source

import (
	"io/fs"
	"os"
	"syscall"
)

// identity tells files apart that have several names.
type identity struct{ dev, ino uint64 }

func identify(info fs.FileInfo) (id identity, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}, false
	}
	return identity{uint64(st.Dev), uint64(st.Ino)}, true //nolint:unconvert // the types differ between systems
}

// openFile does not wait for a writer when a pipe has taken the file's place.
func openFile(p string) (*os.File, error) {
	return os.OpenFile(p, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY|syscall.O_CLOEXEC, 0)
}
