package kernel

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// ToDelete is what Delete needs of the process's rights for this attachment. It looks at
// its host link, which says where Kata's file is, if that lists it. If an ADD gives it
// another directory after this look, Delete is refused that one, and done the next time.
func (s *Session) ToDelete(a config.Attachment) (confine.Limits, error) {
	links, err := s.findAttachment(a)
	if err != nil {
		return confine.Limits{}, err
	}
	return ToDelete(links.danDirs(a)...), nil
}

// danDirs returns where files for Kata may list an attachment.
func (l attachmentLinks) danDirs(a config.Attachment) []string {
	if l.hostLink == nil {
		return danDirsOf(nil, a.DANDir)
	}
	return danDirsOf([]*link{l.hostLink}, a.DANDir)
}

// Delete removes what is left of an attachment. It needs neither the pod's
// namespace nor the configuration of the ADD: the altnames lead to the links,
// and the host link's ifindex is the netdev group of the pod's. Nothing left
// is success; an attachment of another network is left alone.
func (s *Session) Delete(a config.Attachment) error {
	if err := s.lockVM(a.ContainerID); err != nil {
		return err
	}
	return errors.Join(s.deleteLocked(a), s.unlockVM(a.ContainerID))
}

func (s *Session) deleteLocked(a config.Attachment) error {
	links, err := s.findAttachment(a)
	if err != nil {
		return err
	}
	// Before the links, which say where it is listed: without them it might stay so.
	if err := s.dropAttachment(a, links); err != nil {
		return err
	}
	return s.deleteLinks(a, links)
}

// dropAttachment takes an attachment out of the sandbox's files for Kata.
func (s *Session) dropAttachment(a config.Attachment, links attachmentLinks) error {
	going := map[int32]bool{}
	if links.hostLink != nil {
		going[links.hostLink.index] = true
	}
	var errs []error
	for _, dir := range links.danDirs(a) {
		errs = append(errs, s.dropDAN(dir, a.ContainerID, going))
	}
	return errors.Join(errs...)
}

func (s *Session) deleteLinks(a config.Attachment, links attachmentLinks) error {
	hostLink := links.hostLink
	if hostLink == nil {
		return errors.Join(s.deleteSurvivors(links, a.IfName), s.deleteChained(a), s.sweepGroups())
	}
	if err := s.releaseClaims(a.ContainerID, hostLink, nil); err != nil {
		return err
	}
	if err := s.host.do(links.deleteTogether()...); err != nil {
		return err
	}
	links, err := s.findAttachment(a)
	if err != nil {
		return err
	}
	if err := s.deleteSurvivors(links, a.IfName); err != nil {
		return err
	}
	// After the links: no rule of a group's ends before them.
	if member, ok := plan.MarkedMember(hostLink.altNames); ok {
		return s.leaveGroups(member)
	}
	return nil
}

// attachmentLinks are an attachment's links in the host's namespace, nil
// where there is none. lost is the other end, here, of a gateway that is not.
type attachmentLinks struct{ hostLink, gateway, lost *link }

// all returns the links that are there, the gateway first, which never stands
// without its host link.
func (l attachmentLinks) all() []*link {
	return slices.DeleteFunc([]*link{l.lost, l.gateway, l.hostLink}, func(l *link) bool { return l == nil })
}

// goWithPod reports whether the host's links go with those in the pod, which are
// in one netdev group.
func (l attachmentLinks) goWithPod() bool {
	return l.hostLink != nil && l.hostLink.netns >= 0 && l.lost == nil && (l.gateway == nil || l.gateway.netns >= 0)
}

// deleteTogether returns what deletes the links with one wait in the kernel for
// all: in one netdev group, whose number is the host link's ifindex, are
// the pod's, which take the host's with them; or the host's come into one just
// before.
func (l attachmentLinks) deleteTogether() []*message {
	switch h := l.hostLink; {
	case l.goWithPod():
		return []*message{deleteGroup(uint32(h.index), h.netns, h.name)}
	case len(l.all()) > 1:
		return deleteInGroup(l.all()...)
	}
	return nil // it is alone
}

// deleteInGroup returns what puts links of the host into a group and deletes that.
// Its number is drawn, so that nobody has put another link there: what a
// configuration numbers, and where the kernel counts ifindexes from, is lower.
func deleteInGroup(links ...*link) []*message {
	group := uint32(randomIndex())
	var batch []*message
	for _, l := range links {
		batch = append(batch, setLink(l.index, l.name, change{group: group}).allow(unix.ENODEV))
	}
	return append(batch, deleteGroup(group, -1, links[0].name))
}

// findAttachment finds links by their altnames and drops those that are not
// what vmtap makes.
func (s *Session) findAttachment(a config.Attachment) (attachmentLinks, error) {
	var l attachmentLinks
	err := s.host.do(
		getLink(0, plan.AttachmentName(a.ContainerID, a.IfName), &l.hostLink),
		getLink(0, plan.GatewayName(a.ContainerID, a.IfName), &l.gateway))
	if err != nil {
		return attachmentLinks{}, err
	}
	if h := l.hostLink; h != nil && (h.kind != plan.KindVeth && h.kind != plan.KindTun || !plan.IsOfNetwork(h.altNames, a.Network)) {
		return attachmentLinks{}, nil
	}
	if g := l.gateway; g != nil && g.kind != plan.KindVeth {
		l.gateway = nil
	}
	if l.hostLink != nil && l.gateway == nil && l.hostLink.master != 0 {
		l.lost, err = s.findLost(l.hostLink)
	}
	return l, err
}

// findLost looks for the other end of a gateway that somebody moved to another
// namespace, where both were in the host's. It carries no mark, but has the name and
// the address that follow from its host link's. It returns nil if there is none.
func (s *Session) findLost(hostLink *link) (*link, error) {
	id, idx, ok := vmid.ParseHostLink(hostLink.name)
	guest4 := plan.Guest4Of(hostLink.altNames)
	if !ok || !guest4.IsValid() {
		return nil, nil
	}
	var l *link
	err := s.host.do(getLink(0, vmid.GatewayPeer(id, idx), &l))
	if l == nil || l.kind != plan.KindVeth || l.lladdr != vmid.LinkAddr(vmid.RoleGatewayPod, guest4, id, idx) {
		return nil, err
	}
	return l, err
}

// deleteSurvivors deletes by index what a delete by group left: what is in the
// pod, to which only the host link leads, then the gateway, which never stands
// without its host link.
func (s *Session) deleteSurvivors(links attachmentLinks, ifName string) error {
	if err := s.deleteInPods(links.inPod(ifName)); err != nil {
		return err
	}
	for _, l := range links.all() {
		if err := s.host.do(deleteLink(l.index, l.name)); err != nil {
			return err
		}
	}
	return nil
}
