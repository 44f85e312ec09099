package filter

import "golang.org/x/net/bpf"

// MaxMuted is how many links Questions can leave out, so that the program keeps
// within what the kernel takes.
const MaxMuted = 1000

// takeAll is the verdict of a socket filter that keeps a whole frame: more bytes
// than any has.
const takeAll = 1 << 18

// packetOutgoing is the type of packets that the node itself sends
// (if_packet.h).
const packetOutgoing = 4

// Questions returns the program for a packet socket that takes what guests ask
// of their gateways: messages of DHCPv4 and DHCPv6 clients and router
// solicitations, untagged, that come in on a link, but not on the muted ones.
// Each other packet of the node's costs some ten instructions.
func Questions(muted []int32) Program {
	a := newAssembler(32 + 3*len(muted))
	a.extension(bpf.ExtType)
	a.jeq(packetOutgoing, "drop", next)
	a.extension(bpf.ExtVLANTagPresent)
	a.jeq(0, next, "drop")
	a.ldh(offType)
	a.jeq(typeIPv6, "ipv6", next)
	a.jeq(typeIPv4, next, "drop")
	a.ldb(offIPv4Protocol)
	a.jeq(protoUDP, next, "drop")
	a.ldh(offIPv4Fragment)
	a.jset(ipv4Fragment, "drop", next)
	a.ldxHeader()
	a.load(atX(offPayload+2), 2)
	a.jeq(portDHCPServer, "take", "drop")
	a.at("ipv6")
	a.ldb(offIPv6Next)
	a.jeq(protoICMPv6, "icmp6", next)
	a.jeq(protoUDP, next, "drop")
	a.ldh(offIPv6Data + 2)
	a.jeq(portDHCP6Server, "take", "drop")
	a.at("icmp6")
	a.ldb(offIPv6Data)
	a.jeq(icmp6RouterSolicitation, "take", next)
	a.at("drop")
	a.ret(0)
	a.at("take")
	if len(muted) > 0 {
		a.extension(bpf.ExtInterfaceIndex)
	}
	for _, index := range muted[:min(len(muted), MaxMuted)] {
		other := a.fresh()
		a.jeq(uint32(index), next, other)
		a.ret(0)
		a.at(other)
	}
	a.ret(takeAll)
	p, err := a.assemble()
	if err != nil {
		panic(err) //nolint:forbidigo // the program has one shape, and a test assembles it
	}
	return p
}
