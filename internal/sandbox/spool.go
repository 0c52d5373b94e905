//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import "os"

// removedFile is a file whose name is gone at once.
func removedFile() (*os.File, error) {
	f, err := os.CreateTemp("", "weir-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
