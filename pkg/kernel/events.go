package kernel

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Events tells that something changed on the host: links, rules, or routes that end
// a table. It does not say what: who is told looks.
type Events struct {
	file   *os.File // a netlink socket
	closed chan struct{}
	close  sync.Once
}

// mostEvents is how many of those that wait are thrown away at once. There are never
// as many: the kernel drops what does not fit into the socket.
const mostEvents = 1 << 16

// OpenEvents opens the socket, in the calling thread's namespace, where it stays. It
// takes no rights.
func OpenEvents() (*Events, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket for events: %w", err)
	}
	e := &Events{file: os.NewFile(uintptr(fd), "netlink socket"), closed: make(chan struct{})}
	program := eventFilter()
	const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_RULE | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE | 1<<(unix.RTNLGRP_IPV6_RULE-1)
	err = errors.Join(
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up netlink socket for events: %w", err), e.Close())
	}
	return e, nil
}

// eventFilter lets through all but routes that are not unreachable: of those a node
// may have many that come and go.
func eventFilter() []unix.SockFilter {
	const (
		typeAt      = 4                       // in struct nlmsghdr
		routeTypeAt = unix.SizeofNlMsghdr + 7 // in struct rtmsg after it
		everything  = ^uint32(0)
		loadHalf    = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		loadByte    = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		equal       = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		end         = unix.BPF_RET | unix.BPF_K
	)
	return []unix.SockFilter{
		{Code: loadHalf, K: typeAt},
		{Code: equal, K: uint32(bigEndian(unix.RTM_NEWROUTE)), Jt: 1},
		{Code: equal, K: uint32(bigEndian(unix.RTM_DELROUTE)), Jf: 2},
		{Code: loadByte, K: routeTypeAt},
		{Code: equal, K: unix.RTN_UNREACHABLE, Jf: 1},
		{Code: end, K: everything},
		{Code: end, K: 0},
	}
}

// Close ends a Wait, too. A second call does nothing.
func (e *Events) Close() (err error) {
	e.close.Do(func() {
		close(e.closed)
		err = e.file.Close()
	})
	return err
}

// Wait waits for an event. After Close its error is os.ErrClosed.
func (e *Events) Wait() error {
	conn, err := e.file.SyscallConn()
	if err != nil {
		return err
	}
	var readErr error
	err = conn.Read(func(fd uintptr) (done bool) {
		done, readErr = readEvent(int(fd))
		return done || readErr != nil
	})
	select {
	case <-e.closed:
		return os.ErrClosed
	default:
	}
	if err = errors.Join(err, readErr); err != nil {
		return fmt.Errorf("wait for events: %w", err)
	}
	return nil
}

// Drain throws away the events that wait.
func (e *Events) Drain() error {
	conn, err := e.file.SyscallConn()
	if err != nil {
		return err
	}
	var readErr error
	err = conn.Control(func(fd uintptr) {
		more := true
		for n := 0; more && readErr == nil && n < mostEvents; n++ {
			more, readErr = readEvent(int(fd))
		}
	})
	return errors.Join(err, readErr)
}

// readEvent reports whether there was an event. What of it does not fit is lost, and
// that events were lost is one.
func readEvent(fd int) (there bool, err error) {
	for {
		_, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_DONTWAIT)
		switch {
		case err == nil, errors.Is(err, unix.ENOBUFS):
			return true, nil
		case errors.Is(err, unix.EAGAIN):
			return false, nil
		case !errors.Is(err, unix.EINTR):
			return false, err
		}
	}
}
