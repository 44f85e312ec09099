package plan

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
)

func leased(r *config.Request) {
	onSwitch(r)
	r.Local, r.IPAM = nil, "host-local"
}

func leaseAddr(prefix, gateway string) LeaseAddr {
	a := LeaseAddr{Prefix: netip.MustParsePrefix(prefix)}
	if gateway != "" {
		a.Gateway = netip.MustParseAddr(gateway)
	}
	return a
}

// dual is a lease of both families, of which one has a gateway.
func dual() Lease {
	return Lease{
		Addrs:  []LeaseAddr{leaseAddr("10.1.0.5/24", "10.1.0.1"), leaseAddr("2001:db8::5/64", "")},
		Routes: []config.Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), GW: netip.MustParseAddr("10.1.0.1")}},
	}
}

// A lease claims its addresses on the switch. Only a guest that is no VM gets
// them from vmtap.
func TestAddLease(t *testing.T) {
	for _, device := range []config.Device{config.DeviceTap, config.DeviceVeth} {
		t.Run(device.String(), func(t *testing.T) {
			req := newRequest(leased, func(r *config.Request) {
				r.Device = device
				r.Routes = []config.Route{{Dst: netip.MustParsePrefix("10.9.0.0/16")}}
			})
			s, err := New(req, &Node{Bridge: theirs("", 1500)}, first)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Guest.Routes) != 0 {
				t.Errorf("routes before the lease: %v", s.Guest.Routes)
			}
			claims, err := s.AddLease(req, dual())
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"10.1.0.5.ip.bridge0", "2001:db8::5.ip.bridge0"}
			if !slices.Equal(claims, want) || !slices.Equal(s.HostLink.AltNames[len(s.HostLink.AltNames)-2:], want) {
				t.Errorf("claims %q, altnames %q, want %q", claims, s.HostLink.AltNames, want)
			}
			addrs, routes := 0, 0
			if device == config.DeviceVeth {
				addrs, routes = 2, 2
			}
			if len(s.HostPeer.Addrs) != addrs || len(s.Guest.Routes) != routes {
				t.Errorf("%d addresses and %d routes, want %d and %d", len(s.HostPeer.Addrs), len(s.Guest.Routes), addrs, routes)
			}
			if all := GuestRoutes(req, &s.Guest); len(all) != 2 || all[1].GW != netip.MustParseAddr("10.1.0.1") {
				t.Errorf("routes %v, want two by the lease's gateway", all)
			}
		})
	}
}

func TestCheckLease(t *testing.T) {
	requested := func(addr string) func(*config.Request) {
		return func(r *config.Request) { r.IPs = []netip.Prefix{netip.MustParsePrefix(addr)} }
	}
	to := func(dst string) func(*config.Request) {
		return func(r *config.Request) { r.Routes = []config.Route{{Dst: netip.MustParsePrefix(dst)}} }
	}
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		mtu     int
		want    string
	}{
		{"nothing asked for", func(*config.Request) {}, 1500, ""},
		{"what was asked for", requested("10.1.0.5/32"), 1500, ""},
		{"another address", requested("10.1.0.6/24"), 1500, "give address 10.1.0.6: host-local gave others, ask for one that it can give"},
		{"a route by the gateway", to("10.9.0.0/16"), 1500, ""},
		{"a route without a gateway", to("2001:db8:9::/48"), 1500, "give route to 2001:db8:9::/48: host-local gave no gateway of its family, give gw"},
		{"a small mtu", func(*config.Request) {}, 1279, "give address 2001:db8::5: IPv6 needs an mtu of 1280, and this one is 1279, raise it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			lease := dual()
			s := &State{Guest: Guest{MTU: c.mtu}}
			err := CheckLease(newRequest(leased, c.request), s, &lease)
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
