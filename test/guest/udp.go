package guest

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// UDP is a datagram.
type UDP struct {
	SrcPort, DstPort uint16
	Payload          []byte
}

const udpHeader = 8

// Packet is the IP packet that carries the datagram.
func (u UDP) Packet(src, dst netip.Addr) IP {
	length := udpHeader + len(u.Payload)
	b := binary.BigEndian.AppendUint16(nil, u.SrcPort)
	b = binary.BigEndian.AppendUint16(b, u.DstPort)
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(append(b, 0, 0), u.Payload...)
	sum := checksum(pseudoHeader(src, dst, ProtocolUDP, length), b)
	if sum == 0 {
		sum = 0xffff // zero says that there is none
	}
	binary.BigEndian.PutUint16(b[6:], sum)
	return IP{Src: src, Dst: dst, Protocol: ProtocolUDP, TTL: 64, Payload: b}
}

// ParseUDP takes the datagram of a packet apart and checks its checksum, which it must have.
func ParseUDP(p IP) (UDP, error) {
	b := p.Payload
	switch {
	case p.Protocol != ProtocolUDP || len(b) < udpHeader:
		return UDP{}, errors.New("not UDP")
	case int(binary.BigEndian.Uint16(b[4:])) != len(b):
		return UDP{}, errors.New("UDP: wrong length")
	case checksum(pseudoHeader(p.Src, p.Dst, ProtocolUDP, len(b)), b) != 0:
		return UDP{}, errors.New("UDP: wrong checksum")
	}
	return UDP{SrcPort: binary.BigEndian.Uint16(b), DstPort: binary.BigEndian.Uint16(b[2:]), Payload: b[udpHeader:]}, nil
}
