package e2e

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// Numbers of packets of a scan. Linux keeps 1,024 neighbours at most, those of
// all namespaces together: a scan that is known to make an entry of each
// address sends few, since others need some, too.
const (
	scanned = 100_000
	tried   = 20_000
	shown   = 50
)

// eachStays is what a scan achieves that fills the node's neighbour table.
const eachStays = "an entry for each address"

// TestAttackScan: a guest sends to 100,000 addresses. The node's neighbours
// then are those that it may have, see legitimate, and no other.
func TestAttackScan(t *testing.T) {
	builder{}.suffer(t, []attack{
		{"packets to 100,000 IPv4 addresses off-link", "one rdomain, an uplink", nil, scan(scanned, "10.0.0.0"), "nothing", "nothing"},
		{"packets to 20,000 addresses of the guests' prefix", "one rdomain, an uplink", nil, scan(tried, "100.65.0.0"), "nothing", "nothing"},
		{"20,000 packets to its own /31", "one rdomain, an uplink", nil, scanOwn4, "nothing", "nothing"},
		{"packets to 20,000 IPv6 addresses off-link", "one rdomain, an uplink", nil, scan(tried, "2001:db8:ff::"), "nothing", "nothing"},
		{"packets to 100,000 addresses of its own /96", "one rdomain, an uplink", nil, scanOwn6, "nothing", "nothing"},
		{"packets to 20,000 addresses of another VM's /96", "one rdomain, an uplink", nil, scanPeer6, "nothing", "nothing"},
		{"ARP requests from 20,000 addresses", "one rdomain, an uplink", nil, asksFrom4, "nothing", "nothing"},
		{"neighbour solicitations from 50 global addresses", "one rdomain, an uplink", nil, asksFrom("2001:db8:fe::"), "an entry for each address", "nothing"},
		{"neighbour solicitations from 50 link-local addresses", "one rdomain, an uplink", nil, asksFrom("fe80::"), "an entry for each address", "nothing"},
		{"router solicitations from 50 link-local addresses", "one rdomain, an uplink", nil, routersFrom("fe80::1:0:0"), "an entry for each address", "nothing"},
		{"packets to 50 addresses of the uplink's own IPv4 prefix", "one rdomain, an uplink", nil, scan(shown, "192.0.2.8"), "an entry for each address", "an entry for each address"},
		{"packets to 50 addresses of the uplink's own IPv6 prefix", "one rdomain, an uplink", nil, scan(shown, "2001:db8::1000"), "an entry for each address", "an entry for each address"},
	})
}

// TestAttackScanInRDomains is the same from an rdomain that has no uplink.
func TestAttackScanInRDomains(t *testing.T) {
	builder{rdomains: true}.suffer(t, []attack{
		{"packets to 100,000 IPv4 addresses off-link", "rdomains", nil, scan(scanned, "10.0.0.0"), "nothing", "nothing"},
		{"packets to 100,000 addresses of its own /96", "rdomains", nil, scanOwn6, "nothing", "nothing"},
		{"packets to 50 addresses of the uplink's own IPv4 prefix", "rdomains", nil, scan(shown, "192.0.2.8"), "nothing", "nothing"},
		{"packets to 50 addresses of the uplink's own IPv6 prefix", "rdomains", nil, scan(shown, "2001:db8::1000"), "nothing", "nothing"},
		{"ARP requests from 20,000 addresses", "rdomains", nil, asksFrom4, "nothing", "nothing"},
		{"neighbour solicitations from 50 global addresses", "rdomains", nil, asksFrom("2001:db8:fe::"), "an entry for each address", "nothing"},
	})
}

// place is an address on a link of the host.
type place struct {
	addr netip.Addr
	link string
}

// legitimate says whether the host may have a neighbour: on a guest's layer 3
// link the guest, by its two addresses and its link-local one; on the uplink
// the router, by its; and the groups in which a host looks for these and
// speaks to others of its kind. So there are at most 3 entries per guest, 3
// per router, and as many groups again.
func (tn *town) legitimate(p place) bool {
	if p.addr.IsMulticast() {
		return true // of those that are sought, see strangers
	}
	for _, r := range append(slices.Clone(tn.others), *tn.resident) {
		if p.link == r.layer3 {
			return slices.Contains(addrs(r.config), p.addr) || p.addr == r.LinkLocal()
		}
	}
	router := parsed("192.0.2.2", "2001:db8::2")
	return p.link == "uplink" && (slices.Contains(router, p.addr) || p.addr == tn.outsideLL)
}

// strangers are the host's neighbours that it need not have. A group is one
// if no neighbour that it may have is sought there.
func (tn *town) strangers(t *testing.T) []place {
	t.Helper()
	wanted := parsed("224.0.0.1", "224.0.0.22", "ff02::1", "ff02::2", "ff02::16")
	for _, l := range links(t, tn.NS) {
		for _, a := range l.Addrs { // the host says that it is in their groups
			if addr := netip.MustParseAddr(a.Local); addr.Is6() {
				wanted = append(wanted, guest.SolicitedNode(addr))
			}
		}
	}
	var groups, rest []place
	for line := range strings.Lines(tn.Run(t, "ip", "neigh", "show", "nud", "all") + tn.Run(t, "ip", "-6", "neigh", "show", "nud", "all")) {
		w := strings.Fields(line)
		if len(w) < 3 || w[2] == "lo" || slices.Contains(w, "PERMANENT") {
			continue
		}
		p := place{netip.MustParseAddr(w[0]), w[2]}
		switch {
		case p.addr.IsMulticast():
			groups = append(groups, p)
		case !tn.legitimate(p):
			rest = append(rest, p)
		case p.addr.Is6():
			wanted = append(wanted, guest.SolicitedNode(p.addr))
		}
	}
	for _, p := range groups {
		if !slices.Contains(wanted, p.addr) {
			rest = append(rest, p)
		}
	}
	slices.SortFunc(rest, func(a, b place) int { return a.addr.Compare(b.addr) })
	return slices.Compact(rest)
}

// remains sends frames and says what they left in the neighbour table.
func (tn *town) remains(t *testing.T, frames int, frame func(i int) []byte) string {
	t.Helper()
	if testing.Short() {
		frames = min(frames, 3000) // the test VM is slow; a full table has a third of that
	}
	before := len(tn.strangers(t))
	for i := range frames {
		if err := tn.Send(frame(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, gateway := range gateways(tn.config) {
		if err := tn.Ping(gateway, answered); err != nil {
			t.Error(err)
		}
	}
	after := tn.strangers(t)
	switch n := len(after) - before; {
	case n <= 0:
		return nobody
	case n >= frames*9/10:
		return eachStays
	default:
		t.Logf("for example %v", after[0])
		return strconv.Itoa(n) + " entries"
	}
}

// nth is an address so far behind another one.
func nth(a netip.Addr, i int) netip.Addr {
	b := a.AsSlice()
	low := b[len(b)-4:]
	binary.BigEndian.PutUint32(low, binary.BigEndian.Uint32(low)+uint32(i))
	n, _ := netip.AddrFromSlice(b)
	return n
}

// probe is a datagram by the guest's own gateway.
func (tn *town) probe(dst netip.Addr) []byte {
	return tn.frame(tn.router(), guest.UDP{SrcPort: 4000, DstPort: 9}.Packet(tn.source(dst), dst))
}

// scan sends to so many addresses from the first one on.
func scan(frames int, first string) func(*testing.T, *town) string {
	a := netip.MustParseAddr(first)
	return func(t *testing.T, tn *town) string {
		return tn.remains(t, frames, func(i int) []byte { return tn.probe(nth(a, i)) })
	}
}

func scanOwn4(t *testing.T, tn *town) string {
	return tn.remains(t, tried, func(i int) []byte { return tn.probe(nth(tn.config.Gateway4, i%2)) })
}

func scanOwn6(t *testing.T, tn *town) string {
	return tn.remains(t, scanned, func(i int) []byte { return tn.probe(nth(tn.config.Gateway6, 2+i)) })
}

func scanPeer6(t *testing.T, tn *town) string {
	peer := tn.other("fellow").config.Gateway6
	return tn.remains(t, tried, func(i int) []byte { return tn.probe(nth(peer, 2+i)) })
}

// asksFrom4 asks for the gateway, each time from another address.
func asksFrom4(t *testing.T, tn *town) string {
	first := netip.MustParseAddr("10.0.0.1")
	return tn.remains(t, tried, func(i int) []byte {
		return tn.arpFrame(tn.router(), guest.ARP{Op: guest.ARPRequest, SenderMAC: tn.LLAddr(), Sender: nth(first, i), Target: tn.config.Gateway4})
	})
}

// asksFrom asks for the gateway, each time from another IPv6 address.
func asksFrom(first string) func(*testing.T, *town) string {
	a := netip.MustParseAddr(first)
	return func(t *testing.T, tn *town) string {
		return tn.remains(t, shown, func(i int) []byte {
			return tn.frame(tn.router(), guest.Solicitation{Target: tn.config.Gateway6, Source: tn.LLAddr()}.Packet(nth(a, 0x1000+i)))
		})
	}
}

// routersFrom asks for routers, each time from another address.
func routersFrom(first string) func(*testing.T, *town) string {
	const typeRouterSolicitation, hops = 133, 255
	a := netip.MustParseAddr(first)
	routers := netip.MustParseAddr("ff02::2")
	return func(t *testing.T, tn *town) string {
		lladdr := tn.LLAddr()
		body := append([]byte{1, 1}, lladdr[:]...)
		return tn.remains(t, shown, func(i int) []byte {
			p := guest.ICMP{Type: typeRouterSolicitation, Body: body}.Packet(nth(a, 0x1000+i), routers, hops)
			return tn.frame(guest.MulticastMAC(routers), p)
		})
	}
}
