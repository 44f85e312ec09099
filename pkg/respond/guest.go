package respond

import (
	"net/netip"
	"strings"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// localGuest is who asks on the link of a local interface.
func localGuest(a *plan.Answering, network answer.Network) *answer.Guest {
	g := &answer.Guest{
		LLAddr: a.Guest, Gateway: a.LLAddr, Name: hostName(a.VMName), Network: network,
		Addr4:   netip.PrefixFrom(a.Addrs.Guest4, localBits4),
		Server4: a.Addrs.Host4, Router4: a.Addrs.Host4,
	}
	if a.Addrs.Host6.IsValid() {
		g.Addr6 = netip.PrefixFrom(a.Addrs.Guest6, localBits6)
		g.Server6, g.Router6 = vmid.GatewayLinkLocal(a.Addrs.Host6), a.Addrs.Host6
	}
	g.MTU = a.MTU
	return g
}

// Bits of the prefixes in which a guest with a local interface and its host are.
const (
	localBits4 = 31
	localBits6 = 96
)

// leasedGuest is who asks on another link, with the network's settings and the
// router that has the gateway's IPv6 address, if that is on this node.
func leasedGuest(link *plan.Answering, a *attachment, network answer.Network, router *plan.Router) *answer.Guest {
	g := a.Guest
	g.Network = network
	g.MTU = link.MTU
	g.Gateway, g.Server6 = link.LLAddr, link.LLAddr.LinkLocal()
	if router != nil {
		g.Gateway, g.Server6 = router.LLAddr, router.LinkLocal
	} else {
		g.Router6 = netip.Addr{} // who has it says so itself
	}
	return &g
}

// hostName is the part of a VM's name that can be a host's, "" if it cannot: a
// label of letters, digits and '-' (RFC 1123).
func hostName(vm string) string {
	name := vm[strings.LastIndex(vm, "/")+1:]
	const longest = 63
	if name == "" || len(name) > longest || strings.Trim(name, "-") != name {
		return ""
	}
	for _, c := range []byte(name) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return ""
		}
	}
	return name
}

// settingsOf is what a network's configuration says to its guests.
func settingsOf(req *config.Request) answer.Network {
	n := answer.Network{DNS: addrsOf(req.DNS.Nameservers), Domain: req.DNS.Domain, Search: req.DNS.Search, NTP: req.NTP}
	for _, r := range req.Routes {
		n.Routes = append(n.Routes, answer.Route{Dst: r.Dst, Gateway: r.GW})
	}
	return n
}

// addrsOf are those of some words that are addresses.
func addrsOf(words []string) (all []netip.Addr) {
	for _, s := range words {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			all = append(all, a)
		}
	}
	return all
}
