package answer

import (
	"encoding/binary"
	"net/netip"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Numbers of the headers that are read and written here.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd

	protocolUDP    = 17
	protocolICMPv6 = 58

	etherLen = 14
	ipv4Len  = 20
	ipv6Len  = 40
	udpLen   = 8

	hopLimit = 64
)

// packet is what a frame carries: a UDP or ICMPv6 payload and who sent it.
type packet struct {
	srcLL, dstLL     vmid.LLAddr
	src, dst         netip.Addr
	protocol         byte
	hops             byte
	srcPort, dstPort uint16 // of UDP
	payload          []byte // of UDP; the whole ICMPv6 message
}

// parseFrame reads an untagged Ethernet frame with one whole UDP or ICMPv6
// packet in it. It reports false for all others. Checksums are not looked at:
// a guest that leaves them to its NIC sends them unfinished.
func parseFrame(b []byte) (p packet, ok bool) {
	if len(b) < etherLen {
		return p, false
	}
	p.dstLL, p.srcLL = vmid.LLAddr(b[0:6]), vmid.LLAddr(b[6:12])
	switch body := b[etherLen:]; binary.BigEndian.Uint16(b[12:]) {
	case etherIPv4:
		return p, p.parseIPv4(body)
	case etherIPv6:
		return p, p.parseIPv6(body)
	}
	return p, false
}

func (p *packet) parseIPv4(b []byte) bool {
	if len(b) < ipv4Len || b[0]>>4 != 4 {
		return false
	}
	header, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	const fragment = 0x3fff // more of them, or not the first
	if header < ipv4Len || total < header || total > len(b) || binary.BigEndian.Uint16(b[6:])&fragment != 0 {
		return false
	}
	p.hops, p.protocol = b[8], b[9]
	p.src, p.dst = netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:]))
	return p.protocol == protocolUDP && p.parseUDP(b[header:total])
}

func (p *packet) parseIPv6(b []byte) bool {
	if len(b) < ipv6Len || b[0]>>4 != 6 {
		return false
	}
	total := ipv6Len + int(binary.BigEndian.Uint16(b[4:]))
	if total > len(b) {
		return false
	}
	p.protocol, p.hops = b[6], b[7]
	p.src, p.dst = netip.AddrFrom16([16]byte(b[8:])), netip.AddrFrom16([16]byte(b[24:]))
	switch body := b[ipv6Len:total]; p.protocol {
	case protocolUDP:
		return p.parseUDP(body)
	case protocolICMPv6:
		p.payload = body
		return true
	}
	return false
}

func (p *packet) parseUDP(b []byte) bool {
	if len(b) < udpLen {
		return false
	}
	length := int(binary.BigEndian.Uint16(b[4:]))
	if length < udpLen || length > len(b) {
		return false
	}
	p.srcPort, p.dstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.payload = b[udpLen:length]
	return true
}

// frame returns the packet as an Ethernet frame, with whole checksums.
func (p *packet) frame() []byte {
	body := p.payload
	if p.protocol == protocolUDP {
		body = make([]byte, udpLen, udpLen+len(p.payload))
		binary.BigEndian.PutUint16(body, p.srcPort)
		binary.BigEndian.PutUint16(body[2:], p.dstPort)
		binary.BigEndian.PutUint16(body[4:], uint16(udpLen+len(p.payload)))
		body = append(body, p.payload...)
	}
	b := append([]byte(nil), p.dstLL[:]...)
	b = append(b, p.srcLL[:]...)
	if p.src.Is4() {
		b = p.appendIPv4(b, len(body))
	} else {
		b = p.appendIPv6(b, len(body))
	}
	start := len(b)
	b = append(b, body...)
	p.putChecksum(b[start:])
	return b
}

func (p *packet) appendIPv4(b []byte, length int) []byte {
	b = binary.BigEndian.AppendUint16(b, etherIPv4)
	var h [ipv4Len]byte
	h[0] = 4<<4 | ipv4Len/4
	binary.BigEndian.PutUint16(h[2:], uint16(ipv4Len+length))
	h[8], h[9] = p.hops, p.protocol
	src, dst := p.src.As4(), p.dst.As4()
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	binary.BigEndian.PutUint16(h[10:], ^fold(sum(h[:])))
	return append(b, h[:]...)
}

func (p *packet) appendIPv6(b []byte, length int) []byte {
	b = binary.BigEndian.AppendUint16(b, etherIPv6)
	var h [ipv6Len]byte
	h[0] = 6 << 4
	binary.BigEndian.PutUint16(h[4:], uint16(length))
	h[6], h[7] = p.protocol, p.hops
	src, dst := p.src.As16(), p.dst.As16()
	copy(h[8:], src[:])
	copy(h[24:], dst[:])
	return append(b, h[:]...)
}

// putChecksum fills in the checksum of a UDP or ICMPv6 message, over the
// addresses as well (RFC 768; RFC 8200, section 8.1).
func (p *packet) putChecksum(body []byte) {
	at := 6 // in UDP's header
	if p.protocol == protocolICMPv6 {
		at = 2
	}
	total := sum(p.src.AsSlice()) + sum(p.dst.AsSlice()) + uint32(p.protocol) + uint32(len(body)) + sum(body)
	check := ^fold(total)
	if check == 0 && p.protocol == protocolUDP {
		check = 0xffff // 0 says that there is none
	}
	binary.BigEndian.PutUint16(body[at:], check)
}

// sum adds the 16-bit words of b. A frame has too few to overflow.
func sum(b []byte) (total uint32) {
	for i := 0; i+1 < len(b); i += 2 {
		total += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		total += uint32(b[len(b)-1]) << 8
	}
	return total
}

// fold makes 16 bits of a sum.
func fold(total uint32) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
