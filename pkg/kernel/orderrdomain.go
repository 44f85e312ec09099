package kernel

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// member is a link in an rdomain as it was first seen there, with what the kernel
// takes from it when it leaves. Nothing on a link says which rdomain is its own.
type member struct {
	name                string
	bridge              bool
	containerID, ifName string // of what is no bridge

	vrf        string
	table      uint32
	addrs      []plan.Addr
	routes     []netip.Prefix
	neighbours []plan.Neighbour
}

// rdomains are the VRFs, bridges and layer 3 links of a node at one time.
type rdomains struct {
	vrfs    map[int32]*link // those of rdomains
	links   map[int32]*link // layer 3 links and bridges of vmtap's
	used    []*link         // VRFs with such links in them
	hasIPv6 bool
}

// rdomainFaults looks for what rdomains with links of vmtap's lack.
func (s *Session) rdomainFaults(links []*link, known *Known) ([]plan.Fault, error) {
	r, err := s.findRDomains(links)
	if err != nil {
		return nil, err
	}
	if err := s.learn(r, known); err != nil {
		return nil, err
	}
	faults := membershipFaults(r, known)
	for _, v := range r.used {
		lacking, err := s.lackingRoutes(v, r.hasIPv6)
		if err != nil {
			return nil, err
		}
		for _, dst := range lacking {
			faults = append(faults, plan.Fault{Kind: plan.LostUnreachable, Object: v.name, Index: v.index, Of: dst.String()})
		}
	}
	if len(r.used) == 0 {
		return faults, nil
	}
	lacking, err := s.lackingRules(r.hasIPv6)
	for _, family := range lacking {
		faults = append(faults, plan.Fault{Kind: plan.LostL3mdevRule, Object: familyName(family)})
	}
	return faults, err
}

// findRDomains sorts links into rdomains. A bridge of somebody else's counts for its
// VRF if a port of vmtap's is on it, but it is not put back.
func (s *Session) findRDomains(links []*link) (*rdomains, error) {
	var vrfs, bridges []*link
	if err := s.host.do(getLinksOfKind(plan.KindVRF, &vrfs)); err != nil {
		return nil, err
	}
	if err := s.host.do(getLinksOfKind(plan.KindBridge, &bridges)); err != nil {
		return nil, err
	}
	r := &rdomains{vrfs: map[int32]*link{}, links: map[int32]*link{}}
	for _, v := range vrfs {
		if plan.IsRDomain(v.name, v.altNames) {
			r.vrfs[v.index] = v
		}
	}
	used, ports := map[int32]bool{}, map[int32]bool{} // by master
	for _, l := range links {
		if !plan.IsOwned(l.altNames) {
			continue
		}
		used[l.master], ports[l.master] = true, true
		r.links[l.index] = l
	}
	for _, b := range bridges {
		if b.has(plan.SwitchName(b.name)) {
			r.links[b.index] = b
			used[b.master] = true
		} else if ports[b.index] {
			used[b.master] = true
		}
	}
	for index, v := range r.vrfs {
		if used[index] {
			r.used = append(r.used, v)
		}
	}
	if len(r.used) == 0 {
		return r, nil
	}
	slices.SortFunc(r.used, func(a, b *link) int { return strings.Compare(a.name, b.name) })
	var err error
	r.hasIPv6, err = s.knowsIPv6()
	return r, err
}

func (s *Session) knowsIPv6() (bool, error) {
	var forwarding *uint32
	err := s.host.do(getForwarding(unix.AF_INET6, &forwarding))
	return forwarding != nil, err
}

// membershipFaults names links that left their rdomain, and VRFs that are gone and
// had such links. One that is in another master by now was put there.
func membershipFaults(r *rdomains, known *Known) []plan.Fault {
	var faults []plan.Fault
	lost := map[string]bool{}
	for index, m := range known.members {
		if r.links[index].master != 0 {
			continue
		}
		faults = append(faults, plan.Fault{Kind: plan.LostMembership, Object: m.name, Index: index, Of: m.vrf})
		if there := slices.ContainsFunc(mapValues(r.vrfs), func(v *link) bool { return v.name == m.vrf || v.has(m.vrf) }); !there && !lost[m.vrf] {
			lost[m.vrf] = true
			faults = append(faults, plan.Fault{Kind: plan.LostVRF, Object: m.vrf})
		}
	}
	return faults
}

func mapValues(m map[int32]*link) []*link {
	all := make([]*link, 0, len(m))
	for _, l := range m {
		all = append(all, l)
	}
	return all
}

// learn remembers the links that are new in an rdomain, and forgets those that are
// gone. What a call works on is not remembered: it may lack addresses still. Once the
// lock is free, the ADD is over, and no other adds the attachment again.
func (s *Session) learn(r *rdomains, known *Known) error {
	for index, m := range known.members {
		if l := r.links[index]; l == nil || l.name != m.name {
			delete(known.members, index)
		}
	}
	routes := map[uint32]map[int32][]netip.Prefix{} // by table, of layer 3 links
	for index, l := range r.links {
		v := r.vrfs[l.master]
		if v == nil || known.members[index] != nil {
			continue
		}
		m := &member{name: l.name, bridge: l.kind == plan.KindBridge, vrf: v.name, table: v.table}
		if !m.bridge {
			whole, err := s.learnLayer3(l, m, routes)
			if err != nil {
				return err
			}
			if !whole {
				continue
			}
		}
		known.members[index] = m
	}
	return nil
}

// learnLayer3 notes what a layer 3 link has. It reports false if that cannot be
// trusted.
func (s *Session) learnLayer3(l *link, m *member, routes map[uint32]map[int32][]netip.Prefix) (bool, error) {
	attachment, ok := plan.GatewayOf(l.altNames)
	if ok {
		m.containerID, m.ifName, _ = strings.Cut(attachment, "@")
	} else if m.containerID, m.ifName, ok = plan.AttachmentOf(l.altNames); !ok {
		return false, nil
	}
	if busy, err := s.isBusy(m.containerID, m.ifName); busy || err != nil {
		return false, err
	}
	if err := s.host.do(getAddrs(l.index, l.name, &m.addrs)); err != nil {
		return false, err
	}
	own, ok := localAddrs(m.addrs)
	if !ok {
		return false, nil
	}
	if own.Guest6.IsValid() {
		if routes[m.table] == nil {
			routes[m.table] = map[int32][]netip.Prefix{}
			if err := s.host.do(getOnLink(unix.AF_INET6, m.table, routes[m.table])); err != nil {
				return false, err
			}
		}
		m.routes = routes[m.table][l.index]
	}
	for _, guest := range []netip.Addr{own.Guest4, own.Guest6} {
		if !guest.IsValid() {
			continue
		}
		n := plan.Neighbour{Addr: guest}
		if err := s.host.do(getNeighbour(l.index, l.name, &n)); err != nil {
			return false, err
		}
		if !n.LLAddr.IsZero() {
			m.neighbours = append(m.neighbours, n)
		}
	}
	return true, nil
}

// getOnLink asks for the routes of a table that addRoute makes, by link.
func getOnLink(family uint8, table uint32, into map[int32][]netip.Prefix) *message {
	m := newMessage(unix.RTM_GETROUTE, unix.NLM_F_DUMP, "look up routes of table %d", table).allow(unix.ENOENT, unix.EAFNOSUPPORT)
	m.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family, Type: unix.RTN_UNICAST, Protocol: unix.RTPROT_STATIC}})
	m.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(table)))
	m.receive = func(data []byte) error {
		r, err := parseRoute(data)
		if err == nil && r.kind == unix.RTN_UNICAST && r.prot == unix.RTPROT_STATIC && r.table == table && !r.gateway.IsValid() {
			into[r.oif] = append(into[r.oif], r.dst)
		}
		return err
	}
	return m
}

// endsOfTable are the routes that end a VRF's table.
func endsOfTable(ipv6 bool) []netip.Prefix {
	ends := []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)}
	if ipv6 {
		ends = append(ends, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	return ends
}

// lackingRoutes returns which of these a VRF's table lacks.
func (s *Session) lackingRoutes(v *link, ipv6 bool) (lacking []netip.Prefix, err error) {
	for _, dst := range endsOfTable(ipv6) {
		var found []*route
		if err := s.host.do(getUnreachable(family(dst.Addr()), v.table, &found)); err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(found, func(r *route) bool { return r.dst == dst && r.metric == plan.UnreachableMetric }) {
			lacking = append(lacking, dst)
		}
	}
	return lacking, nil
}

// lackingRules returns the families without an l3mdev rule.
func (s *Session) lackingRules(ipv6 bool) (lacking []uint8, err error) {
	var rules plan.Rules
	if err := s.host.do(getRules(&rules)); err != nil {
		return nil, err
	}
	if plan.LacksL3mdevRule(rules.IPv4) {
		lacking = append(lacking, unix.AF_INET)
	}
	if ipv6 && plan.LacksL3mdevRule(rules.IPv6) {
		lacking = append(lacking, unix.AF_INET6)
	}
	return lacking, nil
}

func familyName(family uint8) string {
	if family == unix.AF_INET {
		return "IPv4"
	}
	return "IPv6"
}
