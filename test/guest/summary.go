package guest

import (
	"fmt"
	"strings"
)

// Summary says in one line each what was received since a mark, for the message of a test that failed.
func (g *Guest) Summary(since Mark) string {
	packets := g.Received(since)
	if len(packets) == 0 {
		return "nothing"
	}
	var b strings.Builder
	for _, p := range packets {
		fmt.Fprintf(&b, "\n  %v", p)
	}
	return b.String()
}

func (p Packet) String() string {
	s := fmt.Sprintf("%v > %v ", p.Src, p.Dst)
	switch {
	case p.ARP != nil:
		return s + fmt.Sprintf("ARP op %d: %v at %v to %v", p.ARP.Op, p.ARP.Sender, p.ARP.SenderMAC, p.ARP.Target)
	case p.Solicitation != nil:
		return s + fmt.Sprintf("%v asks who has %v", p.IP.Src, p.Solicitation.Target)
	case p.Advertisement != nil:
		return s + fmt.Sprintf("%v says that %v is at %v", p.IP.Src, p.Advertisement.Target, p.Advertisement.MAC)
	case p.Echo != nil:
		return s + fmt.Sprintf("%v > %v echo, reply %v, id %d seq %d", p.IP.Src, p.IP.Dst, p.Echo.Reply, p.Echo.ID, p.Echo.Seq)
	case p.ICMP != nil:
		return s + fmt.Sprintf("%v > %v ICMP type %d code %d", p.IP.Src, p.IP.Dst, p.ICMP.Type, p.ICMP.Code)
	case p.UDP != nil:
		return s + fmt.Sprintf("%v:%d > %v:%d UDP %d bytes", p.IP.Src, p.UDP.SrcPort, p.IP.Dst, p.UDP.DstPort, len(p.UDP.Payload))
	case p.IP != nil:
		return s + fmt.Sprintf("%v > %v protocol %d", p.IP.Src, p.IP.Dst, p.IP.Protocol)
	}
	return s + fmt.Sprintf("type %#04x, %d bytes", p.Type, len(p.Frame))
}
