package kernel

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// releaseClaims moves the VM's own altnames, if this host link holds them, to
// a sibling, so that the VM keeps its vmid as long as it has an interface.
//
// Links that go with this one, by their ifindex, are no siblings that stay.
func (s *Session) releaseClaims(containerID string, hostLink *link, going map[int32]bool) error {
	id, _, ok := vmid.ParseHostLink(hostLink.name)
	if !ok {
		return nil // renamed: the claim goes with it
	}
	names := []string{vmid.VM(id), plan.PodName(containerID)}
	if !hostLink.has(names[0]) {
		return nil
	}
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	return errors.Join(s.moveClaims(containerID, names, id, hostLink, going), s.lock.unlock(claimsByte))
}

// moveClaims moves altnames to a sibling in one send: to the one with the
// lowest number on which no other call works. One that is being deleted this
// moment would take the claim with it; it is the last choice.
func (s *Session) moveClaims(containerID string, names []string, id uint32, from *link, going map[int32]bool) error {
	siblings, err := s.siblings(containerID, id, from, going)
	if err != nil || len(siblings) == 0 {
		return err
	}
	to := siblings[0]
	for _, l := range siblings {
		release, idle, err := s.holdIdle(containerID, l)
		if err != nil {
			return err
		}
		if idle {
			defer release()
			to = l
			break
		}
	}
	err = s.host.do(removeAltNames(from.index, from.name, names), addAltNames(to.index, to.name, names))
	if err != nil {
		return errors.Join(err, s.moveBack(names, from, to))
	}
	return nil
}

// moveBack undoes what a move did that failed, so that the next DEL moves them.
func (s *Session) moveBack(names []string, from, to *link) error {
	var batch []*message
	for _, name := range names {
		batch = append(batch,
			removeAltNames(to.index, to.name, []string{name}).allow(unix.ENOENT, unix.EINVAL, unix.ENODEV), // it never came there
			addAltNames(from.index, from.name, []string{name}).allow(unix.EEXIST))                          // it never went
	}
	return s.host.doAll(batch)
}

// siblings returns the VM's other host links, in order. Another VM's can have
// the vmid, too, after somebody deleted the link that held it.
func (s *Session) siblings(containerID string, id uint32, but *link, going map[int32]bool) ([]*link, error) {
	all := make([]*link, plan.MaxIdx+1)
	batch := make([]*message, len(all))
	for i := range all {
		batch[i] = getLink(0, vmid.HostLink(id, i), &all[i])
	}
	if err := s.host.do(batch...); err != nil {
		return nil, err
	}
	var found []*link
	for _, l := range all {
		if l == nil || l.index == but.index || going[l.index] || !plan.IsOwned(l.altNames) {
			continue
		}
		if pod, _, ok := plan.AttachmentOf(l.altNames); ok && pod == containerID {
			found = append(found, l)
		}
	}
	return found, nil
}

// holdIdle takes the lock of a host link's attachment, if no other call has
// it: then none deletes the link until release.
func (s *Session) holdIdle(containerID string, l *link) (release func(), idle bool, err error) {
	for _, name := range l.altNames {
		ifName, ok := strings.CutPrefix(name, plan.AttachmentName(containerID, ""))
		if !ok {
			continue
		}
		offset := vmid.LockOffset(containerID, ifName)
		idle, err := s.lock.try(offset, "attachment "+name)
		// What is not let go here is when the session ends.
		return func() { _ = s.lock.unlock(offset) }, idle, err
	}
	return nil, false, nil
}
