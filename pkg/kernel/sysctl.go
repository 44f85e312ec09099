package kernel

import (
	"fmt"
	"os"
)

const sysctlDir = "/proc/sys/net"

// writeSysctl writes a value under /proc/sys/net of the calling thread's
// namespace. Only what netlink cannot set goes this way: it costs 80 us.
func writeSysctl(name, value string) error {
	if err := os.WriteFile(sysctlDir+"/"+name, []byte(value), 0); err != nil {
		return fmt.Errorf("set net/%s to %s: %w", name, value, err)
	}
	return nil
}

func readSysctl(name string) (string, error) {
	b, err := os.ReadFile(sysctlDir + "/" + name)
	if err != nil {
		return "", fmt.Errorf("read net/%s: %w", name, err)
	}
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
	}
	return string(b), nil
}
