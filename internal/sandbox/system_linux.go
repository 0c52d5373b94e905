package sandbox

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	noSignal  = unix.MSG_NOSIGNAL
	recvFlags = unix.MSG_CMSG_CLOEXEC
)

// stderrSize is how much of a dying worker's words is kept.
const stderrSize = 64 << 10

// self names this binary so that it is found even when its file was replaced.
func self() (string, error) {
	if _, err := os.Stat("/proc/self/exe"); err == nil {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

func socketPair() (ours, theirs int, err error) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	return p[0], p[1], err
}

// sysProcAttr puts a worker into a session of its own, so that a terminal's interrupt reaches the parent alone, and ends it with its parent.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// unlinkedFile makes a file that has no name and, with O_EXCL, can never get one.
func unlinkedFile() (*os.File, error) {
	f, err := os.OpenFile(os.TempDir(), unix.O_TMPFILE|unix.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		return f, nil
	}
	return removedFile()
}

// stderrFile is memory of fixed size that the parent reads after a worker's death: no pipe to serve, nothing to fill.
func stderrFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return removedFile()
	}
	f := os.NewFile(uintptr(fd), "stderr")
	if err := f.Truncate(stderrSize); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
		if err == nil {
			return f, nil
		}
	}
	f.Close()
	return removedFile()
}

// outliveNobody is the parent-death signal's part on systems that have none.
func outliveNobody() {}
