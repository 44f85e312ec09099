package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
)

// Rule is a rule of the host's routing policy, as far as rdomains go.
type Rule struct {
	Preference uint32 // the lowest comes first
	Table      uint32
	L3mdev     bool // looks in the table of the VRF that the packet's link is in
	Selective  bool // does not hold for every packet
}

// The preferences that Linux gives to the l3mdev rule, and vmtap to the rule
// for the host's own addresses, which stands before all others until
// rdomains.moveLocalRule moves it.
const (
	l3mdevPreference    = 1000
	LocalRulePreference = 1001
)

// Routing tables of the host's own (include/uapi/linux/rtnetlink.h).
const (
	tableMain  = 254
	TableLocal = 255 // the host's own addresses
)

// Families says something of IPv4 and of IPv6.
type Families struct{ IPv4, IPv6 bool }

// Policy is what of the host's routing policy keeps rdomains apart.
type Policy struct {
	// L3mdev: packets of a VRF's links are looked up in its table, before
	// the main one. Linux makes these rules with the first VRF, and not again.
	L3mdev Families
	// MovedLocal: and before the host's own addresses in rdomain 0.
	MovedLocal Families
	// Accepts are those of net.ipv4.*_l3mdev_accept that are not 0, "raw",
	// "tcp" and "udp": such sockets in rdomain 0 take packets of all others.
	Accepts []string
}

// Policy returns what the observed rules and settings come to.
func (n *Node) Policy() Policy {
	return Policy{
		L3mdev:     Families{hasL3mdev(n.Rules4), hasL3mdev(n.Rules6)},
		MovedLocal: Families{!localFirst(n.Rules4), !localFirst(n.Rules6)},
		Accepts:    n.Accepts,
	}
}

// wantPolicy returns what the rules and settings must come to for the
// rdomains of a request.
func wantPolicy(req *config.Request, node *Node) Policy {
	all := Families{IPv4: true, IPv6: !node.NoIPv6}
	p := Policy{L3mdev: all}
	if req.RDomains.MoveLocalRule {
		p.MovedLocal = all
	}
	return p
}

// lacks names what a policy lacks of the wanted one, with what to do.
func (want Policy) lacks(have Policy) []string {
	var lines []string
	family := func(name, option string, l3mdevGone, localThere bool) {
		if l3mdevGone {
			lines = append(lines, fmt.Sprintf("the l3mdev rule of %s is missing or behind the main table's, so nothing keeps rdomains apart, add it: ip %srule add pref %d l3mdev", name, option, l3mdevPreference))
		}
		if localThere {
			lines = append(lines, fmt.Sprintf("the local rule of %s stands before the l3mdev rule, move it: ip %srule add pref %d lookup local, ip %srule del pref 0", name, option, LocalRulePreference, option))
		}
	}
	family("IPv4", "", want.L3mdev.IPv4 && !have.L3mdev.IPv4, want.MovedLocal.IPv4 && !have.MovedLocal.IPv4)
	family("IPv6", "-6 ", want.L3mdev.IPv6 && !have.L3mdev.IPv6, want.MovedLocal.IPv6 && !have.MovedLocal.IPv6)
	for _, a := range have.Accepts {
		lines = append(lines, fmt.Sprintf("net.ipv4.%s_l3mdev_accept is not 0, so %s sockets in rdomain 0 take packets of other rdomains, set it to 0", a, a))
	}
	return lines
}

// CheckPolicy refuses rdomains while the host's rules and settings do not
// keep them apart. What ADD mends is left out: the local rule, and raw
// sockets, which Linux lets take all packets unless it is told otherwise.
func CheckPolicy(req *config.Request, node *Node) error {
	want, have := wantPolicy(req, node), node.Policy()
	want.MovedLocal = Families{}
	if !anyVRF(req, node) {
		want.L3mdev = Families{} // the first VRF brings the rules with it
	}
	have.Accepts = slices.DeleteFunc(slices.Clone(have.Accepts), func(a string) bool { return a == "raw" })
	if lines := want.lacks(have); len(lines) > 0 {
		return config.Errorf(config.CodeInvalidConfig, "use rdomains: %s", strings.Join(lines, "; "))
	}
	return nil
}

// checkLocalRules refuses rdomains.moveLocalRule where, with the kernel's own
// rule moved, a rule for table local would still stand before the l3mdev rule.
func checkLocalRules(req *config.Request, node *Node) error {
	if !req.RDomains.MoveLocalRule {
		return nil
	}
	for i, rules := range [][]Rule{node.Rules4, node.Rules6} {
		name := [...]string{"IPv4", "IPv6"}[i]
		if p, ok := findL3mdev(rules); ok && p >= LocalRulePreference {
			return config.Errorf(config.CodeInvalidConfig, "move the local rule: the l3mdev rule of %s is at %d, not before %d where the local rule goes, move it to %d", name, p, LocalRulePreference, l3mdevPreference)
		}
		if localFirst(slices.DeleteFunc(slices.Clone(rules), isFirstLocal)) {
			return config.Errorf(config.CodeInvalidConfig, "move the local rule: %s has another rule for table local before the l3mdev rule, remove it or set rdomains.moveLocalRule to false", name)
		}
	}
	return nil
}

// MovesLocalRule reports for which families the rule for table local stands
// before all others, from where rdomains.moveLocalRule moves it.
func (n *Node) MovesLocalRule() Families {
	return Families{slices.ContainsFunc(n.Rules4, isFirstLocal), slices.ContainsFunc(n.Rules6, isFirstLocal)}
}

func isFirstLocal(r Rule) bool { return r.isLocal() && r.Preference == 0 }

func (r Rule) isLocal() bool { return r.Table == TableLocal && !r.Selective }

// findL3mdev returns where the l3mdev rule stands.
func findL3mdev(rules []Rule) (preference uint32, ok bool) {
	for _, r := range rules {
		if r.L3mdev && !r.Selective && (!ok || r.Preference < preference) {
			preference, ok = r.Preference, true
		}
	}
	return preference, ok
}

// hasL3mdev reports whether the l3mdev rule stands before that for the main
// table.
func hasL3mdev(rules []Rule) bool {
	l3mdev, ok := findL3mdev(rules)
	return ok && !slices.ContainsFunc(rules, func(r Rule) bool {
		return r.Table == tableMain && !r.Selective && r.Preference < l3mdev
	})
}

// localFirst reports whether a rule for table local stands before the l3mdev
// rule, or before where Linux will put that.
func localFirst(rules []Rule) bool {
	l3mdev, ok := findL3mdev(rules)
	if !ok {
		l3mdev = l3mdevPreference
	}
	return slices.ContainsFunc(rules, func(r Rule) bool { return r.isLocal() && r.Preference < l3mdev })
}
