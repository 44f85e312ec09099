package answer

import (
	"net/netip"
	"time"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Guest is what one guest is told. Without IPv6, Addrs.Host6 and Guest6 are
// invalid.
type Guest struct {
	LLAddr  vmid.LLAddr // of the guest's NIC
	Gateway vmid.LLAddr // of the link that answers
	Addrs   vmid.Addrs
	Name    string // its host name, "" for none
	Network
}

// Network are the settings of a network, the same for all guests on it.
type Network struct {
	MTU    int // in bytes, 0 to say nothing of it
	DNS    []netip.Addr
	Domain string
	Search []string
	NTP    []netip.Addr
	Routes []Route // beside the default routes
}

// Route is one that the guest is to have. Without a gateway it goes by the
// guest's default one.
type Route struct {
	Dst     netip.Prefix
	Gateway netip.Addr
}

// Bits of the prefixes in which a guest and its host are, those of the address
// scheme.
const (
	prefixBits4 = 31
	prefixBits6 = 96
)

// forever is the lifetime that DHCP and router advertisements take for no end.
const forever = 0xffffffff * time.Second

// linkLocal is the gateway's own link-local address.
func (g *Guest) linkLocal() netip.Addr { return vmid.GatewayLinkLocal(g.Addrs.Host6) }

// hasIPv6 reports whether the guest has an IPv6 address.
func (g *Guest) hasIPv6() bool { return g.Addrs.Host6.IsValid() }

// of returns the addresses of one family.
func of(addrs []netip.Addr, is func(netip.Addr) bool) (some []netip.Addr) {
	for _, a := range addrs {
		if is(a) {
			some = append(some, a)
		}
	}
	return some
}
