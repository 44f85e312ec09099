package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"

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
	Tap      *plan.Found // in the pod, of placement chained; nil if there is none

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
	if err := s.observeRDomains(req, &o); err != nil {
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
	return &o, s.noteBridge(req, &o, bridge)
}

// SettleSwitch looks again at a bridge that could be made and is somebody else's:
// one that another ADD is just making gets its mark a message later. Under the lock
// under which bridges are made there is none without. The lock must be open.
func (s *Session) SettleSwitch(req *config.Request, o *Observation) error {
	if req.Switch == nil || !req.Switch.Create || o.Node.Bridge.Name == "" || o.Node.Bridge.Ours {
		return nil
	}
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	var bridge *link
	err := s.host.do(getLink(0, req.Switch.Interface, &bridge))
	if err == nil {
		err = s.noteBridge(req, o, bridge)
	}
	return errors.Join(err, s.lock.unlock(claimsByte))
}

// observeSwitch looks at the switch's bridge again, and whether it still will
// do. It returns nil if there is none.
func (s *Session) observeSwitch(req *config.Request, o *Observation) (*link, error) {
	var bridge *link
	if err := s.host.do(getLink(0, req.Switch.Interface, &bridge)); err != nil {
		return nil, err
	}
	if err := s.noteBridge(req, o, bridge); err != nil {
		return nil, err
	}
	if err := plan.CheckNode(req, &o.Node); err != nil {
		return nil, err
	}
	return bridge, plan.CheckRDomains(req, &o.Node)
}

// noteBridge writes down what a look-up of the switch's bridge showed, nil for
// none. What a bridge that is to be moved into an rdomain would lose is looked
// at, too.
func (s *Session) noteBridge(req *config.Request, o *Observation, l *link) error {
	o.Node.Bridge, s.index.bridge = plan.Bridge{}, 0
	var err error
	if l == nil {
		if plan.WantsNewVLANs(req) {
			o.Node.Bridge.VLANs.Lacking, err = s.lacksVLANs()
		}
		return err
	}
	b := plan.Bridge{Name: l.name, Kind: l.kind, MTU: l.mtu, Alias: l.alias, LLAddr: l.lladdr, Ours: l.has(plan.SwitchName(l.name)), VLANs: l.vlans}
	switch {
	case l.master != 0 && l.master == s.index.switchRDomain:
		b.Master = o.Node.SwitchRDomain.Name
	case l.master != 0:
		b.Master, err = s.linkName(l.master)
	case req.Switch.RDomain != 0:
		b.Addrs, err = s.routedAddrs(l)
	}
	o.Node.Bridge, s.index.bridge = b, l.index
	return err
}

// linkName returns the name of the link with an ifindex of the host's
// namespace.
func (s *Session) linkName(index int32) (string, error) {
	var l *link
	if err := s.host.do(getLink(index, "", &l)); err != nil || l == nil {
		return fmt.Sprintf("link %d", index), err
	}
	return l.name, nil
}

// routedAddrs returns a link's addresses but those that reach no further than
// the link.
func (s *Session) routedAddrs(l *link) ([]netip.Prefix, error) {
	var addrs []plan.Addr
	if err := s.host.do(getAddrs(l.index, l.name, &addrs)); err != nil {
		return nil, err
	}
	var routed []netip.Prefix
	for _, a := range addrs {
		if !a.Prefix.Addr().IsLinkLocalUnicast() {
			routed = append(routed, a.Prefix)
		}
	}
	return routed, nil
}

// observeRDomains looks at the VRFs that an attachment needs, and at the rules
// and settings that keep VRFs apart.
func (s *Session) observeRDomains(req *config.Request, o *Observation) error {
	if !plan.UsesRDomains(req) {
		return nil
	}
	n := &o.Node
	var err error
	if req.Local != nil {
		if n.RDomain, s.index.rdomain, err = s.findVRF(req, req.RDomain); err != nil {
			return err
		}
	}
	switch {
	case req.Switch == nil:
	case req.Local != nil && req.Switch.RDomain == req.RDomain:
		n.SwitchRDomain, s.index.switchRDomain = n.RDomain, s.index.rdomain
	default:
		if n.SwitchRDomain, s.index.switchRDomain, err = s.findVRF(req, req.Switch.RDomain); err != nil {
			return err
		}
	}
	n.Rules = plan.Rules{}
	if err := s.host.do(getRules(&n.Rules)); err != nil {
		return err
	}
	n.Rules.Accepts, err = readAccepts()
	return err
}

// findVRF looks for the VRF of an rdomain and, if there is none, for another
// one with the table that it would get.
func (s *Session) findVRF(req *config.Request, rdomain uint32) (plan.VRF, int32, error) {
	if rdomain == 0 {
		return plan.VRF{}, 0, nil
	}
	name := plan.RDomainName(rdomain)
	var l *link
	if err := s.host.do(getLink(0, name, &l)); err != nil {
		return plan.VRF{}, 0, err
	}
	if l != nil {
		return plan.VRF{Name: l.name, Kind: l.kind, Table: l.table}, l.index, nil
	}
	var others []*link
	if err := s.host.do(getLinksOfKind(plan.KindVRF, &others)); err != nil {
		return plan.VRF{}, 0, err
	}
	for _, other := range others {
		switch {
		case other.name == name || other.has(name): // somebody made it just now
			return plan.VRF{Name: other.name, Kind: other.kind, Table: other.table}, other.index, nil
		case other.table == req.RDomains.Table(rdomain):
			return plan.VRF{Rival: other.name}, 0, nil
		}
	}
	return plan.VRF{}, 0, nil
}

// readAccepts returns which of the host's sockets take packets of all VRFs.
func readAccepts() ([]string, error) {
	var open []string
	for _, kind := range []string{"raw", "tcp", "udp"} {
		v, err := readSysctl("ipv4/" + kind + "_l3mdev_accept")
		switch {
		case errors.Is(err, fs.ErrNotExist): // a kernel that has no VRFs
		case err != nil:
			return nil, err
		case v != "0":
			open = append(open, kind)
		}
	}
	return open, nil
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
