package control

import (
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// heldInPod is an attachment with a tap in the pod, on a switch.
func heldInPod() *plan.Held {
	h := &plan.Held{Index: 77, Pod: "/run/netns/web"}
	mac := vmid.LLAddr{2, 0, 0, 0, 0, 5}
	h.RDomain = plan.Link{Name: "rdomain10", Kind: plan.KindVRF, Table: 1010, Up: true}
	h.Bridge = plan.Link{Name: "bridge0", Kind: plan.KindBridge, Foreign: true, Master: "rdomain20", Up: true}
	guard := []plan.Filter{{Match: make(filter.Program, 300)}}
	h.HostLink = plan.Link{Name: "vm5-if0", Kind: plan.KindVeth, LLAddr: mac, Master: "bridge0", Up: true, Ingress: guard, Alias: "it's\nmine"}
	h.HostPeer = plan.Link{Name: "vm5-if0", Kind: plan.KindVeth, LLAddr: mac, Pod: true, Up: true, PodGroup: true}
	h.Gateway = plan.Link{Name: "vm5-gw0", Kind: plan.KindVeth, LLAddr: mac, Master: "rdomain10", Ingress: guard}
	h.GatewayPeer = plan.Link{Name: "vm5-gw0", Kind: plan.KindVeth, LLAddr: mac, Pod: true, Up: true}
	h.Tap = plan.Link{Name: "eth0", Kind: plan.KindTun, LLAddr: mac, Pod: true, Up: true, Shaper: plan.Shaper{Rate: 1000, Burst: 1, Limit: 1}}
	return h
}

// TestPicture: what is where, for each way in which links are joined.
func TestPicture(t *testing.T) {
	for name, c := range map[string]struct {
		change func(h *plan.Held)
		want   string
	}{
		"gateway": {func(*plan.Held) {}, `
[bridge0]   vm5-if0        === veth === vm5-if0 <-- tc: all else -------.
                                                                         eth0 (tap, for the VMM)
[rdomain10] vm5-gw0 (down) === veth === vm5-gw0 <-- tc: the gateway's --'
pod: /run/netns/web
switch: bridge0, not vmtap's, in rdomain20
rdomain: rdomain10, table 1010
guard: at vm5-if0, of 300 instructions
guard: at vm5-gw0, of 300 instructions
rate: what eth0 sends, 8000 bit/s
`},
		"alone": {func(h *plan.Held) {
			h.Gateway, h.GatewayPeer, h.Bridge, h.RDomain, h.Tap.Shaper = plan.Link{}, plan.Link{}, plan.Link{}, plan.Link{}, plan.Shaper{}
			h.HostLink.Master, h.HostLink.Ingress = "", nil
		}, `
vm5-if0 === veth === vm5-if0 <-- tc: all --- eth0 (tap, for the VMM)
pod: /run/netns/web
`},
		"no tap": {func(h *plan.Held) {
			h.Gateway, h.GatewayPeer, h.Bridge, h.RDomain, h.Tap = plan.Link{}, plan.Link{}, plan.Link{}, plan.Link{}, plan.Link{}
			h.HostLink.Ingress = nil
		}, `
[bridge0] vm5-if0 === veth === vm5-if0 <-- tc: all --- (missing) (tap, for the VMM)
pod: /run/netns/web
`},
		"not seen": {func(h *plan.Held) {
			*h = plan.Held{State: h.State, Unseen: "no rights"}
			h.HostPeer, h.GatewayPeer, h.Tap, h.Bridge = plan.Link{}, plan.Link{}, plan.Link{}, plan.Link{}
			h.HostLink.Ingress, h.Gateway.Ingress = nil, nil
		}, `
[bridge0]   vm5-if0        === veth === the pod's
[rdomain10] vm5-gw0 (down) === veth === the pod's
pod: not seen: no rights
rdomain: rdomain10, table 1010
`},
		"host": {func(h *plan.Held) {
			h.Pod, h.HostLink.Kind, h.HostPeer, h.Tap, h.Bridge, h.RDomain = "", plan.KindTun, plan.Link{}, plan.Link{}, plan.Link{}, plan.Link{}
			h.GatewayPeer.Name, h.GatewayPeer.Pod = "vm5-gp0", false
			h.HostLink.Ingress, h.Gateway.Ingress = nil, nil
		}, `
[bridge0] vm5-if0 (tap, for the VMM)
            |
            '-- tc: the gateway's --> vm5-gp0 === veth === vm5-gw0 (down) [rdomain10]
`},
		"veth": {func(h *plan.Held) {
			h.HostPeer.Name, h.HostPeer.Guests, h.Tap, h.Gateway, h.GatewayPeer, h.Bridge, h.RDomain = "eth0", true, plan.Link{}, plan.Link{}, plan.Link{}, plan.Link{}, plan.Link{}
			h.HostLink.Ingress = nil
		}, `
[bridge0] vm5-if0 === veth === eth0, in the pod
pod: /run/netns/web
`},
	} {
		h := heldInPod()
		c.change(h)
		var b strings.Builder
		if err := Picture(&b, h); err != nil {
			t.Fatal(err)
		}
		got, _, _ := strings.Cut(strings.ReplaceAll(b.String(), "\n    ", "\n"), "\n\n#")
		expect(t, name, got+"\n", c.want)
	}
}

// TestCommands: what a shell is given is one line a command, whatever others wrote
// into names; guards and what is somebody else's are named and not made.
func TestCommands(t *testing.T) {
	h := heldInPod()
	host, pod := h.Commands()
	for _, want := range []string{
		`ip link set dev vm5-if0 alias 'it'\''s?mine'`,
		"# bridge0 is not vmtap's, and has to be there",
		"# vm5-if0 ingress pref 1: a guard of 300 instructions, which only ADD makes",
		"ip link add rdomain10 type vrf table 1010",
		"ip link set dev vm5-if0 master bridge0",
	} {
		if !strings.Contains("\n"+strings.Join(host, "\n")+"\n", "\n"+want+"\n") {
			t.Errorf("the host's lines lack %q:\n%s", want, strings.Join(host, "\n"))
		}
	}
	for _, want := range []string{"ip link set dev vm5-if0 group 77", "tc qdisc add dev eth0 root handle 1: tbf rate 8000bit burst 1b limit 1b", "ip link set dev eth0 up"} {
		if !strings.Contains("\n"+strings.Join(pod, "\n")+"\n", "\n"+want+"\n") {
			t.Errorf("the pod's lines lack %q:\n%s", want, strings.Join(pod, "\n"))
		}
	}
	h = &plan.Held{Index: 77, Unseen: "no rights", State: plan.State{HostLink: h.HostLink}}
	host, pod = h.Commands()
	if len(pod) > 0 || !strings.HasSuffix(host[0], "type veth # its other end was not seen") {
		t.Errorf("without the pod: %q, %q", host, pod)
	}
}
