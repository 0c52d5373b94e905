//go:build cgo && (amd64 || arm64)

package sandbox

import "golang.org/x/sys/unix"

// libcCalls are what the C library's threads need in a binary built with cgo: the race detector's, never a release.
var libcCalls = []uint32{unix.SYS_RSEQ, unix.SYS_SET_ROBUST_LIST, unix.SYS_WRITEV}
