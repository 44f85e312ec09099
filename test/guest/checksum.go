package guest

import (
	"encoding/binary"
	"net/netip"
)

// checksum is the internet checksum (RFC 1071) of the parts one after the other. Only the last may have an odd length.
func checksum(parts ...[]byte) uint16 {
	var sum uint64
	for _, p := range parts {
		for ; len(p) >= 2; p = p[2:] {
			sum += uint64(binary.BigEndian.Uint16(p))
		}
		if len(p) == 1 {
			sum += uint64(p[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// pseudoHeader is what the checksums of UDP and ICMPv6 cover besides the packet (RFC 768, RFC 8200 8.1).
func pseudoHeader(src, dst netip.Addr, protocol uint8, length int) []byte {
	b := append(src.AsSlice(), dst.AsSlice()...)
	if src.Is4() {
		b = append(b, 0, protocol)
		return binary.BigEndian.AppendUint16(b, uint16(length))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(length))
	return append(b, 0, 0, 0, protocol)
}
