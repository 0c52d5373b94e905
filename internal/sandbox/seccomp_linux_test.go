//go:build amd64 || arm64

package sandbox

import (
	"encoding/binary"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// evaluate is the kernel's side of a filter: it runs classic BPF on one system call. It fails on what the kernel would not load.
func evaluate(t *testing.T, p program, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	data := binary.LittleEndian.AppendUint32(nil, nr)
	data = binary.LittleEndian.AppendUint32(data, arch)
	data = binary.LittleEndian.AppendUint64(data, 0)
	for i := range 6 {
		var a uint64
		if i < len(args) {
			a = args[i]
		}
		data = binary.LittleEndian.AppendUint64(data, a)
	}
	var acc uint32
	for pc := 0; pc < len(p); pc++ {
		ins := p[pc]
		cond := false
		switch ins.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = binary.LittleEndian.Uint32(data[ins.K:])
			continue
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= ins.K
			continue
		case unix.BPF_RET | unix.BPF_K:
			return ins.K
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JEQ:
			cond = acc == ins.K
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JGT:
			cond = acc > ins.K
		case unix.BPF_JMP | unix.BPF_K | unix.BPF_JSET:
			cond = acc&ins.K != 0
		default:
			t.Fatalf("instruction %d has code %#x", pc, ins.Code)
		}
		if cond {
			pc += int(ins.Jt)
		} else {
			pc += int(ins.Jf)
		}
	}
	t.Fatal("filter runs over its end")
	return 0
}

func TestFilter(t *testing.T) {
	const pid = 4711
	p := buildFilter(pid)
	if len(p) > 4096 {
		t.Fatalf("%d instructions: more than the kernel takes", len(p))
	}
	const thread = threadFlags | unix.CLONE_SYSVSEM // what Go's runtime asks for
	refused := func(e syscall.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
	high := uint64(1) << 32
	for _, c := range []struct {
		name string
		nr   uint32
		args []uint64
		want uint32
	}{
		{"read", unix.SYS_READ, []uint64{9}, answerAllow},
		{"recvmsg on the socket", unix.SYS_RECVMSG, []uint64{socketFD}, answerAllow},
		{"recvmsg elsewhere", unix.SYS_RECVMSG, []uint64{7}, answerKill},
		{"sendmsg elsewhere", unix.SYS_SENDMSG, []uint64{spoolFD}, answerKill},
		{"pwrite to the spool", unix.SYS_PWRITE64, []uint64{spoolFD}, answerAllow},
		{"pwrite elsewhere", unix.SYS_PWRITE64, []uint64{5}, refused(syscall.EPERM)},
		{"truncation of the spool", unix.SYS_FTRUNCATE, []uint64{spoolFD}, answerAllow},
		{"mapping", unix.SYS_MMAP, []uint64{0, 4096, unix.PROT_READ | unix.PROT_WRITE}, answerAllow},
		{"executable mapping", unix.SYS_MMAP, []uint64{0, 4096, unix.PROT_READ | unix.PROT_EXEC}, answerKill},
		{"executable mapping, high bits set", unix.SYS_MMAP, []uint64{0, 4096, high | unix.PROT_EXEC}, answerKill},
		{"mprotect to nothing", unix.SYS_MPROTECT, []uint64{0, 4096, unix.PROT_NONE}, answerAllow},
		{"mprotect to executable", unix.SYS_MPROTECT, []uint64{0, 4096, unix.PROT_EXEC}, answerKill},
		{"thread", unix.SYS_CLONE, []uint64{thread}, answerAllow},
		{"fork", unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, answerKill},
		{"vfork", unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, answerKill},
		{"thread in a user namespace", unix.SYS_CLONE, []uint64{thread | unix.CLONE_NEWUSER}, answerKill},
		{"thread under ptrace", unix.SYS_CLONE, []uint64{thread | unix.CLONE_PTRACE}, answerKill},
		{"process that shares memory", unix.SYS_CLONE, []uint64{thread &^ unix.CLONE_THREAD}, answerKill},
		{"clone3", unix.SYS_CLONE3, nil, refused(syscall.ENOSYS)},
		{"own signal", unix.SYS_TGKILL, []uint64{pid, pid + 1, uint64(unix.SIGURG)}, answerAllow},
		{"signal to another", unix.SYS_TGKILL, []uint64{pid + 1, pid + 1}, answerKill},
		{"kill of itself", unix.SYS_KILL, []uint64{pid}, answerKill},
		{"fcntl getfl", unix.SYS_FCNTL, []uint64{9, unix.F_GETFL}, answerAllow},
		{"fcntl setown", unix.SYS_FCNTL, []uint64{9, unix.F_SETOWN}, refused(syscall.EPERM)},
		{"fcntl addseals", unix.SYS_FCNTL, []uint64{9, unix.F_ADD_SEALS}, refused(syscall.EPERM)},
		{"open", unix.SYS_OPENAT, nil, refused(syscall.EPERM)},
		{"openat2", unix.SYS_OPENAT2, nil, refused(syscall.EPERM)},
		{"prctl", unix.SYS_PRCTL, nil, refused(syscall.EINVAL)},
		{"ioctl", unix.SYS_IOCTL, nil, refused(syscall.EPERM)},
		{"unshare", unix.SYS_UNSHARE, nil, answerKill},
		{"call of a later kernel", newestCall + 1, nil, refused(syscall.ENOSYS)},
		{"call of no kernel", 1<<30 - 1, nil, refused(syscall.ENOSYS)},
	} {
		if got := evaluate(t, p, auditArch, c.nr, c.args...); got != c.want {
			t.Errorf("%s: answer %#x, want %#x", c.name, got, c.want)
		}
	}
	if got := evaluate(t, p, unix.AUDIT_ARCH_I386, 3); got != answerKill {
		t.Errorf("call of another architecture: answer %#x", got)
	}
	if archCallMask != 0 {
		for _, nr := range []uint32{unix.SYS_READ, unix.SYS_OPENAT, unix.SYS_EXECVE} {
			if got := evaluate(t, p, auditArch, archCallMask|nr); got != answerKill {
				t.Errorf("x32 call %d: answer %#x", nr, got)
			}
		}
	}
}

// TestFilterKnowsEveryCall counts, so that a call is not allowed by accident: what is allowed with some arguments is listed here by number.
func TestFilterKnowsEveryCall(t *testing.T) {
	p := buildFilter(1)
	allowed := slices.Concat(allowedCalls, archAllowedCalls, libcCalls)
	for nr := range uint32(newestCall + 1) {
		got := evaluate(t, p, auditArch, nr, 99, 99, unix.PROT_EXEC)
		if (got == answerAllow) != slices.Contains(allowed, nr) {
			t.Errorf("call %d with odd arguments: answer %#x", nr, got)
		}
	}
}

func TestLandlockRights(t *testing.T) {
	for abi, want := range map[int]landlockRules{
		1:  {fs: 0x1fff},
		3:  {fs: 0x7fff},
		4:  {fs: 0x7fff, net: 3},
		5:  {fs: 0xffff, net: 3},
		6:  {fs: 0xffff, net: 3, scoped: 1},
		7:  {fs: 0xffff, net: 3, scoped: 1},
		9:  {fs: 0x1ffff, net: 3, scoped: 1},
		10: {fs: 0x1ffff, net: 0xf, scoped: 1},
		99: {fs: 0x1ffff, net: 0xf, scoped: 1},
	} {
		if got := landlockRights(abi, 0); got != want {
			t.Errorf("version %d: %#x, want %#x", abi, got, want)
		}
		want.scoped |= 2
		if got := landlockRights(abi, 2); abi >= 6 && got != want {
			t.Errorf("version %d with the erratum fixed: %#x, want %#x", abi, got, want)
		}
	}
}
