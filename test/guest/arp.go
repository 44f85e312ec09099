package guest

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Operations of ARP.
const (
	ARPRequest = 1
	ARPReply   = 2
)

// ARP is an ARP packet for IPv4 on Ethernet (RFC 826).
type ARP struct {
	Op        uint16
	SenderMAC MAC
	Sender    netip.Addr
	TargetMAC MAC
	Target    netip.Addr
}

const arpLength = 28

var arpPrefix = []byte{0, 1, 8, 0, 6, 4} // Ethernet, IPv4, and the lengths of their addresses

// Marshal is the packet's bytes.
func (a ARP) Marshal() []byte {
	b := binary.BigEndian.AppendUint16(append([]byte(nil), arpPrefix...), a.Op)
	b = append(append(b, a.SenderMAC[:]...), a.Sender.AsSlice()...)
	return append(append(b, a.TargetMAC[:]...), a.Target.AsSlice()...)
}

// ParseARP takes a packet apart; what follows it is padding.
func ParseARP(b []byte) (ARP, error) {
	if len(b) < arpLength || string(b[:len(arpPrefix)]) != string(arpPrefix) {
		return ARP{}, errors.New("not ARP for IPv4 on Ethernet")
	}
	return ARP{
		Op:        binary.BigEndian.Uint16(b[6:]),
		SenderMAC: MAC(b[8:14]), Sender: netip.AddrFrom4([4]byte(b[14:18])),
		TargetMAC: MAC(b[18:24]), Target: netip.AddrFrom4([4]byte(b[24:28])),
	}, nil
}
