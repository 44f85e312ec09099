package main

import (
	"fmt"
	"strings"
)

// tooManyGroups is 33 groups with the switch's.
func tooManyGroups() []refusal {
	var names []string
	for i := range 32 {
		names = append(names, fmt.Sprintf("%q", "g"+string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	return []refusal{{
		members: `"switch": {"interface": "bridge0", "group": "vms"}, "group": [` + strings.Join(names, ", ") + `]`,
		words:   "33 groups with the switch's",
		code:    codeValue, beyond: true,
		message: `read group: 33 groups with the switch's, want 32 at most`,
	}}
}

func vlanKeys() []key {
	const want = `want minID and maxID, the lower first, or id alone`
	return append([]key{
		{
			name: "vlan", forms: either(num(0, 4094)),
			meaning:  "The access VLAN of the bridge port: what comes in untagged is in it, and leaves without a tag; 0 is none. See [switch-ports.md](switch-ports.md).",
			def:      `0`,
			in:       `"switch": "bridge0", "vlan": %s`,
			node:     "a bridge that does not filter VLANs or tags otherwise than 802.1Q; a kernel whose bridges know no VLANs",
			examples: []string{`100`},
			refused: []refusal{
				{members: `"vlan": 100`, code: codeValue, message: `read vlan 100: the interface has no switch, add switch or drop vlan`},
				{members: `"switch": "bridge0", "vlan": 205, "vlanTrunk": [{"minID": 200, "maxID": 210}]`, code: codeValue, message: `read vlan 205: vlanTrunk has it as a tagged one, take it out of one of them`, beyond: true},
			},
		},
		{
			name: "vlanTrunk", forms: either(listOf(obj())),
			meaning:  "The tagged VLANs of the bridge port. Without `vlan`, untagged frames are in no VLAN and are dropped.",
			defWords: "none",
			same:     []members{{`"up": true`, `"vlanTrunk": []`}},
			in:       `"switch": "bridge0", "vlanTrunk": %s`,
			node:     "what is refused of `vlan`",
			examples: []string{`[{"minID": 200, "maxID": 210}]`, `[{"id": 5}]`},
			around:   `"switch": "bridge0", "vlanTrunk": [{"id": 5, %s}]`,
			rules: []rule{{"type": "array", "items": rule{"type": "object", "if": has("id"), "then": rule{
				"type": "object", "not": rule{"anyOf": []rule{has("minID"), has("maxID")}},
			}, "else": has("minID", "maxID")}}},
			refused: []refusal{
				{value: `[{}]`, code: codeValue, message: `read vlanTrunk[0] {}: ` + want},
				{value: `[{"minID": 210, "maxID": 200}]`, code: codeValue, message: `read vlanTrunk[0] {"minID": 210, "maxID": 200}: ` + want, beyond: true},
				{value: `[{"id": 210}, {"minID": 200, "maxID": 210}]`, code: codeValue, message: `read vlanTrunk [{"id": 210}, {"minID": 200, "maxID": 210}]: 200-210 and 210-210 overlap`, beyond: true},
				{members: `"vlanTrunk": [{"id": 5}]`, code: codeValue, message: `read vlanTrunk: the interface has no switch, add switch or drop vlanTrunk`},
			},
		},
	}, under("vlanTrunk[].",
		key{
			name: "id", forms: either(num(1, 4094)),
			meaning:  "One VLAN.",
			defWords: "`minID` and `maxID` say which",
			in:       `"switch": "bridge0", "vlanTrunk": [{"id": %s}]`,
			examples: []string{`5`},
		},
		key{
			name: "minID", forms: either(num(1, 4094)),
			meaning:  "The lowest VLAN of a range.",
			defWords: "`id` says which",
			in:       `"switch": "bridge0", "vlanTrunk": [{"minID": %s, "maxID": 4094}]`,
			examples: []string{`200`},
		},
		key{
			name: "maxID", forms: either(num(1, 4094)),
			meaning:  "The highest VLAN of a range.",
			defWords: "`id` says which",
			in:       `"switch": "bridge0", "vlanTrunk": [{"minID": 1, "maxID": %s}]`,
			examples: []string{`210`},
		},
	)...)
}

func guardKeys() []key {
	keys := append([]key{
		{
			name: "locked", forms: either(flag()),
			meaning: "The guest can only use its own lladdr: frames from another one are dropped at the host link. Other hosts know it by that alone, and the host for good, by permanent neighbours. See [isolation.md](isolation.md).",
			notes: []string{
				"Locked alone, without a guard, also drops frames with a VLAN tag, and those that are for a switch itself, such as BPDUs.",
			},
			defWords: "true where `guard` is, else false",
			examples: []string{`true`},
			node:     "a kernel without the classic BPF classifier, cls_bpf",
			refused: []refusal{
				{members: `"locked": false`, code: codeValue, message: `read locked false: an interface with addresses is guarded and a guard is void without it, since forged lladdrs move the switch's table entries, add guard false or drop locked`, beyond: true},
			},
		},
		{
			name: "guard", forms: either(flag(), obj()),
			meaning: "The guest can only use its own lladdr and addresses: true, false, or an object with what else it may use, which means true. It cannot be its neighbour, a router or a DHCP server. See [isolation.md](isolation.md).",
			notes: []string{
				"Own addresses are those of a local interface, and those that `ipam` gave. An interface without either is not guarded; with `guard.addresses` it can be.",
				"The guard stands at the ingress of the host link and of the gateway, in the host's namespace, before they are up or on a switch. On somebody else's bridge a local guest does not reach the bridge's own address either; so that this holds, vmtap sets that address to what it is.",
			},
			defWords: "true for a local interface and with `ipam`, else false",
			node:     "a kernel without the classic BPF classifier, cls_bpf",
			examples: []string{`true`, `{"addresses": ["100.64.9.9"], "protocols": ["vrrp"]}`},
			around:   `"guard": {%s}`,
			refused: []refusal{
				{members: `"guard": true, "locked": false`, code: codeValue, message: `read locked false: contradicts guard, a guard is void without it, since forged lladdrs move the switch's table entries, drop one of them`},
				{members: `"switch": "bridge0", "guard": true`, code: codeValue, message: `read guard true: the interface has no addresses that a guard could hold the guest to: it is not local and has no ipam, use locked or add guard.addresses`, beyond: true},
			},
		},
	}, under("guard.",
		key{
			name: "addresses", forms: oneOrList(address()),
			meaning:  "More addresses that the guest may use, 32 at most: of a nested VM, or one that moves between VMs.",
			defWords: "none",
			rules:    []rule{{"maxItems": 32}},
			examples: []string{`["100.64.9.9"]`},
		},
		key{
			name: "lladdrs", forms: oneOrList(lladdr()),
			meaning:  "More lladdrs that the guest may use, 32 at most: of a nested VM, or VRRP's.",
			defWords: "none",
			rules:    []rule{{"maxItems": 32}},
			examples: []string{`["02:00:00:00:00:02"]`},
		},
		key{
			name: "protocols", forms: oneOrList(protocolWord()),
			meaning:  "Protocols that the guest may speak over IPv6 beside TCP, UDP, ICMPv6 and ESP, 32 at most. Over IPv4 all are let through.",
			defWords: "none",
			rules:    []rule{{"maxItems": 32}},
			examples: []string{`["vrrp"]`},
		},
	)...)
	return append(keys, key{
		name: "portIsolation", forms: either(flag()),
		meaning:  "The guest reaches no other isolated port of the bridge. See [switch-ports.md](switch-ports.md).",
		notes:    []string{"Gateways still reach each other's guests: that is layer 3, which rdomains and firewalls divide."},
		def:      `false`,
		in:       `"switch": "bridge0", "portIsolation": %s`,
		examples: []string{`true`},
		refused: []refusal{
			{members: `"portIsolation": true`, code: codeValue, message: `read portIsolation true: the interface has no switch, whose port it could be, add switch or drop portIsolation`},
		},
	})
}

func forwardKeys() []key {
	return []key{
		{
			name: "forward", forms: either(flag()),
			meaning: "Make the host forward, for local interfaces: IPv4 and IPv6 forwarding are set to 1 where they are 0.",
			notes: []string{
				"With false the host is left alone, and the interface does not forward IPv4; for IPv6 Linux has only the host's setting.",
			},
			def:      `true`,
			node:     "forwarding that costs the host a default route from router advertisements",
			examples: []string{`false`},
		},
		{
			name: "ipMasq", forms: either(flag()),
			meaning:  "Replace the source address of what guests send out by links that are not vmtap's. See [firewall.md](firewall.md).",
			def:      `false`,
			node:     "a guest of another network with this prefix that has it otherwise; a kernel without nftables",
			examples: []string{`true`},
			refused: []refusal{
				{members: `"switch": "bridge0", "ipMasq": true`, code: codeValue, message: `use ipMasq true: an interface that is not local has no addresses to translate, add local or drop ipMasq`, beyond: true},
				{members: `"forward": false, "ipMasq": true`, code: codeValue, message: `use ipMasq true: contradicts forward false, without forwarding there is nothing to translate, drop one of them`, beyond: true},
			},
		},
		{
			name: "hostAccess", forms: oneOrList(access()),
			meaning:  "What guests in rdomain 0 may open on the host itself: `all`, `icmp`, or ports, 128 at most; a list, or one. See [firewall.md](firewall.md).",
			def:      `"all"`,
			node:     "a guest of another network with this prefix that has it otherwise; a bridge that is somebody else's; a kernel without nftables",
			examples: []string{`"icmp"`, `["tcp/10250", "udp/53"]`},
			rules:    []rule{notEmpty(), when(rule{"type": "array", "contains": rule{"const": "all"}}, rule{"type": "array", "maxItems": 1})},
			refused: []refusal{
				{value: `[]`, code: codeValue, message: `read hostAccess []: want all, icmp, or ports such as tcp/10250`},
				{value: `["all", "udp/53"]`, code: codeValue, message: `read hostAccess ["all", "udp/53"]: all leaves nothing to add, drop the others`},
				{members: `"switch": "bridge0", "hostAccess": "icmp"`, code: codeValue, message: `use hostAccess "icmp": an interface that is not local has no way to the host that could be limited, add local or drop hostAccess`, beyond: true},
				{members: `"rdomain": 10, "hostAccess": "icmp"`, code: codeValue, message: `use hostAccess "icmp": it limits guests in rdomain 0, and this one is in rdomain 10, drop hostAccess`, beyond: true},
			},
		},
	}
}

// portRules is what a schema can tell about ports of a switch.
func portRules() []rule {
	some := rule{"required": []string{"vlanTrunk"}, "properties": rule{"vlanTrunk": rule{"type": "array", "minItems": 1}}}
	vlan := rule{"required": []string{"vlan"}, "properties": rule{"vlan": rule{"type": "number", "exclusiveMinimum": 0}}}
	return []rule{when(is("portIsolation", true), has("switch")), when(vlan, has("switch")), when(some, has("switch"))}
}
