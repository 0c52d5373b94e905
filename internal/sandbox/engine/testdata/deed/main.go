//go:build linux

// Command deed tries one thing in a container and says how it went: exit code 7 for the honest one, 1 when it was refused, 0 when not.
package main

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

func main() {
	deeds := map[string]func() error{
		"write-root":   func() error { return os.WriteFile("/etc/new", nil, 0o600) },
		"write-folder": func() error { return os.WriteFile("new", nil, 0o600) },
		"shadow":       func() error { _, err := os.ReadFile("/etc/shadow"); return err },
		"network":      func() error { _, err := net.Dial("tcp", "192.0.2.1:443"); return err },
		"unshare":      func() error { return unix.Unshare(unix.CLONE_NEWNS) },
		"keyctl": func() error {
			_, err := unix.AddKey("user", "weir", []byte("x"), unix.KEY_SPEC_PROCESS_KEYRING)
			return err
		},
		"io_uring": func() error {
			if _, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, 0, 0); errno != 0 {
				return errno
			}
			return nil
		},
		"ptrace": func() error { return unix.PtraceAttach(1) },
		"sleep":  unix.Pause,
	}
	do, ok := deeds[os.Args[1]]
	if !ok {
		fmt.Println(os.Getuid())
		os.Exit(7)
	}
	if err := do(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
