package e2e

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// TestAttackSpoof: packets from addresses that are not the guest's, by its own
// gateway to everybody. Of IPv4 rp_filter takes only the guest's; IPv6 has no
// such thing, so there the guard has it all to do.
func TestAttackSpoof(t *testing.T) {
	for _, b := range []builder{{}, {hostile: `"local": true`}} {
		b.suffer(t, []attack{
			{"IPv4 from a peer's address", "one rdomain", (*town).as4Peer, nil, "nothing", "nothing"},
			{"IPv4 from the host's addresses", "one rdomain", (*town).as4Host, nil, "nothing", "nothing"},
			{"IPv4 from an address outside, and from nobody's", "one rdomain", (*town).as4Outside, nil, "nothing", "nothing"},
			{"IPv4 from 127.0.0.1, 0.0.0.0, broadcast and multicast addresses", "one rdomain", (*town).as4Martians, nil, "nothing", "nothing"},
			{"IPv6 from a peer's address", "one rdomain", (*town).as6Peer, nil, "peer, stranger, fellow, tenant, plain, the host, outside", "nothing"},
			{"IPv6 from the host's addresses", "one rdomain", (*town).as6Host, nil, "peer, stranger, fellow, tenant, plain, the host, outside", "nothing"},
			{"IPv6 from an address outside, and from nobody's", "one rdomain", (*town).as6Outside, nil, "peer, stranger, fellow, tenant, plain, the host, outside", "nothing"},
			{"IPv6 from ::1, ::, multicast and IPv4-mapped addresses", "one rdomain", (*town).as6Martians, nil, "peer, stranger, fellow, tenant, plain, the host, outside", "nothing"},
		})
	}
	builder{sysctls: "net.ipv4.conf.all.rp_filter=2"}.suffer(t, []attack{
		{"IPv4 from a peer's address", "one rdomain, `all.rp_filter` 2", (*town).as4Peer, nil, "peer, stranger, fellow, tenant, plain, the host, outside", "nothing"},
		{"IPv4 from the host's addresses", "one rdomain, `all.rp_filter` 2", (*town).as4Host, nil, "nothing", "nothing"},
	})
}

// TestAttackSpoofInRDomains is the same where rdomains are apart. That an address
// has no route there is said before rp_filter is asked, to whom the source names.
func TestAttackSpoofInRDomains(t *testing.T) {
	builder{rdomains: true, more: hidden}.suffer(t, []attack{
		{"IPv4 from a peer's address", "rdomains, `moveLocalRule`", (*town).as4Peer, nil, "peer", "nothing"},
		{"IPv4 from the host's addresses", "rdomains, `moveLocalRule`", (*town).as4Host, nil, "nothing", "nothing"},
		{"IPv4 from an address outside, and from nobody's", "rdomains, `moveLocalRule`", (*town).as4Outside, nil, "nothing", "nothing"},
		{"IPv4 from 127.0.0.1, 0.0.0.0, broadcast and multicast addresses", "rdomains, `moveLocalRule`", (*town).as4Martians, nil, "nothing", "nothing"},
		{"IPv6 from a peer's address", "rdomains, `moveLocalRule`", (*town).as6Peer, nil, "peer, fellow, its rdomain's sockets", "nothing"},
		{"IPv6 from the host's addresses", "rdomains, `moveLocalRule`", (*town).as6Host, nil, "peer, fellow, its rdomain's sockets", "nothing"},
		{"IPv6 from an address outside, and from nobody's", "rdomains, `moveLocalRule`", (*town).as6Outside, nil, "peer, fellow, its rdomain's sockets", "nothing"},
		{"IPv6 from ::1, ::, multicast and IPv4-mapped addresses", "rdomains, `moveLocalRule`", (*town).as6Martians, nil, "peer, fellow, its rdomain's sockets", "nothing"},
	})
}

// as sends to everybody of the sources' family.
func (tn *town) as(mark string, sources ...netip.Addr) [][]byte {
	var all [][]byte
	for _, src := range sources {
		for _, dst := range append(tn.everybody(), gateways(tn.config)...) {
			if dst.Is4() != src.Is4() || slices.Contains(sources, dst) {
				continue
			}
			for _, p := range volley(src, dst, mark) {
				all = append(all, guest.Ethernet{Dst: tn.router(), Src: tn.LLAddr(), Type: p.EtherType(), Payload: p.Marshal()}.Marshal())
			}
		}
	}
	return all
}

func parsed(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, s := range texts {
		all = append(all, netip.MustParseAddr(s))
	}
	return all
}

func (tn *town) as4Peer(mark string) [][]byte {
	return tn.as(mark, tn.other("peer").config.Addr4.Addr())
}

func (tn *town) as4Host(mark string) [][]byte {
	return tn.as(mark, parsed(hostAddr4, "192.0.2.1", tn.config.Gateway4.String())...)
}

func (tn *town) as4Outside(mark string) [][]byte {
	return tn.as(mark, parsed(outAddr4, "192.0.2.2", "10.9.8.7", "100.64.63.3")...)
}

func (tn *town) as4Martians(mark string) [][]byte {
	return tn.as(mark, parsed("127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1")...)
}

func (tn *town) as6Peer(mark string) [][]byte {
	return tn.as(mark, tn.other("peer").config.Addr6.Addr())
}

func (tn *town) as6Host(mark string) [][]byte {
	return tn.as(mark, parsed(hostAddr6, "2001:db8::1", tn.config.Gateway6.String())...)
}

func (tn *town) as6Outside(mark string) [][]byte {
	return tn.as(mark, parsed(outAddr6, "2001:db8::2", "2001:db8:9::9", "fd00::6440:3f03:0:2")...)
}

func (tn *town) as6Martians(mark string) [][]byte {
	return tn.as(mark, parsed("::1", "::", "ff02::1", "::ffff:127.0.0.1")...)
}
