//go:build !unix

package audit

import "os"

// lock only marks the folder: this system has no advisory locks that end with their process.
func lock(file string) (*os.File, error) { return os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600) }
