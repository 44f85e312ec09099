package kernel

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// How elements of sets are written: a prefix or a wildcard is an interval, from
// its first key to the first behind it, which does not belong to it; an
// element of a concatenation has a first and a last key, with each part in
// four bytes.

// prefixOf returns the prefix from first to before end; no end is the highest
// address. It reports false if that is no prefix.
func prefixOf(first, end []byte) (netip.Prefix, bool) {
	addr, ok := netip.AddrFromSlice(first)
	if !ok {
		return netip.Prefix{}, false
	}
	for bits := range addr.BitLen() + 1 {
		p := netip.PrefixFrom(addr, bits)
		if p == p.Masked() && bytes.Equal(behind(p), end) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// behind returns the first address behind a prefix, nil if it has the highest.
func behind(p netip.Prefix) []byte {
	next := lastOf(p).Next()
	if !next.IsValid() {
		return nil
	}
	return next.AsSlice()
}

// lastOf returns a prefix's last address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// wildcardKeys returns the interval of the names that begin as a wildcard
// without its '*' does.
func wildcardKeys(wildcard string) (first, end []byte) {
	first, end = padded(wildcard), padded(wildcard)
	end[len(wildcard)-1]++
	return first, end
}

func wildcardOf(first, end []byte) string {
	name := unix.ByteSliceToString(first)
	if name != "" {
		if f, e := wildcardKeys(name); bytes.Equal(f, first) && bytes.Equal(e, end) {
			return name + "*"
		}
	}
	return fmt.Sprintf("%q to %q", name, unix.ByteSliceToString(end))
}

// openingKeys returns the first and the last key of an opening.
func openingKeys(o plan.Opening) (first, last []byte) {
	key := func(addr netip.Addr, port uint16) []byte {
		b := append(addr.AsSlice(), o.Protocol, 0, 0, 0)
		return append(binary.BigEndian.AppendUint16(b, port), 0, 0)
	}
	return key(o.From.Addr(), o.First), key(lastOf(o.From), o.Last)
}

func openingOf(e element) (plan.Opening, bool) {
	n := len(e.key) - 8 // of the address
	if n < 0 || len(e.end) != len(e.key) {
		return plan.Opening{}, false
	}
	end, ok := netip.AddrFromSlice(e.end[:n])
	if !ok {
		return plan.Opening{}, false
	}
	var next []byte
	if a := end.Next(); a.IsValid() {
		next = a.AsSlice()
	}
	from, ok := prefixOf(e.key[:n], next)
	return plan.Opening{
		From: from, Protocol: e.key[n],
		First: binary.BigEndian.Uint16(e.key[n+4:]), Last: binary.BigEndian.Uint16(e.end[n+4:]),
	}, ok && e.key[n] == e.end[n]
}
