package main

func linkKeys() []key {
	return []key{
		{
			name: "lladdr", forms: either(str(lladdr())),
			meaning:  "The address of the guest's NIC. Every interface of the network gets it, so it is for a network of one VM.",
			defWords: "derived from the VM's name and idx",
			node:     "one that another guest of the switch has",
			examples: []string{`"02:00:00:00:00:01"`},
		},
		{
			name: "up", forms: either(flag()),
			meaning:  "Whether host link and gateway are up.",
			def:      `true`,
			examples: []string{`false`},
		},
		{
			name: "mtu", forms: either(num(68, maxMTU)), unit: "bytes",
			meaning:  "The mtu of all the interface's links.",
			notes:    []string{"With IPv6 it is 1280 at least."},
			defWords: "that of the switch, else 1500",
			beside:   `"local": {"inet6": false}`,
			node:     "an mtu below that of the bridge",
			examples: []string{`1400`},
			refused: []refusal{
				{members: `"mtu": 1279`, code: codeValue, message: `read mtu 1279: IPv6 wants 1280 at least, raise it or set local.inet6 to false`, beyond: true},
				{members: `"switch": {"interface": "bridge0", "create": true, "mtu": 1500}, "mtu": 1400`, code: codeValue, message: `read mtu 1400: less than switch.mtu 1500, a bridge shrinks to its ports, make them equal`, beyond: true},
			},
		},
	}
}
