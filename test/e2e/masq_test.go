package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// uplink is a way out of a node, to a host that has no route back to guests.
type uplink struct {
	outside *pod
	addr4   netip.Addr // the node's
	addr6   netip.Addr
}

// Addresses behind every uplink, the same for all: tenants do not ask each
// other what theirs are.
const (
	remote4 = "203.0.113.1"
	remote6 = "2001:db8:113::1"
)

// newUplink gives a node a default route by a link of its own. vrf is the one
// that the link is in, and table the one that the route is in, "" for none.
// number makes its networks its own.
func (n *node) newUplink(t *testing.T, number int, vrf, table string) uplink {
	t.Helper()
	name := fmt.Sprint("uplink", number)
	net4, net6 := fmt.Sprintf("192.0.%d.", number), fmt.Sprintf("2001:db8:%d::", number)
	u := uplink{n.newPod(t, name), netip.MustParseAddr(net4 + "1"), netip.MustParseAddr(net6 + "1")}
	n.Run(t, "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", u.outside.Path())
	if vrf != "" {
		n.Run(t, "ip", "link", "set", name, "master", vrf)
	}
	if table != "" {
		table = " table " + table
	}
	ipBatch(t, n.Run, fmt.Sprintf(`address add %[2]s1/24 dev %[1]s
address add %[3]s1/64 dev %[1]s nodad
link set %[1]s up
route add default via %[2]s2 dev %[1]s%[4]s
-6 route add default via %[3]s2 dev %[1]s%[4]s
`, name, net4, net6, table))
	ipBatch(t, u.outside.Run, fmt.Sprintf(`address add %[1]s2/24 dev eth0
address add %[2]s2/64 dev eth0 nodad
address add %[3]s/32 dev lo
address add %[4]s/128 dev lo nodad
link set eth0 up
`, net4, net6, remote4, remote6))
	return u
}

// remotes are the addresses behind an uplink.
func remotes() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr(remote4), netip.MustParseAddr(remote6)}
}

// wantOut demands that a guest is answered from behind an uplink, or not.
func wantOut(t *testing.T, g *guest.Guest, want bool) {
	t.Helper()
	for _, dst := range remotes() {
		err := g.Ping(dst, patience(want))
		var no *guest.UnreachableError
		if want == (err != nil) || !want && !errors.Is(err, guest.ErrNoAnswer) && !errors.As(err, &no) {
			t.Errorf("ping %s: %v, want an answer: %t", dst, err, want)
		}
	}
}

// TestIPMasq: guests get answers from where nobody knows the way to them; not
// without ipMasq; and what stays on the node is not translated.
func TestIPMasq(t *testing.T) {
	for name, block := range map[string]string{
		"local":           "",
		"switch":          `"switch": {"interface": "bridge0", "create": true}, "local": true, `,
		"somebody else's": `"switch": "vmbr0", "local": true, `,
		"in the host":     `"placement": "host", "switch": {"interface": "bridge0", "create": true}, "local": true, `,
		"another prefix":  `"local": {"prefix": "10.9.0.0/16", "prefix6": "fd00:1:2:3::/64"}, `,
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.Run(t, "ip", "link", "add", "vmbr0", "type", "bridge")
			n.newUplink(t, 2, "", "")
			var guests []*guest.Guest
			var configs []guest.Config
			for i := range 2 {
				p := n.newPod(t, fmt.Sprint("p", i))
				a := p.add(t, "eth0", conf(block+`"ipMasq": true`))
				guests, configs = append(guests, a.boot(p)), append(configs, a.guestConfig())
			}
			for _, g := range guests {
				wantOut(t, g, true)
			}
			for i, dst := range addrs(configs[1]) {
				mark := guests[1].Mark()
				if err := guests[0].Ping(dst, answered); err != nil {
					t.Error(err)
				}
				wantSources(t, guests[1], mark, addrs(configs[0])[i])
				mark = guests[1].Mark()
				n.ping(t, dst.String())
				wantSources(t, guests[1], mark, gateways(configs[1])[i])
			}
			p := n.newPod(t, "without")
			a := p.add(t, "eth0", confOf("other", `"local": {"prefix": "10.10.0.0/16"}`))
			wantOut(t, a.boot(p), false)
		})
	}
}

// wantSources demands that the echo requests that a guest got came from one
// address.
func wantSources(t *testing.T, g *guest.Guest, since guest.Mark, want netip.Addr) {
	t.Helper()
	var sources []netip.Addr
	for _, p := range g.Received(since) {
		if p.Echo != nil && !p.Echo.Reply && !slices.Contains(sources, p.IP.Src) {
			sources = append(sources, p.IP.Src)
		}
	}
	if !slices.Equal(sources, []netip.Addr{want}) {
		t.Errorf("pinged from %v, want %v", sources, want)
	}
}

// TestIPMasqLeavesBridgesAlone: what goes from guest to guest at layer 2 is not
// translated either where bridges pass it through netfilter, as Kubernetes has
// them do.
func TestIPMasqLeavesBridgesAlone(t *testing.T) {
	n := newNode(t)
	if n.Command("sysctl", "net.bridge.bridge-nf-call-iptables").Run() != nil {
		t.Skip("this kernel has no br_netfilter")
	}
	n.Run(t, "sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1", "net.bridge.bridge-nf-call-ip6tables=1")
	var guests []*guest.Guest
	var configs []guest.Config
	for i := range 2 {
		p := n.newPod(t, fmt.Sprint("p", i))
		a := p.add(t, "eth0", conf(`"switch": {"interface": "bridge0", "create": true}, "local": true, "ipMasq": true`))
		guests, configs = append(guests, a.boot(p)), append(configs, a.guestConfig())
	}
	for i, dst := range addrs(configs[1]) {
		mark := guests[1].Mark()
		if err := guests[0].PingVia(configs[1].LLAddr, dst, answered); err != nil {
			t.Error(err)
		}
		wantSources(t, guests[1], mark, addrs(configs[0])[i])
	}
}

// TestIPMasqLeavesTheHostAlone: what the host sends with an address of its own
// is not translated.
func TestIPMasqLeavesTheHostAlone(t *testing.T) {
	n := newNode(t)
	n.newUplink(t, 2, "", "")
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"ipMasq": true`))
	a.boot(p)
	counted := n.counter(t, "ip saddr != "+a.guestConfig().Gateway4.String())
	n.Run(t, "ping", "-n", "-c", "1", "-W", "5", "-I", a.guestConfig().Gateway4.String(), a.guestConfig().Addr4.Addr().String())
	// Nobody answers this one: its source stays what it is.
	_ = n.Command("ping", "-n", "-c", "1", "-W", "1", "-I", a.guestConfig().Gateway4.String(), remote4).Run()
	expect(t, "echo requests of the host that were translated", counted(), "0")
}

// counter counts echo requests that a condition holds for where they have left
// the node's hands. It returns how to read it.
func (n *node) counter(t *testing.T, condition string) func() string {
	t.Helper()
	n.RunInput(t, "table inet t {\n chain c {\n type filter hook postrouting priority 300\n icmp type echo-request "+condition+" counter\n }\n}\n", "nft", "-f", "-")
	return func() string {
		_, rest, _ := strings.Cut(n.Run(t, "nft", "list", "table", "inet", "t"), "counter packets ")
		return strings.Fields(rest)[0]
	}
}

// TestIPMasqBesidesDNAT: answers to what comes in by somebody's DNAT, as
// portmap makes it, find their way, whichever zone a guest's link has.
func TestIPMasqBesidesDNAT(t *testing.T) {
	n := newNode(t)
	u := n.newUplink(t, 2, "", "")
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"ipMasq": true`))
	g, c := a.boot(p), a.guestConfig()
	n.RunInput(t, fmt.Sprintf("table inet t {\n chain c {\n type nat hook prerouting priority dstnat\n iifname uplink2 icmp type echo-request dnat ip to %s\n iifname uplink2 icmpv6 type echo-request dnat ip6 to %s\n }\n}\n", c.Addr4.Addr(), c.Addr6.Addr()), "nft", "-f", "-")
	for _, dst := range []netip.Addr{u.addr4, u.addr6} {
		mark := g.Mark()
		u.outside.Run(t, "ping", "-n", "-c", "1", "-W", "5", dst.String())
		wantSources(t, g, mark, dst.Next())
	}
	wantOut(t, g, true)
}

// TestIPMasqOfEqualGuests: guests in two rdomains, each with an uplink of its
// own, speak from one address and port to one address and port at once, on
// both families. No guard would let the second one do so.
func TestIPMasqOfEqualGuests(t *testing.T) {
	n := newVRFNode(t)
	var guests []*guest.Guest
	var first guest.Config
	for i, rdomain := range []string{"10", "20"} {
		p := n.newPod(t, "p"+rdomain)
		a := p.add(t, "eth0", conf(`"ipMasq": true, "guard": false, "rdomain": `+rdomain))
		n.newUplink(t, i+2, "rdomain"+rdomain, "10"+rdomain)
		c := a.guestConfig()
		if i == 0 {
			first = c
		} else {
			c.Addr4, c.Addr6 = first.Addr4, first.Addr6
			for _, addr := range addrs(c) {
				n.Run(t, "ip", "route", "add", addr.String(), "dev", a.hostLink(), "table", "1020")
			}
		}
		guests = append(guests, guest.Open(t, p.NS, "eth0", c))
	}
	for family, dst := range remotes() {
		src := addrs(first)[family]
		echo := func(i int) error { return guests[i].EchoOnce(src, dst, 4711) }
		for _, i := range []int{0, 1, 0, 1} { // each the other's connection is there
			if err := echo(i); err != nil {
				t.Errorf("guest %d from %s to %s: %v", i, src, dst, err)
			}
		}
	}
}

// TestIPMasqByRouteLeaking: guests in a VRF leave by an uplink in rdomain 0,
// where routes lead there and back.
func TestIPMasqByRouteLeaking(t *testing.T) {
	n := newVRFNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(inRDomains("bridge0", "", "10")+`, "ipMasq": true`))
	n.newUplink(t, 2, "", "1010")
	g := a.boot(p)
	for _, addr := range addrs(a.guestConfig()) {
		n.Run(t, "ip", "route", "add", addr.String(), "dev", "rdomain10")
	}
	wantOut(t, g, true)
}
