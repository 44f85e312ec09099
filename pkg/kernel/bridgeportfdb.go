package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// ntfSticky is NTF_STICKY of include/uapi/linux/neighbour.h, Linux 4.20.
const ntfSticky = 1 << 6

// pinAll holds lladdrs to a port, in all VLANs that it is in: without a VLAN the
// kernel means all.
func pinAll(index int32, l *plan.Link) []*message {
	var batch []*message
	for i, e := range l.Port.FDB {
		if i == 0 || e.LLAddr != l.Port.FDB[i-1].LLAddr {
			batch = append(batch, pin(index, l.Name, e.LLAddr))
		}
	}
	return batch
}

// pin makes the entry by which a bridge sends what is for an lladdr to a port,
// and takes it over from the port at which the bridge learned it. It does not
// age and, being sticky, no other port moves it by a forged source: a static
// one would be moved. NUD_PERMANENT would mean the host itself.
func pin(index int32, link string, a vmid.LLAddr) *message {
	m := newMessage(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "hold lladdr %s to port %s", a, link)
	m.AddData(&ndMsg{Family: unix.AF_BRIDGE, Ifindex: index, State: unix.NUD_NOARP, Flags: unix.NTF_MASTER | ntfSticky})
	m.AddData(nl.NewRtAttr(unix.NDA_LLADDR, a[:]))
	return m
}

// fdbEntry is an entry of a bridge's table.
type fdbEntry struct {
	port  int32 // the bridge itself, for what is for the host
	local bool  // for the host
	plan.FDBEntry
}

// getFDB asks for the entries of a bridge's table that lead to a port.
func getFDB(bridge, port int32, link string, into *[]fdbEntry) *message {
	m := newMessage(unix.RTM_GETNEIGH, unix.NLM_F_DUMP, "look up FDB entries of port %s", link)
	m.AddData(&ndMsg{Family: unix.AF_BRIDGE, Ifindex: port})
	m.AddData(nl.NewRtAttr(unix.NDA_MASTER, nl.Uint32Attr(uint32(bridge))))
	m.receive = func(data []byte) error {
		e, ofBridge, err := parseFDBEntry(data)
		if err == nil && ofBridge && e.port == port {
			*into = append(*into, e)
		}
		return err
	}
	return m
}

// findFDB asks for a bridge's entry for an lladdr in a VLAN, 0 for none; into
// stays nil if there is none.
func findFDB(bridge int32, a vmid.LLAddr, vlan uint16, into **fdbEntry) *message {
	m := newMessage(unix.RTM_GETNEIGH, 0, "look up lladdr %s in the switch", a).allow(unix.ENOENT)
	m.AddData(&ndMsg{Family: unix.AF_BRIDGE})
	m.AddData(nl.NewRtAttr(unix.NDA_MASTER, nl.Uint32Attr(uint32(bridge))))
	m.AddData(nl.NewRtAttr(unix.NDA_LLADDR, a[:]))
	if vlan != 0 {
		m.AddData(nl.NewRtAttr(unix.NDA_VLAN, nl.Uint16Attr(vlan)))
	}
	m.receive = func(data []byte) error {
		e, _, err := parseFDBEntry(data)
		*into = &e
		return err
	}
	return m
}

// parseFDBEntry reads an RTM_NEWNEIGH message. ofBridge is false for what a
// link filters for itself, as multicast.
func parseFDBEntry(data []byte) (e fdbEntry, ofBridge bool, err error) {
	if len(data) < unix.SizeofNdMsg {
		return e, false, errShort
	}
	state, flags := nl.NativeEndian().Uint16(data[8:]), data[10]
	e.port = int32(nl.NativeEndian().Uint32(data[4:]))
	e.local = state&unix.NUD_PERMANENT != 0
	e.Static, e.Sticky = state&unix.NUD_NOARP != 0, flags&ntfSticky != 0
	err = eachAttr(data[unix.SizeofNdMsg:], func(kind uint16, value []byte) error {
		switch {
		case kind == unix.NDA_LLADDR:
			copy(e.LLAddr[:], value)
		case kind == unix.NDA_VLAN && len(value) == 2:
			e.VLAN = nl.NativeEndian().Uint16(value)
		}
		return nil
	})
	return e, flags&unix.NTF_SELF == 0, err
}

// checkPinned refuses an lladdr that is to be held to the interface's port and
// is held elsewhere: the host's own, or that of a port which somebody pinned it
// to. What a bridge only learned is taken over.
func (s *Session) checkPinned(req *config.Request, state *plan.State) error {
	if s.index.bridge == 0 || len(state.HostLink.Port.FDB) == 0 {
		return nil
	}
	a := state.Claim.LLAddr
	var plain, inVLAN *fdbEntry
	if err := s.host.do(findFDB(s.index.bridge, a, 0, &plain), findFDB(s.index.bridge, a, req.VLAN, &inVLAN)); err != nil {
		return err
	}
	for _, e := range []*fdbEntry{plain, inVLAN} {
		if e == nil || !e.local && !e.Static {
			continue
		}
		holder, err := s.linkName(e.port)
		if err != nil {
			return err
		}
		return config.Errorf(config.CodeTaken, "claim lladdr %s on switch %q: its table has it for %q, choose another or none", a, state.Bridge.Name, holder)
	}
	return nil
}
