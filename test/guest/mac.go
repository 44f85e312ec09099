package guest

import (
	"net"
	"net/netip"
)

// MAC is a layer 2 address.
type MAC [6]byte

// Broadcast is everybody's.
var Broadcast = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Group says whether it is a multicast address, as the broadcast address also is.
func (m MAC) Group() bool { return m[0]&1 != 0 }

// ParseMAC reads the form 02:00:00:00:00:01. It panics if that is not what it gets, since tests write it down.
func ParseMAC(s string) MAC {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != len(MAC{}) {
		panic("not a MAC: " + s)
	}
	return MAC(hw)
}

// EUI64 is the link-local address that an operating system derives from its lladdr.
func EUI64(m MAC) netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
}

// SolicitedNode is the multicast group in which the neighbours of an IPv6 address ask for it (RFC 4291, 2.7.1).
func SolicitedNode(a netip.Addr) netip.Addr {
	b := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 0x02, 11: 1, 0xff, b[13], b[14], b[15]})
}

// MulticastMAC is the layer 2 address of an IPv6 multicast group (RFC 2464, 7).
func MulticastMAC(group netip.Addr) MAC {
	b := group.As16()
	return MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}
}
