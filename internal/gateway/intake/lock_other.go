//go:build !unix

package intake

import "os"

// lockFile opens the file; systems without flock have no lock.
func lockFile(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
}

func room(string) (int64, bool) { return 0, false }

func full(error) bool { return false }
