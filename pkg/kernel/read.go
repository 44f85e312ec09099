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
func (s *Session) Read(want *plan.State, o *Observation) (*plan.State, error) {
	r := reader{session: s, want: want.Links(), links: make([]*link, len(want.Links()))}
	if err := r.findLinks(want); err != nil {
		return nil, err
	}
	have := &plan.State{Claim: want.Claim, Guest: want.Guest, Rules: o.Node.Rules, Firewall: o.Node.Firewall}
	var err error
	if have.Memberships, err = s.readGroups(want); err != nil {
		return nil, err
	}
	into := have.Links()
	for i, n := range r.want {
		if r.links[i] == nil {
			continue
		}
		if err := r.read(i, n, into[i].Link); err != nil {
			return nil, err
		}
	}
	return have, nil
}

// reader reads one State. links holds what was found of want, each at the same
// place.
type reader struct {
	session *Session
	want    []plan.Named
	links   []*link
}

// The places of links that others refer to, in the order of plan.State.Links.
const (
	atRDomain  = 0
	atHostLink = 3
)

func (r *reader) findLinks(want *plan.State) error {
	batches := map[bool][]*message{}
	for i, n := range want.Links() {
		if n.Name != "" {
			batches[n.Pod] = append(batches[n.Pod], getLink(0, n.Name, &r.links[i]))
		}
	}
	if err := r.session.host.do(batches[false]...); err != nil {
		return err
	}
	return r.session.pod.do(batches[true]...)
}

// read describes a link as plan does.
func (r *reader) read(i int, want plan.Named, into *plan.Link) error {
	l := r.links[i]
	*into = plan.Link{
		Name: l.name, Kind: l.kind, Pod: want.Pod, Foreign: want.Foreign, LLAddr: l.lladdr, MTU: l.mtu,
		AltNames: l.altNames, Alias: l.alias, Up: l.up, NoARP: l.noARP, Owner: l.owner, MultiQueue: l.multiQueue,
		NoIPv6: want.NoIPv6 && l.noIPv6(),
		// A link without IPv6 gives itself no address either.
		NoAutoLL: l.noAutoLL || want.NoAutoLL && len(l.inet6) == 0,
	}
	if want.Kind == plan.KindVRF {
		into.Table = l.table
		return r.readUnreachable(l, into)
	}
	r.readGroup(l, want, into)
	into.Peer = r.peerName(l, want.Pod)
	if err := r.readMaster(l, into); err != nil {
		return err
	}
	if err := r.readBridgePort(l, want, into); err != nil {
		return err
	}
	for _, v := range want.Sysctls {
		into.Sysctls = append(into.Sysctls, plan.Sysctl{Name: v.Name, Value: l.sysctl(v.Name)})
	}
	if want.Foreign && want.Kind == plan.KindBridge {
		return nil
	}
	if want.Foreign {
		return r.readFilters(l, want, into)
	}
	into.AcceptsRA = want.HasGivenAddrs() && l.acceptsRA()
	if err := r.session.connOf(want.Link).do(getAddrs(l.index, l.name, &into.Addrs)); err != nil {
		return err
	}
	if err := r.readRoutes(l, want, into); err != nil {
		return err
	}
	if err := r.readNeighbours(l, want, into); err != nil {
		return err
	}
	if err := r.readShaper(l, want, into); err != nil {
		return err
	}
	return r.readFilters(l, want, into)
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
		here := r.want[i].Pod == pod
		if other != nil && here == (l.netns < 0) && other.index == l.peer && other.peer == l.index {
			return other.name
		}
	}
	return fmt.Sprintf("link %d", l.peer)
}

// readMaster names the link that a link of the host's is in.
func (r *reader) readMaster(l *link, into *plan.Link) (err error) {
	if l.master != 0 {
		into.Master, err = r.session.linkName(l.master)
	}
	return err
}

// readUnreachable reads the routes that end a VRF's table.
func (r *reader) readUnreachable(l *link, into *plan.Link) error {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		var found []*route
		if err := r.session.host.do(getUnreachable(family, l.table, &found)); err != nil {
			return err
		}
		for _, f := range found {
			if f.metric == plan.UnreachableMetric {
				into.Unreachable = append(into.Unreachable, f.dst)
			}
		}
	}
	return nil
}

func (r *reader) nameOf(index int32, pod bool) string {
	for i, other := range r.links {
		if other != nil && r.want[i].Pod == pod && other.index == index {
			return other.name
		}
	}
	return fmt.Sprintf("link %d", index)
}

// getAddrs asks for a link's addresses.
func getAddrs(index int32, link string, into *[]plan.Addr) *message {
	m := newMessage(unix.RTM_GETADDR, unix.NLM_F_DUMP, "look up addresses of link %s", link)
	h := nl.NewIfAddrmsg(unix.AF_UNSPEC)
	h.Index = uint32(index)
	m.AddData(h)
	m.receive = func(data []byte) error {
		of, a, err := parseAddr(data)
		if err == nil && of == index {
			*into = append(*into, a)
		}
		return err
	}
	return m
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
		if vrf := r.links[atRDomain]; vrf != nil {
			oif = vrf.index
		}
		if dst.Addr().IsLinkLocalUnicast() {
			oif = l.index
		}
		batch[i] = matchRoute(dst.Addr(), oif, &found[i])
	}
	if err := r.session.connOf(want.Link).do(batch...); err != nil {
		return err
	}
	for i, dst := range want.Routes {
		if f := found[i]; f != nil && f.dst == dst && f.oif == l.index {
			into.Routes = append(into.Routes, dst)
		}
	}
	return nil
}

func (r *reader) readFilters(l *link, want plan.Named, into *plan.Link) (err error) {
	if into.Ingress, err = r.filtersAt(filterParent, l, want); err != nil || len(want.Egress) == 0 {
		return err
	}
	into.Egress, err = r.filtersAt(egressParent, l, want)
	return err
}

// filtersAt reads the filters of a link's ingress or egress, in order.
func (r *reader) filtersAt(parent uint32, l *link, want plan.Named) (all []plan.Filter, err error) {
	var filters []installed
	if err := r.session.connOf(want.Link).do(getFiltersAt(parent, l.index, l.name, &filters)); err != nil {
		return nil, err
	}
	slices.SortStableFunc(filters, func(a, b installed) int { return int(a.preference) - int(b.preference) })
	for _, f := range filters {
		out := plan.Filter{Match: f.match, Void: f.void()}
		if f.redirect != 0 {
			out.Redirect = r.nameOf(f.redirect, want.Pod)
		}
		all = append(all, out)
	}
	return all, nil
}

// sameProgram reports whether the kernel has a filter's program.
func sameProgram(have installed, want plan.Filter) bool {
	return slices.Equal[filter.Program](have.match, want.Match)
}
