package filter

import (
	"bytes"
	"net/netip"
	"slices"
)

// icmpv6 goes on for an ICMPv6 message from an own or a link-local address
// that is no router solicitation.
func (b *guarding) icmpv6() {
	b.at("icmpv6")
	b.holds6(lenICMPv6)
	b.ldb(offIPv6Data)
	b.jeq(icmp6EchoRequest, accept, next)
	b.jeq(icmp6EchoReply, accept, next)
	b.jeq(0, drop, next)
	b.jgt(icmp6LastError, next, accept)
	b.ldb(offIPv6Hops)
	b.jeq(ndHops, next, drop)
	b.ldb(offIPv6Data)
	b.jeq(icmp6NeighborSolicitation, "solicitation", next)
	b.jeq(icmp6NeighborAdvertisement, next, drop)
	b.ldb(offIPv6Data + 4)
	b.jset(ndRouter, drop, next)
	b.ja("nd claim")

	b.at("solicitation")
	b.ldh(offIPv6Length)
	if b.splits6() {
		b.jeq(lenNeighborSolicitation, "solicitation target", next)
		b.jeq(lenNeighborSolicitation+lenNDOption, next, drop)
		b.at("solicitation target")
		b.notFor(b.gatewayTargets())
		b.ldh(offIPv6Length)
		b.jeq(lenNeighborSolicitation, accept, next)
	} else {
		b.jeq(lenNeighborSolicitation, accept, next)
		b.jeq(lenNeighborSolicitation+lenNDOption, next, drop)
	}
	b.ldh(offNDOption)
	b.jeq(ndSource, next, drop)
	b.ja("nd option")
	b.pool()
	b.claim()
}

// gatewayTargets are the gateway's addresses of IPv6.
func (b *guarding) gatewayTargets() (list [][]byte) {
	for _, a := range [...]netip.Addr{b.Gateway.Host6, b.Gateway.LinkLocal} {
		if a.IsValid() {
			list = append(list, a.AsSlice())
		}
	}
	return list
}

// mayOwn reports whether hasOwn finds an address.
func (b *guarding) mayOwn(a []byte) bool {
	same := func(b []byte) bool { return bytes.Equal(a, b) }
	if b.Identity.AnyLinkLocal && string(a[:8]) == linkLocalPrefix {
		return true
	}
	return slices.ContainsFunc(slices.Concat(b.own6, b.ownLL, b.eui6), same)
}

// notFor drops a solicitation of one of the gateway's addresses.
func (b *guarding) notFor(targets [][]byte) {
	over := b.fresh()
	b.untagged(over)
	b.in(at(offNDTarget), targets, drop, next)
	b.at(over)
}

// claim goes on for an advertisement, or a solicitation from ::, with which
// the guest says that an address is, or will be, its own.
func (b *guarding) claim() {
	b.at("nd claim")
	b.ldh(offIPv6Length)
	b.jeq(lenNeighborSolicitation, "nd target", next)
	b.jeq(lenNeighborSolicitation+lenNDOption, next, drop)
	b.at("nd target")
	b.hasOwn(offNDTarget, "nd own", drop)
	b.pool()

	b.at("nd own")
	b.ldb(offIPv6Data)
	b.jeq(icmp6NeighborSolicitation, "nd detection", next)
	b.ldh(offIPv6Length)
	b.jeq(lenNeighborSolicitation, accept, next)
	b.ldh(offNDOption)
	b.jeq(ndTarget, next, drop)
	b.ja("nd option")

	b.at("nd detection")
	if b.splits6() {
		// Only a guest that is told to be the gateway as well comes here with
		// an address of the gateway's.
		strange := func(a []byte) bool { return !b.mayOwn(a) }
		if targets := slices.DeleteFunc(b.gatewayTargets(), strange); len(targets) > 0 {
			b.notFor(targets)
		}
	}
	b.ldh(offIPv6Length)
	b.jeq(lenNeighborSolicitation, accept, next)
	b.ldh(offNDOption)
	b.jeq(ndNonce, accept, drop)
	b.pool()

	b.at("nd option")
	b.in(at(offNDOption+2), b.lladdrs, accept, drop)
	b.pool()
}
