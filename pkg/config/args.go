package config

import (
	"slices"
	"strings"
)

// cniArgs are the parts of CNI_ARGS, "KEY=value;KEY=value". Runtimes write
// them in any order.
type cniArgs []member

// readArgs splits CNI_ARGS. A key that stands twice is an error, and so is an
// unknown one, unless IgnoreUnknown says otherwise.
func readArgs(s string, p *problem) cniArgs {
	if s == "" {
		return nil
	}
	var args cniArgs
	for _, part := range strings.Split(s, ";") {
		key, val, ok := strings.Cut(part, "=")
		switch {
		case !ok || key == "":
			p.fail(CodeEnvironment, "read CNI_ARGS: %s is not KEY=value", quote(part))
		case slices.ContainsFunc(args, func(m member) bool { return m.key == key }):
			p.fail(CodeEnvironment, "read CNI_ARGS: %s stands twice", quote(key))
		}
		if p.err != nil {
			return nil
		}
		args = append(args, member{key, value{kind: text, text: val}})
	}
	args.checkKeys(p)
	return args
}

func (a cniArgs) checkKeys(p *problem) {
	ignore := false
	if n, ok := a.get("IgnoreUnknown", p); ok {
		switch strings.ToLower(n.value.text) {
		case "1", "true":
			ignore = true
		case "0", "false":
		default:
			n.refuse("want 1 or 0")
		}
	}
	known := []string{
		"IgnoreUnknown", "VMID", "VMNAME", "MAC",
		"K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID",
	}
	for _, m := range a {
		if ignore || slices.Contains(known, m.key) {
			continue
		}
		hint := ""
		if near := nearest(m.key, known); near != "" {
			hint = ", did you mean " + near + "?"
		}
		p.fail(CodeEnvironment, "read CNI_ARGS: %s is unknown%s", quote(m.key), hint)
	}
}

// get returns the part with this key, and reports whether there is one.
func (a cniArgs) get(key string, p *problem) (node, bool) {
	for _, m := range a {
		if m.key == key {
			return node{path: "CNI_ARGS " + key, value: m.value, origin: inVariable, problem: p}, true
		}
	}
	return node{problem: p}, false
}
