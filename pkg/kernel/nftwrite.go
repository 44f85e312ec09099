package kernel

import (
	"encoding/binary"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// nftHook is where a chain is hooked in.
type nftHook struct {
	kind     string
	number   uint32
	priority int32
}

// nftHooks returns the hook of one of plan's chains, the zero nftHook if it
// has none.
func nftHooks(chain string) nftHook {
	switch chain {
	case "zone":
		return nftHook{"filter", unix.NF_INET_PRE_ROUTING, -300} // NF_IP_PRI_RAW
	case "input":
		return nftHook{"filter", unix.NF_INET_LOCAL_IN, 0}
	case "postrouting":
		return nftHook{"nat", unix.NF_INET_POST_ROUTING, 100} // NF_IP_PRI_NAT_SRC
	}
	return nftHook{}
}

// Types of nft's, and flags of sets, that the library lacks.
const (
	nftIPv4, nftIPv6, nftProtocol, nftService, nftIFName = 7, 8, 12, 13, 41

	nftTypeBits  = 6 // of each type in a concatenation
	nftDesc      = 9 // NFTA_SET_DESC
	nftDescParts = 2 // NFTA_SET_DESC_CONCAT
	nftFieldLen  = 1 // NFTA_SET_FIELD_LEN
)

// replaceFirewall returns the messages of one transaction that makes anew what
// is vmtap's in the table. No packet ever meets half of it. What others have in
// it stays, and so do sets and chains that theirs may refer to, emptied and
// filled again.
func replaceFirewall(f *plan.Firewall, have *staticTable) ([]*message, error) {
	if name := have.foreignChain(); name != "" {
		return nil, config.Errorf(config.CodeInvalidConfig, "use ipMasq or hostAccess: chain %s of nftables table inet %s is not vmtap's, which has one of this name, rename it", name, plan.FirewallTable)
	}
	batch := []*message{newTable(unix.NFPROTO_INET)}
	for _, c := range have.chains { // all before a chain goes, since rules go from one to another
		batch = append(batch, nftMessage(unix.NFT_MSG_DELRULE, 0, []nftAttr{tableAttr(), nftText(unix.NFTA_RULE_CHAIN, c.Name)}, "flush nftables chain %s", c.Name))
	}
	kept := map[string]bool{}
	for _, c := range have.chains {
		kept[c.Name] = slices.ContainsFunc(f.Chains, func(w plan.Chain) bool { return w.Name == c.Name && w.Hook == c.Hook })
		if !kept[c.Name] {
			batch = append(batch, nftMessage(unix.NFT_MSG_DELCHAIN, 0, []nftAttr{tableAttr(), nftText(unix.NFTA_CHAIN_NAME, c.Name)}, "delete nftables chain %s", c.Name))
		}
	}
	for i, set := range f.Sets {
		batch = append(batch, emptySet(set, uint32(i+1), have)...)
		if elements := setElements(set, f); len(elements) > 0 {
			batch = append(batch, newElements(set, elements))
		}
	}
	for _, c := range f.Chains { // all before the rules
		if !kept[c.Name] {
			batch = append(batch, newChain(c))
		}
	}
	for _, c := range f.Chains {
		for _, r := range c.Rules {
			exprs, err := ruleExprs(r)
			if err != nil {
				return nil, err
			}
			batch = append(batch, nftMessage(unix.NFT_MSG_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_APPEND, []nftAttr{
				tableAttr(), nftText(unix.NFTA_RULE_CHAIN, c.Name), nest(unix.NFTA_RULE_EXPRESSIONS, exprs...),
			}, "add nftables rule %q", r))
		}
	}
	return batch, nil
}

// newTable makes a table of vmtap's, if there is none.
func newTable(family byte) *message {
	return nftMessageOf(family, unix.NFT_MSG_NEWTABLE, unix.NLM_F_CREATE, []nftAttr{tableAttr()}, "create nftables table %s", plan.FirewallTable)
}

// wakeTable undoes `flags dormant`.
func wakeTable() *message {
	return nftMessage(unix.NFT_MSG_NEWTABLE, 0, []nftAttr{tableAttr(), nftNumber(unix.NFTA_TABLE_FLAGS, 0)}, "wake nftables table %s", plan.FirewallTable)
}

// emptySet returns what makes a set that is as it should be, without elements.
func emptySet(name string, id uint32, have *staticTable) []*message {
	attrs := []nftAttr{tableAttr(), nftText(unix.NFTA_SET_NAME, name)}
	switch {
	case slices.Contains(have.unsound, name):
		return []*message{nftMessage(unix.NFT_MSG_DELSET, 0, attrs, "delete nftables set %s", name), newSet(name, id)}
	case slices.Contains(have.firewall.Sets, name):
		// No elements are all.
		return []*message{nftMessage(unix.NFT_MSG_DELSETELEM, 0, []nftAttr{tableAttr(), nftText(unix.NFTA_SET_ELEM_LIST_SET, name)}, "flush nftables set %s", name)}
	}
	return []*message{newSet(name, id)}
}

func newChain(c plan.Chain) *message {
	attrs := []nftAttr{tableAttr(), nftText(unix.NFTA_CHAIN_NAME, c.Name)}
	if h := nftHooks(c.Name); h.kind != "" {
		attrs = append(attrs,
			nest(unix.NFTA_CHAIN_HOOK, nftNumber(unix.NFTA_HOOK_HOOKNUM, h.number), nftNumber(unix.NFTA_HOOK_PRIORITY, uint32(h.priority))),
			nftNumber(unix.NFTA_CHAIN_POLICY, nfAccept),
			nftText(unix.NFTA_CHAIN_TYPE, h.kind))
	}
	return nftMessage(unix.NFT_MSG_NEWCHAIN, unix.NLM_F_CREATE, attrs, "create nftables chain %s", c.Name)
}

// newSet makes a set of intervals. id is any number that no other set of the
// transaction has.
func newSet(name string, id uint32) *message {
	parts, kind := setParts(name), intervalsOf(name)
	attrs := []nftAttr{tableAttr(), nftText(unix.NFTA_SET_NAME, name)}
	if len(parts) > 1 {
		var fields []nftAttr
		for _, p := range parts {
			fields = append(fields, nest(unix.NFTA_LIST_ELEM, nftNumber(nftFieldLen, p.length)))
		}
		attrs = append(attrs, nest(nftDesc, nest(nftDescParts, fields...)))
	}
	attrs = append(attrs, kind.attrs()...)
	attrs = append(attrs, nftNumber(unix.NFTA_SET_ID, id), nftAttr{kind: unix.NFTA_SET_USERDATA, data: bigEndianKeys()})
	return nftMessage(unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, attrs, "create nftables set %s", name)
}

// bigEndianKeys tells nft, the program, how to print the keys (libnftnl's
// NFTNL_UDATA_SET_KEYBYTEORDER).
func bigEndianKeys() []byte {
	const bigEndian = 2
	return binary.NativeEndian.AppendUint32([]byte{0, 4}, bigEndian)
}

// setPart is one part of the keys of a set: nft's number of its type, and its
// bytes.
type setPart struct{ kind, length uint32 }

func setParts(set string) []setPart {
	addr := setPart{nftIPv4, 4}
	if strings.HasSuffix(set, "6") {
		addr = setPart{nftIPv6, 16}
	}
	switch {
	case set == "links":
		return []setPart{{nftIFName, ifKindSize}}
	case strings.HasPrefix(set, "open"):
		return []setPart{addr, {nftProtocol, 1}, {nftService, 2}}
	}
	return []setPart{addr}
}

// setElements returns the elements of a set.
func setElements(set string, f *plan.Firewall) []element {
	var all []element
	interval := func(first, end []byte) {
		all = append(all, element{key: first})
		if end != nil {
			all = append(all, element{key: end, ends: true})
		}
	}
	switch {
	case set == "links":
		for _, l := range f.Links {
			interval(wildcardKeys(strings.TrimSuffix(l, "*")))
		}
	case strings.HasPrefix(set, "open"):
		for _, o := range f.OpenIn(set) {
			first, last := openingKeys(o)
			all = append(all, element{key: first, end: last})
		}
	default:
		for _, p := range f.PrefixesIn(set) {
			interval(p.Addr().AsSlice(), behind(p))
		}
	}
	return all
}

func newElements(set string, elements []element) *message {
	var list []nftAttr
	for _, e := range elements {
		item := []nftAttr{nftData(nftElemKey, e.key)}
		if e.end != nil {
			item = append(item, nftData(nftElemKeyEnd, e.end))
		}
		if e.ends {
			item = append(item, nftNumber(nftElemFlags, nftElemEndsHere))
		}
		list = append(list, nest(unix.NFTA_LIST_ELEM, item...))
	}
	return nftMessage(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, []nftAttr{
		tableAttr(), nftText(unix.NFTA_SET_ELEM_LIST_SET, set), nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, list...),
	}, "add elements to nftables set %s", set)
}
