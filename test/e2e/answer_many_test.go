package e2e

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
)

// Ports of DHCPv6 (RFC 8415).
const (
	portClient6 = 546
	portServer6 = 547
)

// TestAnswerMany: guests that all start at the same moment have their addresses of both families and their router soon, with
// no question lost. The clients ask again after a second, as others do.
func TestAnswerMany(t *testing.T) {
	wantsNoVRF(t)
	guests := 40
	if soaks() {
		guests = 200
	}
	n := newNode(t)
	n.answers(t, confDir(t, `, "dns": {"nameservers": ["192.0.2.53", "2001:db8::53"]}`))
	clients := make([]*client, guests)
	for i, call := range n.addMany(t, guests, conf(`"placement": "host"`)) {
		a := &attachment{t, n, call, cni.ParseResult(t, call.PrevResult)}
		c := a.guestConfig()
		clients[i] = &client{Guest: guest.Open(t, n.NS, a.hostLink(), c), want: c}
	}
	begin := make(chan struct{})
	var all sync.WaitGroup
	for _, c := range clients {
		all.Go(func() {
			<-begin
			c.run()
		})
	}
	start := time.Now()
	close(begin)
	all.Wait()
	var last time.Duration
	questions, answers, failed := 0, 0, 0
	for _, c := range clients {
		last = max(last, c.done.Sub(start))
		questions += c.asked
		answers += c.answered
		if c.err != nil {
			failed++
			t.Error(c.err)
		}
	}
	t.Logf("%d guests at once: the last has all after %v; %d questions, %d answers, %.0f a second; %d failures",
		guests, last.Round(time.Millisecond), questions, answers, float64(answers)/last.Seconds(), failed)
}

// client is a guest's DHCP client for both families.
type client struct {
	*guest.Guest
	want     guest.Config
	asked    int
	answered int
	done     time.Time
	err      error
}

// run asks until it has what it wants.
func (c *client) run() {
	defer func() { c.done = time.Now() }()
	for _, step := range []func() error{c.dhcp4, c.router, c.dhcp6} {
		if c.err = step(); c.err != nil {
			c.err = fmt.Errorf("guest %v: %w", c.want.Addr4, c.err)
			return
		}
	}
}

// ask sends a question until what answers it comes.
func (c *client) ask(what string, frame []byte, answers func(guest.Packet) bool) error {
	since := c.Mark()
	for range 30 {
		c.asked++
		if err := c.Send(frame); err != nil {
			return err
		}
		if _, ok := c.Wait(since, time.Second, answers); ok {
			c.answered++
			return nil
		}
	}
	return fmt.Errorf("no answer to %s", what)
}

func (c *client) dhcp4() error {
	discover, err := dhcpv4.NewDiscovery(net.HardwareAddr(c.want.LLAddr[:]))
	if err != nil {
		return err
	}
	var offer *dhcpv4.DHCPv4
	if err := c.ask("DISCOVER", c.broadcast(discover), func(p guest.Packet) bool {
		offer = reply4(p, discover, dhcpv4.MessageTypeOffer)
		return offer != nil
	}); err != nil {
		return err
	}
	request, err := dhcpv4.NewRequestFromOffer(offer)
	if err != nil {
		return err
	}
	var ack *dhcpv4.DHCPv4
	if err := c.ask("REQUEST", c.broadcast(request), func(p guest.Packet) bool {
		ack = reply4(p, request, dhcpv4.MessageTypeAck)
		return ack != nil
	}); err != nil {
		return err
	}
	if got := ack.YourIPAddr.String(); got != c.want.Addr4.Addr().String() {
		return fmt.Errorf("was given %s", got)
	}
	return nil
}

func (c *client) broadcast(m *dhcpv4.DHCPv4) []byte {
	ip := guest.UDP{SrcPort: 68, DstPort: 67, Payload: m.ToBytes()}.Packet(netip.IPv4Unspecified(), netip.MustParseAddr("255.255.255.255"))
	return guest.Ethernet{Dst: guest.Broadcast, Src: c.want.LLAddr, Type: ip.EtherType(), Payload: ip.Marshal()}.Marshal()
}

// reply4 is the message of a kind that answers another, nil if a packet is none.
func reply4(p guest.Packet, to *dhcpv4.DHCPv4, kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	if p.UDP == nil || p.UDP.DstPort != 68 {
		return nil
	}
	m, err := dhcpv4.FromBytes(p.UDP.Payload)
	if err != nil || m.TransactionID != to.TransactionID || m.MessageType() != kind {
		return nil
	}
	return m
}

func (c *client) router() error {
	const solicitation, advertisement = 133, 134
	routers := netip.IPv6LinkLocalAllRouters()
	return c.ask("a router solicitation", c.multicast(guest.ICMP{Type: solicitation}.Packet(c.LinkLocal(), routers, 255)), func(p guest.Packet) bool {
		return p.ICMP != nil && p.IP.Src.Is6() && p.ICMP.Type == advertisement
	})
}

// multicast is a frame to an IPv6 group.
func (c *client) multicast(ip guest.IP) []byte {
	return guest.Ethernet{Dst: guest.MulticastMAC(ip.Dst), Src: c.want.LLAddr, Type: ip.EtherType(), Payload: ip.Marshal()}.Marshal()
}

func (c *client) dhcp6() error {
	solicit, err := dhcpv6.NewSolicit(net.HardwareAddr(c.want.LLAddr[:]), dhcpv6.WithRapidCommit)
	if err != nil {
		return err
	}
	servers := netip.MustParseAddr("ff02::1:2")
	frame := c.multicast(guest.UDP{SrcPort: portClient6, DstPort: portServer6, Payload: solicit.ToBytes()}.Packet(c.LinkLocal(), servers))
	var reply *dhcpv6.Message
	if err := c.ask("SOLICIT", frame, func(p guest.Packet) bool {
		if p.UDP == nil || p.UDP.DstPort != portClient6 {
			return false
		}
		m, err := dhcpv6.MessageFromBytes(p.UDP.Payload)
		if err != nil || m.TransactionID != solicit.TransactionID || m.MessageType != dhcpv6.MessageTypeReply {
			return false
		}
		reply = m
		return true
	}); err != nil {
		return err
	}
	if got := reply.Options.OneIANA().Options.OneAddress().IPv6Addr.String(); got != c.want.Addr6.Addr().String() {
		return fmt.Errorf("was given %s", got)
	}
	return nil
}
