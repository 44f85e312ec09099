package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
)

// Routing tables of the host's own (include/uapi/linux/rtnetlink.h).
const (
	tableUnspec = 0
	TableLocal  = 255 // the host's own addresses
)

// The preferences that Linux gives to the l3mdev rule, and vmtap to the rule
// for the host's own addresses, which stands before all others until
// rdomains.moveLocalRule moves it.
const (
	l3mdevPreference    = 1000
	LocalRulePreference = 1001
)

// Rule is a rule of the host's routing policy, as far as rdomains go.
type Rule struct {
	Preference uint32 // the lowest comes first, of equal ones the oldest
	Table      uint32 // 0: it looks in none
	Goto       bool   // jumps over rules
	L3mdev     bool   // looks in the table of the VRF that the packet's link is in
	Selective  bool   // does not hold for every packet
	Narrow     bool   // holds only for packets with a mark, of a certain link or of the host's own users
}

// Rules is the host's routing policy: the rules of each family in the kernel's
// order, and which sockets stand outside it.
type Rules struct {
	IPv4, IPv6 []Rule
	// Accepts are those of net.ipv4.*_l3mdev_accept that are not 0, "raw",
	// "tcp" and "udp": such sockets in rdomain 0 take packets of all others.
	Accepts []string
}

// Policy is what rdomains demand of the host's rules. The zero Policy demands
// nothing.
type Policy struct {
	// IPv4, IPv6: in this family packets of a VRF's links are looked up in
	// its table before any other, but the one for the host's own addresses.
	// Linux makes the l3mdev rules with the first VRF, and not again.
	IPv4, IPv6 bool
	// MovedLocal: and before that one, too.
	MovedLocal bool
}

// wantPolicy returns what the rdomains of a request demand.
func wantPolicy(req *config.Request, node *Node) Policy {
	return Policy{IPv4: true, IPv6: !node.NoIPv6, MovedLocal: req.RDomains.MoveLocalRule}
}

// faults names what rules lack of a policy, with what to do. Without a VRF
// there is no l3mdev rule yet, which is none.
func (p Policy) faults(rules *Rules, anyVRF bool) []string {
	if p == (Policy{}) {
		return nil
	}
	var lines []string
	if p.IPv4 {
		lines = append(lines, familyFaults("IPv4", "ip", rules.IPv4, anyVRF, p.MovedLocal)...)
	}
	if p.IPv6 {
		lines = append(lines, familyFaults("IPv6", "ip -6", rules.IPv6, anyVRF, p.MovedLocal)...)
	}
	for _, a := range rules.Accepts {
		lines = append(lines, fmt.Sprintf("net.ipv4.%s_l3mdev_accept is not 0, so %s sockets in rdomain 0 take packets of other rdomains, set it to 0", a, a))
	}
	return lines
}

func familyFaults(family, ip string, rules []Rule, anyVRF, movedLocal bool) []string {
	var lines []string
	before, found := beforeL3mdev(rules)
	if anyVRF && !found {
		lines = append(lines, fmt.Sprintf("the l3mdev rule of %s is missing, so nothing keeps rdomains apart, add it: %s rule add pref %d l3mdev", family, ip, l3mdevPreference))
	}
	for _, r := range before {
		switch {
		case r.Narrow:
		case r.Goto:
			lines = append(lines, fmt.Sprintf("rule %d of %s jumps over the l3mdev rule, so nothing keeps rdomains apart, give it a higher preference", r.Preference, family))
		case r.Table == tableUnspec:
		case r.Table != TableLocal:
			lines = append(lines, fmt.Sprintf("rule %d of %s, for table %d, stands before the l3mdev rule, so packets of rdomains are looked up there, give it a higher preference", r.Preference, family, r.Table))
		case movedLocal:
			lines = append(lines, fmt.Sprintf("rule %d of %s, for table local, stands before the l3mdev rule, so rdomains reach the host's addresses, have the l3mdev rule at %d and this one at %d", r.Preference, family, l3mdevPreference, LocalRulePreference))
		}
	}
	return lines
}

// beforeL3mdev returns the rules before the l3mdev rule, or before where Linux
// will put it, and reports whether it is there.
func beforeL3mdev(rules []Rule) (before []Rule, found bool) {
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.L3mdev && !r.Selective })
	if i >= 0 {
		return rules[:i], true
	}
	i = slices.IndexFunc(rules, func(r Rule) bool { return r.Preference > l3mdevPreference })
	if i < 0 {
		i = len(rules)
	}
	return rules[:i], false
}

// CheckPolicy refuses rdomains while the host's rules and settings do not
// keep them apart, and would not when ADD is done: it moves the local rule if
// that is asked for, and closes raw sockets, which Linux leaves open.
func CheckPolicy(req *config.Request, node *Node) error {
	rules := node.Rules
	if req.RDomains.MoveLocalRule {
		rules.IPv4, rules.IPv6 = withLocalMoved(rules.IPv4), withLocalMoved(rules.IPv6)
	}
	rules.Accepts = slices.DeleteFunc(slices.Clone(rules.Accepts), func(a string) bool { return a == "raw" })
	if lines := wantPolicy(req, node).faults(&rules, anyVRF(req, node)); len(lines) > 0 {
		return config.Errorf(config.CodeInvalidConfig, "use rdomains: %s", strings.Join(lines, "; "))
	}
	return nil
}

// withLocalMoved returns rules as they are when rdomains.moveLocalRule is
// done.
func withLocalMoved(rules []Rule) []Rule {
	if !HasFirstLocal(rules) {
		return rules
	}
	moved := slices.Clone(rules)
	first := slices.IndexFunc(moved, isAtZero)
	moved = slices.Delete(moved, first, first+1)
	if HasMovedLocal(moved) {
		return moved
	}
	i := slices.IndexFunc(moved, func(r Rule) bool { return r.Preference > LocalRulePreference })
	if i < 0 {
		i = len(moved)
	}
	return slices.Insert(moved, i, Rule{Preference: LocalRulePreference, Table: TableLocal})
}

// HasFirstLocal reports whether the rule for table local stands before all
// others, from where rdomains.moveLocalRule moves it. With another one before
// it, for some packets, it stays: Linux would delete that one.
func HasFirstLocal(rules []Rule) bool {
	i := slices.IndexFunc(rules, isAtZero)
	return i >= 0 && !rules[i].Selective
}

func isAtZero(r Rule) bool { return r.Table == TableLocal && r.Preference == 0 }

// HasMovedLocal reports whether the rule for table local stands where
// rdomains.moveLocalRule moves it.
func HasMovedLocal(rules []Rule) bool {
	return slices.ContainsFunc(rules, func(r Rule) bool {
		return r.Table == TableLocal && r.Preference == LocalRulePreference && !r.Selective
	})
}
