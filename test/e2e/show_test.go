package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// show runs vmtapctl show on a node, with no rights.
func (n *node) show(args ...string) *netns.Cmd {
	return n.tool("vmtapctl", "", append([]string{"show"}, args...)...)
}

// shownLink is an object of its JSON, as far as tests look at it.
type shownLink struct {
	VMID      uint32   `json:"vmid"`
	VM        string   `json:"vm"`
	HostLink  string   `json:"hostLink"`
	Addresses []string `json:"addresses"`
	LLAddr    string   `json:"lladdr"`
	Switch    string   `json:"switch"`
	RDomain   string   `json:"rdomain"`
	Groups    []string `json:"groups"`
	Up        bool     `json:"up"`
	Dropped   int      `json:"dropped"`
}

func (n *node) shownJSON(t *testing.T, args ...string) (all []shownLink) {
	t.Helper()
	out, err := n.show(append(args, "-o", "json")...).Output()
	if err != nil {
		t.Fatalf("vmtapctl show %q: %v", args, err)
	}
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return all
}

// TestShow: vmtapctl says of each interface what its ADD's result and its configuration say, with a switch and without, in
// the host and in a pod, down, with a leased address, and how many frames were dropped.
func TestShow(t *testing.T) {
	n := newIPAMNode(t)
	if all := n.shownJSON(t); len(all) != 0 {
		t.Errorf("on a new node: %v", all)
	}
	leases := newPool(t)
	for i, c := range []struct {
		block string
		want  shownLink
	}{
		{localConf, shownLink{RDomain: "0", Up: true}},
		{conf(createConf + `, "group": ["web", "db"]`), shownLink{RDomain: "0", Up: true, Switch: "bridge0", Groups: []string{"web", "db"}}},
		{conf(createConf + `, "placement": "host"`), shownLink{RDomain: "0", Up: true, Switch: "bridge0"}},
		{conf(`"up": false`), shownLink{RDomain: "0"}},
		{conf(`"switch": {"interface": "bridge0", "create": true}, "ipam": ` + leases.dual()), shownLink{RDomain: "0", Up: true, Switch: "bridge0"}},
	} {
		id := fmt.Sprint("p", i)
		p := n.newPod(t, id)
		a := p.add(t, "eth0", c.block)
		cfg := a.guestConfig()
		want := c.want
		want.VM, want.HostLink = id, a.hostLink()
		names := []string{id, a.hostLink()}
		if want.Up { // else nothing on the node has it
			want.LLAddr = cfg.LLAddr.String()
			names = append(names, want.LLAddr)
		}
		for _, addr := range addrs(cfg) {
			want.Addresses = append(want.Addresses, addr.String())
		}
		for _, what := range append(names, want.Addresses...) {
			got := n.shownJSON(t, what)
			if len(got) != 1 {
				t.Fatalf("%s: %v", what, got)
			}
			want.VMID = got[0].VMID
			got[0].Dropped = 0 // in placement host, the node's own multicast
			if want.HostLink != fmt.Sprintf("vm%d-if0", want.VMID) {
				t.Errorf("vmid %d of %s", want.VMID, want.HostLink)
			}
			expect(t, what, got[0], want)
		}
		if out, err := n.show().Output(); err != nil || strings.Count(string(out), "\n") != i+2 {
			t.Errorf("%d interfaces: %v\n%s", i+1, err, out)
		}
	}
	if out, err := n.show("nobody").CombinedOutput(); err == nil || !strings.Contains(string(out), `"nobody"`) {
		t.Errorf("of nobody: %v, %s", err, out)
	}
	expect(t, "of a group", len(n.shownJSON(t, "--group", "web")), 1)

	// A frame with another's source is dropped by the guard.
	p := n.newPod(t, "hostile")
	a := p.add(t, "eth0", conf(createConf))
	g := a.boot(p)
	frame := guest.Ethernet{Dst: guest.Broadcast, Src: guest.MAC{2, 9, 9, 9, 9, 9}, Type: 0x0800, Payload: make([]byte, 46)}.Marshal()
	for range 7 {
		if err := g.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "7 dropped frames", func() bool { return n.shownJSON(t, "hostile")[0].Dropped >= 7 })
}
