package config

// readSwitch reads the switch: an object, or only the bridge's name. Its Name
// stays empty if it is to be the interface's: a VM may still choose another
// interface.
func readSwitch(n node) *Switch {
	if !n.is(text, object) {
		return nil
	}
	if n.value.kind == text {
		return newSwitch(parsed(n, parseLinkName))
	}
	f := n.fields()
	s := newSwitch(parsed(f.require("interface"), parseLinkName))
	s.Name = optional(f, "name", parseLine)
	s.ID = uint32(f.number("id", 0, maxUint32, 0))
	s.Create = f.bool("create", false)
	s.Group = optional(f, "group", parseGroup)
	s.Up = f.bool("up", true)
	if mtu, ok := f.get("mtu"); ok {
		s.MTU = int(mtu.number(minMTU, MaxMTU))
		if !s.Create {
			mtu.refuse("only a bridge that vmtap makes gets an mtu, add create or drop mtu")
		}
	}
	s.RDomain, _ = readRDomain(f)
	f.done()
	return s
}

// newSwitch returns the switch of a bridge of which only the name is known.
func newSwitch(bridge string) *Switch { return &Switch{Interface: bridge, Up: true} }
