package filter

import "golang.org/x/net/bpf"

// ipv4 accepts an IPv4 packet from the guest itself.
func (b *guarding) ipv4() {
	b.at("own ipv4")
	b.ldlen()
	b.jge(offPayload+lenIPv4, next, drop)
	b.ldb(offPayload) // version 4, and a header of 5 to 15 words
	b.jge(0x45, next, drop)
	b.jgt(0x4f, drop, next)
	b.ldh(offIPv4Total)
	b.add(offPayload)
	b.tax()
	b.ldlen()
	b.jgex(next, drop)
	b.ldxHeader() // X is the header's length from here
	b.ldh(offIPv4Total)
	b.jgex(next, drop)

	b.ld(offIPv4Dst)
	b.jge(0xf0000000, "ipv4 broadcast", next)
	b.jge(0x80000000, "ipv4 source", next)
	b.jge(0x7f000000, drop, next)
	b.jge(0x01000000, "ipv4 source", drop)
	b.at("ipv4 broadcast")
	b.jeq(0xffffffff, next, drop)

	b.at("ipv4 source")
	if len(b.own4) > 0 {
		b.in(at(offIPv4Src), b.own4, "ipv4 own", next)
	}
	b.ld(offIPv4Src)
	b.jeq(0, next, drop)
	b.ldb(offIPv4Protocol)
	if b.clients() {
		b.jeq(protoIGMP, "igmp", next)
		b.jeq(protoUDP, "client", drop)
	} else {
		b.jeq(protoIGMP, next, drop)
		b.ja("igmp")
	}
	b.pool()

	if len(b.own4) > 0 {
		b.ipv4Own()
	}
	b.igmp()
	if b.clients() {
		b.client()
	}
}

// clients reports whether a DHCP client's messages can pass: they are the
// gateway's unless they are tagged.
func (b *guarding) clients() bool { return !b.splits() || b.trunk() }

// ipv4Own goes on for a packet that has an own source.
func (b *guarding) ipv4Own() {
	b.at("ipv4 own")
	b.ldb(offIPv4Protocol)
	b.jeq(protoTCP, accept, next)
	b.jeq(protoUDP, "ipv4 first", next)
	b.jeq(protoICMP, "ipv4 first", next)
	b.jeq(protoIGMP, "igmp", accept)

	b.at("ipv4 first")
	b.ldh(offIPv4Fragment)
	b.jset(ipv4Offset, accept, next)
	b.ipv4Holds(lenUDP) // an ICMP message's header is as long
	b.ldb(offIPv4Protocol)
	b.jeq(protoUDP, "ipv4 udp", next)
	b.load(atX(offPayload), 1)
	b.jeq(icmpRedirect, drop, next)
	b.jeq(icmpRouterAdvertisement, drop, accept)

	b.at("ipv4 udp")
	b.load(atX(offPayload), 2)
	b.jeq(portDHCPServer, drop, next)
	b.load(atX(offPayload+2), 2)
	if b.clients() {
		b.jeq(portDHCPServer, "client", accept)
	} else {
		b.jeq(portDHCPServer, drop, accept)
	}
	b.pool()
}

// ipv4Holds drops a packet without so many bytes behind its header, whose
// length X is and stays.
func (b *guarding) ipv4Holds(n uint32) {
	b.txa()
	b.add(n)
	b.tax()
	b.ldh(offIPv4Total)
	b.jgex(next, drop)
	b.ldxHeader()
}

// igmp accepts a report or a leave, whole, with no option but a router alert.
func (b *guarding) igmp() {
	b.at("igmp")
	b.ldh(offIPv4Fragment)
	b.jset(ipv4Fragment, drop, next)
	b.ldb(offPayload)
	b.jeq(0x45, "igmp header", next)
	b.jeq(0x46, next, drop)
	b.ld(offPayload + lenIPv4)
	b.jeq(ipv4RouterAlert, next, drop)
	b.at("igmp header")
	b.ipv4Holds(lenIGMP)
	b.load(atX(offPayload), 1)
	b.jeq(igmpV1Report, accept, next)
	b.jeq(igmpV2Report, accept, next)
	b.jeq(igmpLeave, accept, next)
	b.jeq(igmpV3Report, accept, drop)
	b.pool()
}

// client accepts a DHCP client's message, whole, about an own lladdr.
func (b *guarding) client() {
	b.at("client")
	if b.splits() {
		b.extension(bpf.ExtVLANTagPresent)
		b.jeq(0, drop, next)
	}
	b.ldh(offIPv4Fragment)
	b.jset(ipv4Fragment, drop, next)
	b.ipv4Holds(lenUDP + offDHCPClient + 6)
	b.load(atX(offPayload), 4)
	b.jeq(ports(portDHCPClient, portDHCPServer), next, drop)
	b.load(atX(offPayload+lenUDP), 1)
	b.jeq(dhcpRequest, next, drop)
	b.in(atX(offPayload+lenUDP+offDHCPClient), b.lladdrs, accept, drop)
	b.pool()
}
