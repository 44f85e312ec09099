package filter

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// acceptsIPv4 accepts a packet whose lengths are true (its header has 20 bytes
// at least and lies within its total length, that within the frame, which may
// be padded) and whose destination is a unicast or multicast address or the
// broadcast, not of 0/8, 127/8 or 240/4, if it is one of these:
//
//   - From an own address, of any protocol. The later fragments of a datagram
//     pass with no further question. Whatever else is UDP or ICMP holds the
//     eight bytes of its header, so a first fragment does; UDP is not from port
//     67, a DHCP server's, and to that port only a client's message; ICMP is
//     neither a redirect (5) nor a router advertisement (9).
//   - A DHCP client's message, as acceptsDHCP says.
//   - IGMP, as acceptsIGMP says.
func (g *Guard) acceptsIPv4(packet []byte) bool {
	if len(packet) < 20 || packet[0]>>4 != 4 {
		return false
	}
	header, total := int(packet[0]&15)*4, int(binary.BigEndian.Uint16(packet[2:]))
	if header < 20 || header > total || total > len(packet) {
		return false
	}
	src, dst := netip.AddrFrom4([4]byte(packet[12:])), netip.AddrFrom4([4]byte(packet[16:]))
	if !destination4(dst) {
		return false
	}
	own, nobody := g.owns(src), src.IsUnspecified()
	if !own && !nobody {
		return false
	}
	moreFragments, offset := packet[6]&0x20 != 0, binary.BigEndian.Uint16(packet[6:])&0x1fff
	whole := !moreFragments && offset == 0
	data := packet[header:total]

	switch packet[9] {
	case protoIGMP:
		return whole && acceptsIGMP(packet[20:header], data)
	case protoUDP:
		if own && offset > 0 {
			return true
		}
		sport, dport, ok := udpPorts(data)
		switch {
		case !ok:
			return false
		case own && dport != 67:
			return sport != 67
		}
		return whole && sport == 68 && dport == 67 && g.acceptsDHCP(data[8:])
	case protoICMP:
		const redirect, routerAdvertisement = 5, 9
		return own && (offset > 0 || len(data) >= 8 && data[0] != redirect && data[0] != routerAdvertisement)
	}
	return own
}

func broadcast4() netip.Addr { return netip.AddrFrom4([4]byte{255, 255, 255, 255}) }

// destination4 reports whether a packet may go to an address: not to this
// network (0/8), a loopback (127/8), or what is for future use (240/4), the
// broadcast apart.
func destination4(a netip.Addr) bool {
	first := a.As4()[0]
	return a == broadcast4() || first != 0 && first != 127 && first < 240
}

// acceptsDHCP accepts what a DHCP client says for itself: a request (op 1)
// with one of LLAddrs as its hardware address. It comes, whole, from port 68
// to 67, from 0.0.0.0 or an own address to wherever that may send: the CNI
// plugin dhcp renews and releases from 0.0.0.0 to the server alone.
//
// This is asked of everything for port 67, so that no guest releases
// another's lease or takes all that there are.
func (g *Guard) acceptsDHCP(message []byte) bool {
	return len(message) >= 34 && message[0] == 1 && slices.Contains(g.LLAddrs, vmid.LLAddr(message[28:]))
}

// acceptsIGMP accepts reports of versions 1, 2 and 3 and leaves, but no query,
// whole, in a packet with no option or a router alert alone, from an own
// address or 0.0.0.0 (as a host has it that is about to get an address).
func acceptsIGMP(options, message []byte) bool {
	if string(options) != "" && string(options) != "\x94\x04\x00\x00" || len(message) < 8 {
		return false
	}
	return slices.Contains([]byte{0x12, 0x16, 0x17, 0x22}, message[0])
}
