package cni

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// notification is struct seccomp_notif.
type notification struct {
	id    uint64
	pid   uint32 // of the thread
	flags uint32
	nr    int32
	arch  uint32
	ip    uint64
	args  [6]uint64
}

// answer is struct seccomp_notif_resp.
type answer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

// listen makes the kernel ask about the watched calls of this thread, and of all processes that it starts from now on.
// That cannot be undone, so the thread must end.
func listen() (fd int, err error) {
	program := watch()
	prog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	// Once we know of a call only death may interrupt it: Go's preemption signals would have it restarted, and be told
	// of twice.
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	r, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return -1, fmt.Errorf("seccomp: %w", errno)
	}
	return int(r), nil
}

func receive(fd int) (n notification, err error) {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return n, errno
	}
	return n, nil
}

func reply(fd int, a answer) {
	// It fails if the process is gone, which does not matter then.
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&a)))
}

// waits says whether the process behind a notification still waits for its answer.
func waits(fd int, id uint64) bool {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SECCOMP_IOCTL_NOTIF_ID_VALID, uintptr(unsafe.Pointer(&id)))
	return errno == 0
}

// asks says whether a call waits to be told of.
func asks(fd int) bool {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 0)
	return err == nil && n > 0
}

// Offsets of the low halves in struct seccomp_data, on little-endian machines.
const (
	offsetNr   = 0
	offsetArg0 = 16
)

func offsetArg(n uint32) uint32 { return offsetArg0 + 8*n }

// watch is the filter. It leaves out what the thread that starts the plugin does itself while Go's scheduler does not
// know that it may wait (the runtime's writes of 8 bytes to an eventfd, fcntl between fork and exec): the answer could
// then come from no other thread.
func watch() []unix.SockFilter {
	const (
		load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		jset = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		ret  = unix.BPF_RET | unix.BPF_K
	)
	allow := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_ALLOW}
	ask := unix.SockFilter{Code: ret, K: unix.SECCOMP_RET_USER_NOTIF}
	p := []unix.SockFilter{{Code: load, K: offsetNr}}

	// on adds what is done for a call; what must end with a return.
	on := func(nr uint32, what ...unix.SockFilter) {
		p = append(p, unix.SockFilter{Code: jeq, K: nr, Jf: uint8(len(what))})
		p = append(p, what...)
	}
	for _, nr := range []uint32{
		unix.SYS_SENDMSG, unix.SYS_SENDTO, unix.SYS_SENDMMSG, unix.SYS_IOCTL, unix.SYS_SETNS, unix.SYS_UNSHARE,
		unix.SYS_SOCKET, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_FCHMODAT, unix.SYS_PWRITE64, unix.SYS_WRITEV,
		unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT, unix.SYS_SYMLINKAT, unix.SYS_MKNODAT,
		unix.SYS_MOUNT, unix.SYS_UMOUNT2,
	} {
		on(nr, ask)
	}
	on(unix.SYS_WRITE,
		unix.SockFilter{Code: load, K: offsetArg(2)},
		unix.SockFilter{Code: jeq, K: 8, Jt: 1},
		ask, allow)
	on(unix.SYS_OPENAT,
		unix.SockFilter{Code: load, K: offsetArg(2)},
		unix.SockFilter{Code: jset, K: unix.O_WRONLY | unix.O_RDWR | unix.O_CREAT, Jf: 1},
		ask, allow)
	on(unix.SYS_FCNTL,
		unix.SockFilter{Code: load, K: offsetArg(1)},
		unix.SockFilter{Code: jeq, K: unix.F_OFD_SETLK, Jt: 3},
		unix.SockFilter{Code: jeq, K: unix.F_OFD_SETLKW, Jt: 2},
		unix.SockFilter{Code: jeq, K: unix.F_SETLK, Jt: 1},
		allow, ask)
	return append(p, allow)
}
