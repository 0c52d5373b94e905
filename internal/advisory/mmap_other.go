//go:build !unix

package advisory

import (
	"fmt"
	"io"
	"os"
)

// maxPlain bounds what is read into memory where files are not mapped.
const maxPlain = 1 << 30

// mapFile reads a file: this system's files are not mapped.
func mapFile(name string) (data []byte, release func(), err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	data, err = io.ReadAll(io.LimitReader(f, maxPlain+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxPlain {
		return nil, nil, fmt.Errorf("more than %d bytes cannot be an advisory database", maxPlain)
	}
	return data, func() {}, nil
}
