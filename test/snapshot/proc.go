package snapshot

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// sysctlLines are the values of the namespace's sysctls. /proc shows those of the thread that looks.
func sysctlLines(ns *netns.NS) (lines []string, err error) {
	values := map[string]string{}
	ns.Do(func() {
		for _, part := range []string{"ipv4", "ipv6", "bridge"} {
			if err = walkSysctls("/proc/sys/net/"+part, values); err != nil {
				return
			}
		}
	})
	for name, value := range values {
		if isDefault(values, name, value) {
			continue
		}
		lines = append(lines, "sysctl "+name+": "+value)
	}
	return lines, err
}

// isDefault says whether a value is of a link and the one that new links get. A link has some 150 of them.
func isDefault(values map[string]string, name, value string) bool {
	parts := strings.Split(name, "/") // net, ipv4, conf, eth0, rp_filter
	if len(parts) != 5 || parts[2] != "conf" && parts[2] != "neigh" || slices.Contains([]string{"all", "default", "lo"}, parts[3]) {
		return false
	}
	for _, model := range []string{"default", "lo"} { // neigh has its defaults in the machine's first namespace only
		parts[3] = model
		if usual, ok := values[strings.Join(parts, "/")]; ok {
			return value == usual
		}
	}
	return false
}

func walkSysctls(root string, values map[string]string) error {
	buf := make([]byte, 4096)
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err): // the module is not loaded, or the link has just gone
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		}
		value, err := readSysctl(path, buf)
		switch {
		case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist): // made for writing only, or gone
			return nil
		case err != nil:
			value = err.Error() // such as that of a secret that is not set
		}
		values[strings.TrimPrefix(path, "/proc/sys/")] = value
		return nil
	})
}

// readSysctl is os.ReadFile without what that costs for a thousand files.
func readSysctl(path string, buf []byte) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(string(buf[:n])), " "), nil
}

// multicastLines are the groups that links are in, at layer 2 and 3.
func multicastLines(ns *netns.NS) (lines []string, err error) {
	files := []struct {
		name  string
		parse func(string) []string
	}{
		{"dev_mcast", parseDevMcast}, {"igmp", parseIGMP}, {"igmp6", parseMulticast6}, {"anycast6", parseAnycast6},
	}
	ns.Do(func() {
		for _, f := range files {
			var text []byte
			text, err = os.ReadFile("/proc/thread-self/net/" + f.name)
			if err != nil {
				return
			}
			lines = append(lines, f.parse(string(text))...)
		}
	})
	return slices.DeleteFunc(lines, isSolicitedNode), err
}

// isSolicitedNode says whether a group is that of an IPv6 address's solicitations, which the kernel joins only when
// duplicate address detection begins, in the background, and leaves with the address.
func isSolicitedNode(line string) bool {
	return strings.Contains(line, " inet6 ff02::1:ff") || strings.Contains(line, " lladdr 3333ff")
}

// parseDevMcast reads "2    eth0            1     0     333300000001": index, name, users, of which global, address.
func parseDevMcast(text string) (lines []string) {
	for row := range strings.Lines(text) {
		if f := strings.Fields(row); len(f) == 5 {
			lines = append(lines, fmt.Sprintf("mcast %s lladdr %s users=%s", f[1], f[4], f[2]))
		}
	}
	return lines
}

// parseIGMP reads a row for each link, "2	eth0      :     1      V3", where a long name leaves no blank, and below it one
// for each group, that begins with the address, whose bytes are in the machine's order, and the number of users.
func parseIGMP(text string) (lines []string) {
	dev := ""
	for row := range strings.Lines(text) {
		f := strings.Fields(row)
		switch {
		case len(f) >= 3 && f[2] == ":", len(f) >= 2 && strings.HasSuffix(f[1], ":"):
			dev = strings.TrimSuffix(f[1], ":")
		case len(f) >= 2 && dev != "" && strings.HasPrefix(row, "\t"):
			if b, err := hex.DecodeString(f[0]); err == nil && len(b) == 4 {
				slices.Reverse(b)
				lines = append(lines, fmt.Sprintf("mcast %s inet %v users=%s", dev, netip.AddrFrom4([4]byte(b)), f[1]))
			}
		}
	}
	return lines
}

// parseMulticast6 reads "2    eth0            ff020000000000000000000000000001     1 0000000C 0": index, name, address,
// users, flags, timer.
func parseMulticast6(text string) []string { return parse6("mcast", text) }

// parseAnycast6 reads the same without flags and timer. The link-local subnet's is left out: it comes only when
// duplicate address detection is done.
func parseAnycast6(text string) []string {
	return slices.DeleteFunc(parse6("anycast", text), func(line string) bool { return strings.Contains(line, " fe80::") })
}

func parse6(kind, text string) (lines []string) {
	for row := range strings.Lines(text) {
		f := strings.Fields(row)
		if len(f) < 4 {
			continue
		}
		if b, err := hex.DecodeString(f[2]); err == nil && len(b) == 16 {
			lines = append(lines, fmt.Sprintf("%s %s inet6 %v users=%s", kind, f[1], netip.AddrFrom16([16]byte(b)), f[3]))
		}
	}
	return lines
}
