package guest

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SetTapAddress changes the MAC of the tap itself, as a hostile VM monitor may: who has a tap open needs no privilege
// for this.
func (g *Guest) SetTapAddress(mac MAC) error {
	// struct ifreq with a struct sockaddr; the kernel takes the name from the file.
	var req [40]byte
	*(*uint16)(unsafe.Pointer(&req[unix.IFNAMSIZ])) = unix.ARPHRD_ETHER
	copy(req[unix.IFNAMSIZ+2:], mac[:])
	raw, err := g.tap.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, unix.SIOCSIFHWADDR, uintptr(unsafe.Pointer(&req)))
	})
	if err == nil && errno != 0 {
		err = fmt.Errorf("SIOCSIFHWADDR: %w", errno)
	}
	return err
}
