package kernel

import (
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Held reads all that the kernel holds of an attachment: as CHECK reads it, but
// with nothing to compare it with. It changes nothing. What is in the pod takes
// rights to see; without them that is left out. It is for a session of its own.
func (s *Session) Held(a *plan.Attached) (*plan.Held, error) {
	var l *link
	if err := s.host.do(getLink(0, plan.AttachmentName(a.ContainerID, a.IfName), &l)); err != nil {
		return nil, err
	}
	if l == nil {
		return nil, config.Errorf(config.CodeIO, "look up %s: it went just now", plan.AttachmentName(a.ContainerID, a.IfName))
	}
	h := &holding{session: s, hostLink: l, Held: &plan.Held{Index: l.index}}
	if l.kind == plan.KindVeth && l.netns >= 0 {
		h.openPod()
	}
	want, err := h.links(a)
	if err != nil {
		return nil, err
	}
	return h.Held, h.read(a, want)
}

// holding is one run of Held.
type holding struct {
	session  *Session
	hostLink *link
	*plan.Held
}

// openPod opens the pod's namespace, or notes why it cannot.
func (h *holding) openPod() {
	path, err := h.session.pathOf(h.hostLink.netns)
	if err == nil {
		err = h.session.openPod(path, false)
	}
	if err != nil {
		h.Unseen = err.Error()
		return
	}
	h.Pod = path
}

// links returns a State that has the names of all links that there are, and for
// the rest asks for all that can be read.
func (h *holding) links(a *plan.Attached) (*plan.State, error) {
	want := &plan.State{HostLink: plan.Link{Name: h.hostLink.name, Kind: h.hostLink.kind}}
	if a.Gateway != "" {
		want.Gateway = plan.Link{Name: a.Gateway, Kind: plan.KindVeth}
	}
	if a.RDomain != "" {
		want.RDomain = plan.Link{Name: a.RDomain, Kind: plan.KindVRF}
	}
	if err := h.bridge(a, want); err != nil {
		return nil, err
	}
	if err := h.gatewayPeer(want); err != nil || h.Pod == "" {
		return want, err
	}
	return want, h.podLinks(a, want)
}

// bridge adds the switch, and the rdomain that it is in.
func (h *holding) bridge(a *plan.Attached, want *plan.State) error {
	if a.Switch == "" {
		return nil
	}
	var bridge, vrf *link
	if err := h.session.host.do(getLink(0, a.Switch, &bridge)); err != nil || bridge == nil {
		return err
	}
	want.Bridge = plan.Link{
		Name: bridge.name, Kind: plan.KindBridge, Foreign: !bridge.has(plan.SwitchName(bridge.name)), VLANs: bridge.vlans,
		NoIPv6: true, Sysctls: []plan.Sysctl{{Name: "arp_ignore"}},
	}
	// What there is of these is read if something is wanted.
	want.HostLink.Port.FDB = []plan.FDBEntry{{}}
	if bridge.vlans.Filters {
		want.HostLink.Port.VLANs = []plan.PortVLAN{{}}
	}
	if bridge.master == 0 {
		return nil
	}
	if err := h.session.host.do(getLink(bridge.master, "", &vrf)); err != nil {
		return err
	}
	if vrf != nil && vrf.kind == plan.KindVRF && vrf.name != want.RDomain.Name {
		want.SwitchRDomain = plan.Link{Name: vrf.name, Kind: plan.KindVRF}
	}
	return nil
}

// gatewayPeer adds the gateway's other end, if that is in reach.
func (h *holding) gatewayPeer(want *plan.State) error {
	if want.Gateway.Name == "" {
		return nil
	}
	var gateway, peer *link
	if err := h.session.host.do(getLink(0, want.Gateway.Name, &gateway)); err != nil || gateway == nil {
		return err
	}
	c, inPod := h.session.host, gateway.netns >= 0
	if inPod {
		if h.Pod == "" {
			return nil
		}
		c = h.session.pod
	}
	if err := c.do(getLink(gateway.peer, "", &peer)); err != nil || peer == nil {
		return err
	}
	want.GatewayPeer = plan.Link{Name: peer.name, Kind: peer.kind, Pod: inPod}
	return nil
}

// podLinks adds what is in the pod.
func (h *holding) podLinks(a *plan.Attached, want *plan.State) error {
	var peer, tap, limiter *link
	if err := h.session.pod.do(getLink(h.hostLink.peer, "", &peer), getLink(0, a.IfName, &tap), getLink(0, vmid.Limiter(a.VMID, a.Idx), &limiter)); err != nil {
		return err
	}
	if peer != nil {
		want.HostPeer = plan.Link{Name: peer.name, Kind: peer.kind, Pod: true, Guests: peer.name == a.IfName}
	}
	if tap != nil && tap.kind == plan.KindTun {
		want.Tap = plan.Link{Name: tap.name, Kind: tap.kind, Pod: true}
	}
	if limiter != nil && limiter.kind == plan.KindIFB {
		want.Limiter = plan.Link{Name: limiter.name, Kind: limiter.kind, Pod: true}
		for _, l := range []*plan.Link{&want.HostPeer, &want.GatewayPeer} {
			l.Egress = []plan.Filter{{}}
		}
	}
	for _, l := range []*plan.Link{&want.HostPeer, &want.Tap, &want.Limiter} {
		l.Shaper = plan.Shaper{Rate: 1}
	}
	return nil
}

// read reads what is wanted, and the routes.
func (h *holding) read(a *plan.Attached, want *plan.State) error {
	layer3 := want.Layer3()
	if a.Addrs.Guest4.IsValid() {
		layer3.Sysctls = plan.Layer3Sysctls(true)
		for _, addr := range []netip.Addr{a.Addrs.Guest4, a.Addrs.Guest6} {
			if addr.IsValid() {
				layer3.Neighbours = append(layer3.Neighbours, plan.Neighbour{Addr: addr})
			}
		}
	}
	r := reader{session: h.session, want: want.Links(), links: make([]*link, len(want.Links()))}
	if err := r.findLinks(want); err != nil {
		return err
	}
	into := h.Links()
	for i, n := range r.want {
		if l := r.links[i]; l != nil {
			if err := r.read(i, n, into[i].Link); err != nil {
				return err
			}
			into[i].Guests, into[i].VLANs = n.Guests, n.VLANs
			if err := h.readTap(l, n, into[i].Link); err != nil {
				return err
			}
			if err := h.readRoutes(l, n, into[i].Link); err != nil {
				return err
			}
		}
	}
	h.State.Guest.Addrs, h.State.Guest.LLAddr = a.Addrs, a.LLAddr
	return nil
}

// readRoutes reads the routes over a link that the kernel did not make by itself:
// on-link ones of the host's, and all of a guest's own interface.
func (h *holding) readRoutes(l *link, n plan.Named, into *plan.Link) error {
	if n.Kind != plan.KindVeth && n.Kind != plan.KindTun {
		return nil
	}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		var all []*route
		if err := h.session.connOf(n.Link).do(getRoutesOver(family, l.index, &all)); err != nil {
			return err
		}
		for _, r := range all {
			switch {
			case r.prot == unix.RTPROT_KERNEL || r.prot == unix.RTPROT_RA || r.kind != unix.RTN_UNICAST:
			case n.Guests:
				h.State.Guest.Routes = append(h.State.Guest.Routes, config.Route{Dst: r.dst, GW: r.gateway, Priority: int(r.metric)})
			case !r.gateway.IsValid():
				into.Routes = append(into.Routes, r.dst)
			}
		}
	}
	return nil
}

// getRoutesOver asks for the routes of all tables that go over a link.
func getRoutesOver(family uint8, index int32, into *[]*route) *message {
	m := newMessage(unix.RTM_GETROUTE, unix.NLM_F_DUMP, "look up routes over link %d", index).allow(unix.ENOENT, unix.EAFNOSUPPORT)
	m.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family}})
	m.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	m.receive = func(data []byte) error {
		r, err := parseRoute(data)
		if err == nil && r.oif == index {
			*into = append(*into, r)
		}
		return err
	}
	return m
}

// readTap reads of a tap what CHECK does not ask: whoever opens it last changes
// it.
func (h *holding) readTap(l *link, n plan.Named, into *plan.Link) error {
	if n.Kind != plan.KindTun {
		return nil
	}
	m := getLink(l.index, "", new(*link))
	m.receive = func(data []byte) error {
		return eachAttr(data[min(len(data), unix.SizeofIfInfomsg):], inside(unix.IFLA_LINKINFO, inside(unix.IFLA_INFO_DATA, func(kind uint16, value []byte) error {
			if kind == unix.IFLA_TUN_VNET_HDR {
				into.VnetHdr = slices.Equal(value, []byte{1})
			}
			return nil
		})))
	}
	return h.session.connOf(n.Link).do(m)
}

// inside hands on what stands in an attribute.
func inside(outer uint16, f func(kind uint16, value []byte) error) func(kind uint16, value []byte) error {
	return func(kind uint16, value []byte) error {
		if kind != outer {
			return nil
		}
		return eachAttr(value, f)
	}
}
