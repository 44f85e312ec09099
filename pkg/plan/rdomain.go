package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
)

// UnreachableMetric is the metric of the unreachable default routes of a
// VRF's table: any other default route comes first. It is the one that the
// kernel's documentation of VRFs names.
const UnreachableMetric = 4278198272

// RDomainName returns the name of an rdomain's VRF.
func RDomainName(rdomain uint32) string { return fmt.Sprintf("rdomain%d", rdomain) }

// VRF is an observed VRF, or what stands in its place. Without a name there
// is none.
type VRF struct {
	Name  string // its real name; rdomain<R> may be an altname
	Kind  string
	Table uint32

	// Rival names another VRF that has the table which this one, not there
	// yet, would get. Linux lets two VRFs have one table, and so one routing
	// domain.
	Rival string
}

// CheckRDomains refuses to attach an interface where its rdomain or its
// switch's would not hold on this node, before the first change to the kernel.
func CheckRDomains(req *config.Request, node *Node) error {
	used := usedRDomains(req, node)
	for _, u := range used {
		if err := u.check(req); err != nil {
			return err
		}
	}
	if len(used) > 0 {
		if err := CheckPolicy(req, node); err != nil {
			return err
		}
	}
	if req.Switch == nil {
		return nil
	}
	return checkSwitchRDomain(req, node)
}

// usedRDomain is an rdomain that an attachment needs, other than 0.
type usedRDomain struct {
	id  uint32
	vrf VRF
}

// usedRDomains returns the rdomains of the layer 3 link and of the bridge.
func usedRDomains(req *config.Request, node *Node) []usedRDomain {
	var used []usedRDomain
	if req.Local != nil && req.RDomain != 0 {
		used = append(used, usedRDomain{req.RDomain, node.RDomain})
	}
	if sw := req.Switch; sw != nil && sw.RDomain != 0 {
		used = append(used, usedRDomain{sw.RDomain, node.SwitchRDomain})
	}
	return used
}

// anyVRF reports whether one of the VRFs that an attachment needs is there.
func anyVRF(req *config.Request, node *Node) bool {
	return slices.ContainsFunc(usedRDomains(req, node), func(u usedRDomain) bool { return u.vrf.Name != "" })
}

// UsesRDomains reports whether an attachment needs a VRF.
func UsesRDomains(req *config.Request) bool { return len(usedRDomains(req, &Node{})) > 0 }

func (u usedRDomain) check(req *config.Request) error {
	v, want := &u.vrf, req.RDomains.Table(u.id)
	switch {
	case v.Name == "" && v.Rival != "":
		return config.Errorf(config.CodeInvalidConfig, "use rdomain %d: VRF %q has its table %d already, choose another rdomain or rdomains.tableBase", u.id, v.Rival, want)
	case v.Name == "":
		return nil
	case v.Kind != KindVRF:
		return config.Errorf(config.CodeInvalidConfig, "use rdomain %d: the link %q is a %s, not a VRF, rename it", u.id, v.Name, kindWord(v.Kind))
	case v.Table != want:
		return config.Errorf(config.CodeInvalidConfig, "use rdomain %d: VRF %q has table %d, want %d, make it anew or change rdomains.tableBase", u.id, v.Name, v.Table, want)
	}
	return nil
}

// checkSwitchRDomain refuses a bridge that is not in its switch's rdomain and
// cannot be moved there: what moves a bridge takes its routes away, and with
// them the node's network.
func checkSwitchRDomain(req *config.Request, node *Node) error {
	b, sw := &node.Bridge, req.Switch
	if b.Name == "" {
		return nil
	}
	if req.Local != nil && req.RDomain != sw.RDomain && !b.Ours {
		return config.Errorf(config.CodeInvalidConfig, "use rdomain %d on switch %q, which is in rdomain %d: not supported yet on a bridge that is not vmtap's, since guests could use it as a router, let vmtap make one (switch.create)", req.RDomain, b.Name, sw.RDomain)
	}
	switch {
	case b.Master == switchVRFName(req, node):
		return nil
	case b.Master != "" && sw.RDomain == 0:
		return config.Errorf(config.CodeInvalidConfig, "use switch %q: it is in %q and switch.rdomain is 0, set switch.rdomain to what it is in, or take it out", b.Name, b.Master)
	case b.Master != "":
		return config.Errorf(config.CodeInvalidConfig, "put switch %q into rdomain %d: it is in %q, take it out or change switch.rdomain", b.Name, sw.RDomain, b.Master)
	case len(b.Addrs) > 0:
		return config.Errorf(config.CodeInvalidConfig, "put switch %q into rdomain %d: it has the address %s, which the node would lose, remove it or put the bridge there by hand", b.Name, sw.RDomain, b.Addrs[0])
	}
	return nil
}

// switchVRFName returns the name of the VRF that the switch's bridge is to be
// in, "" for none.
func switchVRFName(req *config.Request, node *Node) string {
	if req.Switch == nil || req.Switch.RDomain == 0 {
		return ""
	}
	return cmp.Or(node.SwitchRDomain.Name, RDomainName(req.Switch.RDomain))
}

// addRDomains adds the VRFs that an attachment needs, each once.
func (s *State) addRDomains(req *config.Request, node *Node) {
	used := usedRDomains(req, node)
	if len(used) == 0 {
		return
	}
	s.Policy = wantPolicy(req, node)
	if req.Local != nil && req.RDomain != 0 {
		s.RDomain = used[0].link(req, node)
	}
	if last := used[len(used)-1].link(req, node); last.Name != s.RDomain.Name {
		s.SwitchRDomain = last
	}
}

// link returns the VRF as it is to be.
func (u usedRDomain) link(req *config.Request, node *Node) Link {
	l := Link{
		Name:        cmp.Or(u.vrf.Name, RDomainName(u.id)),
		Kind:        KindVRF,
		Table:       req.RDomains.Table(u.id),
		Unreachable: []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0)},
		Up:          true,
	}
	if !node.NoIPv6 {
		l.Unreachable = append(l.Unreachable, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
	}
	return l
}
