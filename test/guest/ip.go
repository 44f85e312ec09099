package guest

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Protocols above IP.
const (
	ProtocolICMP   = 1
	ProtocolUDP    = 17
	ProtocolICMPv6 = 58
)

// IP is a packet of either family, without options, extension headers or fragments.
type IP struct {
	Src, Dst netip.Addr // of one family
	Protocol uint8
	TTL      uint8 // IPv6's hop limit
	Payload  []byte
}

const (
	ipv4Header = 20
	ipv6Header = 40
)

// EtherType is the one under which the packet travels.
func (p IP) EtherType() uint16 {
	if p.Src.Is4() {
		return TypeIPv4
	}
	return TypeIPv6
}

// Marshal is the packet's bytes.
func (p IP) Marshal() []byte {
	if p.Src.Is4() {
		return p.marshal4()
	}
	b := binary.BigEndian.AppendUint32(nil, 6<<28)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Payload)))
	b = append(b, p.Protocol, p.TTL)
	b = append(append(b, p.Src.AsSlice()...), p.Dst.AsSlice()...)
	return append(b, p.Payload...)
}

func (p IP) marshal4() []byte {
	const dontFragment = 0x4000
	b := []byte{4<<4 | ipv4Header/4, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(ipv4Header+len(p.Payload)))
	b = binary.BigEndian.AppendUint16(b, 0) // identification: of no use without fragments
	b = binary.BigEndian.AppendUint16(b, dontFragment)
	b = append(b, p.TTL, p.Protocol, 0, 0)
	b = append(append(b, p.Src.AsSlice()...), p.Dst.AsSlice()...)
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	return append(b, p.Payload...)
}

// ParseIP takes a packet apart and checks lengths and IPv4's checksum; what follows it is padding.
func ParseIP(b []byte) (IP, error) {
	switch {
	case len(b) >= ipv4Header && b[0]>>4 == 4:
		return parse4(b)
	case len(b) >= ipv6Header && b[0]>>4 == 6:
		end := ipv6Header + int(binary.BigEndian.Uint16(b[4:]))
		if end > len(b) {
			return IP{}, errors.New("IPv6: shorter than it says")
		}
		return IP{
			Src: netip.AddrFrom16([16]byte(b[8:24])), Dst: netip.AddrFrom16([16]byte(b[24:40])),
			Protocol: b[6], TTL: b[7], Payload: b[ipv6Header:end],
		}, nil
	}
	return IP{}, errors.New("not an IP packet")
}

func parse4(b []byte) (IP, error) {
	const moreFragments, offset = 0x2000, 0x1fff
	header, end := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case header < ipv4Header || end < header || end > len(b):
		return IP{}, errors.New("IPv4: wrong lengths")
	case checksum(b[:header]) != 0:
		return IP{}, errors.New("IPv4: wrong checksum")
	case binary.BigEndian.Uint16(b[6:])&(moreFragments|offset) != 0:
		return IP{}, errors.New("IPv4: a fragment")
	}
	return IP{
		Src: netip.AddrFrom4([4]byte(b[12:16])), Dst: netip.AddrFrom4([4]byte(b[16:20])),
		Protocol: b[9], TTL: b[8], Payload: b[header:end],
	}, nil
}
