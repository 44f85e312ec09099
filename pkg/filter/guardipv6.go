package filter

import (
	"slices"

	"golang.org/x/net/bpf"
)

// ipv6 accepts an IPv6 packet from the guest itself. Its extension headers are
// few and of known length, so that everything stands at a fixed place.
func (b *guarding) ipv6() {
	b.at("own ipv6")
	b.ldlen()
	b.jge(offIPv6Data, next, drop)
	b.ldb(offPayload) // version 6
	b.jge(0x60, next, drop)
	b.jgt(0x6f, drop, next)
	b.ldh(offIPv6Length)
	b.add(offIPv6Data)
	b.tax()
	b.ldlen()
	b.jgex(next, drop)
	b.ld(offIPv6Dst)
	b.jeq(0, drop, next)

	if len(b.own6) > 0 {
		b.in(at(offIPv6Src), b.own6, "ipv6 own", next)
		b.ja("ipv6 not own")
		b.pool()
		b.at("ipv6 own")
		b.ldb(offIPv6Next)
		b.jeq(protoTCP, accept, next)
		b.jeq(protoFragment, next, "ipv6 whole")
		b.fragment("own ")
		b.at("ipv6 whole")
		b.ja("ipv6 general")
		b.pool()
		b.at("ipv6 not own")
	}
	if len(b.ownLL) > 0 {
		b.in(at(offIPv6Src), b.ownLL, "ipv6 own link-local", next)
		b.ja("ipv6 not own link-local")
		b.pool()
		b.at("ipv6 own link-local")
		b.ldb(offIPv6Next)
		b.jeq(protoFragment, next, "link-local whole")
		b.fragment("link-local ")
		b.at("link-local whole")
		b.ja("ipv6 link-local")
		b.pool()
		b.at("ipv6 not own link-local")
	}
	b.linkLocal(offIPv6Src, "ipv6 link-local", next)
	b.ja("ipv6 nobody")
	b.pool()
	b.ipv6LinkLocal()
	b.ipv6Nobody()
	b.ipv6General()
	b.icmpv6()
	b.mld()
}

// linkLocalPrefix is fe80::/64.
const linkLocalPrefix = "\xfe\x80\x00\x00\x00\x00\x00\x00"

// linkLocal jumps to yes if the guest may have the link-local address at off,
// else to no.
func (b *guarding) linkLocal(off uint32, yes, no label) {
	if !b.Identity.AnyLinkLocal {
		b.in(at(off), b.eui6, yes, no)
		return
	}
	b.match(off, []byte(linkLocalPrefix), yes, no)
}

// hasOwn jumps to yes if the guest may have the address at off.
func (b *guarding) hasOwn(off uint32, yes, no label) {
	list := slices.Concat(b.own6, b.ownLL)
	if !b.Identity.AnyLinkLocal {
		b.in(at(off), slices.Concat(list, b.eui6), yes, no)
		return
	}
	if len(list) > 0 {
		b.in(at(off), list, yes, next)
	}
	b.linkLocal(off, yes, no)
}

// holds6 drops a packet with less than n bytes behind the IPv6 header.
func (b *guarding) holds6(n uint32) {
	b.ldh(offIPv6Length)
	b.jge(n, next, drop)
}

// fragment goes on for a fragment from an own address.
func (b *guarding) fragment(of label) {
	b.holds6(lenFragment)
	b.ldh(offIPv6Data + 2)
	b.jset(ipv6Offset, accept, next)
	b.ldb(offIPv6Data)
	b.jeq(protoTCP, accept, next)
	b.holds6(lenFragment + lenUDP) // an ICMPv6 message's header is as long
	b.ldb(offIPv6Data)
	b.jeq(protoUDP, of+"fragment", next)
	b.jeq(protoICMPv6, next, drop)
	b.ldb(offIPv6Data + lenFragment)
	b.jeq(icmp6EchoRequest, accept, next)
	b.jeq(icmp6EchoReply, accept, drop)
	b.at(of + "fragment")
	b.ldh(offIPv6Data + lenFragment)
	b.jeq(portDHCP6Server, drop, accept)
	b.pool()
}

// ipv6LinkLocal goes on for a packet from a link-local address: MLD and router
// solicitations are accepted from such, too.
func (b *guarding) ipv6LinkLocal() {
	b.at("ipv6 link-local")
	b.ldb(offIPv6Next)
	b.jeq(protoHopByHop, "link-local mld", next)
	if !b.solicitsRouters() {
		b.ja("ipv6 general")
	} else {
		b.jeq(protoICMPv6, next, "link-local general")
		b.holds6(lenRouterSolicitation)
		b.ldb(offIPv6Data)
		b.jeq(icmp6RouterSolicitation, next, "link-local general")
		b.toSwitchTagged()
		b.ldb(offIPv6Hops)
		b.jeq(ndHops, next, drop)
		b.ldh(offIPv6Length)
		b.jeq(lenRouterSolicitation, accept, next)
		b.jeq(lenRouterSolicitation+lenNDOption, next, drop)
		b.ldh(offIPv6Data + lenRouterSolicitation)
		b.jeq(ndSource, next, drop)
		b.in(at(offIPv6Data+lenRouterSolicitation+2), b.lladdrs, accept, drop)
		b.pool()
		b.at("link-local general")
		b.ja("ipv6 general")
	}
	b.at("link-local mld")
	b.ja("mld")
	b.pool()
}

// solicitsRouters reports whether router solicitations can pass: they are the
// gateway's if it speaks IPv6, unless they are tagged.
func (b *guarding) solicitsRouters() bool { return !b.splits6() || b.trunk() }

// toSwitchTagged drops what is the gateway's unless it is tagged.
func (b *guarding) toSwitchTagged() {
	if b.splits6() {
		b.extension(bpf.ExtVLANTagPresent)
		b.jeq(0, drop, next)
	}
}

// ipv6Nobody goes on for a packet from neither an own nor a link-local
// address: it is from ::, or dropped.
func (b *guarding) ipv6Nobody() {
	b.at("ipv6 nobody")
	b.match(offIPv6Src, make([]byte, 16), next, drop)
	b.ldb(offIPv6Next)
	b.jeq(protoHopByHop, "nobody mld", next)
	b.jeq(protoICMPv6, next, drop)
	b.holds6(lenRouterSolicitation)
	b.ldb(offIPv6Hops)
	b.jeq(ndHops, next, drop)
	b.ldb(offIPv6Data)
	if b.solicitsRouters() {
		b.jeq(icmp6RouterSolicitation, "nobody router", next)
	}
	b.jeq(icmp6NeighborSolicitation, next, drop)
	b.ja("nd claim")
	b.at("nobody mld")
	b.ja("mld")
	if b.solicitsRouters() {
		b.at("nobody router")
		b.toSwitchTagged()
		b.ldh(offIPv6Length)
		b.jeq(lenRouterSolicitation, accept, drop)
	}
	b.pool()
}

// ipv6General goes on for a packet from an own or a link-local address that no
// special rule is for.
func (b *guarding) ipv6General() {
	b.at("ipv6 general")
	b.ldb(offIPv6Next)
	b.jeq(protoTCP, accept, next)
	b.jeq(protoUDP, "ipv6 udp", next)
	b.jeq(protoICMPv6, "to icmpv6", next)
	b.jeq(protoESP, accept, next)
	for _, p := range b.Identity.Protocols {
		b.jeq(uint32(p), accept, next)
	}
	b.jeq(protoNone, accept, drop)
	b.at("to icmpv6")
	b.ja("icmpv6")

	b.at("ipv6 udp")
	b.holds6(lenUDP)
	b.ldh(offIPv6Data)
	if b.splits6() {
		b.jeq(portDHCP6Server, drop, next)
		b.untagged(accept)
		b.ld(offIPv6Data)
		b.jeq(ports(portDHCP6Client, portDHCP6Server), drop, accept)
	} else {
		b.jeq(portDHCP6Server, drop, accept)
	}
	b.pool()
}

// mld goes on for a packet with a hop-by-hop header from a link-local address
// or from ::: it is a report behind a router alert, or dropped.
func (b *guarding) mld() {
	b.at("mld")
	b.holds6(lenHopByHop + lenMLD)
	b.ldh(offIPv6Data)
	b.jeq(protoICMPv6<<8, next, drop) // and a header of 8 bytes
	// The option stands first and is padded, or the other way round.
	b.ld(offIPv6Data + 2)
	b.jeq(ipv6RouterAlert, "mld padded", next)
	b.ld(offIPv6Data + 4)
	b.jeq(ipv6RouterAlert, next, drop)
	b.ldh(offIPv6Data + 2)
	b.ja("mld padding")
	b.at("mld padded")
	b.ldh(offIPv6Data + 6)
	b.at("mld padding")
	b.jeq(ipv6Pad1Twice, "mld type", next)
	b.jeq(ipv6PadN, next, drop)
	b.at("mld type")
	b.ldb(offIPv6Data + lenHopByHop)
	b.jeq(mldReport, accept, next)
	b.jeq(mldDone, accept, next)
	b.jeq(mldV2Report, accept, drop)
	b.pool()
}
