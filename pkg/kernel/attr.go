package kernel

import (
	"github.com/vishvananda/netlink/nl"
)

// eachAttr calls f for each attribute, without its flags.
func eachAttr(data []byte, f func(kind uint16, value []byte) error) error {
	attrs, err := nl.ParseRouteAttr(data)
	if err != nil {
		return err
	}
	for _, a := range attrs {
		if err := f(a.Attr.Type&nl.NLA_TYPE_MASK, a.Value); err != nil {
			return err
		}
	}
	return nil
}

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
