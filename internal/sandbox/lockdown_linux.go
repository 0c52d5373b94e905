package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// errOneThread says that a layer covers the calling thread alone: a binary with cgo (the race detector needs it) has no way to reach the
// others. Release builds have none.
var errOneThread = errors.New("on one thread only: this binary was built with cgo")

// Lockdown takes from this process, on all its threads and for good, everything that a worker does not need: other descriptors, new
// privileges, capabilities, files, network, signals to others, new programs and processes, executable memory, and resources beyond the
// limits. What the kernel refuses is said in the report; nothing is undone then. [Serve] calls it; call it only in a process that is to
// be a worker.
func Lockdown(limits Limits) (Report, error) {
	runtime.LockOSThread() // each layer is meant for every thread, but where one cannot be, it holds at least for this one
	limits = limits.withDefaults()
	var r Report
	r.add("descriptors", closeInherited(), "only those of the pool")
	r.add("limits", setLimits(limits), "spool, descriptors, no core dump")
	if limits.Memory > 0 {
		r.add("memory", limitMemory(limits.Memory), fmt.Sprintf("%d MiB beyond the start", limits.Memory>>20))
	}
	calmRuntime(limits)
	r.add("no-new-privileges", everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0), "")
	r.add("capabilities", dropCapabilities(), "none left")
	detail, err := landlock()
	r.add("landlock", err, detail)
	r.add("seccomp", installFilter(), "all threads")
	runtime.UnlockOSThread()
	return r, nil
}

// everyThread makes a system call on all threads. Where that is impossible it is made on this one and errOneThread tells so.
//
//go:uintptrescapes
func everyThread(trap, a1, a2, a3 uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, a3)
	if errno == 0 {
		return nil
	}
	if errno != syscall.ENOTSUP {
		return errno
	}
	if _, _, errno := syscall.RawSyscall(trap, a1, a2, a3); errno != 0 {
		return errno
	}
	if trap == unix.SYS_PRCTL {
		return nil // the filter is synchronised to all threads, and takes no_new_privs along (seccomp(2))
	}
	return errOneThread
}

// closeInherited closes descriptors that came through exec from whoever started the parent. Go opens all of its own close-on-exec, so one
// without that mark is not ours.
func closeInherited() error {
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range dir {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= spoolFD {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.Close(fd)
		}
	}
	return nil
}

// setLimits bounds what the process may take. There is none on processes: RLIMIT_NPROC counts all that the user runs, and the filter
// refuses every new process anyway.
func setLimits(l Limits) error {
	// Under pressure the kernel is to end a worker, not the scan; where /proc is missing that wish is all that is lost.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	for resource, value := range map[int]int64{
		unix.RLIMIT_CORE:     0,
		unix.RLIMIT_FSIZE:    max(l.Spool, stderrSize),
		unix.RLIMIT_NOFILE:   int64(l.Files) + 16,
		unix.RLIMIT_MEMLOCK:  0,
		unix.RLIMIT_MSGQUEUE: 0,
	} {
		lim := unix.Rlimit{Cur: uint64(value), Max: uint64(value)}
		if err := unix.Prlimit(0, resource, &lim, nil); err != nil {
			return fmt.Errorf("rlimit %d: %w", resource, err)
		}
	}
	return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
}

// limitMemory bounds private writable memory. What the runtime has mapped by now is mostly address space for its tables, so the bound is
// relative to it. The collector works to stay below three quarters; above that is room for what it cannot give back at once.
func limitMemory(n int64) error {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	fields := strings.Fields(string(statm))
	if len(fields) < 6 {
		return errors.New("statm has no data field")
	}
	pages, err := strconv.ParseInt(fields[5], 10, 64)
	if err != nil {
		return err
	}
	hard := uint64(pages*int64(os.Getpagesize()) + n)
	debug.SetMemoryLimit(min(n*3/4, debug.SetMemoryLimit(-1))) // Config.Env may ask for less
	return unix.Prlimit(0, unix.RLIMIT_DATA, &unix.Rlimit{Cur: hard, Max: hard}, nil)
}

// calmRuntime makes the runtime do now what it could not do later, and fail early where it would fail late.
func calmRuntime(l Limits) {
	time.AfterFunc(time.Hour, func() {}).Stop() // the first timer opens the poller's descriptors
	if l.Memory > 0 {
		debug.SetMaxStack(int(min(l.Memory/4, 256<<20)))
	}
	debug.SetMaxThreads(64)
	ignoreFileSize()
}

// dropCapabilities leaves none to a worker of root. The parent-death signal stays: it is cleared only when rights are gained.
func dropCapabilities() error {
	header := &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return everyThread(unix.SYS_CAPSET, uintptr(unsafe.Pointer(header)), uintptr(unsafe.Pointer(&data[0])), 0)
}
