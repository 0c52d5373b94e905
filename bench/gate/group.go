//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a server and its workers into a process group, so that all of them end.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func endGroup(cmd *exec.Cmd) { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
