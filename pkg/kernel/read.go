package kernel

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Read returns what stands in the kernel of a State: the links of its names
// with all that plan.Diff compares.
func (s *Session) Read(want *plan.State) (plan.State, error) {
	r := reader{session: s, links: make([]*link, len(want.Links()))}
	if err := r.findLinks(want); err != nil {
		return plan.State{}, err
	}
	// Dumps of addresses are of one link, not of the namespace.
	for _, c := range []*conn{s.host, s.pod.conn} {
		if err := unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1); err != nil {
			return plan.State{}, fmt.Errorf("set up netlink socket: %w", err)
		}
	}
	have := plan.State{Claim: want.Claim, Guest: want.Guest}
	into := have.Links()
	for i, n := range want.Links() {
		if r.links[i] == nil {
			continue
		}
		if err := r.read(i, n, into[i].Link); err != nil {
			return plan.State{}, err
		}
	}
	return have, nil
}

// reader reads one State. links holds what was found, in the order of
// plan.State.Links.
type reader struct {
	session *Session
	links   []*link
}

// The places of links that others refer to, in the order of plan.State.Links.
const (
	atHostLink = 1
	atFirstPod = 3
)

func (r *reader) conn(pod bool) *conn {
	if pod {
		return r.session.pod.conn
	}
	return r.session.host
}

func (r *reader) findLinks(want *plan.State) error {
	batches := map[bool][]*message{}
	for i, n := range want.Links() {
		if n.Name != "" {
			batches[n.Pod] = append(batches[n.Pod], getLink(0, n.Name, &r.links[i]))
		}
	}
	for pod, batch := range batches {
		if err := r.conn(pod).do(batch...); err != nil {
			return err
		}
	}
	return nil
}

// read describes a link as plan does.
func (r *reader) read(i int, want plan.Named, into *plan.Link) error {
	l := r.links[i]
	*into = plan.Link{
		Name: l.name, Kind: l.kind, Foreign: want.Foreign, LLAddr: l.lladdr, MTU: l.mtu,
		AltNames: l.altNames, Alias: l.alias, Up: l.up, NoARP: l.noARP, Owner: l.owner,
		NoIPv6: want.NoIPv6 && l.noIPv6(),
		// A link without IPv6 gives itself no address either.
		NoAutoLL: l.noAutoLL || want.NoAutoLL && len(l.inet6) == 0,
	}
	r.readGroup(l, want, into)
	into.Peer = r.peerName(l, want.Pod)
	into.Master = r.masterName(l)
	for _, v := range want.Sysctls {
		into.Sysctls = append(into.Sysctls, plan.Sysctl{Name: v.Name, Value: l.sysctl(v.Name)})
	}
	if want.Foreign {
		return nil
	}
	into.AcceptsRA = len(want.Addrs) > 0 && l.acceptsRA()
	if err := r.readAddrs(l, want.Pod, into); err != nil {
		return err
	}
	if err := r.readRoutes(l, want, into); err != nil {
		return err
	}
	return r.readFilters(l, want.Pod, into)
}

func (r *reader) readGroup(l *link, want plan.Named, into *plan.Link) {
	hostLink := r.links[atHostLink]
	if want.Pod && hostLink != nil && l.group == uint32(hostLink.index) {
		into.PodGroup = true
		return
	}
	into.Group = l.group
}

// peerName names the other end of a veth, if it is one of the State's.
func (r *reader) peerName(l *link, pod bool) string {
	if l.kind != plan.KindVeth {
		return ""
	}
	for i, other := range r.links {
		if other != nil && (i >= atFirstPod) != pod && other.index == l.peer && other.peer == l.index {
			return other.name
		}
	}
	return fmt.Sprintf("link %d", l.peer)
}

func (r *reader) masterName(l *link) string {
	if l.master == 0 {
		return ""
	}
	return r.nameOf(l.master, false)
}

func (r *reader) nameOf(index int32, pod bool) string {
	for i, other := range r.links {
		if other != nil && (i >= atFirstPod) == pod && other.index == index {
			return other.name
		}
	}
	return fmt.Sprintf("link %d", index)
}

func (r *reader) readAddrs(l *link, pod bool, into *plan.Link) error {
	m := newMessage(unix.RTM_GETADDR, unix.NLM_F_DUMP, "look up addresses of link %s", l.name)
	h := nl.NewIfAddrmsg(unix.AF_UNSPEC)
	h.Index = uint32(l.index)
	m.AddData(h)
	m.receive = func(data []byte) error {
		index, a, err := parseAddr(data)
		if err == nil && index == l.index {
			into.Addrs = append(into.Addrs, a)
		}
		return err
	}
	return r.conn(pod).do(m)
}

// parseAddr reads an RTM_NEWADDR message.
func parseAddr(data []byte) (index int32, a plan.Addr, err error) {
	if len(data) < unix.SizeofIfAddrmsg {
		return 0, a, errShort
	}
	h := nl.DeserializeIfAddrmsg(data)
	var addr, local netip.Addr
	err = eachAttr(data[unix.SizeofIfAddrmsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFA_ADDRESS:
			addr, _ = netip.AddrFromSlice(value)
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case unix.IFA_FLAGS:
			a.NoPrefixRoute = number(value)&unix.IFA_F_NOPREFIXROUTE != 0
		}
		return nil
	})
	if local.IsValid() { // with a peer, IFA_ADDRESS is the other side
		addr = local
	}
	a.Prefix = netip.PrefixFrom(addr, int(h.Prefixlen))
	return int32(h.Index), a, err
}

// readRoutes looks up the routes that should be there, by what a packet would
// take: a dump grows with the node.
func (r *reader) readRoutes(l *link, want plan.Named, into *plan.Link) error {
	found := make([]*route, len(want.Routes))
	batch := make([]*message, len(want.Routes))
	for i, dst := range want.Routes {
		oif := int32(0)
		if dst.Addr().IsLinkLocalUnicast() {
			oif = l.index
		}
		batch[i] = matchRoute(dst.Addr(), oif, &found[i])
	}
	if err := r.conn(want.Pod).do(batch...); err != nil {
		return err
	}
	for i, dst := range want.Routes {
		if f := found[i]; f != nil && f.dst == dst && f.oif == l.index {
			into.Routes = append(into.Routes, dst)
		}
	}
	return nil
}

func (r *reader) readFilters(l *link, pod bool, into *plan.Link) error {
	var filters []installed
	if err := r.conn(pod).do(getFilters(l.index, l.name, &filters)); err != nil {
		return err
	}
	slices.SortStableFunc(filters, func(a, b installed) int { return int(a.preference) - int(b.preference) })
	for _, f := range filters {
		out := plan.Filter{Match: f.match}
		if f.redirect != 0 {
			out.Redirect = r.nameOf(f.redirect, pod)
		}
		into.Ingress = append(into.Ingress, out)
	}
	return nil
}

// sameProgram reports whether the kernel has a filter's program.
func sameProgram(have installed, want plan.Filter) bool {
	return slices.Equal[filter.Program](have.match, want.Match)
}
