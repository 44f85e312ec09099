package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// TestRefuse: bad input gets the specification's code and one clear line, and
// changes nothing in the kernel.
func TestRefuse(t *testing.T) {
	const inPod = "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web"
	for _, c := range []struct {
		name  string
		conf  string
		args  string
		alter func(t *testing.T, c *cni.Call, n *node, p *pod)
		code  uint
		words []string
	}{
		{name: "unknown key", conf: `"rdomian": 10`, code: 2, words: []string{"rdomian", "10", "rdomain"}},
		{name: "a reference plugin's key", conf: `"bridge": "cni0"`, code: 2, words: []string{"bridge", "cni0", "switch.interface"}},
		{name: "not supported yet", conf: `"routes": [{"dst": "10.0.0.0/8", "table": 5}]`, code: 2, words: []string{"routes[0].table", "5", "not supported yet"}},
		{name: "wrong type", conf: `"mtu": "1500"`, code: 6, words: []string{"mtu", "number", "string"}},
		{name: "vmid out of range", args: "VMID=16384", code: 7, words: []string{"16384", "1-16383"}},
		{name: "vmid is no number", args: "VMID=x", code: 4, words: []string{"VMID"}},
		{name: "vmid taken", args: "VMID=5", code: 100, words: []string{"vmid 5", "vm5-if0"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			other := n.newPod(t, "other").call("eth0", localConf)
			other.Args = "VMID=5"
			n.add(t, other)
		}},
		{name: "vmid's name taken", args: "VMID=5", code: 100, words: []string{"vmid 5", "vm5-if0"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			n.Run(t, "ip", "link", "add", "vm5-if0", "type", "bridge")
		}},
		{name: "prefix with host bits", conf: `"local": {"prefix": "100.64.0.1/10"}`, code: 7, words: []string{"100.64.0.1/10", "100.64.0.0/10"}},
		{name: "prefix too long for one VM", conf: `"local": {"prefix": "10.0.0.0/24"}`, code: 7, words: []string{"10.0.0.0/24", "/23"}},
		{name: "prefix of the other family", conf: `"local": {"prefix": "fd00::/8"}`, code: 7, words: []string{"fd00::/8", "IPv4"}},
		{name: "prefix6 longer than /64", conf: `"local": {"prefix6": "fd00::/65"}`, code: 7, words: []string{"fd00::/65", "/64"}},
		{name: "prefix routed elsewhere", code: 7, words: []string{"100.64.0.0/10", "elsewhere", "local.prefix"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			routeElsewhere(t, n, "100.64.0.0/10")
		}},
		{name: "prefix routed elsewhere by a rule", code: 7, words: []string{"100.64.0.0/10", "elsewhere", "local.prefix"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			routeElsewhere(t, n, "100.64.0.0/10", "table", "52")
			n.Run(t, "ip", "rule", "add", "pref", "5270", "lookup", "52")
		}},
		{name: "prefix6 routed elsewhere", code: 7, words: []string{"fd00::/8", "elsewhere", "local.prefix6"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			routeElsewhere(t, n, "fd00::/8")
		}},
		{name: "the guest's address is the host's", args: "VMID=1", code: 7, words: []string{"100.64.1.3/32", "lo", "local.prefix"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			n.Run(t, "ip", "address", "add", "100.64.1.3/32", "dev", "lo")
		}},
		{name: "group ends in a digit", conf: `"group": "web1"`, code: 7, words: []string{"web1", "digit"}},
		{name: "group too long", conf: `"group": "abcdefghijklmnop"`, code: 7, words: []string{"abcdefghijklmnop", "15"}},
		{name: "missing bridge", conf: `"switch": "bridge9"`, code: 7, words: []string{"bridge9", "switch.create"}},
		{name: "not a bridge", conf: `"switch": "elsewhere"`, code: 7, words: []string{"elsewhere", "veth", "not a bridge"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			routeElsewhere(t, n, "192.0.2.0/24")
		}},
		{name: "loopback as a bridge", conf: `"switch": "lo"`, code: 7, words: []string{"lo", "not a bridge"}},
		{name: "ifName taken", code: 100, words: []string{"eth0"}, alter: func(t *testing.T, _ *cni.Call, _ *node, p *pod) {
			p.Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0-peer")
		}},
		{name: "ifName taken by an altname", code: 100, words: []string{"eth0"}, alter: func(t *testing.T, _ *cni.Call, _ *node, p *pod) {
			p.Run(t, "ip", "link", "property", "add", "dev", "lo", "altname", "eth0")
		}},
		{name: "added already", code: 100, words: []string{"p@eth0", "exists"}, alter: func(t *testing.T, _ *cni.Call, _ *node, p *pod) {
			p.add(t, "eth0", localConf)
		}},
		{name: "netns missing", code: 4, words: []string{"CNI_NETNS", "no such file"}, alter: func(_ *testing.T, c *cni.Call, _ *node, _ *pod) {
			c.Netns += "-gone"
		}},
		{name: "netns is a file", code: 4, words: []string{"CNI_NETNS", "not a network namespace"}, alter: func(t *testing.T, c *cni.Call, _ *node, _ *pod) {
			c.Netns = filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(c.Netns, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "netns is a fifo", code: 4, words: []string{"CNI_NETNS", "not a network namespace"}, alter: func(t *testing.T, c *cni.Call, _ *node, _ *pod) {
			c.Netns = filepath.Join(t.TempDir(), "fifo")
			if err := unix.Mkfifo(c.Netns, 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "netns of another kind", code: 4, words: []string{"CNI_NETNS", "not a network namespace"}, alter: func(_ *testing.T, c *cni.Call, _ *node, _ *pod) {
			c.Netns = "/proc/self/ns/uts"
		}},
		{name: "netns is the host's own", code: 4, words: []string{"CNI_NETNS", "host's own"}, alter: func(_ *testing.T, c *cni.Call, n *node, _ *pod) {
			c.Netns = n.NS.Path()
		}},
		{name: "vmid not in allow", args: inPod + ";VMID=5", code: 7, words: []string{"VMID", "5", "allow"}},
		{name: "group not in allow", conf: `"allow": {"group": ["db"]}, "args": {"cni": {"vmtap": {"group": "web"}}}`, args: inPod, code: 7, words: []string{"web", "allow.group"}},
		{name: "lladdr not in allow", args: inPod + ";MAC=02:00:00:00:00:01", code: 7, words: []string{"MAC", "allow.lladdr"}},
		{name: "switch not in allow", conf: `"capabilities": {"io.kubernetes.cri.pod-annotations": true}, "runtimeConfig": {"io.kubernetes.cri.pod-annotations": {"vmtap.dev/switch": "lo"}}`, args: inPod, code: 7, words: []string{"lo", "allow.switch"}},
		{name: "multicast lladdr", conf: `"lladdr": "03:00:00:00:00:01"`, code: 7, words: []string{"03:00:00:00:00:01", "multicast"}},
		{name: "zero lladdr", conf: `"lladdr": "00:00:00:00:00:00"`, code: 7, words: []string{"00:00:00:00:00:00"}},
		{name: "lladdr taken", conf: `"lladdr": "02:00:00:00:00:01", ` + createConf, code: 100, words: []string{"02:00:00:00:00:01", "bridge0"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			n.newPod(t, "other").add(t, "eth0", conf(`"lladdr": "02:00:00:00:00:01", `+createConf))
		}},
		{name: "mtu below 1280 with IPv6", conf: `"mtu": 1279`, code: 7, words: []string{"1279", "1280"}},
		{name: "mtu below the bridge's", conf: `"mtu": 1400, "switch": "br0"`, code: 7, words: []string{"1400", "1500", "br0"}, alter: func(t *testing.T, _ *cni.Call, n *node, _ *pod) {
			n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
		}},
		{name: "name with control characters", args: "VMNAME=a\x01b", code: 4, words: []string{"VMNAME"}},
		{name: "ifName with control characters", code: 4, words: []string{"CNI_IFNAME"}, alter: func(_ *testing.T, c *cni.Call, _ *node, _ *pod) { c.IfName = "e\x01h0" }},
		{name: "ifName with a percent sign", code: 4, words: []string{"CNI_IFNAME"}, alter: func(_ *testing.T, c *cni.Call, _ *node, _ *pod) { c.IfName = "eth%d" }},
		{name: "container id too long", code: 4, words: []string{"CNI_CONTAINERID", "96"}, alter: func(_ *testing.T, c *cni.Call, _ *node, _ *pod) { c.ContainerID = strings.Repeat("a", 97) }},
		{name: "stdin over 1 MiB", code: 6, words: []string{"1048576"}, alter: func(_ *testing.T, c *cni.Call, _ *node, _ *pod) {
			c.Conf += strings.Repeat(" ", 1<<20)
		}},
		{name: "key twice", conf: `"mtu": 1500, "mtu": 9000`, code: 6, words: []string{"mtu", "twice"}},
		{name: "an address that is not the scheme's", conf: `"capabilities": {"ips": true}, "runtimeConfig": {"ips": ["192.0.2.1/24"]}`, code: 7, words: []string{"192.0.2.1", "100."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			p := n.newPod(t, "p")
			call := p.call("eth0", conf(c.conf))
			call.Args = c.args
			if c.alter != nil {
				c.alter(t, &call, n, p)
			}
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, call)
			wantFault(t, fault, c.code, c.words...)
			before.wantSame(t)
		})
	}
}

// routeElsewhere gives a node a link with a route.
func routeElsewhere(t *testing.T, n *node, dst string, more ...string) {
	t.Helper()
	n.Run(t, "ip", "link", "add", "elsewhere", "type", "veth", "peer", "name", "other")
	n.Run(t, "ip", "link", "set", "other", "up")
	n.Run(t, "ip", "link", "set", "elsewhere", "up")
	waitFor(t, "the link to settle", func() bool {
		return !strings.Contains(n.Run(t, "ip", "-6", "address"), "tentative")
	})
	n.Run(t, "ip", append([]string{"route", "add", dst, "dev", "elsewhere"}, more...)...)
}

// TestRouteNotInTheWay: shorter routes, refusing routes and vmtap's own are
// none of our concern.
func TestRouteNotInTheWay(t *testing.T) {
	n := newNode(t)
	routeElsewhere(t, n, "100.0.0.0/8")
	n.Run(t, "ip", "route", "add", "blackhole", "100.64.0.0/10")
	n.Run(t, "ip", "-6", "route", "add", "unreachable", "fd00::/8")
	n.Run(t, "ip", "-6", "route", "add", "default", "dev", "elsewhere")
	for i := range 3 {
		n.newPod(t, fmt.Sprint("p", i)).add(t, "eth0", localConf)
	}
}

// TestIdxBeyond: a VM has as many interfaces as its addresses allow, 127 with
// 8 bits, idx 0 to 126.
func TestIdxBeyond(t *testing.T) {
	for bits, interfaces := range map[int]int{2: 1, 3: 3, 8: 127} {
		if testing.Short() && bits == 8 {
			continue // minutes in the test VM
		}
		t.Run(fmt.Sprint(bits, " bits"), func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			config := conf(fmt.Sprintf(`"local": {"bits": %d}`, bits))
			for i := range interfaces {
				p.add(t, fmt.Sprint("net", i), config)
			}
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, p.call("one-more", config))
			wantFault(t, fault, 11, fmt.Sprint("0-", interfaces-1), "taken")
			before.wantSame(t)
		})
	}
}

// TestRequestedIPs: the scheme's own may be asked for.
func TestRequestedIPs(t *testing.T) {
	n := newNode(t)
	call := n.newPod(t, "p").call("eth0", conf(`"capabilities": {"ips": true}, "runtimeConfig": {"IPs": ["100.64.5.3/31", "fd00::6440:503:0:2/96"]}`))
	call.Args = "VMID=5"
	n.add(t, call)
}
