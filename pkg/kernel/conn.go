package kernel

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// conn is a netlink socket of one namespace.
type conn struct {
	fd  int
	buf *answerBuffer
}

// answerBuffer is where answers are read into, and what is sent is put together.
// The connections of a session share one: they are used one after the other.
type answerBuffer struct {
	answers [replies][replySize]byte
	sent    []byte
}

const (
	// maxBatch keeps a batch's answers within a socket's receive buffer.
	maxBatch = 48
	// replies is how many answers one system call reads.
	replies = 16
	// replySize holds a link with 32 groups, and the longest guard, which is an
	// item of a dump. The kernel cuts dumps to what is asked for, and to no more
	// than this: an item that does not fit is an error.
	replySize = 32768
)

// openConn opens a socket in the calling thread's network namespace. The
// socket stays there, whichever thread uses it.
func openConn(buf *answerBuffer) (*conn, error) {
	return openProtocol(unix.NETLINK_ROUTE, buf)
}

// openProtocol is openConn for another protocol than route netlink.
func openProtocol(protocol int, buf *answerBuffer) (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	c := &conn{fd: fd, buf: buf}
	// Reasons in words, errors without the request they answer, and dumps of
	// what was asked for only.
	for _, option := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, option, 1); err != nil {
			return nil, errors.Join(fmt.Errorf("set up netlink socket: %w", err), c.close())
		}
	}
	return c, nil
}

func (c *conn) close() error { return unix.Close(c.fd) }

// message is one request of a batch, and what the kernel said to it.
type message struct {
	*nl.NetlinkRequest
	what    string                  // "verb object", begins the error
	allowed []unix.Errno            // errors that are no failure
	receive func(data []byte) error // takes each answer that is no acknowledgement
	err     error                   // nil: carried out
}

// newMessage returns a message without a body. format and args say what it
// does, in the form "verb object".
func newMessage(kind, flags int, format string, args ...any) *message {
	return &message{NetlinkRequest: nl.NewNetlinkRequest(kind, flags), what: fmt.Sprintf(format, args...)}
}

// allow makes errors no failure: err stays nil.
func (m *message) allow(errnos ...unix.Errno) *message {
	m.allowed = append(m.allowed, errnos...)
	return m
}

// do sends messages in one system call, reads every answer and returns the
// first error; each message keeps its own. The kernel goes on after a message
// that fails, so the caller undoes what landed. Only the last is acknowledged:
// errors come unasked.
func (c *conn) do(messages ...*message) error {
	for part := range slices.Chunk(messages, maxBatch) {
		if err := c.send(part); err != nil {
			return err
		}
	}
	for _, m := range messages {
		if m.err != nil {
			return m.err
		}
	}
	return nil
}

func (c *conn) send(messages []*message) error {
	last := messages[len(messages)-1]
	last.Flags |= unix.NLM_F_ACK
	out := c.buf.sent[:0]
	for _, m := range messages {
		out = append(out, m.Serialize()...)
	}
	c.buf.sent = out
	if err := unix.Send(c.fd, out, 0); err != nil {
		return fmt.Errorf("%s: send: %w", messages[0].what, err)
	}
	for {
		done, err := c.receive(messages, last.Seq)
		if err != nil {
			return fmt.Errorf("%s: receive: %w", messages[0].what, err)
		}
		if done {
			return nil
		}
	}
}

// receive reads the answers that are there and reports whether the one with
// which the exchange ends was among them. The kernel answers before send
// returns, so there is nothing to wait for.
func (c *conn) receive(messages []*message, lastSeq uint32) (done bool, err error) {
	lengths, err := c.recvmmsg()
	if err != nil {
		return false, err
	}
	for i, n := range lengths {
		answers, err := syscall.ParseNetlinkMessage(c.buf.answers[i][:n])
		if err != nil {
			return false, err
		}
		for _, a := range answers {
			ended, err := take(messages, &a)
			if err != nil {
				return false, err
			}
			done = done || ended && a.Header.Seq == lastSeq
		}
	}
	return done, nil
}

// take hands an answer to its message and reports whether it is its last.
func take(messages []*message, a *syscall.NetlinkMessage) (ended bool, err error) {
	i := slices.IndexFunc(messages, func(m *message) bool { return m.Seq == a.Header.Seq })
	if i < 0 {
		return false, nil // of an exchange that failed half-way
	}
	m := messages[i]
	switch a.Header.Type {
	case unix.NLMSG_ERROR, unix.NLMSG_DONE:
		m.note(a)
		return true, nil
	}
	if m.receive == nil {
		return false, nil
	}
	return false, m.receive(a.Data)
}

// note keeps the error of an acknowledgement, if it has one.
func (m *message) note(a *syscall.NetlinkMessage) {
	if len(a.Data) < 4 {
		return
	}
	code := int32(nl.NativeEndian().Uint32(a.Data))
	if code == 0 {
		return
	}
	errno := unix.Errno(-code)
	if slices.Contains(m.allowed, errno) {
		return
	}
	m.err = fmt.Errorf("%s: %w", m.what, errno)
	if words := extendedAck(a); words != "" {
		m.err = fmt.Errorf("%s: %w (%s)", m.what, errno, words)
	}
}

// extendedAck returns what the kernel says in words, "" if it says nothing.
func extendedAck(a *syscall.NetlinkMessage) string {
	const fixed = 4 + unix.SizeofNlMsghdr // the code and the request's header
	if a.Header.Flags&unix.NLM_F_ACK_TLVS == 0 || len(a.Data) < fixed {
		return ""
	}
	words := ""
	if err := eachAttr(a.Data[fixed:], func(kind uint16, value []byte) error {
		if kind == nl.NLMSGERR_ATTR_MSG {
			words = unix.ByteSliceToString(value)
		}
		return nil
	}); err != nil {
		return ""
	}
	return words
}

// mmsghdr is struct mmsghdr of recvmmsg(2), which x/sys/unix lacks.
type mmsghdr struct {
	unix.Msghdr
	length uint32
	_      [4]byte
}

// recvmmsg reads what is queued, at least one datagram, into c.buf.answers.
func (c *conn) recvmmsg() ([]int, error) {
	var headers [replies]mmsghdr
	var vectors [replies]unix.Iovec
	for i := range headers {
		vectors[i].Base = &c.buf.answers[i][0]
		vectors[i].SetLen(replySize)
		headers[i].Iov = &vectors[i]
		headers[i].SetIovlen(1)
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&headers)), replies, unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			lengths := make([]int, n)
			for i := range lengths {
				if headers[i].Flags&unix.MSG_TRUNC != 0 {
					return nil, unix.EMSGSIZE
				}
				lengths[i] = int(headers[i].length)
			}
			return lengths, nil
		case unix.EINTR:
		default:
			return nil, errno
		}
	}
}
