package filter

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Gateway is what the frames for a gateway are told by. Host4 is an IPv4
// address; Host6 and LinkLocal are invalid without IPv6.
type Gateway struct {
	LLAddr                  vmid.LLAddr
	Host4, Host6, LinkLocal netip.Addr
}

// Verdicts of cls_bpf without direct action.
const (
	matched    = 0xffffffff // the filter's own action is carried out
	notMatched = 0          // the next filter is asked
)

// Places in the gateway's program.
const (
	toGateway label = "gateway"
	toSwitch  label = "switch"
)

// hasIPv6 reports whether the gateway speaks IPv6 at all.
func (g Gateway) hasIPv6() bool { return g.Host6.IsValid() || g.LinkLocal.IsValid() }

// Program returns the program that splits the gateway's share off at the
// ingress of the guest's tap, for cls_bpf without direct action: nonzero for
// what is the gateway's, 0 for what is the switch's. It decides as Match does.
//
// Here, the kernel's 0 for a load beyond the end would be right by chance, as
// a frame too short for a question is the switch's. The lengths are checked
// nevertheless, so that this stands in the program.
func (g Gateway) Program() Program {
	a := newAssembler(72)
	a.extension(bpf.ExtVLANTagPresent)
	a.jeq(0, next, toSwitch)
	a.ldlen()
	a.jge(offPayload, next, toSwitch)
	a.match(offDst, g.LLAddr[:], toGateway, next)
	g.others(a)

	a.at(toSwitch)
	a.ret(notMatched)
	a.at(toGateway)
	a.ret(matched)
	p, err := a.assemble()
	if err != nil {
		panic(err) //nolint:forbidigo // the program has four shapes, and a test assembles each
	}
	return p
}

// others goes on for an untagged frame with an Ethernet header that is not
// for the gateway's own lladdr: what is the gateway's nevertheless jumps
// there, what is the switch's jumps or falls through.
func (g Gateway) others(a *assembler) {
	a.ldh(offType)
	a.jeq(typeARP, "arp", next)
	if g.hasIPv6() {
		a.jeq(typeIPv6, "ipv6", next)
	}
	a.jeq(typeIPv4, next, toSwitch)
	dhcp(a)
	a.at("arp")
	g.arp(a)
	if g.hasIPv6() {
		a.at("ipv6")
		g.ipv6(a)
	}
}

// dhcp goes on for an IPv4 packet: is it a DHCP client's message?
func dhcp(a *assembler) {
	a.ldlen()
	a.jge(offPayload+lenIPv4+lenUDP, next, toSwitch)
	a.ldb(offPayload) // version 4, and a header of 5 to 15 words
	a.jge(0x45, next, toSwitch)
	a.jgt(0x4f, toSwitch, next)
	a.ldb(offIPv4Protocol)
	a.jeq(protoUDP, next, toSwitch)
	a.ldh(offIPv4Fragment)
	a.jset(ipv4Fragment, toSwitch, next)

	a.ldxHeader()
	a.txa()
	a.add(offPayload + lenUDP)
	a.tax()
	a.ldlen()
	a.jgex(next, toSwitch) // the UDP header is there, behind whatever options
	a.ldxHeader()
	a.load(atX(offPayload), 4)
	a.jeq(ports(portDHCPClient, portDHCPServer), toGateway, toSwitch)
}

// arp goes on for ARP: is it a request for the gateway's address?
func (g Gateway) arp(a *assembler) {
	host4 := g.Host4.As4()
	a.ldlen()
	a.jge(offPayload+lenARP, next, toSwitch)
	a.match(offPayload, []byte(arpRequest), next, toSwitch)
	a.match(offARPTarget, host4[:], toGateway, toSwitch)
}

// ipv6 goes on for an IPv6 packet: is it a DHCPv6 client's message, a router
// solicitation, or a solicitation for an address of the gateway's? It is the
// last section, before the switch's end.
func (g Gateway) ipv6(a *assembler) {
	// All three have at least eight bytes behind the IPv6 header.
	a.ldlen()
	a.jge(offIPv6Data+max(lenUDP, lenRouterSolicitation), next, toSwitch)
	a.ldb(offPayload) // version 6
	a.jge(0x60, next, toSwitch)
	a.jgt(0x6f, toSwitch, next)
	a.ldb(offIPv6Next)
	a.jeq(protoICMPv6, "icmp6", next)
	a.jeq(protoUDP, next, toSwitch)
	a.ld(offIPv6Data)
	a.jeq(ports(portDHCP6Client, portDHCP6Server), toGateway, toSwitch)

	a.at("icmp6")
	a.ldb(offIPv6Data)
	a.jeq(icmp6RouterSolicitation, toGateway, next)
	a.jeq(icmp6NeighborSolicitation, next, toSwitch)
	a.ldlen()
	a.jge(offIPv6Data+lenNeighborSolicitation, next, toSwitch)
	for _, own := range [...]netip.Addr{g.Host6, g.LinkLocal} {
		if own.IsValid() {
			target := own.As16()
			a.match(offNDTarget, target[:], toGateway, next)
		}
	}
	// Whatever is left falls through to the switch.
}

// Match reports whether a frame from the guest is for the gateway. tagged
// says that it came with a VLAN tag, which is not in the frame any more.
// All that Match does not report true for is the switch's.
func (g Gateway) Match(frame []byte, tagged bool) bool {
	if tagged || len(frame) < offPayload {
		return false
	}
	if vmid.LLAddr(frame[:6]) == g.LLAddr {
		return true
	}
	payload := frame[offPayload:]
	switch binary.BigEndian.Uint16(frame[offType:]) {
	case typeARP:
		return len(payload) >= lenARP && string(payload[:len(arpRequest)]) == arpRequest &&
			netip.AddrFrom4([4]byte(payload[24:])) == g.Host4
	case typeIPv4:
		return isDHCP(payload)
	case typeIPv6:
		return g.hasIPv6() && g.matchIPv6(payload)
	}
	return false
}

// isDHCP reports whether an IPv4 packet is a DHCP client's message. A fragment
// never is, not even a first one that holds the ports.
func isDHCP(packet []byte) bool {
	if len(packet) < lenIPv4 || packet[0]>>4 != 4 || packet[9] != protoUDP {
		return false
	}
	header := int(packet[0]&15) * 4
	if header < lenIPv4 || header > len(packet) {
		return false
	}
	moreFragments, offset := packet[6]&0x20 != 0, binary.BigEndian.Uint16(packet[6:])&0x1fff
	if moreFragments || offset != 0 {
		return false
	}
	src, dst, ok := udpPorts(packet[header:])
	return ok && src == portDHCPClient && dst == portDHCPServer
}

// matchIPv6 is Match for an IPv6 packet.
func (g Gateway) matchIPv6(packet []byte) bool {
	if len(packet) < lenIPv6 || packet[0]>>4 != 6 {
		return false
	}
	data := packet[lenIPv6:]
	switch packet[6] {
	case protoUDP:
		src, dst, ok := udpPorts(data)
		return ok && src == portDHCP6Client && dst == portDHCP6Server
	case protoICMPv6:
		if len(data) < lenRouterSolicitation {
			return false
		}
		switch data[0] {
		case icmp6RouterSolicitation:
			return true
		case icmp6NeighborSolicitation:
			if len(data) < lenNeighborSolicitation {
				return false
			}
			target := addr6(data[8:])
			return target == g.Host6 || target == g.LinkLocal
		}
	}
	return false
}
