package kernel

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Known is what looks at a node remember for those that come after.
type Known struct {
	// settled are the host links whose half in the pod was looked at and is there,
	// or cannot be told.
	settled map[int32]bool
	// members are the links in rdomains, as they were when they were first seen.
	members map[int32]*member
}

// NewKnown returns what is known before the first look.
func NewKnown() *Known {
	return &Known{settled: map[int32]bool{}, members: map[int32]*member{}}
}

// ToKeepOrder is what Disorder and Mend need: to change links, and to open the
// lock.
func ToKeepOrder() confine.Limits {
	l := ToDelete()
	l.Files = []confine.File{{Path: lockDir, Access: confine.Read | confine.Write}}
	return l
}

// EnsureLock makes the lock if it is not there, which ToKeepOrder does not allow.
func EnsureLock() error {
	l, err := openLock()
	if err != nil {
		return err
	}
	return l.close()
}

// Disorder looks for what is not in order on the node. It changes nothing but what
// is known. What another call of the plugin works on is not looked at. With whole,
// what was settled is looked at again.
//
// It dumps links, VRFs' routes and rules, whatever the node has of them, and looks
// into the pods of host links that are new.
func (s *Session) Disorder(known *Known, whole bool) (faults []plan.Fault, err error) {
	err = s.withLock(func() error {
		links, err := s.linksOfVMs()
		if err != nil {
			return err
		}
		if whole {
			clear(known.settled)
		}
		for _, look := range []func([]*link, *Known) ([]plan.Fault, error){s.deadGatewayFaults, s.halfFaults, s.elementFaults, s.rdomainFaults} {
			found, err := look(links, known)
			if err != nil {
				return err
			}
			faults = append(faults, found...)
		}
		return nil
	})
	return faults, err
}

// withLock opens the lock for f, as each call of the plugin does. Who kept it open
// would one day hold a file that was removed, and so hold nothing.
func (s *Session) withLock(f func() error) error {
	if err := s.OpenLock(); err != nil {
		return err
	}
	err := f()
	l := s.lock
	s.lock = nil
	return errors.Join(err, l.close()) // and lets go of all
}

// isHeld reports whether another call has one of some bytes, by the first one and
// how many there are, 0 for all that follow. It takes none.
func (l *lockFile) isHeld(start, length int64) (bool, error) {
	f := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: length}
	if err := unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_GETLK, &f); err != nil {
		return false, err
	}
	return f.Type != unix.F_UNLCK, nil
}

// isBusy reports whether another call works on an attachment or its VM.
func (s *Session) isBusy(containerID, ifName string) (bool, error) {
	for _, offset := range []int64{vmid.LockOffset(containerID, ifName), vmOffset(containerID)} {
		if held, err := s.lock.isHeld(offset, 1); held || err != nil {
			return held, err
		}
	}
	return false, nil
}

// isAnyBusy reports whether another call works on any attachment or VM.
func (s *Session) isAnyBusy() (bool, error) { return s.lock.isHeld(claimsByte+1, 0) }

// deadGatewayFaults looks for gateways whose attachment has no host link. A host
// link under the name that goes with the gateway's may be its own, if somebody took
// its altnames away.
func (s *Session) deadGatewayFaults(links []*link, _ *Known) ([]plan.Fault, error) {
	alive, byName := withHostLink(links), map[string]*link{}
	for _, l := range links {
		byName[l.name] = l
	}
	var faults []plan.Fault
	for _, l := range links {
		attachment, ok := plan.GatewayOf(l.altNames)
		if !ok || l.kind != plan.KindVeth || alive[attachment] {
			continue
		}
		if name, ok := plan.HostLinkOfMember(l.name); ok && isNameless(byName[name]) {
			continue
		}
		containerID, ifName, _ := strings.Cut(attachment, "@")
		busy, err := s.isBusy(containerID, ifName)
		if err != nil {
			return nil, err
		}
		if !busy {
			faults = append(faults, plan.Fault{Kind: plan.DeadGateway, Object: l.name, Index: l.index, Of: attachment})
		}
	}
	return faults, nil
}

// isNameless reports whether a link is there and says of no attachment that it is
// its host link.
func isNameless(l *link) bool {
	if l == nil {
		return false
	}
	_, _, ok := plan.AttachmentOf(l.altNames)
	return !ok
}

// half is a host link and what has the guest's name in its pod, nil for nothing.
type half struct {
	hostLink            *link
	containerID, ifName string
	guest               *link
}

// halfFaults looks for host links whose half in the pod is gone.
func (s *Session) halfFaults(links []*link, known *Known) ([]plan.Fault, error) {
	settled := map[int32]bool{} // of links that are there still
	var unsettled []*half
	var batch []*message
	for _, l := range links {
		containerID, ifName, ok := plan.AttachmentOf(l.altNames)
		switch {
		case !ok || l.kind != plan.KindVeth || plan.NetworkOf(l.altNames) == "":
		case known.settled[l.index]:
			settled[l.index] = true
		default:
			h := &half{l, containerID, ifName, nil}
			unsettled = append(unsettled, h)
			if l.netns >= 0 {
				batch = append(batch, inPodNow(getLink(0, ifName, &h.guest), l.netns))
			}
		}
	}
	known.settled = settled
	if len(batch) > 0 {
		if err := s.host.do(batch...); err != nil {
			return nil, err
		}
	}
	var faults []plan.Fault
	for _, h := range unsettled {
		state, err := s.stateOf(h)
		if err != nil {
			return nil, err
		}
		switch state {
		case halfThere:
			settled[h.hostLink.index] = true
		case halfGone:
			faults = append(faults, plan.Fault{
				Kind: plan.DeadHostLink, Object: h.hostLink.name, Index: h.hostLink.index, Of: plan.AttachmentName(h.containerID, h.ifName),
			})
		}
	}
	return faults, nil
}

// What is known of a host link's half in the pod.
const (
	halfThere = iota // or it cannot be told
	halfGone
	halfBusy // a call works on it
)

func (s *Session) stateOf(h *half) (int, error) {
	if g := h.guest; g != nil && (g.kind == plan.KindTun || g.index == h.hostLink.peer) {
		return halfThere, nil
	}
	if busy, err := s.isBusy(h.containerID, h.ifName); busy || err != nil {
		return halfBusy, err
	}
	if gone, err := s.isHalf(h.hostLink, h.ifName); !gone || err != nil {
		return halfThere, err
	}
	return halfGone, nil
}

// inPodNow makes a message be about a pod's namespace, which may be gone by now, or
// be one that this process may not look into: then there is no answer.
func inPodNow(m *message, netns int32) *message {
	return aboutNetns(m.allow(unix.EINVAL, unix.EPERM, unix.EACCES), netns)
}

// mostTaps is how many taps of a pod are looked at.
const mostTaps = 64

// isHalf reports whether a host link's half in the pod is gone for sure. That a tap
// is not found by its name is no proof, since a pod may rename it: the host link's
// own other end must be there, as vmtap made it for a tap, and each tap beside it
// must be another attachment's.
//
// Or both ends are in the host's namespace: somebody moved the pod's end here.
func (s *Session) isHalf(h *link, ifName string) (bool, error) {
	if h.netns < 0 {
		var end *link
		err := s.host.do(getLink(h.peer, "", &end))
		return end != nil && end.kind == plan.KindVeth && end.netns < 0 && end.peer == h.index, err
	}
	var end *link
	if err := s.host.do(inPodNow(getLink(h.peer, "", &end), h.netns)); err != nil {
		return false, err
	}
	id, idx, ok := vmid.ParseHostLink(h.name)
	address := vmid.LinkAddr(vmid.RoleHostPeer, plan.Guest4Of(h.altNames), id, idx)
	if !ok || end == nil || end.kind != plan.KindVeth || end.name != h.name || end.peer != h.index || end.lladdr != address {
		return false, nil
	}
	var taps []*link
	if err := s.host.do(inPodNow(getLinksOfKind(plan.KindTun, &taps), h.netns)); err != nil || len(taps) > mostTaps {
		return false, err
	}
	for _, tap := range taps {
		if others, err := s.isOthers(tap, h); err != nil || !others || tap.name == ifName {
			return false, err
		}
	}
	return true, nil
}

// isOthers reports whether a tap in the pod of a host link is that of another host
// link, whose ifindex is the number of its netdev group.
func (s *Session) isOthers(tap, hostLink *link) (bool, error) {
	if tap.group < firstIndex || tap.group == uint32(hostLink.index) {
		return false, nil
	}
	var other *link
	if err := s.host.do(getLink(int32(tap.group), "", &other)); err != nil || other == nil {
		return false, err
	}
	_, ifName, ok := plan.AttachmentOf(other.altNames)
	return ok && ifName == tap.name && other.netns == hostLink.netns && plan.NetworkOf(other.altNames) != "", nil
}

// elementFaults looks for elements of groups' sets whose links are gone. A DEL deletes
// its links first.
func (s *Session) elementFaults(links []*link, _ *Known) ([]plan.Fault, error) {
	if busy, err := s.isAnyBusy(); busy || err != nil {
		return nil, err
	}
	if has, tables, err := s.hasGroupTables(); err != nil || !has || !tables {
		return nil, err
	}
	names, err := s.membersHostLinks()
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, l := range links {
		there[l.name] = true
	}
	gone, err := s.gone(slices.DeleteFunc(names, func(name string) bool { return there[name] }))
	var faults []plan.Fault
	for _, name := range gone {
		faults = append(faults, plan.Fault{Kind: plan.LeftElements, Object: name})
	}
	return faults, err
}
