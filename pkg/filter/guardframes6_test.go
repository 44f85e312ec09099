package filter

import (
	"fmt"
	"net/netip"
	"slices"
)

func ipv6Tests() []guardTest {
	tcp := from6(guest6, neighbour6, 6, make([]byte, 20))
	datagram := from6(guest6, neighbour6, 17, udp(53, 53))
	ra := icmp6(134, make([]byte, 8))
	tests := append(forged(merged(map[string][]byte{
		"IPv6 of another":              from6(neighbour6, guest6, 6, make([]byte, 20)),
		"IPv6 of the gateway":          from6(host6, neighbour6, 6, make([]byte, 20)),
		"IPv6 of fe80:0:0:1::":         from6(netip.MustParseAddr("fe80:0:0:1::5"), neighbour6, 6, make([]byte, 20)),
		"IPv6 of nobody, TCP":          from6(any6Addr, neighbour6, 6, make([]byte, 20)),
		"IPv6 of nobody, UDP":          from6(any6Addr, neighbour6, 17, udp(546, 547)),
		"IPv6 of nobody, echo":         from6(any6Addr, neighbour6, 58, icmp6(128, nil)),
		"IPv6 of a mapped address":     from6(netip.AddrFrom16(guest4.As16()), neighbour6, 6, make([]byte, 20)),
		"IPv6, length beyond":          with(tcp, atIP+4, 0, 21),
		"IPv6, length far beyond":      with(tcp, atIP+4, 255, 255),
		"DHCPv6 server":                from6(guest6, neighbour6, 17, udp(547, 546)),
		"DHCPv6 server, link-local":    from6(eui, neighbour6, 17, udp(547, 546)),
		"DHCPv6 relay":                 from6(guest6, neighbour6, 17, udp(547, 547)),
		"UDP, IPv6, 7 bytes":           from6(guest6, neighbour6, 17, udp(53, 53)[:7]),
		"UDP, IPv6, a length of 7":     with(datagram, atIP+4, 0, 7),
		"to ::":                        from6(guest6, any6Addr, 6, make([]byte, 20)),
		"to ::1":                       from6(guest6, netip.IPv6Loopback(), 6, make([]byte, 20)),
		"to a mapped address":          from6(guest6, netip.AddrFrom16(neighbour4.As16()), 6, make([]byte, 20)),
		"RA behind hop-by-hop":         from6(eui, allRouters, 0, hopByHop(alertFirst, ra)),
		"RA behind destination":        from6(eui, allRouters, 60, hopByHop("\x01\x04\x00\x00\x00\x00", ra)),
		"RA behind six headers":        from6(eui, allRouters, 60, slices.Concat(slices.Repeat([]byte{60, 0, 1, 4, 0, 0, 0, 0}, 5), hopByHop("\x01\x04\x00\x00\x00\x00", ra))),
		"RA in a fragment":             from6(guest6, allRouters, 44, fragment6(58, 0, ra)),
		"own address behind hop":       from6(guest6, neighbour6, 0, slices.Concat([]byte{6, 0}, []byte(alertFirst), make([]byte, 20))),
		"own address, MLD":             from6(guest6, neighbour6, 0, hopByHop(alertFirst, icmp6(143, nil))),
		"MLD without hop-by-hop":       from6(eui, neighbour6, 58, icmp6(143, nil)),
		"IPv6 in IPv6":                 from6(guest6, neighbour6, 41, tcp[14:]),
		"IPv4 in IPv6":                 from6(guest6, neighbour6, 4, make([]byte, 20)),
		"protocol 111":                 from6(guest6, neighbour6, 111, make([]byte, 20)),
		"privacy fe80 of another link": from6(netip.MustParseAddr("fec0::1234"), neighbour6, 6, make([]byte, 20)),
	},
		bitByBit("IPv6 source", tcp, atIP+8, 16),
		// What is wrong there is another link-local address: the guest's if
		// it may have any.
		bitByBit("IPv6 link-local source", from6(eui, neighbour6, 6, make([]byte, 20)), atIP+8, 8),
	)),
		whole("TCP, IPv6", tcp, theSwitch),
		whole("TCP, IPv6, to the gateway", to(gatewayMAC, tcp), theGateway),
		whole("TCP, IPv6, traffic class and flow", with(tcp, atIP, 0x6f, 0xff, 0xff, 0xff), theSwitch),
		whole("TCP, IPv6, link-local", from6(eui, neighbour6, 6, make([]byte, 20)), theSwitch),
		whole("TCP, IPv6, link-local, to the gateway", to(gatewayMAC, from6(eui, linkLocal, 6, make([]byte, 20))), theGateway),
		whole("TCP, IPv6, privacy link-local", from6(privacy, neighbour6, 6, make([]byte, 20)), onlyAlone),
		whole("TCP, IPv6, privacy link-local, to the gateway", to(gatewayMAC, from6(privacy, linkLocal, 6, make([]byte, 20))), onlyAlone),
		whole("TCP, IPv6, the gateway's link-local", from6(linkLocal, neighbour6, 6, make([]byte, 20)), onlyAlone),
		whole("ESP, IPv6", from6(guest6, neighbour6, 50, make([]byte, 20)), theSwitch),
		whole("no next header", from6(guest6, neighbour6, 59, nil), theSwitch),
		whole("no data, IPv6", from6(guest6, neighbour6, 6, nil), theSwitch),
		whole("UDP, IPv6", datagram, theSwitch),
		whole("UDP, IPv6, link-local", from6(eui, neighbour6, 17, udp(53, 53)), theSwitch),
		whole("UDP, IPv6, 8 bytes", from6(guest6, neighbour6, 17, udp(53, 53)[:8]), theSwitch),
		whole("UDP, IPv6, DHCPv4's ports", from6(guest6, neighbour6, 17, udp(67, 68)), theSwitch),
		whole("DHCPv6", from6(eui, neighbour6, 17, udp(546, 547)), theGateway),
		whole("DHCPv6, own address", from6(guest6, neighbour6, 17, udp(546, 547)), theGateway),
		whole("UDP 546 to 546", from6(guest6, neighbour6, 17, udp(546, 546)), theSwitch),
		whole("UDP 545 to 547", from6(guest6, neighbour6, 17, udp(545, 547)), theSwitch),
		whole("to 64:ff9b::1", from6(guest6, netip.MustParseAddr("64:ff9b::1"), 6, nil), theSwitch),
		whole("to 0:1::", from6(guest6, netip.MustParseAddr("0:1::"), 6, nil), theSwitch),
		guardTest{"TCP, IPv6, padded", append(slices.Clone(tcp), 1, 2, 3), theSwitch, 74},
		guardTest{"UDP, IPv6, padded", append(from6(guest6, neighbour6, 17, udp(53, 53)[:8]), 1, 2, 3), theSwitch, 62},
	)
	for v := range byte(16) {
		if v != 6 {
			tests = append(tests, guardTest{fmt.Sprintf("IPv6, version %d", v), with(tcp, atIP, v<<4), nowhere, 0})
		}
	}
	for _, header := range []byte{0, 43, 44, 51, 60, 135, 139, 140, 253, 254, 1, 2, 112} {
		if header != 44 {
			tests = append(tests, guardTest{fmt.Sprintf("IPv6, next header %d", header), from6(guest6, neighbour6, header, append([]byte{6, 0}, make([]byte, 30)...)), nowhere, 0})
		}
	}
	return tests
}

func icmp6Tests() (tests []guardTest) {
	for kind := range 256 {
		goes := nowhere
		if slices.Contains([]int{1, 2, 3, 4, 128, 129}, kind) {
			goes = theSwitch
		}
		if goes == nowhere && kind > 10 && kind < 126 || kind > 165 && kind < 255 || kind >= 133 && kind <= 136 {
			continue
		}
		for _, src := range []netip.Addr{guest6, eui} {
			frame := from6(src, neighbour6, 58, icmp6(byte(kind), nil))
			tests = append(tests, guardTest{fmt.Sprintf("ICMPv6 %d from %v", kind, src), frame, goes, len(frame)})
		}
		tests = append(tests, guardTest{fmt.Sprintf("ICMPv6 %d from nobody", kind), from6(any6Addr, neighbour6, 58, icmp6(byte(kind), nil)), nowhere, 0})
	}
	echo := from6(guest6, neighbour6, 58, icmp6(128, make([]byte, 24)))
	return append(tests,
		whole("echo, hop limit 64", with(echo, atIP+7, 64), theSwitch),
		whole("echo, privacy", from6(privacy, neighbour6, 58, icmp6(128, nil)), onlyAlone),
		guardTest{"echo, 7 bytes", from6(guest6, neighbour6, 58, icmp6(128, nil)[:7]), nowhere, 0},
		guardTest{"echo, a length of 7", with(echo, atIP+4, 0, 7), nowhere, 0},
		guardTest{"redirect", from6(eui, neighbour6, 58, icmp6(137, make([]byte, 32))), nowhere, 0},
		guardTest{"router advertisement", from6(eui, neighbour6, 58, icmp6(134, make([]byte, 8))), nowhere, 0},
		guardTest{"router advertisement, own address", from6(guest6, neighbour6, 58, icmp6(134, make([]byte, 8))), nowhere, 0},
		guardTest{"router advertisement of nobody", from6(any6Addr, neighbour6, 58, icmp6(134, make([]byte, 8))), nowhere, 0},
		guardTest{"echo of another", from6(neighbour6, guest6, 58, icmp6(128, nil)), nowhere, 0},
	)
}

func solicitationTests() []guardTest {
	lladdr := option(1, guestMAC)
	from := func(src, target netip.Addr, options ...byte) []byte {
		return from6(src, netip.MustParseAddr("ff02::1:ff00:9"), 58, nd(135, target, options...))
	}
	plain, long := from(guest6, neighbour6), from(guest6, neighbour6, lladdr...)
	detection := from(any6Addr, guest6)
	nonce := []byte{14, 1, 1, 2, 3, 4, 5, 6}
	nonced := from(any6Addr, guest6, nonce...)
	longer := append(slices.Clone(lladdr), nonce...)
	return append(forged(merged(map[string][]byte{
		"NS of another":                   from(neighbour6, guest6),
		"NS of the gateway":               from(host6, neighbour6),
		"NS, option of another":           from(guest6, neighbour6, option(1, neighbourMAC)...),
		"NS of fe80, option of another":   from(eui, neighbour6, option(1, neighbourMAC)...),
		"NS, target option":               from(guest6, neighbour6, option(2, guestMAC)...),
		"NS, nonce of one with address":   from(guest6, neighbour6, nonce...),
		"NS, two options":                 from(guest6, neighbour6, longer...),
		"NS, 23 bytes":                    with(plain, atIP+4, 0, 23),
		"NS, 31 bytes":                    with(long, atIP+4, 0, 31),
		"NS, 25 bytes":                    from(guest6, neighbour6, 0),
		"NS, 8 bytes":                     from6(guest6, neighbour6, 58, icmp6(135, nil)),
		"NS, hop limit 254":               with(long, atIP+7, 254),
		"NS, hop limit 64":                with(plain, atIP+7, 64),
		"DAD for another":                 from(any6Addr, neighbour6),
		"DAD for another with nonce":      from(any6Addr, neighbour6, nonce...),
		"DAD for the gateway":             from(any6Addr, host6),
		"DAD with an lladdr":              from(any6Addr, guest6, lladdr...),
		"DAD with two options":            from(any6Addr, guest6, longer...),
		"DAD, hop limit 64":               with(detection, atIP+7, 64),
		"DAD, 23 bytes":                   with(detection, atIP+4, 0, 23),
		"DAD, 31 bytes":                   with(nonced, atIP+4, 0, 31),
		"DAD, 25 bytes":                   from(any6Addr, guest6, 0),
		"DAD, 16 bytes":                   from6(any6Addr, neighbour6, 58, icmp6(135, make([]byte, 8))),
		"NS behind hop-by-hop":            from6(eui, neighbour6, 0, hopByHop(alertFirst, nd(135, neighbour6))),
		"DAD behind hop-by-hop":           from6(any6Addr, neighbour6, 0, hopByHop(alertFirst, nd(135, guest6))),
		"DAD behind hop-by-hop, another":  from6(any6Addr, neighbour6, 0, hopByHop(alertFirst, nd(135, neighbour6))),
		"NS in a fragment":                from6(guest6, neighbour6, 44, fragment6(58, 0, nd(135, neighbour6))),
		"NS, option of two words":         from(guest6, neighbour6, append([]byte{1, 2}, guestMAC[:]...)...),
		"DAD for fe80:0:0:1::, not on it": from(any6Addr, netip.MustParseAddr("fe80:0:0:1::5")),
	},
		bitByBit("NS, option", long, 78, 8), bitByBit("DAD, nonce", nonced, 78, 2),
		bitByBit("DAD, target", detection, 62, 16), bitByBit("DAD, target fe80", from(any6Addr, eui), 62, 8))),
		whole("NS", plain, theSwitch),
		whole("NS with option", long, theSwitch),
		whole("NS of link-local", from(eui, neighbour6, lladdr...), theSwitch),
		whole("NS of privacy", from(privacy, neighbour6, lladdr...), onlyAlone),
		whole("NS for the gateway", from(guest6, host6, lladdr...), theGateway),
		whole("NS of fe80 for the gateway", from(eui, host6), theGateway),
		whole("NS for the gateway, no option", from(guest6, host6), theGateway),
		whole("NS for the gateway's fe80", from(eui, linkLocal, lladdr...), theGateway),
		whole("NS of privacy for the gateway", from(privacy, linkLocal, lladdr...), onlyAlone),
		whole("NS to the gateway's MAC", to(gatewayMAC, long), theGateway),
		whole("DAD", detection, theSwitch),
		whole("DAD for fe80", from(any6Addr, eui), theSwitch),
		whole("DAD for privacy", from(any6Addr, privacy), onlyAlone),
		whole("DAD for the gateway's fe80", from(any6Addr, linkLocal), onlyAlone),
		whole("DAD with nonce", nonced, theSwitch),
		whole("DAD for fe80 with nonce", from(any6Addr, eui, nonce...), theSwitch),
		guardTest{"NS, padded", append(slices.Clone(plain), make([]byte, 8)...), theSwitch, 78},
		guardTest{"DAD, padded", append(slices.Clone(detection), lladdr...), theSwitch, 78},
	)
}

func advertisementTests() []guardTest {
	lladdr := option(2, guestMAC)
	from := func(src, target netip.Addr, flags byte, options ...byte) []byte {
		return with(from6(src, neighbour6, 58, nd(136, target, options...)), atData+4, flags)
	}
	plain, long := from(guest6, guest6, 0x60), from(guest6, guest6, 0x60, lladdr...)
	return append(forged(merged(map[string][]byte{
		"NA for another":           from(guest6, neighbour6, 0x60, lladdr...),
		"NA for the gateway":       from(guest6, host6, 0x60, lladdr...),
		"NA as another":            from(neighbour6, guest6, 0x60),
		"NA as another for it":     from(neighbour6, neighbour6, 0x60),
		"NA of nobody":             from(any6Addr, guest6, 0x60),
		"NA of a router":           from(guest6, guest6, 0xe0, lladdr...),
		"NA of a router, short":    from(guest6, guest6, 0x80),
		"NA, hop limit 254":        with(long, atIP+7, 254),
		"NA, option of another":    from(guest6, guest6, 0x60, option(2, neighbourMAC)...),
		"NA, source option":        from(guest6, guest6, 0x60, option(1, guestMAC)...),
		"NA, nonce":                from(guest6, guest6, 0x60, 14, 1, 1, 2, 3, 4, 5, 6),
		"NA, two options":          from(guest6, guest6, 0x60, append(slices.Clone(lladdr), lladdr...)...),
		"NA, 23 bytes":             with(plain, atIP+4, 0, 23),
		"NA, 25 bytes":             from(guest6, guest6, 0x60, 0),
		"NA, 8 bytes":              from6(guest6, neighbour6, 58, icmp6(136, nil)),
		"NA behind hop-by-hop":     from6(eui, neighbour6, 0, hopByHop(alertFirst, nd(136, neighbour6))),
		"NA in a fragment":         from6(guest6, neighbour6, 44, fragment6(58, 0, nd(136, guest6))),
		"NA for ::":                from(guest6, any6Addr, 0x60),
		"NA for fe80 another link": from(guest6, netip.MustParseAddr("fe80:0:0:1::5"), 0x60),
	},
		bitByBit("NA, option", long, 78, 8), bitByBit("NA, target", plain, 62, 16))),
		whole("NA", plain, theSwitch),
		whole("NA with option", long, theSwitch),
		whole("NA unsolicited", from(guest6, guest6, 0x20, lladdr...), theSwitch),
		whole("NA for fe80", from(guest6, eui, 0x60, lladdr...), theSwitch),
		whole("NA of fe80", from(eui, guest6, 0x60, lladdr...), theSwitch),
		whole("NA of fe80 for it", from(eui, eui, 0x60), theSwitch),
		whole("NA of fe80 for it, with option", from(eui, eui, 0x60, lladdr...), theSwitch),
		whole("NA of privacy", from(privacy, guest6, 0x60), onlyAlone),
		whole("NA for privacy", from(guest6, privacy, 0x60), onlyAlone),
		whole("NA of privacy to the gateway", to(gatewayMAC, from(privacy, privacy, 0x60, lladdr...)), onlyAlone),
		whole("NA for the gateway's fe80", from(eui, linkLocal, 0x60, lladdr...), onlyAlone),
		guardTest{"NA, padded", append(slices.Clone(plain), 9, 9), theSwitch, 78},
	)
}

func routerTests() []guardTest {
	from := func(src netip.Addr, options ...byte) []byte {
		return from6(src, allRouters, 58, icmp6(133, options))
	}
	lladdr := option(1, guestMAC)
	short, long := from(eui), from(eui, lladdr...)
	return append(forged(merged(map[string][]byte{
		"RS of an own address":        from(guest6),
		"RS of an own address, long":  from(guest6, lladdr...),
		"RS of another":               from(neighbour6),
		"RS, option of another":       from(eui, option(1, neighbourMAC)...),
		"RS, target option":           from(eui, option(2, guestMAC)...),
		"RS of nobody, with option":   from(any6Addr, lladdr...),
		"RS, two options":             from(eui, append(slices.Clone(lladdr), lladdr...)...),
		"RS, 9 bytes":                 from(eui, 0),
		"RS of nobody, 9 bytes":       from(any6Addr, 0),
		"RS, 15 bytes":                with(long, atIP+4, 0, 15),
		"RS, 7 bytes":                 with(short, atIP+4, 0, 7),
		"RS of nobody, 7 bytes":       with(from(any6Addr), atIP+4, 0, 7),
		"RS, hop limit 64":            with(long, atIP+7, 64),
		"RS of nobody, hop limit 64":  with(from(any6Addr), atIP+7, 64),
		"RS of nobody, hop limit 254": with(from(any6Addr), atIP+7, 254),
	}, bitByBit("RS, option", long, 62, 8))),
		whole("RS", short, theGateway),
		whole("RS with option", long, theGateway),
		whole("RS of privacy", from(privacy, lladdr...), onlyAlone),
		whole("RS of the gateway", from(linkLocal), onlyAlone),
		whole("RS of nobody", from(any6Addr), theGateway),
		guardTest{"RS, padded", append(slices.Clone(short), 1, 1), theGateway, 62},
		guardTest{"RS of nobody, padded", append(from(any6Addr), lladdr...), theGateway, 62},
	)
}

func mldTests() []guardTest {
	from := func(src netip.Addr, options string, kind byte) []byte {
		return from6(src, netip.MustParseAddr("ff02::16"), 0, hopByHop(options, icmp6(kind, make([]byte, 20))))
	}
	report := from(eui, alertFirst, 143)
	tests := append(forged(merged(map[string][]byte{
		"MLD of another":              from(neighbour6, alertFirst, 143),
		"MLD of an own address":       from(guest6, alertFirst, 143),
		"MLD without alert":           from(eui, "\x01\x04\x00\x00\x00\x00", 143),
		"MLD without anything":        from(eui, "\x00\x00\x00\x00\x00\x00", 143),
		"MLD with another alert":      from(eui, "\x05\x02\x00\x01\x00\x00", 143),
		"MLD with a jumbo":            from(eui, "\xc2\x04\x00\x01\x00\x00", 143),
		"MLD padded with 2 at last":   from(eui, "\x05\x02\x00\x00\x01\x01", 143),
		"MLD padded with 2 at first":  from(eui, "\x01\x01\x05\x02\x00\x00", 143),
		"MLD, two headers":            with(report, atData, 0),
		"MLD, header of 16 bytes":     with(report, atData+1, 1),
		"MLD, behind destination":     with(report, atIP+6, 60),
		"MLD, 15 bytes":               with(report, atIP+4, 0, 15),
		"MLD that is TCP":             with(report, atData, 6),
		"MLD of nobody without alert": from(any6Addr, "\x01\x04\x00\x00\x00\x00", 143),
	}, bitByBit("MLD, header", report, 54, 6))),
		whole("MLD, alert behind PadN", from(eui, alertLast, 143), theSwitch),
		whole("MLD, alert behind Pad1", from(eui, "\x00\x00\x05\x02\x00\x00", 143), theSwitch),
		whole("MLD, alert before Pad1", from(eui, "\x05\x02\x00\x00\x00\x00", 143), theSwitch),
		whole("MLD of privacy", from(privacy, alertFirst, 143), onlyAlone),
		whole("MLD of the gateway", from(linkLocal, alertFirst, 143), onlyAlone),
		whole("MLD, hop limit 1", with(report, atIP+7, 1), theSwitch),
	)
	for kind := 126; kind < 160; kind++ {
		goes := nowhere
		if slices.Contains([]int{131, 132, 143}, kind) {
			goes = theSwitch
		}
		tests = append(tests,
			whole(fmt.Sprintf("MLD %d", kind), from(eui, alertFirst, byte(kind)), goes),
			whole(fmt.Sprintf("MLD %d of nobody", kind), from(any6Addr, alertLast, byte(kind)), goes))
	}
	return tests
}

func fragment6Tests() []guardTest {
	from := func(src netip.Addr, nextHeader byte, offset uint16, data []byte) []byte {
		return from6(src, neighbour6, 44, fragment6(nextHeader, offset, data))
	}
	tests := append(forged(map[string][]byte{
		"fragment of another":             from(neighbour6, 6, 8, make([]byte, 20)),
		"fragment of link-local":          from(eui, 6, 8, make([]byte, 20)),
		"first fragment of link-local":    from(eui, 17, 1, udp(53, 53)),
		"fragment of nobody":              from(any6Addr, 6, 8, make([]byte, 20)),
		"fragment, 7 bytes":               from6(guest6, neighbour6, 44, make([]byte, 7)),
		"first fragment, DHCPv6 server":   from(guest6, 17, 1, udp(547, 546)),
		"atomic fragment, DHCPv6 server":  from(guest6, 17, 0, udp(547, 546)),
		"atomic fragment, reserved bits":  from(guest6, 17, 6, udp(547, 546)),
		"first fragment, UDP too short":   from(guest6, 17, 1, udp(53, 53)[:7]),
		"first fragment, echo too short":  from(guest6, 58, 1, icmp6(128, nil)[:7]),
		"first fragment, ESP":             from(guest6, 50, 1, make([]byte, 20)),
		"first fragment, no next header":  from(guest6, 59, 0, make([]byte, 20)),
		"first fragment, hop-by-hop":      from(guest6, 0, 1, hopByHop(alertFirst, icmp6(134, nil))),
		"first fragment, destination":     from(guest6, 60, 1, hopByHop("\x01\x04\x00\x00\x00\x00", icmp6(134, nil))),
		"first fragment, fragment":        from(guest6, 44, 1, fragment6(58, 0, icmp6(134, nil))),
		"first fragment, MLD":             from(guest6, 58, 1, icmp6(143, nil)),
		"first fragment, ICMPv6 127":      from(guest6, 58, 1, icmp6(127, nil)),
		"first fragment, ICMPv6 130":      from(guest6, 58, 1, icmp6(130, nil)),
		"first fragment, ICMPv6 error":    from(guest6, 58, 1, icmp6(1, nil)),
		"fragment behind a fragment, own": from(guest6, 44, 0, fragment6(6, 8, make([]byte, 20))),
	}),
		whole("first fragment, TCP", from(guest6, 6, 1, make([]byte, 20)), theSwitch),
		whole("first fragment, TCP, no data", from(guest6, 6, 1, nil), theSwitch),
		whole("first fragment, UDP", from(guest6, 17, 1, udp(53, 53)), theSwitch),
		whole("first fragment, UDP, DHCPv6 client", from(guest6, 17, 1, udp(546, 547)), theSwitch),
		whole("atomic fragment, UDP, reserved bits", from(guest6, 17, 6, udp(53, 53)), theSwitch),
		whole("first fragment, echo request", from(guest6, 58, 1, icmp6(128, nil)), theSwitch),
		whole("first fragment, echo reply", from(guest6, 58, 0, icmp6(129, nil)), theSwitch),
		whole("later fragment, no data", from(guest6, 58, 8, nil), theSwitch),
		whole("fragment to the gateway", to(gatewayMAC, from(guest6, 17, 1, udp(53, 53))), theGateway),
	)
	for bit := 3; bit < 16; bit++ {
		offset := uint16(1) << bit
		tests = append(tests, whole(fmt.Sprintf("fragment at %d", offset), from(guest6, 58, offset, icmp6(134, nil)), theSwitch))
	}
	return tests
}
