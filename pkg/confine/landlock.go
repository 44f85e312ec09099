package confine

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// File is a file, or all that is beneath a directory, and what may be done
// with it. One that does not exist is left out.
type File struct {
	Path   string
	Access Access
}

// Access is what a file may be opened for. A kernel whose Landlock is too old
// for one of them permits that one everywhere.
type Access uint64

// Values of Access, to be combined.
const (
	Read    Access = unix.LANDLOCK_ACCESS_FS_READ_FILE
	Write   Access = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	List    Access = unix.LANDLOCK_ACCESS_FS_READ_DIR
	Control Access = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV // ioctl(2) on devices
	Execute Access = unix.LANDLOCK_ACCESS_FS_EXECUTE
	Change  Access = unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE // of a directory: files come, go and are renamed
)

// What each ABI version of Landlock added (Documentation/userspace-api/landlock.rst).
const (
	abiRefer    = 2 // Linux 5.19
	abiTruncate = 3 // 6.2
	abiTCP      = 4 // 6.7
	abiIoctl    = 5 // 6.10
	abiScopes   = 6 // 6.12
	abiSignals  = 7 // 6.15: a thread may signal the others of its process
)

// handled returns all that a version of Landlock can forbid. Signals to others
// come later than the kernel has them: before, threads that confined themselves
// one by one could not signal each other, which the Go runtime does.
func handled(abi int) unix.LandlockRulesetAttr {
	const first = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1 // up to and with the last of ABI 1
	attr := unix.LandlockRulesetAttr{Handled_access_fs: first}
	if abi >= abiRefer {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= abiTruncate {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= abiTCP {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= abiIoctl {
		attr.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= abiScopes {
		attr.Scoped |= unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET
	}
	if abi >= abiSignals {
		attr.Scoped |= unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr
}

// confineFiles lets the process open what the limits permit and nothing else,
// and returns the kernel's ABI version, 0 where there is no Landlock.
func confineFiles(l Limits) (abi int, err error) {
	ruleset, abi, err := newRuleset(l)
	if err != nil || ruleset < 0 {
		return 0, err
	}
	err = onAllThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0)
	return abi, errors.Join(err, unix.Close(ruleset))
}

// newRuleset returns a ruleset that permits these limits and nothing else, and
// the kernel's ABI version; -1 and 0 where there is no Landlock.
func newRuleset(l Limits) (fd, abi int, err error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 || version < 1 { // not built in, not switched on, or hidden by seccomp
		return -1, 0, nil //nolint:nilerr // best effort
	}
	abi = int(version)
	attr := handled(abi)
	if l.Signals {
		attr.Scoped &^= unix.LANDLOCK_SCOPE_SIGNAL
	}
	r, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return -1, 0, errno
	}
	fd = int(r)
	for _, f := range l.Files {
		if err := permit(fd, f, Access(attr.Handled_access_fs)); err != nil {
			return -1, 0, errors.Join(fmt.Errorf("permit %s: %w", f.Path, err), unix.Close(fd))
		}
	}
	return fd, abi, nil
}

// permit adds a file to a ruleset.
func permit(ruleset int, f File, handled Access) error {
	fd, err := unix.Open(f.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EACCES):
		return nil // it cannot be opened later either
	case err != nil:
		return err
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: uint64(f.Access & handled), Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	err = unix.Close(fd)
	if errno != 0 {
		return errno
	}
	return err
}
