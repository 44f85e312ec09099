package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// sizeofNdMsg is the length of struct ndmsg (include/uapi/linux/neighbour.h).
const sizeofNdMsg = 12

// ndMsg is struct ndmsg.
type ndMsg struct {
	family uint8
	index  int32
	state  uint16
}

// Len returns the length of the message, for nl.
func (*ndMsg) Len() int { return sizeofNdMsg }

// Serialize returns the message as the kernel takes it, for nl.
func (m *ndMsg) Serialize() []byte {
	b := make([]byte, sizeofNdMsg)
	b[0] = m.family
	nl.NativeEndian().PutUint32(b[4:], uint32(m.index))
	nl.NativeEndian().PutUint16(b[8:], m.state)
	return b
}

// addNeighbour gives a link a permanent neighbour. One that packets made in
// the meantime is replaced.
func addNeighbour(index int32, link string, n plan.Neighbour) *message {
	m := newMessage(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "add neighbour %s to link %s", n.Addr, link)
	m.AddData(&ndMsg{family: family(n.Addr), index: index, state: unix.NUD_PERMANENT})
	m.AddData(nl.NewRtAttr(unix.NDA_DST, n.Addr.AsSlice()))
	m.AddData(nl.NewRtAttr(unix.NDA_LLADDR, n.LLAddr[:]))
	return m
}

// getNeighbour asks for a link's neighbour with the address that into has,
// whose lladdr stays zero if there is no permanent one. A dump would grow with
// the node.
func getNeighbour(index int32, link string, into *plan.Neighbour) *message {
	m := newMessage(unix.RTM_GETNEIGH, 0, "look up neighbour %s of link %s", into.Addr, link).allow(unix.ENOENT)
	m.AddData(&ndMsg{family: family(into.Addr), index: index})
	m.AddData(nl.NewRtAttr(unix.NDA_DST, into.Addr.AsSlice()))
	m.receive = func(data []byte) error {
		if len(data) < sizeofNdMsg {
			return errShort
		}
		if nl.NativeEndian().Uint16(data[8:])&unix.NUD_PERMANENT == 0 {
			return nil
		}
		return eachAttr(data[sizeofNdMsg:], func(kind uint16, value []byte) error {
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
