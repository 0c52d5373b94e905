package sandbox

import "golang.org/x/sys/unix"

const (
	auditArch    = unix.AUDIT_ARCH_AARCH64
	archCallMask = 0
)

var archAllowedCalls []uint32

var archKilledCalls = []uint32{unix.SYS_RENAMEAT, unix.SYS_KEXEC_FILE_LOAD}
