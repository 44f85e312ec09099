package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// with is a request's network with prefixes of its own; "" for no IPv6.
func with(prefix4, prefix6 string, changes ...func(*config.Request)) *config.Request {
	return newRequest(append(changes, func(r *config.Request) {
		var p6 netip.Prefix
		if prefix6 != "" {
			p6 = netip.MustParsePrefix(prefix6)
		}
		s, err := vmid.New(netip.MustParsePrefix(prefix4), p6, 8)
		if err != nil {
			panic(err)
		}
		r.Local = &config.Local{Scheme: s}
	})...)
}

// pings lets guests open ICMP alone.
func pings(r *config.Request) { r.HostAccess = config.HostAccess{Limited: true, ICMP: true} }

// content is what the elements of a table say, one word each.
func content(f *Firewall) string {
	var words []string
	for _, p := range f.Masq {
		words = append(words, "masq:"+p.String())
	}
	for _, p := range f.Closed {
		words = append(words, "closed:"+p.String())
	}
	for _, o := range f.Open {
		words = append(words, "open:"+strings.ReplaceAll(o.String(), " ", ""))
	}
	return strings.Join(words, " ")
}

// TestWithFirewall: what a table holds after each of several networks has had
// its say.
func TestWithFirewall(t *testing.T) {
	for _, c := range []struct {
		name     string
		requests []*config.Request
		want     string
	}{
		{"nothing wanted", []*config.Request{newRequest()}, ""},
		{"not local", []*config.Request{newRequest(onSwitch, notLocal)}, ""},
		{"masq", []*config.Request{newRequest(masqueraded)}, "masq:100.64.0.0/10 masq:fd00::6440:0:0:0/74"},
		{"masq without IPv6", []*config.Request{with("10.0.0.0/16", "", masqueraded)}, "masq:10.0.0.0/16"},
		{"a whole prefix6", []*config.Request{with("10.0.0.0/16", "fd00:1:2:3::/64", masqueraded)}, "masq:10.0.0.0/16 masq:fd00:1:2:3:a00::/80"},
		{"limits", []*config.Request{with("10.0.0.0/16", "fd00:1:2:3::/64", limited)}, "closed:10.0.0.0/16 closed:fd00:1:2:3:a00::/80 closed:fe80::a00:0:0:0/80 " +
			"open:10.0.0.0/16.icmp.0-65535 open:10.0.0.0/16.tcp.10250 open:10.0.0.0/16.udp.53 " +
			"open:fd00:1:2:3:a00::/80.tcp.10250 open:fd00:1:2:3:a00::/80.udp.53 open:fd00:1:2:3:a00::/80.ipv6-icmp.0-65535 " +
			"open:fe80::a00:0:0:0/80.tcp.10250 open:fe80::a00:0:0:0/80.udp.53 open:fe80::a00:0:0:0/80.ipv6-icmp.0-65535"},
		{"limits without IPv6", []*config.Request{with("10.0.0.0/16", "", pings)}, "closed:10.0.0.0/16 open:10.0.0.0/16.icmp.0-65535"},
		{"two networks", []*config.Request{with("10.1.0.0/16", "", pings, masqueraded), with("10.0.0.0/16", "", pings), with("10.2.0.0/16", "")}, "masq:10.1.0.0/16 closed:10.0.0.0/16 closed:10.1.0.0/16 open:10.0.0.0/16.icmp.0-65535 open:10.1.0.0/16.icmp.0-65535"},
		{"twice", []*config.Request{with("10.0.0.0/16", "", pings, masqueraded), with("10.0.0.0/16", "", pings, masqueraded)}, "masq:10.0.0.0/16 closed:10.0.0.0/16 open:10.0.0.0/16.icmp.0-65535"},
		{"another hostAccess", []*config.Request{with("10.0.0.0/16", "", limited), with("10.0.0.0/16", "", pings)}, "closed:10.0.0.0/16 open:10.0.0.0/16.icmp.0-65535"},
		{"no more", []*config.Request{with("10.0.0.0/16", "fd00::/8", limited, masqueraded), with("10.0.0.0/16", "fd00::/8")}, ""},
		{"within, the same", []*config.Request{with("10.0.0.0/8", "", pings, masqueraded), with("10.1.0.0/16", "", pings, masqueraded)}, "masq:10.0.0.0/8 closed:10.0.0.0/8 open:10.0.0.0/8.icmp.0-65535"},
		{"around, the same", []*config.Request{with("10.1.0.0/16", "", pings, masqueraded), with("10.0.0.0/8", "", pings, masqueraded)}, "masq:10.0.0.0/8 closed:10.0.0.0/8 open:10.0.0.0/8.icmp.0-65535"},
		{"within, another", []*config.Request{with("10.0.0.0/8", "", pings, masqueraded), with("10.1.0.0/16", "")}, ""},
		{"in another rdomain", []*config.Request{with("10.0.0.0/16", "", pings), with("10.0.0.0/16", "", masqueraded, in(10, 0))}, "masq:10.0.0.0/16 closed:10.0.0.0/16 open:10.0.0.0/16.icmp.0-65535"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f Firewall
			for _, r := range c.requests {
				before := fmt.Sprint(f)
				next := WithFirewall(&f, r)
				if now := fmt.Sprint(f); now != before {
					t.Errorf("the table was changed from %s to %s", before, now)
				}
				f = next
			}
			if diff := cmp.Diff(c.want, content(&f)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestFirewallChains: what has nothing to do is not there.
func TestFirewallChains(t *testing.T) {
	wanted := WithFirewall(&Firewall{}, newRequest(masqueraded, limited))
	for _, c := range []struct {
		name   string
		before Firewall
		req    *config.Request
		want   string
	}{
		{"no table", Firewall{}, newRequest(), ""},
		{"masq", Firewall{}, newRequest(masqueraded), "zone postrouting masq"},
		{"limits", Firewall{}, newRequest(limited), "zone input linklocal"},
		{"both", Firewall{}, newRequest(masqueraded, limited), "zone input linklocal postrouting masq"},
		{"neither, any more", wanted, newRequest(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := WithFirewall(&c.before, c.req)
			names := strings.Join(texts(f.Chains, func(c Chain) string { return c.Name }), " ")
			if names != c.want {
				t.Errorf("chains %q, want %q", names, c.want)
			}
			if f.IsZero() != (c.name == "no table") {
				t.Errorf("is zero: %t", f.IsZero())
			}
		})
	}
}

// TestEmbed: a guest's IPv6 address is in the prefix made for its network, and
// its gateway's link-local address, too.
func TestEmbed(t *testing.T) {
	for _, p6 := range []string{"fd00::/8", "fd12:3456:789a::/48", "fd00:1:2:3::/64"} {
		req := with("10.16.0.0/12", p6)
		k := keysOf(req.Local)
		for _, id := range []uint32{1, 4095} {
			a, err := req.Local.Scheme.Addrs(id, 126)
			if err != nil {
				t.Fatal(err)
			}
			if !k.v6.Contains(a.Guest6) || !k.linkLocal.Contains(vmid.GatewayLinkLocal(a.Host6)) {
				t.Errorf("%s or %s is not in %v", a.Guest6, vmid.GatewayLinkLocal(a.Host6), k)
			}
		}
		if other := netip.MustParseAddr("fe80::ff:fe00:1"); k.linkLocal.Contains(other) || k.v6.Contains(netip.MustParseAddr("fd00:1:2:3:a20::1")) {
			t.Errorf("%v holds what it should not", k)
		}
	}
}
