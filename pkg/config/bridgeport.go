package config

import (
	"cmp"
	"slices"
)

// VLANRange is VLANs from Min to Max, both included, 1 to 4094.
type VLANRange struct{ Min, Max uint16 }

// readBridgePort reads what the switch's port is to be: isolated, and in
// which VLANs.
func (d *draft) readBridgePort(top *fields) {
	d.PortIsolation = top.bool("portIsolation", false)
	d.VLAN = uint16(top.number("vlan", 0, maxVLAN, 0)) // 0: none, as in the bridge plugin
	n, ok := top.get("vlanTrunk")
	if !ok {
		return
	}
	for _, item := range n.items() {
		d.VLANTrunk = append(d.VLANTrunk, readTrunk(item))
	}
	slices.SortFunc(d.VLANTrunk, func(a, b VLANRange) int { return cmp.Compare(a.Min, b.Min) })
	for i := 1; i < len(d.VLANTrunk); i++ {
		if a, b := d.VLANTrunk[i-1], d.VLANTrunk[i]; b.Min <= a.Max {
			n.refuse("%d-%d and %d-%d overlap", a.Min, a.Max, b.Min, b.Max)
		}
	}
}

// readTrunk reads one VLAN, {"id": 5}, or a range, {"minID": 200, "maxID": 210}.
func readTrunk(n node) VLANRange {
	f := n.fields()
	id := uint16(f.number("id", 1, maxVLAN, 0))
	lo := uint16(f.number("minID", 1, maxVLAN, 0))
	hi := uint16(f.number("maxID", 1, maxVLAN, 0))
	f.done()
	if one, several := id != 0, lo != 0 && lo <= hi; one == several || one && lo+hi != 0 {
		n.refuse("want minID and maxID, the lower first, or id alone")
	}
	if id != 0 {
		return VLANRange{id, id}
	}
	return VLANRange{lo, hi}
}

// checkBridgePort refuses what needs a switch without one, and an access VLAN
// that is also tagged.
func (d *draft) checkBridgePort() {
	if d.Switch == nil {
		switch {
		case d.PortIsolation:
			d.fail(CodeInvalidConfig, "read portIsolation true: the interface has no switch, whose port it could be, add switch or drop portIsolation")
		case d.VLAN != 0:
			d.fail(CodeInvalidConfig, "read vlan %d: the interface has no switch, add switch or drop vlan", d.VLAN)
		case len(d.VLANTrunk) > 0:
			d.fail(CodeInvalidConfig, "read vlanTrunk: the interface has no switch, add switch or drop vlanTrunk")
		}
	}
	for _, r := range d.VLANTrunk {
		if r.Min <= d.VLAN && d.VLAN <= r.Max {
			d.fail(CodeInvalidConfig, "read vlan %d: vlanTrunk has it as a tagged one, take it out of one of them", d.VLAN)
		}
	}
}
