package filter

import (
	"encoding/binary"
	"net/netip"
)

// Where things stand in an Ethernet frame without a VLAN tag, and their
// values.
const (
	offDst     = 0
	offSrc     = 6
	offType    = 12
	offPayload = 14 // so an Ethernet header's length, too

	typeIPv4 = 0x0800
	typeARP  = 0x0806
	typeIPv6 = 0x86dd

	typeVLAN        = 0x8100 // 802.1Q
	typeServiceVLAN = 0x88a8 // 802.1ad
	typeOldVLAN     = 0x9100 // 802.1ad's before it had a number

	offARPOperation = offPayload + 6
	offARPSenderHW  = offPayload + 8
	offARPSender    = offPayload + 14 // sender protocol address
	offARPTarget    = offPayload + 24 // target protocol address
	lenARP          = 28
	arpOpRequest    = 1
	arpOpReply      = 2

	offIPv4Total    = offPayload + 2 // length of header and data
	offIPv4Src      = offPayload + 12
	offIPv4Dst      = offPayload + 16
	offIPv4Fragment = offPayload + 6 // flags and fragment offset
	offIPv4Protocol = offPayload + 9
	lenIPv4         = 20         // without options
	ipv4Fragment    = 0x3fff     // more fragments, or a fragment offset
	ipv4Offset      = 0x1fff     // fragment offset
	ipv4RouterAlert = 0x94040000 // an option (RFC 2113)

	icmpRedirect            = 5
	icmpRouterAdvertisement = 9

	lenIGMP      = 8
	igmpV1Report = 0x12
	igmpV2Report = 0x16
	igmpLeave    = 0x17
	igmpV3Report = 0x22

	offDHCPClient = 28 // chaddr, in a DHCP message
	dhcpRequest   = 1  // op

	offIPv6Length = offPayload + 4 // of what follows the header
	offIPv6Hops   = offPayload + 7
	offIPv6Src    = offPayload + 8
	offIPv6Dst    = offPayload + 24
	lenFragment   = 8
	ipv6Offset    = 0xfff8 // of a fragment, in its header's second half word
	lenHopByHop   = 8      // the shortest
	offIPv6Next   = offPayload + 6
	offIPv6Data   = offPayload + lenIPv6
	lenIPv6       = 40

	protoUDP    = 17
	protoICMPv6 = 58

	protoICMP     = 1
	protoIGMP     = 2
	protoTCP      = 6
	protoFragment = 44 // an IPv6 extension header
	protoESP      = 50
	protoNone     = 59 // IPv6: nothing follows
	protoHopByHop = 0  // an IPv6 extension header

	lenUDP          = 8
	portDHCPServer  = 67
	portDHCPClient  = 68
	portDHCP6Client = 546
	portDHCP6Server = 547

	lenICMPv6                  = 8 // the shortest
	icmp6LastError             = 4 // of those that are known, the first is 1
	icmp6EchoRequest           = 128
	icmp6EchoReply             = 129
	icmp6NeighborAdvertisement = 136

	ndHops      = 255 // hop limit of neighbour discovery (RFC 4861)
	ndRouter    = 0x80
	offNDOption = offNDTarget + 16
	lenNDOption = 8
	ndSource    = 0x0101 // type and length of a source link-layer option
	ndTarget    = 0x0201 // of a target link-layer option
	ndNonce     = 0x0e01 // of a nonce (RFC 3971)

	lenMLD          = 8 // the shortest
	mldReport       = 131
	mldDone         = 132
	mldV2Report     = 143
	ipv6RouterAlert = 0x05020000 // an option: MLD (RFC 2711)
	ipv6PadN        = 0x0100     // an option that fills two bytes
	ipv6Pad1Twice   = 0x0000     // two options that fill a byte each

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
