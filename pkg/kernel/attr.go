package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// eachAttr calls f for each attribute, without its flags. The library's
// parser panics on a last attribute without padding, and copies.
func eachAttr(data []byte, f func(kind uint16, value []byte) error) error {
	for len(data) >= unix.SizeofRtAttr {
		length := int(nl.NativeEndian().Uint16(data))
		if length < unix.SizeofRtAttr || length > len(data) {
			return errShort
		}
		kind := nl.NativeEndian().Uint16(data[2:]) & nl.NLA_TYPE_MASK
		if err := f(kind, data[unix.SizeofRtAttr:length]); err != nil {
			return err
		}
		data = data[min(align(length), len(data)):]
	}
	return nil
}

// align rounds a length up to where the next attribute begins.
func align(length int) int { return (length + unix.RTA_ALIGNTO - 1) &^ (unix.RTA_ALIGNTO - 1) }

// number reads a 32-bit attribute, 0 if it has another size.
func number(value []byte) uint32 {
	if len(value) != 4 {
		return 0
	}
	return nl.NativeEndian().Uint32(value)
}

// numbers reads an array of 32-bit values.
func numbers(value []byte) []uint32 {
	out := make([]uint32, len(value)/4)
	for i := range out {
		out[i] = nl.NativeEndian().Uint32(value[4*i:])
	}
	return out
}
