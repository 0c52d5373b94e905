package harden

import (
	"encoding/json"
	"strings"
)

// allowed are the system calls of a server in Python or Java. Beside what Docker's default profile refuses, these are missing: ptrace and
// all that reads other processes, io_uring, keys, bpf, userfaultfd, perf, namespaces, mounts, file handles, devices, other users' ids,
// set clocks, and sockets other than for IP, the local machine and asking for routes.
const allowed = `
accept accept4 access alarm arch_prctl bind brk capget chdir chmod clock_getres clock_gettime clock_nanosleep close close_range connect
copy_file_range creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 execve exit exit_group
faccessat faccessat2 fadvise64 fallocate fchdir fchmod fchmodat fchmodat2 fcntl fdatasync fgetxattr flock fork fstat fstatfs fsync ftruncate futex
futex_wait futex_waitv futex_wake get_mempolicy get_robust_list getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer
getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid
gettimeofday getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl kill lgetxattr link linkat listen listxattr
llistxattr flistxattr lseek lstat madvise mbind membarrier memfd_create mincore mkdir mkdirat mlock mlock2 mlockall mmap mprotect mq_getsetattr mremap
msync munlock munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free
pkey_mprotect poll ppoll prctl pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recvfrom
recvmmsg recvmsg rename renameat renameat2 restart_syscall rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
sched_getscheduler sched_setaffinity sched_yield seccomp select sendfile sendmmsg sendmsg sendto set_mempolicy set_robust_list set_tid_address
setitimer setpgid setpriority setrlimit setsid setsockopt shmat shmctl shmdt shmget semctl semget semop semtimedop shutdown sigaltstack signalfd
signalfd4 socketpair splice stat statfs statx symlink symlinkat sync sync_file_range sysinfo tee tgkill time timer_create timer_delete
timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate umask uname unlink unlinkat utime
utimensat utimes vfork wait4 waitid write writev`

type profile struct {
	DefaultAction   string    `json:"defaultAction"`
	DefaultErrnoRet uint      `json:"defaultErrnoRet"`
	Architectures   []archMap `json:"archMap"`
	Syscalls        []syscall `json:"syscalls"`
}

type archMap struct {
	Architecture     string   `json:"architecture"`
	SubArchitectures []string `json:"subArchitectures"`
}

type syscall struct {
	Names    []string `json:"names"`
	Action   string   `json:"action"`
	ErrnoRet *uint    `json:"errnoRet,omitempty"`
	Args     []arg    `json:"args,omitempty"`
}

type arg struct {
	Index    uint   `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo"`
	Op       string `json:"op"`
}

// Numbers of Linux that are the same on every machine which weir knows.
const (
	eperm, enosys = 1, 38
	namespaces    = 0x7E020000 // all CLONE_NEW* flags of clone(2)
)

// families are the kinds of socket: AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK, which the C library asks for this machine's addresses.
var families = []uint64{1, 2, 10, 16}

// Filter writes the filter of system calls in the form of Docker, Podman, containerd and the kubelet. Only the machine's own call interface is let in.
func Filter() ([]byte, error) {
	missing := uint(enosys)
	p := profile{DefaultAction: "SCMP_ACT_ERRNO", DefaultErrnoRet: eperm,
		Architectures: []archMap{{"SCMP_ARCH_X86_64", []string{}}, {"SCMP_ARCH_AARCH64", []string{}}},
		Syscalls: []syscall{
			{Names: strings.Fields(allowed), Action: "SCMP_ACT_ALLOW"},
			{Names: []string{"clone"}, Action: "SCMP_ACT_ALLOW", Args: []arg{{Index: 0, Value: namespaces, Op: "SCMP_CMP_MASKED_EQ"}}},
			// Its flags lie in memory, where no filter sees them; libraries fall back to clone.
			{Names: []string{"clone3"}, Action: "SCMP_ACT_ERRNO", ErrnoRet: &missing},
		}}
	for _, f := range families {
		p.Syscalls = append(p.Syscalls, syscall{Names: []string{"socket"}, Action: "SCMP_ACT_ALLOW", Args: []arg{{Index: 0, Value: f, Op: "SCMP_CMP_EQ"}}})
	}
	for _, v := range []uint64{0, 8, 0xffffffff} { // as it is, Linux, and the question which it is
		p.Syscalls = append(p.Syscalls, syscall{Names: []string{"personality"}, Action: "SCMP_ACT_ALLOW", Args: []arg{{Index: 0, Value: v, Op: "SCMP_CMP_EQ"}}})
	}
	b, err := json.MarshalIndent(p, "", "  ")
	return append(b, '\n'), err
}
