package answer

import (
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv6"
	"github.com/insomniacslk/dhcp/iana"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

// answer6 answers DHCPv6 (RFC 8415). Relayed messages are none of a guest's.
func (g *Guest) answer6(p *packet) (*packet, Kind) {
	if !p.src.IsLinkLocalUnicast() || p.dst != netip.AddrFrom16(allServers()) && p.dst != g.Server6 {
		return nil, None
	}
	d, err := dhcpv6.FromBytes(p.payload)
	if err != nil {
		return nil, None
	}
	m, ok := d.(*dhcpv6.Message)
	if !ok || !g.isForUs(m) {
		return nil, None
	}
	r, kind := g.reply6(m)
	if kind == None {
		return nil, None
	}
	return &packet{
		src: g.Server6, dst: p.src, dstLL: g.LLAddr,
		protocol: protocolUDP, hops: hopLimit, srcPort: portServer6, dstPort: portClient6, payload: r.ToBytes(),
	}, kind
}

// allServers is the group of all DHCPv6 servers and relays on a link, ff02::1:2.
func allServers() [16]byte {
	return [16]byte{0: 0xff, 1: 0x02, 13: 1, 15: 2}
}

// duid is the server's, of which there is one for each gateway.
func (g *Guest) duid() dhcpv6.DUID {
	return &dhcpv6.DUIDLL{HWType: iana.HWTypeEthernet, LinkLayerAddr: hardware(g.Gateway)}
}

// mostDUID is the longest that a client's identifier may be (RFC 8415, section
// 11.1).
const mostDUID = 130

// isForUs says whether a message is one that this server must answer: what a
// client's may, must and must not have is in RFC 8415, section 16.
func (g *Guest) isForUs(m *dhcpv6.Message) bool {
	if id := m.Options.ClientID(); id != nil && len(id.ToBytes()) > mostDUID {
		return false
	}
	server := m.Options.ServerID()
	ours := server != nil && server.Equal(g.duid())
	switch m.MessageType {
	case dhcpv6.MessageTypeSolicit, dhcpv6.MessageTypeConfirm, dhcpv6.MessageTypeRebind:
		return server == nil && m.Options.ClientID() != nil
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		return ours && m.Options.ClientID() != nil
	case dhcpv6.MessageTypeInformationRequest:
		return (server == nil || ours) && len(m.Options.IANA()) == 0 && len(m.Options.IATA()) == 0 && len(m.Options.IAPD()) == 0
	}
	return false
}

// reply6 is the message with which another is answered (RFC 8415, section 18.3).
func (g *Guest) reply6(m *dhcpv6.Message) (*dhcpv6.Message, Kind) {
	r := &dhcpv6.Message{MessageType: dhcpv6.MessageTypeReply, TransactionID: m.TransactionID}
	if id := m.Options.ClientID(); id != nil {
		r.AddOption(dhcpv6.OptClientID(id))
	}
	r.AddOption(dhcpv6.OptServerID(g.duid()))
	switch m.MessageType {
	case dhcpv6.MessageTypeSolicit:
		if m.GetOneOption(dhcpv6.OptionRapidCommit) != nil {
			r.AddOption(&dhcpv6.OptionGeneric{OptionCode: dhcpv6.OptionRapidCommit})
		} else {
			r.MessageType = dhcpv6.MessageTypeAdvertise
		}
		g.give6(m, r)
	case dhcpv6.MessageTypeRequest, dhcpv6.MessageTypeRenew, dhcpv6.MessageTypeRebind:
		g.give6(m, r)
	case dhcpv6.MessageTypeConfirm:
		addrs := addrs6(m)
		if len(addrs) == 0 {
			return nil, None
		}
		r.AddOption(g.confirm(addrs))
		return r, DHCPv6Reply
	case dhcpv6.MessageTypeRelease, dhcpv6.MessageTypeDecline:
		r.AddOption(status6(iana.StatusSuccess, "the address stays the guest's"))
		return r, DHCPv6Reply
	}
	g.tell6(r)
	if r.MessageType == dhcpv6.MessageTypeAdvertise {
		return r, DHCPv6Advertise
	}
	return r, DHCPv6Reply
}

// most6 is how many of what a guest may ask for several times are answered, so
// that an answer fits in a packet.
const most6 = 4

// some are the first of what a guest asks for.
func some[T any](all []T) []T { return all[:min(len(all), most6)] }

// give6 answers each identity association: the first for addresses gets the
// guest's, none else is there.
func (g *Guest) give6(m, r *dhcpv6.Message) {
	for i, asked := range some(m.Options.IANA()) {
		ia := &dhcpv6.OptIANA{IaId: asked.IaId}
		if i > 0 {
			ia.Options.Add(status6(iana.StatusNoAddrsAvail, "a guest has one address"))
			r.AddOption(ia)
			continue
		}
		ia.T1, ia.T2 = forever, forever
		ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: ip(g.Addr6.Addr()), PreferredLifetime: forever, ValidLifetime: forever})
		for _, other := range some(asked.Options.Addresses()) {
			if !other.IPv6Addr.Equal(ip(g.Addr6.Addr())) && m.MessageType != dhcpv6.MessageTypeSolicit {
				ia.Options.Add(&dhcpv6.OptIAAddress{IPv6Addr: other.IPv6Addr}) // with no lifetime it goes
			}
		}
		r.AddOption(ia)
	}
	for _, asked := range some(m.Options.IATA()) {
		ia := &dhcpv6.OptIATA{IaId: asked.IaId}
		ia.Options.Add(status6(iana.StatusNoAddrsAvail, "there are no temporary addresses"))
		r.AddOption(ia)
	}
	for _, asked := range some(m.Options.IAPD()) {
		ia := &dhcpv6.OptIAPD{IaId: asked.IaId}
		ia.Options.Add(status6(iana.StatusNoPrefixAvail, "there are no prefixes"))
		r.AddOption(ia)
	}
}

// addrs6 are all addresses that a message names.
func addrs6(m *dhcpv6.Message) (all []*dhcpv6.OptIAAddress) {
	for _, ia := range m.Options.IANA() {
		all = append(all, ia.Options.Addresses()...)
	}
	return all
}

// confirm says whether the guest may keep its addresses.
func (g *Guest) confirm(addrs []*dhcpv6.OptIAAddress) dhcpv6.Option {
	for _, a := range addrs {
		if !a.IPv6Addr.Equal(ip(g.Addr6.Addr())) {
			return status6(iana.StatusNotOnLink, "the guest has another address")
		}
	}
	return status6(iana.StatusSuccess, "the address is the guest's")
}

func status6(code iana.StatusCode, words string) dhcpv6.Option {
	return &dhcpv6.OptStatusCode{StatusCode: code, StatusMessage: words}
}

// tell6 adds what the network says. Routes, router and mtu are told by router
// advertisements alone.
func (g *Guest) tell6(r *dhcpv6.Message) {
	if servers := of(g.DNS, netip.Addr.Is6); len(servers) > 0 {
		r.AddOption(dhcpv6.OptDNS(ips(servers)...))
	}
	if search := g.searchList(); len(search) > 0 {
		r.AddOption(dhcpv6.OptDomainSearchList(&rfc1035label.Labels{Labels: search}))
	}
	if servers := of(g.NTP, netip.Addr.Is6); len(servers) > 0 {
		r.AddOption(dhcpv6.OptSNTP(ips(servers)...))
	}
}
