package answer

import (
	"net/netip"
	"testing"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv6"
)

// FuzzAnswer: whatever a guest sends, an answer is a whole frame from the
// gateway to the guest alone or to all that are on its link, and no longer than
// any link takes.
func FuzzAnswer(f *testing.F) {
	g := sample()
	for _, kind := range []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeNone} {
		f.Add(ask4(f, g, kind, dhcpv4.WithBroadcast(true), dhcpv4.WithOption(dhcpv4.OptMaxMessageSize(600))))
	}
	f.Add(ask6(g, dhcpv6.MessageTypeSolicit, clientID(g), iana6(1, guest6), &dhcpv6.OptIAPD{}))
	f.Add(ask6(g, dhcpv6.MessageTypeRenew, clientID(g), serverID(g), iana6(1, "fd00::9")))
	f.Add(ask6(g, dhcpv6.MessageTypeConfirm, clientID(g), iana6(1, guest6)))
	f.Add(solicitation(f, g, g.LLAddr.LinkLocal()).frame())
	f.Add(solicitation(f, g, netip.IPv6Unspecified()).frame())
	f.Fuzz(func(t *testing.T, frame []byte) {
		reply, kind := g.Answer(frame)
		if kind == None {
			if reply != nil {
				t.Error("an answer of no kind")
			}
			return
		}
		asked, _ := parseFrame(frame)
		p := wire(t, reply)
		if p.srcLL != g.Gateway || asked.srcLL != g.LLAddr {
			t.Errorf("%v answers %v", p.srcLL, asked.srcLL)
		}
		if p.dstLL != g.LLAddr && p.dstLL[0]&1 == 0 {
			t.Errorf("to %v", p.dstLL)
		}
		if len(reply)-etherLen > mostSize4 {
			t.Errorf("%d bytes", len(reply))
		}
	})
}
