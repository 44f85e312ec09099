package answer

import (
	"bytes"
	"net"
	"net/netip"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// answer4 answers DHCPv4 (RFC 2131) and BOOTP (RFC 951). Relayed messages are
// none of a guest's.
func (g *Guest) answer4(p *packet) (*packet, Kind) {
	m, err := dhcpv4.FromBytes(p.payload)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootRequest || m.HWType != iana.HWTypeEthernet ||
		!bytes.Equal(m.ClientHWAddr, g.LLAddr[:]) || !m.GatewayIPAddr.IsUnspecified() {
		return nil, None
	}
	if p.dst != netip.AddrFrom4([4]byte{255, 255, 255, 255}) && p.dst != g.Server4 {
		return nil, None
	}
	switch kind := g.decide4(m); kind {
	case Offer:
		return g.reply4(m, dhcpv4.MessageTypeOffer), kind
	case Ack:
		return g.reply4(m, dhcpv4.MessageTypeAck), kind
	case Nak:
		return g.reply4(m, dhcpv4.MessageTypeNak), kind
	case BOOTP:
		return g.reply4(m, dhcpv4.MessageTypeNone), kind
	}
	return nil, None
}

// decide4 says how a message is answered (RFC 2131, sections 4.3.1 to 4.3.5).
// RELEASE and DECLINE are not: the address is the guest's, whatever it does.
func (g *Guest) decide4(m *dhcpv4.DHCPv4) Kind {
	server := m.ServerIdentifier()
	if server != nil && !server.Equal(g.Server4.AsSlice()) {
		return None
	}
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return Offer
	case dhcpv4.MessageTypeRequest:
		wanted := m.RequestedIPAddress()
		if wanted == nil || wanted.IsUnspecified() {
			wanted = m.ClientIPAddr // it renews or rebinds what it has
		}
		if wanted.Equal(g.Addr4.Addr().AsSlice()) {
			return Ack
		}
		return Nak
	case dhcpv4.MessageTypeInform:
		if m.ClientIPAddr.Equal(g.Addr4.Addr().AsSlice()) {
			return Ack
		}
	case dhcpv4.MessageTypeNone:
		if m.ClientIPAddr.IsUnspecified() || m.ClientIPAddr.Equal(g.Addr4.Addr().AsSlice()) {
			return BOOTP
		}
	}
	return None
}

// reply4 is the message itself, and the way to the guest (RFC 2131, section
// 4.1).
func (g *Guest) reply4(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *packet {
	r := &dhcpv4.DHCPv4{
		OpCode:         dhcpv4.OpcodeBootReply,
		HWType:         m.HWType,
		TransactionID:  m.TransactionID,
		Flags:          m.Flags,
		ClientIPAddr:   net.IPv4zero,
		YourIPAddr:     net.IPv4zero,
		ServerIPAddr:   net.IPv4zero, // there is nothing to boot from
		GatewayIPAddr:  net.IPv4zero,
		ClientHWAddr:   m.ClientHWAddr,
		Options:        dhcpv4.Options{},
		ServerHostName: "",
	}
	p := &packet{
		src: g.Server4, dst: netip.AddrFrom4([4]byte{255, 255, 255, 255}), dstLL: broadcast(),
		protocol: protocolUDP, hops: hopLimit, srcPort: portServer4, dstPort: portClient4,
	}
	if kind != dhcpv4.MessageTypeNone {
		r.UpdateOption(dhcpv4.OptMessageType(kind))
		r.UpdateOption(dhcpv4.OptServerIdentifier(ip(g.Server4)))
	}
	// RFC 6842: the client knows its own answer by it.
	if id := m.GetOneOption(dhcpv4.OptionClientIdentifier); id != nil {
		r.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, id))
	}
	if kind == dhcpv4.MessageTypeNak {
		p.payload = r.ToBytes()
		return p
	}
	inform := m.MessageType() == dhcpv4.MessageTypeInform
	if inform {
		r.ClientIPAddr = m.ClientIPAddr
	} else {
		r.YourIPAddr = ip(g.Addr4.Addr())
	}
	switch {
	case !m.ClientIPAddr.IsUnspecified():
		p.dst, p.dstLL = g.Addr4.Addr(), g.LLAddr
		r.ClientIPAddr = m.ClientIPAddr
	case !m.IsBroadcast():
		p.dst, p.dstLL = g.Addr4.Addr(), g.LLAddr
	}
	if kind != dhcpv4.MessageTypeNone && !inform {
		r.UpdateOption(dhcpv4.OptIPAddressLeaseTime(forever))
	}
	g.tell4(m, r)
	p.payload = r.ToBytes()
	return p
}

func ip(a netip.Addr) net.IP { return a.AsSlice() }

func ips(addrs []netip.Addr) (all []net.IP) {
	for _, a := range addrs {
		all = append(all, ip(a))
	}
	return all
}
