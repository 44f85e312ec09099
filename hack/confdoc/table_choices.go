package main

import "strings"

// choices are what a VM's owner may choose, with values as args.cni.vmtap has
// them.
func choices() []key {
	const ids = `"switch": "bridge0", "vmid": {"range": "1-9999999"}`
	return []key{
		{
			name: "vmid", forms: either(num(1, 9999999)), beside: ids,
			meaning:  "The VM's vmid.",
			defWords: "derived from the VM's name",
			node:     "one that another VM has (code 100), or another than the VM has already",
			examples: []string{`5`},
		},
		{
			name: "name", forms: either(str(vmName())),
			meaning:  "The VM's name. The pod's namespace is put before it.",
			defWords: "see [VM names](../README.md#vmid-addresses-and-lladdr)",
			examples: []string{`"db1"`},
		},
		{
			name: "lladdr", forms: either(str(lladdr())),
			meaning:  "The address of the guest's NIC.",
			defWords: "`lladdr` of the block, else derived",
			node:     "one that another guest of the switch has",
			examples: []string{`"02:00:00:00:00:02"`},
		},
		{
			name: "rdomain", forms: either(num(0, maxRDomain)),
			meaning:  "The rdomain of the interface's layer 3.",
			defWords: "`rdomain` of the block",
			examples: []string{`10`},
		},
		{
			name: "group", forms: oneOrList(groupName()),
			meaning:  "The interface's groups, instead of the block's. The switch's group stays.",
			defWords: "`group` of the block",
			examples: []string{`["web", "db"]`, `"web"`},
		},
		{
			name: "switch", forms: either(str(linkName())),
			meaning:  "The bridge, instead of `switch.interface`. The rest of the switch's keys stay, and so does `local`.",
			defWords: "`switch` of the block",
			examples: []string{`"bridge1"`},
		},
		{
			name: "multiqueue", forms: either(flag()),
			meaning:  "Whether the tap has several queues. `allow` is not asked.",
			defWords: "`tap.multiQueue` of the block",
			examples: []string{`true`},
		},
	}
}

// argsKeys are the choices in args.cni.vmtap.
func argsKeys() []key {
	keys := choices()
	for i := range keys {
		k := &keys[i]
		k.in = `"args": {"cni": {"vmtap": {"` + k.name + `": %s}}}`
		if k.name == "group" {
			k.rules = []rule{notEmpty()}
			k.refused = []refusal{{value: `[]`, code: codeValue, message: `read args.cni.vmtap.group []: want a group`}}
		}
		if k.name == "vmid" {
			k.refused = []refusal{{
				members: `"args": {"cni": {"vmtap": {"vmid": 16384}}}`, code: codeValue, beyond: true,
				message: `choose vmid 16384: outside 1-16383, the range of network "vmnet"`,
			}}
		}
	}
	return under("args.cni.vmtap.", keys...)
}

// annotationKeys are the choices in annotations, and KubeVirt's annotation.
// Their values are strings, whatever is in them.
func annotationKeys() []key {
	keys := choices()
	for i := range keys {
		k := &keys[i]
		k.in = inAnnotations("vmtap.dev/" + k.name)
		for j, e := range k.examples {
			k.examples[j] = strings.Trim(e, `"`)
		}
		if k.name == "group" {
			k.examples = []string{"web, db", "web"}
			k.meaning += " Names with commas between them."
			k.refused = []refusal{{value: ``, code: codeValue, message: `read annotation vmtap.dev/group "": want 1 to 15 characters, have 0`}}
		}
	}
	keys = append(under("annotation vmtap.dev/", keys...), under("annotation ", key{
		name: "kubevirt.io/domain", forms: either(str(vmName())), nullable: true,
		meaning:  "KubeVirt's name of the VM. It is no choice, so `allow` is not asked. A chosen name wins.",
		defWords: "see [VM names](../README.md#vmid-addresses-and-lladdr)",
		in:       inAnnotations("kubevirt.io/domain"),
		examples: []string{`db1`},
	})...)
	return from(inAnnotation, keys)
}

func inAnnotations(name string) string {
	return `"capabilities": {"` + podAnnotations + `": true}, "runtimeConfig": {"` + podAnnotations + `": {"` + name + `": %s}}`
}

func cniArgsKeys() []key {
	keys := choices()
	args := []key{}
	for _, c := range []struct{ arg, choice string }{{"VMID", "vmid"}, {"VMNAME", "name"}, {"MAC", "lladdr"}} {
		for _, k := range keys {
			if k.name == c.choice {
				k.name = c.arg
				for j, e := range k.examples {
					k.examples[j] = strings.Trim(e, `"`)
				}
				args = append(args, k)
			}
		}
	}
	args = append(args,
		key{
			name: "K8S_POD_NAME", forms: either(str(podName())), in: "K8S_POD_NAMESPACE=default;K8S_POD_NAME=%s",
			meaning:  "The pod's name. That there is one says that the choices are a tenant's.",
			defWords: "there is no pod, and the caller is the operator",
			examples: []string{"web"},
			refused: []refusal{
				{args: "K8S_POD_NAME=web", code: codeArgs, message: `read CNI_ARGS: K8S_POD_NAME without K8S_POD_NAMESPACE, give both`},
			},
		},
		key{
			name: "K8S_POD_NAMESPACE", forms: either(str(podName())), in: "K8S_POD_NAME=web;K8S_POD_NAMESPACE=%s",
			meaning:  "The pod's namespace. It is put before the VM's name; together they have 512 characters at most.",
			defWords: "-",
			examples: []string{"default"},
		},
		key{name: "K8S_POD_INFRA_CONTAINER_ID", typed: "anything", meaning: "Not looked at.", examples: []string{"b1946ac92492"}},
		key{name: "K8S_POD_UID", typed: "anything", meaning: "Not looked at.", examples: []string{"9a"}},
		key{
			name: "IgnoreUnknown", typed: "`1`, `true`, `0` or `false`", meaning: "Whether keys that are not known are passed over.",
			defWords: "0",
			examples: []string{"1", "true", "True", "0", "false"},
			refused: []refusal{
				{value: "yes", code: codeArgs, message: `read CNI_ARGS IgnoreUnknown "yes": want 1 or 0`},
				{args: "VMDI=1", code: codeArgs, message: `read CNI_ARGS: "VMDI" is unknown, did you mean VMID?`},
				{args: "VMID=7;", code: codeArgs, message: `read CNI_ARGS: "" is not KEY=value`},
				{args: "VMID=7;VMID=8", code: codeArgs, message: `read CNI_ARGS: "VMID" stands twice, as "7" and as "8"`},
			},
		},
	)
	return from(inVariable, under("CNI_ARGS ", args...))
}
