package config

import (
	"fmt"
	"strings"
)

// Placement says where the guest's link is, and what makes its network.
type Placement uint8

// The placements. The first is the default.
const (
	PlacementPod     Placement = iota // in the pod's namespace, joined to a host link
	PlacementHost                     // in the host's namespace, itself the host link
	PlacementChained                  // in the pod's namespace, joined to the interface that an earlier plugin made
)

// String returns the configuration's word.
func (p Placement) String() string {
	switch p {
	case PlacementHost:
		return "host"
	case PlacementChained:
		return "chained"
	}
	return "pod"
}

// Device says what the guest's link is.
type Device uint8

// The devices. The first is the default.
const (
	DeviceTap  Device = iota // opened by a VMM
	DeviceVeth               // an ordinary interface of the pod's, for containers and for Kata
)

// String returns the configuration's word.
func (d Device) String() string {
	if d == DeviceVeth {
		return "veth"
	}
	return "tap"
}

// defaultTapName is the tap's name in placement chained, where the name
// CNI_IFNAME is taken.
const defaultTapName = "tap0"

// readPlacement reads placement and device.
func (d *draft) readPlacement(top *fields) {
	if n, ok := top.get("placement"); ok {
		d.Placement = readWord(n, PlacementPod, PlacementHost, PlacementChained)
	}
	n, ok := top.get("device")
	if !ok {
		return
	}
	d.Device = readWord(n, DeviceTap, DeviceVeth)
	if d.Device != DeviceVeth {
		return
	}
	if d.Placement != PlacementPod {
		n.refuse("contradicts placement %s, which has a tap, drop one of them", d.Placement)
	}
	if tap, ok := top.get("tap"); ok {
		tap.fail(CodeInvalidConfig, "read tap: contradicts device veth, drop one of them")
	}
}

// readWord reads one of some words.
func readWord[T fmt.Stringer](n node, words ...T) T {
	word := n.text()
	var want []string
	for _, w := range words {
		if word == w.String() {
			return w
		}
		want = append(want, w.String())
	}
	n.refuse("want %s", strings.Join(want, " or "))
	return words[0]
}

// checkPlacement refuses what the placement or the device leaves without
// effect.
func (d *draft) checkPlacement() {
	if d.Device == DeviceVeth && d.Tap.MultiQueue {
		d.fail(CodeInvalidConfig, "choose multiqueue: device veth has no queues to choose, drop one of them")
	}
	switch {
	case d.Placement != PlacementChained && d.Tap.Name != "":
		d.fail(CodeInvalidConfig, "read tap.name %s: only for placement chained, in placement %s the tap's name is %s, drop one of them", quote(d.Tap.Name), d.Placement, d.tapNameWord())
	case d.Placement == PlacementChained && d.Tap.Name == d.IfName:
		d.fail(CodeInvalidConfig, "read tap.name %s: that is CNI_IFNAME, the interface that the tap is joined to, choose another", quote(d.Tap.Name))
	}
}

func (d *draft) tapNameWord() string {
	if d.Placement == PlacementHost {
		return "vm<vmid>-if<idx>"
	}
	return "CNI_IFNAME"
}

// refuseInChained refuses the keys that placement chained leaves without
// effect: it takes over an interface, with its addresses, as an earlier
// plugin made it.
func (d *draft) refuseInChained(top *fields) {
	if d.Placement != PlacementChained {
		return
	}
	for _, key := range []string{
		"switch", "rdomain", "rdomains", "group", "groups", "mtu", "vmid", "routes", "dns", "ipam",
		"vlan", "vlanTrunk", "locked", "guard", "portIsolation", "forward", "ipMasq", "hostAccess", "groupSets",
	} {
		if n, ok := top.get(key); ok {
			n.fail(CodeInvalidConfig, "read %s %s: placement chained leaves the interface as the earlier plugin made it, drop one of them", key, show(n.value))
		}
	}
	if n, ok := top.get("local"); ok && d.Local != nil {
		n.fail(CodeInvalidConfig, "read local %s: placement chained takes over the addresses of the earlier plugin, drop one of them", show(n.value))
	}
	if n, ok := top.get("up"); ok && !d.Up {
		n.fail(CodeInvalidConfig, "read up false: placement chained leaves the interface as the earlier plugin made it, drop one of them")
	}
}

// choosableInChained reports whether a VM's owner may make this choice in
// placement chained.
func choosableInChained(key string) bool {
	switch key {
	case "vmid", "rdomain", "group", "switch":
		return false
	}
	return true
}

// checkPrevious refuses placement chained without the result of an earlier
// plugin, whose interface it would take over.
func (d *draft) checkPrevious() {
	if d.Placement == PlacementChained && d.PrevResult == nil {
		d.fail(CodeInvalidConfig, "use placement chained: prevResult is missing, put vmtap after the plugin that makes the interface")
	}
}
