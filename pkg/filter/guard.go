package filter

import (
	"net/netip"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// What a Guard can hold at most. A guard with all of it fits the 4096
// instructions that the kernel takes.
const (
	MaxLLAddrs    = 64
	MaxAddrs      = 64  // of both families together
	MaxVLANRanges = 512 // after ranges that touch are made one
	MaxProtocols  = 32
)

// Guard is what a guest may send by one of its ways to the host. Everything
// else is dropped.
//
// Accepts is its definition and says what is accepted and why.
type Guard struct {
	LLAddrs []vmid.LLAddr // what a frame's source may be; the first is the interface's lladdr
	VLANs   []VLANRange   // what a frame may be tagged with; none: untagged frames only
	Refused []vmid.LLAddr // destinations that are refused besides those that bridges keep to themselves
	Way     Way
	Gateway Gateway // the zero Gateway if Way is Alone

	Identity *Identity // nil: locked alone, addresses are not looked at
}

// VLANRange is VLANs from Min to Max, both included, 1 to 4094.
type VLANRange struct{ Min, Max uint16 }

// Way says which of a guest's ways a Guard stands at.
type Way uint8

// The ways. What is for the gateway never goes to the switch, and what is not
// never to the gateway.
const (
	Alone     Way = iota // the host link, and there is no other way
	ToSwitch             // the host link of an interface that has a gateway, too
	ToGateway            // the gateway
)

// Identity is what a guest may be at layer 3.
type Identity struct {
	Addrs        []netip.Addr // own addresses, of both families, IPv4's not mapped
	AnyLinkLocal bool         // any address in fe80::/64; else only those of LLAddrs by EUI-64
	Protocols    []uint8      // next headers of IPv6 that pass besides those that always do
}

// Tag is the VLAN tag that a frame came with; it is not in the frame any more.
type Tag struct {
	Present bool
	Service bool   // a tag of 802.1ad, not of 802.1Q
	VLAN    uint16 // 0 to 4095
}
