package main

import "github.com/vmtap/vmtap/pkg/config"

// The codes of refusals, for short.
const (
	codeKey   = config.CodeUnsupportedField
	codeValue = config.CodeInvalidConfig
	codeType  = config.CodeDecoding
	codeArgs  = config.CodeEnvironment
)

const (
	maxUint32  = 1<<32 - 1
	maxRDomain = 99_999_999
	maxMTU     = config.MaxMTU
)

// describe returns all keys, in the order of the page.
func describe() table {
	return table{
		{heading: "Where the tap is", intro: "[placements.md](placements.md) leads to a page for each, with pictures.", keys: placementKeys()},
		{heading: "The switch", keys: switchKeys()},
		{heading: "Addresses", keys: localKeys()},
		{heading: "Routing domains", intro: "[rdomains.md](rdomains.md) shows two tenants on one node.", keys: rdomainKeys()},
		{heading: "Groups of interfaces", keys: groupKeys()},
		{heading: "The link", keys: linkKeys()},
		{heading: "VLANs", keys: vlanKeys()},
		{heading: "What a guest may send", keys: guardKeys()},
		{heading: "The host's layer 3", keys: forwardKeys()},
		{heading: "The tap", keys: tapKeys()},
		{heading: "Kata Containers", keys: kataKeys()},
		{heading: "VM ids", keys: vmidKeys()},
		{heading: "What the guest is told", keys: guestKeys()},
		{heading: "Address management", keys: ipamKeys()},
		{heading: "What a pod may choose", intro: allowIntro, keys: allowKeys()},
		{heading: "What the runtime is asked for", intro: capabilitiesIntro, keys: capabilityKeys()},
		{heading: "Keys of the specification", intro: specIntro, keys: specKeys()},
		{heading: "Choices in args", intro: argsIntro, keys: argsKeys()},
		{heading: "Choices in CNI_ARGS", intro: cniArgsIntro, keys: cniArgsKeys()},
		{heading: "What the runtime sends", intro: runtimeIntro, keys: from(inRuntime, runtimeKeys())},
		{heading: "Choices in annotations", intro: annotationIntro, keys: annotationKeys()},
	}
}

const (
	allowIntro = "A choice that a pod makes for its VM, [in args](#choices-in-args), " +
		"[in CNI_ARGS](#choices-in-cni_args) or [in annotations](#choices-in-annotations), must be listed here. Else ADD fails. " +
		"If CNI_ARGS have no `K8S_POD_NAME`, the caller is the operator, and `allow` is not asked."
	capabilitiesIntro = "What the runtime is to put into [runtimeConfig](#what-the-runtime-sends). Other capabilities are accepted, and nothing comes of them."
	specIntro         = "The runtime puts these into the block, but for `type`. `cniVersion`, `name` and `cniVersions` stand in the list. " +
		"For GC there is `cni.dev/valid-attachments` too (in an older text `cni.dev/attachments`): a list of objects, each with `containerID` and `ifname`. " +
		"An empty list says that none is valid. Null says nothing."
	argsIntro       = "Multus puts `cni-args` of a pod's network selection here. The rest of `args` is others', and not looked at."
	cniArgsIntro    = "`KEY=value;KEY=value`. Errors have code 4, the specification's for variables. A key that is not known is refused, unless `IgnoreUnknown` is 1 or true."
	runtimeIntro    = "The runtime puts these there, if the [capability](#what-the-runtime-is-asked-for) is declared. It may write the keys in other cases: containerd writes `Bandwidth`. Null is the same as nothing. Other keys are not looked at."
	annotationIntro = "Looked at if the capability `io.kubernetes.cri.pod-annotations` is declared. All values are strings. An unknown key after `vmtap.dev/` is refused; other annotations are not looked at."
)

func rdomainKeys() []key {
	const notLocal = `use rdomain 10: an interface that is not local is in its switch's, which is `
	top := []key{
		{
			name: "rdomain", forms: either(num(0, maxRDomain)),
			meaning:  "The routing domain of the interface's layer 3, a VRF named `rdomain<number>`; 0 is the host's own.",
			notes:    []string{"An explicit 0 counts."},
			defWords: "`switch.rdomain`, else 0",
			same: []members{
				{`"local": true`, `"local": true, "rdomain": 0`},
				{`"switch": {"interface": "bridge0", "rdomain": 10}`, `"switch": {"interface": "bridge0", "rdomain": 10}, "rdomain": 10`},
			},
			node:     "an rdomain other than the switch's if the bridge is somebody else's",
			examples: []string{`10`, `0`},
			refused: []refusal{
				{members: `"switch": {"interface": "bridge0", "rdomain": 20}, "rdomain": 10`, code: codeValue, message: notLocal + `20, drop rdomain or add local`, beyond: true},
				{members: `"switch": "bridge0", "rdomain": 10`, code: codeValue, message: notLocal + `0, drop rdomain or add local`, beyond: true},
			},
		},
		{
			name: "rdomains", forms: either(obj()),
			meaning:  "How rdomains stand on this node, the same for all networks of a node.",
			defWords: "each of its keys has a default",
			same:     []members{{`"up": true`, `"rdomains": {}`}},
			around:   `"rdomains": {%s}`,
			examples: []string{`{"tableBase": 5000}`},
		},
	}
	return append(top, under("rdomains.",
		key{
			name: "tableBase", forms: either(num(0, maxUint32-maxRDomain)),
			meaning:  "An rdomain's routing table is this number and the rdomain's.",
			def:      `1000`,
			node:     "a table that is another VRF's",
			examples: []string{`5000`},
			refused: []refusal{{
				members: `"rdomain": 5, "rdomains": {"tableBase": 248}`, code: codeValue, beyond: true,
				message: `use rdomain 5: its table would be 253, and 253-255 are the kernel's own, choose another rdomain or rdomains.tableBase`,
			}},
		},
		key{
			name: "moveLocalRule", forms: either(flag()),
			meaning:  "Let guests in rdomains not reach the host's addresses in rdomain 0: the rule for the host's own addresses goes from preference 0 to 1001.",
			def:      `false`,
			node:     "another rule for table local before the l3mdev rule",
			examples: []string{`true`},
		},
	)...)
}

func groupKeys() []key {
	keys := append([]key{
		{
			name: "group", forms: oneOrList(groupName()),
			meaning:  "The interface's groups: a list, or one name.",
			notes:    []string{"With the switch's there are 32 at most. One that stands twice counts once."},
			defWords: "none",
			same:     []members{{`"up": true`, `"group": []`}},
			examples: []string{`["web", "db"]`, `"web"`},
			refused:  tooManyGroups(),
		},
		{
			name: "groups", forms: either(obj()),
			meaning:  "The numbers of groups. The first of an interface's groups that has one gives the netdev group of its links on the host.",
			defWords: "no group has a number",
			same:     []members{{`"up": true`, `"groups": {}`}},
			examples: []string{`{"web": 101, "vms": 100}`},
			refused: []refusal{
				{value: `{"web2": 3}`, code: codeValue, message: `read groups.web2 3: no name for a group: a group must not end with a digit`},
				{value: `{"web": 1, "db": 1}`, code: codeValue, message: `read groups.db 1: group "web" has that number, give each its own`, beyond: true},
			},
		},
	}, under("groups.", key{
		name: "<group>", forms: either(num(1, 1<<24-1)),
		meaning:  "The number of this group.",
		defWords: "none",
		in:       `"groups": {"web": %s}`,
		examples: []string{`101`},
	})...)
	return append(keys, key{
		name: "groupSets", forms: either(flag()),
		meaning:  "Keep an nftables set of interface names for each group, in the tables `inet vmtap` and `bridge vmtap`. See [groups.md](groups.md).",
		def:      `false`,
		node:     "a set of a group's name that takes no names; a kernel without nftables",
		examples: []string{`true`},
	})
}
