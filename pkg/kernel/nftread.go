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

// readFirewall reads vmtap's table, the zero Firewall if there is none.
func readFirewall(c *conn) (plan.Firewall, error) {
	var f plan.Firewall
	there, dormant := false, false
	sets := plan.SetNames()
	hasSet := make([]bool, len(sets))
	chains := plan.AllChains()
	hooks := make([]*string, len(chains))
	batch := []*message{getNFT(unix.NFT_MSG_GETTABLE, 0, []nftAttr{tableAttr()}, "existence", func(data []byte) error {
		there = true
		return eachAttr(data, func(kind uint16, value []byte) error {
			dormant = dormant || kind == unix.NFTA_TABLE_FLAGS && !isZero(value)
			return nil
		})
	})}
	if err := c.do(batch...); err != nil || !there {
		return f, err
	}
	batch = nil
	for i, name := range sets {
		batch = append(batch, getNFT(unix.NFT_MSG_GETSET, 0, []nftAttr{tableAttr(), nftText(unix.NFTA_SET_NAME, name)}, "set "+name, func([]byte) error {
			hasSet[i] = true
			return nil
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
		return f, err
	}
	for i, name := range sets {
		if hasSet[i] {
			f.Sets = append(f.Sets, name)
			if err := readElements(c, name, &f); err != nil {
				return f, err
			}
		}
	}
	for i := range chains {
		if hooks[i] != nil && !dormant { // a dormant table is none
			f.Chains = append(f.Chains, plan.Chain{Name: chains[i].Name, Hook: *hooks[i]})
		}
	}
	f.Sort()
	return f, readRules(c, &f)
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
func readRules(c *conn, f *plan.Firewall) error {
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
		i := slices.IndexFunc(f.Chains, func(c plan.Chain) bool { return c.Name == chain })
		if err != nil || table != plan.FirewallTable || i < 0 {
			return err
		}
		f.Chains[i].Rules = append(f.Chains[i].Rules, knownRule(chains, chain, len(f.Chains[i].Rules), exprs))
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
