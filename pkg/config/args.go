package config

import (
	"slices"
	"strings"
)

// cniArgs are the parts of CNI_ARGS, "KEY=value;KEY=value". Runtimes write
// them in any order.
type cniArgs []member

// readArgs splits CNI_ARGS. A key that stands twice with different values is an
// error, and so is an unknown one, unless IgnoreUnknown says otherwise. Multus
// writes its own and behind them those that it was called with, which say the
// same.
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
		}
		if p.err != nil {
			return nil
		}
		if i := slices.IndexFunc(args, func(m member) bool { return m.key == key }); i >= 0 {
			if first := args[i].value.text; !sameArg(key, first, val) {
				p.fail(CodeEnvironment, "read CNI_ARGS: %s stands twice, as %s and as %s", quote(key), quote(first), quote(val))
				return nil
			}
			continue
		}
		args = append(args, member{key, value{kind: text, text: val}})
	}
	args.checkKeys(p)
	return args
}

// argIgnoreUnknown says whether keys that nobody knows are errors.
const argIgnoreUnknown = "IgnoreUnknown"

// sameArg reports whether two values of a key say the same.
func sameArg(key, a, b string) bool {
	if a == b || key != argIgnoreUnknown {
		return a == b
	}
	yesA, okA := yesOrNo(a)
	yesB, okB := yesOrNo(b)
	return okA && okB && yesA == yesB
}

// yesOrNo reads the value of IgnoreUnknown as the reference plugins do.
func yesOrNo(s string) (yes, ok bool) {
	switch strings.ToLower(s) {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

func (a cniArgs) checkKeys(p *problem) {
	ignore := false
	if n, ok := a.get(argIgnoreUnknown, p); ok {
		if ignore, ok = yesOrNo(n.value.text); !ok {
			n.refuse("want 1 or 0")
		}
	}
	known := []string{
		argIgnoreUnknown, "VMID", "VMNAME", "MAC",
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
