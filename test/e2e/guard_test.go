package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// dropped is how many frames the guards of an attachment dropped, on the way to
// the switch and to the gateway: the kernel counts them at the ingress qdisc.
func (a *attachment) dropped() int { return a.node.dropped(a.t, a.hostLink(), a.gateway()) }

func (n *node) dropped(t *testing.T, links ...string) int {
	t.Helper()
	var qdiscs []struct {
		Kind, Dev string
		Drops     int
	}
	text := n.Run(t, "tc", "-s", "-j", "qdisc", "show")
	if err := json.Unmarshal([]byte(text), &qdiscs); err != nil {
		t.Fatalf("read qdiscs: %v: %s", err, text)
	}
	total := 0
	for _, q := range qdiscs {
		if q.Kind == "ingress" && slices.Contains(links, q.Dev) {
			total += q.Drops
		}
	}
	return total
}

// quiet returns what dropped does, from when on nobody but the guest sends
// anything: where the gateway's other end is in the host's namespace, too, the
// host's kernel reports its multicast groups there, which the guard takes for a
// guest's with another lladdr.
func (a *attachment) quiet() int {
	a.t.Helper()
	peer := strings.Replace(a.hostLink(), "-if", "-gp", 1)
	if a.node.Command("ip", "link", "show", "dev", peer).Run() == nil {
		setSysctl(a.t, a.node, "ipv6/conf/"+peer+"/disable_ipv6", "1")
	}
	return a.dropped()
}

// sender is how a guest sends a frame as it is: a VM by its tap, a pod that is
// none by a packet socket.
func (a *attachment) sender(p *pod) func(frame []byte) {
	a.t.Helper()
	if a.isVM() {
		g := a.boot(p)
		return func(frame []byte) {
			if err := g.Send(frame); err != nil {
				a.t.Fatal(err)
			}
		}
	}
	return func(frame []byte) { sendRaw(a.t, p.NS, "eth0", frame) }
}

// sendRaw sends a frame by a link.
func sendRaw(t *testing.T, ns *netns.NS, name string, frame []byte) {
	t.Helper()
	index := linkIn(t, ns, name).Index
	var err error
	ns.Do(func() {
		var fd int
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return
		}
		err = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: index, Halen: 6})
		_ = unix.Close(fd)
	})
	if err != nil {
		t.Fatalf("send: %v", err)
	}
}

// newForger is a guest of a, next to b.
func newForger(a, b *attachment) forger {
	f := forger{own: a.guestConfig(), other: b.guestConfig()}
	f.ownLL, f.otherLL = guest.EUI64(f.own.LLAddr), guest.EUI64(f.other.LLAddr)
	if a.node.Command("ip", "link", "show", "dev", a.gateway()).Run() == nil {
		f.gateway = guest.ParseMAC(a.node.link(a.t, a.gateway()).Address)
	}
	return f
}

// wantDropped demands that the guards drop each of these frames, and that the
// victim gets none.
func (a *attachment) wantDropped(send func([]byte), victim *guest.Guest, frames []forged) {
	a.t.Helper()
	links := []string{a.hostLink(), a.gateway()}
	mark, before := victim.Mark(), a.quiet()
	for _, f := range frames {
		send(f.frame)
		after := before
		for end := time.Now().Add(answered); after == before && time.Now().Before(end); { // a veth hands on in its own time
			after = a.node.dropped(a.t, links...)
		}
		if after != before+1 {
			a.t.Errorf("%s: %d frames dropped, want 1", f.name, after-before)
		}
		before = after
	}
	for _, p := range victim.Received(mark) {
		for _, f := range frames {
			if bytes.HasPrefix(p.Frame, f.frame) {
				a.t.Errorf("%s: the neighbour got it", f.name)
			}
		}
	}
}

// guardedBlocks are the placements with a switch, all local.
func guardedBlocks() map[string]string {
	return map[string]string{"pod": createConf, "host": `"placement": "host", ` + createConf, "veth": `"device": "veth", ` + createConf}
}

// TestGuardForged: nothing of what a guest forges arrives at its neighbour or at
// the host, whose own traffic is undisturbed.
func TestGuardForged(t *testing.T) {
	for name, block := range guardedBlocks() {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			pa, pb := n.newPod(t, "a"), n.newPod(t, "b")
			a, b := pa.add(t, "eth0", conf(block)), pb.add(t, "eth0", conf(createConf))
			victim := b.boot(pb)
			f := newForger(a, b)
			a.wantDropped(a.sender(pa), victim, append(f.layer2(), f.layer3()...))
			for _, dst := range gateways(b.guestConfig()) {
				if err := victim.Ping(dst, answered); err != nil {
					t.Errorf("the neighbour: %v", err)
				}
			}
			for _, dst := range []netip.Addr{f.other.Addr4.Addr(), f.other.Addr6.Addr()} {
				n.ping(t, dst.String())
			}
			for _, x := range []*attachment{a, b} {
				if fault := n.Check(t, x.call); fault != nil {
					t.Errorf("CHECK: %s", fault)
				}
				x.del()
			}
		})
	}
}

// TestUnguardedForges: without a guard the same frames do arrive, so that
// TestGuardForged says something.
func TestUnguardedForges(t *testing.T) {
	n := newNode(t)
	pa, pb := n.newPod(t, "a"), n.newPod(t, "b")
	a, b := pa.add(t, "eth0", unguarded(conf(createConf))), pb.add(t, "eth0", conf(createConf))
	victim, send := b.boot(pb), a.sender(pa)
	for _, f := range newForger(a, b).layer3() {
		if dst := guest.MAC(f.frame[:6]); dst != b.guestConfig().LLAddr {
			continue // what goes to the gateway, or to groups that only members get
		}
		mark := victim.Mark()
		send(f.frame)
		victim.Expect(t, f.name, mark, answered, func(p guest.Packet) bool { return bytes.HasPrefix(p.Frame, f.frame) })
	}
}

// TestGuardPasses: what guests do as themselves passes, and nothing is dropped.
func TestGuardPasses(t *testing.T) {
	for name, block := range map[string]string{"no switch": "", "switch": createConf, "host": `"placement": "host", ` + createConf, "somebody else's bridge": `"switch": "br0", "local": true`} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
			pa, pb := n.newPod(t, "a"), n.newPod(t, "b")
			a, b := pa.add(t, "eth0", conf(block)), pb.add(t, "eth0", conf(block))
			before := a.quiet() + b.quiet()
			ga, gb := a.boot(pa), b.boot(pb)
			c, other := a.guestConfig(), b.guestConfig()
			for _, own := range []netip.Addr{c.Addr6.Addr(), ga.LinkLocal()} {
				if err := ga.DAD(own, silence); err != nil {
					t.Error(err)
				}
			}
			reached := append(gateways(c), other.Addr4.Addr(), other.Addr6.Addr())
			if name != "no switch" {
				reached = append(reached, gb.LinkLocal())
			}
			for _, dst := range reached {
				if err := ga.Ping(dst, answered); err != nil {
					t.Error(err)
				}
			}
			f := newForger(a, b)
			layer3 := f.gateway
			if layer3 == (guest.MAC{}) {
				layer3 = guest.ParseMAC(n.link(t, a.hostLink()).Address)
			}
			ll := ga.LinkLocal()
			routers, mldv2 := netip.MustParseAddr("ff02::2"), netip.MustParseAddr("ff02::16")
			for what, frame := range map[string][]byte{
				"gratuitous ARP":         f.arp(guest.Broadcast, guest.ARP{Op: guest.ARPRequest, SenderMAC: c.LLAddr, Sender: c.Addr4.Addr(), Target: c.Addr4.Addr()}),
				"ARP probe":              f.arp(guest.Broadcast, guest.ARP{Op: guest.ARPRequest, SenderMAC: c.LLAddr, Sender: netip.IPv4Unspecified(), Target: c.Addr4.Addr()}),
				"DHCP discover":          f.ip(guest.Broadcast, udp(netip.IPv4Unspecified(), allHosts4, 68, 67, dhcp(1, c.LLAddr))),
				"DHCP renewal":           f.ip(layer3, udp(c.Addr4.Addr(), c.Gateway4, 68, 67, dhcp(1, c.LLAddr))),
				"DHCPv6 solicit":         f.ip(guest.MulticastMAC(netip.MustParseAddr("ff02::1:2")), udp(ll, netip.MustParseAddr("ff02::1:2"), 546, 547, make([]byte, 20))),
				"router solicitation":    f.ip(guest.MulticastMAC(routers), icmp6(ll, routers, 133, [4]byte{}, nil)),
				"MLD report":             f.ip(guest.MulticastMAC(mldv2), behind6MLD(icmp6(ll, mldv2, 143, [4]byte{0, 0, 0, 1}, make([]byte, 20)))),
				"IGMP join":              f.ip(guest.ParseMAC("01:00:5e:00:00:fb"), guest.IP{Src: c.Addr4.Addr(), Dst: netip.MustParseAddr("224.0.0.251"), Protocol: 2, TTL: 1, Payload: []byte{0x16, 0, 0x09, 0x04, 0xe0, 0, 0, 0xfb}}),
				"IPv4 fragment":          f.frame(layer3, guest.TypeIPv4, fragment(guest.Echo{Data: make([]byte, 64)}.Packet(c.Addr4.Addr(), c.Gateway4), 0x2000)),
				"advertisement, overall": f.ip(guest.MulticastMAC(allNodes6), guest.Advertisement{Target: c.Addr6.Addr(), MAC: c.LLAddr, Override: true}.Packet(c.Addr6.Addr(), allNodes6)),
			} {
				before := a.dropped()
				if err := ga.Send(frame); err != nil {
					t.Fatal(err)
				}
				if err := ga.Ping(c.Gateway4, answered); err != nil { // the frame is through by then
					t.Error(err)
				}
				if d := a.dropped() - before; d != 0 {
					t.Errorf("%s: %d frames dropped", what, d)
				}
			}
			if d := a.dropped() + b.dropped() - before; d != 0 {
				t.Errorf("%d frames dropped in all", d)
			}
		})
	}
}

// behind6MLD puts an MLD message behind a router alert, as it must be.
func behind6MLD(p guest.IP) guest.IP {
	p.TTL = 1
	p.Payload = append([]byte{p.Protocol, 0, 5, 2, 0, 0, 1, 0}, p.Payload...)
	p.Protocol = 0
	return p
}

// TestGuardAndLinux: a guest whose operating system is Linux, with all that that
// says of itself, streams over TCP, and nothing is dropped. One that chose its
// link-local address streams, too, though nothing is heard from that.
func TestGuardAndLinux(t *testing.T) {
	for name, block := range map[string]string{
		"no switch": "", "switch": createConf, "host": `"placement": "host", ` + createConf,
		"no switch, chosen": "", "switch, chosen": createConf,
	} {
		t.Run(name, func(t *testing.T) {
			chosen := strings.HasSuffix(name, "chosen")
			mode := map[bool]string{false: "eui64", true: "random"}[chosen]
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(block))
			c := a.guestConfig()
			before := a.quiet()
			ns, tap := a.tap(p)
			system := guest.System(t, ns, tap, c)
			ipBatch(t, system.Run, "link set eth0 down\nlink set eth0 addrgenmode "+mode+"\nlink set eth0 up\n"+
				fmt.Sprintf("address add %s dev eth0\nroute add default via %s\n-6 route add default via %s dev eth0\n", c.Addr6, c.Gateway4, c.Gateway6))
			waitFor(t, "the guest's duplicate address detection", func() bool {
				return !strings.Contains(system.Run(t, "ip", "-6", "address", "show", "dev", "eth0"), "tentative")
			})
			if text := system.Run(t, "ip", "-6", "address", "show", "dev", "eth0"); strings.Contains(text, "dadfailed") {
				t.Error(text)
			}
			for _, gateway := range []netip.Addr{c.Gateway4, c.Gateway6} {
				stream(t, system, n.NS, gateway.String(), 1_000_000)
			}
			for _, own := range []netip.Addr{c.Addr4.Addr(), c.Addr6.Addr()} {
				stream(t, n.NS, system, own.String(), 1_000_000)
			}
			if d := a.dropped() - before; (d != 0) != chosen {
				t.Errorf("%d frames dropped", d)
			}
			if !chosen {
				return
			}
			// Where the guest asks anew for its gateway, and from what.
			system.Run(t, "ip", "-6", "neighbour", "flush", "all")
			stream(t, system, n.NS, c.Gateway6.String(), 1_000_000)
			if text := n.Run(t, "ip", "-6", "neighbour", "show", "nud", "all"); strings.Contains(text, "fe80:") {
				t.Errorf("the host has neighbours %s", text)
			}
		})
	}
}

// TestGuardWidened: guard.addresses, guard.lladdrs and guard.protocols let pass
// what they name and no more.
func TestGuardWidened(t *testing.T) {
	n := newNode(t)
	pa, pb := n.newPod(t, "a"), n.newPod(t, "b")
	a := pa.add(t, "eth0", extended(conf(createConf), `"guard": {"addresses": ["192.0.2.9", "2001:db8::9"], "lladdrs": ["00:00:5e:00:01:07"], "protocols": ["vrrp"]}`))
	b := pb.add(t, "eth0", conf(createConf))
	victim, send, f := b.boot(pb), a.sender(pa), newForger(a, b)
	own6, other4, other6 := f.own.Addr6.Addr(), f.other.Addr4.Addr(), f.other.Addr6.Addr()
	echo := func(src string, dst netip.Addr) guest.IP {
		return guest.Echo{ID: 1, Data: []byte(src)}.Packet(netip.MustParseAddr(src), dst)
	}
	protocol := func(number uint8) guest.IP {
		return guest.IP{Src: own6, Dst: other6, Protocol: number, TTL: 255, Payload: make([]byte, 20)}
	}
	virtual := f
	virtual.own.LLAddr = guest.ParseMAC("00:00:5e:00:01:07")
	for name, frame := range map[string][]byte{
		"an address":           f.ip(f.other.LLAddr, echo("192.0.2.9", other4)),
		"an IPv6 address":      f.ip(f.other.LLAddr, echo("2001:db8::9", other6)),
		"an lladdr":            virtual.ip(f.other.LLAddr, echo("192.0.2.9", other4)),
		"ARP of an address":    f.arp(guest.Broadcast, guest.ARP{Op: guest.ARPRequest, SenderMAC: f.own.LLAddr, Sender: netip.MustParseAddr("192.0.2.9"), Target: netip.MustParseAddr("192.0.2.9")}),
		"a protocol over IPv6": f.ip(f.other.LLAddr, protocol(112)),
	} {
		mark := victim.Mark()
		send(frame)
		victim.Expect(t, name, mark, answered, func(p guest.Packet) bool { return bytes.HasPrefix(p.Frame, frame) })
	}
	other := f
	other.own.LLAddr = guest.ParseMAC("00:00:5e:00:01:08")
	a.wantDropped(send, victim, append(append([]forged{
		{"another address", f.ip(f.other.LLAddr, echo("192.0.2.10", other4))},
		{"another IPv6 address", f.ip(f.other.LLAddr, echo("2001:db8::a", other6))},
		{"another lladdr", other.ip(f.other.LLAddr, echo("192.0.2.9", other4))},
		{"another protocol over IPv6", f.ip(f.other.LLAddr, protocol(89))},
	}, f.layer2()...), f.layer3()...))
}

// TestGuardOfMost: the kernel takes the longest guards that a configuration can
// ask for, and gives them back as they were.
func TestGuardOfMost(t *testing.T) {
	var addrs, lladdrs, protocols, vlans []string
	for i := range 32 {
		addrs = append(addrs, fmt.Sprintf(`"2001:db8:%x::%x"`, i, i*i))
		lladdrs = append(lladdrs, fmt.Sprintf(`"02:00:00:00:%02x:07"`, i*7))
		protocols = append(protocols, fmt.Sprintf(`"%d"`, 150+i))
	}
	for id := 2; id <= 1024; id += 2 {
		vlans = append(vlans, fmt.Sprintf(`{"id": %d}`, id))
	}
	list := func(texts []string) string { return "[" + strings.Join(texts, ", ") + "]" }
	block := fmt.Sprintf(`%s, "guard": {"addresses": %s, "lladdrs": %s, "protocols": %s}`, createConf, list(addrs), list(lladdrs), list(protocols))
	test := func(t *testing.T, n *node, block string, least int) {
		t.Helper()
		p := n.newPod(t, "p")
		a := p.add(t, "eth0", conf(block)) // with CHECK
		text := n.Run(t, "tc", "filter", "show", "dev", a.hostLink(), "ingress")
		_, rest, _ := strings.Cut(text, "bytecode '")
		length, _, _ := strings.Cut(rest, ",")
		if instructions, err := strconv.Atoi(length); err != nil || instructions < least {
			t.Errorf("the guard has %q instructions: %.200s", length, text)
		}
		if err := a.boot(p).Ping(a.guestConfig().Gateway6, answered); err != nil {
			t.Error(err)
		}
	}
	t.Run("lists", func(t *testing.T) { test(t, newNode(t), block, 800) })
	t.Run("lists and VLANs", func(t *testing.T) { test(t, newVLANNode(t), block+`, "vlanTrunk": `+list(vlans), 2000) })
}

// TestLockedAlone: without addresses a guest may say anything, but as nobody
// else.
func TestLockedAlone(t *testing.T) {
	for name, block := range map[string]string{
		"pod":  `"switch": {"interface": "bridge0", "create": true}, "locked": true`,
		"host": `"placement": "host", "switch": {"interface": "bridge0", "create": true}, "locked": true`,
		"veth": `"device": "veth", "switch": {"interface": "bridge0", "create": true}, "locked": true`,
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			pa, pb := n.newPod(t, "a"), n.newPod(t, "b")
			a, b := pa.add(t, "eth0", conf(block)), pb.add(t, "eth0", conf(createConf))
			victim, send, f := b.boot(pb), a.sender(pa), newForger(a, b)
			f.gateway = guest.ParseMAC(n.link(t, b.gateway()).Address)
			frame := f.ip(f.other.LLAddr, guest.Echo{ID: 1, Data: []byte("any address")}.Packet(netip.MustParseAddr("192.0.2.77"), f.other.Addr4.Addr()))
			mark := victim.Mark()
			send(frame)
			victim.Expect(t, "a packet from any address", mark, answered, func(p guest.Packet) bool { return bytes.Equal(p.Frame, frame) })
			a.wantDropped(send, victim, f.layer2())
		})
	}
}

// TestGuardedLease: a guest is held to what its IPAM plugin gave it. While that
// runs the port is on the switch, and lets nothing through that has an address.
func TestGuardedLease(t *testing.T) {
	const look = `PATH=/usr/sbin:/usr/bin:/sbin:/bin
link=$CNI_CONTAINERID@$CNI_IFNAME
[ $CNI_COMMAND = ADD ] && ip -o link show "$link" >$dir/link && tc filter show dev $(sed 's/^[0-9]*: \([^@:]*\).*/\1/' $dir/link) ingress >$dir/filters
`
	for name, device := range map[string]string{"tap": "", "veth": `"device": "veth", `, "host": `"placement": "host", `} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			f := n.newFake(t, look+give)
			pa, pb := n.newPod(t, "a"), n.newPod(t, "b")
			a := pa.add(t, "eth0", conf(device+fakeBlock))
			link, during := f.said(t, "link"), f.said(t, "filters")
			if !strings.Contains(link, "master bridge0") || !strings.Contains(during, "direct-action") {
				t.Errorf("while IPAM ran: %s\nfilters: %q", link, during)
			}
			if after := n.Run(t, "tc", "filter", "show", "dev", a.hostLink(), "ingress"); strings.TrimSpace(after) == during {
				t.Errorf("the same guard before the lease and after: %s", after)
			}
			n.Plugin.Path = ""
			b := pb.add(t, "eth0", conf(createConf))
			victim, send := b.boot(pb), a.sender(pa)
			forger := newForger(a, b)
			echo := func(src string) []byte {
				return forger.ip(forger.other.LLAddr, guest.Echo{ID: 1, Data: []byte(src)}.Packet(netip.MustParseAddr(src), forger.other.Addr4.Addr()))
			}
			mark := victim.Mark()
			send(echo("10.1.0.5"))
			victim.Expect(t, "a packet from the lease", mark, answered, func(p guest.Packet) bool { return bytes.Equal(p.Frame, echo("10.1.0.5")) })
			a.wantDropped(send, victim, []forged{{"another address of the pool", echo("10.1.0.6")}, {"the gateway's", echo("10.1.0.1")}})
		})
	}
}

// TestForeignBridgeIsPinned: somebody else's bridge keeps its address, whatever
// ports it gets, and no local guest reaches the host by it.
func TestForeignBridgeIsPinned(t *testing.T) {
	for _, name := range []string{"without ports", "with a port", "that lost its port"} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			ipBatch(t, n.Run, "link add br0 type bridge\nlink add port0 address fe:00:00:00:00:01 type veth peer name port1\n")
			if name != "without ports" {
				n.Run(t, "ip", "link", "set", "port0", "master", "br0")
			}
			if name == "that lost its port" {
				n.Run(t, "ip", "link", "del", "port0")
			}
			before := n.link(t, "br0").Address
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(`"switch": "br0", "local": true`))
			pinned := n.link(t, "br0").Address
			if pinned != before && before != "00:00:00:00:00:00" {
				t.Errorf("the address was %s and is %s", before, pinned)
			}
			ipBatch(t, n.Run, "address add 192.0.2.1/24 dev br0\nlink set br0 up\nlink add low0 address 00:00:00:00:00:01 type veth peer name low1\nlink set low0 master br0\n")
			expect(t, "address with a lower port", n.link(t, "br0").Address, pinned)
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
			g, c := a.boot(p), a.guestConfig()
			for _, dst := range []netip.Addr{netip.MustParseAddr("192.0.2.1"), c.Gateway4} {
				if err := g.PingVia(guest.ParseMAC(pinned), dst, silence); err == nil {
					t.Errorf("%s answers by the bridge's address", dst)
				}
			}
			n.Run(t, "ip", "link", "set", "br0", "address", "02:00:00:00:00:42")
			wantFault(t, n.Check(t, a.call), 101, "host link "+a.hostLink(), "guard (ingress filter 1)", "matches other frames")
			a.del()
		})
	}
}

// TestForeignBridgeOfOthers: where no guard counts on it, the address of
// somebody else's bridge is not touched.
func TestForeignBridgeOfOthers(t *testing.T) {
	for name, block := range map[string]string{"not local": `"switch": "br0", "locked": true`, "unguarded": `"switch": "br0", "local": true, "guard": false`} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
			n.newPod(t, "p").add(t, "eth0", conf(block))
			n.Run(t, "ip", "link", "add", "low0", "address", "00:00:00:00:00:02", "type", "veth", "peer", "name", "low1")
			n.Run(t, "ip", "link", "set", "low0", "master", "br0")
			expect(t, "address", n.link(t, "br0").Address, "00:00:00:00:00:02")
		})
	}
}

// TestGuardInRDomain is TestGuardForged's way to the gateway where that is in a
// VRF, on somebody else's bridge.
func TestGuardInRDomain(t *testing.T) {
	n := newVRFNode(t)
	pa, pb := n.newPod(t, "a"), n.newPod(t, "b")
	block := inRDomains("bridge0", "20", "10")
	a, b := pa.add(t, "eth0", conf(block)), pb.add(t, "eth0", conf(block))
	victim, f := b.boot(pb), newForger(a, b)
	a.wantDropped(a.sender(pa), victim, append(f.layer2(), f.layer3()...))
	for _, dst := range gateways(b.guestConfig()) {
		if err := victim.Ping(dst, answered); err != nil {
			t.Error(err)
		}
	}
}
