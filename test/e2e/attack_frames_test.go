package e2e

import (
	"encoding/binary"
	"net/netip"

	"github.com/vmtap/vmtap/test/guest"
)

// Places in rdomain 0 to which a guest may want to send.
func hostPlaces() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr(hostAddr4), netip.MustParseAddr(hostAddr6)}
}

func outPlaces() []netip.Addr {
	return []netip.Addr{netip.MustParseAddr(outAddr4), netip.MustParseAddr(outAddr6)}
}

// everybody are all addresses in town that are not the hostile guest's nor its
// gateway's.
func (tn *town) everybody() []netip.Addr {
	all := append(hostPlaces(), outPlaces()...)
	for _, r := range tn.others {
		all = append(append(all, addrs(r.config)...), gateways(r.config)...)
	}
	return all
}

// volley are packets to one address, of each kind that somebody may take: an
// echo request, datagrams to the host's ports in both rdomains, and one of a
// protocol that raw sockets hear.
func volley(src, dst netip.Addr, mark string) []guest.IP {
	return []guest.IP{
		guest.Echo{ID: 7, Data: []byte(mark)}.Packet(src, dst),
		guest.UDP{SrcPort: 4000, DstPort: 7000, Payload: []byte(mark)}.Packet(src, dst),
		guest.UDP{SrcPort: 4000, DstPort: 7010, Payload: []byte(mark)}.Packet(src, dst),
		{Src: src, Dst: dst, TTL: 64, Protocol: rawProtocol, Payload: []byte(mark)},
	}
}

// toAll are volleys from the guest's own addresses to everybody, to one MAC.
func (tn *town) toAll(mac guest.MAC, dsts []netip.Addr, mark string) [][]byte {
	var all [][]byte
	for _, dst := range dsts {
		for _, p := range volley(tn.source(dst), dst, mark) {
			all = append(all, tn.frame(mac, p))
		}
	}
	return all
}

// frame is a packet from the guest's own lladdr.
func (tn *town) frame(mac guest.MAC, p guest.IP) []byte {
	return guest.Ethernet{Dst: mac, Src: tn.LLAddr(), Type: p.EtherType(), Payload: p.Marshal()}.Marshal()
}

// frames are packets from the guest's own lladdr.
func (tn *town) frames(mac guest.MAC, ps ...guest.IP) [][]byte {
	var all [][]byte
	for _, p := range ps {
		all = append(all, tn.frame(mac, p))
	}
	return all
}

// withOptions is an IPv4 packet with options (RFC 791), of which it makes
// whole words.
func withOptions(p guest.IP, options []byte) []byte {
	b := p.Marshal()
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	header := append(append([]byte(nil), b[:20]...), options...)
	header[0] = 4<<4 | byte(len(header)/4)
	binary.BigEndian.PutUint16(header[2:], uint16(len(b)+len(options)))
	header[10], header[11] = 0, 0
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum))
	return append(header, b[20:]...)
}

// Source routes of IPv4 (RFC 791, 3.1).
const (
	looseRoute  = 131
	strictRoute = 137
)

// sourceRoute is the option that sends a packet on from its destination.
func sourceRoute(kind byte, hops ...netip.Addr) []byte {
	b := []byte{kind, byte(3 + 4*len(hops)), 4}
	for _, h := range hops {
		b = append(b, h.AsSlice()...)
	}
	return b
}

// routed6 is an IPv6 packet that goes to via first, with a routing header
// (RFC 8200, 4.4) of a type that leads it to its own destination from there.
func routed6(p guest.IP, via netip.Addr, kind byte) guest.IP {
	const segment = 16
	// Type 4 (RFC 8754) keeps the last entry and flags where others have nothing.
	header := []byte{p.Protocol, segment / 8, kind, 1, 0, 0, 0, 0}
	header = append(header, p.Dst.AsSlice()...)
	return guest.IP{Src: p.Src, Dst: via, Protocol: 43, TTL: p.TTL, Payload: append(header, p.Payload...)}
}
