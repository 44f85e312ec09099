package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/filter"
)

// Wire receives what guests ask, on all links of vmtap's at once, and sends them
// frames.
type Wire struct {
	file   *os.File // a packet socket
	buf    []byte
	closed chan struct{}
	close  sync.Once
}

// Frame is one that came in on a link.
type Frame struct {
	Index int32
	Bytes []byte // valid until the next Read
}

const (
	// wireBuffer is what of questions waits until they are read, in bytes: 200
	// guests that start at once ask less.
	wireBuffer = 4 << 20
	// longestFrame is as long as a tap's mtu allows.
	longestFrame = 65536
)

// OpenWire opens the socket, in the calling thread's namespace, where it stays.
// It takes CAP_NET_RAW; what is done with it then takes no rights.
func OpenWire() (*Wire, error) {
	// Protocol 0: nothing comes in before the filter is there.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	w := &Wire{file: os.NewFile(uintptr(fd), "packet socket"), buf: make([]byte, longestFrame), closed: make(chan struct{})}
	if err := w.setUp(fd); err != nil {
		return nil, errors.Join(fmt.Errorf("set up packet socket: %w", err), w.Close())
	}
	return w, nil
}

func (w *Wire) setUp(fd int) error {
	if err := w.Mute(nil); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil && !errors.Is(err, unix.ENOPROTOOPT) {
		return err // Linux has it from 4.20 on; the filter drops them, too
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, wireBuffer); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: bigEndian(unix.ETH_P_ALL)})
}

// Close ends a Read, too. A second call does nothing.
func (w *Wire) Close() (err error) {
	w.close.Do(func() {
		close(w.closed)
		err = w.file.Close()
	})
	return err
}

// Read waits for a frame. After Close its error is os.ErrClosed.
func (w *Wire) Read() (Frame, error) {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return Frame{}, err
	}
	var f Frame
	var readErr error
	err = conn.Read(func(fd uintptr) (done bool) {
		n, from, err := unix.Recvfrom(int(fd), w.buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return false
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN): // a link went down
			return false
		case err != nil:
			readErr = err
			return true
		}
		if l, ok := from.(*unix.SockaddrLinklayer); ok {
			f = Frame{Index: int32(l.Ifindex), Bytes: w.buf[:n]}
		}
		return true
	})
	select {
	case <-w.closed:
		return Frame{}, os.ErrClosed
	default:
	}
	if err = errors.Join(err, readErr); err != nil {
		return Frame{}, fmt.Errorf("read packet socket: %w", err)
	}
	return f, nil
}

// Send sends a whole Ethernet frame out of a link.
func (w *Wire) Send(index int32, frame []byte) error {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	to := unix.SockaddrLinklayer{Ifindex: int(index), Halen: 6}
	copy(to.Addr[:], frame)
	var sendErr error
	if err := conn.Control(func(fd uintptr) { sendErr = unix.Sendto(int(fd), frame, 0, &to) }); err != nil {
		return err
	}
	if sendErr != nil {
		return fmt.Errorf("send on link %d: %w", index, sendErr)
	}
	return nil
}

// Mute drops what these links send, in the kernel, and takes what all others do
// again. Of more than filter.MaxMuted links the rest is not muted.
func (w *Wire) Mute(links []int32) error {
	p := filter.Questions(links)
	program := make([]unix.SockFilter, len(p))
	for i, r := range p {
		program[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	conn, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	if err := conn.Control(func(fd uintptr) {
		setErr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	}); err != nil {
		return err
	}
	if setErr != nil {
		return fmt.Errorf("attach filter to packet socket: %w", setErr)
	}
	return nil
}

func bigEndian(n uint16) uint16 { return n<<8 | n>>8 }
