package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// bridgePort returns what makes a link the port that it is to be, of a bridge
// that it is attached to by then and down: before it is up nothing passes.
// On a bridge that filters VLANs more is to be done, by settleVLANs.
func bridgePort(index int32, l *plan.Link) []*message {
	var batch []*message
	if setting := setBridgePort(index, l); setting != nil {
		batch = append(batch, setting)
	}
	if len(l.Port.VLANs) == 0 {
		batch = append(batch, pinAll(index, l)...)
	}
	return batch
}

// settleVLANs takes a port out of the VLANs that it is not to be in: its bridge
// puts each new one into its default VLAN. Only then are lladdrs pinned, which
// the kernel does in each VLAN that the port is in.
func (s *Session) settleVLANs(index int32, l *plan.Link) error {
	if len(l.Port.VLANs) == 0 {
		return nil
	}
	var have []plan.PortVLAN
	if err := s.host.do(getPortVLANs(index, l.Name, &have)); err != nil {
		return err
	}
	var batch []*message
	if surplus := vlansBut(have, l.Port.VLANs); len(surplus) > 0 {
		batch = append(batch, changePortVLANs(unix.RTM_DELLINK, index, l.Name, surplus))
	}
	if batch = append(batch, pinAll(index, l)...); len(batch) == 0 {
		return nil
	}
	return s.host.do(batch...)
}

// vlansBut returns the VLANs of have that are in none of want.
func vlansBut(have, want []plan.PortVLAN) []plan.PortVLAN {
	wanted := map[int]bool{}
	for _, v := range want {
		for id := int(v.Min); id <= int(v.Max); id++ {
			wanted[id] = true
		}
	}
	var rest []plan.PortVLAN
	for _, v := range have {
		for id := int(v.Min); id <= int(v.Max); id++ {
			if !wanted[id] {
				rest = append(rest, plan.PortVLAN{VLANRange: config.VLANRange{Min: uint16(id), Max: uint16(id)}})
			}
		}
	}
	return plan.JoinVLANs(rest)
}

// setBridgePort sets all at once that a port does not have from the start, nil
// if there is nothing of that kind.
func setBridgePort(index int32, l *plan.Link) *message {
	p := &l.Port
	port := nl.NewRtAttr(unix.IFLA_PROTINFO|nestedFlag, nil)
	for _, f := range []struct {
		set   bool
		kind  int
		value uint8
	}{
		{p.Isolated, unix.IFLA_BRPORT_ISOLATED, 1},
		{p.NoLearning, unix.IFLA_BRPORT_LEARNING, 0},
		{p.BPDUGuard, unix.IFLA_BRPORT_GUARD, 1},
		{p.RootBlock, unix.IFLA_BRPORT_PROTECT, 1},
	} {
		if f.set {
			port.AddRtAttr(f.kind, nl.Uint8Attr(f.value))
		}
	}
	var m *message
	if len(p.VLANs) > 0 {
		m = changePortVLANs(unix.RTM_SETLINK, index, l.Name, p.VLANs)
	}
	if port.Len() == unix.SizeofRtAttr {
		return m
	}
	if m == nil {
		m = bridgeMessage(unix.RTM_SETLINK, index, l.Name)
	}
	m.AddData(port)
	return m
}

// bridgeMessage begins a message about a port of a bridge.
func bridgeMessage(kind int, index int32, link string) *message {
	m := newMessage(kind, 0, "set up bridge port %s", link)
	h := nl.NewIfInfomsg(unix.AF_BRIDGE)
	h.Index = index
	m.AddData(h)
	return m
}

// changePortVLANs puts a port into VLANs with RTM_SETLINK, and takes it out of
// them with RTM_DELLINK, which in this family deletes no link.
func changePortVLANs(kind int, index int32, link string, vlans []plan.PortVLAN) *message {
	m := bridgeMessage(kind, index, link)
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	add := func(flags, id uint16) {
		info := nl.BridgeVlanInfo{Flags: flags, Vid: id}
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, info.Serialize())
	}
	for _, v := range vlans {
		flags := vlanFlags(v)
		if v.Min == v.Max {
			add(flags, v.Min)
			continue
		}
		add(flags|nl.BRIDGE_VLAN_INFO_RANGE_BEGIN, v.Min)
		add(flags|nl.BRIDGE_VLAN_INFO_RANGE_END, v.Max)
	}
	m.AddData(spec)
	return m
}

func vlanFlags(v plan.PortVLAN) (flags uint16) {
	if v.PVID {
		flags |= nl.BRIDGE_VLAN_INFO_PVID
	}
	if v.Untagged {
		flags |= nl.BRIDGE_VLAN_INFO_UNTAGGED
	}
	return flags
}
