//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package sandbox

import (
	"os"
	"strings"
	"syscall"
)

// ending gives the name of the signal that ended a process, or its exit code.
func ending(state *os.ProcessState) (signal string, exit int) {
	if state == nil {
		return "", -1
	}
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return "", state.ExitCode()
	}
	return signalName(status.Signal()), -1
}

var signalNames = map[syscall.Signal]string{
	syscall.SIGABRT: "SIGABRT", syscall.SIGBUS: "SIGBUS", syscall.SIGFPE: "SIGFPE", syscall.SIGHUP: "SIGHUP", syscall.SIGILL: "SIGILL",
	syscall.SIGINT: "SIGINT", syscall.SIGKILL: "SIGKILL", syscall.SIGPIPE: "SIGPIPE", syscall.SIGQUIT: "SIGQUIT", syscall.SIGSEGV: "SIGSEGV",
	syscall.SIGSYS: "SIGSYS", syscall.SIGTERM: "SIGTERM", syscall.SIGTRAP: "SIGTRAP", syscall.SIGXCPU: "SIGXCPU", syscall.SIGXFSZ: "SIGXFSZ",
}

func signalName(s syscall.Signal) string {
	if name, ok := signalNames[s]; ok {
		return name
	}
	return s.String()
}

// lastWords finds in what a worker wrote to stderr the line that says why it died.
func lastWords(f *os.File) string {
	buf := make([]byte, 4<<10)
	n, _ := f.ReadAt(buf, 0)
	said, _, _ := strings.Cut(string(buf[:n]), "\x00") // the file is longer than what was written
	first := ""
	for line := range strings.Lines(said) {
		line = printable(line, 200)
		if saysMemory(line) || saysPanic(line) || strings.HasPrefix(line, "fatal error: ") {
			return line
		}
		if first == "" {
			first = line
		}
	}
	return first
}

func saysMemory(line string) bool {
	return strings.Contains(line, "out of memory") || strings.Contains(line, "cannot allocate") ||
		strings.Contains(line, "stack exceeds") || strings.Contains(line, "stack overflow")
}

func saysPanic(line string) bool { return strings.HasPrefix(line, "panic: ") }
