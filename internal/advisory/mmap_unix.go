//go:build unix

package advisory

import (
	"fmt"
	"math"
	"os"
	"syscall"
)

// mapFile maps a file read-only; release unmaps it. A file that changes while it is mapped shows as damage, one that is cut short can end the
// process, which is why updates replace files instead of writing into them.
func mapFile(name string) (data []byte, release func(), err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("not a regular file")
	}
	if info.Size() == 0 || info.Size() > math.MaxUint32 {
		return nil, nil, fmt.Errorf("%d bytes cannot be an advisory database", info.Size())
	}
	data, err = syscall.Mmap(int(f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, nil, fmt.Errorf("map into memory: %w", err)
	}
	return data, func() { _ = syscall.Munmap(data) }, nil
}
