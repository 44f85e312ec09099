package kernel

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Mend mends a fault, if it still is one once the locks are taken under which the
// plugin changes what it is about, and if no call has one of them. It waits for none.
// It reports whether it changed something.
func (s *Session) Mend(f plan.Fault, known *Known) (mended bool, err error) {
	err = s.withLock(func() (err error) {
		switch f.Kind {
		case plan.DeadGateway, plan.DeadHostLink:
			mended, err = s.removeHalf(f)
		case plan.LeftElements:
			mended, err = s.removeElements(f)
		case plan.LostMembership:
			mended, err = s.putBack(f, known.members[f.Index])
		case plan.LostVRF:
			mended, err = s.underClaims(func() (bool, error) { return s.restoreVRF(f, known) })
		case plan.LostUnreachable:
			mended, err = s.underClaims(func() (bool, error) { return s.restoreUnreachable(f) })
		case plan.LostL3mdevRule:
			mended, err = s.underClaims(func() (bool, error) { return s.restoreRule(f) })
		}
		return err
	})
	return mended, err
}

// underClaims runs f under the lock of all claims, unless a call has it.
func (s *Session) underClaims(f func() (bool, error)) (bool, error) {
	if got, err := s.lock.try(claimsByte, "the node's claims"); !got || err != nil {
		return false, err
	}
	mended, err := f()
	return mended, errors.Join(err, s.lock.unlock(claimsByte))
}

// removeHalf deletes what is left of an attachment, as Collect does. The locks are
// let go with their file.
func (s *Session) removeHalf(f plan.Fault) (bool, error) {
	containerID, ifName, _ := strings.Cut(f.Of, "@")
	a := config.Attachment{ContainerID: containerID, IfName: ifName}
	for _, offset := range []int64{vmid.LockOffset(containerID, ifName), vmOffset(containerID)} {
		if got, err := s.lock.try(offset, "attachment "+f.Of); !got || err != nil {
			return false, err
		}
	}
	find := s.deadGateway
	if f.Kind == plan.DeadHostLink {
		find = s.deadHostLink
	}
	links, err := find(f.Index, a)
	if err != nil || links == (attachmentLinks{}) {
		return false, err
	}
	if err := s.deleteAll([]attachmentLinks{links}); err != nil || links.hostLink == nil {
		return err == nil, err
	}
	if member, ok := plan.MarkedMember(links.hostLink.altNames); ok {
		return true, s.leaveGroups(member)
	}
	return true, nil
}

// deadGateway looks again at a gateway whose attachment is locked, and returns it if
// it has no host link.
func (s *Session) deadGateway(index int32, a config.Attachment) (attachmentLinks, error) {
	// Of no network: it finds nothing if there is a host link.
	links, err := s.findAttachment(a)
	if err != nil || links.gateway == nil || links.gateway.index != index {
		return attachmentLinks{}, err
	}
	if name, ok := plan.HostLinkOfMember(links.gateway.name); ok {
		var l *link
		if err := s.host.do(getLink(0, name, &l)); err != nil || isNameless(l) {
			return attachmentLinks{}, err
		}
	}
	return attachmentLinks{gateway: links.gateway}, nil
}

// deadHostLink looks again at a host link whose attachment is locked, and returns it,
// with its gateway, if its half in the pod is gone.
func (s *Session) deadHostLink(index int32, a config.Attachment) (attachmentLinks, error) {
	var l *link
	if err := s.host.do(getLink(index, "", &l)); err != nil || l == nil {
		return attachmentLinks{}, err
	}
	if a.Network = plan.NetworkOf(l.altNames); a.Network == "" {
		return attachmentLinks{}, nil
	}
	links, err := s.findAttachment(a)
	if err != nil || links.hostLink == nil || links.hostLink.index != index {
		return attachmentLinks{}, err
	}
	if gone, err := s.isHalf(links.hostLink, a.IfName); !gone || err != nil {
		return attachmentLinks{}, err
	}
	return links, nil
}

// removeElements takes a link that is gone out of all sets, if no call works that may
// have deleted it. That is done under the claims lock, so that nobody takes its name
// meanwhile.
func (s *Session) removeElements(f plan.Fault) (bool, error) {
	if busy, err := s.isAnyBusy(); busy || err != nil {
		return false, err
	}
	left, err := s.gone([]string{f.Object})
	if err != nil || len(left) == 0 {
		return false, err
	}
	return true, s.leaveGroups(f.Object)
}

// findRDomain looks for the VRF of an rdomain by name, nil for none.
func (s *Session) findRDomain(name string) (*link, error) {
	var l *link
	if err := s.host.do(getLink(0, name, &l)); err != nil || l == nil {
		return nil, err
	}
	if l.kind != plan.KindVRF || !plan.IsRDomain(l.name, l.altNames) {
		return nil, nil
	}
	return l, nil
}

// restoreUnreachable adds a route that ends a VRF's table. Nobody makes or deletes a
// VRF meanwhile.
func (s *Session) restoreUnreachable(f plan.Fault) (bool, error) {
	dst, err := netip.ParsePrefix(f.Of)
	if err != nil {
		return false, err
	}
	v, err := s.findRDomain(f.Object)
	if err != nil || v == nil || v.index != f.Index {
		return false, err
	}
	return s.addMissing(addUnreachable(&plan.Link{Name: v.name, Table: v.table}, dst))
}

// addMissing adds what can be there only once, and reports false if it is.
func (s *Session) addMissing(m *message) (bool, error) {
	err := s.host.do(m)
	if errors.Is(err, unix.EEXIST) {
		return false, nil
	}
	return err == nil, err
}

// restoreRule adds the l3mdev rule of a family, as Linux makes it with the first VRF.
func (s *Session) restoreRule(f plan.Fault) (bool, error) {
	lacking, err := s.lackingRules(true)
	if err != nil {
		return false, err
	}
	for _, family := range lacking {
		if familyName(family) == f.Object {
			return s.addMissing(l3mdevRule(family))
		}
	}
	return false, nil
}

func l3mdevRule(family uint8) *message {
	m := newMessage(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add the l3mdev rule of %s", familyName(family))
	m.AddRawData(ruleHeader(family, 0, ruleActionTable))
	for _, a := range []*nl.RtAttr{
		nl.NewRtAttr(unix.FRA_PRIORITY, nl.Uint32Attr(plan.L3mdevPreference)),
		nl.NewRtAttr(unix.FRA_L3MDEV, nl.Uint8Attr(1)),
		nl.NewRtAttr(unix.FRA_PROTOCOL, nl.Uint8Attr(unix.RTPROT_KERNEL)),
	} {
		m.AddRawData(a.Serialize())
	}
	return m
}

// restoreVRF makes a VRF again that links were in, with the table that it had, unless
// another one has that by now. One whose name somebody else chose is not made.
func (s *Session) restoreVRF(f plan.Fault, known *Known) (bool, error) {
	var was *member
	for index, m := range known.members {
		var l *link
		if m.vrf != f.Object {
			continue
		}
		if err := s.host.do(getLink(index, "", &l)); err != nil {
			return false, err
		}
		if l != nil && l.name == m.name && l.master == 0 {
			was = m
		}
	}
	if was == nil || !plan.IsRDomainName(f.Object) {
		return false, nil
	}
	var there *link
	var vrfs []*link
	if err := s.host.do(getLink(0, f.Object, &there)); err != nil || there != nil {
		return false, err
	}
	if err := s.host.do(getLinksOfKind(plan.KindVRF, &vrfs)); err != nil {
		return false, err
	}
	for _, v := range vrfs {
		if v.table == was.table {
			return false, nil
		}
	}
	ipv6, err := s.knowsIPv6()
	if err != nil {
		return false, err
	}
	var undo undoStack
	want := plan.Link{Name: f.Object, Kind: plan.KindVRF, Table: was.table, Unreachable: endsOfTable(ipv6), Up: true}
	if err := s.makeVRF(vrf{&want, new(int32)}, &undo); err != nil {
		return false, joinUndo(err, undo.run())
	}
	return true, nil
}

// putBack puts a link into its rdomain again, and gives it what the kernel took from
// it: first when it left, and then when it came, since both bring it down and up.
func (s *Session) putBack(f plan.Fault, m *member) (bool, error) {
	switch {
	case m == nil:
		return false, nil
	case m.bridge:
		// Bridges get their master from ADDs, each of which has locks of its own, and
		// the claims lock before it comes to that.
		return s.underClaims(func() (bool, error) {
			if busy, err := s.isAnyBusy(); busy || err != nil {
				return false, err
			}
			return s.putBackLocked(f, m)
		})
	}
	if got, err := s.lock.try(vmid.LockOffset(m.containerID, m.ifName), "attachment "+plan.AttachmentName(m.containerID, m.ifName)); !got || err != nil {
		return false, err
	}
	return s.putBackLocked(f, m)
}

func (s *Session) putBackLocked(f plan.Fault, m *member) (bool, error) {
	var l *link
	if err := s.host.do(getLink(f.Index, "", &l)); err != nil || l == nil || l.name != m.name || l.master != 0 {
		return false, err
	}
	v, err := s.findRDomain(m.vrf)
	if err != nil || v == nil || v.table != m.table {
		return false, err
	}
	if m.bridge {
		if addrs, err := s.routedAddrs(l); err != nil || len(addrs) > 0 || !l.has(plan.SwitchName(l.name)) {
			return false, err
		}
	} else if !plan.IsOwned(l.altNames) {
		return false, nil
	}
	batch := []*message{setLink(l.index, l.name, change{master: v.index})}
	for _, a := range m.addrs {
		batch = append(batch, addAddr(l.index, l.name, a).allow(unix.EEXIST))
	}
	if l.up {
		for _, dst := range m.routes {
			batch = append(batch, addRoute(l.index, l.name, dst, m.table).allow(unix.EEXIST))
		}
		for _, n := range m.neighbours {
			batch = append(batch, addNeighbour(l.index, l.name, n))
		}
	}
	err = s.host.do(batch...)
	return err == nil, err
}
