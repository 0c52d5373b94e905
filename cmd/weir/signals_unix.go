//go:build unix

package main

import (
	"os/signal"
	"syscall"
)

// ignoreBrokenPipe lets a write to a closed standard output fail instead of ending the process, which has an exit code to give.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }
