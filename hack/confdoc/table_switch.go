package main

func switchKeys() []key {
	top := key{
		name:     "switch",
		forms:    either(str(linkName()), obj()),
		meaning:  "The bridge that the interface is attached to: an object, or only the bridge's name.",
		defWords: "no switch",
		around:   `"switch": {"interface": "bridge0", %s}`,
		rules:    []rule{when(has("mtu"), is("create", true))},
		examples: []string{`"bridge0"`, `{"interface": "bridge0"}`},
		refused: []refusal{
			{value: `{}`, code: codeValue, message: `read switch.interface: missing, give one`},
			{members: `"switch.rdomain": 10`, code: codeKey, message: `read key "switch.rdomain" 10: unknown, write "rdomain" inside switch`},
		},
	}
	return append([]key{top}, under("switch.",
		key{
			name: "interface", required: true, forms: either(str(linkName())),
			meaning:  "The bridge's name, or an altname of it.",
			in:       `"switch": {"interface": %s}`,
			node:     "a link of another kind, or a missing bridge without `switch.create`",
			examples: []string{`"bridge0"`},
		},
		key{
			name: "name", forms: either(str(line())),
			meaning:  "The switch's name in the bridge's description, `switch<id>-<name>`.",
			defWords: "the bridge's name",
			same:     []members{{`"switch": "bridge0"`, `"switch": {"interface": "bridge0", "name": "bridge0"}`}},
			examples: []string{`"uplink"`},
		},
		key{
			name: "id", forms: either(num(0, maxUint32)),
			meaning:  "The switch's number in that description.",
			def:      `0`,
			examples: []string{`1`},
		},
		key{
			name: "create", forms: either(flag()),
			meaning:  "Make the bridge if it is missing: without STP and IPv6, and closed to layer 3.",
			notes:    []string{"It is kept when it is empty."},
			def:      `false`,
			examples: []string{`true`},
		},
		key{
			name: "rdomain", forms: either(num(0, maxRDomain)),
			meaning:  "The rdomain that the bridge is in, and the interfaces on it that have none of their own.",
			def:      `0`,
			node:     "an rdomain for somebody else's bridge that has addresses, and a bridge that is in another rdomain",
			examples: []string{`10`},
			refused: []refusal{{
				members: `"local": true, "rdomain": 0, "switch": {"interface": "bridge0", "rdomain": 54}, "rdomains": {"tableBase": 200}`, code: codeValue, beyond: true,
				message: `use rdomain 54: its table would be 254, and 253-255 are the kernel's own, choose another rdomain or rdomains.tableBase`,
			}},
		},
		key{
			name: "group", forms: either(str(groupName())),
			meaning:  "A group of all interfaces on the switch. It comes after the interface's own.",
			defWords: "none",
			examples: []string{`"vms"`},
		},
		key{
			name: "up", forms: either(flag()),
			meaning:  "Whether the bridge is up.",
			def:      `true`,
			examples: []string{`false`},
		},
		key{
			name: "mtu", forms: either(num(68, maxMTU)), unit: "bytes",
			meaning:  "The mtu of a bridge that vmtap makes.",
			notes:    []string{"With IPv6 it is 1280 at least."},
			defWords: "the interface's mtu",
			in:       `"switch": {"interface": "bridge0", "create": true, "mtu": %s}`,
			examples: []string{`9000`},
			refused: []refusal{
				{members: `"switch": {"interface": "bridge0", "mtu": 1500}`, code: codeValue, message: `read switch.mtu 1500: only a bridge that vmtap makes gets an mtu, add create or drop mtu`},
				{members: `"switch": {"interface": "bridge0", "create": true, "mtu": 1279}, "local": true`, code: codeValue, message: `read switch.mtu 1279: IPv6 wants 1280 at least, raise it or set local.inet6 to false`, beyond: true},
			},
		},
	)...)
}

func localKeys() []key {
	top := key{
		name:     "local",
		forms:    either(flag(), obj()),
		meaning:  "Host and guest are joined by a /31 and a /96 that follow from vmid and idx: true, false, or an object.",
		defWords: "true without a switch, false with one and in placement `chained`",
		same: []members{
			{`"up": true`, `"local": true`},
			{`"local": true`, `"local": {}`},
			{`"switch": "bridge0"`, `"switch": "bridge0", "local": false`},
			{`"placement": "chained"`, `"placement": "chained", "local": false`},
		},
		around:   `"local": {%s}`,
		rules:    []rule{when(is("inet6", false), hasNot("prefix6"))},
		in:       `"switch": "bridge0", "local": %s`,
		examples: []string{`true`, `false`, `{"bits": 4}`},
		refused: []refusal{
			{members: `"local": false`, code: codeValue, message: `read local false: without a switch nothing would be connected, add switch or drop local`},
		},
	}
	return append([]key{top}, under("local.",
		key{
			name: "prefix", forms: either(str(prefix4())),
			meaning:  "Where the IPv4 addresses are taken from.",
			notes:    []string{"It is /23 or shorter with 8 `bits`, in general /(31 - `bits`)."},
			def:      `"100.64.0.0/10"`,
			node:     "a prefix that the host routes elsewhere",
			examples: []string{`"10.0.0.0/16"`, `"10.0.0.0/23"`},
			refused: []refusal{
				{value: `"10.0.0.0/24"`, code: codeValue, message: `read local: local prefix 10.0.0.0/24: no VM fits with 8 address bits per VM, choose /23 or shorter`, beyond: true},
				{value: `"fd00::/8"`, code: codeValue, message: `read local: local prefix fd00::/8: not an IPv4 prefix`},
			},
		},
		key{
			name: "bits", forms: either(num(2, 8)), unit: "bits",
			meaning:  "The address bits of a VM: with 8 a VM has 256 addresses and so 127 interfaces, with 2 it has one interface.",
			def:      `8`,
			examples: []string{`4`},
			refused: []refusal{
				{members: `"local": {"prefix": "10.0.0.0/30", "bits": 2}`, code: codeValue, message: `read local: local prefix 10.0.0.0/30: no VM fits with 2 address bits per VM, choose /29 or shorter`},
			},
		},
		key{
			name: "inet6", forms: either(flag()),
			meaning:  "Whether there is IPv6.",
			def:      `true`,
			examples: []string{`false`},
		},
		key{
			name: "prefix6", forms: either(str(prefix6())),
			meaning:  "Where the IPv6 addresses are taken from; `auto` is a /48 derived from the machine id.",
			notes:    []string{"It is /64 or shorter."},
			def:      `"fd00::/8"`,
			node:     "a prefix that the host routes elsewhere, and `auto` without a machine id",
			examples: []string{`"auto"`, `"fd12:3456::/32"`},
			refused: []refusal{
				{members: `"local": {"inet6": false, "prefix6": "fd00::/8"}`, code: codeValue, message: `read local.prefix6 "fd00::/8": contradicts inet6 false, drop one of them`},
				{value: `"fd00::/65"`, code: codeValue, message: `read local: local prefix6 fd00::/65: longer than /64`},
				{value: `"10.0.0.0/8"`, code: codeValue, message: `read local: local prefix6 10.0.0.0/8: not an IPv6 prefix`},
			},
		},
	)...)
}
