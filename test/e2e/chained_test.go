package e2e

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

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
