package plan

import (
	"fmt"
	"slices"
)

// Chain is a chain of the table.
type Chain struct {
	Name  string
	Hook  string // as nft has it: "type filter hook input priority filter; policy accept;"; "" for one that others go to
	Rules []FirewallRule
}

// FirewallRule is a rule in nft's words: its conditions in order, and what is then
// done. Each word group is one of the constants below.
type FirewallRule []string

// The word groups of rules. pkg/kernel has the kernel's form of each.
const (
	fromGuests    = "iifname @links"
	notFromGuests = "iifname != @links"
	toGuests      = "oifname @links"
	fromVRF       = `meta iifkind "vrf"`
	toVRF         = `meta oifkind "vrf"`

	isKnown       = "ct state established,related"
	isNeighbour   = "icmpv6 type 133-136" // router and neighbour solicitations and advertisements
	isDHCP        = "udp sport 68 udp dport 67"
	isDHCPv6      = "udp sport 546 udp dport 547"
	noSource      = "ip saddr 0.0.0.0"
	forged        = "fib saddr . iif oif 0" // Linux would not answer by this link
	fromLinkLocal = "ip6 saddr fe80::/10"
	notLinkLocal  = "ip6 daddr != fe80::/10"
	open4         = "ip saddr . meta l4proto . th dport @open4"
	open6         = "ip6 saddr . meta l4proto . th dport @open6"
	openLinkLocal = "ip6 daddr . meta l4proto . th dport @open6"
	closed4       = "ip saddr @closed4"
	closed6       = "ip6 saddr @closed6"
	closedLL      = "ip6 daddr @closed6"
	masq4         = "ip saddr @masq4"
	masq6         = "ip6 saddr @masq6"

	setZone     = "ct original zone set jhash iif mod 65535 seed 0x1 offset 1"
	masquerade  = "masquerade"
	accept      = "accept"
	drop        = "drop"
	leave       = "return"
	toLinkLocal = "goto linklocal"
	toMasq      = "goto masq"
)

// The hooks of chains.
const (
	hookZone  = "type filter hook prerouting priority raw; policy accept;"
	hookInput = "type filter hook input priority filter; policy accept;"
	hookMasq  = "type nat hook postrouting priority srcnat; policy accept;"
)

// complete makes sets and chains of what the table is to do. What has nothing
// to do is not there: a chain costs every packet of the node, and the first
// of NAT turns on connection tracking.
func (f *Firewall) complete() {
	f.Links, f.Sets = linkNames(), SetNames()
	if len(f.Masq)+len(f.Closed) == 0 {
		return
	}
	f.Chains = []Chain{zoneChain()}
	if len(f.Closed) > 0 {
		f.Chains = append(f.Chains, inputChains()...)
	}
	if len(f.Masq) > 0 {
		f.Chains = append(f.Chains, masqChains()...)
	}
}

// AllChains returns every chain that a table can have.
func AllChains() []Chain {
	return slices.Concat([]Chain{zoneChain()}, inputChains(), masqChains())
}

// linkNames match vm<vmid>-if<idx> and vm<vmid>-gw<idx>, and not vmbr0: a vmid
// begins with a digit other than 0.
func linkNames() []string {
	var names []string
	for digit := '1'; digit <= '9'; digit++ {
		names = append(names, fmt.Sprintf("vm%c*", digit))
	}
	return names
}

// SetNames returns the sets that a table has.
func SetNames() []string {
	return []string{"links", "masq4", "masq6", "closed4", "closed6", "open4", "open6"}
}

// zoneChain keeps the connections of different links apart where they begin:
// guests of two rdomains may have the same addresses and ports. Answers come
// by any link, and are found by what they answer to.
func zoneChain() Chain {
	return Chain{"zone", hookZone, []FirewallRule{{fromGuests, setZone}}}
}

// inputChains judge what guests in rdomain 0 send to the host: what a VRF's
// guests send comes in by the VRF. First what a guest needs to be one; then
// what is forged goes, since all else goes by source. What has a link-local
// source, the same in all networks, is known by the gateway's own link-local
// address that it is for.
func inputChains() []Chain {
	return []Chain{
		{"input", hookInput, []FirewallRule{
			{notFromGuests, accept},
			{isKnown, accept},
			{isNeighbour, accept},
			{isDHCP, accept},
			{isDHCPv6, accept},
			{noSource, drop},
			{forged, drop},
			{fromLinkLocal, toLinkLocal},
			{open4, accept},
			{open6, accept},
			{closed4, drop},
			{closed6, drop},
		}},
		{"linklocal", "", []FirewallRule{
			{notLinkLocal, drop},
			{openLinkLocal, accept},
			{closedLL, drop},
		}},
	}
}

// masqChains translate what comes from a guest's link, or out of a VRF, and
// leaves by a link that is neither. So what the host sends itself, and what
// bridges pass through netfilter, is left alone. Linux from 5.16 on does not ask
// when a packet leaves by a VRF, and asks again at the link behind it.
func masqChains() []Chain {
	return []Chain{
		{"postrouting", hookMasq, []FirewallRule{
			{toGuests, leave},
			{toVRF, leave},
			{fromGuests, toMasq},
			{fromVRF, toMasq},
		}},
		{"masq", "", []FirewallRule{
			{masq4, masquerade},
			{masq6, masquerade},
		}},
	}
}
