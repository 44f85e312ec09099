package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// ndMsg is the header of a message about an entry of a neighbour table, struct
// ndmsg. Those of a bridge have its family.
type ndMsg unix.NdMsg

// Len returns the header's length in bytes, for nl.
func (*ndMsg) Len() int { return unix.SizeofNdMsg }

// Serialize returns the header as the kernel takes it, for nl.
func (m *ndMsg) Serialize() []byte {
	b := make([]byte, unix.SizeofNdMsg)
	b[0] = m.Family
	nl.NativeEndian().PutUint32(b[4:], uint32(m.Ifindex))
	nl.NativeEndian().PutUint16(b[8:], m.State)
	b[10], b[11] = m.Flags, m.Type
	return b
}

// addNeighbour gives a link a permanent neighbour. One that packets made in
// the meantime is replaced.
func addNeighbour(index int32, link string, n plan.Neighbour) *message {
	m := newMessage(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "add neighbour %s to link %s", n.Addr, link)
	m.AddData(&ndMsg{Family: family(n.Addr), Ifindex: index, State: unix.NUD_PERMANENT})
	m.AddData(nl.NewRtAttr(unix.NDA_DST, n.Addr.AsSlice()))
	m.AddData(nl.NewRtAttr(unix.NDA_LLADDR, n.LLAddr[:]))
	return m
}

// getNeighbour asks for a link's neighbour with the address that into has,
// whose lladdr stays zero if there is no permanent one. A dump would grow with
// the node.
func getNeighbour(index int32, link string, into *plan.Neighbour) *message {
	m := newMessage(unix.RTM_GETNEIGH, 0, "look up neighbour %s of link %s", into.Addr, link).allow(unix.ENOENT)
	m.AddData(&ndMsg{Family: family(into.Addr), Ifindex: index})
	m.AddData(nl.NewRtAttr(unix.NDA_DST, into.Addr.AsSlice()))
	m.receive = func(data []byte) error {
		if len(data) < unix.SizeofNdMsg {
			return errShort
		}
		if nl.NativeEndian().Uint16(data[8:])&unix.NUD_PERMANENT == 0 {
			return nil
		}
		return eachAttr(data[unix.SizeofNdMsg:], func(kind uint16, value []byte) error {
			if kind == unix.NDA_LLADDR && len(value) == len(vmid.LLAddr{}) {
				into.LLAddr = vmid.LLAddr(value)
			}
			return nil
		})
	}
	return m
}

// readNeighbours looks up the permanent neighbours that should be there.
func (r *reader) readNeighbours(l *link, want plan.Named, into *plan.Link) error {
	found := make([]plan.Neighbour, len(want.Neighbours))
	batch := make([]*message, len(want.Neighbours))
	for i, n := range want.Neighbours {
		found[i].Addr = n.Addr
		batch[i] = getNeighbour(l.index, l.name, &found[i])
	}
	if err := r.session.connOf(want.Link).do(batch...); err != nil {
		return err
	}
	for _, n := range found {
		if !n.LLAddr.IsZero() {
			into.Neighbours = append(into.Neighbours, n)
		}
	}
	return nil
}
