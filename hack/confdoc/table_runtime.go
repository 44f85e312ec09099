package main

import "strings"

const podAnnotations = "io.kubernetes.cri.pod-annotations"

func capabilityKeys() []key {
	capability := func(name, meaning string) key {
		return key{
			name: name, forms: either(flag()), def: `false`,
			meaning: meaning, in: `"capabilities": {"` + name + `": %s}`,
			examples: []string{`true`},
		}
	}
	return append([]key{{
		name: "capabilities", forms: either(obj()), open: true, nullable: true,
		meaning:  "What the runtime is to put into `runtimeConfig`: true or false for each capability.",
		defWords: "none",
		same:     []members{{`"up": true`, `"capabilities": {}`}},
		examples: []string{`{"mac": true, "ips": true, "portMappings": true}`},
	}}, under("capabilities.",
		capability("mac", "The lladdr that the runtime asks for."),
		capability("ips", "The addresses that the runtime asks for."),
		capability(podAnnotations, "The pod's annotations."),
		capability("bandwidth", "Limits of what passes between the guest and all else."),
	)...)
}

// specVersions are the versions of the specification that vmtap speaks.
func specVersions() []string { return []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} }

func specKeys() []key {
	versions := strings.Join(specVersions(), ", ")
	version := form{kind: text, words: specVersions()}
	bare := func(conf string) refusal {
		return refusal{members: conf, code: 1, message: `read cniVersion "0.2.0": not supported, want ` + versions}
	}
	return []key{
		{
			name: "type", required: true, typed: "string",
			meaning:  "The plugin's name, `vmtap`. The runtime starts the program of this name.",
			examples: []string{`"vmtap"`},
		},
		{
			name: "cniVersion", required: true, forms: either(version),
			meaning:  "The version of the specification that the runtime speaks.",
			examples: []string{`"1.0.0"`, `"1.1.0"`},
			refused:  []refusal{bare(`"cniVersion": "0.2.0"`)},
		},
		{
			name: "name", required: true, forms: either(str(networkName())),
			meaning:  "The network's name.",
			examples: []string{`"vmnet"`},
		},
		{
			name:     "cniVersions",
			typed:    "list of strings",
			meaning:  "All versions that the configuration is good for. The runtime chooses one and sets `cniVersion` to it.",
			examples: []string{`["1.0.0", "1.1.0"]`},
		},
		{
			name: "prevResult", forms: either(obj()), open: true, nullable: true,
			meaning:  "The result of the plugin before, and at CHECK and DEL that of ADD.",
			defWords: "none",
			examples: []string{`{"cniVersion": "1.0.0", "ips": []}`, `null`},
		},
		{
			name: "args", forms: either(obj()), open: true, nullable: true,
			meaning:  "What a pod's owner passes to plugins. vmtap reads `args.cni.vmtap`, see [below](#choices-in-args).",
			defWords: "none",
			examples: []string{`{"cni": {"vmtap": {"vmid": 5}}}`, `null`},
			refused: []refusal{
				{value: `{"cni": []}`, code: codeType, message: `read args.cni: want an object, have a list`},
				{value: `{"cni": {"vmtap": "x"}}`, code: codeType, message: `read args.cni.vmtap: want an object, have a string`},
			},
		},
		{
			name: "runtimeConfig", forms: either(obj()), open: true, nullable: true,
			meaning:  "What the runtime sends for the declared capabilities, see [below](#what-the-runtime-sends). Where it took `capabilities` out of the request all counts as declared.",
			defWords: "none",
			examples: []string{`{"mac": "02:00:00:00:00:02"}`, `null`},
		},
		{
			name: "deviceID", typed: "anything", meaning: "A device plugin's choice. vmtap does not look at it.",
			examples: []string{`"x"`},
		},
		{
			name: "pciBusID", typed: "anything", meaning: "The same, in an older form.",
			examples: []string{`"x"`},
		},
	}
}

func runtimeKeys() []key {
	in := func(name string) string {
		return `"capabilities": {"` + name + `": true}, "runtimeConfig": {"` + name + `": %s}`
	}
	return under("runtimeConfig.",
		key{
			name: "mac", forms: either(str(lladdr())), nullable: true, in: in("mac"),
			meaning:  "The address of the guest's NIC. The declared capability allows it.",
			defWords: "nothing is asked for",
			node:     "one that another guest of the switch has",
			examples: []string{`"02:00:00:00:00:02"`},
			refused: []refusal{{
				members: `"capabilities": {"mac": true}, "runtimeConfig": {"mac": "02:00:00:00:00:02", "Mac": "02:00:00:00:00:02"}`, code: codeType,
				message: `read runtimeConfig.mac: stands twice, in different cases`,
			}},
		},
		key{
			name: "ips", forms: either(listOf(str(ipPrefix()))), nullable: true, in: in("ips"),
			meaning:  "Addresses that the interface is to have. They may be the ones that it has anyway, and no others; with `ipam` those that its plugin gives.",
			defWords: "nothing is asked for",
			node:     "an address that is not the interface's own",
			examples: []string{`["100.64.7.3/31"]`, `["100.64.7.3"]`},
			refused: []refusal{
				{
					members: `"switch": "bridge0", "capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.0.0.1"]}`, code: codeValue,
					message: `use runtimeConfig.ips: the interface has no addresses, it is not local and has no ipam`,
				},
			},
		},
		key{
			name: "bandwidth", forms: either(obj()), open: true, nullable: true, in: in("bandwidth"),
			meaning:  "Limits of what passes between the guest and all else, as the guest sees it: `ingressRate` into the guest and `egressRate` from it, in bits per second, with `ingressBurst` and `egressBurst`, what may pass at once after silence, in bits.",
			notes:    []string{"0 is no limit. A rate needs a burst. See [bandwidth.md](bandwidth.md)."},
			defWords: "no limits",
			examples: []string{`{"ingressRate": 10000000, "ingressBurst": 1000000}`, `{}`},
			refused: []refusal{
				{value: `{"ingressRate": 10000000}`, code: codeValue, message: `read runtimeConfig.bandwidth.ingressRate 10000000: a rate without a burst lets nothing pass, give ingressBurst`},
				{value: `{"egressBurst": 1000000}`, code: codeValue, message: `read runtimeConfig.bandwidth.egressBurst 1000000: a burst without a rate limits nothing, give egressRate`},
				{value: `{"egressRate": 7, "egressBurst": 8}`, code: codeValue, message: `read runtimeConfig.bandwidth.egressRate 7: want 8 bits per second at least`},
				{value: `{"egressRate": 8, "egressBurst": 34359738360}`, code: codeValue, message: `read runtimeConfig.bandwidth.egressBurst 34359738360: want less than 4 GB, in bits`},
				{value: `{"rate": 8}`, code: codeKey, message: `read key "runtimeConfig.bandwidth.rate" 8: unknown`},
				{
					members: `"placement": "chained", "capabilities": {"bandwidth": true}, "runtimeConfig": {"bandwidth": {"ingressRate": 8, "ingressBurst": 8}}`, code: codeValue,
					message: `use runtimeConfig.bandwidth: placement chained leaves the interface as the earlier plugin made it, chain the bandwidth plugin behind that one`,
				},
				{
					members: `"placement": "host", "capabilities": {"bandwidth": true}, "runtimeConfig": {"bandwidth": {"egressRate": 8, "egressBurst": 8}}`, code: codeKey,
					message: `use runtimeConfig.bandwidth.egressRate 8: not supported yet in placement host`,
				},
			},
		},
		key{
			name: podAnnotations, forms: either(obj()), open: true, nullable: true, in: in(podAnnotations),
			meaning:  "The pod's annotations, see [below](#choices-in-annotations).",
			defWords: "none",
			examples: []string{`{"vmtap.dev/vmid": "5"}`},
		},
	)
}
