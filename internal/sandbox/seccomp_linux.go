//go:build amd64 || arm64

package sandbox

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The filter has three answers. What a parser and Go's runtime need is allowed. What a library may try without meaning harm (opening a
// zone file, asking for a user id) gets an errno, and goes on without. What only someone who has taken the worker over would call kills
// the process, so that it is seen.

// Offsets in struct seccomp_data.
const (
	dataNr   = 0
	dataArch = 4
	dataArgs = 16 // the low half of argument 0 on a little-endian machine; 8 bytes each
)

// newestCall is the last system call that existed when this list was made. Newer ones do not exist for a worker, so that a newer runtime
// falls back to what it did before.
const newestCall = unix.SYS_RSEQ_SLICE_YIELD

// allowedCalls need no look at their arguments. Reading and writing are bounded by what descriptors there are: inputs are open for reading
// only (Pool.Do checks), and there is no call that makes new ones.
var allowedCalls = []uint32{
	unix.SYS_READ, unix.SYS_PREAD64, unix.SYS_FUTEX, unix.SYS_WRITE, unix.SYS_NANOSLEEP, unix.SYS_CLOSE, unix.SYS_LSEEK, unix.SYS_FSTAT,
	unix.SYS_MADVISE, unix.SYS_MUNMAP, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2, unix.SYS_SCHED_YIELD, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPROCMASK,
	unix.SYS_SIGALTSTACK, unix.SYS_RT_SIGACTION, unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_NANOSLEEP,
	unix.SYS_GETTIMEOFDAY, unix.SYS_GETRANDOM, unix.SYS_RESTART_SYSCALL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_SCHED_GETAFFINITY,
	unix.SYS_MINCORE, unix.SYS_FADVISE64, unix.SYS_GETRUSAGE,
}

// spoolCalls are allowed on the spool alone, socketCalls on the socket alone.
var (
	spoolCalls  = []uint32{unix.SYS_PWRITE64, unix.SYS_FTRUNCATE}
	socketCalls = []uint32{unix.SYS_RECVMSG, unix.SYS_SENDMSG}
)

// killedCalls are those that no parser makes on any path: new programs, processes and names, other processes, the network, the kernel.
var killedCalls = []uint32{
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_KILL, unix.SYS_TKILL,
	unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_KCMP, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE,
	unix.SYS_SOCKET, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_ACCEPT, unix.SYS_ACCEPT4, unix.SYS_SENDTO,
	unix.SYS_SENDMMSG, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER, unix.SYS_IO_SETUP,
	unix.SYS_UNLINKAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKDIRAT, unix.SYS_MKNODAT, unix.SYS_TRUNCATE,
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_MOUNT,
	unix.SYS_UMOUNT2, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT, unix.SYS_FSOPEN, unix.SYS_FSMOUNT, unix.SYS_MOUNT_SETATTR,
	unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID, unix.SYS_SETRESGID, unix.SYS_SETGROUPS,
	unix.SYS_CAPSET, unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON,
	unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_PKEY_MPROTECT, unix.SYS_REMAP_FILE_PAGES, unix.SYS_SHMGET, unix.SYS_SHMAT,
	unix.SYS_MSGGET, unix.SYS_SEMGET, unix.SYS_MQ_OPEN, unix.SYS_FANOTIFY_INIT, unix.SYS_QUOTACTL, unix.SYS_ACCT, unix.SYS_SETTIMEOFDAY,
	unix.SYS_CLOCK_SETTIME, unix.SYS_PERSONALITY, unix.SYS_VMSPLICE, unix.SYS_TEE, unix.SYS_SPLICE,
}

// threadFlags must all be there in clone(2), and none of processFlags: then it makes a thread of this process and nothing else.
const (
	threadFlags  = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD
	processFlags = unix.CLONE_PTRACE | unix.CLONE_VFORK | unix.CLONE_PARENT | unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS |
		unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_IO | unix.CLONE_PIDFD
)

const (
	answerAllow = unix.SECCOMP_RET_ALLOW
	answerKill  = unix.SECCOMP_RET_KILL_PROCESS
)

func answerErrno(e syscall.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }

// program is classic BPF under construction. Every block ends in an answer, so no jump leaves its block.
type program []unix.SockFilter

func (p *program) load(offset uint32) {
	*p = append(*p, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset})
}

func (p *program) jump(test uint16, k uint32, yes, no uint8) {
	*p = append(*p, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, Jt: yes, Jf: no, K: k})
}

func (p *program) answer(a uint32) {
	*p = append(*p, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: a})
}

// on adds a block for one system call.
func (p *program) on(nr uint32, block func(*program)) {
	var b program
	block(&b)
	p.jump(unix.BPF_JEQ, nr, 0, uint8(len(b)))
	*p = append(*p, b...)
}

// each adds the same answer for several calls.
func (p *program) each(calls []uint32, answer uint32) {
	for _, nr := range calls {
		p.on(nr, func(b *program) { b.answer(answer) })
	}
}

// equal answers yes if the low half of an argument is k, else no.
func (p *program) equal(arg int, k, yes, no uint32) {
	p.load(uint32(dataArgs + 8*arg))
	p.jump(unix.BPF_JEQ, k, 0, 1)
	p.answer(yes)
	p.answer(no)
}

// withoutBits answers yes if an argument has none of the bits, else no.
func (p *program) withoutBits(arg int, bits, yes, no uint32) {
	p.load(uint32(dataArgs + 8*arg))
	p.jump(unix.BPF_JSET, bits, 0, 1)
	p.answer(no)
	p.answer(yes)
}

// buildFilter is the whole filter for the process pid.
func buildFilter(pid int) program {
	var p program
	p.load(dataArch)
	p.jump(unix.BPF_JEQ, auditArch, 1, 0)
	p.answer(answerKill)
	p.load(dataNr)
	p.each(allowedCalls, answerAllow)
	p.each(archAllowedCalls, answerAllow)
	p.each(libcCalls, answerAllow)
	for _, nr := range socketCalls {
		p.on(nr, func(b *program) { b.equal(0, socketFD, answerAllow, answerKill) })
	}
	for _, nr := range spoolCalls {
		p.on(nr, func(b *program) { b.equal(0, spoolFD, answerAllow, answerErrno(syscall.EPERM)) })
	}
	for _, nr := range []uint32{unix.SYS_MMAP, unix.SYS_MPROTECT} {
		p.on(nr, func(b *program) { b.withoutBits(2, unix.PROT_EXEC, answerAllow, answerKill) })
	}
	p.on(unix.SYS_CLONE, func(b *program) {
		b.load(dataArgs)
		b.jump(unix.BPF_JSET, processFlags, 3, 0)
		*b = append(*b, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: threadFlags})
		b.jump(unix.BPF_JEQ, threadFlags, 0, 1)
		b.answer(answerAllow)
		b.answer(answerKill)
	})
	p.on(unix.SYS_CLONE3, func(b *program) { b.answer(answerErrno(syscall.ENOSYS)) }) // its flags are out of sight; libraries fall back
	p.on(unix.SYS_TGKILL, func(b *program) { b.equal(0, uint32(pid), answerAllow, answerKill) })
	p.on(unix.SYS_FCNTL, func(b *program) {
		b.load(dataArgs + 8)
		b.jump(unix.BPF_JGT, unix.F_SETFL, 1, 0) // F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL
		b.answer(answerAllow)
		b.answer(answerErrno(syscall.EPERM))
	})
	// The runtime names its mappings where it can and asks no more once told that it cannot.
	p.on(unix.SYS_PRCTL, func(b *program) { b.answer(answerErrno(syscall.EINVAL)) })
	p.each(killedCalls, answerKill)
	p.each(archKilledCalls, answerKill)
	if archCallMask != 0 {
		p.jump(unix.BPF_JSET, archCallMask, 0, 1)
		p.answer(answerKill)
	}
	p.jump(unix.BPF_JGT, newestCall, 0, 1)
	p.answer(answerErrno(syscall.ENOSYS))
	p.answer(answerErrno(syscall.EPERM))
	return p
}

// installFilter puts the filter on all threads at once.
func installFilter() error {
	p := buildFilter(unix.Getpid())
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: &p[0]}
	thread, _, errno := syscall.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&prog)))
	runtime.KeepAlive(p)
	if errno != 0 {
		return errno
	}
	if thread != 0 {
		return fmt.Errorf("thread %d has another filter", thread)
	}
	return nil
}
