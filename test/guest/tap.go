package guest

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// vnetHeader is the length of struct virtio_net_hdr_mrg_rxbuf, which VMMs choose.
const vnetHeader = 12

// openTap opens an existing tap as a VMM does.
func openTap(ns *netns.NS, name string, cfg Config) (file *os.File, err error) {
	// By a name that is not there, TUNSETIFF makes a new tap, in which a test would wait for frames for long.
	if err := existing(ns, name); err != nil {
		return nil, err
	}
	ns.Do(func() { file, err = attach(name, cfg) })
	if err != nil {
		return nil, err
	}
	if err := awaitRunning(ns, name); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func existing(ns *netns.NS, name string) error {
	link, err := find(ns, name)
	if err != nil {
		return err
	}
	// A look-up also finds altnames, and TUNSETIFF would too, but a VMM is given the name.
	if link.Attrs().Name != name {
		return fmt.Errorf("%q is an altname of %q", name, link.Attrs().Name)
	}
	if tap, ok := link.(*netlink.Tuntap); !ok || tap.Mode != netlink.TUNTAP_MODE_TAP {
		return fmt.Errorf("%q is no tap but a %s", name, link.Type())
	}
	return nil
}

func find(ns *netns.NS, name string) (netlink.Link, error) {
	var h *netlink.Handle
	var err error
	ns.Do(func() { h, err = netlink.NewHandle(unix.NETLINK_ROUTE) })
	if err != nil {
		return nil, err
	}
	defer h.Close()
	link, err := h.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("look for %q: %w", name, err)
	}
	return link, nil
}

func attach(name string, cfg Config) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	if err := configure(fd, name, cfg); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	// Only now, since Go asks at once whether the file can be polled, and an unattached one cannot.
	return os.NewFile(uintptr(fd), name), nil
}

func configure(fd int, name string, cfg Config) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if !cfg.NoVnetHdr {
		flags |= unix.IFF_VNET_HDR
	}
	if cfg.MultiQueue {
		flags |= unix.IFF_MULTI_QUEUE
	}
	req.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return fmt.Errorf("TUNSETIFF: %w", err)
	}
	if !cfg.NoVnetHdr {
		if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, vnetHeader); err != nil {
			return fmt.Errorf("TUNSETVNETHDRSZ: %w", err)
		}
	}
	// No offloads: the kernel then completes checksums and sends no frame larger than the mtu.
	if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, 0); err != nil {
		return fmt.Errorf("TUNSETOFFLOAD: %w", err)
	}
	return nil
}

// detached says that the link of an open tap was deleted. The kernel's word for that is EBADFD, but if Go's poller sees it
// while nobody reads, the next read fails with an error that has no name.
func detached(tap *os.File) bool {
	raw, err := tap.SyscallConn()
	if err != nil {
		return false
	}
	var answer error
	err = raw.Control(func(fd uintptr) { answer = unix.IoctlIfreq(int(fd), unix.TUNGETIFF, new(unix.Ifreq)) })
	return err == nil && errors.Is(answer, unix.EBADFD)
}

// awaitRunning waits until the kernel has noticed the carrier that opening gave the tap, which it does in the
// background: until then it drops what goes to the tap. A tap that is down is left as it is.
func awaitRunning(ns *netns.NS, name string) error {
	const patience = 30 * time.Second
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		link, err := find(ns, name)
		if err != nil {
			return err
		}
		if link.Attrs().RawFlags&unix.IFF_UP == 0 || link.Attrs().RawFlags&unix.IFF_RUNNING != 0 {
			return nil
		}
		if time.Since(start) > patience {
			return fmt.Errorf("%q is open and up, but not running after %v", name, patience)
		}
	}
}
