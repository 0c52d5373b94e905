//go:build !linux

package sandbox

import "fmt"

// Lockdown takes rights away on Linux alone.
func Lockdown(Limits) (Report, error) {
	return Report{}, fmt.Errorf("lockdown of workers: %w", ErrUnsupported)
}
