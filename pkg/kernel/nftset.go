package kernel

import "golang.org/x/sys/unix"

// Flags of sets, of include/uapi/linux/netfilter/nf_tables.h.
const (
	nftInterval = 4     // NFT_SET_INTERVAL
	nftEval     = 0x20  // NFT_SET_EVAL: nft's `flags dynamic`
	nftConcat   = 0x80  // NFT_SET_CONCAT
	nftExpr     = 0x100 // NFT_SET_EXPR: its elements count
)

// setKind is what a set's elements are: flags, the number of nft's type, and
// the length of a key in bytes.
type setKind struct{ flags, key, length uint32 }

func (k setKind) attrs() []nftAttr {
	return []nftAttr{nftNumber(unix.NFTA_SET_FLAGS, k.flags), nftNumber(unix.NFTA_SET_KEY_TYPE, k.key), nftNumber(unix.NFTA_SET_KEY_LEN, k.length)}
}

// intervalsOf returns the kind of one of plan's sets.
func intervalsOf(set string) setKind {
	parts := setParts(set)
	k := setKind{flags: nftInterval}
	if len(parts) > 1 {
		k.flags |= nftConcat
	}
	for _, p := range parts {
		k.key = k.key<<nftTypeBits | p.kind
		k.length += (p.length + 3) &^ 3
	}
	return k
}

// fits reports whether one of plan's sets is of this kind.
func (k setKind) fits(set string) bool { return k == intervalsOf(set) }

// holdsNames reports whether a set takes names of links one by one, and keeps
// them. What an operator declares may count, too.
func (k setKind) holdsNames() bool {
	k.flags &^= nftEval | nftExpr
	return k == setKind{0, nftIFName, ifKindSize}
}

// parseSet reads an NFT_MSG_NEWSET message.
func parseSet(data []byte) (k setKind, err error) {
	err = eachAttr(data, func(kind uint16, value []byte) error {
		switch kind {
		case unix.NFTA_SET_FLAGS:
			k.flags = networkNumber(value)
		case unix.NFTA_SET_KEY_TYPE:
			k.key = networkNumber(value)
		case unix.NFTA_SET_KEY_LEN:
			k.length = networkNumber(value)
		}
		return nil
	})
	return k, err
}
