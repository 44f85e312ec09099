package e2e

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
)

// TestAttackNeighbours: ARP and neighbour discovery for addresses that are
// others'. Whose addresses a guest on a switch answers for is a matter of the
// switch, whose guests share its layer 2; the guard ends it.
func TestAttackNeighbours(t *testing.T) {
	builder{}.suffer(t, []attack{
		{"asks by ARP and ND for others' gateways and the host's addresses", "one rdomain, switch", nil, asksForOthers, "nothing", "nothing"},
		{"gratuitous ARP: it is another VM's gateway", "one rdomain, switch", nil, claimsGateways4, "peer, stranger", "nothing"},
		{"unsolicited advertisements: it is another VM's gateway", "one rdomain, switch", nil, claimsGateways6, "peer, stranger", "nothing"},
		{"ARP and ND to its gateway: it is another VM, the uplink's router, the host", "one rdomain, switch", nil, poisonsHost, "nothing", "nothing"},
	})
	builder{hostile: `"local": true`}.suffer(t, []attack{
		{"asks by ARP and ND for others' gateways and the host's addresses", "one rdomain, no switch", nil, asksForOthers, "nothing", "nothing"},
		{"gratuitous ARP: it is another VM's gateway", "one rdomain, no switch", nil, claimsGateways4, "nothing", "nothing"},
		{"unsolicited advertisements: it is another VM's gateway", "one rdomain, no switch", nil, claimsGateways6, "nothing", "nothing"},
		{"ARP and ND to its gateway: it is another VM, the uplink's router, the host", "one rdomain, no switch", nil, poisonsHost, "nothing", "nothing"},
	})
}

// TestAttackNeighboursInRDomains is the same where rdomains are apart.
func TestAttackNeighboursInRDomains(t *testing.T) {
	builder{rdomains: true}.suffer(t, []attack{
		{"asks by ARP and ND for others' gateways and the host's addresses", "rdomains, switch", nil, asksForOthers, "nothing", "nothing"},
		{"gratuitous ARP: it is another VM's gateway", "rdomains, switch", nil, claimsGateways4, "peer, stranger", "nothing"},
		{"unsolicited advertisements: it is another VM's gateway", "rdomains, switch", nil, claimsGateways6, "peer, stranger", "nothing"},
		{"ARP and ND to its gateway: it is another VM, the uplink's router, the host", "rdomains, switch", nil, poisonsHost, "nothing", "nothing"},
	})
}

// asksForOthers asks who has an address that the host has elsewhere.
func asksForOthers(t *testing.T, tn *town) string {
	var who []netip.Addr
	mark := tn.Mark()
	targets := hostPlaces()
	for _, r := range tn.others {
		targets = append(append(targets, gateways(r.config)...), gatewayLinkLocal(r.config))
	}
	for _, target := range targets {
		src := tn.source(target)
		if target.Is4() {
			tn.arp(t, guest.Broadcast, guest.ARP{Op: guest.ARPRequest, SenderMAC: tn.LLAddr(), Sender: src, Target: target})
			tn.arp(t, tn.router(), guest.ARP{Op: guest.ARPRequest, SenderMAC: tn.LLAddr(), Sender: src, Target: target})
			continue
		}
		question := guest.Solicitation{Target: target, Source: tn.LLAddr()}.Packet(src)
		for _, to := range []guest.MAC{guest.MulticastMAC(question.Dst), tn.router()} {
			if err := tn.SendIP(to, question); err != nil {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(silence)
	for _, p := range tn.Received(mark) {
		switch {
		case p.ARP != nil && p.ARP.Op == guest.ARPReply:
			who = append(who, p.ARP.Sender)
		case p.Advertisement != nil:
			who = append(who, p.Advertisement.Target)
		}
	}
	if who = slices.DeleteFunc(who, func(a netip.Addr) bool { return !slices.Contains(targets, a) }); len(who) > 0 {
		t.Errorf("somebody has %v", who)
		return hostAnswers
	}
	return nobody
}

// arp sends ARP.
func (tn *town) arp(t *testing.T, to guest.MAC, a guest.ARP) {
	t.Helper()
	if err := tn.Send(tn.arpFrame(to, a)); err != nil {
		t.Fatal(err)
	}
}

func (tn *town) arpFrame(to guest.MAC, a guest.ARP) []byte {
	for _, addr := range []*netip.Addr{&a.Sender, &a.Target} {
		if !addr.IsValid() {
			*addr = netip.IPv4Unspecified()
		}
	}
	return guest.Ethernet{Dst: to, Src: tn.LLAddr(), Type: guest.TypeARP, Payload: a.Marshal()}.Marshal()
}

// claimsGateways4 tells all, and each, that others' gateways are here.
func claimsGateways4(t *testing.T, tn *town) string {
	var all [][]byte
	for _, r := range tn.others {
		gateway := r.config.Gateway4
		for _, to := range []guest.MAC{guest.Broadcast, r.LLAddr()} {
			for _, op := range []uint16{guest.ARPRequest, guest.ARPReply} {
				all = append(all, tn.arpFrame(to, guest.ARP{Op: op, SenderMAC: tn.LLAddr(), Sender: gateway, TargetMAC: to, Target: gateway}))
			}
		}
	}
	return tn.given(t, all, func(p guest.Packet) bool { return p.ARP != nil && p.ARP.SenderMAC == tn.LLAddr() })
}

// claimsGateways6 does so by unsolicited advertisements, and by solicitations.
func claimsGateways6(t *testing.T, tn *town) string {
	var all [][]byte
	nodes := netip.IPv6LinkLocalAllNodes()
	for _, r := range tn.others {
		for _, gateway := range []netip.Addr{r.config.Gateway6, gatewayLinkLocal(r.config)} {
			a := guest.Advertisement{Target: gateway, MAC: tn.LLAddr(), Router: true, Override: true}
			s := guest.Solicitation{Target: r.config.Addr6.Addr(), Source: tn.LLAddr()}.Packet(gateway)
			all = append(all,
				tn.frame(guest.MulticastMAC(nodes), a.Packet(gateway, nodes)),
				tn.frame(r.LLAddr(), a.Packet(gateway, r.config.Addr6.Addr())),
				tn.frame(guest.MulticastMAC(s.Dst), s))
		}
	}
	return tn.given(t, all, func(p guest.Packet) bool { return p.IP != nil && p.IP.Protocol == guest.ProtocolICMPv6 })
}

// poisonsHost tells its gateway that addresses are here which the host knows
// elsewhere, and says whether what the host knew is another now.
func poisonsHost(t *testing.T, tn *town) string {
	victims := []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("2001:db8::2")}
	for _, dst := range victims {
		tn.ping(t, dst.String())
	}
	for _, r := range tn.others {
		victims = append(victims, addrs(r.config)...)
		for _, gateway := range gateways(r.config) {
			if err := r.Ping(gateway, answered); err != nil {
				t.Error(err)
			}
		}
	}
	victims = append(append(victims, hostPlaces()...), gateways(tn.config)...)
	before := knows(t, tn)
	for _, victim := range victims {
		if victim.Is4() {
			for _, op := range []uint16{guest.ARPRequest, guest.ARPReply} {
				for _, target := range []netip.Addr{tn.config.Gateway4, victim} {
					tn.arp(t, tn.router(), guest.ARP{Op: op, SenderMAC: tn.LLAddr(), Sender: victim, TargetMAC: tn.router(), Target: target})
				}
			}
			continue
		}
		for _, p := range []guest.IP{
			guest.Solicitation{Target: tn.config.Gateway6, Source: tn.LLAddr()}.Packet(victim),
			guest.Advertisement{Target: victim, MAC: tn.LLAddr(), Override: true}.Packet(victim, tn.config.Gateway6),
			guest.Advertisement{Target: victim, MAC: tn.LLAddr(), Override: true, Solicited: true, Router: true}.Packet(victim, gatewayLinkLocal(tn.config)),
		} {
			if err := tn.SendIP(tn.router(), p); err != nil {
				t.Fatal(err)
			}
		}
	}
	time.Sleep(silence)
	after := knows(t, tn)
	for place, lladdr := range before {
		if have, ok := after[place]; ok && have != lladdr {
			t.Logf("%s was at %s, now at %s", place, lladdr, have)
			return hostAnswers
		}
	}
	return nobody
}

// knows are the host's neighbours: "ADDRESS LINK", and where they are. Those
// of which it knows nothing are not there.
func knows(t *testing.T, tn *town) map[string]string {
	t.Helper()
	all := map[string]string{}
	for line := range strings.Lines(tn.Run(t, "ip", "neigh", "show", "nud", "all")) {
		w := strings.Fields(line)
		if i := slices.Index(w, "lladdr"); i > 2 && !strings.HasSuffix(strings.TrimSpace(line), "NOARP") {
			all[w[0]+" "+w[2]] = w[i+1]
		}
	}
	return all
}
