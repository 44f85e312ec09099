package filter

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// acceptsIPv6 accepts a packet whose payload lies within the frame, if it is
// one of these. LL is a link-local address that the guest may have, as
// ownsLinkLocal says.
//
//   - From an own address or LL: TCP, ESP, no next header, one of Protocols,
//     UDP but from port 547, a DHCPv6 server's.
//   - ICMPv6, as acceptsICMPv6 says.
//   - From an own address: a fragment, as acceptsFragment says.
//   - From LL or :: and behind a hop-by-hop header: MLD, as acceptsMLD says.
//
// So no other extension header passes: a receiver finds a router advertisement
// behind any of them, and behind six of them.
//
// The destination is none whose first 32 bits are zero: ::, ::1 and what maps
// IPv4, which nobody can be reached by from outside. Receivers are to drop
// these themselves (RFC 4291, 2.5); not all did.
func (g *Guard) acceptsIPv6(packet []byte) bool {
	if len(packet) < 40 || packet[0]>>4 != 6 {
		return false
	}
	length := int(binary.BigEndian.Uint16(packet[4:]))
	if length > len(packet)-40 || [4]byte(packet[24:]) == [4]byte{} {
		return false
	}
	src, data := addr6(packet[8:]), packet[40:40+length]
	own, ll, nobody := g.owns(src), g.ownsLinkLocal(src), src.IsUnspecified()
	if !own && !ll && !nobody {
		return false
	}
	switch nextHeader := packet[6]; nextHeader {
	case protoTCP, protoESP, protoNone:
		return own || ll
	case protoUDP:
		return (own || ll) && acceptsUDP6(data)
	case protoICMPv6:
		return g.acceptsICMPv6(src, packet[7], data)
	case protoFragment:
		return own && acceptsFragment(data)
	case protoHopByHop:
		return (ll || nobody) && acceptsMLD(data)
	default:
		return (own || ll) && slices.Contains(g.Identity.Protocols, nextHeader)
	}
}

// ownsLinkLocal reports whether the guest may have a link-local address: an
// own one; any, where that may be; else those that follow from LLAddrs. With
// any other one it could claim a neighbour's, or fill the host's neighbour table.
func (g *Guard) ownsLinkLocal(a netip.Addr) bool {
	if a.IsLinkLocalUnicast() && g.owns(a) {
		return true
	}
	if g.Identity.AnyLinkLocal {
		prefix := [8]byte{0xfe, 0x80}
		b := a.As16()
		return [8]byte(b[:8]) == prefix
	}
	return slices.ContainsFunc(g.LLAddrs, func(l vmid.LLAddr) bool { return l.LinkLocal() == a })
}

// acceptsUDP6 accepts a datagram that holds its header and is not a DHCPv6
// server's.
func acceptsUDP6(datagram []byte) bool {
	src, _, ok := udpPorts(datagram)
	return ok && src != 547
}

// acceptsFragment accepts a later fragment, and a first one of TCP, of UDP
// that acceptsUDP6, or of an echo. No message of neighbour discovery or MLD
// comes in fragments (RFC 6980).
func acceptsFragment(data []byte) bool {
	if len(data) < 8 {
		return false
	}
	if offset := binary.BigEndian.Uint16(data[2:]) >> 3; offset > 0 {
		return true
	}
	rest := data[8:]
	switch data[0] {
	case protoTCP:
		return true
	case protoUDP:
		return acceptsUDP6(rest)
	case protoICMPv6:
		return len(rest) >= 8 && (rest[0] == 128 || rest[0] == 129)
	}
	return false
}

// acceptsMLD accepts reports of both versions and Done messages, but no query,
// behind the shortest hop-by-hop header with a router alert in it, before or
// behind its padding, and nothing else.
func acceptsMLD(data []byte) bool {
	if len(data) < 16 || data[0] != protoICMPv6 || data[1] != 0 {
		return false
	}
	const alert, padN, pad1Twice = "\x05\x02\x00\x00", "\x01\x00", "\x00\x00"
	switch string(data[2:8]) {
	case alert + padN, alert + pad1Twice, padN + alert, pad1Twice + alert:
		return slices.Contains([]byte{131, 132, 143}, data[8])
	}
	return false
}
