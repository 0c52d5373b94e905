//go:build unix

package audit

import (
	"fmt"
	"os"
	"syscall"
)

// lock keeps other processes from writing the same log.
func lock(file string) (*os.File, error) {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("audit log %q is being written by another process: %w", file, err)
	}
	return f, nil
}
