package e2e

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// asUser runs f on a thread in a namespace that has a user's rights and no capability.
func asUser(ns *netns.NS, uid int, f func() error) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread keeps what it is made, and ends
		become := func(uid uintptr) error {
			if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 { // effective only, so that Do can go home
				return errno
			}
			return nil
		}
		ns.Do(func() {
			if err = become(uintptr(uid)); err == nil {
				err = errors.Join(f(), become(0))
			}
		})
	}()
	<-done
	return err
}

// byName is a request about a link.
func byName(name string) (int, *unix.Ifreq, error) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	req, err := unix.NewIfreq(name)
	return socket, req, err
}

// devices opens /dev/net/tun so many times, in the namespace, as root, since its mode is the machine's.
func devices(t *testing.T, ns *netns.NS, n int) []int {
	t.Helper()
	var all []int
	for range n {
		fd := -1
		var err error
		ns.Do(func() { fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) })
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, fd)
	}
	return all
}

// likeCloudHypervisor makes queues of a tap of open devices, as Cloud Hypervisor does: each by name, with several of them as
// such. It sets a tap up only if that is down, which takes a capability. The devices are closed.
func likeCloudHypervisor(tap string, fds []int) (err error) {
	socket, req, err := byName(tap)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(socket)) }()
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if len(fds) > 1 {
		flags |= unix.IFF_MULTI_QUEUE
	}
	for _, fd := range fds {
		defer func() { _ = unix.Close(fd) }()
		req.SetUint16(flags)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
			return fmt.Errorf("TUNSETIFF: %w", err)
		}
		if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, 12); err != nil {
			return fmt.Errorf("TUNSETVNETHDRSZ: %w", err)
		}
		const offloads = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6 | unix.TUN_F_UFO
		if err := unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, offloads); err != nil {
			return fmt.Errorf("TUNSETOFFLOAD: %w", err)
		}
	}
	if err := unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, req); err != nil {
		return err
	}
	if req.Uint16()&unix.IFF_UP == 0 {
		return errors.New("the tap is down: to set it up takes CAP_NET_ADMIN")
	}
	return nil
}

// TestTapOpenedAsByCloudHypervisor: as user 107 without a capability, with one pair of queues and with two. What it finds in
// sysfs is what it opens. The options that would change the tap are refused by the kernel, so that they must be left away.
func TestTapOpenedAsByCloudHypervisor(t *testing.T) {
	wantsNoVRF(t)
	for file, pairs := range map[string]int{"21-vm-pod.conflist": 1, "22-queues.conflist": 2} {
		t.Run(file, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			p.add(t, "eth0", exampleBlock(t, file))
			fds := devices(t, p.NS, pairs)
			if err := asUser(p.NS, 107, func() error { return likeCloudHypervisor("eth0", fds) }); err != nil {
				t.Error(err)
			}
			fds = devices(t, p.NS, 3-pairs)
			if err := asUser(p.NS, 107, func() error { return likeCloudHypervisor("eth0", fds) }); !errors.Is(err, unix.EINVAL) {
				t.Errorf("with %d pairs: %v, want EINVAL", 3-pairs, err)
			}
			for what, request := range map[string]uint{"mtu": unix.SIOCSIFMTU, "up": unix.SIOCSIFFLAGS} {
				err := asUser(p.NS, 107, func() error {
					socket, req, err := byName("eth0")
					if err != nil {
						return err
					}
					defer func() { _ = unix.Close(socket) }()
					if what == "mtu" {
						req.SetUint32(1500) // what it is
					}
					return unix.IoctlIfreq(socket, request, req)
				})
				if !errors.Is(err, unix.EPERM) {
					t.Errorf("set %s: %v, want EPERM", what, err)
				}
			}
			text := p.Run(t, "unshare", "--mount", "sh", "-c", "mount -t sysfs sysfs /sys && cat /sys/class/net/eth0/tun_flags /sys/class/net/eth0/mtu /sys/class/net/eth0/address")
			fields := strings.Fields(text)
			flags, err := strconv.ParseUint(fields[0], 0, 32)
			if err != nil || (flags&unix.IFF_MULTI_QUEUE != 0) != (pairs > 1) || flags&unix.IFF_VNET_HDR == 0 {
				t.Errorf("tun_flags of %d pairs: %q, %v", pairs, fields, err)
			}
			expect(t, "mtu and address", fields[1:], []string{"1500", p.link(t, "eth0").Address})
		})
	}
}
