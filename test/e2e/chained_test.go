package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// source is the top of the source tree.
const source = "../.."

// reference is a plugin of containernetworking/plugins on the node. What it
// needs of its kind is built with it.
func (n *node) reference(t *testing.T, name string) *cni.Plugin {
	t.Helper()
	dir := cni.Reference(t, source, name)
	cni.Reference(t, source, "host-local")
	return &cni.Plugin{Bin: filepath.Join(dir, name), Node: n.NS, Path: dir}
}

// earlierConf is the block of the plugin that vmtap is chained to, with
// addresses of both families.
func earlierConf(t *testing.T, name string) string {
	t.Helper()
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "vmnet", "type": %q, "bridge": "cni0", "isGateway": true, "mtu": 1400,
		"ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd09::/64"}]],
		"routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}`, name, t.TempDir())
}

const chainedConf = `"placement": "chained"`

// addEarlier adds the earlier plugin's interface and returns vmtap's call after
// it.
func (p *pod) addEarlier(t *testing.T, name, block string) (call cni.Call, earlier *cni.Plugin, earlierCall cni.Call) {
	t.Helper()
	noDAD(t, p.node.NS, p.NS)
	earlier = p.node.reference(t, name)
	earlierCall = p.call("eth0", earlierConf(t, name))
	stdout, fault := earlier.Add(t, earlierCall)
	if fault != nil {
		t.Fatalf("ADD of %s: %s", name, fault)
	}
	for _, ns := range []*netns.NS{p.node.NS, p.NS} { // the kernel adds these in its own time
		waitFor(t, "the routes of IPv6 addresses", func() bool {
			return strings.Contains(ns.Run(t, "ip", "-6", "route", "show", "table", "local"), "local fd09::")
		})
	}
	return p.call("eth0", conf(block)).With(stdout), earlier, earlierCall.With(stdout)
}

// noDAD ends duplicate address detection, for which the other plugins wait, and
// after which the kernel adds routes.
func noDAD(t *testing.T, all ...*netns.NS) {
	t.Helper()
	for _, ns := range all {
		ns.Run(t, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
	}
}

// TestChained: a guest takes over the interface of another plugin, and talks
// with the host and the world as the pod did before.
func TestChained(t *testing.T) {
	for _, name := range []string{"ptp", "bridge"} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p, q := n.newPod(t, "p"), n.newPod(t, "q")
			n.addOther(t, q, name)
			call, earlier, earlierCall := p.addEarlier(t, name, chainedConf)
			withEarlier := takeAll(t, n.NS, p.NS)
			a := n.add(t, call)
			g := guest.Open(t, p.NS, "tap0", a.takenConfig())
			other := q.link(t, "eth0")
			for _, ip := range earlierIPs(t, earlierCall) {
				if err := g.Ping(ip.gateway, answered); err != nil {
					t.Errorf("gateway: %v", err)
				}
				n.ping(t, ip.address.String())
			}
			for _, addr := range other.addrs() {
				if dst := netip.MustParsePrefix(addr).Addr(); !dst.IsLinkLocalUnicast() {
					if err := g.Ping(dst, answered); err != nil {
						t.Errorf("another pod: %v", err)
					}
				}
			}
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("CHECK with a guest: %s", fault)
			}
			for range 2 {
				a.del()
			}
			withEarlier.wantSame(t)
			if fault := earlier.Del(t, earlierCall); fault != nil {
				t.Errorf("DEL of %s: %s", name, fault)
			}
			p.onlyLoopback(t)
		})
	}
}

// addOther adds a pod of the earlier plugin alone.
func (n *node) addOther(t *testing.T, q *pod, name string) {
	t.Helper()
	noDAD(t, n.NS, q.NS)
	plugin := n.reference(t, name)
	conf := strings.NewReplacer("10.9.0.0/24", "10.9.1.0/24", "fd09::/64", "fd09:0:0:1::/64", "cni0", "cni1").Replace(earlierConf(t, name))
	if _, fault := plugin.Add(t, q.call("eth0", conf)); fault != nil {
		t.Fatalf("ADD of %s: %s", name, fault)
	}
}

type earlierIP struct {
	address, gateway netip.Addr
	prefix           netip.Prefix
}

// earlierIPs are the addresses of the earlier plugin's interface.
func earlierIPs(t *testing.T, call cni.Call) []earlierIP {
	t.Helper()
	var out []earlierIP
	for _, ip := range cni.ParseResult(t, call.PrevResult).IPs {
		address, _ := netip.AddrFromSlice(ip.Address.IP)
		gateway, _ := netip.AddrFromSlice(ip.Gateway)
		bits, _ := ip.Address.Mask.Size()
		out = append(out, earlierIP{address.Unmap(), gateway.Unmap(), netip.PrefixFrom(address.Unmap(), bits)})
	}
	return out
}

// takenConfig is what the guest is told: the addresses of CNI_IFNAME.
func (a *attachment) takenConfig() guest.Config {
	a.t.Helper()
	c := guest.Config{LLAddr: guest.ParseMAC(a.Interfaces[len(a.Interfaces)-1].Mac)}
	for _, ip := range earlierIPs(a.t, a.call) {
		if ip.address.Is4() {
			c.Addr4, c.Gateway4 = ip.prefix, ip.gateway
		} else {
			c.Addr6, c.Gateway6 = ip.prefix, ip.gateway
		}
	}
	return c
}

// TestChainedResult: the earlier plugin's result stands unchanged, then what
// vmconf wants, with one address.
func TestChainedResult(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	call, _, _ := p.addEarlier(t, "ptp", chainedConf)
	earlier := cni.ParseResult(t, call.PrevResult)
	a := n.add(t, call)
	count := len(earlier.Interfaces)
	expect(t, "earlier interfaces", a.Interfaces[:count], earlier.Interfaces)
	expect(t, "earlier addresses", a.IPs[:len(earlier.IPs)], earlier.IPs)
	expect(t, "routes", a.Routes, earlier.Routes)
	eth0 := p.link(t, "eth0")
	for i, sandbox := range []string{p.Path(), "p"} {
		own := a.Interfaces[count+i]
		expect(t, "own interface", fmt.Sprint(own.Name, " ", own.Mac, " ", own.Sandbox), fmt.Sprint("tap0 ", eth0.Address, " ", sandbox))
	}
	expect(t, "number of interfaces", len(a.Interfaces), count+2)
	expect(t, "number of addresses", len(a.IPs), len(earlier.IPs)+1)
	own := a.IPs[len(a.IPs)-1]
	expect(t, "own address", own.Address.String(), earlier.IPs[0].Address.String())
	expect(t, "its gateway", own.Gateway.String(), earlier.IPs[0].Gateway.String())
	expect(t, "its interface", *own.Interface, count+1)
	expect(t, "tap's mtu", p.link(t, "tap0").MTU, 1400)
}

// TestChainedTap: the options of the tap, and another name.
func TestChainedTap(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	call, _, _ := p.addEarlier(t, "ptp", chainedConf+`, "tap": {"name": "tap7", "uid": 54321, "vnetHdr": false}`)
	n.add(t, call)
	data := p.link(t, "tap7").Info.Data
	expect(t, "tap", fmt.Sprintf("user %v vnet_hdr %t persist %t", data.User, data.VnetHdr, data.Persist), "user 54321 vnet_hdr false persist true")
}

// TestChainedRefuses: what cannot be taken over, before anything is changed.
func TestChainedRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		block string
		args  string
		alter func(t *testing.T, p *pod, c *cni.Call)
		code  uint
		words []string
	}{
		{name: "no earlier plugin", alter: func(_ *testing.T, _ *pod, c *cni.Call) { *c = c.With(nil) }, code: 7, words: []string{"chained", "prevResult"}},
		{name: "its interface is gone", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "link", "del", "eth0") }, code: 7, words: []string{`"eth0"`, "none of this name"}},
		{name: "another lladdr", args: "MAC=02:00:00:00:00:01", code: 7, words: []string{"02:00:00:00:00:01", `"eth0"`, "takes over"}},
		{name: "ingress in use", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "tc", "qdisc", "add", "dev", "eth0", "ingress") }, code: 7, words: []string{`"eth0"`, "ingress"}},
		{name: "clsact in use", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "tc", "qdisc", "add", "dev", "eth0", "clsact") }, code: 7, words: []string{`"eth0"`, "ingress"}},
		{name: "tap's name taken", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "tuntap", "add", "tap0", "mode", "tap") }, code: 100, words: []string{"tap0", "name"}},
		{name: "the interface has no Ethernet address", alter: func(t *testing.T, p *pod, c *cni.Call) {
			p.Run(t, "ip", "link", "del", "eth0")
			p.Run(t, "ip", "tuntap", "add", "eth0", "mode", "tun")
		}, code: 7, words: []string{`"eth0"`, "no Ethernet address"}},
		{name: "a switch", block: `, "switch": "bridge0"`, code: 7, words: []string{"switch", "bridge0", "chained"}},
		{name: "a vmid", args: "VMID=5", code: 7, words: []string{"VMID", "5", "chained"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			call, _, _ := p.addEarlier(t, "ptp", chainedConf+c.block)
			call.Args = c.args
			if c.alter != nil {
				c.alter(t, p, &call)
			}
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, call)
			wantFault(t, fault, c.code, c.words...)
			before.wantSame(t)
		})
	}
}

// TestChainedTwice: an attachment exists once.
func TestChainedTwice(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	call, _, _ := p.addEarlier(t, "ptp", chainedConf)
	n.add(t, call)
	before := takeAll(t, n.NS, p.NS)
	_, fault := n.Add(t, call)
	wantFault(t, fault, 100, "tap0")
	before.wantSame(t)
	call.Conf = conf(chainedConf + `, "tap": {"name": "tap1"}`)
	_, fault = n.Add(t, call)
	wantFault(t, fault, 100, "p@eth0", "tap0")
	before.wantSame(t)
}

// TestChainedCheck: CHECK names what was changed by hand.
func TestChainedCheck(t *testing.T) {
	for do, words := range map[string][]string{
		"ip link del tap0":                                                   {"tap tap0", "missing in the pod's namespace"},
		"ip link set tap0 down":                                              {"tap tap0", "up is off"},
		"ip link set tap0 mtu 1300":                                          {"tap tap0", "mtu is 1300, want 1400"},
		"ip link set tap0 address 02:00:00:00:00:99":                         {"tap tap0", "02:00:00:00:00:99"},
		"ip link set tap0 arp on":                                            {"tap tap0", "noarp"},
		"ip link property del dev tap0 altname p@eth0":                       {"tap tap0", "p@eth0"},
		"tc qdisc del dev tap0 ingress":                                      {"tap tap0", "ingress filter 1"},
		"tc qdisc del dev eth0 ingress":                                      {"interface eth0", "ingress filter 1"},
		"tc filter del dev eth0 ingress":                                     {"interface eth0", "ingress filter 1"},
		"ip link del eth0":                                                   {`"eth0"`, "none of this name"},
		"ip link set eth0 address 02:00:00:00:00:99":                         {"02:00:00:00:00:99"},
		"tc filter add dev eth0 ingress pref 9 u32 match u32 0 0 flowid 1:1": {"interface eth0", "ingress filter 2", "should not be there"},
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			p := n.newPod(t, "p")
			call, _, _ := p.addEarlier(t, "ptp", chainedConf)
			a := n.add(t, call)
			argv := strings.Fields(do)
			p.Run(t, argv[0], argv[1:]...)
			fault := n.Check(t, a.call)
			if fault == nil || !slices.Contains([]uint{7, 101}, fault.Code) {
				t.Fatalf("CHECK: %v, want an error", fault)
			}
			wantFault(t, fault, fault.Code, words...)
			a.del()
		})
	}
}

// TestChainedDel: DEL takes away its own and nothing else.
func TestChainedDel(t *testing.T) {
	for _, c := range []struct {
		name  string
		alter func(t *testing.T, p *pod, call *cni.Call)
		left  []string
	}{
		{"with a broken configuration", func(_ *testing.T, _ *pod, c *cni.Call) { c.Conf = conf(`"placement": 5`) }, []string{"eth0", "lo"}},
		{"with another network's", func(_ *testing.T, _ *pod, c *cni.Call) { c.Conf = confOf("othernet", chainedConf) }, []string{"eth0", "lo", "tap0"}},
		{"without namespace", func(_ *testing.T, _ *pod, c *cni.Call) { c.Netns = "" }, []string{"eth0", "lo", "tap0"}},
		{"with no namespace's path", func(_ *testing.T, _ *pod, c *cni.Call) { c.Netns = "/dev/null" }, []string{"eth0", "lo", "tap0"}},
		{"with the interface gone", func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "link", "del", "eth0") }, []string{"lo"}},
		{"with the tap gone", func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "link", "del", "tap0") }, []string{"eth0", "lo"}},
		{"with somebody else's filter", func(t *testing.T, p *pod, _ *cni.Call) {
			p.Run(t, "tc", "filter", "add", "dev", "eth0", "ingress", "pref", "9", "u32", "match", "u32", "0", "0", "flowid", "1:1")
		}, []string{"eth0", "lo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			call, _, _ := p.addEarlier(t, "ptp", chainedConf)
			a := n.add(t, call)
			late := a.call
			c.alter(t, p, &late)
			for range 2 {
				if fault := n.Del(t, late); fault != nil {
					t.Errorf("DEL: %s", fault)
				}
			}
			var left []string
			for _, l := range links(t, p.NS) {
				left = append(left, l.Name)
			}
			slices.Sort(left)
			expect(t, "links in the pod", left, c.left)
		})
	}
}

// TestChainedFaults: ADD in placement chained, with a fault at each step, leaves
// the earlier plugin's interface as it was; killed, DEL does.
func TestChainedFaults(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	call, _, _ := p.addEarlier(t, "ptp", chainedConf)
	before := takeAll(t, n.NS, p.NS)
	traced, trace := n.Traced()
	stdout, fault := traced.Add(t, call)
	if fault != nil {
		t.Fatal(fault)
	}
	(&attachment{t, n, call.With(stdout), nil}).del()
	before.wantSame(t)
	failed := 0
	for _, f := range sample(cni.Faults(trace.Steps(), unix.ENOMEM)) {
		faulty, _ := n.Faulty(f)
		stdout, fault := faulty.Add(t, call)
		if fault != nil {
			failed++
		}
		if fault == nil || fault.Killed() {
			(&attachment{t, n, call.With(stdout), nil}).del()
		}
		before.wantSame(t, fmt.Sprintf("%v: %v", f, fault))
		if t.Failed() {
			return
		}
	}
	t.Logf("%d faults made ADD fail", failed)
	if failed == 0 {
		t.Error("no fault made ADD fail")
	}
}

// TestChainedStatus: nothing on the node can be missing but tun.
func TestChainedStatus(t *testing.T) {
	n := newNode(t)
	if fault := n.Status(t, cni.Call{Conf: strings.Replace(conf(chainedConf), "1.0.0", "1.1.0", 1)}); fault != nil {
		t.Error(fault)
	}
}

// TestChainedAddresses: an earlier result without addresses, or with those of
// other interfaces, gives the guest none.
func TestChainedAddresses(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	call, _, _ := p.addEarlier(t, "ptp", chainedConf)
	var result map[string]any
	if err := json.Unmarshal(call.PrevResult, &result); err != nil {
		t.Fatal(err)
	}
	delete(result, "ips")
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	a := n.add(t, call.With(text))
	expect(t, "addresses", len(a.IPs), 0)
}
