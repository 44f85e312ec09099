package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// FaultKind is what is not in order on a node, for those who count.
type FaultKind string

// What a node is kept in order of.
const (
	DeadGateway     FaultKind = "dead_gateway"
	DeadHostLink    FaultKind = "dead_host_link"
	LeftElements    FaultKind = "left_set_elements"
	LostVRF         FaultKind = "rdomain"
	LostMembership  FaultKind = "rdomain_membership"
	LostUnreachable FaultKind = "unreachable_route"
	LostL3mdevRule  FaultKind = "l3mdev_rule"
)

// FaultKinds returns all, in the order in which they are mended: a VRF is there
// before a link is put into it.
func FaultKinds() []FaultKind {
	return []FaultKind{DeadGateway, DeadHostLink, LeftElements, LostVRF, LostMembership, LostUnreachable, LostL3mdevRule}
}

// Fault is one thing that is not in order. Two looks that see the same see equal
// ones.
type Fault struct {
	Kind   FaultKind
	Object string // a link's name, a VRF's, or a family
	Index  int32  // the link's, 0 for none
	Of     string // an attachment, a VRF, or a destination
}

// String says what is wrong.
func (f Fault) String() string {
	switch f.Kind {
	case DeadGateway:
		return fmt.Sprintf("gateway %s of %s has lost its host link", f.Object, f.Of)
	case DeadHostLink:
		return fmt.Sprintf("host link %s of %s has lost its other half in the pod", f.Object, f.Of)
	case LeftElements:
		return fmt.Sprintf("sets of groups have elements of %s, which is gone", f.Object)
	case LostVRF:
		return fmt.Sprintf("VRF %s is gone, and links were in it", f.Object)
	case LostMembership:
		return fmt.Sprintf("%s is in no rdomain, and was in %s", f.Object, f.Of)
	case LostUnreachable:
		return fmt.Sprintf("VRF %s lacks the unreachable route %s", f.Object, f.Of)
	case LostL3mdevRule:
		return fmt.Sprintf("the l3mdev rule of %s is missing", f.Object)
	}
	return string(f.Kind)
}

// Mended says what was done about it.
func (f Fault) Mended() string {
	switch f.Kind {
	case DeadGateway:
		return fmt.Sprintf("removed gateway %s of %s, which had lost its host link", f.Object, f.Of)
	case DeadHostLink:
		return fmt.Sprintf("removed host link %s of %s, which had lost its other half in the pod", f.Object, f.Of)
	case LeftElements:
		return fmt.Sprintf("removed the elements of %s, which is gone, from sets of groups", f.Object)
	case LostVRF:
		return fmt.Sprintf("restored VRF %s", f.Object)
	case LostMembership:
		return fmt.Sprintf("put %s into %s again", f.Object, f.Of)
	case LostUnreachable:
		return fmt.Sprintf("restored the unreachable route %s of VRF %s", f.Of, f.Object)
	case LostL3mdevRule:
		return fmt.Sprintf("restored the l3mdev rule of %s", f.Object)
	}
	return string(f.Kind)
}

// IsRDomain reports whether a VRF with this name and these altnames is an
// rdomain's, whoever made it.
func IsRDomain(name string, altNames []string) bool {
	return IsRDomainName(name) || slices.ContainsFunc(altNames, IsRDomainName)
}

// IsRDomainName reports whether a name is one of RDomainName's, and not that of
// rdomain 0, which has no VRF.
func IsRDomainName(name string) bool {
	digits, ok := strings.CutPrefix(name, "rdomain")
	n, err := strconv.ParseUint(digits, 10, 32)
	return ok && err == nil && n > 0 && RDomainName(uint32(n)) == name
}

// LacksL3mdevRule reports whether packets of VRFs are never looked up in their
// tables. An l3mdev rule with another preference is somebody's choice.
func LacksL3mdevRule(rules []Rule) bool {
	_, found := beforeL3mdev(rules)
	return !found
}

// L3mdevPreference is that of the rule which Linux makes with the first VRF.
const L3mdevPreference = l3mdevPreference
