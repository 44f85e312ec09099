package plan

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
)

// FirewallTable is the name of vmtap's nftables table, of family inet. There
// is one for all networks of a node.
const FirewallTable = "vmtap"

// Firewall is what vmtap's nftables table holds: NAT and limits by guests'
// prefixes, nothing per VM. The zero Firewall is no table.
type Firewall struct {
	Masq   []netip.Prefix // sources to translate
	Closed []netip.Prefix // guests that may not open anything on the host
	Open   []Opening      // but this

	// What is made of that, see complete.
	Links  []string // how the links are named that vmtap makes, in nft's words
	Sets   []string // the sets that the chains look into, by name
	Chains []Chain
}

// Opening is what guests of a closed prefix may open on the host.
type Opening struct {
	From        netip.Prefix
	Protocol    uint8  // of IP
	First, Last uint16 // ports, both included; 0-65535 where the protocol has none
}

// The protocols of Openings (IANA's protocol numbers).
const (
	ProtocolICMP   = 1
	ProtocolTCP    = 6
	ProtocolUDP    = 17
	ProtocolICMPv6 = 58
)

// IsZero reports whether there is no table.
func (f *Firewall) IsZero() bool { return len(f.Chains) == 0 && len(f.Sets) == 0 }

// keys are the prefixes by which a network's guests are known: their IPv4
// addresses; their IPv6 ones, which hold P4 after the first 64 bits of P6; and
// the link-local addresses of their gateways, which hold it, too.
type keys struct{ v4, v6, linkLocal netip.Prefix }

func keysOf(local *config.Local) keys {
	k := keys{v4: local.Scheme.Prefix4()}
	if p6 := local.Scheme.Prefix6(); p6.IsValid() {
		k.v6 = embed(p6.Addr(), k.v4)
		k.linkLocal = embed(linkLocalPrefix().Addr(), k.v4)
	}
	return k
}

// linkLocalPrefix is that of link-local addresses (RFC 4291).
func linkLocalPrefix() netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0xfe, 0x80}), 10)
}

// embed returns the first 64 bits of an IPv6 address, followed by those of an
// IPv4 prefix.
func embed(first netip.Addr, p4 netip.Prefix) netip.Prefix {
	b, a4 := first.As16(), p4.Addr().As4()
	clear(b[8:])
	copy(b[8:], a4[:])
	return netip.PrefixFrom(netip.AddrFrom16(b), 64+p4.Bits())
}

// sources are the prefixes that guests send from.
func (k keys) sources() []netip.Prefix { return valid(k.v4, k.v6) }

// all are the prefixes that limits hold for.
func (k keys) all() []netip.Prefix { return valid(k.v4, k.v6, k.linkLocal) }

func valid(ps ...netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(ps, func(p netip.Prefix) bool { return !p.IsValid() })
}

// WithFirewall returns what the table is to hold when a request's network has
// what it wants. It replaces what is there for the same prefixes, and leaves
// all else. A request that wants nothing, and meets nothing of its prefixes,
// changes nothing: so without NAT and limits there is never a table.
func WithFirewall(f *Firewall, req *config.Request) Firewall {
	next := Firewall{Masq: slices.Clone(f.Masq), Closed: slices.Clone(f.Closed), Open: slices.Clone(f.Open)}
	if req.Local != nil {
		k := keysOf(req.Local)
		for _, p := range k.sources() {
			next.masquerade(p, req.IPMasq)
		}
		if req.RDomain == 0 {
			for _, p := range k.all() {
				next.limit(p, req.HostAccess)
			}
		}
	}
	next.Sort()
	if !f.IsZero() || len(next.Masq)+len(next.Closed) > 0 {
		next.complete()
	}
	return next
}

func (f *Firewall) masquerade(p netip.Prefix, wanted bool) {
	if wanted && covers(f.Masq, p) {
		return
	}
	f.Masq = without(f.Masq, p)
	if wanted {
		f.Masq = append(f.Masq, p)
	}
}

func (f *Firewall) limit(p netip.Prefix, h config.HostAccess) {
	open := openings(p, h)
	i := slices.IndexFunc(f.Closed, func(c netip.Prefix) bool { return contains(c, p) })
	if h.Limited && i >= 0 && slices.Equal(f.openingsOf(f.Closed[i]), openings(f.Closed[i], h)) {
		return
	}
	f.Closed = without(f.Closed, p)
	f.Open = slices.DeleteFunc(f.Open, func(o Opening) bool { return o.From.Overlaps(p) })
	if h.Limited {
		f.Closed = append(f.Closed, p)
		f.Open = append(f.Open, open...)
	}
}

func (f *Firewall) openingsOf(closed netip.Prefix) []Opening {
	var all []Opening
	for _, o := range f.Open {
		if o.From == closed {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, compareOpenings)
	return all
}

// openings returns what a hostAccess lets guests of a prefix open, in order.
func openings(from netip.Prefix, h config.HostAccess) []Opening {
	var all []Opening
	if h.ICMP {
		o := Opening{From: from, Protocol: ProtocolICMP, Last: 65535}
		if from.Addr().Is6() {
			o.Protocol = ProtocolICMPv6
		}
		all = append(all, o)
	}
	for _, p := range h.Ports {
		o := Opening{From: from, Protocol: ProtocolTCP, First: p.Number, Last: p.Number}
		if p.Protocol == "udp" {
			o.Protocol = ProtocolUDP
		}
		all = append(all, o)
	}
	slices.SortFunc(all, compareOpenings)
	return all
}

// contains reports whether all of an inner prefix lies in an outer one.
func contains(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

func covers(outer []netip.Prefix, inner netip.Prefix) bool {
	return slices.ContainsFunc(outer, func(o netip.Prefix) bool { return contains(o, inner) })
}

// without returns the prefixes that have nothing in common with p.
func without(ps []netip.Prefix, p netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(ps, p.Overlaps)
}

// Sort puts the elements into one order for all.
func (f *Firewall) Sort() {
	slices.SortFunc(f.Masq, comparePrefixes)
	slices.SortFunc(f.Closed, comparePrefixes)
	slices.SortFunc(f.Open, compareOpenings)
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func compareOpenings(a, b Opening) int {
	return cmp.Or(comparePrefixes(a.From, b.From), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
}
