package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Numbers of include/uapi/linux/fib_rules.h.
const (
	sizeofRuleHeader = 12
	ruleActionTable  = 1 // FR_ACT_TO_TBL
	ruleActionGoto   = 2 // FR_ACT_GOTO
	ruleInvert       = 2 // FIB_RULE_INVERT
)

// getRules asks for the rules of all families.
func getRules(into *plan.Rules) *message {
	m := newMessage(unix.RTM_GETRULE, unix.NLM_F_DUMP, "look up rules")
	m.AddRawData(ruleHeader(unix.AF_UNSPEC, 0, 0))
	m.receive = func(data []byte) error {
		family, r, err := parseRule(data)
		switch family {
		case unix.AF_INET:
			into.IPv4 = append(into.IPv4, r)
		case unix.AF_INET6:
			into.IPv6 = append(into.IPv6, r)
		}
		return err
	}
	return m
}

// ruleHeader returns a struct fib_rule_hdr.
func ruleHeader(family uint8, table, action byte) []byte {
	return []byte{family, 0, 0, 0, table, 0, 0, action, 0, 0, 0, 0}
}

// localRule adds or deletes a rule for the host's own addresses.
func localRule(kind, flags int, verb string, family uint8, preference uint32) *message {
	m := newMessage(kind, flags, "%s rule %d for table local", verb, preference)
	m.AddRawData(ruleHeader(family, plan.TableLocal, ruleActionTable))
	m.AddRawData(nl.NewRtAttr(unix.FRA_PRIORITY, nl.Uint32Attr(preference)).Serialize())
	return m
}

// moveLocalRule lets the l3mdev rule come before the one for the host's own
// addresses: so packets of a VRF do not reach those of rdomain 0. The new rule
// is there before the old one goes: in two sends, since the kernel would go on
// after an error.
func (s *Session) moveLocalRule(family uint8, rules []plan.Rule) error {
	if !plan.HasFirstLocal(rules) {
		return nil
	}
	if !plan.HasMovedLocal(rules) {
		if err := s.host.do(localRule(unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add", family, plan.LocalRulePreference)); err != nil {
			return err
		}
	}
	return s.host.do(localRule(unix.RTM_DELRULE, 0, "delete", family, 0))
}

// parseRule reads an RTM_NEWRULE message.
func parseRule(data []byte) (family uint8, r plan.Rule, err error) {
	if len(data) < sizeofRuleHeader {
		return 0, r, errShort
	}
	family, r.Table = data[0], uint32(data[4])
	inverted := nl.NativeEndian().Uint32(data[8:])&ruleInvert != 0
	r.Selective = inverted || data[1] != 0 || data[2] != 0 || data[3] != 0
	err = eachAttr(data[sizeofRuleHeader:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.FRA_PRIORITY:
			r.Preference = number(value)
		case unix.FRA_TABLE:
			r.Table = number(value)
		case unix.FRA_L3MDEV:
			r.L3mdev = len(value) == 1 && value[0] != 0
		case unix.FRA_PROTOCOL, unix.FRA_FLOW, unix.FRA_PAD:
		case unix.FRA_SUPPRESS_PREFIXLEN, unix.FRA_SUPPRESS_IFGROUP:
			r.Selective = r.Selective || number(value) != ^uint32(0)
		case unix.FRA_FWMARK, unix.FRA_IIFNAME, unix.FRA_OIFNAME, unix.FRA_UID_RANGE:
			r.Selective, r.Narrow = true, !inverted
		default: // other selectors of today, and those of later kernels
			r.Selective = true
		}
		return nil
	})
	if data[7] != ruleActionTable {
		r.Selective, r.Table = true, 0
	}
	r.Goto = data[7] == ruleActionGoto
	return family, r, err
}
