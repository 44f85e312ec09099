package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
)

// gateways are the host's addresses on a guest's link.
func gateways(c guest.Config) []netip.Addr {
	return slices.DeleteFunc([]netip.Addr{c.Gateway4, c.Gateway6}, func(a netip.Addr) bool { return !a.IsValid() })
}

// addrs are a guest's addresses.
func addrs(c guest.Config) []netip.Addr { return []netip.Addr{c.Addr4.Addr(), c.Addr6.Addr()} }

// resident is a guest of TestRDomainsApart.
type resident struct {
	name    string
	rdomain string
	*guest.Guest
	config guest.Config
	layer3 string // the host's link
}

// inHost puts a tap into the host's namespace.
const inHost = `, "placement": "host"`

// rdomainTown is a node with guests of four rdomains on two switches and on
// none. Rdomain 0 has a way out, to a host that answers.
func rdomainTown(t *testing.T) (*node, []resident) {
	t.Helper()
	n := newVRFNode(t)
	n.Run(t, "ip", "link", "set", "lo", "up")
	n.Run(t, "ip", "address", "add", hostAddr4+"/32", "dev", "lo")
	n.Run(t, "ip", "address", "add", hostAddr6+"/128", "dev", "lo", "nodad")
	outside := n.newPod(t, "outside")
	n.Run(t, "ip", "link", "add", "uplink", "type", "veth", "peer", "name", "eth0", "netns", outside.Path())
	uplink := "address add 192.0.2.1/24 dev uplink\naddress add 2001:db8::1/64 dev uplink nodad\nlink set uplink up\nroute add default via 192.0.2.2\n-6 route add default via 2001:db8::2\n"
	ipBatch(t, n.Run, uplink)
	ipBatch(t, outside.Run, "link set lo up\naddress add 192.0.2.2/24 dev eth0\naddress add 2001:db8::2/64 dev eth0 nodad\naddress add "+outAddr4+"/32 dev lo\naddress add "+outAddr6+"/128 dev lo nodad\nlink set eth0 up\nroute add 100.64.0.0/10 via 192.0.2.1\n-6 route add fd00::/8 via 2001:db8::1\n")
	var all []resident
	for _, r := range []struct{ name, rdomain, block string }{
		{"a0", "10", inRDomains("bridge10", "", "10")},
		{"a1", "10", inRDomains("bridge10", "", "10") + inHost},
		{"a2", "10", `"rdomain": 10`},
		{"b0", "20", inRDomains("bridge20", "", "20")},
		{"b1", "20", inRDomains("bridge10", "20", "10") + inHost},
		{"c0", "30", inRDomains("bridge20", "30", "20")},
		{"d0", "0", inRDomains("bridge10", "0", "10") + inHost},
		{"d1", "0", ""},
	} {
		p := n.newPod(t, r.name)
		a := p.add(t, "eth0", conf(strings.TrimPrefix(r.block+`, "rdomains": {"moveLocalRule": true}`, ", ")))
		layer3 := a.hostLink()
		if strings.Contains(r.block, "bridge") {
			layer3 = a.gateway()
		}
		all = append(all, resident{r.name, r.rdomain, a.boot(p), a.guestConfig(), layer3})
	}
	return n, all
}

const (
	hostAddr4, hostAddr6 = "198.51.100.1", "2001:db8:1::1" // on the node's lo
	outAddr4, outAddr6   = "198.51.100.2", "2001:db8:2::2" // behind the uplink
)

// ipBatch runs lines of ip.
func ipBatch(t *testing.T, run func(t testing.TB, name string, args ...string) string, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		run(t, "ip", strings.Fields(line)...)
	}
}

// TestRDomainsApart: guests of one rdomain reach each other through their
// gateways, be they on the same switch, on different ones or on none. Others
// they do not reach, whatever they try; nor the host's addresses in rdomain 0,
// nor what is behind them.
func TestRDomainsApart(t *testing.T) {
	n, all := rdomainTown(t)
	var host []netip.Addr
	for _, s := range []string{hostAddr4, hostAddr6, outAddr4, outAddr6} {
		host = append(host, netip.MustParseAddr(s))
	}
	for _, from := range all {
		for _, to := range all {
			if from.name == to.name {
				continue
			}
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				for i, dst := range addrs(to.config) {
					mark := to.Mark()
					err := from.Ping(dst, patience(from.rdomain == to.rdomain))
					wantReached(t, fmt.Sprint("ping ", dst), from.rdomain == to.rdomain, err)
					if from.rdomain == to.rdomain {
						continue
					}
					// It did not arrive either. The host's side of another
					// rdomain is not there.
					wantNothing(t, to.Guest, mark, addrs(from.config)[i])
					err = from.Ping(gateways(to.config)[i], patience(false))
					wantReached(t, fmt.Sprint("ping its gateway ", gateways(to.config)[i]), false, err)
				}
			})
		}
		t.Run(from.name+" to the host", func(t *testing.T) {
			for _, dst := range host {
				err := from.Ping(dst, patience(from.rdomain == "0"))
				wantReached(t, fmt.Sprint("ping ", dst), from.rdomain == "0", err)
			}
		})
	}
	for _, via := range []string{"bridge10", "bridge20"} {
		mac := guest.ParseMAC(n.link(t, via).Address)
		for _, from := range all {
			t.Run(from.name+" by the MAC of "+via, func(t *testing.T) { from.wantNoRouter(t, mac, all, host) })
		}
	}
	for _, other := range all {
		mac := guest.ParseMAC(n.link(t, other.layer3).Address)
		for _, from := range all {
			if from.name != other.name {
				t.Run(from.name+" by the gateway of "+other.name, func(t *testing.T) { from.wantNoRouter(t, mac, all, host) })
			}
		}
	}
}

// wantNoRouter sends one packet to every guest and to the host by a MAC that
// is not the guest's gateway's, all before looking: none arrives.
func (r *resident) wantNoRouter(t *testing.T, mac guest.MAC, all []resident, host []netip.Addr) {
	t.Helper()
	marks := make([]guest.Mark, len(all))
	own := r.Mark()
	for i, to := range all {
		marks[i] = to.Mark()
	}
	dsts := slices.Clone(host)
	for _, to := range all {
		dsts = append(dsts, append(addrs(to.config), gateways(to.config)...)...)
	}
	for _, dst := range dsts {
		src := addrs(r.config)[0]
		if dst.Is6() {
			src = addrs(r.config)[1]
		}
		if err := r.SendIP(mac, guest.Echo{ID: 7, Seq: 1, Data: []byte("by a MAC")}.Packet(src, dst)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(silence)
	for i, to := range all {
		if to.name != r.name {
			wantNothing(t, to.Guest, marks[i], addrs(r.config)...)
		}
	}
	for _, p := range r.Received(own) {
		if p.Echo != nil && p.Echo.Reply && bytes.Equal(p.Echo.Data, []byte("by a MAC")) {
			t.Errorf("%s answered", p.IP.Src)
		}
	}
}

// patience is how long to wait for an answer that should come, or should not.
func patience(answers bool) time.Duration {
	if answers {
		return answered
	}
	return silence
}

// wantReached demands that a ping was answered, or that it was not.
func wantReached(t *testing.T, what string, want bool, err error) {
	t.Helper()
	var no *guest.UnreachableError
	switch {
	case want && err != nil:
		t.Errorf("%s: %v", what, err)
	case !want && err == nil:
		t.Errorf("%s: answered", what)
	case !want && !errors.Is(err, guest.ErrNoAnswer) && !errors.As(err, &no):
		t.Errorf("%s: %v", what, err)
	}
}

// wantNothing demands that no packet from these addresses was sent to the
// guest. What its switch floods, since nobody there has the MAC, is not for it.
func wantNothing(t *testing.T, to *guest.Guest, since guest.Mark, from ...netip.Addr) {
	t.Helper()
	for _, p := range to.Received(since) {
		if p.IP != nil && p.Dst == to.LLAddr() && slices.Contains(from, p.IP.Src) {
			t.Errorf("a packet from %s to %s arrived", p.IP.Src, p.IP.Dst)
		}
	}
}

// TestRDomainSpoofing: in a VRF, too, a gateway takes IPv4 packets of its own
// guest's address only (rp_filter), whatever a guard would drop before.
func TestRDomainSpoofing(t *testing.T) {
	n := newVRFNode(t)
	var all []resident
	for i := range 3 {
		p := n.newPod(t, fmt.Sprint("p", i))
		a := p.add(t, "eth0", unguarded(conf(inRDomains("bridge0", "", "10"))))
		all = append(all, resident{Guest: a.boot(p), config: a.guestConfig(), layer3: a.gateway()})
	}
	a, b, victim := all[0], all[1], all[2]
	gateway := guest.ParseMAC(n.link(t, a.layer3).Address)
	mark := b.Mark()
	if err := a.SendIP(gateway, guest.Echo{ID: 7, Data: []byte("forged")}.Packet(victim.config.Addr4.Addr(), b.config.Addr4.Addr())); err != nil {
		t.Fatal(err)
	}
	if err := a.Ping(b.config.Addr4.Addr(), answered); err != nil {
		t.Error(err) // an honest one, later, arrives
	}
	wantNothing(t, b.Guest, mark, victim.config.Addr4.Addr())
}

// TestRDomainNoForwarding: forward false stops IPv4 on the link in a VRF, too.
func TestRDomainNoForwarding(t *testing.T) {
	n := newVRFNode(t)
	setSysctl(t, n, "ipv4/ip_forward", "1")
	var all []resident
	for i, forward := range []string{"true", "false"} {
		p := n.newPod(t, fmt.Sprint("p", i))
		a := p.add(t, "eth0", conf(`"rdomain": 10, "forward": `+forward))
		all = append(all, resident{Guest: a.boot(p), config: a.guestConfig()})
	}
	err := all[1].Ping(all[0].config.Addr4.Addr(), silence)
	wantReached(t, "ping through a gateway that does not forward", false, err)
	if err := all[1].Ping(all[1].config.Gateway4, answered); err != nil {
		t.Error(err)
	}
}

// TestRDomainFallThrough: a VRF's own table decides, also where the main one
// has a better route, and when the VRF has routes of its own.
func TestRDomainFallThrough(t *testing.T) {
	n, all := rdomainTown(t)
	a := all[slices.IndexFunc(all, func(r resident) bool { return r.name == "a0" })]
	b := all[slices.IndexFunc(all, func(r resident) bool { return r.name == "b0" })]
	// A way out for rdomain 10 alone.
	outside := n.newPod(t, "outside10")
	n.Run(t, "ip", "link", "add", "uplink10", "type", "veth", "peer", "name", "eth0", "netns", outside.Path())
	ipBatch(t, n.Run, "link set uplink10 master rdomain10\naddress add 192.0.2.1/24 dev uplink10\nlink set uplink10 up\nroute add default via 192.0.2.2 table 1010\n")
	ipBatch(t, outside.Run, "link set lo up\naddress add 192.0.2.2/24 dev eth0\naddress add 203.0.113.1/32 dev lo\nlink set eth0 up\nroute add default via 192.0.2.1\n")
	dst := netip.MustParseAddr("203.0.113.1")
	if err := a.Ping(dst, answered); err != nil {
		t.Errorf("rdomain 10 by its own default route: %v", err)
	}
	wantReached(t, "rdomain 20", false, b.Ping(dst, silence))
}

// TestGroupsSelect: the netdev group selects links for nft and ip, on the
// gateway too, and altnames name them to ip and tc.
func TestGroupsSelect(t *testing.T) {
	n := newVRFNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"switch": {"interface": "bridge0", "create": true, "rdomain": 10, "group": "vms"}, "local": true, "group": ["web", "db"], "groups": {"web": 101, "vms": 100}`))
	g, c := a.boot(p), a.guestConfig()
	other := n.newPod(t, "other")
	b := other.add(t, "eth0", conf(inRDomains("bridge0", "", "10")))
	h := b.boot(other)
	if err := errors.Join(g.Ping(c.Gateway4, answered), h.Ping(c.Addr4.Addr(), answered)); err != nil {
		t.Fatal(err)
	}
	n.RunInput(t, "table inet t {\n chain c {\n type filter hook prerouting priority raw\n iifgroup 101 icmp type echo-request counter drop\n }\n}\n", "nft", "-f", "-")
	wantReached(t, "ping from the group that is dropped", false, g.Ping(c.Gateway4, silence))
	if err := h.Ping(b.guestConfig().Gateway4, answered); err != nil {
		t.Errorf("ping from another group: %v", err)
	}
	if rules := n.Run(t, "nft", "list", "ruleset"); strings.Contains(rules, "packets 0 ") {
		t.Errorf("the rule counted nothing: %s", rules)
	}

	byGroup := n.Run(t, "ip", "-o", "link", "show", "group", "101")
	for _, name := range []string{a.hostLink(), a.gateway()} {
		if !strings.Contains(byGroup, name+"@") {
			t.Errorf("ip link show group 101 lacks %s: %s", name, byGroup)
		}
	}
	for _, group := range []string{"web", "db", "vms"} {
		name := a.hostLink() + "." + group
		expect(t, name, n.link(t, name).Name, a.hostLink())
		n.Run(t, "tc", "qdisc", "add", "dev", name, "root", "pfifo")
		if q := n.Run(t, "tc", "qdisc", "show", "dev", a.hostLink()); !strings.Contains(q, "qdisc pfifo ") {
			t.Errorf("tc by altname %s did nothing: %s", name, q)
		}
		n.Run(t, "tc", "qdisc", "del", "dev", name, "root")
	}
}

// TestRDomainWhereIPv6IsOff: a node that has IPv6 off by default has it in its
// rdomains all the same.
func TestRDomainWhereIPv6IsOff(t *testing.T) {
	n := newVRFNode(t)
	n.Run(t, "ip", "link", "set", "lo", "up")
	setSysctl(t, n, "ipv6/conf/all/disable_ipv6", "1")
	setSysctl(t, n, "ipv6/conf/default/disable_ipv6", "1")
	var all []resident
	for i := range 2 {
		p := n.newPod(t, fmt.Sprint("p", i))
		a := p.add(t, "eth0", conf(inRDomains("bridge0", "", "10")))
		all = append(all, resident{Guest: a.boot(p), config: a.guestConfig()})
	}
	for _, dst := range append(gateways(all[0].config), addrs(all[1].config)...) {
		if err := all[0].Ping(dst, answered); err != nil {
			t.Error(err)
		}
	}
}
