package main

func tapKeys() []key {
	const maxOwner = maxUint32 - 1
	return append([]key{{
		name: "tap", forms: either(obj()),
		meaning:  "Who may open the tap, and how.",
		defWords: "each of its keys has a default",
		same:     []members{{`"up": true`, `"tap": {}`}},
		around:   `"tap": {%s}`,
		examples: []string{`{"uid": 107, "gid": 107}`},
	}}, under("tap.",
		key{
			name: "name", forms: either(str(linkName())),
			meaning:  "The tap's name in placement `chained`.",
			notes:    []string{"In placement `pod` it is CNI_IFNAME, in placement `host` `vm<vmid>-if<idx>`."},
			def:      `"tap0"`,
			in:       `"placement": "chained", "tap": {"name": %s}`,
			examples: []string{`"tap7"`},
			refused: []refusal{
				{members: `"tap": {"name": "tap0"}`, code: codeValue, message: `read tap.name "tap0": only for placement chained, in placement pod the tap's name is CNI_IFNAME, drop one of them`},
				{value: `"eth0"`, code: codeValue, message: `read tap.name "eth0": that is CNI_IFNAME, the interface that the tap is joined to, choose another`, beyond: true},
			},
		},
		key{
			name: "uid", forms: either(num(0, maxOwner)),
			meaning:  "The user who may open the tap.",
			defWords: "0, unless only `gid` is given",
			same:     []members{{`"up": true`, `"tap": {"uid": 0}`}},
			examples: []string{`107`},
		},
		key{
			name: "gid", forms: either(num(0, maxOwner)),
			meaning:  "The group that may open the tap. The kernel wants both if both are set.",
			defWords: "none",
			examples: []string{`107`},
		},
		key{
			name: "selinuxContext", forms: either(str(lineOrNothing())),
			meaning:  "The SELinux context of the tap, which is that of a process; an empty one is the plugin's own.",
			notes:    []string{"What the node's policy must allow for it is in [selinux.md](selinux.md). CHECK cannot compare it, since the kernel tells nobody."},
			node:     "it has no SELinux or its policy has no such context, and at the making of the tap if the policy does not allow it",
			def:      `""`,
			same:     []members{{`"up": true`, `"tap": {"selinuxContext": ""}`}},
			examples: []string{`"system_u:system_r:container_t:s0"`},
		},
		key{
			name: "multiQueue", forms: either(flag()),
			meaning: "The tap has several queues.",
			notes: []string{
				"Each time the VM monitor opens it, it gets one, and must ask for `IFF_MULTI_QUEUE`; one that does not ask cannot open it.",
			},
			def:      `false`,
			examples: []string{`true`},
		},
		key{
			name: "vnetHdr", forms: either(flag()),
			meaning:  "The tap is made for virtio-net headers.",
			def:      `true`,
			examples: []string{`false`},
		},
	)...)
}

func vmidKeys() []key {
	return append([]key{{
		name: "vmid", forms: either(obj()),
		meaning:  "How VMs get their vmids.",
		defWords: "each of its keys has a default",
		same:     []members{{`"up": true`, `"vmid": {}`}},
		around:   `"vmid": {%s}`,
		examples: []string{`{"range": "1-255", "probe": false}`},
	}}, under("vmid.",
		key{
			name: "range", forms: either(str(idRange())),
			meaning:  "The vmids that VMs get. All networks of one VM need a range that has its vmid.",
			defWords: "all that fit `local.prefix`; 1-16383 if the interface is not local",
			same: []members{
				{`"up": true`, `"vmid": {"range": "1-16383"}`},
				{`"local": {"prefix": "10.0.0.0/16"}`, `"local": {"prefix": "10.0.0.0/16"}, "vmid": {"range": "1-255"}`},
				{`"switch": "bridge0"`, `"switch": "bridge0", "vmid": {"range": "1-16383"}`},
			},
			examples: []string{`"1-255"`, `"7"`, `"1-16383"`},
			refused: []refusal{
				{value: `"1-16384"`, code: codeValue, message: `read vmid.range "1-16384": 100.64.0.0/10 holds VM ids 1-16383 with 8 address bits per VM`, beyond: true},
			},
		},
		key{
			name: "probe", forms: either(flag()),
			meaning:  "Take the next free vmid if the preferred one is taken.",
			notes:    []string{"With false ADD fails then, with code 11."},
			def:      `true`,
			examples: []string{`false`},
		},
	)...)
}

func guestKeys() []key {
	keys := []key{{
		name: "routes", forms: either(listOf(obj())),
		meaning:  "Routes of the guest, after the default routes. They are passed on in the result.",
		defWords: "none",
		same:     []members{{`"up": true`, `"routes": []`}},
		around:   `"routes": [{"dst": "10.0.0.0/8", %s}]`,
		examples: []string{`[{"dst": "10.0.0.0/8"}]`},
		refused: []refusal{
			{value: `[{}]`, code: codeValue, message: `read routes[0].dst: missing, give one`},
		},
	}}
	keys = append(keys, under("routes[].",
		key{
			name: "dst", required: true, forms: either(str(prefix())),
			meaning:  "Where the route leads.",
			in:       `"routes": [{"dst": %s}]`,
			examples: []string{`"10.0.0.0/8"`},
			refused: []refusal{
				{members: `"local": {"inet6": false}, "routes": [{"dst": "fd01::/16"}]`, code: codeValue, message: `read routes[0] to fd01::/16: the interface has no IPv6, drop the route or local.inet6 false`, beyond: true},
			},
		},
		key{
			name: "gw", forms: either(str(router())),
			meaning:  "The router.",
			defWords: "host4 or host6, or the gateway that the plugin of `ipam` gives; else the interface has none",
			in:       `"routes": [{"dst": "10.0.0.0/8", "gw": %s}]`,
			examples: []string{`"100.64.9.2"`},
			refused: []refusal{
				{members: `"routes": [{"dst": "10.0.0.0/8", "gw": "fd00::1"}]`, code: codeValue, message: `read routes[0].gw "fd00::1": not of the family of dst 10.0.0.0/8`, beyond: true},
				{members: `"switch": "bridge0", "routes": [{"dst": "10.0.0.0/8"}]`, code: codeValue, message: `read routes[0] to 10.0.0.0/8: an interface that is not local has no gateway, give gw`, beyond: true},
			},
		},
		key{
			name: "mtu", forms: either(num(68, maxMTU)), unit: "bytes",
			meaning:  "The route's mtu.",
			defWords: "not given",
			examples: []string{`1400`},
		},
		key{
			name: "advmss", forms: either(num(1, 65495)), unit: "bytes",
			meaning:  "The segment size that the guest announces.",
			defWords: "not given",
			examples: []string{`1360`},
		},
		key{
			name: "priority", forms: either(num(0, 1<<31-1)),
			meaning:  "The route's metric.",
			defWords: "not given",
			examples: []string{`100`},
		},
		key{
			name: "table", forms: either(num(0, maxUint32)),
			meaning:  "The route's table in the guest.",
			defWords: "not given",
			later:    only(),
			examples: []string{`5`},
		},
		key{
			name: "scope", forms: either(num(0, 255)),
			meaning:  "The route's scope.",
			defWords: "not given",
			later:    only(),
			examples: []string{`0`},
		},
	)...)
	keys = append(keys, key{
		name: "dns", forms: either(obj()),
		meaning:  "What the guest is told about name servers. It is passed on in the result.",
		defWords: "nothing",
		same:     []members{{`"up": true`, `"dns": {}`}},
		around:   `"dns": {%s}`,
		examples: []string{`{"nameservers": ["10.0.0.53"]}`},
	}, key{
		name: "ntp", forms: oneOrList(address()),
		meaning:  "Time servers: a list, or one. The result has no place for them: `vmtapd` tells the guest.",
		defWords: "none",
		examples: []string{`["192.0.2.123", "2001:db8::123"]`, `"192.0.2.123"`},
		refused: []refusal{{
			words: "without addresses", members: `"switch": "bridge0", "ntp": "192.0.2.123"`, code: codeValue, beyond: true,
			message: `read ntp: the interface has no addresses with which the guest would be told, it is not local and has no ipam`,
		}},
	})
	return append(keys, under("dns.",
		key{
			name: "nameservers", forms: oneOrList(address()),
			meaning:  "The name servers' addresses: a list, or one.",
			defWords: "none",
			examples: []string{`["10.0.0.53", "fd00::53"]`, `"10.0.0.53"`},
		},
		key{
			name: "domain", forms: either(str(plainWord())),
			meaning:  "The guest's domain.",
			defWords: "none",
			examples: []string{`"example.org"`},
		},
		key{
			name: "search", forms: oneOrList(plainWord()),
			meaning:  "Domains to search: a list, or one.",
			defWords: "none",
			examples: []string{`["example.org"]`, `"example.org"`},
		},
		key{
			name: "options", forms: oneOrList(plainWord()),
			meaning:  "The resolver's options: a list, or one.",
			defWords: "none",
			examples: []string{`["ndots:2"]`, `"ndots:2"`},
		},
	)...)
}

func allowKeys() []key {
	return append([]key{{
		name: "allow", forms: either(obj()),
		meaning:  "What a pod may choose for its VM.",
		defWords: "the VM's name",
		same:     []members{{`"up": true`, `"allow": {}`}},
		around:   `"allow": {%s}`,
		examples: []string{`{"vmid": "1-255", "lladdr": true}`},
		refused: []refusal{{
			members: `"allow": {"vmid": "1-255"}`, args: `K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;VMID=300`, code: codeValue, beyond: true,
			message: `choose CNI_ARGS VMID "300": not allowed, allow.vmid is "1-255"`,
		}},
	}}, under("allow.",
		key{
			name: "vmid", forms: either(str(idRanges())),
			meaning:  "The vmids that it may choose.",
			defWords: "none",
			examples: []string{`"1-255,300"`},
		},
		key{
			name: "rdomain", forms: either(listOf(num(0, maxRDomain))),
			meaning:  "The rdomains that it may choose for layer 3. The switch stays in its own.",
			defWords: "none",
			same:     []members{{`"up": true`, `"allow": {"rdomain": []}`}},
			examples: []string{`[0, 10, 20]`},
		},
		key{
			name: "group", forms: oneOrList(groupName()),
			meaning:  "The groups that it may choose: a list, or one.",
			defWords: "none",
			examples: []string{`["web", "db"]`, `"web"`},
		},
		key{
			name: "lladdr", forms: either(flag()),
			meaning:  "Whether it may choose the lladdr.",
			def:      `false`,
			examples: []string{`true`},
		},
		key{
			name: "switch", forms: oneOrList(linkName()),
			meaning:  "The bridges that it may choose: a list, or one.",
			defWords: "none",
			examples: []string{`["bridge1"]`, `"bridge1"`},
		},
		key{
			name: "name", forms: either(flag()),
			meaning:  "Whether it may choose the VM's name, within its namespace.",
			def:      `true`,
			examples: []string{`false`},
		},
	)...)
}
