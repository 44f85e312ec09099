package filter

import (
	"net/netip"

	"golang.org/x/net/bpf"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// The verdicts of a guard, with direct action. What is accepted goes on to the
// next filter, if there is one.
const (
	accept label = "accept"
	drop   label = "drop"

	tcActUnspec = 0xffffffff // TC_ACT_UNSPEC
)

// Places in a guard's program.
const (
	framed label = "frame" // the tag is in order, or there is none
	table  label = "table" // the table of GUARD's rows
)

// guarding builds a guard's program.
type guarding struct {
	*assembler
	*Guard
	lladdrs    [][]byte
	own4, own6 [][]byte
	ownLL      [][]byte // own addresses of IPv6 that are link-local, and not in own6
	eui6       [][]byte // the link-local addresses of LLAddrs, unless AnyLinkLocal
}

// Program returns the program, with direct action, for the ingress of a link.
// It decides as Accepts does. It never returns 0.
//
// It is laid out for what there is most of: an untagged packet of TCP from the
// guest's first address. A guard that no program can be made for is an error.
func (g *Guard) Program() (Program, error) {
	if err := g.check(); err != nil {
		return nil, err
	}
	a := newAssembler(320, verdict{name: accept, ret: tcActUnspec}, verdict{name: drop, ret: tcActShot})
	b := &guarding{assembler: a, Guard: g, lladdrs: lladdrBytes(g.LLAddrs)}
	b.tag()
	b.ethernet()
	if g.Identity == nil {
		b.locked()
	} else {
		own4, own6, ownLL := g.Identity.split()
		b.own4, b.own6, b.ownLL = addrBytes(own4), addrBytes(own6), addrBytes(ownLL)
		if !g.Identity.AnyLinkLocal {
			for _, l := range g.LLAddrs {
				ll := l.LinkLocal().As16()
				b.eui6 = append(b.eui6, ll[:])
			}
		}
		b.guarded()
	}
	return a.assemble()
}

func lladdrBytes(list []vmid.LLAddr) [][]byte {
	b := make([][]byte, len(list))
	for i := range list {
		b[i] = list[i][:]
	}
	return b
}

func addrBytes(list []netip.Addr) [][]byte {
	b := make([][]byte, len(list))
	for i, a := range list {
		b[i] = a.AsSlice()
	}
	return b
}

// trunk reports whether tagged frames can pass at all.
func (b *guarding) trunk() bool { return len(b.VLANs) > 0 && b.Way != ToGateway }

// splits reports whether the gateway's frames must be told from the switch's
// among those that pass.
func (b *guarding) splits() bool { return b.Way == ToSwitch }

// splits6 is splits for IPv6.
func (b *guarding) splits6() bool { return b.splits() && b.Gateway.hasIPv6() }

// tag drops a frame with a tag that it must not have.
func (b *guarding) tag() {
	b.extension(bpf.ExtVLANTagPresent)
	if !b.trunk() {
		b.jeq(0, next, drop)
		return
	}
	b.jeq(0, next, "tagged")
	b.ja(framed)

	b.at("tagged")
	b.extension(bpf.ExtVLANProto)
	b.jeq(typeVLAN, next, drop)
	b.extension(bpf.ExtVLANTag)
	b.and(0x0fff)
	for ranges := joined(b.VLANs); len(ranges) > 0; {
		n := min(len(ranges), chunk)
		b.vlans(ranges[:n], n == len(ranges))
		ranges = ranges[n:]
	}
	b.at(framed)
}

// vlans looks a VLAN up in ranges in ascending order. What lies behind them
// goes on behind.
func (b *guarding) vlans(ranges []VLANRange, end bool) {
	listed, behind := b.fresh(), drop
	if !end {
		behind = b.fresh()
	}
	last := len(ranges) - 1
	b.jgt(uint32(ranges[last].Max), behind, next)
	for _, r := range ranges[:last] {
		b.jge(uint32(r.Min), next, drop)
		b.jgt(uint32(r.Max), next, listed)
	}
	b.jge(uint32(ranges[last].Min), listed, drop)
	b.at(listed)
	b.ja(framed)
	b.pool()
	if !end {
		b.at(behind)
	}
}

// ethernet drops a frame whose Ethernet addresses do not allow it to pass.
func (b *guarding) ethernet() {
	b.ldlen()
	b.jge(offPayload, next, drop)
	b.in(at(offSrc), b.lladdrs, next, drop)

	b.ld(offDst)
	b.jeq(0x0180c200, next, "dst")
	b.ldh(offDst + 4)
	b.jgt(0x000f, next, drop)
	b.at("dst")
	if len(b.Refused) > 0 {
		b.in(at(offDst), lladdrBytes(b.Refused), drop, next)
	}
}

// untagged goes on for what may be the gateway's, and jumps elsewhere for what
// is tagged and so never is.
func (b *guarding) untagged(tagged label) {
	if b.trunk() {
		b.extension(bpf.ExtVLANTagPresent)
		b.jeq(0, next, tagged)
	}
}

// locked ends the program of a guard that does not know the guest's addresses.
func (b *guarding) locked() {
	b.ldh(offType)
	for _, t := range [...]uint32{typeVLAN, typeServiceVLAN, typeOldVLAN} {
		b.jeq(t, drop, next)
	}
	if b.Way == Alone {
		b.ret(tcActUnspec)
		b.pool()
		return
	}
	gateway, sw := uint32(tcActUnspec), uint32(tcActShot)
	if b.Way == ToSwitch {
		gateway, sw = sw, gateway
	}
	b.untagged(toSwitch)
	b.match(offDst, b.Gateway.LLAddr[:], toGateway, next)
	b.Gateway.others(b.assembler)
	b.at(toSwitch)
	b.ret(sw)
	b.at(toGateway)
	b.ret(gateway)
}

// guarded ends the program of a guard that knows the guest's addresses.
func (b *guarding) guarded() {
	switch b.Way {
	case ToSwitch:
		b.untagged(table)
		b.match(offDst, b.Gateway.LLAddr[:], drop, next)
	case ToGateway:
		b.match(offDst, b.Gateway.LLAddr[:], table, next)
		b.Gateway.others(b.assembler)
		b.at(toSwitch)
		b.ret(tcActShot)
		b.pool()
		b.at(toGateway)
	}
	b.at(table)
	b.ldh(offType)
	b.jeq(typeIPv4, "own ipv4", next)
	b.jeq(typeIPv6, "to ipv6", next)
	if len(b.own4) > 0 {
		b.jeq(typeARP, next, drop)
		b.ja("own arp")
	} else {
		b.ja(drop)
	}
	b.at("to ipv6")
	b.ja("own ipv6")
	b.pool()

	b.ipv4()
	b.ipv6()
	if len(b.own4) > 0 {
		b.arp()
	}
}

// arp accepts ARP from the guest about itself.
func (b *guarding) arp() {
	pass := accept
	if b.splits() {
		pass = "arp split"
	}
	b.at("own arp")
	b.ldlen()
	b.jge(offPayload+lenARP, next, drop)
	b.ld(offPayload)
	b.jeq(0x0001<<16|typeIPv4, next, drop)
	b.ldh(offPayload + 4)
	b.jeq(0x0604, next, drop)
	b.ldh(offARPOperation)
	b.jeq(arpOpRequest, "arp operation", next)
	b.jeq(arpOpReply, next, drop)
	b.at("arp operation")
	b.in(at(offARPSenderHW), b.lladdrs, next, drop)
	b.in(at(offARPSender), b.own4, pass, next)
	b.ld(offARPSender)
	b.jeq(0, next, drop)
	b.ldh(offARPOperation)
	b.jeq(arpOpRequest, next, drop)
	b.in(at(offARPTarget), b.own4, pass, drop)
	b.pool()
	if b.splits() {
		host4 := b.Gateway.Host4.As4()
		b.at(pass)
		b.untagged(accept)
		b.ldh(offARPOperation)
		b.jeq(arpOpRequest, next, accept)
		b.match(offARPTarget, host4[:], drop, accept)
		b.pool()
	}
}
