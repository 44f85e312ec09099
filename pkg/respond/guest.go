package respond

import (
	"net/netip"
	"strings"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// guestOf is who asks on a link, with its network's settings.
func guestOf(a *plan.Answering, network answer.Network) *answer.Guest {
	network.MTU = a.MTU
	return &answer.Guest{LLAddr: a.Guest, Gateway: a.LLAddr, Addrs: a.Addrs, Name: hostName(a.VMName), Network: network}
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
	n := answer.Network{Domain: req.DNS.Domain, Search: req.DNS.Search}
	for _, s := range req.DNS.Nameservers {
		if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
			n.DNS = append(n.DNS, a)
		}
	}
	for _, r := range req.Routes {
		n.Routes = append(n.Routes, answer.Route{Dst: r.Dst, Gateway: r.GW})
	}
	return n
}
