package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// pingFrom pings from a pod that is no VM.
func (p *pod) pingFrom(t *testing.T, dst string) {
	t.Helper()
	p.Run(t, "ping", "-n", "-c", "1", "-W", "5", dst)
}

// silent demands that a pod's ping is not answered.
func (p *pod) silent(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"-n", "-c", "1", "-W", "1"}, args...)
	if p.Command("ping", args...).Run() == nil {
		t.Errorf("ping %s: answered", strings.Join(args, " "))
	}
}

// TestVeth: a pod that is no VM has its addresses and routes, without waiting
// for anything, and talks with host, VMs and its like, at layer 2 and 3.
func TestVeth(t *testing.T) {
	for name, config := range map[string]string{
		"local":  conf(`"device": "veth"`),
		"switch": vethConf,
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p, q := n.newPod(t, "p"), n.newPod(t, "q")
			a, b := p.add(t, "eth0", config), q.add(t, "eth0", config)
			vm := n.newPod(t, "vm")
			guest := vm.add(t, "eth0", switchConf)
			g := guest.boot(vm)
			for _, l := range p.link(t, "eth0").Addrs {
				expect(t, l.Local+" is tentative", l.Tentative, false)
			}
			for _, ip := range append(append(a.IPs, b.IPs...), guest.IPs...) {
				p.pingFrom(t, ip.Address.IP.String())
				q.pingFrom(t, ip.Gateway.String())
			}
			for _, ip := range a.IPs {
				n.ping(t, ip.Address.IP.String())
				addr, _ := netip.AddrFromSlice(ip.Address.IP)
				if err := g.Ping(addr.Unmap(), answered); err != nil {
					t.Error(err)
				}
			}
			layer3 := a.hostLink()
			if name == "switch" {
				layer3 = a.gateway()
			}
			n.ping(t, eui64(t, p.link(t, "eth0").Address).String()+"%"+layer3)
			p.pingFrom(t, gatewayLinkLocal(a.guestConfig()).String()+"%eth0")
			a.del()
			p.onlyLoopback(t)
		})
	}
}

// TestVethRoutes: the configuration's routes stand in the pod, with all that
// they say, and CHECK misses none.
func TestVethRoutes(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"device": "veth", "routes": [{"dst": "10.0.0.0/8"}, {"dst": "2001:db8::/32", "mtu": 1400}, {"dst": "192.0.2.0/24", "priority": 50, "advmss": 1000}]`))
	for _, c := range []struct{ family, dst, want string }{
		{"-4", "10.0.0.0/8", "via " + a.IPs[0].Gateway.String() + " dev eth0"},
		{"-6", "2001:db8::/32", "via " + a.IPs[1].Gateway.String() + " dev eth0 proto static metric 1024 mtu 1400"},
		{"-4", "192.0.2.0/24", "via " + a.IPs[0].Gateway.String() + " dev eth0 proto static metric 50 advmss 1000"},
	} {
		if got := p.Run(t, "ip", c.family, "route", "show", c.dst); !strings.Contains(got, c.want) {
			t.Errorf("route to %s: %q, want %q", c.dst, got, c.want)
		}
	}
	p.Run(t, "ip", "route", "del", "10.0.0.0/8")
	wantFault(t, n.Check(t, a.call), 101, "10.0.0.0/8", "missing")
	// One that a later plugin took away, with a word in its result, is not.
	var result map[string]any
	if err := json.Unmarshal(a.call.PrevResult, &result); err != nil {
		t.Fatal(err)
	}
	routes, _ := result["routes"].([]any)
	result["routes"] = slices.DeleteFunc(routes, func(r any) bool { return strings.Contains(fmt.Sprint(r), "10.0.0.0/8") })
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	if fault := n.Check(t, a.call.With(text)); fault != nil {
		t.Errorf("CHECK after a plugin that took the route away: %s", fault)
	}
}

// TestVethWithoutIPv6: in a pod whose kernel has IPv6 switched off it is
// switched on for an interface that has such addresses, and only then.
func TestVethWithoutIPv6(t *testing.T) {
	n := newNode(t)
	for name, c := range map[string]struct{ block, want string }{
		"with":    {`"device": "veth"`, "0"},
		"without": {`"device": "veth", "local": {"inet6": false}`, "1"},
	} {
		p := n.newPod(t, name)
		p.Run(t, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
		a := p.add(t, "eth0", conf(c.block))
		expect(t, name, strings.TrimSpace(p.Run(t, "sysctl", "-n", "net.ipv6.conf.eth0.disable_ipv6")), c.want)
		p.pingFrom(t, a.IPs[len(a.IPs)-1].Gateway.String())
	}
}

// TestVethOnlyOnSwitch: without addresses it is an interface of the pod's to
// configure.
func TestVethOnlyOnSwitch(t *testing.T) {
	n := newNode(t)
	var pods []*pod
	for i := range 2 {
		p := n.newPod(t, fmt.Sprint("p", i))
		a := p.add(t, "eth0", conf(`"device": "veth", "switch": {"interface": "bridge0", "create": true}`))
		p.Run(t, "ip", "address", "add", fmt.Sprintf("192.0.2.%d/24", i+1), "dev", "eth0")
		if fault := n.Check(t, a.call); fault != nil {
			t.Errorf("CHECK: %s", fault)
		}
		pods = append(pods, p)
	}
	pods[0].pingFrom(t, "192.0.2.2")
}

// TestVethIsNotDeceived: neither another's gateway nor the bridge serves a pod
// by its address, and who is asked for a gateway's address is the pod's own.
func TestVethIsNotDeceived(t *testing.T) {
	n := newNode(t)
	p, q := n.newPod(t, "p"), n.newPod(t, "q")
	a, b := p.add(t, "eth0", vethConf), q.add(t, "eth0", vethConf)
	other := b.IPs[0].Gateway.String()
	for _, mac := range []string{n.link(t, b.gateway()).Address, n.link(t, "bridge0").Address} {
		p.Run(t, "ip", "neigh", "replace", "192.0.2.9", "lladdr", mac, "dev", "eth0")
		p.Run(t, "ip", "route", "replace", other, "via", "192.0.2.9", "dev", "eth0", "onlink")
		p.silent(t, other)
	}
	if out, err := p.Command("arping", "-c", "1", "-w", "1", "-I", "eth0", other).CombinedOutput(); err == nil {
		t.Errorf("another's gateway answers: %s", out)
	}
	out := p.Run(t, "arping", "-c", "1", "-w", "5", "-I", "eth0", a.IPs[0].Gateway.String())
	if mac := n.link(t, a.gateway()).Address; !strings.Contains(strings.ToLower(out), mac) {
		t.Errorf("who has the gateway's address: %s, want %s", out, mac)
	}
}

// TestVethBesideOthers: in a pod that has a default route already, the other
// stays the first choice, and each interface's gateway is reached over it.
func TestVethBesideOthers(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	noDAD(t, n.NS, p.NS)
	ptp := n.reference(t, "ptp")
	if _, fault := ptp.Add(t, p.call("eth0", earlierConf(t, "ptp"))); fault != nil {
		t.Fatal(fault)
	}
	before := p.Run(t, "ip", "route", "show", "default") + p.Run(t, "ip", "-6", "route", "show", "default")
	for i := range 2 {
		a := p.add(t, fmt.Sprint("net", i), conf(`"device": "veth"`))
		for family, gateway := range map[string]string{"-4": a.IPs[0].Gateway.String(), "-6": a.IPs[1].Gateway.String()} {
			got := p.Run(t, "ip", family, "route", "show", "default", "dev", a.call.IfName)
			if want := fmt.Sprintf("default via %s proto static metric %d", gateway, 1025+i); !strings.Contains(got, want) {
				t.Errorf("default route: %q, want %q", got, want)
			}
			p.pingFrom(t, gateway)
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(before), "\n") {
		family := map[bool]string{true: "-6", false: "-4"}[strings.Contains(line, "fd09")]
		first, _, _ := strings.Cut(p.Run(t, "ip", family, "route", "show", "default"), "\n")
		expect(t, "first choice", strings.TrimSpace(first), strings.TrimSpace(line))
	}
}

// TestVethInRDomain: a pod that is no VM is in its rdomain, on a switch and
// without one.
func TestVethInRDomain(t *testing.T) {
	n := newVRFNode(t)
	for name, block := range map[string]string{"local": `"rdomain": 10`, "switch": inRDomains("bridge10", "", "10")} {
		p := n.newPod(t, name)
		a := p.add(t, "eth0", conf(block+`, "device": "veth"`))
		vm := n.newPod(t, name+"-vm")
		same := vm.add(t, "eth0", conf(block))
		other := n.newPod(t, name+"-other")
		apart := other.add(t, "eth0", conf(`"rdomain": 20`))
		same.boot(vm)
		apart.boot(other)
		for i := range a.IPs {
			p.pingFrom(t, a.IPs[i].Gateway.String())
			p.pingFrom(t, same.IPs[i].Address.IP.String())
			p.silent(t, apart.IPs[i].Address.IP.String())
		}
	}
}
