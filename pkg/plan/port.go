package plan

import (
	"net/netip"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// addPort adds the guest's own link, what joins it to the host link, and the
// gateway's share of its frames.
func (s *State) addPort(req *config.Request) {
	switch {
	case req.Placement == config.PlacementHost:
		s.HostLink.Kind, s.HostLink.Peer = KindTun, ""
		s.HostLink.addTap(&req.Tap)
	case req.Device == config.DeviceVeth:
		s.addPodVeth(req)
	default:
		s.addPodTap(req)
	}
	port := s.Port()
	if s.Gateway.Name != "" {
		port.Ingress = []Filter{{Match: s.gatewayShare().Program(), Redirect: s.GatewayPeer.Name}}
		s.GatewayPeer.Ingress = []Filter{{Redirect: port.Name}}
	}
	if port == &s.Tap { // elsewhere the rest stays where it came in
		port.Ingress = append(port.Ingress, Filter{Redirect: s.HostPeer.Name})
		s.HostPeer.Ingress = []Filter{{Redirect: port.Name}}
	}
}

// gatewayShare is what the frames for the gateway are told by.
func (s *State) gatewayShare() filter.Gateway {
	return filter.Gateway{
		LLAddr: s.Gateway.LLAddr, Host4: s.Guest.Addrs.Host4,
		Host6: s.Guest.Addrs.Host6, LinkLocal: s.Guest.LinkLocal(),
	}
}

// addPodTap adds the tap in the pod and the host link's pod end.
func (s *State) addPodTap(req *config.Request) {
	s.HostPeer = s.silentLink(s.HostLink.Name, KindVeth, s.linkAddr(vmid.RoleHostPeer))
	s.HostPeer.Peer, s.HostLink.Peer = s.HostLink.Name, s.HostPeer.Name
	s.Tap = s.silentLink(req.IfName, KindTun, s.Guest.LLAddr)
	s.Tap.addTap(&req.Tap)
}

// addPodVeth makes the host link's pod end the guest's own interface, with
// its addresses and routes: nobody else sets them up.
func (s *State) addPodVeth(req *config.Request) {
	a := &s.Guest.Addrs
	s.HostPeer = Link{
		Name: req.IfName, Kind: KindVeth, Peer: s.HostLink.Name, Pod: true, PodGroup: true, Guests: true,
		LLAddr: s.Guest.LLAddr, MTU: s.Guest.MTU, Up: true,
	}
	s.HostLink.Peer = s.HostPeer.Name
	if a.Guest4.IsValid() {
		s.HostPeer.Addrs = []Addr{{Prefix: netip.PrefixFrom(a.Guest4, 31)}}
	}
	if a.Guest6.IsValid() {
		// The link-local address that the host's route is to, and without
		// duplicate address detection.
		s.HostPeer.NoAutoLL = true
		s.HostPeer.Addrs = append(s.HostPeer.Addrs,
			Addr{Prefix: netip.PrefixFrom(a.Guest6, 96)},
			Addr{Prefix: netip.PrefixFrom(s.Guest.LLAddr.LinkLocal(), 64)})
	}
	if s.HostPeer.Leased = req.IPAM != ""; !s.HostPeer.Leased { // else AddLease has them
		s.Guest.Routes = GuestRoutes(req, &s.Guest)
	}
}

// addTap gives a tap what its opener wants.
func (l *Link) addTap(tap *config.Tap) {
	l.VnetHdr, l.MultiQueue, l.SELinuxContext = tap.VnetHdr, tap.MultiQueue, tap.SELinuxContext
	l.Owner = Owner{UID: tap.UID, GID: tap.GID, HasUID: tap.HasUID, HasGID: tap.HasGID}
}

// silentLink returns what all links between the tap and the host's links have
// in common, those in the pod first of all. The kernel must be silent on them:
// it would speak with the guest's address.
func (s *State) silentLink(name, kind string, a vmid.LLAddr) Link {
	return Link{
		Name: name, Kind: kind, Pod: true, LLAddr: a, MTU: s.Guest.MTU,
		PodGroup: true, Up: true, NoARP: true, NoAutoLL: true,
	}
}
