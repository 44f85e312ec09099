package guest

import (
	"encoding/binary"
	"fmt"
)

// EtherTypes.
const (
	TypeIPv4 = 0x0800
	TypeARP  = 0x0806
	TypeVLAN = 0x8100
	TypeIPv6 = 0x86dd
)

// Ethernet is a frame. VLAN tags are part of Payload: see Tag.
type Ethernet struct {
	Dst, Src MAC
	Type     uint16
	Payload  []byte
}

const ethernetHeader = 14

// Marshal is the frame's bytes, without padding.
func (e Ethernet) Marshal() []byte {
	b := append(append([]byte(nil), e.Dst[:]...), e.Src[:]...)
	return append(binary.BigEndian.AppendUint16(b, e.Type), e.Payload...)
}

// Tag returns the frame in a VLAN.
func (e Ethernet) Tag(vid uint16) Ethernet {
	tag := binary.BigEndian.AppendUint16(nil, vid)
	tag = binary.BigEndian.AppendUint16(tag, e.Type)
	return Ethernet{Dst: e.Dst, Src: e.Src, Type: TypeVLAN, Payload: append(tag, e.Payload...)}
}

// ParseEthernet takes a frame apart.
func ParseEthernet(b []byte) (Ethernet, error) {
	if len(b) < ethernetHeader {
		return Ethernet{}, fmt.Errorf("frame of %d bytes", len(b))
	}
	return Ethernet{Dst: MAC(b[0:6]), Src: MAC(b[6:12]), Type: binary.BigEndian.Uint16(b[12:]), Payload: b[ethernetHeader:]}, nil
}
