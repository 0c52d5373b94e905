//go:build linux && !amd64 && !arm64

package sandbox

import (
	"fmt"
	"runtime"
)

func installFilter() error {
	return fmt.Errorf("no filter for %s: %w", runtime.GOARCH, ErrUnsupported)
}
