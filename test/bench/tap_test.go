package bench

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// port is that of the packets that count. Whatever else comes is passed over.
const port = 9999

// end is an end of a path. What one sends has arrived at the other when send
// returns, since all is done on this processor; receive does not wait.
type end interface {
	send() error
	receive() (bool, error)
}

// tapEnd is a guest: a tap, and the frame that it sends.
type tapEnd struct {
	fd     int
	frame  []byte // with the header of virtio-net
	buffer [2048]byte
}

const virtioHeader = 10

func openTap(b *testing.B, ns *netns.NS, name string) *tapEnd {
	b.Helper()
	var fd int
	var err error
	ns.Do(func() { fd, err = attach(name) })
	if err != nil {
		b.Fatalf("open tap %s: %v", name, err)
	}
	b.Cleanup(func() { _ = unix.Close(fd) })
	return &tapEnd{fd: fd}
}

func attach(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func (t *tapEnd) sends(dst, src guest.MAC, packet guest.IP) {
	t.frame = append(make([]byte, virtioHeader), guest.Ethernet{Dst: dst, Src: src, Type: guest.TypeIPv4, Payload: packet.Marshal()}.Marshal()...)
}

func (t *tapEnd) send() error {
	_, err := unix.Write(t.fd, t.frame)
	return err
}

func (t *tapEnd) receive() (bool, error) {
	const udp = virtioHeader + 14 + 20 // behind Ethernet and IPv4 without options
	for {
		n, err := unix.Read(t.fd, t.buffer[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case err != nil:
			return false, err
		case n > udp+8 && binary.BigEndian.Uint16(t.buffer[virtioHeader+12:]) == guest.TypeIPv4 && binary.BigEndian.Uint16(t.buffer[udp+2:]) == port:
			return true, nil
		}
	}
}

// socketEnd is the host: a UDP socket.
type socketEnd struct {
	fd     int
	to     unix.SockaddrInet4
	buffer [2048]byte
}

func openSocket(b *testing.B, ns *netns.NS, own, to [4]byte) *socketEnd {
	b.Helper()
	var fd int
	var err error
	ns.Do(func() { fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0) })
	if err == nil {
		b.Cleanup(func() { _ = unix.Close(fd) })
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: own})
	}
	if err != nil {
		b.Fatalf("open a socket of the host: %v", err)
	}
	return &socketEnd{fd: fd, to: unix.SockaddrInet4{Port: port, Addr: to}}
}

func (s *socketEnd) send() error { return unix.Sendto(s.fd, make([]byte, 18), 0, &s.to) }

func (s *socketEnd) receive() (bool, error) {
	_, _, err := unix.Recvfrom(s.fd, s.buffer[:], 0)
	if errors.Is(err, unix.EAGAIN) {
		return false, nil
	}
	return err == nil, err
}
