//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"os"
	"syscall"
	"time"
)

// These systems have no such flags everywhere; Go ignores SIGPIPE on sockets, and workers never fork.
const (
	noSignal  = 0
	recvFlags = 0
)

func self() (string, error) { return os.Executable() }

func socketPair() (ours, theirs int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	p, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return -1, -1, err
	}
	syscall.CloseOnExec(p[0])
	syscall.CloseOnExec(p[1])
	return p[0], p[1], nil
}

func sysProcAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

func unlinkedFile() (*os.File, error) { return removedFile() }

func stderrFile() (*os.File, error) { return removedFile() }

// outliveNobody ends the worker when its parent is gone, also in the middle of a request: these systems have no parent-death signal.
func outliveNobody() {
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				os.Exit(1)
			}
		}
	}()
}
