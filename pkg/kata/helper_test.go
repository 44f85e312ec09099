package kata_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/kata"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// attachment is the request and the State of VM 5's interface idx, in placement host
// and with these members.
func attachment(t testing.TB, idx int, members string) (*config.Request, *plan.State) {
	t.Helper()
	req, err := config.Parse(config.Input{
		Stdin:       fmt.Appendf(nil, `{"cniVersion": "1.1.0", "name": "vmnet", "type": "vmtap", "placement": "host", "kata": {"dan": true}%s}`, members),
		ContainerID: "sandbox-1",
		IfName:      []string{"eth0", "net1", "net2"}[idx],
		Netns:       "/run/netns/p",
		Args:        "VMNAME=web",
	})
	if err != nil {
		t.Fatal(err)
	}
	claim := plan.Claim{VMID: 5, Idx: idx, Holder: idx == 0, LLAddr: vmid.DeriveLLAddr("web", idx)}
	state, err := plan.New(&req, &plan.Node{}, claim)
	if err != nil {
		t.Fatal(err)
	}
	return &req, state
}

func device(t testing.TB, idx int, members string) kata.Device {
	t.Helper()
	d, err := kata.NewDevice(attachment(t, idx, members))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const (
	onSwitch     = `, "switch": {"interface": "bridge0", "create": true}`
	localAndMore = onSwitch + `, "local": true, "mtu": 9000, "routes": [{"dst": "10.0.0.0/8", "mtu": 1400}, {"dst": "2001:db8::/32", "gw": "fd00::9"}]`
)

// leased is an interface with what an IPAM plugin gave it.
func leased(t testing.TB, routes ...config.Route) (*config.Request, *plan.State) {
	t.Helper()
	req, state := attachment(t, 0, onSwitch+`, "ipam": {"type": "host-local"}`)
	_, err := state.AddLease(req, plan.Lease{
		Addrs: []plan.LeaseAddr{
			{Prefix: netip.MustParsePrefix("10.1.0.2/24"), Gateway: netip.MustParseAddr("10.1.0.1")},
			{Prefix: netip.MustParsePrefix("2001:db8::2/64")},
		},
		Routes: routes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return req, state
}
