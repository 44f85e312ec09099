package e2e

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
)

// TestAttackMulticast: multicast and broadcast end at the switch, and on a
// link without one at the host, which is in few groups.
func TestAttackMulticast(t *testing.T) {
	builder{}.suffer(t, []attack{
		{"multicast to all hosts, all routers, mDNS and groups of wider scope", "one rdomain, switch", (*town).toGroups, nil, "peer, stranger", "peer, stranger"},
		{"broadcast", "one rdomain, switch", (*town).toBroadcast, nil, "peer, stranger", "peer, stranger"},
		{"multicast and broadcast by its gateway's MAC", "one rdomain, switch", (*town).toGroupsByGateway, nil, "the host, its gateway", "the host, its gateway"},
		{"IGMP and MLD queries", "one rdomain, switch", nil, sendsQueries, "peer, stranger", "nothing"},
	})
	builder{}.suffer(t, []attack{
		{"an MLD query, after which a neighbour that never joined a group is sought", "one rdomain, switch", nil, becomesQuerier, "a neighbour is not found", "nothing"},
	})
	builder{hostile: `"local": true`}.suffer(t, []attack{
		{"multicast to all hosts, all routers, mDNS and groups of wider scope", "one rdomain, no switch", (*town).toGroups, nil, "the host, its gateway", "the host, its gateway"},
		{"broadcast", "one rdomain, no switch", (*town).toBroadcast, nil, "the host", "the host"},
	})
}

// TestAttackMulticastInRDomains is the same where rdomains are apart.
func TestAttackMulticastInRDomains(t *testing.T) {
	builder{rdomains: true}.suffer(t, []attack{
		{"multicast to all hosts, all routers, mDNS and groups of wider scope", "rdomains, switch", (*town).toGroups, nil, "peer, stranger", "peer, stranger"},
		{"broadcast", "rdomains, switch", (*town).toBroadcast, nil, "peer, stranger", "peer, stranger"},
		{"multicast and broadcast by its gateway's MAC", "rdomains, switch", (*town).toGroupsByGateway, nil, "its rdomain's sockets, its gateway", "its rdomain's sockets, its gateway"},
	})
	builder{rdomains: true, hostile: `"local": true, "rdomain": 10`}.suffer(t, []attack{
		{"multicast to all hosts, all routers, mDNS and groups of wider scope", "rdomains, no switch", (*town).toGroups, nil, "its rdomain's sockets, its gateway", "its rdomain's sockets, its gateway"},
		{"broadcast", "rdomains, no switch", (*town).toBroadcast, nil, "its rdomain's sockets", "its rdomain's sockets"},
	})
}

// groups are all hosts, all routers, mDNS, and groups that routers may pass on.
func groups() []netip.Addr {
	return parsed("224.0.0.1", "224.0.0.2", "224.0.0.251", "239.1.2.3", "ff02::1", "ff02::2", "ff02::fb", "ff05::2", "ff0e::123")
}

// groupMAC is the MAC of a group of either family (RFC 1112, 6.4).
func groupMAC(group netip.Addr) guest.MAC {
	if group.Is6() {
		return guest.MulticastMAC(group)
	}
	b := group.As4()
	return guest.MAC{0x01, 0x00, 0x5e, b[1] & 0x7f, b[2], b[3]}
}

func (tn *town) toGroups(mark string) [][]byte {
	var all [][]byte
	for _, group := range groups() {
		all = append(all, tn.toAll(groupMAC(group), []netip.Addr{group}, mark)...)
		if group.Is6() {
			all = append(all, tn.frames(groupMAC(group), volley(tn.LinkLocal(), group, mark)...)...)
		}
	}
	return all
}

func (tn *town) toBroadcast(mark string) [][]byte {
	return tn.toAll(guest.Broadcast, []netip.Addr{broadcast, netip.MustParseAddr("192.0.2.255")}, mark)
}

func (tn *town) toGroupsByGateway(mark string) [][]byte {
	return tn.toAll(tn.router(), append(groups(), broadcast, netip.MustParseAddr("192.0.2.255")), mark)
}

// IGMP (RFC 3376), MLD (RFC 2710).
const (
	protocolIGMP = 2
	igmpQuery    = 0x11
	mldQuery     = 130
)

// igmp is a message about a group.
func igmp(src netip.Addr, kind byte, group, dst netip.Addr) guest.IP {
	b := append([]byte{kind, 1, 0, 0}, group.AsSlice()...)
	sum := uint32(b[0])<<8 + uint32(b[1]) + uint32(b[4])<<8 + uint32(b[5]) + uint32(b[6])<<8 + uint32(b[7])
	sum = sum&0xffff + sum>>16
	b[2], b[3] = byte(^sum>>8), byte(^sum)
	return guest.IP{Src: src, Dst: dst, TTL: 1, Protocol: protocolIGMP, Payload: b}
}

// mld is a message about a group, behind a router alert as it must be.
func mld(src netip.Addr, kind byte, group, dst netip.Addr) guest.IP {
	p := guest.ICMP{Type: kind, Rest: [4]byte{0, 1}, Body: group.AsSlice()}.Packet(src, dst, 1)
	p.Payload = append([]byte{p.Protocol, 0, 5, 2, 0, 0, 1, 0}, p.Payload...)
	p.Protocol = 0
	return p
}

func (tn *town) queries() [][]byte {
	all4, all6 := netip.MustParseAddr("224.0.0.1"), netip.IPv6LinkLocalAllNodes()
	return [][]byte{
		tn.frame(groupMAC(all4), igmp(tn.source(all4), igmpQuery, netip.IPv4Unspecified(), all4)),
		tn.frame(groupMAC(all6), mld(tn.LinkLocal(), mldQuery, netip.IPv6Unspecified(), all6)),
	}
}

func sendsQueries(t *testing.T, tn *town) string {
	return tn.given(t, tn.queries(), func(p guest.Packet) bool { return p.Src == tn.LLAddr() && p.Dst.Group() })
}

// becomesQuerier makes the bridge believe that somebody asks who is in which
// group. From then on it passes packets of groups to who said so, and a guest
// that has not cannot be found by its neighbours.
func becomesQuerier(t *testing.T, tn *town) string {
	peer, silent := tn.other("peer"), tn.other("stranger")
	target := silent.config.Addr6.Addr()
	wantClaimants(t, peer.Guest, target, silent.LLAddr())
	for _, f := range tn.queries() {
		if err := tn.Send(f); err != nil {
			t.Fatal(err)
		}
	}
	// The bridge waits for the answers, for as long as the query says.
	time.Sleep(silence)
	who, err := peer.Solicit(target, silence)
	if err != nil {
		t.Fatal(err)
	}
	if len(who) == 0 {
		return "a neighbour is not found"
	}
	return nobody
}
