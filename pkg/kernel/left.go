package kernel

import (
	"errors"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Left returns what Collect would delete, if no other call worked on it. It
// changes nothing.
func (s *Session) Left(c *config.Collection) ([]plan.Left, error) {
	suspects, _, err := s.suspects(c)
	if err != nil {
		return nil, err
	}
	var all []plan.Left
	for _, a := range suspects {
		links, err := s.garbage(c, a)
		if err != nil {
			return nil, err
		}
		left := plan.Left{ContainerID: a.ContainerID, IfName: a.IfName}
		if h := links.hostLink; h != nil {
			left.Network, left.HostLink, left.Index = a.Network, h.name, h.index
			if left.Whole, err = s.isWhole(h, a.IfName); err != nil {
				return nil, err
			}
		}
		if links.gateway != nil {
			left.Gateway = links.gateway.name
		}
		if left.HostLink != "" || left.Gateway != "" {
			all = append(all, left)
		}
	}
	return all, nil
}

// Remove deletes what Left returned, as Collect does, as far as it is the same by
// the time that no other call can work on it: an ADD may have come since. The lock
// must be open.
func (s *Session) Remove(all []plan.Left) error {
	var garbage []attachmentLinks
	var errs []error
	vms := map[string]bool{} // whose locks stay
	for i := range all {
		l := &all[i]
		a := config.Attachment{Network: l.Network, ContainerID: l.ContainerID, IfName: l.IfName}
		// Of one that is not whole it is asked again whether it is.
		links, err := s.lockGarbage(&config.Collection{Network: l.Network, Known: l.Whole}, a, vms[a.ContainerID])
		switch {
		case err != nil:
			errs = append(errs, err)
		case links.isLeft(l):
			garbage = append(garbage, links)
			vms[a.ContainerID] = true
		}
	}
	return errors.Join(append(errs, s.deleteAll(garbage), s.sweepGroups())...)
}

// isLeft reports whether links are those that are to go.
func (l attachmentLinks) isLeft(of *plan.Left) bool {
	if l.hostLink == nil {
		return l.gateway != nil && of.HostLink == ""
	}
	return l.hostLink.index == of.Index
}
