package filter

import (
	"encoding/binary"
	"net/netip"
)

// Where things stand in an Ethernet frame without a VLAN tag, and their
// values.
const (
	offDst     = 0
	offType    = 12
	offPayload = 14 // so an Ethernet header's length, too

	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeIPv6 = 0x86dd

	offARPTarget = offPayload + 24 // target protocol address
	lenARP       = 28

	offIPv4Fragment = offPayload + 6 // flags and fragment offset
	offIPv4Protocol = offPayload + 9
	lenIPv4         = 20     // without options
	ipv4Fragment    = 0x3fff // more fragments, or a fragment offset

	offIPv6Next = offPayload + 6
	offIPv6Data = offPayload + lenIPv6
	lenIPv6     = 40

	protoUDP    = 17
	protoICMPv6 = 58

	lenUDP          = 8
	portDHCPServer  = 67
	portDHCPClient  = 68
	portDHCP6Client = 546
	portDHCP6Server = 547

	icmp6RouterSolicitation   = 133
	icmp6NeighborSolicitation = 135
	offNDTarget               = offIPv6Data + 8
	lenRouterSolicitation     = 8
	lenNeighborSolicitation   = 24 // without options
)

// arpRequest is how an ARP request for an IPv4 address on Ethernet begins:
// hardware and protocol type, their lengths, operation.
const arpRequest = "\x00\x01\x08\x00\x06\x04\x00\x01"

// ports are a UDP header's two ports, read as one word.
func ports(src, dst uint16) uint32 { return uint32(src)<<16 | uint32(dst) }

// udpPorts returns the ports of a UDP header.
func udpPorts(udp []byte) (src, dst uint16, ok bool) {
	if len(udp) < lenUDP {
		return 0, 0, false
	}
	return binary.BigEndian.Uint16(udp), binary.BigEndian.Uint16(udp[2:]), true
}

// addr6 returns the IPv6 address that b begins with.
func addr6(b []byte) netip.Addr { return netip.AddrFrom16([16]byte(b[:16])) }
