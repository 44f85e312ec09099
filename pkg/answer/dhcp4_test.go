package answer

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// ask4 is a client's message, as it leaves the guest's NIC.
func ask4(t testing.TB, g *Guest, kind dhcpv4.MessageType, more ...dhcpv4.Modifier) []byte {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithHwAddr(hardware(g.LLAddr))}, more...)...)
	if err != nil {
		t.Fatal(err)
	}
	if kind != dhcpv4.MessageTypeNone {
		m.UpdateOption(dhcpv4.OptMessageType(kind))
	}
	p := from4(g)
	p.payload = m.ToBytes()
	return p.frame()
}

// from4 is a packet of a guest without an address to DHCPv4 servers.
func from4(g *Guest) *packet {
	return &packet{
		srcLL: g.LLAddr, dstLL: broadcast(), src: netip.IPv4Unspecified(), dst: netip.MustParseAddr("255.255.255.255"),
		protocol: protocolUDP, hops: 64, srcPort: portClient4, dstPort: portServer4,
	}
}

func answered4(t *testing.T, g *Guest, frame []byte, want Kind) (packet, *dhcpv4.DHCPv4) {
	t.Helper()
	reply, kind := g.Answer(frame)
	if kind != want {
		t.Fatalf("answered with %q, want %q", kind, want)
	}
	p := wire(t, reply)
	m, err := dhcpv4.FromBytes(p.payload)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "answering link", p.srcLL, g.Gateway)
	expect(t, "source", p.src, g.Server4)
	expect(t, "ports", [2]uint16{p.srcPort, p.dstPort}, [2]uint16{67, 68})
	return p, m
}

// requested is the option of the address that a client wants.
func requested(addr string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(net.ParseIP(addr)))
}

func server(addr string) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.ParseIP(addr)))
}

func client(addr string) dhcpv4.Modifier { return dhcpv4.WithClientIP(net.ParseIP(addr)) }

// TestDecide4 walks a client's states (RFC 2131, figure 5), and what does not
// belong to them.
func TestDecide4(t *testing.T) {
	for _, c := range []struct {
		name string
		kind dhcpv4.MessageType
		more []dhcpv4.Modifier
		want Kind
	}{
		{"INIT", dhcpv4.MessageTypeDiscover, nil, Offer},
		{"INIT, with a wish", dhcpv4.MessageTypeDiscover, []dhcpv4.Modifier{requested("192.0.2.1")}, Offer},
		{"SELECTING", dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{requested("100.64.1.3"), server("100.64.1.2")}, Ack},
		{"SELECTING another address", dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{requested("100.64.1.5"), server("100.64.1.2")}, Nak},
		{"SELECTING another server", dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{requested("100.64.1.3"), server("100.64.1.4")}, None},
		{"INIT-REBOOT", dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{requested("100.64.1.3")}, Ack},
		{"INIT-REBOOT, moved", dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{requested("10.0.0.7")}, Nak},
		{"RENEWING, REBINDING", dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{client("100.64.1.3")}, Ack},
		{"RENEWING, REBINDING another", dhcpv4.MessageTypeRequest, []dhcpv4.Modifier{client("100.64.1.5")}, Nak},
		{"no address at all", dhcpv4.MessageTypeRequest, nil, Nak},
		{"INFORM", dhcpv4.MessageTypeInform, []dhcpv4.Modifier{client("100.64.1.3")}, Ack},
		{"INFORM of another", dhcpv4.MessageTypeInform, []dhcpv4.Modifier{client("100.64.1.5")}, None},
		{"RELEASE", dhcpv4.MessageTypeRelease, []dhcpv4.Modifier{client("100.64.1.3"), server("100.64.1.2")}, None},
		{"DECLINE", dhcpv4.MessageTypeDecline, []dhcpv4.Modifier{requested("100.64.1.3"), server("100.64.1.2")}, None},
		{"a server's own message", dhcpv4.MessageTypeOffer, nil, None},
		{"BOOTP", dhcpv4.MessageTypeNone, nil, BOOTP},
		{"BOOTP of another", dhcpv4.MessageTypeNone, []dhcpv4.Modifier{client("100.64.1.5")}, None},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := sample()
			frame := ask4(t, g, c.kind, c.more...)
			if c.want == None {
				silent(t, g, frame)
				return
			}
			_, m := answered4(t, g, frame, c.want)
			types := map[Kind]dhcpv4.MessageType{Offer: dhcpv4.MessageTypeOffer, Ack: dhcpv4.MessageTypeAck, Nak: dhcpv4.MessageTypeNak, BOOTP: dhcpv4.MessageTypeNone}
			expect(t, "type", m.MessageType(), types[c.want])
			want := g.Addr4.Addr().String()
			if c.want == Nak || c.kind == dhcpv4.MessageTypeInform {
				want = "0.0.0.0"
			}
			expect(t, "yiaddr", m.YourIPAddr.String(), want)
		})
	}
}

// TestOptions4 holds every option of an answer.
func TestOptions4(t *testing.T) {
	g := sample()
	id := []byte{255, 1, 2, 3}
	_, m := answered4(t, g, ask4(t, g, dhcpv4.MessageTypeDiscover, dhcpv4.WithGeneric(dhcpv4.OptionClientIdentifier, id)), Offer)
	expect(t, "options", strings.Split(strings.TrimSpace(m.Options.Summary(nil)), "\n"), strings.Split(strings.TrimSpace(`
    Subnet Mask: fffffffe
    Router: 100.64.1.2
    Domain Name Server: 10.96.0.10
    Host Name: web-0
    Domain Name: example.org
    Interface MTU: [5 120]
    NTP Servers: 192.0.2.123
    IP Addresses Lease Time: 1193046h28m15s
    DHCP Message Type: OFFER
    Server Identifier: 100.64.1.2
    Client identifier: [255 1 2 3]
    DNS Domain Search List: [svc.cluster.local cluster.local]
    Classless Static Route: route to 10.0.0.0/8 via 100.64.1.2; route to 0.0.0.0/0 via 100.64.1.2
`), "\n"))
	expect(t, "lease", m.IPAddressLeaseTime(0), 0xffffffff*time.Second)

	_, m = answered4(t, bare(), ask4(t, g, dhcpv4.MessageTypeDiscover), Offer)
	expect(t, "options of a network that says nothing", strings.Split(strings.TrimSpace(m.Options.Summary(nil)), "\n"), strings.Split(strings.TrimSpace(`
    Subnet Mask: fffffffe
    Router: 100.64.1.2
    IP Addresses Lease Time: 1193046h28m15s
    DHCP Message Type: OFFER
    Server Identifier: 100.64.1.2
`), "\n"))

	for what, frame := range map[string][]byte{
		"INFORM": ask4(t, g, dhcpv4.MessageTypeInform, client("100.64.1.3")),
		"BOOTP":  ask4(t, g, dhcpv4.MessageTypeNone),
	} {
		_, kind := g.Answer(frame)
		_, m := answered4(t, g, frame, kind)
		if m.Options.Has(dhcpv4.OptionIPAddressLeaseTime) {
			t.Errorf("%s: a lease time", what)
		}
		expect(t, what+": router", m.Router()[0].String(), "100.64.1.2")
	}
}

// TestWay4: where an answer goes (RFC 2131, section 4.1).
func TestWay4(t *testing.T) {
	g := sample()
	for _, c := range []struct {
		name  string
		frame []byte
		kind  Kind
		ll    vmid.LLAddr
		dst   string
	}{
		{"no address yet", ask4(t, g, dhcpv4.MessageTypeDiscover, dhcpv4.WithBroadcast(false)), Offer, g.LLAddr, "100.64.1.3"},
		{"none, and it cannot take unicast", ask4(t, g, dhcpv4.MessageTypeDiscover, dhcpv4.WithBroadcast(true)), Offer, broadcast(), "255.255.255.255"},
		{"it has the address", ask4(t, g, dhcpv4.MessageTypeRequest, dhcpv4.WithBroadcast(true), client("100.64.1.3")), Ack, g.LLAddr, "100.64.1.3"},
		{"refused", ask4(t, g, dhcpv4.MessageTypeRequest, dhcpv4.WithBroadcast(false), client("100.64.1.9")), Nak, broadcast(), "255.255.255.255"},
	} {
		p, _ := answered4(t, g, c.frame, c.kind)
		expect(t, c.name, p.dstLL, c.ll)
		expect(t, c.name, p.dst, netip.MustParseAddr(c.dst))
	}
}

// TestForged4: what another could have sent is not answered.
func TestForged4(t *testing.T) {
	g := sample()
	other := &Guest{LLAddr: vmid.LLAddr{2, 0, 0, 0, 0, 2}}
	discover := ask4(t, g, dhcpv4.MessageTypeDiscover)
	change := func(f func(b []byte)) []byte {
		b := append([]byte(nil), discover...)
		f(b)
		return b
	}
	const ip, udp, dhcp = etherLen, etherLen + ipv4Len, etherLen + ipv4Len + udpLen
	for name, frame := range map[string][]byte{
		"another's chaddr":          change(func(b []byte) { copy(b[dhcp+28:], other.LLAddr[:]) }),
		"another's Ethernet source": change(func(b []byte) { copy(b[6:], other.LLAddr[:]) }),
		"all another's":             ask4(t, other, dhcpv4.MessageTypeDiscover),
		"relayed":                   ask4(t, g, dhcpv4.MessageTypeDiscover, dhcpv4.WithGatewayIP(net.IPv4(100, 64, 1, 3))),
		"to another server":         change(func(b []byte) { copy(b[ip+16:], []byte{100, 64, 1, 4}) }),
		"a reply":                   change(func(b []byte) { b[dhcp] = 2 }),
		"of another kind of NIC":    change(func(b []byte) { b[dhcp+1] = 6 }),
		"to a client's port":        change(func(b []byte) { b[udp+3] = portClient4 }),
		"without the cookie":        change(func(b []byte) { b[dhcp+236] = 0 }),
		"a fragment":                change(func(b []byte) { b[ip+6] = 0x20 }),
		"a later fragment":          change(func(b []byte) { b[ip+7] = 1 }),
		"TCP":                       change(func(b []byte) { b[ip+9] = 6 }),
		"IPv6 by its version":       change(func(b []byte) { b[ip] = 0x65 }),
		"tagged":                    change(func(b []byte) { b[12], b[13] = 0x81, 0 }),
		"longer than it is":         change(func(b []byte) { b[ip+2] = 0xff }),
		"UDP longer than it is":     change(func(b []byte) { b[udp+4] = 0xff }),
		"a header too short":        change(func(b []byte) { b[ip] = 0x44 }),
	} {
		t.Run(name, func(t *testing.T) { silent(t, g, frame) })
	}
	for n := range discover {
		silent(t, g, discover[:n])
	}
	noAddress := sample()
	noAddress.Addr4, noAddress.Addr6 = netip.Prefix{}, netip.Prefix{}
	silent(t, noAddress, discover)
	if _, kind := g.Answer(discover); kind != Offer {
		t.Errorf("unchanged: %q", kind)
	}
}

// TestRoom4: an answer is no longer than the guest takes, and what it cannot do
// without stays.
func TestRoom4(t *testing.T) {
	g := sample()
	for range 60 {
		g.Routes = append(g.Routes, Route{Dst: netip.MustParsePrefix("198.51.100.0/24"), Gateway: g.Server4})
	}
	for size, want := range map[uint16]int{0: 576, 100: 576, 1000: 1000, 9000: 1400} {
		var more []dhcpv4.Modifier
		if size > 0 {
			more = append(more, dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(size)))
		}
		frame, kind := g.Answer(ask4(t, g, dhcpv4.MessageTypeDiscover, more...))
		if got := len(frame) - etherLen; got > want || kind != Offer {
			t.Errorf("with room for %d: %d bytes, want at most %d", size, got, want)
		}
		_, m := answered4(t, g, ask4(t, g, dhcpv4.MessageTypeDiscover, more...), Offer)
		expect(t, "router", m.Router()[0].String(), "100.64.1.2")
		expect(t, "name", m.HostName(), "web-0")
		expect(t, "routes", len(m.ClasslessStaticRoute()) > 0, want > 600)
	}
}

// TestRouters4: a router that is not in the guest's prefix is on its link all the same; without one there is neither
// router nor default route.
func TestRouters4(t *testing.T) {
	routes := func(g *Guest) string {
		_, m := answered4(t, g, ask4(t, g, dhcpv4.MessageTypeDiscover), Offer)
		return fmt.Sprint(m.Router(), " ", m.ClasslessStaticRoute(), " ", m.SubnetMask())
	}
	far := bare()
	far.Addr4, far.Router4 = netip.MustParsePrefix("10.1.2.3/32"), netip.MustParseAddr("169.254.1.1")
	expect(t, "a router far away", routes(far), "[169.254.1.1] [route to 169.254.1.1/32 via 0.0.0.0 route to 0.0.0.0/0 via 169.254.1.1] ffffffff")
	none := bare()
	none.Router4 = netip.Addr{}
	expect(t, "no router", routes(none), "[] [] fffffffe")
	none.Routes = []Route{{Dst: netip.MustParsePrefix("10.0.0.0/8"), Gateway: none.Server4}, {Dst: netip.MustParsePrefix("11.0.0.0/8")}}
	expect(t, "no default route", routes(none), "[] [route to 10.0.0.0/8 via 100.64.1.2 route to 11.0.0.0/8 via 0.0.0.0] fffffffe")
}
