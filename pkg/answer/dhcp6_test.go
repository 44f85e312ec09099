package answer

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// from6 is a packet of a guest to DHCPv6 servers.
func from6(g *Guest) *packet {
	group := netip.AddrFrom16(allServers())
	return &packet{
		srcLL: g.LLAddr, dstLL: multicast(group), src: g.LLAddr.LinkLocal(), dst: group,
		protocol: protocolUDP, hops: 1, srcPort: portClient6, dstPort: portServer6,
	}
}

// ask6 is a client's message, as it leaves the guest's NIC.
func ask6(g *Guest, kind dhcpv6.MessageType, options ...dhcpv6.Option) []byte {
	m := &dhcpv6.Message{MessageType: kind, TransactionID: dhcpv6.TransactionID{1, 2, 3}}
	for _, o := range options {
		m.AddOption(o)
	}
	p := from6(g)
	p.payload = m.ToBytes()
	return p.frame()
}

func clientID(g *Guest) dhcpv6.Option {
	return dhcpv6.OptClientID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: hardware(g.LLAddr)})
}

func serverID(g *Guest) dhcpv6.Option { return dhcpv6.OptServerID(g.duid()) }

// iana6 asks for addresses.
func iana6(id byte, addrs ...string) dhcpv6.Option {
	ia := &dhcpv6.OptIANA{IaId: [4]byte{3: id}}
	for _, a := range addrs {
		ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: net.ParseIP(a)})
	}
	return ia
}

func answered6(t *testing.T, g *Guest, frame []byte, want Kind) *dhcpv6.Message {
	t.Helper()
	reply, kind := g.Answer(frame)
	if kind != want {
		t.Fatalf("answered with %q, want %q", kind, want)
	}
	p := wire(t, reply)
	d, err := dhcpv6.FromBytes(p.payload)
	if err != nil {
		t.Fatal(err)
	}
	m := d.(*dhcpv6.Message)
	expect(t, "way", []any{p.srcLL, p.src, p.srcPort, p.dstLL, p.dst, p.dstPort},
		[]any{g.Gateway, netip.MustParseAddr("fe80::6440:103:0:1"), uint16(547), g.LLAddr, g.LLAddr.LinkLocal(), uint16(546)})
	expect(t, "transaction", m.TransactionID, dhcpv6.TransactionID{1, 2, 3})
	if !m.Options.ServerID().Equal(g.duid()) {
		t.Errorf("server is %v", m.Options.ServerID())
	}
	return m
}

const guest6 = "fd00::6440:103:0:2"

// TestMessages6 has each message, and what does not belong to one (RFC 8415,
// section 16).
func TestMessages6(t *testing.T) {
	g := sample()
	c, s := clientID(g), serverID(g)
	foreign := dhcpv6.OptServerID(&dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: hardware(g.LLAddr)})
	rapid := &dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit}
	for _, x := range []struct {
		name    string
		kind    dhcpv6.MessageType
		options []dhcpv6.Option
		want    Kind
		gets    []string // addresses with a lifetime
		loses   []string // and with none
		status  iana.StatusCode
	}{
		{"SOLICIT", dhcpv6.MessageTypeSolicit, []dhcpv6.Option{c, iana6(7)}, DHCPv6Advertise, []string{guest6}, nil, 0},
		{"SOLICIT, with a wish", dhcpv6.MessageTypeSolicit, []dhcpv6.Option{c, iana6(7, "fd00::1")}, DHCPv6Advertise, []string{guest6}, nil, 0},
		{"SOLICIT, rapid commit", dhcpv6.MessageTypeSolicit, []dhcpv6.Option{c, iana6(7), rapid}, DHCPv6Reply, []string{guest6}, nil, 0},
		{"SOLICIT of nobody", dhcpv6.MessageTypeSolicit, []dhcpv6.Option{iana6(7)}, None, nil, nil, 0},
		{"SOLICIT to one server", dhcpv6.MessageTypeSolicit, []dhcpv6.Option{c, s, iana6(7)}, None, nil, nil, 0},
		{"REQUEST", dhcpv6.MessageTypeRequest, []dhcpv6.Option{c, s, iana6(7, guest6)}, DHCPv6Reply, []string{guest6}, nil, 0},
		{"REQUEST of another server", dhcpv6.MessageTypeRequest, []dhcpv6.Option{c, foreign, iana6(7, guest6)}, None, nil, nil, 0},
		{"REQUEST of no server", dhcpv6.MessageTypeRequest, []dhcpv6.Option{c, iana6(7, guest6)}, None, nil, nil, 0},
		{"RENEW", dhcpv6.MessageTypeRenew, []dhcpv6.Option{c, s, iana6(7, guest6)}, DHCPv6Reply, []string{guest6}, nil, 0},
		{"RENEW of another address", dhcpv6.MessageTypeRenew, []dhcpv6.Option{c, s, iana6(7, "fd00::9")}, DHCPv6Reply, []string{guest6}, []string{"fd00::9"}, 0},
		{"REBIND", dhcpv6.MessageTypeRebind, []dhcpv6.Option{c, iana6(7, guest6)}, DHCPv6Reply, []string{guest6}, nil, 0},
		{"REBIND to one server", dhcpv6.MessageTypeRebind, []dhcpv6.Option{c, s, iana6(7, guest6)}, None, nil, nil, 0},
		{"CONFIRM", dhcpv6.MessageTypeConfirm, []dhcpv6.Option{c, iana6(7, guest6)}, DHCPv6Reply, nil, nil, iana.StatusSuccess},
		{"CONFIRM of another address", dhcpv6.MessageTypeConfirm, []dhcpv6.Option{c, iana6(7, guest6, "fd00::9")}, DHCPv6Reply, nil, nil, iana.StatusNotOnLink},
		{"CONFIRM of nothing", dhcpv6.MessageTypeConfirm, []dhcpv6.Option{c, iana6(7)}, None, nil, nil, 0},
		{"RELEASE", dhcpv6.MessageTypeRelease, []dhcpv6.Option{c, s, iana6(7, guest6)}, DHCPv6Reply, nil, nil, iana.StatusSuccess},
		{"DECLINE", dhcpv6.MessageTypeDecline, []dhcpv6.Option{c, s, iana6(7, guest6)}, DHCPv6Reply, nil, nil, iana.StatusSuccess},
		{"INFORMATION-REQUEST", dhcpv6.MessageTypeInformationRequest, nil, DHCPv6Reply, nil, nil, 0},
		{"INFORMATION-REQUEST to this server", dhcpv6.MessageTypeInformationRequest, []dhcpv6.Option{c, s}, DHCPv6Reply, nil, nil, 0},
		{"INFORMATION-REQUEST to another", dhcpv6.MessageTypeInformationRequest, []dhcpv6.Option{c, foreign}, None, nil, nil, 0},
		{"INFORMATION-REQUEST for addresses", dhcpv6.MessageTypeInformationRequest, []dhcpv6.Option{c, iana6(7)}, None, nil, nil, 0},
		{"a server's own message", dhcpv6.MessageTypeReply, []dhcpv6.Option{c, s}, None, nil, nil, 0},
		{"RECONFIGURE", dhcpv6.MessageTypeReconfigure, []dhcpv6.Option{c, s}, None, nil, nil, 0},
	} {
		t.Run(x.name, func(t *testing.T) {
			frame := ask6(g, x.kind, x.options...)
			if x.want == None {
				silent(t, g, frame)
				return
			}
			m := answered6(t, g, frame, x.want)
			var gets, loses []string
			for _, ia := range m.Options.IANA() {
				expect(t, "association", ia.IaId, [4]byte{3: 7})
				expect(t, "T1, T2", [2]time.Duration{ia.T1, ia.T2}, [2]time.Duration{forever, forever})
				for _, a := range ia.Options.Addresses() {
					switch [2]time.Duration{a.PreferredLifetime, a.ValidLifetime} {
					case [2]time.Duration{forever, forever}:
						gets = append(gets, a.IPv6Addr.String())
					case [2]time.Duration{}:
						loses = append(loses, a.IPv6Addr.String())
					default:
						t.Errorf("lifetimes %v", a)
					}
				}
			}
			expect(t, "addresses", gets, x.gets)
			expect(t, "lost", loses, x.loses)
			if status := m.Options.Status(); status != nil {
				expect(t, "status", status.StatusCode, x.status)
				return
			}
			expect(t, "DNS", m.Options.DNS(), []net.IP{net.ParseIP("fd00:1::a")})
			expect(t, "search", m.Options.DomainSearchList().Labels, g.Search)
			expect(t, "rapid commit", m.GetOneOption(dhcpv6.OptionRapidCommit) != nil, x.name == "SOLICIT, rapid commit")
		})
	}
}

// TestOthers6: a guest has one address, and nothing else is given.
func TestOthers6(t *testing.T) {
	g := bare()
	options := []dhcpv6.Option{clientID(g), iana6(7), iana6(8), &dhcpv6.OptIATA{IaId: [4]byte{9}}, &dhcpv6.OptIAPD{IaId: [4]byte{10}}}
	m := answered6(t, g, ask6(g, dhcpv6.MessageTypeSolicit, options...), DHCPv6Advertise)
	expect(t, "second address", m.Options.IANA()[1].Options.Status().StatusCode, iana.StatusNoAddrsAvail)
	expect(t, "temporary address", m.Options.IATA()[0].Options.Status().StatusCode, iana.StatusNoAddrsAvail)
	expect(t, "prefix", m.Options.IAPD()[0].Options.Status().StatusCode, iana.StatusNoPrefixAvail)
	expect(t, "DNS", m.Options.DNS(), nil)

	for i := range 200 {
		options = append(options, iana6(byte(i)))
	}
	frame, _ := g.Answer(ask6(g, dhcpv6.MessageTypeSolicit, options...))
	if len(frame) == 0 || len(frame) > 1280 {
		t.Errorf("200 questions are answered with %d bytes", len(frame))
	}
}

// TestForged6: what another could have sent is not answered.
func TestForged6(t *testing.T) {
	g := sample()
	solicit := ask6(g, dhcpv6.MessageTypeSolicit, clientID(g), iana6(7))
	change := func(f func(b []byte)) []byte {
		b := append([]byte(nil), solicit...)
		f(b)
		return b
	}
	const ip, udp = etherLen, etherLen + ipv6Len
	for name, frame := range map[string][]byte{
		"another's Ethernet source": change(func(b []byte) { b[11] = 2 }),
		"a source that is routed":   change(func(b []byte) { b[ip+8] = 0xfd }),
		"to another group":          change(func(b []byte) { b[ip+24+15] = 3 }),
		"to a client's port":        change(func(b []byte) { b[udp+3] = 546 & 0xff }),
		"behind another header":     change(func(b []byte) { b[ip+6] = 0 }),
		"longer than it is":         change(func(b []byte) { b[ip+4] = 1 }),
		"IPv4 by its version":       change(func(b []byte) { b[ip] = 0x45 }),
		"with a long identifier":    ask6(g, dhcpv6.MessageTypeSolicit, longID(), iana6(7)),
		"relayed":                   relayed(g, solicit[udp+udpLen:]),
	} {
		t.Run(name, func(t *testing.T) { silent(t, g, frame) })
	}
	for n := range solicit {
		silent(t, g, solicit[:n])
	}
	silent(t, without6(sample()), solicit)
	if _, kind := g.Answer(solicit); kind != DHCPv6Advertise {
		t.Errorf("unchanged: %q", kind)
	}
	unicast := from6(g)
	unicast.dst, unicast.dstLL = g.Server6, g.Gateway
	unicast.payload = solicit[udp+udpLen:]
	if _, kind := g.Answer(unicast.frame()); kind != DHCPv6Advertise {
		t.Errorf("to the gateway's own address: %q", kind)
	}
}

// longID is a client's identifier of 131 bytes.
func longID() dhcpv6.Option {
	return dhcpv6.OptClientID(&dhcpv6.DUIDOpaque{Type: 9, Data: make([]byte, 129)})
}

// relayed is a message in a relay's envelope.
func relayed(g *Guest, message []byte) []byte {
	p := from6(g)
	p.payload = append([]byte{byte(dhcpv6.MessageTypeRelayForward), 0}, make([]byte, 32)...)
	p.payload = append(p.payload, 0, byte(dhcpv6.OptionRelayMsg), 0, byte(len(message)))
	p.payload = append(p.payload, message...)
	return p.frame()
}

// TestServersDiffer: each gateway is a server of its own, and the same one after
// a restart.
func TestServersDiffer(t *testing.T) {
	a, b := sample(), sample()
	b.Gateway = vmid.LLAddr{0x0a, 3, 100, 64, 2, 3}
	if a.duid().Equal(b.duid()) || !a.duid().Equal(sample().duid()) {
		t.Errorf("%v, %v", a.duid(), b.duid())
	}
}
