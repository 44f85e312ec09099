package guest

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// gone says that the tap was deleted, or is down.
func gone(err error) bool { return errors.Is(err, unix.EBADFD) || errors.Is(err, unix.EIO) }

// owns says whether an address is one of the guest's.
func (g *Guest) owns(a netip.Addr) bool {
	return a.IsValid() && (a == g.cfg.Addr4.Addr() || a == g.cfg.Addr6.Addr() || a == g.cfg.LinkLocal)
}

// answer answers a packet, if it is for the guest and wants an answer. A real NIC, too, takes only what is for its
// address or for a group.
func (g *Guest) answer(p Packet) error {
	if p.Dst != g.cfg.LLAddr && !p.Dst.Group() {
		return nil
	}
	switch {
	case p.ARP != nil:
		return g.answerARP(*p.ARP)
	case p.Solicitation != nil:
		return g.answerSolicitation(p)
	case p.Echo != nil && !p.Echo.Reply && g.owns(p.IP.Dst):
		reply := Echo{Reply: true, ID: p.Echo.ID, Seq: p.Echo.Seq, Data: p.Echo.Data}
		return g.SendIP(p.Src, reply.Packet(p.IP.Dst, p.IP.Src))
	case p.IP != nil && p.IP.Protocol == ProtocolUDP && g.owns(p.IP.Dst):
		return g.answerUDP(p)
	}
	return nil
}

// EchoPort is the UDP port of the guest's one service, which sends back what it gets (RFC 862).
const EchoPort = 7

func (g *Guest) answerUDP(p Packet) error {
	u, err := ParseUDP(*p.IP)
	if err != nil || u.DstPort != EchoPort {
		return nil //nolint:nilerr // no packet for the service
	}
	reply := UDP{SrcPort: EchoPort, DstPort: u.SrcPort, Payload: u.Payload}
	return g.SendIP(p.Src, reply.Packet(p.IP.Dst, p.IP.Src))
}

func (g *Guest) answerARP(a ARP) error {
	if a.Op != ARPRequest || !g.owns(a.Target) {
		return nil
	}
	return g.sendARP(a.SenderMAC, ARP{
		Op:        ARPReply,
		SenderMAC: g.cfg.LLAddr, Sender: a.Target,
		TargetMAC: a.SenderMAC, Target: a.Sender,
	})
}

func (g *Guest) sendARP(to MAC, a ARP) error {
	return g.Send(Ethernet{Dst: to, Src: g.cfg.LLAddr, Type: TypeARP, Payload: a.Marshal()}.Marshal())
}

func (g *Guest) answerSolicitation(p Packet) error {
	s := p.Solicitation
	if !g.owns(s.Target) {
		return nil
	}
	a := Advertisement{Target: s.Target, MAC: g.cfg.LLAddr, Solicited: true, Override: true}
	if p.IP.Src.IsUnspecified() { // someone wants the address: all are told that it is taken (RFC 4861, 7.2.4)
		a.Solicited = false
		all := netip.IPv6LinkLocalAllNodes()
		return g.SendIP(MulticastMAC(all), a.Packet(s.Target, all))
	}
	to := s.Source
	if to == (MAC{}) {
		to = p.Src
	}
	return g.SendIP(to, a.Packet(s.Target, p.IP.Src))
}
