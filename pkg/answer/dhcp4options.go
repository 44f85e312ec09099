package answer

import (
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// Sizes of a DHCPv4 message with its IPv4 and UDP headers: what each client
// must take (RFC 2131, section 2), and what goes in one frame.
const (
	leastSize4  = 576
	mostSize4   = 1500
	headersSize = ipv4Len + udpLen
)

// tell4 adds what the network says to an answer: what the guest cannot do
// without first, then the rest, as far as the guest takes it. What it did not
// ask for is told, too: clients leave out of their list what they do not expect.
func (g *Guest) tell4(asked, r *dhcpv4.DHCPv4) {
	r.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(g.Addr4.Bits(), 32)))
	if g.Router4.IsValid() {
		r.UpdateOption(dhcpv4.OptRouter(ip(g.Router4)))
	}
	room := leastSize4
	if size, err := asked.MaxMessageSize(); err == nil {
		room = min(max(room, int(size)), mostSize4)
	}
	if g.MTU > 0 {
		room = min(room, max(g.MTU, leastSize4))
	}
	for _, o := range g.options4() {
		r.UpdateOption(o)
		if headersSize+len(r.ToBytes()) > room {
			r.DeleteOption(o.Code)
		}
	}
}

// options4 are those that can be left out, the first last.
func (g *Guest) options4() (all []dhcpv4.Option) {
	if servers := of(g.DNS, netip.Addr.Is4); len(servers) > 0 {
		all = append(all, dhcpv4.OptDNS(ips(servers)...))
	}
	if g.MTU > 0 {
		all = append(all, dhcpv4.OptGeneric(dhcpv4.OptionInterfaceMTU, binary.BigEndian.AppendUint16(nil, uint16(g.MTU))))
	}
	if routes := g.routes4(); len(routes) > 0 {
		all = append(all, dhcpv4.OptClasslessStaticRoute(routes...))
	}
	if g.Name != "" {
		all = append(all, dhcpv4.OptHostName(g.Name))
	}
	if g.Domain != "" {
		all = append(all, dhcpv4.OptDomainName(g.Domain))
	}
	if len(g.Search) > 0 {
		all = append(all, dhcpv4.OptDomainSearch(&rfc1035label.Labels{Labels: g.Search}))
	}
	if servers := of(g.NTP, netip.Addr.Is4); len(servers) > 0 {
		all = append(all, dhcpv4.OptNTPServers(ips(servers)...))
	}
	return all
}

// routes4 are the network's, with the default route among them: who takes
// classless routes must not look at the router option (RFC 3442). A router that
// is not in the guest's prefix has one of its own, on the link.
func (g *Guest) routes4() (all []*dhcpv4.Route) {
	onLink := netip.IPv4Unspecified()
	via := func(dst netip.Prefix, gateway netip.Addr) {
		if !gateway.IsValid() {
			gateway = onLink
		}
		all = append(all, &dhcpv4.Route{
			Dest:   &net.IPNet{IP: ip(dst.Addr()), Mask: net.CIDRMask(dst.Bits(), 32)},
			Router: ip(gateway),
		})
	}
	if g.Router4.IsValid() && !g.Addr4.Masked().Contains(g.Router4) {
		via(netip.PrefixFrom(g.Router4, 32), onLink)
	}
	for _, r := range g.Routes {
		switch {
		case !r.Dst.Addr().Is4():
		case r.Gateway.IsValid():
			via(r.Dst, r.Gateway)
		default:
			via(r.Dst, g.Router4)
		}
	}
	if len(all) > 0 && g.Router4.IsValid() {
		via(netip.PrefixFrom(onLink, 0), g.Router4)
	}
	return all
}
