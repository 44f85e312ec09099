package config

import "github.com/vmtap/vmtap/pkg/vmid"

// choice is one thing that a VM's owner chose for the VM. The node says what
// was written, and where.
type choice struct {
	node
	key    string // one of choiceKeys
	number uint32 // vmid, rdomain
	text   string // name, switch
	groups []string
	lladdr vmid.LLAddr
	yes    bool // multiqueue
}

// choiceKeys are the keys of args.cni.vmtap, and of annotations after
// "vmtap.dev/". All but multiqueue are keys of allow too.
func choiceKeys() []string {
	return []string{"vmid", "name", "lladdr", "rdomain", "group", "switch", "multiqueue"}
}

// readChoice reads the value of one of choiceKeys.
func readChoice(key string, n node) choice {
	c := choice{node: n, key: key}
	switch key {
	case "vmid":
		c.number = uint32(n.number(1, vmid.MaxID))
	case "name":
		c.text = parsed(n, parseVMName)
	case "lladdr":
		c.lladdr = parsed(n, parseLLAddr)
	case "rdomain":
		c.number = uint32(n.number(0, maxRDomain))
	case "group":
		c.groups = parsedAll(n.itemsOrOne(), parseGroup)
		if len(c.groups) == 0 { // that every group of none is allowed must take no group away
			n.refuse("want a group")
		}
	case "switch":
		c.text = parsed(n, parseLinkName)
	case "multiqueue":
		c.yes = n.bool()
	}
	return c
}

// readChoices reads what the VM's owner chose, in rising precedence.
func (d *draft) readChoices(top *fields, args cniArgs) {
	rt := readRuntime(top)
	d.allow.granted = rt.lladdr
	d.readArgChoices(args)
	d.readCNIArgs(top)
	if !rt.lladdr.IsZero() {
		d.LLAddr = rt.lladdr
	}
	d.IPs = rt.ips
	d.Bandwidth = rt.bandwidth
	d.chooseAll(rt.annotations)
	d.kubevirtName = rt.kubevirtName
}

// readArgChoices reads the choices in CNI_ARGS.
func (d *draft) readArgChoices(args cniArgs) {
	for _, c := range [...]struct{ arg, key string }{{"VMID", "vmid"}, {"VMNAME", "name"}, {"MAC", "lladdr"}} {
		if n, ok := args.get(c.arg, d.problem); ok {
			d.choose(readChoice(c.key, n))
		}
	}
}

// readCNIArgs reads args.cni.vmtap, where Multus puts cni-args. The rest
// of args is for others.
func (d *draft) readCNIArgs(top *fields) {
	f := top
	for _, key := range []string{"args", "cni", "vmtap"} {
		f = f.injectedObject(key)
	}
	d.chooseAll(f)
}

// chooseAll reads an object of choices and nothing else.
func (d *draft) chooseAll(f *fields) {
	for _, key := range choiceKeys() {
		if n, ok := f.get(key); ok {
			d.choose(readChoice(key, n))
		}
	}
	f.done()
}

// choose makes a choice, if the operator lets the pod's owner make it.
// Without a pod the caller is the operator. A choice that a stronger one
// replaces later must be allowed, too: refusing is never silent.
func (d *draft) choose(c choice) {
	if d.pod.exists() {
		d.allow.check(c)
	}
	if d.Placement == PlacementChained && !choosableInChained(c.key) {
		c.fail(CodeInvalidConfig, "choose %s %s: placement chained leaves the interface as the earlier plugin made it", c.path, show(c.value))
	}
	d.apply(c)
}

// apply lets a choice replace what was there.
func (d *draft) apply(c choice) {
	switch c.key {
	case "vmid":
		d.VMID.Requested = c.number
	case "name":
		d.chosenName = c.text
	case "lladdr":
		d.LLAddr = c.lladdr
	case "group":
		d.groups = c.groups
	case "switch": // of its block only the bridge: the rest may be what isolates
		if d.Switch == nil {
			d.Switch = newSwitch(c.text)
		}
		d.Switch.Interface = c.text
	case "rdomain":
		d.ownRDomain = &c.number
	case "multiqueue":
		d.Tap.MultiQueue = c.yes
	}
}
