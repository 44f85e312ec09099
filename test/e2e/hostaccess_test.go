package e2e

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
)

// What guests reach of one of the host's addresses: the address itself, and
// two sockets of each kind, on ports 7000 and 7010.
var (
	reachesAll  = reach{reaches, sockets{{reaches, reaches, reaches}, {reaches, reaches, reaches}}}
	reachesNone = reach{nothing, sockets{{nothing, nothing, nothing}, {nothing, nothing, nothing}}}
	reachesICMP = reach{reaches, sockets{{nothing, nothing, nothing}, {nothing, nothing, nothing}}}
	reachesSome = reach{nothing, sockets{{reaches, nothing, nothing}, {nothing, reaches, nothing}}}
)

// openHost is a node whose lo has addresses, with servers on two ports.
type openHost struct {
	*node
	servers [2]*server
}

func newHost(t *testing.T, n *node) *openHost {
	t.Helper()
	n.Run(t, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
	n.Run(t, "ip", "address", "add", hostAddr4+"/32", "dev", "lo")
	n.Run(t, "ip", "address", "add", hostAddr6+"/128", "dev", "lo", "nodad")
	return &openHost{n, [2]*server{n.listen(t, "", 7000), n.listen(t, "", 7010)}}
}

// newCaller adds a guest.
func (h *openHost) newCaller(t *testing.T, id, config string) (*caller, *attachment) {
	t.Helper()
	p := h.newPod(t, id)
	a := p.add(t, "eth0", config)
	return &caller{Guest: a.boot(p), config: a.guestConfig()}, a
}

// wantReaches demands what a guest reaches of each of the host's addresses.
func (h *openHost) wantReaches(t *testing.T, c *caller, want reach) {
	t.Helper()
	for _, to := range []string{toHost4, toHost6, toGateway4, toGateway6} {
		t.Run(to, func(t *testing.T) { c.wantReach(t, to, &h.servers, want) })
	}
}

// hears sends a datagram to port 7010, from and to any address, and reports
// whether it arrives. want says how long to wait for it.
func (h *openHost) hears(t *testing.T, c *caller, src, dst netip.Addr, port uint16, want bool) bool {
	t.Helper()
	mac, err := c.Resolve(c.config.Gateway4, answered)
	if err != nil {
		t.Fatal(err)
	}
	if dst.IsMulticast() {
		mac = guest.MulticastMAC(dst)
	} else if dst == broadcast {
		mac = guest.Broadcast
	}
	s := h.servers[1]
	text := fmt.Sprint(src, c.next())
	if err := c.SendIP(mac, guest.UDP{SrcPort: c.next(), DstPort: port, Payload: []byte(text)}.Packet(src, dst)); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience(want)); ; time.Sleep(10 * time.Millisecond) {
		if _, ok := s.heard.Load(text); ok || time.Now().After(end) {
			return ok
		}
	}
}

var broadcast = netip.MustParseAddr("255.255.255.255")

// TestHostAccess: what guests in rdomain 0 can open on the host, on its own
// addresses and on their gateway's.
func TestHostAccess(t *testing.T) {
	for _, c := range []struct {
		access string
		want   reach
		pings  bool // by link-local address
		hears  bool // port 7010 there
	}{
		{`"all"`, reachesAll, true, true},
		{`"icmp"`, reachesICMP, true, false},
		{`["tcp/7000", "udp/7010"]`, reachesSome, false, true},
		{`["udp/9"]`, reachesNone, false, false},
	} {
		for name, block := range map[string]string{
			"local":       "",
			"switch":      `, "switch": {"interface": "bridge0", "create": true}, "local": true`,
			"in the host": `, "placement": "host"`,
		} {
			t.Run(c.access+" "+name, func(t *testing.T) {
				h := newHost(t, newNode(t))
				g, a := h.newCaller(t, "p", extended(conf(`"hostAccess": `+c.access+block), speaksRaw))
				h.wantReaches(t, g, c.want)
				ll := gatewayLinkLocal(g.config)
				wantReached(t, "ping the gateway's link-local address", c.pings, g.Ping(ll, patience(c.pings)))
				expect(t, "heard on the link-local address", h.hears(t, g, g.LinkLocal(), ll, 7010, c.hears), c.hears)
				// What the host opens is answered, and neighbours are found.
				layer3 := a.hostLink()
				if name == "switch" {
					layer3 = a.gateway()
				}
				h.Run(t, "ip", "neigh", "flush", "dev", layer3)
				for _, dst := range []string{g.config.Addr4.Addr().String(), g.config.Addr6.Addr().String(), g.LinkLocal().String() + "%" + layer3} {
					h.ping(t, dst)
				}
				wantClaimants(t, g.Guest, g.config.Gateway4, guest.ParseMAC(h.link(t, layer3).Address))
				wantClaimants(t, g.Guest, ll, guest.ParseMAC(h.link(t, layer3).Address))
			})
		}
	}
}

// TestHostAccessRoundAbout: no forged source opens what the guest's own does
// not, and DHCP goes on.
func TestHostAccessRoundAbout(t *testing.T) {
	h := newHost(t, newNode(t))
	dhcp, dhcp6 := h.listen(t, "", 67), h.listen(t, "", 547)
	// Without guards, which would drop what is forged before the firewall sees it.
	g, _ := h.newCaller(t, "p", unguarded(conf(`"hostAccess": "icmp"`)))
	other, _ := h.newCaller(t, "q", unguarded(confOf("free", `"local": {"prefix": "10.9.0.0/16"}`)))
	ll := gatewayLinkLocal(g.config)
	group := netip.MustParseAddr("ff02::1")
	for _, c := range []struct {
		name     string
		src, dst netip.Addr
	}{
		{"its own address", g.config.Addr6.Addr(), g.config.Gateway6},
		{"another network's", other.config.Addr4.Addr(), g.config.Gateway4},
		{"another network's, IPv6", other.config.Addr6.Addr(), g.config.Gateway6},
		{"an address of nobody", netip.MustParseAddr("2001:db8:9::9"), g.config.Gateway6},
		{"its link-local address, to the host's", g.LinkLocal(), netip.MustParseAddr(hostAddr6)},
		{"its link-local address, to another network's gateway", g.LinkLocal(), other.config.Gateway6},
		{"its link-local address, to all", g.LinkLocal(), group},
		{"another link-local address", netip.MustParseAddr("fe80::9"), ll},
		{"no address, to all", netip.IPv4Unspecified(), broadcast},
		{"its address, to all", g.config.Addr4.Addr(), broadcast},
	} {
		t.Run(c.name, func(t *testing.T) {
			expect(t, "heard", h.hears(t, g, c.src, c.dst, 7010, false), false)
		})
	}
	for _, c := range []struct {
		to       *server
		src, dst netip.Addr
		from     uint16
	}{
		{dhcp, netip.IPv4Unspecified(), broadcast, 68},
		{dhcp6, g.LinkLocal(), netip.MustParseAddr("ff02::1"), 546},
	} {
		mac := guest.Broadcast
		if c.dst.Is6() {
			mac = guest.MulticastMAC(c.dst)
		}
		waitFor(t, fmt.Sprint("a datagram to port ", c.to.port), func() bool {
			if err := g.SendIP(mac, guest.UDP{SrcPort: c.from, DstPort: c.to.port, Payload: []byte("DHCP")}.Packet(c.src, c.dst)); err != nil {
				t.Fatal(err)
			}
			_, ok := c.to.heard.Load("DHCP")
			return ok
		})
	}
	t.Run("the other network is free", func(t *testing.T) { h.wantReaches(t, other, reachesAll) })
}
