package cni

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// describe says what a call is. ok is false for those that are nobody's business, such as the Go runtime's own.
func describe(n notification, process int) (step Step, messages []message, ok bool) {
	arg := func(i int) int { return int(int32(n.args[i])) }
	target := func(i int) string { // of a file descriptor
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", process, arg(i)))
		return link
	}
	path := func(i int) string { return readString(process, n.args[i]) }
	switch n.nr {
	case unix.SYS_SENDMSG:
		step.Call = "sendmsg"
		messages = messagesOfHeader(process, n.args[1])
	case unix.SYS_SENDTO:
		step.Call = "sendto"
		messages = parseMessages(readMemory(process, n.args[1], n.args[2]), uintptr(n.args[1]))
	case unix.SYS_SENDMMSG:
		step.Call = "sendmmsg" // only the first of its datagrams is described
		messages = messagesOfHeader(process, n.args[1])
	case unix.SYS_IOCTL:
		step.Call, step.Detail, step.Changes = "ioctl", request(uint32(n.args[1])), true
		if strings.HasPrefix(step.Detail, "TUNGET") || step.Detail == "TCGETS" {
			step.Changes = false
		}
	case unix.SYS_SETNS:
		step.Call, step.Detail = "setns", target(0)
	case unix.SYS_UNSHARE:
		step.Call = "unshare"
	case unix.SYS_SOCKET:
		step.Call, step.Detail = "socket", fmt.Sprintf("family %d", arg(0))
	case unix.SYS_MKDIRAT:
		step.Call, step.Detail, step.Changes = "mkdirat", path(1), true
	case unix.SYS_UNLINKAT:
		step.Call, step.Detail, step.Changes = "unlinkat", path(1), true
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		step.Call, step.Detail, step.Changes = "renameat", path(3), true
	case unix.SYS_LINKAT:
		step.Call, step.Detail, step.Changes = "linkat", path(3), true
	case unix.SYS_SYMLINKAT:
		step.Call, step.Detail, step.Changes = "symlinkat", path(2), true
	case unix.SYS_MKNODAT:
		step.Call, step.Detail, step.Changes = "mknodat", path(1), true
	case unix.SYS_FCHMODAT:
		step.Call, step.Detail, step.Changes = "fchmodat", path(1), true
	case unix.SYS_MOUNT:
		step.Call, step.Detail, step.Changes = "mount", path(1), true
	case unix.SYS_UMOUNT2:
		step.Call, step.Detail, step.Changes = "umount2", path(0), true
	case unix.SYS_OPENAT:
		step.Call, step.Detail, step.Changes = "openat", path(1), n.args[2]&unix.O_CREAT != 0
	case unix.SYS_FCNTL:
		step.Call, step.Detail = "fcntl", describeLock(readMemory(process, n.args[2], 16))+target(0)
	case unix.SYS_WRITE, unix.SYS_WRITEV, unix.SYS_PWRITE64:
		step.Call, step.Detail, step.Changes = "write", target(0), true
		if strings.HasPrefix(step.Detail, "anon_inode:") {
			return step, nil, false // wakes another thread
		}
	default:
		return step, nil, false
	}
	for _, m := range messages {
		step.Messages = append(step.Messages, m.name())
		step.Changes = step.Changes || !m.reads()
	}
	return step, messages, true
}

// describeLock says which byte a struct flock locks or unlocks, such as
// "lock byte 0 of ".
func describeLock(flock []byte) string {
	if len(flock) < 16 {
		return "lock "
	}
	word := "lock"
	if binary.NativeEndian.Uint16(flock) == unix.F_UNLCK {
		word = "unlock"
	}
	return fmt.Sprintf("%s byte %d of ", word, binary.NativeEndian.Uint64(flock[8:]))
}

// request names the ioctls that a plugin may use.
func request(number uint32) string {
	names := map[uint32]string{
		unix.TUNSETIFF: "TUNSETIFF", unix.TUNGETIFF: "TUNGETIFF", unix.TUNSETPERSIST: "TUNSETPERSIST",
		unix.TUNSETOWNER: "TUNSETOWNER", unix.TUNSETGROUP: "TUNSETGROUP", unix.TUNSETIFINDEX: "TUNSETIFINDEX",
		unix.TUNSETVNETHDRSZ: "TUNSETVNETHDRSZ", unix.TUNGETVNETHDRSZ: "TUNGETVNETHDRSZ",
		unix.TUNSETOFFLOAD: "TUNSETOFFLOAD", unix.TUNGETFEATURES: "TUNGETFEATURES", unix.TUNSETQUEUE: "TUNSETQUEUE",
		unix.TCGETS: "TCGETS", unix.SIOCETHTOOL: "SIOCETHTOOL",
	}
	if name, ok := names[number]; ok {
		return name
	}
	return fmt.Sprintf("%#x", number)
}

// message is a netlink message in the plugin's memory.
type message struct {
	address uintptr
	length  uint32
	kind    uint16
}

// netlinkBatch says whether it is nfnetlink's begin or end of a batch, which have the numbers of two of rtnetlink's.
func (m message) netlinkBatch() bool {
	return (m.kind == unix.NFNL_MSG_BATCH_BEGIN || m.kind == unix.NFNL_MSG_BATCH_END) && m.length == 20
}

func (m message) reads() bool {
	switch {
	case m.netlinkBatch():
		return true
	case m.kind < 0x100: // rtnetlink: new, del, get, set
		return m.kind&3 == 2
	}
	return false
}

func (m message) name() string {
	if m.netlinkBatch() {
		return "NFNL_BATCH"
	}
	names := map[uint16]string{
		unix.RTM_NEWLINK: "RTM_NEWLINK", unix.RTM_DELLINK: "RTM_DELLINK", unix.RTM_GETLINK: "RTM_GETLINK",
		unix.RTM_SETLINK: "RTM_SETLINK", unix.RTM_NEWADDR: "RTM_NEWADDR", unix.RTM_DELADDR: "RTM_DELADDR",
		unix.RTM_GETADDR: "RTM_GETADDR", unix.RTM_NEWROUTE: "RTM_NEWROUTE", unix.RTM_DELROUTE: "RTM_DELROUTE",
		unix.RTM_GETROUTE: "RTM_GETROUTE", unix.RTM_NEWNEIGH: "RTM_NEWNEIGH", unix.RTM_DELNEIGH: "RTM_DELNEIGH",
		unix.RTM_GETNEIGH: "RTM_GETNEIGH", unix.RTM_NEWRULE: "RTM_NEWRULE", unix.RTM_DELRULE: "RTM_DELRULE",
		unix.RTM_GETRULE: "RTM_GETRULE", unix.RTM_NEWQDISC: "RTM_NEWQDISC", unix.RTM_DELQDISC: "RTM_DELQDISC",
		unix.RTM_GETQDISC: "RTM_GETQDISC", unix.RTM_NEWTFILTER: "RTM_NEWTFILTER", unix.RTM_DELTFILTER: "RTM_DELTFILTER",
		unix.RTM_GETTFILTER: "RTM_GETTFILTER", unix.RTM_NEWLINKPROP: "RTM_NEWLINKPROP",
		unix.RTM_DELLINKPROP: "RTM_DELLINKPROP", unix.RTM_GETNETCONF: "RTM_GETNETCONF", unix.RTM_NEWNSID: "RTM_NEWNSID", unix.RTM_GETNSID: "RTM_GETNSID",
	}
	if name, ok := names[m.kind]; ok {
		return name
	}
	return fmt.Sprintf("netlink:%#x", m.kind)
}

// refuse gives the message a type that the kernel does not know.
func (m message) refuse(process int) error {
	const unknown = 0x7ff0
	const offsetType = 4 // in struct nlmsghdr
	return writeMemory(process, m.address+offsetType, binary.NativeEndian.AppendUint16(nil, unknown))
}

func writeMemory(process int, address uintptr, data []byte) error {
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", process), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	_, err = mem.WriteAt(data, int64(address))
	return err
}

// messagesOfHeader reads the messages that a struct msghdr points to. Each of its vectors holds whole messages.
func messagesOfHeader(process int, address uint64) []message {
	const size = 32 // up to and with msg_iovlen
	header := readMemory(process, address, size)
	if len(header) < size {
		return nil
	}
	vectors := binary.NativeEndian.Uint64(header[16:])
	count := binary.NativeEndian.Uint64(header[24:])
	list := readMemory(process, vectors, 16*min(count, 1024))
	var messages []message
	for ; len(list) >= 16; list = list[16:] {
		base, length := binary.NativeEndian.Uint64(list), binary.NativeEndian.Uint64(list[8:])
		messages = append(messages, parseMessages(readMemory(process, base, length), uintptr(base))...)
	}
	return messages
}

// parseMessages is nil for what is not netlink.
func parseMessages(b []byte, address uintptr) []message {
	var messages []message
	for len(b) >= unix.SizeofNlMsghdr {
		length := binary.NativeEndian.Uint32(b)
		if length < unix.SizeofNlMsghdr || uint64(length) > uint64(len(b)) {
			return nil
		}
		messages = append(messages, message{address, length, binary.NativeEndian.Uint16(b[4:])})
		next := min(len(b), int(length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1))
		b, address = b[next:], address+uintptr(next)
	}
	return messages
}

// readMemory reads up to a megabyte of another process. It returns less, or nothing, if that much is not there.
func readMemory(process int, address, length uint64) []byte {
	b := make([]byte, min(length, 1<<20))
	if len(b) == 0 {
		return nil
	}
	local := []unix.Iovec{{Base: &b[0]}}
	local[0].SetLen(len(b))
	n, err := unix.ProcessVMReadv(process, local, []unix.RemoteIovec{{Base: uintptr(address), Len: len(b)}}, 0)
	if err != nil {
		return nil
	}
	return b[:n]
}

// readString reads a C string, of which it may see only the part on its first page.
func readString(process int, address uint64) string {
	const page = 4096
	b := readMemory(process, address, page-address%page)
	text, _, ended := bytes.Cut(b, []byte{0})
	if !ended {
		b = readMemory(process, address, 2*page-address%page)
		text, _, _ = bytes.Cut(b, []byte{0})
	}
	return string(text)
}
