package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// ProtocolVLAN is the tag that vmtap's VLANs have, 802.1Q.
const ProtocolVLAN = 0x8100

// BridgePort is what a link is as a port of its bridge. The zero BridgePort is
// what a port of a bridge without VLANs is from the start.
type BridgePort struct {
	Isolated   bool // reaches no other isolated port
	NoLearning bool // what comes in moves no entry of the bridge's table
	BPDUGuard  bool // a BPDU that comes in disables the port, if the bridge speaks STP
	RootBlock  bool // never the way to the root of a spanning tree

	VLANs []PortVLAN // in order; none on a bridge that does not filter VLANs
	FDB   []FDBEntry // of the bridge's table, what is not the link's own address
	// Learned is how many entries the port has that the bridge learned, read
	// only for a port from which it should learn nothing.
	Learned int
}

// PortVLAN is VLANs that a port is in, all with the same flags.
type PortVLAN struct {
	config.VLANRange
	PVID     bool // frames that come in untagged are in it; true for one VLAN at most
	Untagged bool // frames leave without a tag
}

// FDBEntry is one of the entries in a bridge's table that lead to a port.
type FDBEntry struct {
	LLAddr vmid.LLAddr
	VLAN   uint16 // 0 on a bridge that does not filter VLANs
	Static bool   // does not age
	Sticky bool   // no frame that another port receives moves it there
}

// BridgeVLANs is what a bridge makes of VLANs.
type BridgeVLANs struct {
	Lacking  bool   // the kernel's bridges know none
	Filters  bool   // vlan_filtering
	PVID     uint16 // vlan_default_pvid: the VLAN that each new port is in, untagged; 0: none
	Protocol uint16 // vlan_protocol, an ethertype
}

// wantsVLANs reports whether a request is about VLANs.
func wantsVLANs(req *config.Request) bool { return req.VLAN != 0 || len(req.VLANTrunk) > 0 }

// WantsNewVLANs reports whether a request is about VLANs on a bridge that is
// yet to be made: of the kernel it must be known whether it can.
func WantsNewVLANs(req *config.Request) bool {
	return req.Switch != nil && req.Switch.Create && wantsVLANs(req)
}

// checkBridgeVLANs refuses a bridge on which the interface would be in other
// VLANs than it should be, or in none.
func checkBridgeVLANs(req *config.Request, b *Bridge) error {
	v, missing := &b.VLANs, b.Name == ""
	if !wantsVLANs(req) {
		if !missing && v.Filters && v.PVID == 0 {
			return config.Errorf(config.CodeInvalidConfig, "use switch %q without vlan: it filters VLANs and has no default one (vlan_default_pvid 0), so the interface would be in none and reach nothing, set vlan or vlanTrunk", b.Name)
		}
		return nil
	}
	what := vlanWords(req)
	switch {
	case v.Lacking:
		return config.Errorf(config.CodeNotAvailable, "use %s on switch %q: this kernel's bridges do not filter VLANs (CONFIG_BRIDGE_VLAN_FILTERING)", what, req.Switch.Interface)
	case missing: // it is made so
		return nil
	case !v.Filters && b.Ours:
		return config.Errorf(config.CodeInvalidConfig, "use %s on switch %q: vmtap made it without VLANs and others may be on it, let all its networks have a vlan and delete it when it is empty, or use another switch", what, b.Name)
	case !v.Filters:
		return config.Errorf(config.CodeInvalidConfig, "use %s on switch %q: it does not filter VLANs, run `ip link set %s type bridge vlan_filtering 1`", what, b.Name, b.Name)
	case v.Protocol != ProtocolVLAN:
		return config.Errorf(config.CodeInvalidConfig, "use %s on switch %q: its tags are not 802.1Q but %#04x, run `ip link set %s type bridge vlan_protocol 802.1Q`", what, b.Name, v.Protocol, b.Name)
	}
	return nil
}

// vlanWords names what a request says of VLANs.
func vlanWords(req *config.Request) string {
	if req.VLAN != 0 {
		return fmt.Sprintf("vlan %d", req.VLAN)
	}
	return "vlanTrunk"
}

// SwitchPort returns the host link of a request as a port of its switch, the
// zero BridgePort without one.
func SwitchPort(req *config.Request, node *Node, lladdr vmid.LLAddr) BridgePort {
	if req.Switch == nil {
		return BridgePort{}
	}
	p := BridgePort{Isolated: req.PortIsolation, VLANs: portVLANs(req, &node.Bridge)}
	if !req.Locked {
		return p
	}
	// More lladdrs may be several guests', as VRRP's are, and move between
	// them: they are learned, and the guard lets no others through.
	p.NoLearning = req.Guard == nil || len(req.Guard.LLAddrs) == 0
	p.BPDUGuard, p.RootBlock = true, true
	p.FDB = pinned(lladdr, p.VLANs)
	return p
}

// portVLANs returns the VLANs that a port is to be in: those of the request,
// else the one that the bridge gives to each port.
func portVLANs(req *config.Request, b *Bridge) []PortVLAN {
	var vlans []PortVLAN
	if !wantsVLANs(req) {
		if b.VLANs.Filters {
			vlans = append(vlans, accessVLAN(b.VLANs.PVID))
		}
		return vlans
	}
	if req.VLAN != 0 {
		vlans = append(vlans, accessVLAN(req.VLAN))
	}
	for _, r := range req.VLANTrunk {
		vlans = append(vlans, PortVLAN{VLANRange: r})
	}
	return JoinVLANs(vlans)
}

func accessVLAN(id uint16) PortVLAN {
	return PortVLAN{VLANRange: config.VLANRange{Min: id, Max: id}, PVID: true, Untagged: true}
}

// JoinVLANs puts VLANs in order, those that follow each other with the same
// flags as one range, so that there is one way to write them.
func JoinVLANs(vlans []PortVLAN) []PortVLAN {
	sorted := slices.SortedFunc(slices.Values(vlans), func(a, b PortVLAN) int { return int(a.Min) - int(b.Min) })
	var joined []PortVLAN
	for _, v := range sorted {
		if n := len(joined); n > 0 && joined[n-1].isFollowedBy(v) {
			joined[n-1].Max = v.Max
			continue
		}
		joined = append(joined, v)
	}
	return joined
}

func (v PortVLAN) isFollowedBy(w PortVLAN) bool {
	return v.Max+1 == w.Min && v.Untagged == w.Untagged && !v.PVID && !w.PVID
}

// pinned returns the entries that hold an lladdr to a port in all its VLANs.
func pinned(a vmid.LLAddr, vlans []PortVLAN) []FDBEntry {
	if len(vlans) == 0 {
		return []FDBEntry{{LLAddr: a, Static: true, Sticky: true}}
	}
	var entries []FDBEntry
	for _, v := range vlans {
		for id := v.Min; id <= v.Max; id++ {
			entries = append(entries, FDBEntry{LLAddr: a, VLAN: id, Static: true, Sticky: true})
		}
	}
	return entries
}

// compareBridgePort compares what links are as ports of their bridges.
func (d *differences) compareBridgePort(want, have *BridgePort) {
	differ(d, "isolated", want.Isolated, have.Isolated)
	differ(d, "learning", !want.NoLearning, !have.NoLearning)
	differ(d, "BPDU guard", want.BPDUGuard, have.BPDUGuard)
	differ(d, "root block", want.RootBlock, have.RootBlock)
	missing(d, "VLAN", want.VLANs, have.VLANs, PortVLAN.String)
	missing(d, "FDB entry", want.FDB, have.FDB, FDBEntry.String)
	differ(d, "number of learned FDB entries", want.Learned, have.Learned)
}

// String returns the VLANs as `bridge vlan add` wants them.
func (v PortVLAN) String() string {
	words := fmt.Sprint(v.Min)
	if v.Max != v.Min {
		words += fmt.Sprintf("-%d", v.Max)
	}
	if v.PVID {
		words += " pvid"
	}
	if v.Untagged {
		words += " untagged"
	}
	return words
}

// String returns the entry in the words of `bridge fdb`.
func (e FDBEntry) String() string {
	words := e.LLAddr.String()
	if e.VLAN != 0 {
		words += fmt.Sprintf(" vlan %d", e.VLAN)
	}
	if e.Sticky {
		words += " sticky"
	}
	if e.Static {
		words += " static"
	}
	return words
}

// printBridgePort writes what a person would type to make the port.
func (p *printer) printBridgePort() {
	l, bridge := p.link.Link, &p.state.Bridge
	if l.Master == "" || l.Master != bridge.Name {
		return
	}
	port := &l.Port
	if words := port.flagWords(); words != "" {
		p.linef("bridge link set dev %s%s", l.Name, words)
	}
	if pvid := bridge.VLANs.PVID; bridge.VLANs.Filters && pvid != 0 && !slices.Contains(port.VLANs, accessVLAN(pvid)) {
		p.linef("bridge vlan del dev %s vid %d", l.Name, pvid)
	}
	for _, v := range port.VLANs {
		if v != accessVLAN(bridge.VLANs.PVID) { // that one is there
			p.linef("bridge vlan add dev %s vid %s", l.Name, v)
		}
	}
	for i, e := range port.FDB {
		if i == 0 || e.LLAddr != port.FDB[i-1].LLAddr { // without a VLAN, bridge means all
			p.linef("bridge fdb replace %s dev %s master static sticky", e.LLAddr, l.Name)
		}
	}
}

// flagWords returns what `bridge link set` changes, each with a space before
// it.
func (p *BridgePort) flagWords() string {
	var b strings.Builder
	for _, f := range []struct {
		set   bool
		words string
	}{{p.Isolated, " isolated on"}, {p.NoLearning, " learning off"}, {p.BPDUGuard, " guard on"}, {p.RootBlock, " root_block on"}} {
		if f.set {
			b.WriteString(f.words)
		}
	}
	return b.String()
}

// filteringWords returns how a bridge filters VLANs, with a space before it;
// nothing for one that does not.
func filteringWords(l *Link) string {
	if !l.VLANs.Filters {
		return ""
	}
	return fmt.Sprintf(" vlan_filtering 1 vlan_default_pvid %d", l.VLANs.PVID)
}
