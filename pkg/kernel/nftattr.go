package kernel

import (
	"bytes"
	"encoding/binary"
	"slices"

	"golang.org/x/sys/unix"
)

// nftAttr is a netlink attribute of nf_tables: one that holds data, or others.
// Unlike rtnetlink's, numbers are in network byte order.
type nftAttr struct {
	kind  uint16
	data  []byte
	inner []nftAttr
}

func nftNumber(kind uint16, v uint32) nftAttr {
	return nftAttr{kind: kind, data: binary.BigEndian.AppendUint32(nil, v)}
}

func nftText(kind uint16, s string) nftAttr { return nftAttr{kind: kind, data: text(s)} }

func nftData(kind uint16, value []byte) nftAttr {
	return nest(kind, nftAttr{kind: unix.NFTA_DATA_VALUE, data: value})
}

func nest(kind uint16, inner ...nftAttr) nftAttr { return nftAttr{kind: kind, inner: inner} }

// appendAttrs appends attributes as the kernel reads them.
func appendAttrs(b []byte, attrs ...nftAttr) []byte {
	for _, a := range attrs {
		start := len(b)
		kind := a.kind
		if a.inner != nil {
			kind |= nestedFlag
		}
		b = binary.NativeEndian.AppendUint16(append(b, 0, 0), kind)
		b = appendAttrs(append(b, a.data...), a.inner...)
		binary.NativeEndian.PutUint16(b[start:], uint16(len(b)-start))
		for len(b)%unix.NLA_ALIGNTO != 0 {
			b = append(b, 0)
		}
	}
	return b
}

// sameAttrs reports whether the kernel has these attributes, and no others but
// those with which it says that there is nothing: zeroes.
func sameAttrs(want []nftAttr, have []byte) bool {
	var got []nftAttr
	err := eachAttr(have, func(kind uint16, value []byte) error {
		got = append(got, nftAttr{kind: kind, data: value})
		return nil
	})
	if err != nil {
		return false
	}
	// In which order is the kernel's choice, but in a list.
	byKind := func(a, b nftAttr) int { return int(a.kind) - int(b.kind) }
	slices.SortStableFunc(got, byKind)
	want = slices.SortedStableFunc(slices.Values(want), byKind)
	for _, g := range got {
		if len(want) > 0 && want[0].kind == g.kind {
			if !want[0].same(g.data) {
				return false
			}
			want = want[1:]
		} else if !isZero(g.data) {
			return false
		}
	}
	return len(want) == 0
}

func (a nftAttr) same(have []byte) bool {
	if a.inner != nil {
		return sameAttrs(a.inner, have)
	}
	return bytes.Equal(a.data, have)
}

func isZero(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
