package e2e

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// redirected is what a guest achieves that has the host send it others' packets.
const redirected = "the host's route"

// nearRouter is a router of the host's that has only a link-local address.
const nearRouter, behindNear = "fe80::77", "2001:db8:77::1"

// TestAttackRedirect: the guest tells the host, as its router, that it is the
// better way to what is behind the uplink.
func TestAttackRedirect(t *testing.T) {
	b := builder{
		node:    "-6 route add 2001:db8:77::/64 via fe80::77 dev uplink\n",
		sysctls: "net.ipv4.conf.all.accept_redirects=1 net.ipv6.conf.all.accept_redirects=1",
		hostile: `"local": true`,
	}
	b.suffer(t, []attack{
		{"ICMP redirects, as itself and as the host's router", "one rdomain, no switch, `all.accept_redirects` 1", nil, redirect4, "nothing", "nothing"},
		{"ICMPv6 redirects, as itself and as the host's router", "one rdomain, no switch, `all.accept_redirects` 1", nil, redirect6, "nothing", "nothing"},
	})
	b.sysctls += " net.ipv4.conf.all.rp_filter=2"
	b.more = `, "forward": false`
	b.suffer(t, []attack{
		{"ICMP redirects, as itself and as the host's router", "one rdomain, no switch, `forward` false, `all.accept_redirects` 1, `all.rp_filter` 2", nil, redirect4, "nothing", "nothing"},
		{"ICMPv6 redirects, as itself and as the host's router", "one rdomain, no switch, `forward` false, `all.accept_redirects` 1, `all.rp_filter` 2", nil, redirect6, "nothing", "nothing"},
	})
}

// redirect4 redirects what the host sends to outAddr4.
func redirect4(t *testing.T, tn *town) string {
	const typeRedirect, codeHost = 5, 1
	host, router, dst := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr(outAddr4)
	own := tn.config.Addr4.Addr()
	before := routeTo(t, tn, dst)
	// Linux takes a redirect of an echo reply without asking whose it was.
	quoted := guest.Echo{Reply: true}.Packet(host, dst).Marshal()
	for _, src := range []netip.Addr{own, router} {
		for _, to := range []netip.Addr{host, tn.config.Gateway4} {
			m := guest.ICMP{Type: typeRedirect, Code: codeHost, Rest: own.As4(), Body: quoted}
			if err := tn.SendIP(tn.router(), m.Packet(src, to, 64)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return changed(t, tn, before, dst)
}

// redirect6 redirects what the host sends to behindNear.
func redirect6(t *testing.T, tn *town) string {
	const typeRedirect, hops = 137, 255
	dst := netip.MustParseAddr(behindNear)
	before := routeTo(t, tn, dst)
	body := append(tn.LinkLocal().AsSlice(), dst.AsSlice()...)
	for _, src := range []netip.Addr{tn.LinkLocal(), netip.MustParseAddr(nearRouter)} {
		for _, to := range []netip.Addr{gatewayLinkLocal(tn.config), tn.config.Gateway6} {
			if err := tn.SendIP(tn.router(), guest.ICMP{Type: typeRedirect, Body: body}.Packet(src, to, hops)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return changed(t, tn, before, dst)
}

// changed says whether the host's route is another one, once the guest's
// packets have been taken.
func changed(t *testing.T, tn *town, before string, dst netip.Addr) string {
	t.Helper()
	for _, gateway := range gateways(tn.config) {
		if err := tn.Ping(gateway, answered); err != nil {
			t.Error(err)
		}
	}
	if routeTo(t, tn, dst) != before {
		return redirected
	}
	return nobody
}

// routeTo is the next hop that the host would take.
func routeTo(t *testing.T, tn *town, dst netip.Addr) string {
	t.Helper()
	_, via, _ := strings.Cut(tn.Run(t, "ip", "route", "get", dst.String()), " via ")
	return strings.Join(strings.Fields(via)[:3], " ")
}
