package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

const (
	answered = 30 * time.Second       // an answer comes in this time, or never
	silence  = 300 * time.Millisecond // who has not answered by then does not
)

// boot starts a guest with what the result says, as a VM monitor would.
func (a *attachment) boot(p *pod) *guest.Guest {
	a.t.Helper()
	return a.open(p, a.guestConfig())
}

// open starts a guest on the attachment's tap, wherever it is.
func (a *attachment) open(p *pod, c guest.Config) *guest.Guest {
	a.t.Helper()
	ns, tap := a.tap(p)
	return guest.Open(a.t, ns, tap, c)
}

// tap is where the guest's tap is, and its name: the host's namespace if the
// result has none in the pod's.
func (a *attachment) tap(p *pod) (*netns.NS, string) {
	a.t.Helper()
	for _, i := range a.Interfaces {
		if i.Sandbox == a.call.Netns {
			return p.NS, a.Interfaces[len(a.Interfaces)-1].Name
		}
	}
	return a.node.NS, a.hostLink()
}

func (a *attachment) guestConfig() guest.Config {
	a.t.Helper()
	c := guest.Config{LLAddr: guest.ParseMAC(a.Interfaces[len(a.Interfaces)-1].Mac)}
	for _, ip := range a.IPs {
		addr, _ := netip.AddrFromSlice(ip.Address.IP)
		bits, _ := ip.Address.Mask.Size()
		gateway, _ := netip.AddrFromSlice(ip.Gateway)
		if addr = addr.Unmap(); addr.Is4() {
			c.Addr4, c.Gateway4 = netip.PrefixFrom(addr, bits), gateway.Unmap()
		} else {
			c.Addr6, c.Gateway6 = netip.PrefixFrom(addr, bits), gateway
		}
	}
	return c
}

// gatewayLinkLocal is the link-local address of the host's side.
func gatewayLinkLocal(c guest.Config) netip.Addr {
	b := c.Gateway6.As16()
	return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 8: b[8], 9: b[9], 10: b[10], 11: b[11], 15: b[15]})
}

// ping is the host's ping.
func (n *node) ping(t *testing.T, dst string) {
	t.Helper()
	n.Run(t, "ping", "-n", "-c", "1", "-W", "5", dst)
}

// TestGuestAndHost: they reach each other on both families and link-local.
func TestGuestAndHost(t *testing.T) {
	for name, config := range map[string]string{
		"local":                localConf,
		"switch":               switchConf,
		"somebody else's":      conf(`"switch": "br0", "local": true`),
		"without vnet headers": conf(`"tap": {"vnetHdr": false}`),
		"bits 2":               conf(`"local": {"bits": 2, "prefix": "10.9.8.0/24"}`),
		"prefix6 auto":         conf(`"local": {"prefix6": "auto"}`),
		"host":                 conf(`"placement": "host"`),
		"host on a switch":     conf(`"placement": "host", "switch": {"interface": "bridge0", "create": true}, "local": true`),
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", config)
			c := a.guestConfig()
			c.NoVnetHdr = name == "without vnet headers"
			g := a.open(p, c)
			if err := errors.Join(g.DAD(c.Addr6.Addr(), silence), g.DAD(g.LinkLocal(), silence)); err != nil {
				t.Error(err)
			}
			for _, dst := range []netip.Addr{c.Gateway4, c.Gateway6, gatewayLinkLocal(c)} {
				if err := g.Ping(dst, answered); err != nil {
					t.Error(err)
				}
			}
			layer3 := a.hostLink()
			if len(n.link(t, layer3).Addrs) == 0 {
				layer3 = a.gateway()
			}
			for _, dst := range []string{c.Addr4.Addr().String(), c.Addr6.Addr().String(), g.LinkLocal().String() + "%" + layer3} {
				n.ping(t, dst)
			}
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("CHECK with a guest: %s", fault)
			}
		})
	}
}

// TestVMMRestart: the tap outlives its VM monitor; a second opener is refused.
func TestVMMRestart(t *testing.T) {
	n := newNode(t)
	for name, config := range map[string]string{"pod": switchConf, "host": hostConf} {
		t.Run(name, func(t *testing.T) {
			p := n.newPod(t, name)
			a := p.add(t, "eth0", config)
			ns, tap := a.tap(p)
			for range 2 {
				g, err := guest.TryOpen(ns, tap, a.guestConfig())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := guest.TryOpen(ns, tap, a.guestConfig()); !errors.Is(err, unix.EBUSY) {
					t.Errorf("second opener: %v, want EBUSY", err)
				}
				if err := g.Ping(a.guestConfig().Gateway4, answered); err != nil {
					t.Error(err)
				}
				if err := g.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// TestForwardedToSilentGuest: packets from elsewhere reach a guest that has
// not spoken yet, on both families.
func TestForwardedToSilentGuest(t *testing.T) {
	for name, config := range map[string]string{"local": localConf, "switch": switchConf, "host": hostConf} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			outside := n.newOutside(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", config)
			a.boot(p)
			for _, ip := range a.IPs {
				outside.Run(t, "ping", "-n", "-c", "1", "-W", "5", ip.Address.IP.String())
			}
		})
	}
}

// newOutside makes a namespace behind the node's uplink, 192.0.2.1 and
// 2001:db8::1, which is its router.
func (n *node) newOutside(t *testing.T) *pod {
	t.Helper()
	outside := n.newPod(t, "outside")
	n.Run(t, "ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", outside.Path())
	ipBatch(t, n.Run, "address add 192.0.2.1/24 dev uplink\naddress add 2001:db8::1/64 dev uplink nodad\nlink set uplink up\n")
	ipBatch(t, outside.Run, "address add 192.0.2.2/24 dev eth0\naddress add 2001:db8::2/64 dev eth0 nodad\nlink set eth0 up\nroute add default via 192.0.2.1\n-6 route add default via 2001:db8::1\n")
	return outside
}

// TestTwentyOnOneSwitch: each guest is answered by its own gateway only, can
// use nobody else's, and reaches the others at layer 2 and through the
// gateways.
func TestTwentyOnOneSwitch(t *testing.T) {
	const vms = 20
	n := newNode(t)
	guests, configs := make([]*guest.Guest, vms), make([]guest.Config, vms)
	gateways := make([]guest.MAC, vms)
	for i := range vms {
		p := n.newPod(t, fmt.Sprint("p", i))
		config := switchConf
		if i%2 == 1 {
			config = hostConf
		}
		a := p.add(t, "eth0", config)
		guests[i], configs[i] = a.boot(p), a.guestConfig()
		gateways[i] = guest.ParseMAC(n.link(t, a.gateway()).Address)
	}
	for i := range vms {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			j := (i + 1) % vms
			g, c, other := guests[i], configs[i], configs[j]
			wantClaimants(t, g, c.Gateway4, gateways[i])
			wantClaimants(t, g, c.Gateway6, gateways[i])
			wantClaimants(t, g, gatewayLinkLocal(c), gateways[i])
			// Another's gateway does not answer, nor serve by its MAC.
			wantClaimants(t, g, other.Gateway4)
			wantClaimants(t, g, other.Gateway6)
			wantClaimants(t, g, gatewayLinkLocal(other))
			for _, dst := range []netip.Addr{c.Gateway4, other.Gateway4, other.Gateway6, other.Addr4.Addr()} {
				if err := g.PingVia(gateways[j], dst, silence); !errors.Is(err, guest.ErrNoAnswer) {
					t.Errorf("by another's gateway: %v, want no answer", err)
				}
			}
			// The others, by their MAC and through the gateways.
			for _, dst := range []netip.Addr{other.Addr4.Addr(), other.Addr6.Addr()} {
				if err := g.Ping(dst, answered); err != nil {
					t.Errorf("through the gateways: %v", err)
				}
				wantClaimants(t, g, dst, other.LLAddr)
				if err := g.PingVia(other.LLAddr, dst, answered); err != nil {
					t.Errorf("at layer 2: %v", err)
				}
			}
		})
	}
}

// wantClaimants demands that just these answer for an address.
func wantClaimants(t *testing.T, g *guest.Guest, target netip.Addr, want ...guest.MAC) {
	t.Helper()
	ask := g.Solicit
	if target.Is4() {
		ask = g.ARP
	}
	got, err := ask(target, silence)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("who has %s: %v %v, want %v", target, got, err, want)
	}
}

// TestBridgeIsNoRouter: a created bridge serves nobody by its MAC.
func TestBridgeIsNoRouter(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", switchConf)
	c := a.guestConfig()
	g := a.boot(p)
	bridge := guest.ParseMAC(n.link(t, "bridge0").Address)
	for _, dst := range []netip.Addr{c.Gateway4, c.Gateway6} {
		if err := g.PingVia(bridge, dst, silence); !errors.Is(err, guest.ErrNoAnswer) {
			t.Errorf("by the bridge's MAC: %v, want no answer", err)
		}
		if err := g.Ping(dst, answered); err != nil {
			t.Error(err)
		}
	}
}

// TestOnlyOnSwitch: interfaces that are not local meet at layer 2.
func TestOnlyOnSwitch(t *testing.T) {
	n := newNode(t)
	var guests []*guest.Guest
	for i := range 2 {
		p := n.newPod(t, fmt.Sprint("p", i))
		a := p.add(t, "eth0", conf(`"switch": {"interface": "bridge0", "create": true}`))
		c := a.guestConfig()
		c.Addr4 = netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/24", i+1))
		guests = append(guests, guest.Open(t, p.NS, "eth0", c))
	}
	if err := guests[0].Ping(netip.MustParseAddr("192.0.2.2"), answered); err != nil {
		t.Error(err)
	}
	if err := guests[1].Ping(guests[0].LinkLocal(), answered); err != nil {
		t.Error(err)
	}
}
