package kernel

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Numbers of include/uapi/linux/if_bridge.h that neither library has.
const (
	sizeofVLANMessage = 8 // struct br_vlan_msg
	vlanEntry         = 1 // BRIDGE_VLANDB_ENTRY
	vlanEntryInfo     = 1 // BRIDGE_VLANDB_ENTRY_INFO
	vlanEntryRange    = 2 // BRIDGE_VLANDB_ENTRY_RANGE
)

// parsePort reads what a link says of itself as a bridge's port.
func (l *link) parsePort(data []byte) error {
	return eachAttr(data, func(kind uint16, value []byte) error {
		on := len(value) == 1 && value[0] != 0
		switch kind {
		case unix.IFLA_BRPORT_ISOLATED:
			l.port.Isolated = on
		case unix.IFLA_BRPORT_LEARNING:
			l.port.NoLearning = !on
		case unix.IFLA_BRPORT_GUARD:
			l.port.BPDUGuard = on
		case unix.IFLA_BRPORT_PROTECT:
			l.port.RootBlock = on
		}
		return nil
	})
}

// parseBridge reads what a bridge says of itself.
func (l *link) parseBridge(kind uint16, value []byte) {
	switch {
	case kind == unix.IFLA_BR_STP_STATE:
		l.stp = number(value) != 0
	case kind == unix.IFLA_BR_VLAN_FILTERING && len(value) == 1:
		l.vlans.Filters = value[0] != 0
	case kind == unix.IFLA_BR_VLAN_DEFAULT_PVID && len(value) == 2:
		l.vlans.Lacking = false // told only where the kernel has VLANs
		l.vlans.PVID = nl.NativeEndian().Uint16(value)
	case kind == unix.IFLA_BR_VLAN_PROTOCOL && len(value) == 2:
		l.vlans.Protocol = uint16(value[0])<<8 | uint16(value[1])
	}
}

// readBridgePort reads what a link is as a port of its bridge, as far as
// plan.Diff looks at it.
func (r *reader) readBridgePort(l *link, want plan.Named, into *plan.Link) error {
	into.Port = l.port
	if len(want.Port.VLANs) > 0 {
		if err := r.session.host.do(getPortVLANs(l.index, l.name, &into.Port.VLANs)); err != nil {
			return err
		}
	}
	if len(want.Port.FDB) == 0 || l.master == 0 {
		return nil
	}
	var all []fdbEntry
	if err := r.session.host.do(getFDB(l.master, l.index, l.name, &all)); err != nil {
		return err
	}
	for _, e := range all {
		switch {
		case e.local || (e.VLAN != 0) != (len(want.Port.VLANs) > 0): // the link's own, or of no use
		case e.Static || e.Sticky:
			into.Port.FDB = append(into.Port.FDB, e.FDBEntry)
		case want.Port.NoLearning:
			into.Port.Learned++
		}
	}
	return nil
}

// getPortVLANs asks for the VLANs that a port is in.
func getPortVLANs(index int32, link string, into *[]plan.PortVLAN) *message {
	m := getVLANs(index, "look up VLANs of port "+link)
	m.receive = func(data []byte) error {
		if len(data) < sizeofVLANMessage {
			return errShort
		}
		var vlans []plan.PortVLAN
		err := eachAttr(data[sizeofVLANMessage:], func(kind uint16, value []byte) error {
			if kind != vlanEntry {
				return nil
			}
			v, err := parseVLAN(value)
			vlans = append(vlans, v)
			return err
		})
		*into = plan.JoinVLANs(append(*into, vlans...))
		return err
	}
	return m
}

// getVLANs asks for the VLANs of a bridge or of a port, by Linux 5.6's message:
// the older one tells those of all links.
func getVLANs(index int32, what string) *message {
	m := newMessage(unix.RTM_GETVLAN, unix.NLM_F_DUMP, "%s", what)
	h := make([]byte, sizeofVLANMessage)
	h[0] = unix.AF_BRIDGE
	nl.NativeEndian().PutUint32(h[4:], uint32(index))
	m.AddRawData(h)
	return m
}

func parseVLAN(entry []byte) (v plan.PortVLAN, err error) {
	err = eachAttr(entry, func(kind uint16, value []byte) error {
		switch {
		case kind == vlanEntryInfo && len(value) == 4:
			flags := nl.NativeEndian().Uint16(value)
			v.Min = nl.NativeEndian().Uint16(value[2:])
			v.Max = max(v.Max, v.Min)
			v.PVID = flags&nl.BRIDGE_VLAN_INFO_PVID != 0
			v.Untagged = flags&nl.BRIDGE_VLAN_INFO_UNTAGGED != 0
		case kind == vlanEntryRange && len(value) == 2:
			v.Max = nl.NativeEndian().Uint16(value)
		}
		return nil
	})
	return v, err
}

// lacksVLANs reports whether the kernel's bridges know no VLANs, before there is
// one. It changes nothing: a bridge with a group's address is refused, but not
// before its module is loaded, and the loopback interface, 1, has no VLANs.
func (s *Session) lacksVLANs() (bool, error) {
	refused := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "look whether there are bridges").allow(unix.EADDRNOTAVAIL)
	refused.AddData(ifinfo(0))
	refused.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, []byte{1, 0, 0, 0, 0, 0}))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(plan.KindBridge))
	refused.AddData(info)

	lacking := false
	ask := getVLANs(1, "look whether bridges know VLANs").allow(unix.EINVAL)
	err := s.host.do(refused, ask)
	if errors.Is(ask.err, unix.EOPNOTSUPP) {
		lacking, err = true, refused.err
	}
	return lacking, err
}
