package kernel

import (
	"net/netip"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Answering looks a link up on which a guest asked for its addresses. It returns
// nil if the link is none of vmtap's, has no local address, or is gone.
func (s *Session) Answering(index int32) (*plan.Answering, error) {
	var l *link
	if err := s.host.do(getLink(index, "", &l)); err != nil || l == nil {
		return nil, err
	}
	return s.answering(l)
}

// AllAnswering returns all links on which guests may ask.
func (s *Session) AllAnswering() ([]*plan.Answering, error) {
	links, err := s.linksOfVMs()
	if err != nil {
		return nil, err
	}
	var all []*plan.Answering
	for _, l := range links {
		a, err := s.answering(l)
		if err != nil {
			return nil, err
		}
		if a != nil {
			all = append(all, a)
		}
	}
	return all, nil
}

func (s *Session) answering(l *link) (*plan.Answering, error) {
	name, ok := plan.IsAnswering(l.name, l.altNames)
	if !ok {
		return nil, nil
	}
	var addrs []plan.Addr
	hostLink := l
	batch := []*message{getAddrs(l.index, l.name, &addrs)}
	if name != l.name {
		hostLink = nil
		batch = []*message{getLink(0, name, &hostLink), batch[0]}
	}
	if err := s.host.do(batch...); err != nil || hostLink == nil {
		return nil, err
	}
	a := &plan.Answering{
		Name: l.name, Index: l.index, LLAddr: l.lladdr, MTU: l.mtu, Up: l.up,
		Guest:   plan.GuestOf(hostLink.altNames),
		Network: plan.NetworkOf(hostLink.altNames),
		VMName:  plan.DescribedVM(hostLink.name, hostLink.alias),
	}
	if a.Addrs, ok = localAddrs(addrs); !ok || a.Network == "" {
		return nil, nil
	}
	if !a.Guest.IsZero() {
		return a, nil
	}
	var err error
	a.Guest, err = s.guestBehind(l, a.Addrs)
	return a, err
}

// guestBehind returns the lladdr of the guest behind a layer 3 link, zero if
// nothing says it. Without a switch nothing claims it, but the guard's neighbours
// have it.
func (s *Session) guestBehind(l *link, addrs vmid.Addrs) (vmid.LLAddr, error) {
	n := plan.Neighbour{Addr: addrs.Guest4}
	err := s.host.do(getNeighbour(l.index, l.name, &n))
	return n.LLAddr, err
}

// localAddrs are those of a local interface whose host side has these
// addresses. It reports false if they are none.
func localAddrs(addrs []plan.Addr) (vmid.Addrs, bool) {
	var host4, host6 netip.Addr
	for _, a := range addrs {
		switch {
		case a.Prefix.Addr().Is4() && a.Prefix.Bits() == 31:
			host4 = a.Prefix.Addr()
		case a.Prefix.Addr().Is6() && a.Prefix.Bits() == 96:
			host6 = a.Prefix.Addr()
		}
	}
	return vmid.OfHost(host4, host6)
}
