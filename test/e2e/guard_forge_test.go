package e2e

import (
	"encoding/binary"
	"net/netip"

	"github.com/vmtap/vmtap/test/guest"
)

// forger is a guest that knows its neighbour's addresses and its own gateway's.
type forger struct {
	own, other guest.Config
	ownLL      netip.Addr
	otherLL    netip.Addr
	gateway    guest.MAC
}

// forged is a frame that a guest must not send.
type forged struct {
	name  string
	frame []byte
}

var (
	allNodes4 = netip.MustParseAddr("224.0.0.1")
	allNodes6 = netip.IPv6LinkLocalAllNodes()
	allHosts4 = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

// frame is a frame from the forger's lladdr.
func (f forger) frame(dst guest.MAC, etherType uint16, payload []byte) []byte {
	return guest.Ethernet{Dst: dst, Src: f.own.LLAddr, Type: etherType, Payload: payload}.Marshal()
}

// ip is a packet from the forger's lladdr.
func (f forger) ip(dst guest.MAC, p guest.IP) []byte { return f.frame(dst, p.EtherType(), p.Marshal()) }

func (f forger) arp(dst guest.MAC, a guest.ARP) []byte {
	return f.frame(dst, guest.TypeARP, a.Marshal())
}

// from is a frame of zeros with these addresses.
func from(src, dst guest.MAC, etherType uint16) []byte {
	return guest.Ethernet{Dst: dst, Src: src, Type: etherType, Payload: make([]byte, 46)}.Marshal()
}

func udp(src, dst netip.Addr, srcPort, dstPort uint16, payload []byte) guest.IP {
	return guest.UDP{SrcPort: srcPort, DstPort: dstPort, Payload: payload}.Packet(src, dst)
}

// dhcp is the beginning of a DHCP message (RFC 2131) of 300 bytes.
func dhcp(op byte, chaddr guest.MAC) []byte {
	b := make([]byte, 300)
	b[0], b[1], b[2] = op, 1, 6
	copy(b[28:], chaddr[:])
	copy(b[236:], []byte{0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255})
	return b
}

// icmp6 is a message of ICMPv6 with the hop limit of neighbour discovery.
func icmp6(src, dst netip.Addr, kind uint8, rest [4]byte, body []byte) guest.IP {
	return guest.ICMP{Type: kind, Rest: rest, Body: body}.Packet(src, dst, 255)
}

// behind puts what a packet holds behind an extension header of eight bytes.
func behindOne(p guest.IP, header uint8) guest.IP {
	p.Payload = append([]byte{p.Protocol, 0, 1, 4, 0, 0, 0, 0}, p.Payload...)
	p.Protocol = header
	return p
}

// fragment is the fragment of a packet of IPv4 that says it stands here.
func fragment(p guest.IP, flagsAndOffset uint16) []byte {
	b := p.Marshal()
	binary.BigEndian.PutUint16(b[6:], flagsAndOffset)
	b[10], b[11] = 0, 0
	var sum uint32
	for i := 0; i < 20; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[10:], ^uint16(sum))
	return b
}

// layer2 are frames that even a guest without addresses must not send.
func (f forger) layer2() []forged {
	mac := func(s string) guest.MAC { return guest.ParseMAC(s) }
	plain := guest.Ethernet{Dst: f.other.LLAddr, Src: f.own.LLAddr, Type: guest.TypeIPv4, Payload: make([]byte, 46)}
	return []forged{
		{"from the neighbour's lladdr", from(f.other.LLAddr, guest.Broadcast, guest.TypeARP)},
		{"from the gateway's lladdr", from(f.gateway, guest.Broadcast, guest.TypeARP)},
		{"from a multicast lladdr", from(mac("03:00:00:00:00:01"), f.other.LLAddr, guest.TypeIPv4)},
		{"from no lladdr", from(guest.MAC{}, f.other.LLAddr, guest.TypeIPv4)},
		{"BPDU", f.frame(mac("01:80:c2:00:00:00"), 38, append([]byte{0x42, 0x42, 3}, make([]byte, 35)...))},
		{"PAUSE", from(f.own.LLAddr, mac("01:80:c2:00:00:01"), 0x8808)},
		{"EAPOL", from(f.own.LLAddr, mac("01:80:c2:00:00:03"), 0x888e)},
		{"LLDP", from(f.own.LLAddr, mac("01:80:c2:00:00:0e"), 0x88cc)},
		{"in a VLAN", plain.Tag(5).Marshal()},
		{"in a VLAN in a VLAN", plain.Tag(5).Tag(6).Marshal()},
		{"in a service VLAN", from(f.own.LLAddr, f.other.LLAddr, 0x88a8)},
		{"in an old service VLAN", from(f.own.LLAddr, f.other.LLAddr, 0x9100)},
	}
}

// layer3 are frames that a guest with addresses must not send.
func (f forger) layer3() []forged {
	own4, other4, host4 := f.own.Addr4.Addr(), f.other.Addr4.Addr(), f.other.Gateway4
	own6, other6 := f.own.Addr6.Addr(), f.other.Addr6.Addr()
	victim, all6 := f.other.LLAddr, guest.MulticastMAC(allNodes6)
	stranger4, stranger6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
	ra := icmp6(f.ownLL, allNodes6, 134, [4]byte{64, 0, 0x07, 0x08}, make([]byte, 8))
	redirect := icmp6(f.ownLL, other6, 137, [4]byte{}, append(own6.AsSlice(), other6.AsSlice()...))
	redirect4 := guest.ICMP{Type: 5, Code: 1, Rest: own4.As4(), Body: make([]byte, 28)}.Packet(own4, other4, 64)
	echo := func(src, dst netip.Addr) guest.IP {
		return guest.Echo{ID: 666, Data: []byte("forged")}.Packet(src, dst)
	}
	return []forged{
		{"ARP reply: the neighbour's gateway is here", f.arp(victim, guest.ARP{Op: guest.ARPReply, SenderMAC: f.own.LLAddr, Sender: host4, TargetMAC: victim, Target: other4})},
		{"ARP reply: the neighbour is here, to its gateway", f.arp(guest.Broadcast, guest.ARP{Op: guest.ARPReply, SenderMAC: f.own.LLAddr, Sender: other4, Target: host4})},
		{"gratuitous ARP for the neighbour's address", f.arp(guest.Broadcast, guest.ARP{Op: guest.ARPRequest, SenderMAC: f.own.LLAddr, Sender: other4, Target: other4})},
		{"ARP of the neighbour's lladdr", f.arp(guest.Broadcast, guest.ARP{Op: guest.ARPReply, SenderMAC: victim, Sender: own4, Target: own4})},
		{"ARP probe for the neighbour's address", f.arp(guest.Broadcast, guest.ARP{Op: guest.ARPRequest, SenderMAC: f.own.LLAddr, Sender: netip.IPv4Unspecified(), Target: other4})},

		{"IPv4 from the neighbour's address", f.ip(victim, echo(other4, other4))},
		{"IPv4 from the neighbour's address, by the gateway", f.ip(f.gateway, echo(other4, host4))},
		{"IPv4 from a stranger's address", f.ip(f.gateway, echo(stranger4, host4))},
		{"IPv4 to loopback, by the gateway", f.ip(f.gateway, echo(own4, netip.MustParseAddr("127.0.0.1")))},
		{"IPv4, a later fragment from the neighbour's address", f.frame(victim, guest.TypeIPv4, fragment(echo(other4, other4), 100))},
		{"DHCP offer", f.ip(guest.Broadcast, udp(own4, allHosts4, 67, 68, dhcp(2, victim)))},
		{"DHCP offer to the neighbour alone", f.ip(victim, udp(own4, other4, 67, 68, dhcp(2, victim)))},
		{"DHCP request for the neighbour", f.ip(guest.Broadcast, udp(netip.IPv4Unspecified(), allHosts4, 68, 67, dhcp(1, victim)))},
		{"ICMP redirect", f.ip(victim, redirect4)},
		{"ICMP router advertisement", f.ip(victim, guest.ICMP{Type: 9, Rest: [4]byte{1, 2, 0, 30}, Body: make([]byte, 8)}.Packet(own4, allNodes4, 1))},
		{"IGMP query", f.ip(guest.ParseMAC("01:00:5e:00:00:01"), guest.IP{Src: own4, Dst: allNodes4, Protocol: 2, TTL: 1, Payload: []byte{0x11, 100, 0, 0, 0, 0, 0, 0}})},

		{"IPv6 from the neighbour's address", f.ip(victim, echo(other6, other6))},
		{"IPv6 from the neighbour's address, by the gateway", f.ip(f.gateway, echo(other6, f.own.Gateway6))},
		{"IPv6 from the neighbour's link-local address", f.ip(victim, echo(f.otherLL, other6))},
		{"IPv6 from a stranger's address", f.ip(f.gateway, echo(stranger6, f.own.Gateway6))},
		{"advertisement of the neighbour's address", f.ip(all6, guest.Advertisement{Target: other6, MAC: f.own.LLAddr, Override: true}.Packet(f.ownLL, allNodes6))},
		{"advertisement of the gateway's address", f.ip(victim, guest.Advertisement{Target: f.other.Gateway6, MAC: f.own.LLAddr, Override: true}.Packet(f.other.Gateway6, other6))},
		{"advertisement as a router", f.ip(all6, guest.Advertisement{Target: own6, MAC: f.own.LLAddr, Router: true, Override: true}.Packet(own6, allNodes6))},
		{"advertisement of the neighbour's lladdr", f.ip(all6, guest.Advertisement{Target: own6, MAC: victim, Override: true}.Packet(own6, allNodes6))},
		{"solicitation that ends the neighbour's detection", f.ip(guest.MulticastMAC(guest.SolicitedNode(other6)), guest.Solicitation{Target: other6}.Packet(netip.IPv6Unspecified()))},
		{"solicitation that ends the neighbour's link-local detection", f.ip(guest.MulticastMAC(guest.SolicitedNode(f.otherLL)), guest.Solicitation{Target: f.otherLL}.Packet(netip.IPv6Unspecified()))},
		{"solicitation with the neighbour's lladdr", f.ip(guest.MulticastMAC(guest.SolicitedNode(other6)), guest.Solicitation{Target: other6, Source: victim}.Packet(own6))},
		{"router advertisement", f.ip(all6, ra)},
		{"router advertisement behind hop-by-hop options", f.ip(all6, behindOne(ra, 0))},
		{"router advertisement behind destination options", f.ip(all6, behindOne(ra, 60))},
		{"router advertisement behind six headers", f.ip(all6, behindOne(behindOne(behindOne(behindOne(behindOne(behindOne(ra, 60), 60), 60), 60), 60), 60))},
		{"router advertisement in a fragment", f.ip(all6, guest.IP{Src: ra.Src, Dst: ra.Dst, Protocol: 44, TTL: 255, Payload: append([]byte{58, 0, 0, 1, 0, 0, 0, 9}, ra.Payload...)})},
		{"redirect", f.ip(victim, redirect)},
		{"MLD query", f.ip(all6, behindOne(icmp6(f.ownLL, allNodes6, 130, [4]byte{}, make([]byte, 16)), 0))},
		{"DHCPv6 server", f.ip(victim, udp(f.ownLL, other6, 547, 546, make([]byte, 20)))},
		{"routing header", f.ip(victim, behindOne(echo(own6, other6), 43))},

		{"RARP", from(f.own.LLAddr, guest.Broadcast, 0x8035)},
		{"PPPoE", from(f.own.LLAddr, victim, 0x8863)},
		{"MPLS", from(f.own.LLAddr, victim, 0x8847)},
		{"LLC", f.frame(victim, 38, append([]byte{0xaa, 0xaa, 3, 0, 0, 0}, make([]byte, 32)...))},
		{"AppleTalk", from(f.own.LLAddr, victim, 0x809b)},
	}
}
