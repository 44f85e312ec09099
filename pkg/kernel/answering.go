package kernel

import (
	"net/netip"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Answering looks a link up on which somebody asked for addresses. It returns nil
// if the link is gone, and for a bridge: what is asked there was asked on a port.
func (s *Session) Answering(index int32) (*plan.Answering, error) { return s.lookAnswering(index, "") }

// AnsweringNamed looks up a link that guests may ask on.
func (s *Session) AnsweringNamed(name string) (*plan.Answering, error) {
	return s.lookAnswering(0, name)
}

func (s *Session) lookAnswering(index int32, name string) (*plan.Answering, error) {
	var l *link
	if err := s.host.do(getLink(index, name, &l)); err != nil || l == nil || l.kind == plan.KindBridge {
		return nil, err
	}
	return s.answering(l)
}

// AllAnswering returns all links of local interfaces on which guests may ask.
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
		if a.Addrs.Host4.IsValid() {
			all = append(all, a)
		}
	}
	return all, nil
}

// answering describes a link, with the guest whose local interface it is.
func (s *Session) answering(l *link) (*plan.Answering, error) {
	a := &plan.Answering{Name: l.name, Index: l.index, LLAddr: l.lladdr, MTU: l.mtu, Up: l.up, Master: l.master}
	name, ok := plan.IsAnswering(l.name, l.altNames)
	if !ok {
		return a, nil
	}
	var addrs []plan.Addr
	hostLink := l
	batch := []*message{getAddrs(l.index, l.name, &addrs)}
	if name != l.name {
		hostLink = nil
		batch = []*message{getLink(0, name, &hostLink), batch[0]}
	}
	if err := s.host.do(batch...); err != nil || hostLink == nil {
		return a, err
	}
	own, ok := localAddrs(addrs)
	network := plan.NetworkOf(hostLink.altNames)
	if !ok || network == "" {
		return a, nil
	}
	a.Addrs, a.HostLink, a.Network = own, hostLink.name, network
	a.Guest = plan.GuestOf(hostLink.altNames)
	a.VMName = plan.DescribedVM(hostLink.name, hostLink.alias)
	if !a.Guest.IsZero() {
		return a, nil
	}
	var err error
	a.Guest, err = s.guestBehind(l, own)
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

// RouterOf returns the router that has a gateway's address: the link on which a
// guest asked, or the bridge that it is a port of. It reports false if it is
// neither.
func (s *Session) RouterOf(a *plan.Answering, gateway netip.Addr) (plan.Router, bool, error) {
	lladdr := a.LLAddr
	for _, index := range []int32{a.Index, a.Master} {
		if index == 0 {
			continue
		}
		if index == a.Master {
			var master *link
			if err := s.host.do(getLink(index, "", &master)); err != nil || master == nil {
				return plan.Router{}, false, err
			}
			lladdr = master.lladdr
		}
		var addrs []plan.Addr
		if err := s.host.do(getAddrs(index, a.Name, &addrs)); err != nil {
			return plan.Router{}, false, err
		}
		if r, ok := plan.RouterWith(lladdr, addrs, gateway); ok {
			return r, true, nil
		}
	}
	return plan.Router{}, false, nil
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
