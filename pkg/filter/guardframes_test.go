package filter

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Whoever else is on the switch, and what the guest of the tests is besides
// its first addresses.
var (
	neighbourMAC = vmid.LLAddr{2, 0, 0, 0, 0, 9}
	bridgeMAC    = vmid.LLAddr{2, 0, 0, 0, 0xbb, 1}
	portMAC      = vmid.LLAddr{10, 2, 0, 0, 0xbb, 2}
	secondMAC    = vmid.LLAddr{2, 0, 0, 0, 0, 2}

	neighbour4 = netip.MustParseAddr("100.64.2.3")
	neighbour6 = netip.MustParseAddr("fd00::6440:203:0:2")
	any4Addr   = netip.IPv4Unspecified()
	any6Addr   = netip.IPv6Unspecified()
	all4       = netip.MustParseAddr("255.255.255.255")
	allRouters = netip.MustParseAddr("ff02::2")
	eui        = guestMAC.LinkLocal()
	privacy    = netip.MustParseAddr("fe80::1234:5678:9abc:def0") // a link-local address as guests choose them by RFC 7217
)

// place says where a frame of the guest's may go.
type place int

const (
	nowhere    place = iota // it is forged, or too short
	theSwitch               // whatever the way, but to the gateway
	theGateway              // whatever the way, but to the switch
	onlyAlone               // the guest has no other way
)

// by reports whether a frame for a place passes by a way.
func (p place) by(w Way) bool {
	switch p {
	case theSwitch:
		return w != ToGateway
	case theGateway:
		return w != ToSwitch
	case onlyAlone:
		return w == Alone
	}
	return false
}

// guardTest is a frame of the guest's, and where it may go from the length
// need on.
type guardTest struct {
	name  string
	frame []byte
	to    place
	need  int
}

// from4 is a frame with an IPv4 packet to the neighbour's MAC.
func from4(src, dst netip.Addr, protocol byte, data []byte) []byte {
	return ether(neighbourMAC, 0x0800, packet4(src, dst, 0, nil, protocol, data))
}

// packet4 is an IPv4 packet. Flags and fragment offset are one word.
func packet4(src, dst netip.Addr, fragment uint16, options []byte, protocol byte, data []byte) []byte {
	p := ipv4(len(options), fragment, protocol, data)
	copy(p[12:], src.AsSlice())
	copy(p[16:], dst.AsSlice())
	copy(p[20:], options)
	return p
}

// from6 is a frame with an IPv6 packet to the neighbour's MAC, hop limit 255.
func from6(src, dst netip.Addr, nextHeader byte, data []byte) []byte {
	p := ipv6(nextHeader, data)
	copy(p[8:], src.AsSlice())
	copy(p[24:], dst.AsSlice())
	return ether(neighbourMAC, 0x86dd, p)
}

// to returns a copy of a frame for another MAC.
func to(dst vmid.LLAddr, frame []byte) []byte { return with(frame, 0, dst[:]...) }

// nd is a message of neighbour discovery with its target and options.
func nd(kind byte, target netip.Addr, options ...byte) []byte {
	return icmp6(kind, append(target.AsSlice(), options...))
}

// option is one with a link-layer address.
func option(kind byte, a vmid.LLAddr) []byte { return append([]byte{kind, 1}, a[:]...) }

// dhcp4 is a DHCP client's message with 300 bytes.
func dhcpMessage(op byte, chaddr vmid.LLAddr) []byte {
	p := make([]byte, 8+300)
	binary.BigEndian.PutUint16(p, 68)
	binary.BigEndian.PutUint16(p[2:], 67)
	binary.BigEndian.PutUint16(p[4:], uint16(len(p)))
	p[8], p[9], p[10] = op, 1, 6
	copy(p[8+28:], chaddr[:])
	return p
}

// hopByHop puts a hop-by-hop header before a message.
func hopByHop(options string, message []byte) []byte {
	return slices.Concat([]byte{58, 0}, []byte(options), message)
}

// fragment6 puts a fragment header before data. Offset, two bits and the flag
// of more fragments are one word.
func fragment6(nextHeader byte, offset uint16, data []byte) []byte {
	return slices.Concat([]byte{nextHeader, 0, byte(offset >> 8), byte(offset), 0, 0, 0, 1}, data)
}

const (
	alertFirst = "\x05\x02\x00\x00\x01\x00"
	alertLast  = "\x01\x00\x05\x02\x00\x00"
)

// Offsets in a frame that the table changes.
const (
	atARP  = 14
	atIP   = 14
	atData = 54 // of IPv6
)

var guardTests = slices.Concat(
	etherTests(), arpTests(), ipv4Tests(), transport4Tests(), dhcpTests(), igmpTests(),
	ipv6Tests(), icmp6Tests(), solicitationTests(), advertisementTests(), routerTests(), mldTests(), fragment6Tests(),
)

// forged are tests of frames that go nowhere.
func forged(list map[string][]byte) (tests []guardTest) {
	for name, frame := range list {
		tests = append(tests, guardTest{name, frame, nowhere, 0})
	}
	slices.SortFunc(tests, func(a, b guardTest) int { return strings.Compare(a.name, b.name) })
	return tests
}

// whole is a test of a frame that must be there up to its end.
func whole(name string, frame []byte, to place) guardTest {
	return guardTest{name, frame, to, len(frame)}
}

// bitByBit are frames with a field that is wrong in one bit, each bit once.
func bitByBit(name string, frame []byte, off, size int) map[string][]byte {
	list := map[string][]byte{}
	for bit := range size * 8 {
		wrong := slices.Clone(frame)
		wrong[off+bit/8] ^= 0x80 >> (bit % 8)
		list[fmt.Sprintf("%s, bit %d wrong", name, bit)] = wrong
	}
	return list
}

func merged(lists ...map[string][]byte) map[string][]byte {
	all := map[string][]byte{}
	for _, list := range lists {
		for name, frame := range list {
			if all[name] != nil {
				panic("two frames are called " + name)
			}
			all[name] = frame
		}
	}
	return all
}

func etherTests() []guardTest {
	tcp := from4(guest4, neighbour4, 6, make([]byte, 20))
	all := map[string][]byte{
		"to the bridge":      to(bridgeMAC, tcp),
		"to the own port":    to(portMAC, tcp),
		"inner tag":          ether(neighbourMAC, 0x8100, append([]byte{0, 100}, tcp[12:]...)),
		"inner service tag":  ether(neighbourMAC, 0x88a8, append([]byte{0, 100}, tcp[12:]...)),
		"inner old tag":      ether(neighbourMAC, 0x9100, append([]byte{0, 100}, tcp[12:]...)),
		"from another":       with(tcp, 6, neighbourMAC[:]...),
		"from the gateway":   with(tcp, 6, gatewayMAC[:]...),
		"LLC":                ether(vmid.LLAddr{1, 0x80, 0xc2, 0, 0, 0x10}, 38, append([]byte{0x42, 0x42, 3}, make([]byte, 43)...)),
		"LLDP":               ether(broadcast, 0x88cc, make([]byte, 46)),
		"EAPOL":              ether(neighbourMAC, 0x888e, make([]byte, 46)),
		"PPPoE discovery":    ether(broadcast, 0x8863, make([]byte, 46)),
		"PPPoE session":      ether(neighbourMAC, 0x8864, make([]byte, 46)),
		"MPLS":               ether(neighbourMAC, 0x8847, append([]byte{0, 1, 1, 64}, tcp[14:]...)),
		"PAUSE":              ether(vmid.LLAddr{1, 0x80, 0xc2, 0, 0, 1}, 0x8808, make([]byte, 46)),
		"RARP":               ether(broadcast, 0x8035, arp(3, guest4, guest4)),
		"no payload":         ether(neighbourMAC, 0x0800, nil),
		"IPv4 as IPv6":       ether(neighbourMAC, 0x86dd, tcp[14:]),
		"IPv6 as IPv4":       ether(neighbourMAC, 0x0800, from6(guest6, neighbour6, 6, make([]byte, 20))[14:]),
		"gateway, from else": with(to(gatewayMAC, tcp), 6, neighbourMAC[:]...),
	}
	for last := range 16 {
		all[fmt.Sprintf("to a bridge's group %x", last)] = to(vmid.LLAddr{1, 0x80, 0xc2, 0, 0, byte(last)}, tcp)
	}
	return append(forged(merged(all, bitByBit("source MAC", tcp, 6, 6))),
		guardTest{"TCP, IPv4", tcp, theSwitch, 54},
		guardTest{"TCP, IPv4, to the gateway", to(gatewayMAC, tcp), theGateway, 54},
		guardTest{"TCP, IPv4, to all", to(broadcast, tcp), theSwitch, 54},
		guardTest{"to group 10, which bridges forward", to(vmid.LLAddr{1, 0x80, 0xc2, 0, 0, 0x10}, tcp), theSwitch, 54},
		guardTest{"to group 01:80:c2:00:01:00", to(vmid.LLAddr{1, 0x80, 0xc2, 0, 1, 0}, tcp), theSwitch, 54},
		guardTest{"to 01:80:c2:01:00:00", to(vmid.LLAddr{1, 0x80, 0xc2, 1, 0, 0}, tcp), theSwitch, 54},
		guardTest{"nearly to the bridge", to(vmid.LLAddr{2, 0, 0, 0, 0xbb, 2}, tcp), theSwitch, 54},
		guardTest{"to another's gateway", to(otherMAC, tcp), theSwitch, 54},
	)
}

func arpTests() []guardTest {
	request := ether(broadcast, 0x0806, arp(1, guest4, neighbour4))
	reply := ether(neighbourMAC, 0x0806, arp(2, guest4, neighbour4))
	probe := ether(broadcast, 0x0806, arp(1, any4Addr, guest4))
	return append(forged(merged(map[string][]byte{
		"ARP probe for another":         ether(broadcast, 0x0806, arp(1, any4Addr, neighbour4)),
		"ARP probe for the gateway":     ether(broadcast, 0x0806, arp(1, any4Addr, host4)),
		"ARP probe as a reply":          ether(broadcast, 0x0806, arp(2, any4Addr, guest4)),
		"ARP reply as another":          ether(neighbourMAC, 0x0806, arp(2, neighbour4, guest4)),
		"ARP reply as the gateway":      ether(neighbourMAC, 0x0806, arp(2, host4, guest4)),
		"gratuitous ARP as another":     ether(broadcast, 0x0806, arp(1, neighbour4, neighbour4)),
		"ARP probe, another's hardware": with(probe, atARP+8, neighbourMAC[:]...),
	},
		bitByBit("ARP hardware type", request, atARP, 2),
		bitByBit("ARP protocol type", request, atARP+2, 2),
		bitByBit("ARP lengths", request, atARP+4, 2),
		bitByBit("ARP operation", request, atARP+6, 2), // 1 and 2 differ in two bits
		bitByBit("ARP reply, sender hardware", reply, atARP+8, 6),
		bitByBit("ARP sender", request, atARP+14, 4),
		bitByBit("ARP probe, target", probe, atARP+24, 4),
	)),
		whole("ARP request", request, theSwitch),
		whole("ARP request for host4", ether(broadcast, 0x0806, arp(1, guest4, host4)), theGateway),
		whole("ARP request to the gateway", to(gatewayMAC, request), theGateway),
		whole("ARP reply", reply, theSwitch),
		whole("ARP reply to host4, not to the gateway", ether(neighbourMAC, 0x0806, arp(2, guest4, host4)), theSwitch),
		whole("ARP reply to the gateway", ether(gatewayMAC, 0x0806, arp(2, guest4, host4)), theGateway),
		whole("gratuitous ARP", ether(broadcast, 0x0806, arp(1, guest4, guest4)), theSwitch),
		whole("ARP probe", probe, theSwitch),
		guardTest{"ARP request, padded", append(slices.Clone(request), make([]byte, 18)...), theSwitch, 42},
	)
}

func ipv4Tests() []guardTest {
	tcp := from4(guest4, neighbour4, 6, make([]byte, 20))
	destination := func(s string) []byte { return from4(guest4, netip.MustParseAddr(s), 6, make([]byte, 20)) }
	fragment := func(offset uint16, protocol byte, data []byte) []byte {
		return ether(neighbourMAC, 0x0800, packet4(guest4, neighbour4, offset, nil, protocol, data))
	}
	options := func(n int, protocol byte, data []byte) []byte {
		return ether(neighbourMAC, 0x0800, packet4(guest4, neighbour4, 0, make([]byte, n), protocol, data))
	}
	short := func(n int, protocol byte) []byte { return from4(guest4, neighbour4, protocol, make([]byte, n)) }
	tests := append(forged(merged(map[string][]byte{
		"IPv4 of another":                from4(neighbour4, guest4, 6, make([]byte, 20)),
		"IPv4 of the gateway":            from4(host4, neighbour4, 6, make([]byte, 20)),
		"IPv4 of nobody, TCP":            from4(any4Addr, all4, 6, make([]byte, 20)),
		"IPv4, header of 4 words":        with(tcp, atIP, 0x44),
		"IPv4, header longer than total": with(tcp, atIP, 0x4b),
		"IPv4, total less than header":   with(tcp, atIP+2, 0, 19),
		"IPv4, total of nothing":         with(tcp, atIP+2, 0, 0),
		"IPv4, total beyond the frame":   with(tcp, atIP+2, 0, 41),
		"IPv4, total far beyond":         with(tcp, atIP+2, 255, 255),
		"options, total less than them":  with(options(40, 6, nil), atIP+2, 0, 59),
		"UDP without ports":              short(0, 17),
		"UDP with a part of its header":  short(7, 17),
		"ICMP without a type":            short(0, 1),
		"ICMP with 7 bytes":              short(7, 1),
		"UDP, first fragment too short":  fragment(0x2000, 17, make([]byte, 4)),
		"UDP behind options, too short":  options(40, 17, make([]byte, 7)),
		"later fragment of another":      ether(neighbourMAC, 0x0800, packet4(neighbour4, guest4, 1, nil, 17, make([]byte, 20))),
		"later fragment of nobody":       ether(neighbourMAC, 0x0800, packet4(any4Addr, all4, 1, nil, 17, make([]byte, 20))),
		"later fragment of IGMP":         fragment(1, 2, make([]byte, 20)),
		"to 0/8":                         destination("0.0.0.1"),
		"to 0/8, last":                   destination("0.255.255.255"),
		"to 127/8":                       destination("127.0.0.1"),
		"to 127/8, last":                 destination("127.255.255.255"),
		"to 240/4":                       destination("240.0.0.0"),
		"to 240/4, nearly broadcast":     destination("255.255.255.254"),
	}, bitByBit("IPv4 source", tcp, atIP+12, 4))),
		whole("to broadcast", destination("255.255.255.255"), theSwitch),
		whole("to 1.0.0.0", destination("1.0.0.0"), theSwitch),
		whole("to 126.255.255.255", destination("126.255.255.255"), theSwitch),
		whole("to 128.0.0.0", destination("128.0.0.0"), theSwitch),
		whole("to a group", destination("224.0.0.251"), theSwitch),
		whole("to the last group", destination("239.255.255.255"), theSwitch),
		whole("SCTP", short(12, 132), theSwitch),
		whole("no data", short(0, 6), theSwitch),
		whole("ESP, no data", short(0, 50), theSwitch),
		whole("IPv6 in IPv4", short(40, 41), theSwitch),
		whole("TCP behind 40 bytes of options", options(40, 6, make([]byte, 20)), theSwitch),
		whole("options and nothing else", options(40, 6, nil), theSwitch),
		guardTest{"TCP, padded", append(slices.Clone(tcp), make([]byte, 6)...), theSwitch, 54},
		guardTest{"UDP, padded", append(slices.Clone(short(8, 17)), make([]byte, 18)...), theSwitch, 42},
	)
	for v := range byte(16) {
		if v != 4 {
			tests = append(tests, guardTest{fmt.Sprintf("IPv4, version %d", v), with(tcp, atIP, v<<4|5), nowhere, 0})
		}
	}
	return tests
}

func transport4Tests() []guardTest {
	message := func(kind byte) []byte { return []byte{kind, 0, 0, 0, 0, 0, 0, 0} }
	frag := func(offset uint16, options int, protocol byte, data []byte) []byte {
		return ether(neighbourMAC, 0x0800, packet4(guest4, neighbour4, offset, make([]byte, options), protocol, data))
	}
	tests := append(forged(map[string][]byte{
		"DHCP server":                   from4(guest4, all4, 17, udp(67, 68)),
		"DHCP server, first fragment":   frag(0x2000, 0, 17, udp(67, 68)),
		"DHCP server, do not fragment":  frag(0x4000, 0, 17, udp(67, 68)),
		"DHCP server, options":          frag(0, 8, 17, udp(67, 68)),
		"DHCP server, 40 bytes of them": frag(0, 40, 17, udp(67, 68)),
		"DHCP relay":                    from4(guest4, all4, 17, udp(67, 67)),
		"DHCP server as nobody":         from4(any4Addr, all4, 17, udp(67, 68)),
		"UDP as nobody":                 from4(any4Addr, all4, 17, udp(53, 53)),
		"ICMP as nobody":                from4(any4Addr, all4, 1, message(8)),
		"ICMP redirect, first fragment": frag(0x2000, 0, 1, message(5)),
		"ICMP redirect behind options":  frag(0, 12, 1, message(5)),
	}),
		whole("UDP 68 to 68", from4(guest4, neighbour4, 17, udp(68, 68)), theSwitch),
		whole("UDP 66 to 68", from4(guest4, neighbour4, 17, udp(66, 68)), theSwitch),
		whole("UDP behind options", frag(0, 40, 17, udp(53, 53)), theSwitch),
		whole("UDP behind options that look like a server", with(frag(0, 8, 17, udp(53, 53)), 34, 0, 67, 0, 68), theSwitch),
		whole("UDP, first fragment", frag(0x2000, 0, 17, udp(53, 53)), theSwitch),
		whole("UDP, reserved flag", frag(0x8000, 0, 17, udp(53, 53)), theSwitch),
		whole("UDP, middle fragment that looks like a server", frag(0x2001, 0, 17, udp(67, 68)), theSwitch),
		whole("UDP, last fragment of a byte", frag(1, 0, 17, []byte{1}), theSwitch),
		whole("UDP, later fragment, no data", frag(1, 0, 17, nil), theSwitch),
		whole("ICMP, later fragment that looks like a redirect", frag(0x1fff, 0, 1, message(5)), theSwitch),
		whole("TCP, first fragment", frag(0x2000, 0, 6, make([]byte, 8)), theSwitch),
		whole("UDP to the gateway", to(gatewayMAC, from4(guest4, host4, 17, udp(53, 53))), theGateway),
	)
	for kind := range 256 {
		goes := theSwitch
		if kind == 5 || kind == 9 {
			goes = nowhere
		}
		if frame := from4(guest4, neighbour4, 1, message(byte(kind))); goes == nowhere || kind < 20 || kind == 255 {
			tests = append(tests, guardTest{fmt.Sprintf("ICMP %d", kind), frame, goes, len(frame)})
		}
	}
	for bit := range 13 {
		offset := uint16(1) << bit
		tests = append(tests, whole(fmt.Sprintf("UDP, fragment at %d", offset), frag(offset, 0, 17, udp(67, 68)), theSwitch))
	}
	return tests
}

func dhcpTests() []guardTest {
	from := func(src, dst netip.Addr, options int, data []byte) []byte {
		return ether(broadcast, 0x0800, packet4(src, dst, 0, make([]byte, options), 17, data))
	}
	message := dhcpMessage(1, guestMAC)
	discover, renew := from(any4Addr, all4, 0, message), from(guest4, host4, 0, message)
	const ports, op, chaddr = 34, 42, 42 + 28
	return append(forged(merged(map[string][]byte{
		"DHCP to loopback":              from(any4Addr, netip.MustParseAddr("127.0.0.1"), 0, message),
		"DHCP to nobody":                from(any4Addr, any4Addr, 0, message),
		"DHCP to what is reserved":      from(any4Addr, netip.MustParseAddr("255.255.255.254"), 0, message),
		"DHCP of another":               from(neighbour4, all4, 0, message),
		"DHCP reply":                    from(any4Addr, all4, 0, dhcpMessage(2, guestMAC)),
		"DHCP reply as itself":          from(guest4, all4, 0, dhcpMessage(2, guestMAC)),
		"DHCP for another":              from(any4Addr, all4, 0, dhcpMessage(1, neighbourMAC)),
		"DHCP for another, as itself":   from(guest4, host4, 0, dhcpMessage(1, neighbourMAC)),
		"DHCP for another, unicast":     to(gatewayMAC, from(guest4, host4, 0, dhcpMessage(1, neighbourMAC))),
		"DHCP for another, options":     from(any4Addr, all4, 40, dhcpMessage(1, neighbourMAC)),
		"DHCP, first fragment":          with(discover, atIP+6, 0x20, 0),
		"DHCP as itself, first of two":  with(renew, atIP+6, 0x20, 0),
		"DHCP from another port":        with(discover, ports, 0, 69),
		"DHCP as itself, another port":  with(renew, ports, 4, 0),
		"DHCP to another port":          with(discover, ports+2, 0, 66),
		"DHCP without all of chaddr":    from(any4Addr, all4, 0, message[:8+33]),
		"DHCP as itself, without chadd": from(guest4, all4, 0, message[:8+33]),
		"DHCP, no header of UDP":        from(any4Addr, all4, 0, message[:7]),
		"DHCP over TCP":                 with(discover, atIP+9, 6),
	},
		bitByBit("DHCP op", discover, op, 1), bitByBit("DHCP chaddr", discover, chaddr, 6))),
		whole("DHCP renewed or released from 0.0.0.0", from(any4Addr, host4, 0, message), theGateway),
		whole("DHCP", discover, theGateway),
		whole("DHCP to the gateway's MAC", to(gatewayMAC, discover), theGateway),
		whole("DHCP behind options", from(any4Addr, all4, 40, message), theGateway),
		whole("DHCP that just holds chaddr", from(any4Addr, all4, 0, message[:8+34]), theGateway),
		whole("DHCP renewed", renew, theGateway),
		whole("DHCP renewed, to the gateway's MAC", to(gatewayMAC, renew), theGateway),
		whole("DHCP rebound", from(guest4, all4, 0, message), theGateway),
		whole("DHCP, do not fragment", with(discover, atIP+6, 0x40, 0), theGateway),
	)
}

func igmpTests() []guardTest {
	alert := []byte{0x94, 4, 0, 0}
	message := func(kind byte) []byte { return []byte{kind, 0, 0, 0, 224, 0, 0, 251} }
	from := func(src netip.Addr, options []byte, data []byte) []byte {
		return ether(neighbourMAC, 0x0800, packet4(src, netip.MustParseAddr("224.0.0.22"), 0, options, 2, data))
	}
	report := from(guest4, alert, message(0x22))
	tests := forged(merged(map[string][]byte{
		"IGMP of another":             from(neighbour4, alert, message(0x22)),
		"IGMP, first fragment":        with(report, atIP+6, 0x20, 0),
		"IGMP behind 8 bytes":         from(guest4, append(alert, 1, 1, 1, 1), message(0x22)),
		"IGMP, 7 bytes":               from(guest4, alert, message(0x22)[:7]),
		"IGMP, no data":               from(guest4, nil, nil),
		"IGMP to 127/8":               with(report, atIP+16, 127),
		"IGMP of nobody behind no-op": from(any4Addr, []byte{1, 1, 1, 1}, message(0x22)),
	}, bitByBit("IGMP router alert", report, 34, 4)))
	for kind := range 256 {
		goes := nowhere
		if slices.Contains([]int{0x12, 0x16, 0x17, 0x22}, kind) {
			goes = theSwitch
		}
		if goes == theSwitch || kind < 0x30 || kind == 255 {
			for _, src := range []netip.Addr{guest4, any4Addr} {
				tests = append(tests,
					whole(fmt.Sprintf("IGMP %#x from %v", kind, src), from(src, alert, message(byte(kind))), goes),
					whole(fmt.Sprintf("IGMP %#x from %v without alert", kind, src), from(src, nil, message(byte(kind))), goes))
			}
		}
	}
	return append(tests, whole("IGMPv3 report, long", from(guest4, alert, append(message(0x22), make([]byte, 24)...)), theSwitch))
}
