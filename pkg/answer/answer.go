package answer

import "github.com/vmtap/vmtap/pkg/vmid"

// Kind is what was answered, for those who count.
type Kind string

// The kinds of answers. None is for what is not answered.
const (
	None            Kind = ""
	Offer           Kind = "dhcpv4 offer"
	Ack             Kind = "dhcpv4 ack"
	Nak             Kind = "dhcpv4 nak"
	BOOTP           Kind = "bootp reply"
	Advertisement   Kind = "router advertisement"
	DHCPv6Advertise Kind = "dhcpv6 advertise"
	DHCPv6Reply     Kind = "dhcpv6 reply"
)

// Ports of DHCP (RFC 2131, RFC 8415).
const (
	portServer4 = 67
	portClient4 = 68
	portClient6 = 546
	portServer6 = 547
)

// Answer returns the frame with which a frame of the guest's is answered, and
// what it is. It returns None for what is no question, not the guest's own, or
// for another server.
func (g *Guest) Answer(frame []byte) ([]byte, Kind) {
	p, ok := parseFrame(frame)
	if !ok || p.srcLL != g.LLAddr {
		return nil, None
	}
	var reply *packet
	var kind Kind
	switch {
	case p.protocol == protocolUDP && p.src.Is4() && p.dstPort == portServer4 && g.Addr4.IsValid():
		reply, kind = g.answer4(&p)
	case p.protocol == protocolUDP && p.src.Is6() && p.dstPort == portServer6 && g.Addr6.IsValid():
		reply, kind = g.answer6(&p)
	case p.protocol == protocolICMPv6 && g.Addr6.IsValid():
		reply, kind = g.answerSolicitation(&p)
	}
	if kind == None {
		return nil, None
	}
	reply.srcLL = g.Gateway
	return reply.frame(), kind
}

// broadcast is the Ethernet broadcast address.
func broadcast() vmid.LLAddr { return vmid.LLAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff} }
