package main

import "strings"

const asMade = "placement chained leaves the interface as the earlier plugin made it"

// notChained are the keys that are refused in placement chained.
func notChained() []string {
	return []string{
		"switch", "rdomain", "rdomains", "group", "groups", "groupSets", "mtu", "vlan", "vlanTrunk", "locked", "guard",
		"portIsolation", "forward", "ipMasq", "hostAccess", "vmid", "routes", "dns", "ipam",
	}
}

func placementKeys() []key {
	return []key{
		{
			name:    "placement",
			forms:   either(word("pod", "host", "chained")),
			meaning: "Where the guest's tap is: `pod`, in the pod's namespace; `host`, in the host's, where it is the host link; `chained`, in the pod's, joined to the interface that an earlier plugin made.",
			notes: []string{
				"In placement `chained` that interface stays as it is, so these keys are refused: `" + strings.Join(notChained(), "`, `") + "`, `local` if it is true, and `up` if it is false.",
			},
			def:      `"pod"`,
			examples: []string{`"host"`, `"chained"`},
			refused: []refusal{
				{members: `"placement": "chained", "switch": "bridge0"`, code: codeValue, message: `read switch "bridge0": ` + asMade + `, drop one of them`},
				{members: `"placement": "chained", "up": false`, code: codeValue, message: `read up false: ` + asMade + `, drop one of them`},
				{members: `"placement": "chained", "local": true`, code: codeValue, message: `read local true: placement chained takes over the addresses of the earlier plugin, drop one of them`},
				{
					words: "`chained` without an earlier plugin", members: `"placement": "chained", "prevResult": null`, code: codeValue, beyond: true,
					message: `use placement chained: prevResult is missing, put vmtap after the plugin that makes the interface`,
				},
				{members: `"placement": "chained"`, args: `VMID=5`, code: codeValue, message: `choose CNI_ARGS VMID "5": ` + asMade},
			},
		},
		{
			name:     "device",
			forms:    either(word("tap", "veth")),
			meaning:  "What the pod gets: `tap`, for a VM monitor, or `veth`, an ordinary interface for what is no VM.",
			def:      `"tap"`,
			examples: []string{`"veth"`},
			refused: []refusal{
				{members: `"device": "veth", "placement": "host"`, code: codeValue, message: `read device "veth": contradicts placement host, which has a tap, drop one of them`},
				{members: `"device": "veth", "tap": {}`, code: codeValue, message: `read tap: contradicts device veth, drop one of them`},
				{
					members: `"device": "veth", "args": {"cni": {"vmtap": {"multiqueue": true}}}`, code: codeValue, beyond: true,
					message: `choose multiqueue: device veth has no queues to choose, drop one of them`,
				},
				{
					members: `"device": "veth", "switch": "bridge0", "routes": [{"dst": "10.0.0.0/8", "gw": "192.0.2.1"}]`, code: codeValue, beyond: true,
					message: `read routes[0] to 10.0.0.0/8: device veth has no addresses to route with, it is not local and has no ipam`,
				},
			},
		},
	}
}

// placementRules is what a schema can tell about placement and device.
func placementRules() []rule {
	var unchained []rule
	for _, name := range notChained() {
		unchained = append(unchained, has(name))
	}
	unchained = append(unchained, is("up", false), is("local", true), rule{
		"type": "object", "required": []string{"local"}, "properties": rule{"local": rule{"type": "object"}},
	})
	return []rule{
		when(is("placement", "chained"), rule{"not": rule{"anyOf": unchained}}),
		when(is("device", "veth"), rule{"not": rule{"anyOf": []rule{has("tap"), is("placement", "host"), is("placement", "chained")}}}),
		when(rule{"required": []string{"tap"}, "properties": rule{"tap": has("name")}}, is("placement", "chained")),
	}
}
