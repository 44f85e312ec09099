package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Numbers of include/uapi/linux/net_namespace.h.
const (
	netnsaNSID = 1
	netnsaFD   = 3
)

// errNoPath is the error for a namespace that nothing in reach of this process
// leads to.
var errNoPath = errors.New("find the pod's namespace: no mount and no process in reach has it")

// pathOf returns a path that leads to the namespace that the host knows by an id:
// of a mount if there is one, as runtimes and `ip netns` make them, else of a
// process in it.
func (s *Session) pathOf(netns int32) (string, error) {
	mounts, err := namespaceMounts()
	if err != nil {
		return "", err
	}
	processes, err := filepath.Glob("/proc/[0-9]*/ns/net")
	if err != nil {
		return "", err
	}
	seen := map[uint64]bool{}
	for _, path := range append(mounts, processes...) {
		var st unix.Stat_t
		if err := unix.Stat(path, &st); err != nil || seen[st.Ino] {
			continue // gone, or not for this process to see
		}
		seen[st.Ino] = true
		id, err := s.netnsID(path)
		if err != nil {
			return "", err
		}
		if id == netns {
			return path, nil
		}
	}
	return "", errNoPath
}

// namespaceMounts returns where network namespaces are mounted.
func namespaceMounts() (paths []string, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		// ID, parent, device, root, mount point, ... "-", type, source, options.
		fields := strings.Fields(line)
		if len(fields) > 5 && strings.HasPrefix(fields[3], "net:[") {
			paths = append(paths, unescaped(fields[4]))
		}
	}
	return paths, nil
}

// unescaped is a path as mountinfo has it, in which octal numbers stand for
// spaces and the like.
func unescaped(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// netnsID returns the id by which the host knows a namespace, -1 if it has none or
// path is none.
func (s *Session) netnsID(path string) (int32, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, nil //nolint:nilerr // gone, or not for this process to see
	}
	id := int32(-1)
	m := newMessage(unix.RTM_GETNSID, 0, "look up namespace %s", path).allow(unix.EINVAL)
	m.AddRawData([]byte{unix.AF_UNSPEC, 0, 0, 0}) // struct rtgenmsg, padded
	m.AddRawData(nl.NewRtAttr(netnsaFD, nl.Uint32Attr(uint32(fd))).Serialize())
	m.receive = func(data []byte) error {
		if len(data) < 4 {
			return errShort
		}
		return eachAttr(data[4:], func(kind uint16, value []byte) error {
			if kind == netnsaNSID {
				id = int32(number(value))
			}
			return nil
		})
	}
	return id, errors.Join(s.host.do(m), unix.Close(fd))
}
