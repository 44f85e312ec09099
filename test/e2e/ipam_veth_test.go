package e2e

import (
	"strings"
	"testing"
)

const vethOnBridge = `"device": "veth", "switch": {"interface": "bridge0", "create": true}, "ipam": `

// TestIPAMVeth: a pod that is no VM has the lease's addresses and routes, and
// talks with its like and with VMs of the switch.
func TestIPAMVeth(t *testing.T) {
	n, leases := newIPAMNode(t), newPool(t)
	// Both routers' addresses are on a neighbour.
	router := n.newPod(t, "router")
	block := conf(vethOnBridge + leases.dual() + `, "routes": [{"dst": "10.9.0.0/16"}, {"dst": "10.8.0.0/16", "gw": "10.1.0.9"}]`)
	router.add(t, "eth0", conf(vethOnBridge+`{"type": "static", "addresses": [{"address": "10.1.0.1/24"}, {"address": "2001:db8::1/64"}]}`))
	p, vm := n.newPod(t, "p"), n.newPod(t, "vm")
	a, b := p.add(t, "eth0", block), vm.add(t, "eth0", strings.Replace(block, `"device": "veth", `, "", 1))
	b.boot(vm)
	expect(t, "addresses", told(a), []string{"10.1.0.2/24 via 10.1.0.1 of 2", "2001:db8::2/64 via 2001:db8::1 of 2"})
	have := strings.Join(p.link(t, "eth0").addrs(), " ")
	for _, want := range []string{"10.1.0.2/24", "2001:db8::2/64"} {
		if !strings.Contains(have, want) {
			t.Errorf("the interface has %s, want %s among them", have, want)
		}
	}
	for family, want := range map[string][]string{
		"-4": {"default via 10.1.0.1 dev eth0", "10.9.0.0/16 via 10.1.0.1 dev eth0", "10.8.0.0/16 via 10.1.0.9 dev eth0"},
		"-6": {"default via 2001:db8::1 dev eth0"},
	} {
		routes := p.Run(t, "ip", family, "route")
		for _, w := range want {
			if !strings.Contains(routes, w) {
				t.Errorf("routes %q, want %q", routes, w)
			}
		}
	}
	for _, dst := range []string{"10.1.0.1", "2001:db8::1", "10.1.0.3", "2001:db8::3"} {
		p.pingFrom(t, dst)
	}
	for _, c := range []struct {
		words string
		want  string
	}{
		{"-4 route del 10.9.0.0/16", "route 10.9.0.0/16 via 10.1.0.1: missing"},
		{"address del 2001:db8::2/64 dev eth0", "address 2001:db8::2/64 is missing"},
	} {
		p.Run(t, "ip", strings.Fields(c.words)...)
		wantFault(t, n.Check(t, a.call), 101, c.want)
	}
	a.del()
	p.onlyLoopback(t)
	expect(t, "leases", leases.leases(t, "vmnet"), []string{"10.1.0.3", "2001:db8::3"})
}

// TestIPAMHost: the addresses of a tap in the host's namespace are its guest's.
func TestIPAMHost(t *testing.T) {
	n, leases := newIPAMNode(t), newPool(t)
	a := n.newPod(t, "p").add(t, "eth0", conf(`"placement": "host", `+onBridge("bridge0", leases.dual())))
	expect(t, "addresses", told(a), []string{"10.1.0.2/24 via 10.1.0.1 of 2", "2001:db8::2/64 via 2001:db8::1 of 2"})
	a.del()
	expect(t, "leases", leases.leases(t, "vmnet"), []string{})
	n.noVMLinks(t)
}

// TestIPAMOnLink: a route without any gateway is on the link, and so is one that
// says so.
func TestIPAMOnLink(t *testing.T) {
	n := newNode(t)
	n.newFake(t, `[ $CNI_COMMAND = ADD ] && echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "2001:db8::5/64"}], "routes": [{"dst": "10.9.0.0/16", "gw": "0.0.0.0", "scope": 253}, {"dst": "2001:db8:9::/48"}]}'; exit 0`)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(vethOnBridge+`{"type": "fake"}`))
	for family, want := range map[string]string{"-4": "10.9.0.0/16 dev eth0", "-6": "2001:db8:9::/48 dev eth0"} {
		if routes := p.Run(t, "ip", family, "route"); !strings.Contains(routes, want) {
			t.Errorf("routes %q, want %q", routes, want)
		}
	}
	if len(a.Routes) != 2 || a.Routes[0].GW != nil {
		t.Errorf("routes of the result: %v", a.Routes)
	}
}

// TestIPAMRouterAdvertisements: a pod's interface takes none, from the moment
// that it is up; the plugin sees that.
func TestIPAMRouterAdvertisements(t *testing.T) {
	n := newNode(t)
	f := n.newFake(t, `[ $CNI_COMMAND = ADD ] && nsenter --net=$CNI_NETNS cat /proc/sys/net/ipv6/conf/eth0/accept_ra >$dir/ra && nsenter --net=$CNI_NETNS ip link show up dev eth0 >$dir/up; `+give)
	n.newPod(t, "p").add(t, "eth0", conf(vethOnBridge+`{"type": "fake"}`))
	expect(t, "accept_ra", f.said(t, "ra"), "0")
	if !strings.Contains(f.said(t, "up"), "LOWER_UP") {
		t.Errorf("the interface is %q", f.said(t, "up"))
	}
}
