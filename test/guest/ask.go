package guest

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// retry is after how long what got no answer is sent again. Operating systems wait longer.
const retry = 200 * time.Millisecond

// ErrNoAnswer is the error of Ping when nobody answers, be it the neighbour or the destination.
var ErrNoAnswer = errors.New("no answer")

// UnreachableError is the error of Ping when someone says that the destination cannot be reached.
type UnreachableError struct {
	From       netip.Addr
	Type, Code uint8 // of ICMP or ICMPv6
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("unreachable, says %v: ICMP type %d code %d", e.From, e.Type, e.Code)
}

// Ping sends echo requests to a destination until it answers: from the guest's address, by way of the gateway if the
// destination is not on-link, to a neighbour whose lladdr it asks for first, each time.
func (g *Guest) Ping(dst netip.Addr, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	hop := g.nextHop(dst)
	if !hop.IsValid() {
		return fmt.Errorf("ping %v: no gateway", dst)
	}
	mac, err := g.Resolve(hop, timeout)
	if err != nil {
		return fmt.Errorf("ping %v: %w", dst, err)
	}
	return g.PingVia(mac, dst, time.Until(deadline))
}

func (g *Guest) nextHop(dst netip.Addr) netip.Addr {
	switch {
	case g.cfg.Addr4.Contains(dst), g.cfg.Addr6.Contains(dst), dst.Is6() && dst.IsLinkLocalUnicast():
		return dst
	case dst.Is4():
		return g.cfg.Gateway4
	}
	return g.cfg.Gateway6
}

// source is the address from which the guest speaks to a destination; invalid if it has none of its family.
func (g *Guest) source(dst netip.Addr) netip.Addr {
	switch {
	case dst.Is4():
		return g.cfg.Addr4.Addr()
	case dst.IsLinkLocalUnicast(), !g.cfg.Addr6.IsValid():
		return g.cfg.LinkLocal
	}
	return g.cfg.Addr6.Addr()
}

// PingVia is Ping to a given neighbour, such as another guest's gateway.
func (g *Guest) PingVia(mac MAC, dst netip.Addr, timeout time.Duration) error {
	src := g.source(dst)
	if !src.IsValid() {
		return fmt.Errorf("ping %v: the guest has no address of that family", dst)
	}
	id := uint16(g.echoes.Add(1))
	data := fmt.Appendf(nil, "guest %v", g.cfg.LLAddr)
	answer := func(p Packet) bool {
		reply := p.Echo != nil && p.Echo.Reply && p.Echo.ID == id && p.IP.Src == dst && p.IP.Dst == src &&
			p.Dst == g.cfg.LLAddr && bytes.Equal(p.Echo.Data, data)
		return reply || unreachable(p, src, dst)
	}
	var seq uint16
	p, err := g.ask(timeout, answer, func() error {
		seq++
		return g.SendIP(mac, Echo{ID: id, Seq: seq, Data: data}.Packet(src, dst))
	})
	if err != nil {
		return fmt.Errorf("ping %v via %v: %w", dst, mac, err)
	}
	if p.Echo == nil {
		return fmt.Errorf("ping %v via %v: %w", dst, mac, &UnreachableError{p.IP.Src, p.ICMP.Type, p.ICMP.Code})
	}
	return nil
}

// unreachable says whether a packet says that one from src to dst could not be delivered.
func unreachable(p Packet, src, dst netip.Addr) bool {
	if p.ICMP == nil || p.IP.Dst != src {
		return false
	}
	b := p.ICMP.Body // the packet, or its beginning
	switch {
	case dst.Is4():
		return p.ICMP.Type == unreachable4 && len(b) >= ipv4Header && bytes.Equal(b[16:20], dst.AsSlice())
	case p.ICMP.Type == unreachable6, p.ICMP.Type == packetTooBig6:
		return len(b) >= ipv6Header && bytes.Equal(b[24:40], dst.AsSlice())
	}
	return false
}

// Resolve asks for the lladdr of a neighbour, by ARP or by solicitation, until someone answers.
func (g *Guest) Resolve(neighbour netip.Addr, timeout time.Duration) (MAC, error) {
	p, err := g.ask(timeout, g.claims(neighbour), func() error { return g.solicit(neighbour) })
	if err != nil {
		return MAC{}, fmt.Errorf("resolve %v: %w", neighbour, err)
	}
	return claimant(p), nil
}

// ARP asks once who has an IPv4 address and returns all who answer in the time given.
func (g *Guest) ARP(target netip.Addr, timeout time.Duration) ([]MAC, error) {
	if !target.Is4() {
		return nil, fmt.Errorf("ARP for %v", target)
	}
	return g.claimants(target, timeout)
}

// Solicit asks once who has an IPv6 address and returns all who answer in the time given.
func (g *Guest) Solicit(target netip.Addr, timeout time.Duration) ([]MAC, error) {
	if !target.Is6() {
		return nil, fmt.Errorf("solicitation for %v", target)
	}
	return g.claimants(target, timeout)
}

func (g *Guest) claimants(target netip.Addr, timeout time.Duration) ([]MAC, error) {
	mark := g.Mark()
	if err := g.solicit(target); err != nil {
		return nil, err
	}
	var macs []MAC
	for _, p := range g.all(mark, timeout, g.claims(target)) {
		if mac := claimant(p); !slices.Contains(macs, mac) {
			macs = append(macs, mac)
		}
	}
	return macs, nil
}

// solicit sends one question for an address.
func (g *Guest) solicit(target netip.Addr) error {
	src := g.source(target)
	if target.Is4() {
		if !src.IsValid() {
			src = netip.IPv4Unspecified() // a probe
		}
		return g.sendARP(Broadcast, ARP{Op: ARPRequest, SenderMAC: g.cfg.LLAddr, Sender: src, Target: target})
	}
	s := Solicitation{Target: target, Source: g.cfg.LLAddr}
	return g.SendIP(MulticastMAC(SolicitedNode(target)), s.Packet(src))
}

// claims matches the answers to solicit, of which others' questions are none.
func (g *Guest) claims(target netip.Addr) func(Packet) bool {
	return func(p Packet) bool {
		if p.ARP != nil {
			return p.ARP.Op == ARPReply && p.ARP.Sender == target && p.Dst == g.cfg.LLAddr
		}
		return p.Advertisement != nil && p.Advertisement.Target == target && (p.Dst == g.cfg.LLAddr || p.Dst.Group())
	}
}

func claimant(p Packet) MAC {
	if p.ARP != nil {
		return p.ARP.SenderMAC
	}
	if p.Advertisement.MAC != (MAC{}) {
		return p.Advertisement.MAC
	}
	return p.Src
}

// DAD is duplicate address detection (RFC 4862, 5.4) with one solicitation: an error if in the time given someone
// advertises the address or wants it too.
func (g *Guest) DAD(target netip.Addr, wait time.Duration) error {
	mark := g.Mark()
	group := SolicitedNode(target)
	question := Solicitation{Target: target}.Packet(netip.IPv6Unspecified())
	if err := g.SendIP(MulticastMAC(group), question); err != nil {
		return err
	}
	p, ok := g.Wait(mark, wait, func(p Packet) bool {
		if p.Advertisement != nil {
			return p.Advertisement.Target == target
		}
		return p.Solicitation != nil && p.Solicitation.Target == target && p.IP.Src.IsUnspecified()
	})
	switch {
	case !ok:
		return nil
	case p.Advertisement != nil:
		return fmt.Errorf("duplicate address detection: %v is %v's", target, claimant(p))
	}
	return fmt.Errorf("duplicate address detection: %v wants %v too", p.Src, target)
}

// ask sends a question, again and again, until an answer comes or the time is over.
func (g *Guest) ask(timeout time.Duration, match func(Packet) bool, send func() error) (Packet, error) {
	mark := g.Mark()
	for deadline := time.Now().Add(timeout); ; {
		if err := send(); err != nil {
			return Packet{}, err
		}
		left := time.Until(deadline)
		if p, ok := g.Wait(mark, min(left, retry), match); ok {
			return p, nil
		}
		if left <= retry {
			return Packet{}, ErrNoAnswer
		}
	}
}
