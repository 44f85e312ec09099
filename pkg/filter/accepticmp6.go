package filter

import (
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// acceptsICMPv6 accepts these messages of eight bytes at least, and so no
// router advertisement, no redirect and none that is unknown:
//
//   - Errors (1 to 4) and echo (128, 129), from an own address or LL.
//   - Neighbour discovery with hop limit 255, of exactly the lengths that
//     follow, so that there is no option but the one that is looked at.
//   - A router solicitation from LL: 8 bytes, or 16 with an own source
//     link-layer option; from ::, 8 bytes.
//   - A neighbour solicitation from an own address or LL for whatever target:
//     24 bytes, or 32 with an own source link-layer option.
//   - One from ::, which says that its target will be its sender's: for an own
//     address or LL alone, 24 bytes, or 32 with a nonce.
//   - A neighbour advertisement, not as a router, from an own address or LL
//     for such a target: 24 bytes, or 32 with an own target link-layer option.
func (g *Guard) acceptsICMPv6(src netip.Addr, hopLimit byte, message []byte) bool {
	if len(message) < 8 {
		return false
	}
	ours := func(a netip.Addr) bool { return g.owns(a) || g.ownsLinkLocal(a) }
	const sourceLinkLayer, targetLinkLayer, nonce = 1, 2, 14

	switch kind := message[0]; kind {
	case 1, 2, 3, 4, 128, 129:
		return ours(src)

	case 133: // router solicitation
		if hopLimit != 255 || !src.IsUnspecified() && !g.ownsLinkLocal(src) {
			return false
		}
		return len(message) == 8 || !src.IsUnspecified() && g.hasOption(message[8:], sourceLinkLayer)

	case 135: // neighbour solicitation
		if hopLimit != 255 || len(message) < 24 {
			return false
		}
		target, options := addr6(message[8:]), message[24:]
		switch {
		case ours(src):
			return len(options) == 0 || g.hasOption(options, sourceLinkLayer)
		case src.IsUnspecified():
			return ours(target) && (len(options) == 0 || g.hasOption(options, nonce))
		}

	case 136: // neighbour advertisement
		if hopLimit != 255 || len(message) < 24 {
			return false
		}
		target, options := addr6(message[8:]), message[24:]
		fromRouter := message[4]&0x80 != 0
		return !fromRouter && ours(src) && ours(target) && (len(options) == 0 || g.hasOption(options, targetLinkLayer))
	}
	return false
}

// hasOption reports whether these are the eight bytes of one option of that
// kind and, if it is about a link-layer address, about one of LLAddrs.
func (g *Guard) hasOption(options []byte, kind byte) bool {
	if len(options) != 8 || options[0] != kind || options[1] != 1 {
		return false
	}
	return kind == 14 || slices.Contains(g.LLAddrs, vmid.LLAddr(options[2:]))
}
