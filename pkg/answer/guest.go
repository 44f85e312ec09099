package answer

import (
	"net/netip"
	"time"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Guest is what one guest is told.
type Guest struct {
	LLAddr  vmid.LLAddr  // of the guest's NIC
	Gateway vmid.LLAddr  // of the link that answers
	Addr4   netip.Prefix // the guest's, invalid without IPv4
	Server4 netip.Addr   // who answers, the default router's address if there is one
	Router4 netip.Addr   // the default router, invalid for none
	Addr6   netip.Prefix // the guest's, invalid without IPv6
	Server6 netip.Addr   // who answers, a link-local address
	Router6 netip.Addr   // the default router as the network names it, invalid for none
	Name    string       // its host name, "" for none
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

// forever is the lifetime that DHCP and router advertisements take for no end.
const forever = 0xffffffff * time.Second

// of returns the addresses of one family.
func of(addrs []netip.Addr, is func(netip.Addr) bool) (some []netip.Addr) {
	for _, a := range addrs {
		if is(a) {
			some = append(some, a)
		}
	}
	return some
}
