//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package sandbox

import (
	"context"
	"fmt"
	"os"
)

// Supported reports whether [Pool] works on this system.
func Supported() bool { return false }

// Pool runs workers; this system cannot hand open files to them.
type Pool struct{}

// NewPool always fails here.
func NewPool(Config) (*Pool, error) { return nil, fmt.Errorf("worker processes: %w", ErrUnsupported) }

// Report is empty here.
func (*Pool) Report() Report { return Report{} }

// Close does nothing here.
func (*Pool) Close() {}

// Do always fails here.
func (*Pool) Do(context.Context, []byte, []*os.File, func([]byte) error) error {
	return fmt.Errorf("worker processes: %w", ErrUnsupported)
}

// Serve always fails here.
func Serve(Handler) error { return fmt.Errorf("worker processes: %w", ErrUnsupported) }
