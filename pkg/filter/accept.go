package filter

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Accepts reports whether a frame that came with a tag may pass. What it does
// not name is dropped. It knows nothing of how Program decides.
//
// Every frame: an Ethernet header; no VLAN tag, or on a trunk one of 802.1Q
// with a listed VLAN, so neither a priority tag (VLAN 0, which a bridge takes
// for no tag) nor one of 802.1ad (which a bridge takes for payload), and none
// inside the frame; the source is one of LLAddrs; the destination is none of
// 01:80:c2:00:00:00 to 0f, which bridges keep to themselves, and none of Refused.
// A frame that is the gateway's, as Gateway.Match says, passes to the gateway
// alone, and no other does.
//
// With an Identity a frame also is one of these, from the guest itself: ARP,
// IPv4 and IPv6, as acceptsARP, acceptsIPv4 and acceptsIPv6 say.
func (g *Guard) Accepts(frame []byte, tag Tag) bool {
	if len(frame) < offPayload || !g.acceptsTag(tag) {
		return false
	}
	dst, src := vmid.LLAddr(frame[:6]), vmid.LLAddr(frame[6:])
	if !slices.Contains(g.LLAddrs, src) || reserved(dst) || slices.Contains(g.Refused, dst) {
		return false
	}
	switch g.Way {
	case ToSwitch:
		if g.Gateway.Match(frame, tag.Present) {
			return false
		}
	case ToGateway:
		if !g.Gateway.Match(frame, tag.Present) {
			return false
		}
	}
	payload := frame[offPayload:]
	switch ethertype := binary.BigEndian.Uint16(frame[offType:]); ethertype {
	case typeVLAN, typeServiceVLAN, typeOldVLAN:
		return false
	case typeARP:
		return g.Identity == nil || g.acceptsARP(payload)
	case typeIPv4:
		return g.Identity == nil || g.acceptsIPv4(payload)
	case typeIPv6:
		return g.Identity == nil || g.acceptsIPv6(payload)
	default:
		return g.Identity == nil
	}
}

// acceptsTag reports whether a frame may come with this tag, or none.
func (g *Guard) acceptsTag(tag Tag) bool {
	if !tag.Present {
		return true
	}
	listed := func(r VLANRange) bool { return r.Min <= tag.VLAN && tag.VLAN <= r.Max }
	return !tag.Service && slices.ContainsFunc(g.VLANs, listed)
}

// reserved reports whether an address is one of 802.1Q's that no bridge
// forwards: spanning tree, pause, LACP, 802.1X, LLDP.
func reserved(a vmid.LLAddr) bool {
	return [5]byte(a[:5]) == [5]byte{0x01, 0x80, 0xc2} && a[5] <= 0x0f
}

// owns reports whether an address is the guest's by configuration.
func (g *Guard) owns(a netip.Addr) bool { return slices.Contains(g.Identity.Addrs, a) }

// acceptsARP accepts a request or a reply for IPv4 on Ethernet. It names one
// of LLAddrs and an own address as the sender's, or, in a request, no address
// and as its target an own one, which is how a host asks whether its address
// is free. Who probed another's address would make its owner give it up.
func (g *Guard) acceptsARP(packet []byte) bool {
	if len(packet) < 28 {
		return false
	}
	var (
		hardware, protocol = binary.BigEndian.Uint16(packet), binary.BigEndian.Uint16(packet[2:])
		lengths            = [2]byte(packet[4:])
		operation          = binary.BigEndian.Uint16(packet[6:])
		senderHW           = vmid.LLAddr(packet[8:])
		sender             = netip.AddrFrom4([4]byte(packet[14:]))
		target             = netip.AddrFrom4([4]byte(packet[24:]))
	)
	if hardware != 1 || protocol != typeIPv4 || lengths != [2]byte{6, 4} || !slices.Contains(g.LLAddrs, senderHW) {
		return false
	}
	const request, reply = 1, 2
	switch {
	case operation == request && sender.IsUnspecified():
		return g.owns(target)
	case operation == request || operation == reply:
		return g.owns(sender)
	}
	return false
}
