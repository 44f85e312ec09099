package result_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
)

func leaseAddr(prefix, gateway string) plan.LeaseAddr {
	a := plan.LeaseAddr{Prefix: netip.MustParsePrefix(prefix)}
	if gateway != "" {
		a.Gateway = netip.MustParseAddr(gateway)
	}
	return a
}

func TestLease(t *testing.T) {
	for _, c := range []struct {
		name, printed string
		want          plan.Lease
	}{
		{
			"one address", `{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]}`,
			plan.Lease{Addrs: []plan.LeaseAddr{leaseAddr("10.1.0.5/24", "10.1.0.1")}},
		},
		{
			"of no version", `{"ips": [{"address": "10.1.0.5/24"}]}`,
			plan.Lease{Addrs: []plan.LeaseAddr{leaseAddr("10.1.0.5/24", "")}},
		},
		{
			"of an older version", `{"cniVersion": "0.3.1", "ips": [{"version": "6", "address": "2001:db8::5/64"}]}`,
			plan.Lease{Addrs: []plan.LeaseAddr{leaseAddr("2001:db8::5/64", "")}},
		},
		{
			"of the newest version", `{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/32", "gateway": "10.9.0.1", "interface": 7}], "interfaces": [{"name": "x"}]}`,
			plan.Lease{Addrs: []plan.LeaseAddr{leaseAddr("10.1.0.5/32", "10.9.0.1")}},
		},
		{
			"routes and dns", `{"cniVersion": "1.1.0", "ips": [{"address": "2001:db8::5/64"}, {"address": "10.1.0.5/24", "gateway": "10.1.0.1"}, {"address": "10.2.0.5/24", "gateway": "10.2.0.1"}],
				"routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.1/16", "gw": "10.1.0.9", "mtu": 1400, "advmss": 1300, "priority": 5}, {"dst": "2001:db8:9::/48"}],
				"dns": {"nameservers": ["10.1.0.53"], "domain": "example.org"}}`,
			plan.Lease{
				Addrs: []plan.LeaseAddr{leaseAddr("2001:db8::5/64", ""), leaseAddr("10.1.0.5/24", "10.1.0.1"), leaseAddr("10.2.0.5/24", "10.2.0.1")},
				Routes: []config.Route{
					route("0.0.0.0/0", "10.1.0.1"),
					{Dst: netip.MustParsePrefix("10.9.0.0/16"), GW: netip.MustParseAddr("10.1.0.9"), MTU: 1400, AdvMSS: 1300, Priority: 5},
					route("2001:db8:9::/48", ""),
				},
				DNS: config.DNS{Nameservers: []string{"10.1.0.53"}, Domain: "example.org"},
			},
		},
		{
			"routes on the link", `{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}], "routes": [{"dst": "10.8.0.0/16", "gw": "0.0.0.0", "scope": 253}, {"dst": "10.9.0.0/16", "gw": "0.0.0.0"}, {"dst": "10.10.0.0/16", "scope": 253}]}`,
			plan.Lease{
				Addrs: []plan.LeaseAddr{leaseAddr("10.1.0.5/24", "10.1.0.1")},
				Routes: []config.Route{
					{Dst: netip.MustParsePrefix("10.8.0.0/16"), OnLink: true},
					{Dst: netip.MustParsePrefix("10.9.0.0/16"), OnLink: true},
					{Dst: netip.MustParsePrefix("10.10.0.0/16"), OnLink: true},
				},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := result.Lease(&config.Request{CNIVersion: "1.0.0", IPAM: "host-local"}, []byte(c.printed))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestLeaseRefuses(t *testing.T) {
	for _, c := range []struct{ name, printed, words string }{
		{"nothing", ``, "unexpected end"},
		{"null", `null`, "want an object"},
		{"a list", `[]`, "cannot unmarshal array"},
		{"two", `{"ips": []}{"ips": []}`, "after top-level value"},
		{"no addresses", `{"ips": []}`, "it has no addresses"},
		{"a null address", `{"ips": [null]}`, `"ips" holds null`},
		{"a null route", `{"ips": [{"address": "10.1.0.5/24"}], "routes": [null]}`, `"routes" holds null`},
		{"a version that is none", `{"cniVersion": 5}`, "cniVersion"},
		{"unknown version", `{"cniVersion": "9.9.9"}`, "9.9.9"},
		{"empty entry", `{"ips": [{}]}`, "ips[0]: address"},
		{"the second", `{"ips": [{"address": "10.1.0.5/24"}, {"address": "224.0.0.1/4"}]}`, "ips[1]: address 224.0.0.1/4: no guest can have it"},
		{"broadcast", `{"ips": [{"address": "255.255.255.255/32"}]}`, "no guest can have it"},
		{"IPv4 in IPv6", `{"ips": [{"address": "::ffff:10.1.0.5/120"}]}`, "ips[0]: address"},
		{"gateway 0", `{"ips": [{"address": "10.1.0.5/24", "gateway": "0.0.0.0"}]}`, `ips[0]: gateway "0.0.0.0" is none`},
		{"route with a scope", `{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24"}], "routes": [{"dst": "0.0.0.0/0", "scope": 0}]}`, "route to 0.0.0.0/0: a table, and a scope"},
		{"route on the link with a gateway", `{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24"}], "routes": [{"dst": "0.0.0.0/0", "scope": 253, "gw": "10.1.0.1"}]}`, "route to 0.0.0.0/0: it has the link's scope and a gateway"},
		{"route without dst", `{"ips": [{"address": "10.1.0.5/24"}], "routes": [{}]}`, "route to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := result.Lease(&config.Request{CNIVersion: "1.0.0", IPAM: "host-local"}, []byte(c.printed))
			wantError(t, err, config.CodeDecoding, "read the result of host-local: ", c.words)
		})
	}
}

// FuzzLease: whatever a plugin prints is a lease that a guest can have, or an
// error.
func FuzzLease(f *testing.F) {
	f.Add(`{"ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}], "routes": [{"dst": "0.0.0.0/0"}]}`)
	f.Add(`{"cniVersion": "0.3.0", "ips": [{"version": "4", "address": "10.1.0.5/24"}], "dns": {}}`)
	f.Add(`{"ips": [{}], "routes": [{}], "interfaces": [{}]}`)
	f.Fuzz(func(t *testing.T, printed string) {
		req := &config.Request{CNIVersion: "1.0.0", IPAM: "host-local"}
		lease, err := result.Lease(req, []byte(printed))
		if err != nil {
			wantError(t, err, config.CodeDecoding)
			return
		}
		if len(lease.Addrs) == 0 {
			t.Error("a lease without addresses")
		}
		for _, a := range lease.Addrs {
			if err := a.Check(); err != nil || !a.Prefix.IsValid() {
				t.Errorf("%v: %v", a, err)
			}
		}
		for _, r := range lease.Routes {
			if !r.Dst.IsValid() || r.GW.IsValid() && r.GW.Is4() != r.Dst.Addr().Is4() {
				t.Errorf("route %v", r)
			}
		}
	})
}

// What ADD answered with a lease is the lease that CHECK reads, in each
// version's form, after an earlier plugin's result too.
func TestPreviousLease(t *testing.T) {
	lease := plan.Lease{
		Addrs:  []plan.LeaseAddr{leaseAddr("2001:db8::5/64", "2001:db8::1"), leaseAddr("10.1.0.5/24", "")},
		Routes: []config.Route{route("::/0", "2001:db8::1"), route("10.9.0.0/16", "")},
	}
	onLink := config.Route{Dst: netip.MustParsePrefix("10.8.0.0/16"), OnLink: true}
	for _, version := range config.Versions() {
		for _, device := range []config.Device{config.DeviceTap, config.DeviceVeth} {
			t.Run(version+" "+device.String(), func(t *testing.T) {
				req, state := aCase{request: func(r *config.Request) {
					onSwitch(r)
					r.Local, r.IPAM, r.Device = nil, "host-local", device
				}, bridge: theirs()}.state(t)
				lease := lease
				if version == "1.1.0" { // which has a place for it
					lease.Routes = append(lease.Routes[:2:2], onLink)
				}
				if _, err := state.AddLease(req, lease); err != nil {
					t.Fatal(err)
				}
				printed := printed(t, result.New(req, state, nil), version)
				got := result.PreviousLease(req, previous(t, version, printed))
				if diff := cmp.Diff(lease, got, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
	req, _ := aCase{}.state(t)
	if got := result.PreviousLease(req, ptp()); len(got.Addrs) != 0 {
		t.Errorf("got another interface's addresses: %v", got)
	}
}
