//go:build !unix

package source

import (
	"io/fs"
	"os"
)

// identity is not known here: a file with several names is examined several times.
type identity struct{}

func identify(fs.FileInfo) (identity, bool) { return identity{}, false }

func openFile(p string) (*os.File, error) { return os.Open(p) }
