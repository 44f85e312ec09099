package kernel

import (
	"errors"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Suspects are the attachments that look as if Collect were to delete them.
type Suspects struct {
	attachments []config.Attachment
	danDirs     []string // where files for Kata may list them
}

// Suspects looks for them.
func (s *Session) Suspects(c *config.Collection) (*Suspects, error) {
	attachments, hostLinks, err := s.suspects(c)
	return &Suspects{attachments, danDirsOf(hostLinks, c.DANDir)}, err
}

// ToDelete is what Collect needs of the process's rights.
func (p *Suspects) ToDelete() confine.Limits { return ToDelete(p.danDirs...) }

// Collect deletes what is left of a network's attachments that are not valid
// any more, and dead halves: a gateway without its host link, whatever its
// network was, and a host link without its tap, elements of groups' sets
// whose links are gone, and what files for Kata list of such. It goes on after errors
// and returns them joined.
//
// An attachment on which another call works is left to that call. The lock must
// be open.
func (s *Session) Collect(c *config.Collection, p *Suspects) error {
	var garbage []attachmentLinks
	var errs []error
	vms := map[string]bool{} // whose locks stay
	for _, a := range p.attachments {
		links, err := s.lockGarbage(c, a, vms[a.ContainerID])
		switch {
		case err != nil:
			errs = append(errs, err)
		case links.hostLink != nil || links.gateway != nil:
			garbage = append(garbage, links)
			vms[a.ContainerID] = true
		}
	}
	return errors.Join(append(errs, s.deleteAll(garbage), s.sweepGroups(), s.sweepDAN(c.DANDir))...)
}

// suspects returns the attachments that look as if they were to go, and what host links
// they have.
func (s *Session) suspects(c *config.Collection) (all []config.Attachment, hostLinks []*link, err error) {
	links, err := s.linksOfVMs()
	if err != nil {
		return nil, nil, err
	}
	alive := withHostLink(links)
	for _, l := range links {
		if name, ok := plan.GatewayOf(l.altNames); ok && !alive[name] {
			containerID, ifName, _ := strings.Cut(name, "@")
			all = append(all, config.Attachment{Network: c.Network, ContainerID: containerID, IfName: ifName})
		}
		containerID, ifName, ok := plan.AttachmentOf(l.altNames)
		if ok && plan.IsOfNetwork(l.altNames, c.Network) && !c.Has(containerID, ifName) {
			all = append(all, config.Attachment{Network: c.Network, ContainerID: containerID, IfName: ifName})
			hostLinks = append(hostLinks, l)
		}
	}
	return all, hostLinks, nil
}

// linksOfVMs returns the host's links of the kinds that vmtap makes for VMs,
// whoever made them.
func (s *Session) linksOfVMs() (links []*link, err error) {
	for _, kind := range []string{plan.KindVeth, plan.KindTun} {
		if err := s.host.do(getLinksOfKind(kind, &links)); err != nil {
			return nil, err
		}
	}
	return links, nil
}

// withHostLink returns the attachments, as plan.AttachmentName has them, that
// have a host link among links.
func withHostLink(links []*link) map[string]bool {
	alive := map[string]bool{}
	for _, l := range links {
		if containerID, ifName, ok := plan.AttachmentOf(l.altNames); ok {
			alive[plan.AttachmentName(containerID, ifName)] = true
		}
	}
	return alive
}

// lockGarbage locks an attachment and its VM, which may be locked already, and
// returns the links if they are to go: under the locks nothing of them changes.
// It returns none if another call has one of the locks.
func (s *Session) lockGarbage(c *config.Collection, a config.Attachment, vmLocked bool) (attachmentLinks, error) {
	attachment, vm := vmid.LockOffset(a.ContainerID, a.IfName), vmOffset(a.ContainerID)
	name := "attachment " + plan.AttachmentName(a.ContainerID, a.IfName)
	if got, err := s.lock.try(attachment, name); err != nil || !got {
		return attachmentLinks{}, err
	}
	if got, err := s.lock.try(vm, "the VM of "+name); err != nil || !got {
		return attachmentLinks{}, errors.Join(err, s.lock.unlock(attachment))
	}
	links, err := s.garbage(c, a)
	if err == nil && links != (attachmentLinks{}) {
		return links, nil
	}
	if !vmLocked {
		err = errors.Join(err, s.lock.unlock(vm))
	}
	return attachmentLinks{}, errors.Join(err, s.lock.unlock(attachment))
}

// garbage returns the links of an attachment if they are to go.
func (s *Session) garbage(c *config.Collection, a config.Attachment) (attachmentLinks, error) {
	links, err := s.findAttachment(a)
	if err == nil && links.hostLink != nil {
		// One that is listed was added since the dump, over a dead gateway.
		alive := c.Has(a.ContainerID, a.IfName)
		if !c.Known {
			alive, err = s.isWhole(links.hostLink, a.IfName)
		}
		if alive {
			links = attachmentLinks{}
		}
	}
	return links, err
}

// isWhole reports whether the guest's end of a host link is there: a tap in
// the pod's namespace, or the veth's other end itself. A host link that is a
// tap is its own.
func (s *Session) isWhole(hostLink *link, ifName string) (bool, error) {
	switch {
	case hostLink.kind == plan.KindTun:
		return true, nil
	case hostLink.netns < 0: // it was moved here
		return false, nil
	}
	var l *link
	err := s.host.do(aboutNetns(getLink(0, ifName, &l), hostLink.netns))
	return l != nil && (l.kind == plan.KindTun || l.index == hostLink.peer), err
}

// deleteAll deletes attachments, as much of them at once as the kernel can.
func (s *Session) deleteAll(garbage []attachmentLinks) error {
	garbage, err := s.dropListed(garbage)
	going := map[int32]bool{}
	for _, g := range garbage {
		if g.hostLink != nil {
			going[g.hostLink.index] = true
		}
	}
	errs := []error{err}
	var inHost []*link
	var groups, survivors [][]*message
	var inPods []podLink
	for _, g := range garbage {
		if h := g.hostLink; h != nil {
			containerID, ifName, _ := plan.AttachmentOf(h.altNames)
			errs = append(errs, s.releaseClaims(containerID, h, going))
			inPods = append(inPods, g.inPod(ifName)...)
		}
		if g.goWithPod() {
			groups = append(groups, g.deleteTogether())
		} else {
			inHost = append(inHost, g.all()...)
		}
		var batch []*message
		for _, l := range g.all() {
			batch = append(batch, deleteLink(l.index, l.name))
		}
		survivors = append(survivors, batch)
	}
	if len(inHost) > 0 {
		errs = append(errs, s.host.doAll(deleteInGroup(inHost...)))
	}
	return errors.Join(append(errs, s.doAtOnce(groups), s.deleteInPods(inPods), s.doAtOnce(survivors))...)
}
