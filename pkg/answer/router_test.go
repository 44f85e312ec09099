package answer

import (
	"net/netip"
	"testing"

	"github.com/mdlayher/ndp"
)

// solicitation is a router solicitation of a guest's, as it leaves its NIC.
func solicitation(t testing.TB, g *Guest, src netip.Addr) *packet {
	t.Helper()
	rs := &ndp.RouterSolicitation{}
	if !src.IsUnspecified() {
		rs.Options = []ndp.Option{&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: hardware(g.LLAddr)}}
	}
	payload, err := ndp.MarshalMessage(rs)
	if err != nil {
		t.Fatal(err)
	}
	routers := netip.IPv6LinkLocalAllRouters()
	return &packet{srcLL: g.LLAddr, dstLL: multicast(routers), src: src, dst: routers, protocol: protocolICMPv6, hops: hops255, payload: payload}
}

func advertised(t *testing.T, g *Guest, frame []byte, kind Kind) (packet, *ndp.RouterAdvertisement) {
	t.Helper()
	if kind != Advertisement {
		t.Fatalf("answered with %q", kind)
	}
	p := wire(t, frame)
	expect(t, "from", []any{p.srcLL, p.src, p.hops}, []any{g.Gateway, netip.MustParseAddr("fe80::6440:103:0:1"), byte(255)})
	m, err := ndp.ParseMessage(p.payload)
	if err != nil {
		t.Fatal(err)
	}
	return p, m.(*ndp.RouterAdvertisement)
}

// TestAdvertisement holds all that an advertisement says.
func TestAdvertisement(t *testing.T) {
	g := sample()
	header := func(options ...ndp.Option) *ndp.RouterAdvertisement {
		return &ndp.RouterAdvertisement{
			CurrentHopLimit: 64, ManagedConfiguration: true, OtherConfiguration: true, RouterLifetime: RouterLifetime,
			Options: append([]ndp.Option{
				&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: hardware(g.Gateway)},
				&ndp.PrefixInformation{
					Prefix: netip.MustParseAddr("fd00::6440:103:0:0"), PrefixLength: 96, OnLink: true,
					ValidLifetime: ndp.Infinity, PreferredLifetime: ndp.Infinity,
				},
			}, options...),
		}
	}
	frame, kind := g.Advertise()
	p, ra := advertised(t, g, frame, kind)
	expect(t, "to", []any{p.dstLL.String(), p.dst}, []any{"33:33:00:00:00:01", netip.MustParseAddr("ff02::1")})
	expect(t, "advertisement", ra, header(
		ndp.NewMTU(1400),
		&ndp.RecursiveDNSServer{Lifetime: ndp.Infinity, Servers: []netip.Addr{netip.MustParseAddr("fd00:1::a")}},
		&ndp.DNSSearchList{Lifetime: ndp.Infinity, DomainNames: []string{"svc.cluster.local", "cluster.local"}},
		&ndp.RouteInformation{Prefix: netip.MustParseAddr("2001:db8:1::"), PrefixLength: 48, RouteLifetime: ndp.Infinity},
	))
	frame, kind = bare().Advertise()
	_, ra = advertised(t, g, frame, kind)
	expect(t, "of a network that says nothing", ra, header())
	if frame, kind := without6(sample()).Advertise(); frame != nil || kind != None {
		t.Errorf("without IPv6: %q", kind)
	}
	if RouterLifetime < 50*AdvertisePeriod {
		t.Errorf("%v is too short for one each %v", RouterLifetime, AdvertisePeriod)
	}
}

// TestSolicitation: whose is answered, and where to.
func TestSolicitation(t *testing.T) {
	g := sample()
	own := g.LLAddr.LinkLocal()
	frame, kind := g.Answer(solicitation(t, g, own).frame())
	p, _ := advertised(t, g, frame, kind)
	expect(t, "to who has an address", []any{p.dstLL, p.dst}, []any{g.LLAddr, own})
	frame, kind = g.Answer(solicitation(t, g, netip.IPv6Unspecified()).frame())
	p, _ = advertised(t, g, frame, kind)
	expect(t, "to who has none", p.dst, netip.IPv6LinkLocalAllNodes())

	change := func(f func(p *packet)) []byte {
		p := solicitation(t, g, own)
		f(p)
		return p.frame()
	}
	for name, frame := range map[string][]byte{
		"from behind a router":      change(func(p *packet) { p.hops = 254 }),
		"another's Ethernet source": change(func(p *packet) { p.srcLL[5]++ }),
		"another code":              change(func(p *packet) { p.payload[1] = 1 }),
		"an echo request":           change(func(p *packet) { p.payload[0] = 128 }),
		"an advertisement":          change(func(p *packet) { p.payload[0] = 134 }),
		"a broken option":           change(func(p *packet) { p.payload[9] = 0 }),
		"cut":                       change(func(p *packet) { p.payload = p.payload[:6] }),
	} {
		t.Run(name, func(t *testing.T) { silent(t, g, frame) })
	}
	silent(t, without6(sample()), solicitation(t, g, own).frame())
}

// TestNoRouter: who is not the guest's router says so, and where to ask for an address; a prefix of one address has
// nothing else on the link.
func TestNoRouter(t *testing.T) {
	g := bare()
	g.Router6, g.Addr6 = netip.Addr{}, netip.PrefixFrom(g.Addr6.Addr(), 128)
	frame, kind := g.Advertise()
	if kind != Advertisement {
		t.Fatal(kind)
	}
	m, err := ndp.ParseMessage(wire(t, frame).payload)
	if err != nil {
		t.Fatal(err)
	}
	ra, ok := m.(*ndp.RouterAdvertisement)
	if !ok || ra.RouterLifetime != 0 || !ra.ManagedConfiguration || len(ra.Options) != 1 {
		t.Errorf("%+v", m)
	}
}
