package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Numbers of include/uapi/linux/netconf.h.
const (
	netconfIfindex    = 1
	netconfForwarding = 2
	netconfAll        = ^uint32(0) // NETCONFA_IFINDEX_ALL
)

// Observation is what a look at the host's namespace showed.
type Observation struct {
	Node     plan.Node
	HostLink *plan.Found // the attachment's; nil if there is none

	forwarding4, forwarding6 bool
}

// Observe looks at all that is known by name before anything is decided.
func (s *Session) Observe(req *config.Request) (*Observation, error) {
	var o Observation
	var attachment, bridge *link
	var forwarding4, forwarding6 *uint32
	batch := []*message{
		getLink(0, plan.AttachmentName(req.ContainerID, req.IfName), &attachment),
		getForwarding(unix.AF_INET, &forwarding4),
		getForwarding(unix.AF_INET6, &forwarding6),
	}
	if req.Switch != nil {
		batch = append(batch, getLink(0, req.Switch.Interface, &bridge))
	}
	if err := s.host.do(batch...); err != nil {
		return nil, err
	}
	o.forwarding4 = forwarding4 != nil && *forwarding4 != 0
	o.forwarding6 = forwarding6 != nil && *forwarding6 != 0
	s.ipv6 = forwarding6 != nil
	o.Node.NoIPv6 = !s.ipv6
	if attachment != nil {
		o.HostLink = &plan.Found{Name: attachment.name, AltNames: attachment.altNames}
		s.index.hostLink = attachment.index
	}
	if bridge != nil {
		o.Node.Bridge = observedBridge(bridge)
		s.index.bridge = bridge.index
	}
	return &o, nil
}

// observeSwitch looks at the switch's bridge again, and whether it still will
// do. It returns nil if there is none.
func (s *Session) observeSwitch(req *config.Request, o *Observation) (*link, error) {
	var bridge *link
	if err := s.host.do(getLink(0, req.Switch.Interface, &bridge)); err != nil {
		return nil, err
	}
	o.Node.Bridge, s.index.bridge = plan.Bridge{}, 0
	if bridge != nil {
		o.Node.Bridge, s.index.bridge = observedBridge(bridge), bridge.index
	}
	return bridge, plan.CheckNode(req, &o.Node)
}

func observedBridge(l *link) plan.Bridge {
	return plan.Bridge{Name: l.name, Kind: l.kind, MTU: l.mtu, Alias: l.alias, Ours: l.has(plan.SwitchName(l.name))}
}

// getForwarding asks whether the namespace forwards; into stays nil if the
// kernel lacks the family.
func getForwarding(family int, into **uint32) *message {
	m := newMessage(unix.RTM_GETNETCONF, 0, "look up forwarding").allow(unix.EOPNOTSUPP, unix.EAFNOSUPPORT)
	// struct netconfmsg: the family, padded
	m.AddRawData([]byte{byte(family), 0, 0, 0})
	m.AddRawData(nl.NewRtAttr(netconfIfindex, nl.Uint32Attr(netconfAll)).Serialize())
	m.receive = func(data []byte) error {
		if len(data) < 4 {
			return errShort
		}
		return eachAttr(data[4:], func(kind uint16, value []byte) error {
			if kind == netconfForwarding {
				n := number(value)
				*into = &n
			}
			return nil
		})
	}
	return m
}

// find is a plan.Finder over the host's namespace.
func (s *Session) find(names ...string) (map[string]plan.Found, error) {
	links := make([]*link, len(names))
	batch := make([]*message, len(names))
	for i, name := range names {
		batch[i] = getLink(0, name, &links[i])
	}
	if err := s.host.do(batch...); err != nil {
		return nil, err
	}
	found := map[string]plan.Found{}
	for i, l := range links {
		if l != nil {
			found[names[i]] = plan.Found{Name: l.name, AltNames: l.altNames}
		}
	}
	return found, nil
}
