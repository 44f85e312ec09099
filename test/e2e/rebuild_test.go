package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/netns"
	"github.com/vmtap/vmtap/test/snapshot"
)

// shownParts runs vmtapctl show WHAT as root, and returns the picture and the lines for the host and for the pod.
func (n *node) shownParts(t *testing.T, what string) (picture, host, pod string) {
	t.Helper()
	out, err := n.Command(filepath.Join(filepath.Dir(n.Bin), "vmtapctl"), "show", what).CombinedOutput()
	if err != nil {
		t.Fatalf("vmtapctl show %s: %v\n%s", what, err, out)
	}
	_, rest, _ := strings.Cut(string(out), "\n\n")
	picture, rest, ok := strings.Cut(rest, "\n# in the host's namespace\n")
	if !ok {
		t.Fatalf("no lines in %s", out)
	}
	host, pod, _ = strings.Cut(rest, "\n# in the pod's: nsenter --net=")
	return picture, host, pod
}

// TestShowRebuilds: the lines that vmtapctl show prints make the same links with the same addresses, routes, neighbours and
// filters in empty namespaces, but for guards; the picture has all links.
func TestShowRebuilds(t *testing.T) {
	for name, block := range map[string]string{
		"local":   "",
		"switch":  limited(createConf+`, "group": ["web", "db"], "groups": {"db": 77}, "portIsolation": true`, intoGuest+", "+fromGuest),
		"down":    `"up": false, "switch": {"interface": "bridge0", "create": true, "mtu": 1400}, "tap": {"uid": 107, "gid": 108, "multiQueue": true}`,
		"host":    `"placement": "host", ` + createConf,
		"veth":    `"device": "veth", "routes": [{"dst": "10.0.0.0/8"}], ` + createConf,
		"rdomain": `"rdomain": 10, "switch": {"interface": "bridge0", "create": true, "rdomain": 20}, "local": true`,
		"vlan":    `"switch": {"interface": "bridge0", "create": true}, "local": true, "vlan": 7, "vlanTrunk": [{"minID": 20, "maxID": 30}]`,
	} {
		if testing.Short() && !slices.Contains([]string{"rdomain", "vlan"}, name) {
			continue // the rest is the same on each kernel
		}
		t.Run(name, func(t *testing.T) {
			newNode := newNode
			switch {
			case strings.Contains(block, "rdomain"):
				newNode = newVRFNode
			case strings.Contains(block, "vlan"):
				newNode = newVLANNode
			}
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(block))
			if name == "local" {
				n.Run(t, "ip", "link", "set", a.hostLink(), "alias", "it's $(mine)")
			}
			host2, pod2 := netns.New(t), netns.New(t)
			host2.Run(t, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1") // the node's, not the attachment's
			if out, err := n.show("p").Output(); err != nil || (len(links(t, p.NS)) > 1) != strings.Contains(string(out), "pod: not seen: ") {
				t.Errorf("without rights: %v, %s", err, out)
			}
			picture, host, pod := n.shownParts(t, "p@eth0")
			for _, l := range slices.Concat(links(t, n.NS), links(t, p.NS)) {
				if l.Name != "lo" && !strings.Contains(l.Name, "-bw") && !strings.Contains(picture, l.Name) {
					t.Errorf("the picture lacks %s:\n%s", l.Name, picture)
				}
			}
			host2.RunInput(t, strings.ReplaceAll(host, p.Path(), pod2.Path()), "sh", "-e")
			if pod != "" {
				path, lines, _ := strings.Cut(pod, "\n")
				expect(t, "the pod's path", path, p.Path())
				pod2.RunInput(t, lines, "sh", "-e")
			}
			settle(t, host2)
			settle(t, pod2)
			same := func(where string, from, to *netns.NS) {
				t.Helper()
				if diff := snapshot.Diff(rebuilt(t, from), rebuilt(t, to), isGuardLine); len(diff) > 0 {
					t.Errorf("%s:\n%s\nwhat made it:\n%s\n%s", where, strings.Join(diff, "\n"), host, pod)
				}
			}
			same("host", n.NS, host2)
			same("pod", p.NS, pod2)
		})
	}
}

// rebuilt is a snapshot of what the lines of vmtapctl show are to make again.
func rebuilt(t *testing.T, ns *netns.NS) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(snapshot.Take(t, ns)) {
		kind, rest, _ := strings.Cut(line, " ")
		if strings.HasPrefix(rest, "rdomain") && strings.Contains(rest, " address: ") {
			continue // a VRF's is the kernel's random choice
		}
		if slices.Contains([]string{"link", "addr", "route", "neigh", "fdb", "vlan", "qdisc", "class", "filter"}, kind) {
			b.WriteString(strings.Replace(line, " match 00000000/00000000 at 0", "", 1)) // tc wants one where vmtap has none
		}
	}
	return b.String()
}

// isGuardLine says that a line is about a filter without an action that is longer than what drops all.
func isGuardLine(line string) bool {
	return strings.HasPrefix(line, "filter ") && (strings.HasSuffix(line, " bpf chain 0") ||
		strings.Contains(line, " direct-action ") && !strings.Contains(line, "bytecode '1,"))
}
