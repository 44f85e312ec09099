package filter

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// The gateway of all tests: VM 1's first interface.
var (
	gatewayMAC = vmid.LLAddr{0x0a, 3, 100, 64, 1, 3}
	guestMAC   = vmid.LLAddr{2, 0, 0, 0, 0, 1}
	otherMAC   = vmid.LLAddr{0x0a, 3, 100, 64, 1, 5}
	broadcast  = vmid.LLAddr{255, 255, 255, 255, 255, 255}
	multicast6 = vmid.LLAddr{0x33, 0x33, 0, 0, 0, 2}

	host4     = netip.MustParseAddr("100.64.1.2")
	guest4    = netip.MustParseAddr("100.64.1.3")
	host6     = netip.MustParseAddr("fd00::6440:103:0:1")
	guest6    = netip.MustParseAddr("fd00::6440:103:0:2")
	linkLocal = netip.MustParseAddr("fe80::6440:103:0:1")
)

// gateways are all shapes of a gateway.
var gateways = []struct {
	name string
	Gateway
}{
	{"dual stack", Gateway{gatewayMAC, host4, host6, linkLocal}},
	{"IPv4 alone", Gateway{LLAddr: gatewayMAC, Host4: host4}},
	{"IPv6 without link-local", Gateway{LLAddr: gatewayMAC, Host4: host4, Host6: host6}},
	{"IPv6 with link-local alone", Gateway{LLAddr: gatewayMAC, Host4: host4, LinkLocal: linkLocal}},
}

// ether is a frame from the guest.
func ether(dst vmid.LLAddr, ethertype uint16, payload []byte) []byte {
	return slices.Concat(dst[:], guestMAC[:], binary.BigEndian.AppendUint16(nil, ethertype), payload)
}

// arp is an ARP packet for Ethernet and IPv4.
func arp(op byte, sender, target netip.Addr) []byte {
	return slices.Concat([]byte{0, 1, 8, 0, 6, 4, 0, op}, guestMAC[:], sender.AsSlice(), make([]byte, 6), target.AsSlice())
}

// ipv4 is an IPv4 packet. Flags and fragment offset are one word.
func ipv4(options int, fragment uint16, protocol byte, data []byte) []byte {
	p := make([]byte, 20+options)
	p[0] = 0x40 | byte(len(p)/4)
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)+len(data)))
	binary.BigEndian.PutUint16(p[6:], fragment)
	p[8], p[9] = 64, protocol
	copy(p[16:], []byte{255, 255, 255, 255})
	for i := range options {
		p[20+i] = 1 // no operation
	}
	return append(p, data...)
}

// ipv6 is an IPv6 packet.
func ipv6(nextHeader byte, data []byte) []byte {
	p := make([]byte, 40)
	p[0] = 0x60
	binary.BigEndian.PutUint16(p[4:], uint16(len(data)))
	p[6], p[7] = nextHeader, 255
	return append(p, data...)
}

// udp is a UDP datagram that holds 8 bytes.
func udp(src, dst uint16) []byte {
	p := binary.BigEndian.AppendUint16(nil, src)
	p = binary.BigEndian.AppendUint16(p, dst)
	return append(p, 0, 16, 0, 0, 1, 1, 6, 0, 1, 2, 3, 4)
}

// icmp6 is an ICMPv6 message.
func icmp6(kind byte, body []byte) []byte {
	return append([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, body...)
}

// solicit is a neighbour solicitation with a source link-layer option.
func solicit(target netip.Addr) []byte {
	return ipv6(58, icmp6(135, slices.Concat(target.AsSlice(), []byte{1, 1}, guestMAC[:])))
}

// with returns a copy of a frame with other bytes at off.
func with(frame []byte, off int, b ...byte) []byte {
	frame = slices.Clone(frame)
	copy(frame[off:], b)
	return frame
}

// family says which gateways a frame can be for.
type family int

const (
	none   family = iota // for no gateway
	any4                 // for all
	any6                 // for all with IPv6
	only6                // for those with host6
	onlyLL               // for those with a link-local address
)

// frameTest says whose a frame is. One that is the gateway's is so from the
// length need on.
type frameTest struct {
	name  string
	frame []byte
	is    family
	need  int
}

var frameTests = slices.Concat(nearTargets(), fragments(), []frameTest{
	{"unicast to the gateway, IPv4", ether(gatewayMAC, 0x0800, ipv4(0, 0, 6, make([]byte, 20))), any4, 14},
	{"unicast to the gateway, IPv6", ether(gatewayMAC, 0x86dd, ipv6(6, make([]byte, 20))), any4, 14},
	{"unicast to the gateway, ARP reply", ether(gatewayMAC, 0x0806, arp(2, guest4, host4)), any4, 14},
	{"unicast to the gateway, fragment", ether(gatewayMAC, 0x0800, ipv4(0, 0x2001, 17, udp(68, 67))), any4, 14},
	{"unicast to the gateway, some ethertype", ether(gatewayMAC, 0x88cc, make([]byte, 46)), any4, 14},
	{"unicast to the gateway, no payload", ether(gatewayMAC, 0, nil), any4, 14},
	{"unicast to another's gateway", ether(otherMAC, 0x0800, ipv4(0, 0, 6, make([]byte, 20))), none, 0},
	{"first half of the gateway's MAC", ether(vmid.LLAddr{0x0a, 3, 100, 64, 9, 9}, 0x0800, ipv4(0, 0, 6, nil)), none, 0},
	{"second half of the gateway's MAC", ether(vmid.LLAddr{2, 0, 0, 0, 1, 3}, 0x0800, ipv4(0, 0, 6, nil)), none, 0},
	{"from the gateway's MAC", with(ether(broadcast, 0x0800, ipv4(0, 0, 6, nil)), 6, gatewayMAC[:]...), none, 0},
	{"broadcast of some ethertype", ether(broadcast, 0x88cc, make([]byte, 46)), none, 0},
	{"LLC", ether(vmid.LLAddr{1, 0x80, 0xc2}, 38, append([]byte{0x42, 0x42, 3}, make([]byte, 43)...)), none, 0},

	{"ARP request for host4", ether(broadcast, 0x0806, arp(1, guest4, host4)), any4, 42},
	{"ARP request for host4, padded", ether(broadcast, 0x0806, append(arp(1, guest4, host4), make([]byte, 18)...)), any4, 42},
	{"ARP probe for host4", ether(broadcast, 0x0806, arp(1, netip.IPv4Unspecified(), host4)), any4, 42},
	{"ARP request for host4, to another's MAC", ether(otherMAC, 0x0806, arp(1, guest4, host4)), any4, 42},
	{"ARP request for the guest's own address", ether(broadcast, 0x0806, arp(1, host4, guest4)), none, 0},
	{"ARP request for another's gateway", ether(broadcast, 0x0806, arp(1, guest4, netip.MustParseAddr("100.64.2.2"))), none, 0},
	{"ARP reply to host4", ether(broadcast, 0x0806, arp(2, guest4, host4)), none, 0},
	{"RARP operation", ether(broadcast, 0x0806, arp(3, guest4, host4)), none, 0},
	{"ARP operation 257", with(ether(broadcast, 0x0806, arp(1, guest4, host4)), 20, 1), none, 0},
	{"ARP with another hardware type", with(ether(broadcast, 0x0806, arp(1, guest4, host4)), 15, 6), none, 0},
	{"ARP with another protocol type", with(ether(broadcast, 0x0806, arp(1, guest4, host4)), 16, 0x86, 0xdd), none, 0},
	{"ARP with another hardware length", with(ether(broadcast, 0x0806, arp(1, guest4, host4)), 18, 8), none, 0},
	{"ARP with another protocol length", with(ether(broadcast, 0x0806, arp(1, guest4, host4)), 19, 16), none, 0},
	{"ARP request under RARP's ethertype", ether(broadcast, 0x8035, arp(1, guest4, host4)), none, 0},

	{"DHCP", ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 67))), any4, 42},
	{"DHCP to another's MAC", ether(otherMAC, 0x0800, ipv4(0, 0, 17, udp(68, 67))), any4, 42},
	{"DHCP, do not fragment", ether(broadcast, 0x0800, ipv4(0, 0x4000, 17, udp(68, 67))), any4, 42},
	{"DHCP, reserved flag", ether(broadcast, 0x0800, ipv4(0, 0x8000, 17, udp(68, 67))), any4, 42},
	{"DHCP behind 4 bytes of options", ether(broadcast, 0x0800, ipv4(4, 0, 17, udp(68, 67))), any4, 46},
	{"DHCP behind 40 bytes of options", ether(broadcast, 0x0800, ipv4(40, 0, 17, udp(68, 67))), any4, 82},
	{"options that look like DHCP", with(ether(broadcast, 0x0800, ipv4(8, 0, 17, udp(53, 53))), 34, 0, 68, 0, 67), none, 0},
	{"DHCP, header of 4 words", with(with(ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 67))), 14, 0x44), 30, 0, 68, 0, 67), none, 0},
	{"DHCP, header of no words", with(ether(broadcast, 0x0800, with(ipv4(0, 0, 17, udp(68, 67)), 0, 0, 68, 0, 67)), 14, 0x40), none, 0},
	{"DHCP, header longer than the frame", with(ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 67))), 14, 0x4f), none, 0},
	{"DHCP, version 3", with(ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 67))), 14, 0x35), none, 0},
	{"DHCP, version 5", with(ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 67))), 14, 0x55), none, 0},
	{"DHCP, version 6 under IPv4's ethertype", with(ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 67))), 14, 0x65), none, 0},
	{"DHCP, first fragment", ether(broadcast, 0x0800, ipv4(0, 0x2000, 17, udp(68, 67))), none, 0},
	{"DHCP, middle fragment", ether(broadcast, 0x0800, ipv4(0, 0x2001, 17, udp(68, 67))), none, 0},
	{"DHCP over TCP", ether(broadcast, 0x0800, ipv4(0, 0, 6, udp(68, 67))), none, 0},
	{"DHCP server", ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(67, 68))), none, 0},
	{"DHCP relay", ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(67, 67))), none, 0},
	{"UDP 68 to 68", ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 68))), none, 0},
	{"UDP 68 to 53", ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(68, 53))), none, 0},
	{"TCP to elsewhere", ether(otherMAC, 0x0800, ipv4(0, 0x4000, 6, make([]byte, 20))), none, 0},

	{"solicitation for host6", ether(multicast6, 0x86dd, solicit(host6)), only6, 78},
	{"solicitation for the link-local", ether(multicast6, 0x86dd, solicit(linkLocal)), onlyLL, 78},
	{"solicitation for host6 to another's MAC", ether(otherMAC, 0x86dd, solicit(host6)), only6, 78},
	{"solicitation for the guest's own address", ether(multicast6, 0x86dd, solicit(guest6)), none, 0},
	{"solicitation for another's gateway", ether(multicast6, 0x86dd, solicit(netip.MustParseAddr("fd00::6440:203:0:1"))), none, 0},
	{"solicitation for host6's low half elsewhere", ether(multicast6, 0x86dd, solicit(netip.MustParseAddr("fd01::6440:103:0:1"))), none, 0},
	{"solicitation for ::", ether(multicast6, 0x86dd, solicit(netip.IPv6Unspecified())), none, 0},
	{"solicitation behind hop-by-hop", ether(multicast6, 0x86dd, ipv6(0, append([]byte{58, 0, 5, 2, 0, 0, 1, 0}, solicit(host6)[40:]...))), none, 0},
	{"solicitation, version 4", with(ether(multicast6, 0x86dd, solicit(host6)), 14, 0x40), none, 0},
	{"solicitation, version 5", with(ether(multicast6, 0x86dd, solicit(host6)), 14, 0x5f), none, 0},
	{"solicitation, version 7", with(ether(multicast6, 0x86dd, solicit(host6)), 14, 0x70), none, 0},
	{"solicitation with a traffic class", with(ether(multicast6, 0x86dd, solicit(host6)), 14, 0x6f, 0xff), only6, 78},
	{"solicitation under IPv4's ethertype", ether(multicast6, 0x0800, solicit(host6)), none, 0},
	{"advertisement for host6", with(ether(multicast6, 0x86dd, solicit(host6)), 54, 136), none, 0},
	{"router solicitation", ether(multicast6, 0x86dd, ipv6(58, icmp6(133, nil))), any6, 62},
	{"router solicitation with an option", ether(multicast6, 0x86dd, ipv6(58, icmp6(133, append([]byte{1, 1}, guestMAC[:]...)))), any6, 62},
	{"router advertisement", ether(multicast6, 0x86dd, ipv6(58, icmp6(134, make([]byte, 8)))), none, 0},
	{"echo request", ether(multicast6, 0x86dd, ipv6(58, icmp6(128, make([]byte, 24)))), none, 0},
	{"MLD report", ether(multicast6, 0x86dd, ipv6(0, append([]byte{58, 0, 5, 2, 0, 0, 1, 0}, icmp6(143, make([]byte, 20))...))), none, 0},
	{"DHCPv6", ether(multicast6, 0x86dd, ipv6(17, udp(546, 547))), any6, 62},
	{"DHCPv6 server", ether(multicast6, 0x86dd, ipv6(17, udp(547, 546))), none, 0},
	{"DHCPv6 relay", ether(multicast6, 0x86dd, ipv6(17, udp(547, 547))), none, 0},
	{"DHCPv6 over TCP", ether(multicast6, 0x86dd, ipv6(6, udp(546, 547))), none, 0},
	{"DHCPv6 in a fragment", ether(multicast6, 0x86dd, ipv6(44, append([]byte{17, 0, 0, 0, 0, 0, 0, 1}, udp(546, 547)...))), none, 0},
	{"DHCPv4's ports over IPv6", ether(multicast6, 0x86dd, ipv6(17, udp(68, 67))), none, 0},
	{"DHCPv6's ports over IPv4", ether(broadcast, 0x0800, ipv4(0, 0, 17, udp(546, 547))), none, 0},
	{"TCP over IPv6", ether(otherMAC, 0x86dd, ipv6(6, make([]byte, 20))), none, 0},

	{"ARP request for host4 in a second tag", ether(broadcast, 0x8100, append([]byte{0, 100, 8, 6}, arp(1, guest4, host4)...)), none, 0},
})

// nearTargets are neighbour solicitations for what is nearly the gateway's
// address.
func nearTargets() (tests []frameTest) {
	for _, own := range []netip.Addr{host6, linkLocal} {
		for i := range 16 {
			near := own.As16()
			near[i] ^= 0x40
			target := netip.AddrFrom16(near)
			tests = append(tests, frameTest{"solicitation for " + target.String(), ether(multicast6, 0x86dd, solicit(target)), none, 0})
		}
	}
	return tests
}

// fragments are DHCP messages with each bit of the fragment offset.
func fragments() (tests []frameTest) {
	for bit := range 13 {
		offset := uint16(1) << bit
		name := fmt.Sprintf("DHCP, last fragment at offset %d", offset)
		tests = append(tests, frameTest{name, ether(broadcast, 0x0800, ipv4(0, offset, 17, udp(68, 67))), none, 0})
	}
	return tests
}

// isFor reports whether a frame of a family is for g.
func (f family) isFor(g Gateway) bool {
	switch f {
	case any4:
		return true
	case any6:
		return g.Host6.IsValid() || g.LinkLocal.IsValid()
	case only6:
		return g.Host6.IsValid()
	case onlyLL:
		return g.LinkLocal.IsValid()
	}
	return false
}
