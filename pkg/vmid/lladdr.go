package vmid

import (
	"fmt"
	"net/netip"
)

// LLAddr is a link-layer (MAC) address. The zero LLAddr stands for none.
type LLAddr [6]byte

// ParseLLAddr parses six pairs of hex digits with colons or hyphens between
// them. It refuses multicast addresses and zero: no NIC can have them.
func ParseLLAddr(s string) (LLAddr, error) {
	var a LLAddr
	if len(s) != 17 {
		return LLAddr{}, fmt.Errorf("lladdr %.64q: want six pairs of hex digits, 02:00:00:00:00:01", s)
	}
	for i := range a {
		hi, ok1 := hexDigit(s[3*i])
		lo, ok2 := hexDigit(s[3*i+1])
		if !ok1 || !ok2 || i < 5 && (s[3*i+2] != s[2] || s[2] != ':' && s[2] != '-') {
			return LLAddr{}, fmt.Errorf("lladdr %.64q: want six pairs of hex digits, 02:00:00:00:00:01", s)
		}
		a[i] = hi<<4 | lo
	}
	if a == (LLAddr{}) {
		return LLAddr{}, fmt.Errorf("lladdr %.64q: zero is no address", s)
	}
	if a[0]&1 != 0 {
		return LLAddr{}, fmt.Errorf("lladdr %.64q: a multicast address, the first byte must be even", s)
	}
	return a, nil
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// String returns the address in lower case with colons.
func (a LLAddr) String() string {
	return fmt.Sprintf("%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5])
}

// Hex returns the twelve lower-case hex digits without separators, the form
// that altnames use.
func (a LLAddr) Hex() string { return fmt.Sprintf("%x", a[:]) }

// IsZero reports whether a stands for no address.
func (a LLAddr) IsZero() bool { return a == LLAddr{} }

// LinkLocal returns the EUI-64 link-local address that a NIC with this
// address gives itself (RFC 4291, appendix A).
func (a LLAddr) LinkLocal() netip.Addr {
	return netip.AddrFrom16([16]byte{
		0: 0xfe, 1: 0x80,
		8: a[0] ^ 2, 9: a[1], 10: a[2], 11: 0xff, 12: 0xfe, 13: a[3], 14: a[4], 15: a[5],
	})
}

// GatewayLinkLocal returns the link-local address of the host's side: fe80::
// and the low half of host6, so that it can be told from the address alone.
func GatewayLinkLocal(host6 netip.Addr) netip.Addr {
	b := host6.As16()
	clear(b[:8])
	b[0], b[1] = 0xfe, 0x80
	return netip.AddrFrom16(b)
}
