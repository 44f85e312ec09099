package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// vethEnd is one end of a veth to be made.
type vethEnd struct {
	index int32
	group uint32
	*plan.Link
}

// createVeth makes a veth, the other end in the namespace peerNS, or here if
// that is -1.
func createVeth(host, other vethEnd, peerNS int) *message {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "create veth %s", host.Name)
	m.AddData(ifinfo(host.index))
	for _, a := range host.attrs() {
		m.AddData(a)
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(plan.KindVeth))
	peer := info.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(vethInfoPeer, nil)
	peer.AddChild(ifinfo(other.index))
	for _, a := range other.attrs() {
		peer.AddChild(a)
	}
	if peerNS >= 0 {
		peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(peerNS)))
	}
	m.AddData(info)
	return m
}

func (e *vethEnd) attrs() []*nl.RtAttr {
	return []*nl.RtAttr{
		nl.NewRtAttr(unix.IFLA_IFNAME, text(e.Name)),
		nl.NewRtAttr(unix.IFLA_ADDRESS, e.LLAddr[:]),
		nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(e.MTU))),
		nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(e.group)),
		// One queue: a veth with many takes twice as long to make.
		nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(1)),
		nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(1)),
	}
}

// createBridge makes a bridge, down, and not yet with its mtu: a bridge takes
// that of its smallest port, until one is set that is not what it has.
func createBridge(index int32, l *plan.Link) *message {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "create bridge %s", l.Name)
	m.AddData(ifinfo(index))
	m.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, text(l.Name)))
	m.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, l.LLAddr[:]))
	m.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(otherMTU(l.MTU)))))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(plan.KindBridge))
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	data.AddRtAttr(unix.IFLA_BR_STP_STATE, nl.Uint32Attr(0))
	data.AddRtAttr(unix.IFLA_BR_VLAN_DEFAULT_PVID, nl.Uint16Attr(l.VLANs.PVID))
	if l.VLANs.Filters {
		data.AddRtAttr(unix.IFLA_BR_VLAN_FILTERING, nl.Uint8Attr(1))
	}
	m.AddData(info)
	return m
}

// otherMTU returns an mtu that is not mtu.
func otherMTU(mtu int) int {
	if mtu == minMTU {
		return mtu + 1
	}
	return mtu - 1
}
