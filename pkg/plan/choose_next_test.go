package plan

import (
	"fmt"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// The first interface of pod c1, VM 5.
const sibling = "vm5-if0 vm5 pod:c1 c1@eth9 100.64.5.3"

func TestChooseNextInterface(t *testing.T) {
	for _, c := range []struct {
		name   string
		host   *host
		change func(*config.Request)
		want   Claim
	}{
		{name: "second", host: hostWith(sibling), want: Claim{Idx: 1}},
		{name: "third", host: hostWith(sibling, "vm5-if1"), want: Claim{Idx: 2}},
		{name: "hole", host: hostWith(sibling, "vm5-if2"), want: Claim{Idx: 1}},
		{name: "hole at 0", host: hostWith("vm5-if1 vm5 pod:c1"), want: Claim{}},
		{name: "past the first chunk", host: hostWith(sibling, "vm5-if1", "vm5-if2", "vm5-if3", "vm5-if4", "vm5-if5", "vm5-if6", "vm5-if7"), want: Claim{Idx: 8}},
		{name: "another VM's are no obstacle", host: hostWith(sibling, "vm6-if1 vm6 100.64.6.5"), want: Claim{Idx: 1}},

		{name: "squatted host link", host: hostWith(sibling, "enp1s0 vm5-if1"), want: Claim{Idx: 2}},
		{name: "squatted gateway", host: hostWith(sibling, "vm5-gw1"), want: Claim{Idx: 2}},
		{name: "guest4 taken", host: hostWith(sibling, "renamed 100.64.5.5"), want: Claim{Idx: 2}},
		{name: "guest4 taken, not local", host: hostWith(sibling, "renamed 100.64.5.5"), change: notLocal, want: Claim{Idx: 1}},
		{name: "dead gateway", host: hostWith(sibling, "vm5-gw1 gw:c1@eth0"), want: Claim{Idx: 1, DeadGateway: "vm5-gw1"}},
		{name: "gateway alive, host link renamed", host: hostWith(sibling, "vm5-gw1 gw:c1@eth1", "renamed c1@eth1"), change: notLocal, want: Claim{Idx: 2}},

		{name: "requested, the VM's own", host: hostWith(sibling), change: requests(5), want: Claim{Idx: 1}},
		{name: "range of one", host: hostWith(sibling), change: func(r *config.Request) { r.VMID.Min, r.VMID.Max = 5, 5 }, want: Claim{Idx: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest()
			if c.change != nil {
				c.change(req)
			}
			c.want.VMID = 5
			c.want.LLAddr = vmid.DeriveLLAddr(req.VMName, c.want.Idx)
			got, err := Choose(req, "", c.host.find)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// What the second interface's look-ups cost: those of any ADD, then of the
// VM's first interfaces all at once.
func TestChooseNextInterfaceLooksUpTwice(t *testing.T) {
	h := hostWith(sibling, "vm5-if1", "vm5-if2")
	if _, err := Choose(newRequest(), "", h.find); err != nil {
		t.Fatal(err)
	}
	checkLookUps(t, h, 2)
}

func TestChooseRefusesNextInterface(t *testing.T) {
	for _, c := range []struct {
		name   string
		host   *host
		change func(*config.Request)
		words  []string
	}{
		{"another vmid requested", hostWith(sibling), requests(6), []string{"vmid 6", "vmid 5"}},
		{"below the range", hostWith(sibling), func(r *config.Request) { r.VMID.Min = 6 }, []string{"vmid 5", "6-16383"}},
		{"above the range", hostWith(sibling), func(r *config.Request) { r.VMID.Max = 4 }, []string{"vmid 5", "1-4"}},
		{"sibling renamed", hostWith("renamed vm5 pod:c1"), nil, []string{"c1", "renamed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest()
			if c.change != nil {
				c.change(req)
			}
			_, err := Choose(req, "", c.host.find)
			wantError(t, err, config.CodeInvalidConfig, c.words...)
		})
	}
}

func TestChooseAllInterfacesTaken(t *testing.T) {
	for _, c := range []struct {
		name  string
		local *config.Local
		last  int
	}{
		{"2 bits", local("", 2), 0},
		{"4 bits", local("", 4), 6},
		{"8 bits", local("", 8), 126},
		{"not local", nil, 126},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(func(r *config.Request) { r.Local = c.local })
			h := hostWith("vm5-if0 vm5 pod:c1")
			for idx := 1; idx < c.last; idx++ {
				if err := h.add(vmid.HostLink(5, idx)); err != nil {
					t.Fatal(err)
				}
			}
			if c.last > 0 { // the last one can still be had
				claim, err := Choose(req, "", h.find)
				if err != nil || claim.Idx != c.last {
					t.Fatalf("got interface %d, error %v, want %d", claim.Idx, err, c.last)
				}
				if err := h.add(vmid.HostLink(5, c.last)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := Choose(req, "", h.find)
			wantError(t, err, config.CodeTryAgainLater, "VM 5", fmt.Sprintf("0-%d", c.last))
		})
	}
}
