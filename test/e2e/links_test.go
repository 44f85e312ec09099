package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTenInterfaces adds ten interfaces to three VMs, with and without a
// switch, and holds what `ip` shows against the design, with its arithmetic
// written out anew.
func TestTenInterfaces(t *testing.T) {
	n := newNode(t)
	for v, count := range map[int]int{1: 4, 300: 3, 16383: 3} {
		p := n.newPod(t, fmt.Sprintf("pod%d", v))
		for idx := range count {
			config, onSwitch := localConf, idx%2 == 1
			if onSwitch {
				config = switchConf
			}
			call := p.call(fmt.Sprintf("net%d", idx), config)
			call.Args = fmt.Sprintf("VMID=%d;VMNAME=vm-%d", v, v)
			a := n.add(t, call)
			checkPromises(t, p, a, promise{v, idx, onSwitch})
		}
	}
}

type promise struct {
	vmid, idx int
	onSwitch  bool
}

func (p promise) name() string { return fmt.Sprintf("vm%d-if%d", p.vmid, p.idx) }

// guest4 is vm_priv_addr of vmd, for the guest.
func (p promise) guest4() net.IP {
	a := make(net.IP, 4)
	binary.BigEndian.PutUint32(a, 100<<24|64<<16|uint32(p.vmid)<<8|uint32(p.idx+1)*2+1)
	return a
}

func (p promise) host4() net.IP {
	a := slices.Clone(p.guest4())
	a[3]--
	return a
}

// host6 is vm_priv_addr6 of vmd, for the host.
func (p promise) host6() net.IP {
	a := make(net.IP, 16)
	a[0], a[15] = 0xfd, 1
	copy(a[8:], p.guest4())
	return a
}

func (p promise) guest6() net.IP {
	a := slices.Clone(p.host6())
	a[15] = 2
	return a
}

// linkLocal is the gateway's: the low half of host6.
func (p promise) linkLocal() net.IP {
	a := make(net.IP, 16)
	copy(a[8:], p.host6()[8:])
	a[0], a[1] = 0xfe, 0x80
	return a
}

func checkPromises(t *testing.T, p *pod, a *attachment, want promise) {
	t.Helper()
	host := p.node.link(t, want.name())
	layer3 := host
	if want.onSwitch {
		layer3 = p.node.link(t, fmt.Sprintf("vm%d-gw%d", want.vmid, want.idx))
		expect(t, "bridge port's addresses", host.addrs(), []string{})
		expect(t, "bridge port's master", host.Master, "bridge0")
	}
	expect(t, "host link's altnames", host.AltNames, altNames(p, a, want))
	expect(t, "host link's alias", host.Alias, fmt.Sprintf("vm%d-if%d-vm-%d", want.vmid, want.idx, want.vmid))
	expect(t, "layer 3 link's addresses", layer3.addrs(), []string{
		want.host4().String() + "/31", want.host6().String() + "/96", want.linkLocal().String() + "/128",
	})
	for _, l := range []link{host, layer3} {
		expect(t, l.Name+"'s group", l.Group, map[bool]string{true: "101", false: "default"}[want.onSwitch])
		expect(t, l.Name+"'s kind", l.Info.Kind, "veth")
		expect(t, l.Name+"'s addr_gen_mode", l.AddrGen, "none")
		expect(t, l.Name+" is up", slices.Contains(l.Flags, "UP"), true)
	}
	checkPodPromises(t, p, a, host)
	checkRoutes(t, p.node, a, layer3.Name, want)
}

func altNames(p *pod, a *attachment, want promise) []string {
	names := []string{p.id + "@" + a.call.IfName, want.name() + ".net.vmnet", want.guest4().String()}
	if want.idx == 0 {
		names = append([]string{fmt.Sprintf("vm%d", want.vmid), "pod:" + p.id}, names...)
	}
	if want.onSwitch {
		mac, _ := net.ParseMAC(a.Interfaces[len(a.Interfaces)-1].Mac)
		names = append(names, fmt.Sprintf("%x.lladdr.bridge0", []byte(mac)), want.name()+".web", want.name()+".vms")
	}
	return names
}

func checkPodPromises(t *testing.T, p *pod, a *attachment, host link) {
	t.Helper()
	tap := p.link(t, a.call.IfName)
	expect(t, "tap's kind", tap.Info.Kind, "tun")
	expect(t, "tap's persistence, header and owner", fmt.Sprintf("%t %t %v", tap.Info.Data.Persist, tap.Info.Data.VnetHdr, tap.Info.Data.User), "true true root")
	expect(t, "tap's address", tap.Address, a.Interfaces[len(a.Interfaces)-1].Mac)
	for _, l := range links(t, p.NS) {
		if l.Group != fmt.Sprint(host.Index) {
			continue // lo, and other attachments'
		}
		expect(t, l.Name+"'s addresses in the pod", l.addrs(), []string{})
		expect(t, l.Name+" in the pod is NOARP", slices.Contains(l.Flags, "NOARP"), true)
		expect(t, l.Name+"'s addr_gen_mode in the pod", l.AddrGen, "none")
	}
}

func checkRoutes(t *testing.T, n *node, a *attachment, layer3 string, want promise) {
	t.Helper()
	for _, dst := range []net.IP{want.guest6(), eui64(t, a.Interfaces[len(a.Interfaces)-1].Mac)} {
		out := n.Run(t, "ip", "-6", "route", "show", "dev", layer3, dst.String())
		if out == "" {
			t.Errorf("no route to %s on %s", dst, layer3)
		}
	}
	ips := []string{}
	for _, ip := range a.IPs {
		ips = append(ips, fmt.Sprintf("%s via %s", ip.Address.String(), ip.Gateway))
	}
	expect(t, "result's addresses", ips, []string{
		fmt.Sprintf("%s/31 via %s", want.guest4(), want.host4()), fmt.Sprintf("%s/96 via %s", want.guest6(), want.host6()),
	})
}

// eui64 is the link-local address that a NIC gives itself.
func eui64(t *testing.T, lladdr string) net.IP {
	t.Helper()
	mac, err := net.ParseMAC(lladdr)
	if err != nil {
		t.Fatal(err)
	}
	return net.IP{0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5]}
}

func expect[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestLayer3Sysctls holds the layer 3 link's values against the design.
func TestLayer3Sysctls(t *testing.T) {
	n := newNode(t)
	for name, config := range map[string]string{"local": localConf, "switch": switchConf} {
		t.Run(name, func(t *testing.T) {
			a := n.newPod(t, "sysctl-"+name).add(t, "eth0", config)
			layer3 := a.hostLink()
			if name == "switch" {
				layer3 = a.gateway()
			}
			for key, want := range map[string]string{
				"forwarding": "1", "tag": "0", "rp_filter": "1", "arp_ignore": "1", "arp_announce": "2", "send_redirects": "0",
				"accept_redirects": "0", "accept_source_route": "0", "proxy_arp": "0", "accept_local": "0",
			} {
				expect(t, key, sysctl(t, n, "ipv4/conf/"+layer3+"/"+key), want)
			}
		})
	}
	expect(t, "ip_forward", sysctl(t, n, "ipv4/ip_forward"), "1")
	expect(t, "IPv6 forwarding", sysctl(t, n, "ipv6/conf/all/forwarding"), "1")
}

// TestForwardFalse leaves the host as it is.
func TestForwardFalse(t *testing.T) {
	n := newNode(t)
	a := n.newPod(t, "p").add(t, "eth0", conf(`"forward": false`))
	expect(t, "ip_forward", sysctl(t, n, "ipv4/ip_forward"), "0")
	expect(t, "IPv6 forwarding", sysctl(t, n, "ipv6/conf/all/forwarding"), "0")
	expect(t, "link's forwarding", sysctl(t, n, "ipv4/conf/"+a.hostLink()+"/forwarding"), "0")
	expect(t, "link's tag", sysctl(t, n, "ipv4/conf/"+a.hostLink()+"/tag"), "1")
	// A host that does not forward would take router advertisements.
	expect(t, "link's accept_ra", sysctl(t, n, "ipv6/conf/"+a.hostLink()+"/accept_ra"), "0")
}

// TestForwardFalseStays: the first ADD that makes the host forward does so for
// itself and the host, not for those that shall not.
func TestForwardFalseStays(t *testing.T) {
	for name, block := range map[string]string{"pod": "", "host": `"placement": "host", `, "switch": createConf + ", "} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			closed := n.newPod(t, "p").add(t, "eth0", conf(block+`"forward": false`))
			n.newPod(t, "q").add(t, "eth0", conf(createConf))
			expect(t, "ip_forward", sysctl(t, n, "ipv4/ip_forward"), "1")
			layer3 := closed.hostLink()
			if name == "switch" {
				layer3 = closed.gateway()
			}
			expect(t, "link's forwarding", sysctl(t, n, "ipv4/conf/"+layer3+"/forwarding"), "0")
			if fault := n.Check(t, closed.call); fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
		})
	}
}

// TestForwardAndRA: IPv6 forwarding would cost the node its default route.
func TestForwardAndRA(t *testing.T) {
	n := newNode(t)
	n.Run(t, "ip", "link", "add", "uplink", "type", "veth", "peer", "name", "router")
	n.Run(t, "ip", "link", "set", "uplink", "up")
	n.Run(t, "ip", "link", "set", "router", "up")
	n.Run(t, "ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "uplink", "proto", "ra")
	p := n.newPod(t, "p")
	_, fault := n.Add(t, p.call("eth0", localConf))
	wantFault(t, fault, 7, "uplink", "accept_ra")
	expect(t, "IPv6 forwarding", sysctl(t, n, "ipv6/conf/all/forwarding"), "0")

	setSysctl(t, n, "ipv6/conf/uplink/accept_ra", "2")
	p.add(t, "eth0", localConf)
	expect(t, "IPv6 forwarding", sysctl(t, n, "ipv6/conf/all/forwarding"), "1")
}

// TestUpFalse: addresses stand, routes do not, and CHECK (in add) expects it.
func TestUpFalse(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"up": false, "switch": {"interface": "bridge0", "create": true, "up": false}, "local": true`))
	for _, name := range []string{a.hostLink(), a.gateway(), "bridge0"} {
		expect(t, name+" is up", slices.Contains(n.link(t, name).Flags, "UP"), false)
	}
	expect(t, "number of addresses", len(n.link(t, a.gateway()).Addrs), 3)
	expect(t, "IPv6 routes", n.Run(t, "ip", "-6", "route", "show", "dev", a.gateway()), "")
}

// TestTapOwner: owner, group and header as asked for. The numbers have no
// names.
func TestTapOwner(t *testing.T) {
	n := newNode(t)
	for tap, want := range map[string]string{
		`{"uid": 54321, "gid": 54322}`: "user 54321 group 54322 vnet_hdr true",
		`{"gid": 54322}`:               "user <nil> group 54322 vnet_hdr true",
		`{"vnetHdr": false}`:           "user root group <nil> vnet_hdr false",
	} {
		p := n.newPod(t, "p")
		a := p.add(t, "eth0", conf(`"tap": `+tap))
		data := p.link(t, "eth0").Info.Data
		expect(t, tap, fmt.Sprintf("user %v group %v vnet_hdr %t", data.User, data.Group, data.VnetHdr), want)
		a.del()
	}
}

// TestMTU: all links of an interface have one.
func TestMTU(t *testing.T) {
	n := newNode(t)
	n.Run(t, "ip", "link", "add", "jumbo", "mtu", "9000", "type", "bridge")
	n.Run(t, "ip", "link", "set", "jumbo", "mtu", "9000")
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"switch": "jumbo", "local": true`))
	for _, l := range append(links(t, p.NS), n.link(t, a.hostLink()), n.link(t, a.gateway()), n.link(t, "jumbo")) {
		if l.Name != "lo" {
			expect(t, l.Name+"'s mtu", l.MTU, 9000)
		}
	}
	b := p.add(t, "eth1", conf(`"mtu": 1400`))
	expect(t, "host link's mtu", n.link(t, b.hostLink()).MTU, 1400)
	expect(t, "tap's mtu", p.link(t, "eth1").MTU, 1400)
	p.add(t, "eth2", conf(`"mtu": 65521`))
	expect(t, "tap's largest mtu", p.link(t, "eth2").MTU, 65521)
}
