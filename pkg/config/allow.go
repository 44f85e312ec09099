package config

import (
	"slices"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// allow is what tenants may choose for their VMs. The default is names, which
// the pod's namespace keeps apart, and nothing else.
type allow struct {
	given   *fields // for messages
	vmid    []idRange
	rdomain []uint32
	group   []string
	sw      []string
	lladdr  bool
	name    bool

	// granted is the lladdr that a declared capability brought. Multus sends
	// it in CNI_ARGS as well, which then is the same choice once more.
	granted vmid.LLAddr
}

func readAllow(f *fields) allow {
	a := allow{
		given:  f,
		vmid:   optional(f, "vmid", parseRanges),
		group:  optionalAll(f, "group", parseGroup),
		sw:     optionalAll(f, "switch", parseLinkName),
		lladdr: f.bool("lladdr", false),
		name:   f.bool("name", true),
	}
	if n, ok := f.get("rdomain"); ok {
		for _, item := range n.items() {
			a.rdomain = append(a.rdomain, uint32(item.number(0, maxRDomain)))
		}
	}
	f.done()
	return a
}

// permits reports whether a tenant may choose this.
func (a allow) permits(c choice) bool {
	switch c.key {
	case "vmid":
		return slices.ContainsFunc(a.vmid, func(r idRange) bool { return r.contains(c.number) })
	case "rdomain":
		return slices.Contains(a.rdomain, c.number)
	case "group":
		return !slices.ContainsFunc(c.groups, func(g string) bool { return !slices.Contains(a.group, g) })
	case "switch":
		return slices.Contains(a.sw, c.text)
	case "lladdr":
		return a.lladdr || c.lladdr == a.granted
	case "name":
		return a.name
	}
	return true // multiqueue: how a VM reads its own tap concerns nobody else
}

// check refuses a choice that is not permitted, and says what is.
func (a allow) check(c choice) {
	if a.permits(c) {
		return
	}
	have := "is not given"
	if n, ok := a.given.get(c.key); ok {
		have = "is " + show(n.value)
	}
	c.fail(CodeInvalidConfig, "choose %s %s: not allowed, allow.%s %s", c.path, show(c.value), c.key, have)
}
