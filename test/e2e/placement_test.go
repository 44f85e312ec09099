package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestPlacementResult: what ADD answers in each placement, on a switch and
// without one.
func TestPlacementResult(t *testing.T) {
	for _, c := range []struct {
		name, conf string
		interfaces []string
		owners     []string // of the addresses
	}{
		{"pod", switchConf, []string{"bridge0", "IF", "GW", "eth0 netns", "eth0 id"}, []string{"eth0 id", "eth0 netns"}},
		{"host", hostConf, []string{"bridge0", "IF", "GW", "eth0 id"}, []string{"eth0 id", "eth0 id"}},
		{"host, no switch", conf(`"placement": "host"`), []string{"IF", "eth0 id"}, []string{"eth0 id", "eth0 id"}},
		{"veth", vethConf, []string{"bridge0", "IF", "GW", "eth0 netns"}, []string{"eth0 netns", "eth0 netns"}},
		{"veth, no switch", conf(`"device": "veth"`), []string{"IF", "eth0 netns"}, []string{"eth0 netns", "eth0 netns"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", c.conf)
			var have []string
			for _, i := range a.Interfaces {
				sandbox := map[string]string{"": "", p.Path(): " netns", "p": " id"}[i.Sandbox]
				have = append(have, i.Name+sandbox)
				if strings.HasPrefix(i.Name, "eth") {
					expect(t, i.Name+"'s mac", i.Mac, a.Interfaces[len(a.Interfaces)-1].Mac)
				}
			}
			want := slices.Clone(c.interfaces)
			for i := range want {
				want[i] = strings.NewReplacer("IF", a.hostLink(), "GW", a.gateway()).Replace(want[i])
			}
			expect(t, "interfaces", have, want)
			var owners []string
			for _, ip := range a.IPs {
				owners = append(owners, have[*ip.Interface])
			}
			expect(t, "owners of the addresses", owners, c.owners)
		})
	}
}

// TestPlacementMix: placements of one VM and of many share vmids, a switch and
// a node; what DEL takes away is its own.
func TestPlacementMix(t *testing.T) {
	n := newNode(t)
	n.newPod(t, "first").add(t, "eth0", hostConf)
	p := n.newPod(t, "p")
	before := takeAll(t, n.NS, p.NS)
	var all []*attachment
	for i, config := range []string{switchConf, hostConf, vethConf, localConf, conf(`"placement": "host"`), conf(`"device": "veth"`)} {
		all = append(all, p.add(t, fmt.Sprint("net", i), config))
	}
	vm, _, _ := strings.Cut(all[0].hostLink(), "-")
	for i, a := range all {
		expect(t, "host link", a.hostLink(), fmt.Sprint(vm, "-if", i))
	}
	for i, a := range all {
		if i > 0 {
			expect(t, "holder of the vmid", n.link(t, vm).Name, a.hostLink())
		}
		a.del()
		for _, b := range all[i+1:] {
			if fault := n.Check(t, b.call); fault != nil {
				t.Errorf("CHECK of %s: %s", b.call.IfName, fault)
			}
		}
	}
	before.wantSame(t)
}

// TestPlacementDel: DEL finds all by what stands on the host link.
func TestPlacementDel(t *testing.T) {
	for name, config := range map[string]string{"host": hostConf, "veth": vethConf} {
		for what, change := range map[string]struct {
			before func(t *testing.T, p *pod, a *attachment)
			call   func(cni.Call) cni.Call
		}{
			"at stop":                          {},
			"without namespace and prevResult": {call: func(c cni.Call) cni.Call { c.Netns = ""; return c.With(nil) }},
			"with a namespace that is gone":    {before: func(t *testing.T, p *pod, _ *attachment) { closeNS(t, p) }},
			"with another placement": {call: func(c cni.Call) cni.Call {
				c.Conf = conf("")
				return c.With(nil)
			}},
			"with the gateway gone": {before: func(t *testing.T, p *pod, a *attachment) { p.node.Run(t, "ip", "link", "del", a.gateway()) }},
			"with the gateway's other end renamed": {before: func(t *testing.T, p *pod, a *attachment) {
				p.node.Run(t, "ip", "link", "set", strings.Replace(a.gateway(), "-gw", "-gp", 1), "down")
				p.node.Run(t, "ip", "link", "set", strings.Replace(a.gateway(), "-gw", "-gp", 1), "name", "other0")
			}},
			"with the host link gone": {before: func(t *testing.T, p *pod, a *attachment) { p.node.Run(t, "ip", "link", "del", a.hostLink()) }},
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				n := newNode(t)
				n.newPod(t, "first").add(t, "eth0", config)
				before := takeAll(t, n.NS)
				p := n.newPod(t, "p")
				a := p.add(t, "eth0", config)
				if change.before != nil {
					change.before(t, p, a)
				}
				call := a.call
				if change.call != nil {
					call = change.call(call)
				}
				for range 2 {
					if fault := n.Del(t, call); fault != nil {
						t.Errorf("DEL: %s", fault)
					}
				}
				before.wantSame(t)
			})
		}
	}
}

// TestPlacementGC: what is not valid goes, what is stays, and a gateway whose
// host link went with the pod's namespace is a dead half.
func TestPlacementGC(t *testing.T) {
	for name, config := range map[string]string{"host": hostConf, "veth": vethConf} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			stays := n.newPod(t, "stays").add(t, "eth0", config)
			before := takeAll(t, n.NS)
			for _, list := range []string{"null", valid("stays@eth0"), valid("stays@eth0", "goes@eth1")} {
				p := n.newPod(t, "goes")
				a := p.add(t, "eth0", config)
				n.gc(t, gcConf("vmnet", valid("stays@eth0", "goes@eth0")))
				for _, alive := range []*attachment{stays, a} {
					if fault := n.Check(t, alive.call); fault != nil {
						t.Errorf("CHECK of %s after GC: %s", alive.call.ContainerID, fault)
					}
				}
				if list == "null" {
					n.Run(t, "ip", "link", "del", a.hostLink())
				}
				n.gc(t, gcConf("vmnet", list))
				before.wantSame(t, list)
			}
			n.gc(t, gcConf("vmnet", "null"))
			if fault := n.Check(t, stays.call); fault != nil {
				t.Errorf("CHECK after GC without a list: %s", fault)
			}
		})
	}
}

// TestPlacementCheck: CHECK names what was changed by hand.
func TestPlacementCheck(t *testing.T) {
	const mac = "02:00:00:00:00:99"
	for _, c := range []struct {
		name, conf string
		pod        bool
		do         string
		words      []string
	}{
		{"host: tap's address", hostConf, false, "ip link set IF address " + mac, []string{"host link IF", mac}},
		{"host: split", hostConf, false, "tc qdisc del dev IF ingress", []string{"host link IF", "ingress filter 1"}},
		{"host: another filter", hostConf, false, "tc filter add dev IF ingress pref 9 u32 match u32 0 0 flowid 1:1", []string{"host link IF", "ingress filter 3", "should not be there"}},
		{"host: gateway's other end", hostConf, false, "ip link set GP down", []string{"gateway's other end GP", "up is off"}},
		{"host: what the gateway sends", hostConf, false, "tc filter del dev GP ingress", []string{"gateway's other end GP", "ingress filter 1"}},
		{"host: address on the other end", hostConf, false, "ip address add 192.0.2.1/32 dev GP", []string{"gateway's other end GP", "192.0.2.1/32"}},
		{"host: ARP on the other end", hostConf, false, "ip link set GP arp on", []string{"gateway's other end GP", "noarp"}},
		{"veth: split", vethConf, false, "tc qdisc del dev IF ingress", []string{"host link IF", "ingress filter 1"}},
		{"veth: guest's address", vethConf, true, "ip address del GUEST4/31 dev eth0", []string{"pod end eth0", "GUEST4/31", "missing"}},
		{"veth: guest's link-local address", vethConf, true, "ip address del LINKLOCAL/64 dev eth0", []string{"pod end eth0", "LINKLOCAL/64", "missing"}},
		{"veth: guest's lladdr", vethConf, true, "ip link set eth0 address " + mac, []string{"pod end eth0", mac}},
		{"veth: guest's default route", vethConf, true, "ip route del default", []string{"route 0.0.0.0/0 via HOST4", "missing"}},
		{"veth: guest's IPv6 default route", vethConf, true, "ip -6 route del default", []string{"route ::/0 via HOST6", "missing"}},
		{"veth: guest down", vethConf, true, "ip link set eth0 down", []string{"pod end eth0", "up is off"}},
		{"veth: guest takes router advertisements", vethConf, true, "sysctl -qw net.ipv6.conf.eth0.accept_ra=1", []string{"pod end eth0", "router advertisements is on"}},
		{"veth: guest's own addresses are its own", vethConf, true, "ip address add 192.0.2.1/32 dev eth0", nil},
		{"veth: guest's own filters are its own", vethConf, true, "tc qdisc add dev eth0 ingress", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", c.conf)
			words := strings.NewReplacer("IF", a.hostLink(), "GW", a.gateway(), "GP", strings.Replace(a.gateway(), "-gw", "-gp", 1),
				"GUEST4", a.IPs[0].Address.IP.String(), "HOST4", a.IPs[0].Gateway.String(), "HOST6", a.IPs[1].Gateway.String(),
				"LINKLOCAL", eui64(t, a.Interfaces[len(a.Interfaces)-1].Mac).String())
			ns := n.NS
			if c.pod {
				ns = p.NS
			}
			argv := strings.Fields(words.Replace(c.do))
			ns.Run(t, argv[0], argv[1:]...)
			fault := n.Check(t, a.call)
			if c.words == nil {
				if fault != nil {
					t.Errorf("CHECK: %s", fault)
				}
				return
			}
			for i := range c.words {
				c.words[i] = words.Replace(c.words[i])
			}
			wantFault(t, fault, 101, c.words...)
			a.del()
		})
	}
}

// TestPlacementOptions: what else an interface can have goes with each
// placement: ADD, CHECK (in add) and DEL, which leaves nothing.
func TestPlacementOptions(t *testing.T) {
	for _, placement := range []string{`"placement": "host"`, `"device": "veth"`} {
		for _, option := range []string{
			`"up": false`,
			`"up": false, ` + createConf,
			`"local": {"inet6": false}`,
			`"switch": {"interface": "bridge0", "create": true}, "local": {"inet6": false}`,
			`"mtu": 9000`,
			`"mtu": 1280, "switch": {"interface": "bridge0", "create": true, "mtu": 1280}, "local": true`,
			`"forward": false`,
			`"group": ["web"], "groups": {"web": 101}, ` + createConf,
			`"lladdr": "02:00:00:00:00:01", ` + createConf,
			`"local": {"bits": 2, "prefix": "10.9.8.0/24"}, "ipMasq": true, "hostAccess": "icmp"`,
		} {
			t.Run(placement+", "+option, func(t *testing.T) {
				t.Parallel()
				n := newNode(t)
				p := n.newPod(t, "p")
				a := p.add(t, "eth0", conf(placement+", "+option))
				if strings.Contains(option, "lladdr") {
					expect(t, "mac", a.Interfaces[len(a.Interfaces)-1].Mac, "02:00:00:00:00:01")
				}
				a.del()
				n.noVMLinks(t)
				p.onlyLoopback(t)
			})
		}
	}
}
