package answer

import (
	"net"
	"net/netip"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// RouterLifetime is how long an advertisement keeps the gateway as the guest's
// default router, the longest there is (RFC 8319, section 3).
const RouterLifetime = 65535 * time.Second

// AdvertisePeriod is how often Advertise is to be sent unasked. A guest that
// missed a hundred of them still has its default router.
const AdvertisePeriod = 10 * time.Minute

// icmpv6Len is the least of an ICMPv6 message: type, code, checksum.
const icmpv6Len = 4

// hops255 is the hop limit of neighbour discovery: the sender is on the link
// (RFC 4861, section 6.1.1).
const hops255 = 255

// answerSolicitation answers router solicitations.
func (g *Guest) answerSolicitation(p *packet) (*packet, Kind) {
	if p.hops != hops255 || len(p.payload) < icmpv6Len || p.payload[1] != 0 {
		return nil, None
	}
	m, err := ndp.ParseMessage(p.payload)
	if err != nil {
		return nil, None
	}
	if _, ok := m.(*ndp.RouterSolicitation); !ok {
		return nil, None
	}
	reply, err := g.advertisement()
	if err != nil {
		return nil, None
	}
	if p.src.IsLinkLocalUnicast() {
		reply.dst, reply.dstLL = p.src, g.LLAddr
	}
	return reply, Advertisement
}

// Advertise returns a router advertisement for nobody in particular, nil for a
// guest without IPv6.
func (g *Guest) Advertise() ([]byte, Kind) {
	if !g.Addr6.IsValid() {
		return nil, None
	}
	p, err := g.advertisement()
	if err != nil {
		return nil, None
	}
	p.srcLL = g.Gateway
	return p.frame(), Advertisement
}

// advertisement is to all nodes: the addresses are managed, which is by DHCPv6,
// and the guest's prefix is on the link, if it has more than its own address.
func (g *Guest) advertisement() (*packet, error) {
	ra := &ndp.RouterAdvertisement{
		CurrentHopLimit:      hopLimit,
		ManagedConfiguration: true,
		OtherConfiguration:   true,
		Options:              []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: g.Gateway[:]}},
	}
	if g.Router6.IsValid() {
		ra.RouterLifetime = RouterLifetime
	}
	if !g.Addr6.IsSingleIP() {
		ra.Options = append(ra.Options, &ndp.PrefixInformation{
			Prefix:            g.Addr6.Masked().Addr(),
			PrefixLength:      uint8(g.Addr6.Bits()),
			OnLink:            true,
			ValidLifetime:     forever,
			PreferredLifetime: forever,
		})
	}
	if g.MTU > 0 {
		ra.Options = append(ra.Options, ndp.NewMTU(uint32(g.MTU)))
	}
	if servers := of(g.DNS, netip.Addr.Is6); len(servers) > 0 {
		ra.Options = append(ra.Options, &ndp.RecursiveDNSServer{Lifetime: forever, Servers: servers})
	}
	if search := g.searchList(); len(search) > 0 {
		ra.Options = append(ra.Options, &ndp.DNSSearchList{Lifetime: forever, DomainNames: search})
	}
	for _, r := range g.Routes {
		// An advertisement's routes go by its sender.
		if r.Dst.Addr().Is6() && (!r.Gateway.IsValid() || r.Gateway == g.Router6 || r.Gateway == g.Server6) {
			ra.Options = append(ra.Options, &ndp.RouteInformation{Prefix: r.Dst.Addr(), PrefixLength: uint8(r.Dst.Bits()), RouteLifetime: forever})
		}
	}
	payload, err := ndp.MarshalMessage(ra)
	if err != nil {
		return nil, err
	}
	all := netip.IPv6LinkLocalAllNodes()
	return &packet{src: g.Server6, dst: all, dstLL: multicast(all), protocol: protocolICMPv6, hops: hops255, payload: payload}, nil
}

// searchList is what names are completed with: the network's list, else its
// domain.
func (g *Guest) searchList() []string {
	if len(g.Search) == 0 && g.Domain != "" {
		return []string{g.Domain}
	}
	return g.Search
}

// multicast returns the Ethernet address of an IPv6 multicast group (RFC 2464).
func multicast(group netip.Addr) vmid.LLAddr {
	a := group.As16()
	return vmid.LLAddr{0x33, 0x33, a[12], a[13], a[14], a[15]}
}

// hardware is an address in the form that the libraries take.
func hardware(a vmid.LLAddr) net.HardwareAddr { return a[:] }
