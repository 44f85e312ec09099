package kernel

import (
	"encoding/binary"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// tableAttr names vmtap's table. It is the first attribute of all messages.
func tableAttr() nftAttr { return nftText(unix.NFTA_TABLE_NAME, plan.FirewallTable) }

// staticTable is what stands in vmtap's table inet under the names that
// vmtap gives to sets and chains for NAT and limits.
type staticTable struct {
	firewall plan.Firewall
	dormant  bool
	unsound  []string // sets that are none of intervals of the right type
	chains   []plan.Chain
}

// foreignChain returns the name of a chain that only happens to have one of
// vmtap's names, "" if there is none: vmtap never made one without its sets.
func (t *staticTable) foreignChain() string {
	if len(t.firewall.Sets) > 0 || len(t.chains) == 0 {
		return ""
	}
	return t.chains[0].Name
}

// readFirewall reads vmtap's table, the zero Firewall if there is none.
func readFirewall(c *conn) (plan.Firewall, error) {
	t, err := readStaticTable(c)
	return t.firewall, err
}

func readStaticTable(c *conn) (staticTable, error) {
	var t staticTable
	f := &t.firewall
	there := false
	sets := plan.SetNames()
	kinds := make([]*setKind, len(sets))
	chains := plan.AllChains()
	hooks := make([]*string, len(chains))
	batch := []*message{getNFT(unix.NFT_MSG_GETTABLE, 0, []nftAttr{tableAttr()}, "existence", func(data []byte) error {
		there = true
		return eachAttr(data, func(kind uint16, value []byte) error {
			t.dormant = t.dormant || kind == unix.NFTA_TABLE_FLAGS && !isZero(value)
			return nil
		})
	})}
	if err := c.do(batch...); err != nil || !there {
		return t, err
	}
	batch = nil
	for i, name := range sets {
		batch = append(batch, getNFT(unix.NFT_MSG_GETSET, 0, []nftAttr{tableAttr(), nftText(unix.NFTA_SET_NAME, name)}, "set "+name, func(data []byte) error {
			kind, err := parseSet(data)
			kinds[i] = &kind
			return err
		}))
	}
	for i := range chains {
		batch = append(batch, getNFT(unix.NFT_MSG_GETCHAIN, 0, []nftAttr{tableAttr(), nftText(unix.NFTA_CHAIN_NAME, chains[i].Name)}, "chain "+chains[i].Name, func(data []byte) error {
			hook, err := parseHook(data)
			hooks[i] = &hook
			return err
		}))
	}
	if err := c.do(batch...); err != nil {
		return t, err
	}
	for i, name := range sets {
		if kinds[i] == nil {
			continue
		}
		f.Sets = append(f.Sets, name)
		if !kinds[i].fits(name) {
			t.unsound = append(t.unsound, name)
			continue
		}
		if err := readElements(c, name, f); err != nil {
			return t, err
		}
	}
	for i := range chains {
		if hooks[i] != nil {
			t.chains = append(t.chains, plan.Chain{Name: chains[i].Name, Hook: *hooks[i]})
		}
	}
	f.Sort()
	if err := readRules(c, t.chains); err != nil {
		return t, err
	}
	if !t.dormant && t.foreignChain() == "" { // a dormant table is none
		f.Chains = t.chains
	}
	return t, nil
}

// parseHook reads an NFT_MSG_NEWCHAIN message: where the chain is hooked in,
// in nft's words.
func parseHook(data []byte) (string, error) {
	var kind string
	var number, policy uint32
	var priority int32
	hooked := false
	err := eachAttr(data, func(k uint16, value []byte) error {
		switch k {
		case unix.NFTA_CHAIN_TYPE:
			kind = unix.ByteSliceToString(value)
		case unix.NFTA_CHAIN_POLICY:
			policy = networkNumber(value)
		case unix.NFTA_CHAIN_HOOK:
			hooked = true
			return eachAttr(value, func(k uint16, value []byte) error {
				switch k {
				case unix.NFTA_HOOK_HOOKNUM:
					number = networkNumber(value)
				case unix.NFTA_HOOK_PRIORITY:
					priority = int32(networkNumber(value))
				}
				return nil
			})
		}
		return nil
	})
	if err != nil || !hooked {
		return "", err
	}
	for _, c := range plan.AllChains() {
		h := nftHooks(c.Name)
		if c.Hook != "" && h.kind == kind && h.number == number && h.priority == priority && policy == nfAccept {
			return c.Hook, nil
		}
	}
	return fmt.Sprintf("type %s hook %d priority %d; policy %d;", kind, number, priority, policy), nil
}

// networkNumber reads a 32-bit attribute in network byte order, 0 if it has
// another size.
func networkNumber(value []byte) uint32 {
	if len(value) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(value)
}

// readRules reads the rules of the chains that were found. One that is none of
// vmtap's is called so.
func readRules(c *conn, found []plan.Chain) error {
	chains := plan.AllChains()
	return c.do(getNFT(unix.NFT_MSG_GETRULE, unix.NLM_F_DUMP, []nftAttr{tableAttr()}, "rules", func(data []byte) error {
		var table, chain string
		var exprs []byte
		err := eachAttr(data, func(kind uint16, value []byte) error {
			switch kind {
			case unix.NFTA_RULE_TABLE:
				table = unix.ByteSliceToString(value)
			case unix.NFTA_RULE_CHAIN:
				chain = unix.ByteSliceToString(value)
			case unix.NFTA_RULE_EXPRESSIONS:
				exprs = value
			}
			return nil
		})
		i := slices.IndexFunc(found, func(c plan.Chain) bool { return c.Name == chain })
		if err != nil || table != plan.FirewallTable || i < 0 {
			return err
		}
		found[i].Rules = append(found[i].Rules, knownRule(chains, chain, len(found[i].Rules), exprs))
		return nil
	}))
}

// knownRule returns the rule that has these expressions: most likely the one
// that should stand at its place.
func knownRule(chains []plan.Chain, chain string, place int, exprs []byte) plan.FirewallRule {
	i := slices.IndexFunc(chains, func(c plan.Chain) bool { return c.Name == chain })
	if rules := chains[i].Rules; place < len(rules) && hasExprs(rules[place], exprs) {
		return rules[place]
	}
	for _, c := range chains {
		for _, r := range c.Rules {
			if hasExprs(r, exprs) {
				return r
			}
		}
	}
	return plan.FirewallRule{"one that is not vmtap's"}
}

func hasExprs(r plan.FirewallRule, have []byte) bool {
	want, err := ruleExprs(r)
	return err == nil && sameAttrs(want, have)
}
