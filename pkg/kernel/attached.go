package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Attached returns all attachments with a host link, those of any network. It
// changes nothing. It dumps links, addresses and qdiscs, so it is nothing for what
// is called often.
func (s *Session) Attached() ([]plan.Attached, error) {
	links, err := s.linksOfVMs()
	if err != nil {
		return nil, err
	}
	var masters []*link
	for _, kind := range []string{plan.KindBridge, plan.KindVRF} {
		if err := s.host.do(getLinksOfKind(kind, &masters)); err != nil {
			return nil, err
		}
	}
	addrs, drops := map[int32][]plan.Addr{}, map[int32]uint64{}
	if err := s.host.do(getAllAddrs(addrs)); err != nil {
		return nil, err
	}
	if err := s.host.do(getAllDrops(drops)); err != nil {
		return nil, err
	}
	n := nodeLinks{byIndex: map[int32]*link{}, byName: map[string]*link{}}
	for _, l := range append(masters, links...) {
		n.byIndex[l.index], n.byName[l.name] = l, l
	}
	var all []plan.Attached
	for _, l := range links {
		a, ok := n.attached(l)
		if !ok {
			continue
		}
		layer3 := l
		if gateway := n.byName[a.Gateway]; gateway != nil {
			layer3 = gateway
			a.Dropped = drops[gateway.index]
		}
		a.Dropped += drops[l.index]
		if own, ok := localAddrs(addrs[layer3.index]); ok {
			a.Addrs = own
		}
		a.RDomain = n.master(layer3, plan.KindVRF)
		if a.LLAddr.IsZero() && a.Addrs.Guest4.IsValid() {
			if a.LLAddr, err = s.guestBehind(layer3, a.Addrs); err != nil {
				return nil, err
			}
		}
		all = append(all, a)
	}
	return all, nil
}

// nodeLinks are the links of VMs, bridges and VRFs.
type nodeLinks struct {
	byIndex map[int32]*link
	byName  map[string]*link
}

// attached describes a host link as far as links show it. It reports false if it
// is none of vmtap's.
func (n nodeLinks) attached(l *link) (plan.Attached, bool) {
	id, idx, ok := vmid.ParseHostLink(l.name)
	network := plan.NetworkOf(l.altNames)
	containerID, ifName, named := plan.AttachmentOf(l.altNames)
	if !ok || !named || network == "" {
		return plan.Attached{}, false
	}
	a := plan.Attached{
		VMID: id, Idx: idx, VM: plan.DescribedVM(l.name, l.alias), ContainerID: containerID, IfName: ifName, Network: network,
		HostLink: l.name, LLAddr: plan.GuestOf(l.altNames), Leases: plan.LeasesOf(l.altNames),
		Switch: n.master(l, plan.KindBridge), Groups: plan.GroupsOf(l.name, l.altNames), Up: l.up,
	}
	if g := n.byName[vmid.Gateway(id, idx)]; g != nil && g.has(plan.GatewayName(containerID, ifName)) {
		a.Gateway = g.name
	}
	return a, true
}

// master returns the name of the link of a kind that a link is in, directly or by
// its bridge; "" for none.
func (n nodeLinks) master(l *link, kind string) string {
	m := n.byIndex[l.master]
	if m == nil || m.kind != kind {
		return ""
	}
	return m.name
}

// getAllAddrs asks for the addresses of all links.
func getAllAddrs(into map[int32][]plan.Addr) *message {
	m := newMessage(unix.RTM_GETADDR, unix.NLM_F_DUMP, "look up all addresses")
	m.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
	m.receive = func(data []byte) error {
		of, a, err := parseAddr(data)
		into[of] = append(into[of], a)
		return err
	}
	return m
}

// getAllDrops asks how many frames were dropped at the ingress of all links.
func getAllDrops(into map[int32]uint64) *message {
	m := newMessage(unix.RTM_GETQDISC, unix.NLM_F_DUMP, "look up all ingress qdiscs")
	m.AddData(tcmsg(0, 0, 0, 0))
	m.receive = func(data []byte) error {
		if len(data) < nl.SizeofTcMsg {
			return errShort
		}
		header := nl.DeserializeTcMsg(data)
		if header.Parent != ingressParent {
			return nil
		}
		return eachAttr(data[nl.SizeofTcMsg:], func(kind uint16, value []byte) error {
			if kind != nl.TCA_STATS2 {
				return nil
			}
			return eachAttr(value, func(kind uint16, value []byte) error {
				// struct gnet_stats_queue: length, backlog, drops, ...
				if kind == nl.TCA_STATS_QUEUE && len(value) >= 12 {
					into[header.Ifindex] += uint64(number(value[8:12]))
				}
				return nil
			})
		})
	}
	return m
}
