package result_test

import (
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/result"
)

// ptp is the result of an earlier plugin of a chain.
func ptp() *types100.Result {
	return &types100.Result{
		CNIVersion: types100.ImplementedSpecVersion,
		Interfaces: []*types100.Interface{
			{Name: "veth1a2b3c4d", Mac: "06:00:00:00:00:01"},
			{Name: "net0", Mac: "06:00:00:00:00:02", Sandbox: "/run/netns/p"},
		},
		IPs: []*types100.IPConfig{{
			Interface: types100.Int(1), Address: cidr("10.1.0.2/24"), Gateway: net.IPv4(10, 1, 0, 1),
		}},
		Routes: []*types.Route{{Dst: cidr("0.0.0.0/0"), GW: net.IPv4(10, 1, 0, 1)}},
		DNS:    types.DNS{Nameservers: []string{"10.1.0.53"}},
	}
}

func cidr(s string) net.IPNet {
	ip, n, err := net.ParseCIDR(s)
	if err != nil {
		panic(err)
	}
	return net.IPNet{IP: ip, Mask: n.Mask}
}

func TestAfterNothing(t *testing.T) {
	_, own := aCase{}.result(t)
	if got := result.After(nil, own); got != own {
		t.Errorf("got another result: %v", got)
	}
}

func TestAfterAnEarlierResult(t *testing.T) {
	_, own := aCase{request: onSwitch}.result(t)
	_, ownBefore := aCase{request: onSwitch}.result(t)
	earlier := ptp()
	got := result.After(earlier, own)

	var names []string
	for _, i := range got.Interfaces {
		names = append(names, i.Name+" in "+i.Sandbox)
	}
	wantNames := []string{
		"veth1a2b3c4d in ", "net0 in /run/netns/p",
		"bridge0 in ", "vm5-if0 in ", "vm5-gw0 in ", "eth0 in /run/netns/p", "eth0 in c1",
	}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("interfaces (-want +got):\n%s", diff)
	}
	var addresses []string
	for _, ip := range got.IPs {
		addresses = append(addresses, ip.Address.String()+" of "+got.Interfaces[*ip.Interface].Name+" in "+got.Interfaces[*ip.Interface].Sandbox)
	}
	wantAddresses := []string{
		"10.1.0.2/24 of net0 in /run/netns/p", "100.64.5.3/31 of eth0 in c1", "fd00::6440:503:0:2/96 of eth0 in /run/netns/p",
	}
	if diff := cmp.Diff(wantAddresses, addresses); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	var routes []string
	for _, r := range got.Routes {
		routes = append(routes, r.Dst.String()+" via "+r.GW.String())
	}
	wantRoutes := []string{"0.0.0.0/0 via 10.1.0.1", "0.0.0.0/0 via 100.64.5.2", "::/0 via fd00::6440:503:0:1"}
	if diff := cmp.Diff(wantRoutes, routes); diff != "" {
		t.Errorf("routes (-want +got):\n%s", diff)
	}
	if got.CNIVersion != own.CNIVersion {
		t.Errorf("version %q, want %q", got.CNIVersion, own.CNIVersion)
	}
	if diff := cmp.Diff(ptp(), earlier); diff != "" {
		t.Errorf("the earlier result was changed:\n%s", diff)
	}
	if diff := cmp.Diff(ownBefore, own); diff != "" {
		t.Errorf("the own result was changed:\n%s", diff)
	}
}

// Name servers that the configuration gives stand for the earlier ones; else
// those stay.
func TestAfterDNS(t *testing.T) {
	given := func(r *config.Request) { r.DNS = config.DNS{Nameservers: []string{"192.0.2.53"}} }
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		want    string
	}{{"given", given, "192.0.2.53"}, {"not given", nil, "10.1.0.53"}} {
		t.Run(c.name, func(t *testing.T) {
			_, own := aCase{request: c.request}.result(t)
			if got := result.After(ptp(), own).DNS.Nameservers; !cmp.Equal(got, []string{c.want}) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
