package kernel

import (
	"cmp"
	"errors"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// otherDefault is the metric, plus the interface's number, of a default route
// in a pod that has one already: that one stays the first choice. IPv6 routes
// have 1024 unless they say otherwise.
const otherDefault = 1025

// addressPod gives the guest's own interface its addresses, if the guest is no
// VM that does so itself.
func (s *Session) addressPod(state *plan.State) error {
	peer := &state.HostPeer
	if !peer.HasGivenAddrs() {
		return nil
	}
	var l *link
	if err := s.pod.do(getLink(s.index.hostPeer, "", &l)); err != nil || l == nil {
		return err
	}
	if err := s.settleIPv6(l, peer, s.writePodSysctl); err != nil {
		return err
	}
	var addrs []*message
	for _, a := range peer.Addrs {
		addrs = append(addrs, addAddr(s.index.hostPeer, peer.Name, a))
	}
	return s.pod.do(addrs...)
}

// routePod gives the guest its routes, if the guest is no VM that does so
// itself.
func (s *Session) routePod(state *plan.State) error {
	add := func(r config.Route) *message { return addGuestRoute(s.index.hostPeer, state.HostPeer.Name, r) }
	var batch []*message
	for _, r := range state.Guest.Routes {
		batch = append(batch, add(r))
	}
	if err := s.pod.do(batch...); !errors.Is(err, unix.EEXIST) {
		return err
	}
	var again []*message
	for i, r := range state.Guest.Routes {
		switch err := batch[i].err; {
		case errors.Is(err, unix.EEXIST) && r.Dst.Bits() == 0 && r.Priority == 0:
			r.Priority = otherDefault + state.Claim.Idx
			again = append(again, add(r))
		case err != nil:
			return err
		}
	}
	return s.pod.do(again...)
}

// addGuestRoute gives the guest a route, by a gateway if that has one.
func addGuestRoute(index int32, link string, r config.Route) *message {
	m := newMessage(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add route %s to link %s", plan.RouteWord(r), link)
	h := nl.NewRtMsg()
	h.Family = family(r.Dst.Addr())
	h.Dst_len = uint8(r.Dst.Bits())
	h.Protocol = unix.RTPROT_STATIC
	if !r.GW.IsValid() && r.Dst.Addr().Is4() {
		h.Scope = unix.RT_SCOPE_LINK // all of it is on the link
	}
	m.AddData(h)
	m.AddData(nl.NewRtAttr(unix.RTA_DST, r.Dst.Addr().AsSlice()))
	if r.GW.IsValid() {
		m.AddData(nl.NewRtAttr(unix.RTA_GATEWAY, r.GW.AsSlice()))
	}
	m.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	if r.Priority != 0 {
		m.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(uint32(r.Priority))))
	}
	if r.MTU != 0 || r.AdvMSS != 0 {
		metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
		for _, v := range []struct{ kind, value int }{{unix.RTAX_MTU, r.MTU}, {unix.RTAX_ADVMSS, r.AdvMSS}} {
			if v.value != 0 {
				metrics.AddRtAttr(v.kind, nl.Uint32Attr(uint32(v.value)))
			}
		}
		m.AddData(metrics)
	}
	return m
}

// MissingRoutes returns those of the guest's routes that its namespace lacks,
// whatever their metric is.
func (s *Session) MissingRoutes(guest []config.Route) ([]config.Route, error) {
	if len(guest) == 0 {
		return nil, nil
	}
	var have []*route
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		if err := s.pod.do(getRoutes(family, &have)); err != nil {
			return nil, err
		}
	}
	var missing []config.Route
	for _, r := range guest {
		if !slices.ContainsFunc(have, func(h *route) bool { return h.dst == r.Dst && h.gateway == r.GW }) {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

// getRoutes asks for the routes of the main table.
func getRoutes(family uint8, into *[]*route) *message {
	m := newMessage(unix.RTM_GETROUTE, unix.NLM_F_DUMP, "look up routes").allow(unix.ENOENT, unix.EAFNOSUPPORT)
	m.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family, Table: unix.RT_TABLE_MAIN}})
	m.receive = func(data []byte) error {
		r, err := parseRoute(data)
		if err == nil && cmp.Or(r.table, unix.RT_TABLE_MAIN) == unix.RT_TABLE_MAIN {
			*into = append(*into, r)
		}
		return err
	}
	return m
}
