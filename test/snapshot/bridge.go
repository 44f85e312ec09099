package snapshot

import (
	"fmt"
	"strings"

	"github.com/vmtap/vmtap/test/netns"
)

func fdbLines(ns *netns.NS) ([]string, error) {
	return list(ns, func(o object) []string {
		switch group := strings.HasPrefix(o.text("mac"), "33:33:") || strings.HasPrefix(o.text("mac"), "01:00:5e:"); {
		case o.text("state") == "": // learned
			return nil
		case group && o.has("flags", "self"): // stands among the multicast groups
			return nil
		}
		return []string{line("fdb", o, "ifname", "mac")}
	}, "bridge", "-details", "-json", "fdb", "show")
}

func mdbLines(ns *netns.NS) ([]string, error) {
	return list(ns, func(o object) []string {
		entries, _ := o["mdb"].([]any)
		var lines []string
		for _, e := range entries {
			entry := object(e.(map[string]any))
			if entry.text("state") == "permanent" {
				delete(entry, "index") // of the bridge
				delete(entry, "timer")
				lines = append(lines, line("mdb", entry, "dev", "port", "grp"))
			}
		}
		return lines
	}, "bridge", "-details", "-json", "mdb", "show")
}

func vlanLines(ns *netns.NS) ([]string, error) {
	return list(ns, func(o object) []string {
		entries, _ := o["vlans"].([]any)
		var lines []string
		for _, e := range entries {
			entry := object(e.(map[string]any))
			delete(entry, "state") // of the port
			lines = append(lines, line(fmt.Sprintf("vlan %v", o["ifname"]), entry, "vlan", "vlanEnd"))
		}
		return lines
	}, "bridge", "-json", "vlan", "show")
}
