package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// podLink is a link that an attachment should have in its pod's namespace and
// that goes with no other.
type podLink struct {
	hostLink   *link
	name, kind string
}

// inPod returns the tap of a host link and its limiter, nothing if its other
// end is not in a pod's namespace. The veths there go with their host ends.
func (l attachmentLinks) inPod(ifName string) []podLink {
	h := l.hostLink
	if h == nil || h.kind != plan.KindVeth || h.netns < 0 {
		return nil
	}
	all := []podLink{{h, ifName, plan.KindTun}}
	if id, idx, ok := vmid.ParseHostLink(h.name); ok {
		all = append(all, podLink{h, vmid.Limiter(id, idx), plan.KindIFB})
	}
	return all
}

// deleteInPods deletes links that a delete by group left, as it leaves all if a
// pod put its loopback into the group. It looks first: the name may be another
// link's by now, and the group says that it is ours.
func (s *Session) deleteInPods(links []podLink) error {
	if len(links) == 0 {
		return nil
	}
	found := make([]*link, len(links))
	var batch []*message
	for i, l := range links {
		// EINVAL: the namespace went, and the links with it.
		batch = append(batch, aboutNetns(getLink(0, l.name, &found[i]).allow(unix.EINVAL), l.hostLink.netns))
	}
	if err := s.host.doAll(batch); err != nil {
		return err
	}
	var ours [][]*message
	for i, l := range links {
		if f := found[i]; f != nil && f.kind == l.kind && f.group == uint32(l.hostLink.index) {
			ours = append(ours, []*message{aboutNetns(deleteLink(f.index, f.name).allow(unix.EINVAL), l.hostLink.netns)})
		}
	}
	return s.doAtOnce(ours)
}

// aboutNetns makes a message be about the namespace with this id.
func aboutNetns(m *message, netns int32) *message {
	m.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(netns))))
	return m
}
