package sandbox

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// landlockRules is the older and shorter form of the kernel's attribute, which all versions take.
type landlockRules struct{ fs, net, scoped uint64 }

// landlockRights gives every right that a version of the interface knows (landlock(7)). All are handled and none is granted.
func landlockRights(abi, errata int) landlockRules {
	r := landlockRules{fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}
	if abi >= 2 {
		r.fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		r.fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		r.net |= unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		r.fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		r.scoped |= unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
		// Before erratum 2 was fixed a thread could not signal its siblings, which Go's scheduler must.
		if errata&(1<<1) != 0 {
			r.scoped |= unix.LANDLOCK_SCOPE_SIGNAL
		}
	}
	if abi >= 9 {
		r.fs |= unix.LANDLOCK_ACCESS_FS_RESOLVE_UNIX
	}
	if abi >= 10 {
		r.net |= unix.LANDLOCK_ACCESS_NET_BIND_UDP | unix.LANDLOCK_ACCESS_NET_CONNECT_SEND_UDP
	}
	return r
}

// landlock denies every file, TCP port and scope beyond the descriptors that are open, and says what it reached.
func landlock() (detail string, err error) {
	query := func(flag uintptr) (int, error) {
		n, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, flag)
		if errno != 0 {
			return 0, errno
		}
		return int(n), nil
	}
	abi, err := query(unix.LANDLOCK_CREATE_RULESET_VERSION)
	if err != nil {
		return "", err
	}
	errata, err := query(unix.LANDLOCK_CREATE_RULESET_ERRATA)
	if err != nil {
		errata = 0 // a kernel that cannot say has fixed nothing that we know of
	}
	rules := landlockRights(abi, errata)
	fd, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&rules)), unsafe.Sizeof(rules), 0)
	if errno != 0 {
		return "", errno
	}
	defer unix.Close(int(fd))
	detail = fmt.Sprintf("version %d, rights fs %#x net %#x scopes %#x", abi, rules.fs, rules.net, rules.scoped)
	if abi >= 8 {
		if _, _, errno := syscall.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, unix.LANDLOCK_RESTRICT_SELF_TSYNC, 0); errno == 0 {
			return detail, nil
		}
	}
	return detail, everyThread(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0)
}
