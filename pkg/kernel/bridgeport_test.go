package kernel

import (
	"reflect"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// portHeader is a struct ifinfomsg of the bridge family.
func portHeader(index byte) []byte {
	return []byte{unix.AF_BRIDGE, 0, 0, 0, index, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
}

func vlan(lo, hi uint16) plan.PortVLAN {
	return plan.PortVLAN{VLANRange: config.VLANRange{Min: lo, Max: hi}}
}

// vlanInfo is a struct bridge_vlan_info in its attribute.
func vlanInfo(flags, id byte) []byte { return attr(2, []byte{flags, 0, id, 0}) }

// What is not as it is from the start is set, all in one message.
func TestSetBridgePort(t *testing.T) {
	access := vlan(100, 100)
	access.PVID, access.Untagged = true, true
	l := plan.Link{Name: "a", Port: plan.BridgePort{
		Isolated: true, NoLearning: true, BPDUGuard: true, RootBlock: true, VLANs: []plan.PortVLAN{vlan(5, 5), access, vlan(200, 210)},
	}}
	checkMessage(t, setBridgePort(7, &l), unix.RTM_SETLINK, 0, raw(portHeader(7),
		attr(unix.IFLA_AF_SPEC, raw(vlanInfo(0, 5), vlanInfo(2|4, 100), vlanInfo(8, 200), vlanInfo(16, 210))),
		attr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, raw(
			attr(unix.IFLA_BRPORT_ISOLATED, []byte{1}), attr(unix.IFLA_BRPORT_LEARNING, []byte{0}),
			attr(unix.IFLA_BRPORT_GUARD, []byte{1}), attr(unix.IFLA_BRPORT_PROTECT, []byte{1}),
		)),
	))
	l.Port = plan.BridgePort{Isolated: true}
	checkMessage(t, setBridgePort(7, &l), unix.RTM_SETLINK, 0, raw(portHeader(7),
		attr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, attr(unix.IFLA_BRPORT_ISOLATED, []byte{1}))))
	l.Port = plan.BridgePort{}
	if batch := bridgePort(7, &l); len(batch) != 0 {
		t.Errorf("%d messages for a plain port, want none", len(batch))
	}
}

// In the bridge family RTM_DELLINK takes VLANs away. In another one it would
// delete the link.
func TestDeletePortVLANs(t *testing.T) {
	checkMessage(t, changePortVLANs(unix.RTM_DELLINK, 7, "a", []plan.PortVLAN{vlan(1, 1)}), unix.RTM_DELLINK, 0,
		raw(portHeader(7), attr(unix.IFLA_AF_SPEC, vlanInfo(0, 1))))
}

func TestVLANsBut(t *testing.T) {
	for _, c := range []struct{ have, want, rest []plan.PortVLAN }{
		{[]plan.PortVLAN{vlan(1, 1)}, []plan.PortVLAN{vlan(100, 100)}, []plan.PortVLAN{vlan(1, 1)}},
		{[]plan.PortVLAN{vlan(1, 10)}, []plan.PortVLAN{vlan(3, 4), vlan(10, 12)}, []plan.PortVLAN{vlan(1, 2), vlan(5, 9)}},
		{[]plan.PortVLAN{vlan(5, 5)}, []plan.PortVLAN{vlan(1, 4094)}, nil},
		{[]plan.PortVLAN{vlan(65534, 65535)}, nil, []plan.PortVLAN{vlan(65534, 65535)}}, // no kernel sends that
	} {
		if got := vlansBut(c.have, c.want); !slices.Equal(got, c.rest) {
			t.Errorf("%v but %v: got %v, want %v", c.have, c.want, got, c.rest)
		}
	}
}

// An lladdr is held to its port once, for all VLANs.
func TestPin(t *testing.T) {
	a := vmid.LLAddr{2, 0, 0, 0, 0, 1}
	l := plan.Link{Name: "a", Port: plan.BridgePort{FDB: []plan.FDBEntry{{LLAddr: a, VLAN: 5}, {LLAddr: a, VLAN: 6}}}}
	batch := pinAll(7, &l)
	if len(batch) != 1 {
		t.Fatalf("%d messages, want one", len(batch))
	}
	checkMessage(t, batch[0], unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, raw(
		[]byte{unix.AF_BRIDGE, 0, 0, 0, 7, 0, 0, 0, unix.NUD_NOARP, 0, unix.NTF_MASTER | 0x40, 0},
		attr(unix.NDA_LLADDR, a[:])))
}

func TestParseFDBEntry(t *testing.T) {
	a := vmid.LLAddr{2, 0, 0, 0, 0, 1}
	entry := func(state, flags byte, more ...[]byte) []byte {
		return raw([]byte{unix.AF_BRIDGE, 0, 0, 0, 7, 0, 0, 0, state, 0, flags, 0}, append(more, attr(unix.NDA_LLADDR, a[:]))...)
	}
	for _, c := range []struct {
		name     string
		data     []byte
		want     fdbEntry
		ofBridge bool
	}{
		{"pinned", entry(unix.NUD_NOARP, 0x40), fdbEntry{7, false, plan.FDBEntry{LLAddr: a, Static: true, Sticky: true}}, true},
		{"static in a VLAN", entry(unix.NUD_NOARP, 0, attr(unix.NDA_VLAN, []byte{5, 0})), fdbEntry{7, false, plan.FDBEntry{LLAddr: a, VLAN: 5, Static: true}}, true},
		{"learned", entry(unix.NUD_REACHABLE, 0), fdbEntry{7, false, plan.FDBEntry{LLAddr: a}}, true},
		{"the host's", entry(unix.NUD_PERMANENT, 0), fdbEntry{7, true, plan.FDBEntry{LLAddr: a}}, true},
		{"the link's", entry(unix.NUD_PERMANENT, unix.NTF_SELF), fdbEntry{7, true, plan.FDBEntry{LLAddr: a}}, false},
	} {
		if got, ofBridge, err := parseFDBEntry(c.data); err != nil || got != c.want || ofBridge != c.ofBridge {
			t.Errorf("%s: got %+v, of the bridge %t, error %v", c.name, got, ofBridge, err)
		}
	}
}

// VLANs come in several messages, and a range may be cut by them.
func TestGetPortVLANs(t *testing.T) {
	var got []plan.PortVLAN
	m := getPortVLANs(7, "a", &got)
	checkMessage(t, m, unix.RTM_GETVLAN, unix.NLM_F_DUMP, []byte{unix.AF_BRIDGE, 0, 0, 0, 7, 0, 0, 0})
	one := func(flags, id byte, more ...[]byte) []byte {
		return attr(vlanEntry|unix.NLA_F_NESTED, raw(attr(vlanEntryInfo, []byte{flags, 0, id, 0}), more...))
	}
	for _, entries := range [][]byte{
		raw(one(2|4, 100), one(0, 200, attr(vlanEntryRange, []byte{205, 0}))),
		one(0, 206, attr(vlanEntryRange, []byte{210, 0})),
	} {
		if err := m.receive(raw([]byte{unix.AF_BRIDGE, 0, 0, 0, 7, 0, 0, 0}, entries)); err != nil {
			t.Fatal(err)
		}
	}
	access := vlan(100, 100)
	access.PVID, access.Untagged = true, true
	if want := []plan.PortVLAN{access, vlan(200, 210)}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What a bridge says of VLANs, and what a port says of itself.
func TestParseLinkOfBridge(t *testing.T) {
	info := func(parts ...[]byte) []byte {
		return raw(linkHeader(7, 0, 0), attr(unix.IFLA_LINKINFO, slices.Concat(parts...)))
	}
	bridge := attr(unix.IFLA_INFO_KIND, plan.KindBridge)
	for _, c := range []struct {
		name string
		data []byte
		want link
	}{
		{
			"without VLANs", info(bridge, attr(unix.IFLA_INFO_DATA, attr(unix.IFLA_BR_VLAN_FILTERING, []byte{0}))),
			link{kind: plan.KindBridge, vlans: plan.BridgeVLANs{Lacking: true}},
		},
		{"that filters", info(bridge, attr(unix.IFLA_INFO_DATA, raw(
			attr(unix.IFLA_BR_VLAN_FILTERING, []byte{1}), attr(unix.IFLA_BR_VLAN_PROTOCOL, []byte{0x81, 0}), attr(unix.IFLA_BR_VLAN_DEFAULT_PVID, []byte{5, 0}),
		))), link{kind: plan.KindBridge, vlans: plan.BridgeVLANs{Filters: true, PVID: 5, Protocol: plan.ProtocolVLAN}}},
		{"port", info(
			attr(unix.IFLA_INFO_KIND, plan.KindVeth), attr(unix.IFLA_INFO_SLAVE_KIND, plan.KindBridge),
			attr(unix.IFLA_INFO_SLAVE_DATA, raw(attr(unix.IFLA_BRPORT_LEARNING, []byte{0}), attr(unix.IFLA_BRPORT_ISOLATED, []byte{1}))),
		), link{kind: plan.KindVeth, port: plan.BridgePort{NoLearning: true, Isolated: true}}},
	} {
		c.want.index, c.want.netns = 7, -1
		if got, err := parseLink(c.data); err != nil || !reflect.DeepEqual(*got, c.want) {
			t.Errorf("%s: got %+v, error %v, want %+v", c.name, got, err, c.want)
		}
	}
}
