package sandbox

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attempt tries one thing that a worker must not do, and sends "done" when it could. The argument is the deed and what it is done to;
// "landlock+" before the deed restricts the worker with Landlock alone first.
func attempt(arg string, files []*os.File, send func([]byte) error) error {
	deed, object, _ := strings.Cut(arg, " ")
	if rest, ok := strings.CutPrefix(deed, "landlock+"); ok {
		deed = rest
		if err := everyThread(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); err != nil {
			return err
		}
		if _, err := landlock(); err != nil {
			return err
		}
	}
	do, ok := deeds[deed]
	if !ok {
		return fmt.Errorf("no such deed %q", deed)
	}
	if err := do(object, files, send); err != nil {
		return fmt.Errorf("refused: %w", err)
	}
	return send([]byte("done"))
}

type deed func(object string, files []*os.File, send func([]byte) error) error

// spools keeps files from being closed by the collector.
var spools []*os.File

var deeds = map[string]deed{
	"open": func(name string, _ []*os.File, _ func([]byte) error) error {
		f, err := os.Open(name)
		if err == nil {
			f.Close()
		}
		return err
	},
	"create": func(name string, _ []*os.File, _ func([]byte) error) error {
		return os.WriteFile(name, []byte("x"), 0o600)
	},
	"unlink": func(name string, _ []*os.File, _ func([]byte) error) error { return unix.Unlink(name) },
	"chmod":  func(name string, _ []*os.File, _ func([]byte) error) error { return unix.Chmod(name, 0o777) },
	"rename": func(name string, _ []*os.File, _ func([]byte) error) error { return unix.Rename(name, name+"2") },
	"openat-in-a-given-folder": func(_ string, files []*os.File, _ func([]byte) error) error {
		fd, err := unix.Openat(int(files[0].Fd()), "file", unix.O_RDONLY, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	},
	"fchmod": func(_ string, files []*os.File, _ func([]byte) error) error {
		return unix.Fchmod(int(files[0].Fd()), 0o777)
	},
	"setown": func(_ string, files []*os.File, _ func([]byte) error) error {
		_, err := unix.FcntlInt(files[0].Fd(), unix.F_SETOWN, os.Getppid())
		return err
	},
	"socket": func(string, []*os.File, func([]byte) error) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	},
	"connect": func(name string, files []*os.File, _ func([]byte) error) error {
		return unix.Connect(int(files[0].Fd()), &unix.SockaddrUnix{Name: name})
	},
	"exec": func(_ string, _ []*os.File, send func([]byte) error) error {
		if err := send([]byte("done")); err != nil { // to be taken back if it fails
			return err
		}
		err := syscall.Exec("/bin/true", []string{"true"}, nil)
		_ = send([]byte("undone"))
		return err
	},
	"fork": func(string, []*os.File, func([]byte) error) error {
		pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			return errno
		}
		if pid == 0 {
			for {
				syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		}
		_, err := syscall.Wait4(int(pid), nil, 0, nil)
		return err
	},
	"ptrace": func(_ string, _ []*os.File, send func([]byte) error) error {
		if _, _, errno := syscall.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(os.Getppid()), 0, 0, 0, 0); errno != 0 {
			return errno
		}
		_ = send([]byte("done"))
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0) // which lets the parent go
		return nil
	},
	"read-of-the-parents-memory": func(string, []*os.File, func([]byte) error) error {
		b := make([]byte, 8)
		_, err := unix.ProcessVMReadv(os.Getppid(), []unix.Iovec{{Base: &b[0], Len: 8}},
			[]unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 8}}, 0)
		if err == unix.EFAULT { // it may look, there is just nothing at that address
			return nil
		}
		return err
	},
	"kill-of-the-parent":   func(string, []*os.File, func([]byte) error) error { return unix.Kill(os.Getppid(), 0) },
	"tgkill-of-the-parent": func(string, []*os.File, func([]byte) error) error { return unix.Tgkill(os.Getppid(), os.Getppid(), 0) },
	"executable-mapping": func(string, []*os.File, func([]byte) error) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err == nil {
			err = unix.Munmap(b)
		}
		return err
	},
	"memory-made-executable": func(string, []*os.File, func([]byte) error) error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Munmap(b) }()
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	},
	"memfd": func(string, []*os.File, func([]byte) error) error {
		fd, err := unix.MemfdCreate("x", 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	},
	"io_uring": func(string, []*os.File, func([]byte) error) error {
		var params [120]byte
		fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
		if errno != 0 {
			return errno
		}
		return unix.Close(int(fd))
	},
	"prctl": func(string, []*os.File, func([]byte) error) error {
		return unix.Prctl(unix.PR_SET_NAME, uintptr(unsafe.Pointer(&[]byte("x\x00")[0])), 0, 0, 0)
	},
	"higher-limits": func(string, []*os.File, func([]byte) error) error {
		var lim unix.Rlimit
		return unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &lim)
	},
	"tcp": func(string, []*os.File, func([]byte) error) error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: 1, Addr: [4]byte{127, 0, 0, 1}})
		if err == unix.ECONNREFUSED { // by the peer, not by the kernel
			return nil
		}
		return err
	},
	// The following must work in every worker: they are what honest parsers and the runtime do.
	"threads": func(string, []*os.File, func([]byte) error) error {
		var wg sync.WaitGroup
		gate := make(chan struct{})
		for range 12 {
			wg.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				<-gate
				runtime.GC()
			})
		}
		close(gate)
		wg.Wait()
		return nil
	},
	"copy-to-the-spool": func(_ string, files []*os.File, _ func([]byte) error) error {
		spool := os.NewFile(spoolFD, "spool") // kept open: closing it would end the worker
		sinkMu.Lock()
		defer sinkMu.Unlock()
		spools = append(spools, spool)
		n, err := io.Copy(spool, io.NewSectionReader(files[0], 0, 4))
		if err == nil && n != 4 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return err
		}
		if _, err := io.Copy(spool, files[0]); err != nil { // this one would use copy_file_range(2)
			return err
		}
		b := make([]byte, 2)
		if _, err := spool.ReadAt(b, 2); err != nil {
			return err
		}
		if _, err := spool.WriteAt(b, 0); err != nil {
			return err
		}
		info, err := spool.Stat()
		if err != nil {
			return err
		}
		if info.Size() < 4 || string(b) != "xt" {
			return fmt.Errorf("spool of %d bytes, %q", info.Size(), b)
		}
		return spool.Truncate(1)
	},
	"timer": func(string, []*os.File, func([]byte) error) error {
		<-time.After(time.Millisecond)
		return nil
	},
	"random": func(string, []*os.File, func([]byte) error) error {
		_, err := rand.Read(make([]byte, 64))
		return err
	},
	"map-of-a-file": func(_ string, files []*os.File, _ func([]byte) error) error {
		b, err := unix.Mmap(int(files[0].Fd()), 0, 4, unix.PROT_READ, unix.MAP_PRIVATE)
		if err != nil {
			return err
		}
		if !bytes.Equal(b, []byte("text")) {
			return fmt.Errorf("mapped %q", b)
		}
		return unix.Munmap(b)
	},
	"absence-of-descriptor": func(n string, _ []*os.File, _ func([]byte) error) error {
		fd, err := strconv.Atoi(n)
		if err != nil {
			return err
		}
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			return fmt.Errorf("descriptor %d is open", fd)
		}
		return nil
	},
}
