package kernel

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Numbers of include/uapi/linux/netfilter that the library lacks.
const (
	metaIIFKind      = 26 // nf_tables.h, NFT_META_IIFKIND
	metaOIFKind      = 27
	ctDirOriginal    = 0 // nf_conntrack_tuple_common.h, IP_CT_DIR_ORIGINAL
	ctEstablished    = 1 << 1
	ctRelated        = 1 << 2
	ifKindSize       = 16 // IFNAMSIZ
	hashModulus      = 65535
	hashSeed         = 1
	icmpSolicit      = 133
	icmpAdvertise    = 136
	portsDHCP        = 68<<16 | 67
	portsDHCPv6      = 546<<16 | 547
	offsetSource4    = 12
	offsetSource6    = 8
	offsetDest6      = 24
	afterRegister1   = unix.NFT_REG32_01 // the 4 bytes behind an IPv4 address in register 1
	afterRegister1x2 = unix.NFT_REG32_02
	afterIPv6        = unix.NFT_REG_2 // the 4 bytes behind an IPv6 address in register 1
	afterIPv6x2      = unix.NFT_REG32_05
)

// ruleExprs returns a rule as the kernel has it.
func ruleExprs(r plan.FirewallRule) ([]nftAttr, error) {
	var exprs []nftAttr
	for _, word := range r {
		e := wordExprs(word)
		if e == nil {
			return nil, config.Errorf(config.CodeInvalidConfig, "write rule %q: no such words", word)
		}
		exprs = append(exprs, e...)
	}
	return exprs, nil
}

// wordExprs returns the kernel's form of one word group of plan's rules, nil
// if there is none.
func wordExprs(word string) []nftAttr {
	if chain, ok := strings.CutPrefix(word, "goto "); ok {
		return []nftAttr{verdict(nftGoto, chain)}
	}
	switch word {
	case "accept":
		return []nftAttr{verdict(nfAccept, "")}
	case "drop":
		return []nftAttr{verdict(nfDrop, "")}
	case "return":
		return []nftAttr{verdict(nftReturn, "")}
	case "masquerade":
		return []nftAttr{expr("masq")}
	case "iifname @links":
		return []nftAttr{meta(unix.NFT_META_IIFNAME, 1), lookup("links", 0)}
	case "iifname != @links":
		return []nftAttr{meta(unix.NFT_META_IIFNAME, 1), lookup("links", unix.NFT_LOOKUP_F_INV)}
	case "oifname @links":
		return []nftAttr{meta(unix.NFT_META_OIFNAME, 1), lookup("links", 0)}
	case `meta iifkind "vrf"`:
		return []nftAttr{meta(metaIIFKind, 1), compare(unix.NFT_CMP_EQ, padded(plan.KindVRF))}
	case `meta oifkind "vrf"`:
		return []nftAttr{meta(metaOIFKind, 1), compare(unix.NFT_CMP_EQ, padded(plan.KindVRF))}
	case "ct state established,related":
		return []nftAttr{
			expr("ct", nftNumber(unix.NFTA_CT_DREG, 1), nftNumber(unix.NFTA_CT_KEY, unix.NFT_CT_STATE)),
			mask(nl.Uint32Attr(ctEstablished | ctRelated)),
			compare(unix.NFT_CMP_NEQ, make([]byte, 4)),
		}
	case "ct original zone set jhash iif mod 65535 seed 0x1 offset 1":
		return zoneExprs()
	case "fib saddr . iif oif 0":
		return []nftAttr{
			expr("fib", nftNumber(unix.NFTA_FIB_DREG, 1), nftNumber(unix.NFTA_FIB_RESULT, unix.NFT_FIB_RESULT_OIF), nftNumber(unix.NFTA_FIB_FLAGS, unix.NFTA_FIB_F_SADDR|unix.NFTA_FIB_F_IIF)),
			compare(unix.NFT_CMP_EQ, make([]byte, 4)),
		}
	}
	return packetExprs(word)
}

// packetExprs is wordExprs for what a packet says.
func packetExprs(word string) []nftAttr {
	switch word {
	case "icmpv6 type 133-136":
		return slices.Concat(ofFamily(unix.NFPROTO_IPV6), ofProtocol(unix.IPPROTO_ICMPV6), []nftAttr{
			payload(1, unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1),
			compare(unix.NFT_CMP_GTE, []byte{icmpSolicit}), compare(unix.NFT_CMP_LTE, []byte{icmpAdvertise}),
		})
	case "udp sport 68 udp dport 67":
		return udpPorts(portsDHCP)
	case "udp sport 546 udp dport 547":
		return udpPorts(portsDHCPv6)
	case "ip saddr 0.0.0.0":
		return append(source4(), compare(unix.NFT_CMP_EQ, make([]byte, 4)))
	case "ip6 saddr fe80::/10":
		return append(address6(offsetSource6), inLinkLocal(unix.NFT_CMP_EQ)...)
	case "ip6 daddr != fe80::/10":
		return append(address6(offsetDest6), inLinkLocal(unix.NFT_CMP_NEQ)...)
	case "ip saddr @masq4":
		return append(source4(), lookup("masq4", 0))
	case "ip6 saddr @masq6":
		return append(address6(offsetSource6), lookup("masq6", 0))
	case "ip saddr @closed4":
		return append(source4(), lookup("closed4", 0))
	case "ip6 saddr @closed6":
		return append(address6(offsetSource6), lookup("closed6", 0))
	case "ip6 daddr @closed6":
		return append(address6(offsetDest6), lookup("closed6", 0))
	case "ip saddr . meta l4proto . th dport @open4":
		return append(source4(), service("open4", afterRegister1, afterRegister1x2)...)
	case "ip6 saddr . meta l4proto . th dport @open6":
		return append(address6(offsetSource6), service("open6", afterIPv6, afterIPv6x2)...)
	case "ip6 daddr . meta l4proto . th dport @open6":
		return append(address6(offsetDest6), service("open6", afterIPv6, afterIPv6x2)...)
	}
	return nil
}

// expr returns an expression of a rule.
func expr(name string, data ...nftAttr) nftAttr {
	return nest(unix.NFTA_LIST_ELEM, nftText(unix.NFTA_EXPR_NAME, name), nftAttr{kind: unix.NFTA_EXPR_DATA, inner: append([]nftAttr{}, data...)})
}

func meta(key, register uint32) nftAttr {
	return expr("meta", nftNumber(unix.NFTA_META_KEY, key), nftNumber(unix.NFTA_META_DREG, register))
}

func payload(register, base, offset, length uint32) nftAttr {
	return expr("payload", nftNumber(unix.NFTA_PAYLOAD_DREG, register), nftNumber(unix.NFTA_PAYLOAD_BASE, base), nftNumber(unix.NFTA_PAYLOAD_OFFSET, offset), nftNumber(unix.NFTA_PAYLOAD_LEN, length))
}

// compare compares register 1 with a value.
func compare(op uint32, value []byte) nftAttr {
	return expr("cmp", nftNumber(unix.NFTA_CMP_SREG, 1), nftNumber(unix.NFTA_CMP_OP, op), nftData(unix.NFTA_CMP_DATA, value))
}

// mask clears all bits of register 1 but these.
func mask(bits []byte) nftAttr {
	return expr("bitwise", nftNumber(unix.NFTA_BITWISE_SREG, 1), nftNumber(unix.NFTA_BITWISE_DREG, 1), nftNumber(unix.NFTA_BITWISE_LEN, uint32(len(bits))),
		nftData(unix.NFTA_BITWISE_MASK, bits), nftData(unix.NFTA_BITWISE_XOR, make([]byte, len(bits))))
}

// lookup looks for register 1, and what is behind it, in a set.
func lookup(set string, flags uint32) nftAttr {
	return expr("lookup", nftText(unix.NFTA_LOOKUP_SET, set), nftNumber(unix.NFTA_LOOKUP_SREG, 1), nftNumber(unix.NFTA_LOOKUP_FLAGS, flags))
}

// Verdicts of include/uapi/linux/netfilter.h and nf_tables.h.
const (
	nfDrop    = 0
	nfAccept  = 1
	nftGoto   = -4
	nftReturn = -5
)

func verdict(code int32, chain string) nftAttr {
	v := []nftAttr{nftNumber(unix.NFTA_VERDICT_CODE, uint32(code))}
	if chain != "" {
		v = append(v, nftText(unix.NFTA_VERDICT_CHAIN, chain))
	}
	return expr("immediate", nftNumber(unix.NFTA_IMMEDIATE_DREG, unix.NFT_REG_VERDICT), nest(unix.NFTA_IMMEDIATE_DATA, nest(unix.NFTA_DATA_VERDICT, v...)))
}

// zoneExprs hash the ifindex, which is 32 bits, into a zone, which is 16, and
// never 0. The seed is fixed: a link keeps its zone when the table is made
// anew.
func zoneExprs() []nftAttr {
	return []nftAttr{
		meta(unix.NFT_META_IIF, unix.NFT_REG_2),
		expr("hash", nftNumber(unix.NFTA_HASH_SREG, unix.NFT_REG_2), nftNumber(unix.NFTA_HASH_DREG, 1), nftNumber(unix.NFTA_HASH_LEN, 4),
			nftNumber(unix.NFTA_HASH_MODULUS, hashModulus), nftNumber(unix.NFTA_HASH_SEED, hashSeed), nftNumber(unix.NFTA_HASH_OFFSET, 1), nftNumber(unix.NFTA_HASH_TYPE, 0)),
		expr("ct", nftNumber(unix.NFTA_CT_KEY, unix.NFT_CT_ZONE), nftAttr{kind: unix.NFTA_CT_DIRECTION, data: []byte{ctDirOriginal}}, nftNumber(unix.NFTA_CT_SREG, 1)),
	}
}

func ofFamily(family byte) []nftAttr {
	return []nftAttr{meta(unix.NFT_META_NFPROTO, 1), compare(unix.NFT_CMP_EQ, []byte{family})}
}

func ofProtocol(protocol byte) []nftAttr {
	return []nftAttr{meta(unix.NFT_META_L4PROTO, 1), compare(unix.NFT_CMP_EQ, []byte{protocol})}
}

func udpPorts(ports uint32) []nftAttr {
	return append(ofProtocol(unix.IPPROTO_UDP), payload(1, unix.NFT_PAYLOAD_TRANSPORT_HEADER, 0, 4),
		compare(unix.NFT_CMP_EQ, nftNumber(0, ports).data))
}

// source4 loads an IPv4 packet's source into register 1.
func source4() []nftAttr {
	return append(ofFamily(unix.NFPROTO_IPV4), payload(1, unix.NFT_PAYLOAD_NETWORK_HEADER, offsetSource4, 4))
}

// address6 loads one of an IPv6 packet's addresses into register 1.
func address6(offset uint32) []nftAttr {
	return append(ofFamily(unix.NFPROTO_IPV6), payload(1, unix.NFT_PAYLOAD_NETWORK_HEADER, offset, 16))
}

// inLinkLocal compares the IPv6 address in register 1 with fe80::/10.
func inLinkLocal(op uint32) []nftAttr {
	bits, prefix := [16]byte{0xff, 0xc0}, netip.MustParseAddr("fe80::").As16()
	return []nftAttr{mask(bits[:]), compare(op, prefix[:])}
}

// service looks for the address in register 1, the protocol and the port in a
// set.
func service(set string, second, third uint32) []nftAttr {
	return []nftAttr{meta(unix.NFT_META_L4PROTO, second), payload(third, unix.NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2), lookup(set, 0)}
}

// padded returns a name as long as the kernel compares it.
func padded(name string) []byte { return append([]byte(name), make([]byte, ifKindSize-len(name))...) }
