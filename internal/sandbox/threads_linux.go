//go:build !cgo && (amd64 || arm64)

package sandbox

// libcCalls is empty in a binary without a C library.
var libcCalls []uint32
