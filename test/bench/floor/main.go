// Command floor is the least that an ADD of vmtap's can cost: it makes the same
// calls of the kernel, and nothing else. It parses no configuration, decides
// nothing and composes no message: its standard input is a script of what an ADD
// sent, one step a line:
//
//	netns PATH DESCRIPTOR   the pod's namespace, and the number that the messages call it by
//	host HEX                messages, for the host's netlink socket
//	pod HEX                 messages, for the pod's
//	tap NAME IFINDEX        make the tap
//	persist                 keep it
//	lock OFFSET, unlock OFFSET
//	result HEX              the result
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/confine"
)

func main() {
	runtime.LockOSThread()
	signal.Ignore(syscall.SIGPIPE)
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// floor is what an ADD has open.
type floor struct {
	host, pod, tun, lock int
	buffer               [replies * size]byte
}

// How many answers one system call reads, and the longest.
const replies, size = 16, 32768

func run() error {
	script := make([]byte, 64<<10)
	n := 0
	for {
		got, err := unix.Read(0, script[n:])
		if err != nil {
			return err
		}
		if got == 0 {
			break
		}
		n += got
	}
	f := new(floor)
	var err error
	if f.host, err = open(); err != nil {
		return err
	}
	if f.lock, err = unix.Open("/run/vmtap/lock", unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600); err != nil {
		return err
	}
	for line := range bytes.Lines(script[:n]) {
		words := bytes.Fields(line)
		if err := f.step(string(words[0]), words[1:]); err != nil {
			return fmt.Errorf("%.80s: %w", line, err)
		}
	}
	for _, fd := range []int{f.host, f.lock, f.pod, f.tun} {
		if err := unix.Close(fd); err != nil {
			return err
		}
	}
	return nil
}

func (f *floor) step(what string, words [][]byte) error {
	number := func(i int) int {
		n, _ := strconv.Atoi(string(words[i]))
		return n
	}
	unhex := func() []byte {
		data := make([]byte, hex.DecodedLen(len(words[0])))
		_, _ = hex.Decode(data, words[0])
		return data
	}
	switch what {
	case "netns":
		return f.enter(string(words[0]), number(1))
	case "host":
		return f.exchange(f.host, unhex())
	case "pod":
		return f.exchange(f.pod, unhex())
	case "tap":
		return f.tap(string(words[0]), number(1))
	case "persist":
		return unix.IoctlSetInt(f.tun, unix.TUNSETPERSIST, 1)
	case "lock":
		return f.set(unix.F_WRLCK, number(0))
	case "unlock":
		return f.set(unix.F_UNLCK, number(0))
	case "result":
		_, err := unix.Write(1, unhex())
		return err
	}
	return fmt.Errorf("no such step")
}

// open opens a netlink socket as vmtap does.
func open() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return 0, err
	}
	for _, option := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, option, 1); err != nil {
			return 0, err
		}
	}
	return fd, nil
}

// enter opens what is opened in the pod's namespace, comes back, and gives up
// the rights that this took.
func (f *floor) enter(path string, descriptor int) error {
	netns, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if netns != descriptor {
		return fmt.Errorf("the namespace has the descriptor %d, the messages say %d", netns, descriptor)
	}
	kind, err := unix.IoctlRetInt(netns, unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		return fmt.Errorf("no network namespace: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(netns, &st); err != nil {
		return err
	}
	for _, host := range []string{"/proc/thread-self/ns/net", "/proc/1/ns/net"} {
		_ = unix.Stat(host, &st)
	}
	home, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
		return err
	}
	if f.pod, err = open(); err != nil {
		return err
	}
	if f.tun, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
		return err
	}
	if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := unix.Close(home); err != nil {
		return err
	}
	const readWrite = confine.Read | confine.Write
	_, err = confine.Process(confine.Limits{Keep: confine.Of(unix.CAP_NET_ADMIN), Files: []confine.File{
		{Path: "/proc/sys/net", Access: readWrite},
		{Path: "/dev/net/tun", Access: readWrite | confine.Control},
		{Path: "/sys/class/net", Access: confine.Read | confine.List},
		{Path: "/sys/devices/virtual/net", Access: confine.Read | confine.List},
	}})
	return err
}

func (f *floor) set(kind int16, offset int) error {
	return unix.FcntlFlock(uintptr(f.lock), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: int64(offset), Len: 1})
}

func (f *floor) tap(name string, index int) error {
	if err := unix.IoctlSetPointerInt(f.tun, unix.TUNSETIFINDEX, index); err != nil {
		return err
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL | unix.IFF_VNET_HDR)
	if err := unix.IoctlIfreq(f.tun, unix.TUNSETIFF, req); err != nil {
		return err
	}
	return unix.IoctlSetInt(f.tun, unix.TUNSETOWNER, 0)
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	unix.Msghdr
	length uint32
	_      [4]byte
}

// exchange sends messages and reads all that is answered, by system calls of 16
// answers, as vmtap does. What the kernel refused shows in the CHECK that the
// benchmark makes.
func (f *floor) exchange(fd int, messages []byte) error {
	if err := unix.Send(fd, messages, 0); err != nil {
		return err
	}
	last := sequence(messages)
	for {
		var headers [replies]mmsghdr
		var vectors [replies]unix.Iovec
		for i := range headers {
			vectors[i].Base = &f.buffer[i*size]
			vectors[i].SetLen(size)
			headers[i].Iov = &vectors[i]
			headers[i].SetIovlen(1)
		}
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&headers)), replies, unix.MSG_DONTWAIT, 0, 0)
		if errno != 0 {
			return errno
		}
		for i := range n {
			answer := f.buffer[i*size:][:headers[i].length]
			kind := binary.NativeEndian.Uint16(answer[4:])
			if sequence(answer) == last && (kind == unix.NLMSG_ERROR || kind == unix.NLMSG_DONE || ends(answer)) {
				return nil
			}
		}
	}
}

// sequence returns the sequence number of the last of some messages.
func sequence(messages []byte) (seq uint32) {
	for len(messages) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(messages)+3) &^ 3
		seq = binary.NativeEndian.Uint32(messages[8:])
		if length < unix.SizeofNlMsghdr || length >= len(messages) {
			break
		}
		messages = messages[length:]
	}
	return seq
}

// ends reports whether the last message of an answer ends it.
func ends(answer []byte) bool {
	for len(answer) >= unix.SizeofNlMsghdr {
		kind := binary.NativeEndian.Uint16(answer[4:])
		if kind == unix.NLMSG_ERROR || kind == unix.NLMSG_DONE {
			return true
		}
		length := int(binary.NativeEndian.Uint32(answer)+3) &^ 3
		if length < unix.SizeofNlMsghdr || length >= len(answer) {
			break
		}
		answer = answer[length:]
	}
	return false
}
