package plan

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// filtering is somebody else's bridge that filters VLANs.
func filtering(pvid uint16) Bridge {
	b := theirs("", 1500)
	b.VLANs = BridgeVLANs{Filters: true, PVID: pvid, Protocol: ProtocolVLAN}
	return b
}

func isolated(r *config.Request) { r.PortIsolation = true }

func locked(r *config.Request) { r.Locked = true }

// inVLANs is in one VLAN untagged and in others tagged, as they come out of
// pkg/config.
func inVLANs(r *config.Request) {
	r.VLAN = 100
	r.VLANTrunk = []config.VLANRange{{Min: 5, Max: 5}, {Min: 200, Max: 202}, {Min: 203, Max: 203}}
}

// ports are the States of ports that are more than plain.
func ports() []aCase {
	return []aCase{
		{name: "port-isolated", request: all(onSwitch, isolated), bridge: theirs("", 1500), claim: first},
		{name: "port-locked", request: all(onSwitch, notLocal, locked), bridge: theirs("", 1500), claim: first},
		{name: "port-locked-in-host", request: all(onSwitch, inHost, locked, isolated), bridge: theirs("", 1500), claim: first},
		{name: "port-with-more-lladdrs", request: all(onSwitch, locked, func(r *config.Request) {
			r.Guard = &config.Guard{LLAddrs: []vmid.LLAddr{lladdr("00:00:5e:00:01:07")}}
		}), bridge: theirs("", 1500), claim: first},
		{name: "port-locked-without-switch", request: locked, claim: first},
		{name: "port-in-default-vlan", request: all(onSwitch, notLocal, locked), bridge: filtering(1), claim: first},
		{name: "port-in-vlans", request: all(onSwitch, locked, isolated, inVLANs), bridge: filtering(1), claim: first},
		{name: "port-in-vlans-of-created-switch", request: all(onCreatedSwitch, veth, inVLANs), claim: first},
		{name: "port-tagged-only", request: all(onSwitch, notLocal, func(r *config.Request) { r.VLANTrunk = []config.VLANRange{{Min: 1, Max: 4094}} }), bridge: filtering(1), claim: first},
	}
}

// Each thing that a port is not as it should be is one line.
func TestDiffOfPorts(t *testing.T) {
	for _, c := range ports() {
		t.Run(c.name, func(t *testing.T) {
			want := c.state(t)
			for _, e := range portEdits(t, reflect.ValueOf(&want.HostLink.Port).Elem()) {
				t.Run(e.name, func(t *testing.T) {
					have := c.state(t)
					e.do(reflect.ValueOf(&have.HostLink.Port).Elem())
					checkLines(t, Diff(&want, &have), Named{"host link", &want.HostLink}, true)
				})
			}
		})
	}
}

func TestDiffLinesOfPorts(t *testing.T) {
	made := func(t *testing.T) State {
		t.Helper()
		return aCase{request: all(onSwitch, locked, isolated, inVLANs), bridge: filtering(1), claim: first}.state(t)
	}
	for _, c := range []struct {
		change func(p *BridgePort)
		lines  []string
	}{
		{func(p *BridgePort) { p.Isolated = false }, []string{"isolated is off, want on"}},
		{func(p *BridgePort) { p.NoLearning = false }, []string{"learning is on, want off"}},
		{func(p *BridgePort) { p.BPDUGuard = false }, []string{"BPDU guard is off, want on"}},
		{func(p *BridgePort) { p.RootBlock = false }, []string{"root block is off, want on"}},
		{func(p *BridgePort) { p.VLANs[0] = accessVLAN(1) }, []string{"VLAN 5 is missing", "VLAN 1 pvid untagged should not be there"}},
		{func(p *BridgePort) { p.VLANs[1].PVID = false }, []string{"VLAN 100 pvid untagged is missing", "VLAN 100 untagged should not be there"}},
		{func(p *BridgePort) { p.VLANs[2].Max = 202 }, []string{"VLAN 200-203 is missing", "VLAN 200-202 should not be there"}},
		{func(p *BridgePort) { p.FDB[0].Sticky = false }, []string{
			"FDB entry 02:11:22:33:44:55 vlan 5 sticky static is missing", "FDB entry 02:11:22:33:44:55 vlan 5 static should not be there",
		}},
		{func(p *BridgePort) { p.Learned = 7 }, []string{"number of learned FDB entries is 7, want 0"}},
	} {
		want, have := made(t), made(t)
		c.change(&have.HostLink.Port)
		got := Diff(&want, &have)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "host link vm5-if0: ")
		}
		if !slices.Equal(got, c.lines) {
			t.Errorf("got %q, want %q", got, c.lines)
		}
	}
}

// A bridge on which an interface would be in other VLANs than it should be, or
// in none, is refused.
func TestCheckBridgeVLANs(t *testing.T) {
	mine := ours(1500)
	mine.VLANs = filtering(0).VLANs
	service := filtering(1)
	service.VLANs.Protocol = 0x88a8
	trunk := func(r *config.Request) { r.VLANTrunk = []config.VLANRange{{Min: 5, Max: 5}} }
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		bridge  Bridge
		code    config.Code // 0: fine
		message string
	}{
		{"plain on plain", onSwitch, theirs("", 1500), 0, ""},
		{"plain on one with a default VLAN", onSwitch, filtering(1), 0, ""},
		{"plain on one without", onSwitch, filtering(0), config.CodeInvalidConfig, `use switch "bridge0" without vlan: it filters VLANs and has no default one (vlan_default_pvid 0), so the interface would be in none and reach nothing, set vlan or vlanTrunk`},
		{"plain on one of ours that filters", onCreatedSwitch, mine, config.CodeInvalidConfig, `use switch "bridge0" without vlan: it filters VLANs and has no default one (vlan_default_pvid 0), so the interface would be in none and reach nothing, set vlan or vlanTrunk`},
		{"plain on a kernel without VLANs", onSwitch, Bridge{Name: "bridge0", Kind: KindBridge, VLANs: BridgeVLANs{Lacking: true}}, 0, ""},
		{"VLANs", all(onSwitch, inVLANs), filtering(0), 0, ""},
		{"tagged only", all(onSwitch, trunk), filtering(1), 0, ""},
		{"VLANs on one of ours", all(onCreatedSwitch, inVLANs), mine, 0, ""},
		{"VLANs on one that is made", all(onCreatedSwitch, inVLANs), Bridge{}, 0, ""},
		{"VLANs on plain", all(onSwitch, inVLANs), theirs("", 1500), config.CodeInvalidConfig, "use vlan 100 on switch \"bridge0\": it does not filter VLANs, run `ip link set bridge0 type bridge vlan_filtering 1`"},
		{"tagged only on plain", all(onSwitch, trunk), theirs("", 1500), config.CodeInvalidConfig, "use vlanTrunk on switch \"bridge0\": it does not filter VLANs, run `ip link set bridge0 type bridge vlan_filtering 1`"},
		{"VLANs on a plain one of ours", all(onCreatedSwitch, inVLANs), ours(1500), config.CodeInvalidConfig, `use vlan 100 on switch "bridge0": vmtap made it without VLANs and others may be on it, let all its networks have a vlan and delete it when it is empty, or use another switch`},
		{"VLANs with other tags", all(onSwitch, inVLANs), service, config.CodeInvalidConfig, "use vlan 100 on switch \"bridge0\": its tags are not 802.1Q but 0x88a8, run `ip link set bridge0 type bridge vlan_protocol 802.1Q`"},
		{"VLANs on a kernel without", all(onSwitch, inVLANs), Bridge{Name: "bridge0", Kind: KindBridge, VLANs: BridgeVLANs{Lacking: true}}, config.CodeNotAvailable, `use vlan 100 on switch "bridge0": this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)`},
		{"VLANs on one that cannot be made", all(onCreatedSwitch, inVLANs), Bridge{VLANs: BridgeVLANs{Lacking: true}}, config.CodeNotAvailable, `use vlan 100 on switch "bridge0": this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckNode(newRequest(c.request), &Node{Bridge: c.bridge})
			if c.code == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, c.code, c.message)
		})
	}
}

// More lladdrs are learned where they are, and the guest's own is held to its
// port in each of its VLANs.
func TestSwitchPortPins(t *testing.T) {
	a := lladdr("02:00:00:00:00:01")
	req := newRequest(onSwitch, locked, inVLANs)
	var in []uint16
	for _, e := range SwitchPort(req, &Node{Bridge: filtering(1)}, a).FDB {
		if e.LLAddr != a || !e.Static || !e.Sticky {
			t.Errorf("entry %s, want one of %s that stays", e, a)
		}
		in = append(in, e.VLAN)
	}
	if want := []uint16{5, 100, 200, 201, 202, 203}; !slices.Equal(in, want) {
		t.Errorf("in VLANs %v, want %v", in, want)
	}
	req.Guard = &config.Guard{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}
	if !SwitchPort(req, &Node{Bridge: filtering(1)}, a).NoLearning {
		t.Error("learning is on with more addresses, want off")
	}
	req.Guard.LLAddrs = []vmid.LLAddr{lladdr("02:00:00:00:00:02")}
	if SwitchPort(req, &Node{Bridge: filtering(1)}, a).NoLearning {
		t.Error("learning is off with more lladdrs, want on")
	}
}

func TestJoinVLANs(t *testing.T) {
	r := func(lo, hi uint16) PortVLAN { return PortVLAN{VLANRange: config.VLANRange{Min: lo, Max: hi}} }
	got := JoinVLANs([]PortVLAN{r(4093, 4094), r(7, 7), accessVLAN(8), r(9, 9), r(10, 4092), r(1, 5)})
	want := []PortVLAN{r(1, 5), r(7, 7), accessVLAN(8), r(9, 4094)}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
