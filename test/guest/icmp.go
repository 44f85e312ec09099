package guest

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// ICMP is a message of ICMP or ICMPv6, whose types differ.
type ICMP struct {
	Type, Code uint8
	Rest       [4]byte // of the header
	Body       []byte
}

const icmpHeader = 8

// Types.
const (
	echoReply4       = 0
	unreachable4     = 3
	echoRequest4     = 8
	unreachable6     = 1
	packetTooBig6    = 2
	echoRequest6     = 128
	echoReply6       = 129
	neighbourSolicit = 135
	neighbourAdvert  = 136
)

// Packet is the IP packet that carries the message, with its checksum.
func (m ICMP) Packet(src, dst netip.Addr, ttl uint8) IP {
	p := IP{Src: src, Dst: dst, Protocol: ProtocolICMP, TTL: ttl}
	b := append([]byte{m.Type, m.Code, 0, 0}, m.Rest[:]...)
	b = append(b, m.Body...)
	var pseudo []byte
	if src.Is6() {
		p.Protocol = ProtocolICMPv6
		pseudo = pseudoHeader(src, dst, ProtocolICMPv6, len(b))
	}
	binary.BigEndian.PutUint16(b[2:], checksum(pseudo, b))
	p.Payload = b
	return p
}

// ParseICMP takes the message of a packet apart and checks its checksum.
func ParseICMP(p IP) (ICMP, error) {
	var pseudo []byte
	switch {
	case p.Protocol == ProtocolICMP && p.Src.Is4():
	case p.Protocol == ProtocolICMPv6 && p.Src.Is6():
		pseudo = pseudoHeader(p.Src, p.Dst, ProtocolICMPv6, len(p.Payload))
	default:
		return ICMP{}, errors.New("not ICMP")
	}
	b := p.Payload
	switch {
	case len(b) < icmpHeader:
		return ICMP{}, errors.New("ICMP: too short")
	case checksum(pseudo, b) != 0:
		return ICMP{}, errors.New("ICMP: wrong checksum")
	}
	return ICMP{Type: b[0], Code: b[1], Rest: [4]byte(b[4:8]), Body: b[icmpHeader:]}, nil
}

// Echo is an echo request or its reply.
type Echo struct {
	Reply   bool
	ID, Seq uint16
	Data    []byte
}

// Packet is the IP packet that carries it.
func (e Echo) Packet(src, dst netip.Addr) IP {
	const ttl = 64
	m := ICMP{Type: echoRequest4, Body: e.Data}
	switch {
	case src.Is4() && e.Reply:
		m.Type = echoReply4
	case src.Is6() && e.Reply:
		m.Type = echoReply6
	case src.Is6():
		m.Type = echoRequest6
	}
	binary.BigEndian.PutUint16(m.Rest[0:], e.ID)
	binary.BigEndian.PutUint16(m.Rest[2:], e.Seq)
	return m.Packet(src, dst, ttl)
}

// echo is the echo that a message of this family is.
func (m ICMP) echo(is6 bool) (Echo, bool) {
	request, reply := uint8(echoRequest4), uint8(echoReply4)
	if is6 {
		request, reply = echoRequest6, echoReply6
	}
	return Echo{
		Reply: m.Type == reply,
		ID:    binary.BigEndian.Uint16(m.Rest[0:]), Seq: binary.BigEndian.Uint16(m.Rest[2:]),
		Data: m.Body,
	}, m.Code == 0 && (m.Type == request || m.Type == reply)
}
