package plan

import (
	"errors"
	"fmt"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// prefers7 is a VM whose preferred slot is 7 of 5 to 8.
func prefers7(r *config.Request) {
	r.VMID.Min, r.VMID.Max = 5, 8
	for n := 0; vmid.Slot(r.VMName, 5, 8) != 7; n++ {
		r.VMName = fmt.Sprintf("default/web-%d", n)
	}
}

func requests(id uint32) func(*config.Request) {
	return func(r *config.Request) { r.VMID.Requested = id }
}

func noProbe(r *config.Request) { r.VMID.Probe = false }

func TestChooseFirstInterface(t *testing.T) {
	for _, c := range []struct {
		name   string
		host   *host
		change func(*config.Request)
		want   Claim
	}{
		{name: "preferred", host: hostWith(), want: Claim{VMID: 7}},
		{name: "preferred, others about", host: hostWith("vm5-if0 vm5", "vm8-if0 vm8"), want: Claim{VMID: 7}},
		{name: "preferred taken", host: hostWith("vm7-if0 vm7"), want: Claim{VMID: 8}},
		{name: "wraps around", host: hostWith("vm7-if0 vm7", "vm8-if0 vm8"), want: Claim{VMID: 5}},
		{name: "last of the range", host: hostWith("vm7-if0 vm7", "vm8-if0 vm8", "vm5-if0 vm5"), want: Claim{VMID: 6}},
		{name: "vmid held by interface 3", host: hostWith("vm7-if3 vm7"), want: Claim{VMID: 8}},

		{name: "squatted vmid", host: hostWith("vm7"), want: Claim{VMID: 8}},
		{name: "squatted host link", host: hostWith("vm7-if0"), want: Claim{VMID: 8}},
		{name: "squatted host link, an altname", host: hostWith("enp1s0 vm7-if0"), want: Claim{VMID: 8}},
		{name: "squatted gateway", host: hostWith("vm7-gw0"), want: Claim{VMID: 8}},
		{name: "squatted gateway, no mark", host: hostWith("vm7-gw0 gw:mine"), want: Claim{VMID: 8}},
		{name: "guest4 taken", host: hostWith("vm99-if0 100.64.7.3"), want: Claim{VMID: 8}},
		{name: "guest4 taken, not local", host: hostWith("vm99-if0 100.64.7.3"), change: notLocal, want: Claim{VMID: 7}},
		{name: "vm7's interface 1 is no obstacle", host: hostWith("vm7-if1 100.64.7.5"), want: Claim{VMID: 7}},

		{name: "dead gateway", host: hostWith("vm7-gw0 gw:c0@eth0"), want: Claim{VMID: 7, DeadGateway: "vm7-gw0"}},
		{name: "dead gateway in the host's namespace", host: hostWith("vm7-gw0 gw:c0@eth0", "vm7-gp0"), change: inHost, want: Claim{VMID: 7, DeadGateway: "vm7-gw0"}},
		{name: "gateway's other end taken", host: hostWith("vm7-gp0"), change: veth, want: Claim{VMID: 8}},
		{name: "gateway's other end is another's in placement pod", host: hostWith("vm7-gp0"), want: Claim{VMID: 7}},
		{name: "dead gateway, guest4 taken", host: hostWith("vm7-gw0 gw:c0@eth0", "vm99-if0 100.64.7.3"), want: Claim{VMID: 8}},
		{name: "gateway alive, host link renamed", host: hostWith("vm7-gw0 gw:c0@eth0", "renamed c0@eth0"), want: Claim{VMID: 8}},
		{name: "dead gateway further on", host: hostWith("vm7-if0 vm7", "vm8-gw0 gw:c0@eth0"), want: Claim{VMID: 8, DeadGateway: "vm8-gw0"}},

		{name: "own dead gateway of another name", host: hostWith("vm5-gw0 gw:c1@eth0"), want: Claim{VMID: 7, OwnDeadGateway: "vm5-gw0"}},
		{name: "own dead gateway", host: hostWith("vm7-gw0 gw:c1@eth0"), want: Claim{VMID: 7, DeadGateway: "vm7-gw0"}},
		{name: "own gateway alive", host: hostWith("vm5-gw0 gw:c1@eth0", "vm5-if0 c1@eth0"), want: Claim{VMID: 7}},

		{name: "requested", host: hostWith(), change: requests(6), want: Claim{VMID: 6}},
		{name: "requested, preferred taken", host: hostWith("vm7-if0 vm7"), change: requests(6), want: Claim{VMID: 6}},
		{name: "requested, dead gateway", host: hostWith("vm6-gw0 gw:c0@eth0"), change: requests(6), want: Claim{VMID: 6, DeadGateway: "vm6-gw0"}},
		{name: "no probing, preferred", host: hostWith("vm8-if0 vm8"), change: noProbe, want: Claim{VMID: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(prefers7)
			if c.change != nil {
				c.change(req)
			}
			c.want.Holder = true
			c.want.LLAddr = vmid.DeriveLLAddr(req.VMName, 0)
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

func TestChooseRefusesFirstInterface(t *testing.T) {
	full := hostWith("vm5-if0 vm5", "vm6-if0 vm6", "vm7-if0 vm7", "enp1s0 vm8-if0")
	for _, c := range []struct {
		name   string
		host   *host
		change func(*config.Request)
		code   config.Code
		words  []string
	}{
		{"exhausted", full, nil, config.CodeTryAgainLater, []string{"5-8"}},
		{"no probing", hostWith("vm7-if3 vm7"), noProbe, config.CodeTryAgainLater, []string{"vmid 7", "vm7-if3", "vmid.probe"}},
		{"no probing, squatted", hostWith("enp1s0 vm7-if0"), noProbe, config.CodeTryAgainLater, []string{"vmid 7", "enp1s0"}},
		{"requested, taken", hostWith("vm6-if2 vm6"), requests(6), config.CodeTaken, []string{"vmid 6", "vm6-if2"}},
		{"requested, squatted", hostWith("enp1s0 vm6-gw0"), requests(6), config.CodeTaken, []string{"vmid 6", "enp1s0"}},
		{"requested, guest4 taken", hostWith("vm99-if0 100.64.6.3"), requests(6), config.CodeTaken, []string{"vmid 6", "vm99-if0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(prefers7)
			if c.change != nil {
				c.change(req)
			}
			_, err := Choose(req, "", c.host.find)
			wantError(t, err, c.code, c.words...)
		})
	}
}

// The usual case is one look-up, of a handful of names. A claim is made under
// the node's one lock: each call counts.
func TestChooseLooksUpOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*config.Request)
		bridge string
		names  int
	}{
		{"local", nil, "", 6}, // host link, gateway, guest4, pod, vmid, own dead gateway
		{"not local", notLocal, "", 5},
		{"on a switch", nil, "bridge0", 7}, // and the lladdr
		{"requested", requests(6), "bridge0", 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, h := newRequest(), newHost()
			if c.change != nil {
				c.change(req)
			}
			if _, err := Choose(req, c.bridge, h.find); err != nil {
				t.Fatal(err)
			}
			if h.calls != 1 || len(h.lookUps) != c.names {
				t.Errorf("%d calls for %d names %v, want 1 for %d", h.calls, len(h.lookUps), h.lookUps, c.names)
			}
		})
	}
}

// A node with all of vmd's 16,383 VM ids taken, but for one or none: probing
// asks for many names in few calls.
func TestChooseOnAFullNode(t *testing.T) {
	req := newRequest()
	preferred := vmid.Slot(req.VMName, 1, 16383)
	last := (preferred+16381)%16383 + 1 // the one before, where probing ends
	full := func() *host {
		h := newHost()
		for id := uint32(1); id <= 16383; id++ {
			if err := h.add(vmid.HostLink(id, 0), vmid.VM(id)); err != nil {
				t.Fatal(err)
			}
		}
		return h
	}

	t.Run("one free", func(t *testing.T) {
		h := full()
		h.remove(vmid.VM(last))
		claim, err := Choose(req, "", h.find)
		if err != nil || claim.VMID != last {
			t.Errorf("got vmid %d, error %v, want %d", claim.VMID, err, last)
		}
		checkLookUps(t, h, 1+512+1)
	})
	t.Run("none free", func(t *testing.T) {
		h := full()
		_, err := Choose(req, "", h.find)
		wantError(t, err, config.CodeTryAgainLater, "1-16383")
		checkLookUps(t, h, 1+512)
	})
}

// checkLookUps fails if there were more calls, or if a name was looked up
// twice.
func checkLookUps(t *testing.T, h *host, calls int) {
	t.Helper()
	if h.calls > calls {
		t.Errorf("%d calls, want %d at most", h.calls, calls)
	}
	for name, n := range h.lookUps {
		if n > 1 {
			t.Errorf("%s was looked up %d times", name, n)
		}
	}
}

// Whichever look-up fails, its error comes back.
func TestChoosePassesFinderErrorsOn(t *testing.T) {
	derived := func(r *config.Request) string { return lladdrName(vmid.DeriveLLAddr(r.VMName, 0), "bridge0") }
	first := newRequest(prefers7)
	sibling := newRequest()
	for _, c := range []struct {
		name string
		req  *config.Request
		host func() *host
	}{
		{"first interface", first, func() *host {
			return hostWith("vm7-if0 vm7", "vm8-gw0 gw:c0@eth0", "vm99-if0 "+derived(first))
		}},
		{"second interface", sibling, func() *host {
			return hostWith("vm5-if0 vm5 pod:c1", "vm5-gw1 gw:c0@eth0")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := c.host()
			if _, err := Choose(c.req, "bridge0", h.find); err != nil {
				t.Fatal(err)
			}
			calls := h.calls
			if calls < 3 {
				t.Fatalf("only %d calls: this case tests too little", calls)
			}
			for n := 1; n <= calls; n++ {
				h := c.host()
				h.failAt = n
				if _, err := Choose(c.req, "bridge0", h.find); !errors.Is(err, errFind) {
					t.Errorf("call %d failed, and Choose returned %v", n, err)
				}
			}
		})
	}
}
