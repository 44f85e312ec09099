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
			meaning:  "The access VLAN of the bridge port; 0 is none.",
			def:      `0`,
			later:    only(`0`),
			examples: []string{`100`},
		},
		{
			name: "vlanTrunk", forms: either(listOf(obj())),
			meaning:  "The tagged VLANs of the bridge port.",
			defWords: "none",
			same:     []members{{`"up": true`, `"vlanTrunk": []`}},
			later:    only(`[]`),
			examples: []string{`[{"minID": 200, "maxID": 210}]`, `[{"id": 5}]`},
			around:   `"vlanTrunk": [{"id": 5, %s}]`,
			rules: []rule{{"type": "array", "items": rule{"type": "object", "if": has("id"), "then": rule{
				"type": "object", "not": rule{"anyOf": []rule{has("minID"), has("maxID")}},
			}, "else": has("minID", "maxID")}}},
			refused: []refusal{
				{value: `[{}]`, code: codeValue, message: `read vlanTrunk[0] {}: ` + want},
				{value: `[{"minID": 210, "maxID": 200}]`, code: codeValue, message: `read vlanTrunk[0] {"minID": 210, "maxID": 200}: ` + want, beyond: true},
			},
		},
	}, under("vlanTrunk[].",
		key{
			name: "id", forms: either(num(1, 4094)),
			meaning:  "One VLAN.",
			defWords: "`minID` and `maxID` say which",
			in:       `"vlanTrunk": [{"id": %s}]`,
			examples: []string{`5`},
		},
		key{
			name: "minID", forms: either(num(1, 4094)),
			meaning:  "The lowest VLAN of a range.",
			defWords: "`id` says which",
			in:       `"vlanTrunk": [{"minID": %s, "maxID": 4094}]`,
			examples: []string{`200`},
		},
		key{
			name: "maxID", forms: either(num(1, 4094)),
			meaning:  "The highest VLAN of a range.",
			defWords: "`id` says which",
			in:       `"vlanTrunk": [{"minID": 1, "maxID": %s}]`,
			examples: []string{`210`},
		},
	)...)
}

func guardKeys() []key {
	keys := append([]key{
		{
			name: "locked", forms: either(flag()),
			meaning:  "The guest can only use its own lladdr.",
			def:      `false`,
			later:    only(`false`),
			examples: []string{`true`},
		},
		{
			name: "guard", forms: either(flag(), obj()),
			meaning:  "The guest can only use its own lladdr and addresses: true, false, or an object with what else it may use, which means true.",
			def:      `false`,
			later:    only(`false`),
			examples: []string{`true`, `{"addresses": ["100.64.9.9"], "protocols": ["vrrp"]}`},
			around:   `"guard": {%s}`,
			refused: []refusal{
				{members: `"guard": true, "locked": false`, code: codeValue, message: `read locked false: contradicts guard, which is void without it, set it to true or drop guard`},
			},
		},
	}, under("guard.",
		key{
			name: "addresses", forms: oneOrList(address()),
			meaning:  "More addresses that the guest may use.",
			defWords: "none",
			examples: []string{`["100.64.9.9"]`},
		},
		key{
			name: "lladdrs", forms: oneOrList(lladdr()),
			meaning:  "More lladdrs that the guest may use.",
			defWords: "none",
			examples: []string{`["02:00:00:00:00:02"]`},
		},
		key{
			name: "protocols", forms: oneOrList(plainWord()),
			meaning:  "Protocols that the guest may speak beside.",
			defWords: "none",
			examples: []string{`["vrrp"]`},
		},
	)...)
	return append(keys, key{
		name: "portIsolation", forms: either(flag()),
		meaning:  "The guest reaches no other isolated port of the bridge.",
		def:      `false`,
		later:    only(`false`),
		examples: []string{`true`},
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
