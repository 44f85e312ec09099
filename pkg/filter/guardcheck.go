package filter

import (
	"fmt"
	"net/netip"
	"slices"
)

// check refuses a guard that says nothing definite, or that would not hold.
func (g *Guard) check() error {
	if n := len(g.LLAddrs); n == 0 || n > MaxLLAddrs {
		return fmt.Errorf("guard: %d lladdrs, want 1 to %d", n, MaxLLAddrs)
	}
	for _, a := range g.LLAddrs {
		if a.IsZero() || a[0]&1 != 0 {
			return fmt.Errorf("guard: lladdr %v: zero or a multicast address, no NIC has it", a)
		}
	}
	for _, r := range g.VLANs {
		if r.Min < 1 || r.Max > 4094 || r.Min > r.Max {
			return fmt.Errorf("guard: VLANs %d-%d: want a range within 1-4094", r.Min, r.Max)
		}
	}
	if n := len(joined(g.VLANs)); n > MaxVLANRanges {
		return fmt.Errorf("guard: %d ranges of VLANs, want at most %d, join some", n, MaxVLANRanges)
	}
	switch {
	case g.Way > ToGateway:
		return fmt.Errorf("guard: there is no way %d", g.Way)
	case g.Way != Alone && (g.Gateway.LLAddr.IsZero() || !g.Gateway.Host4.Is4()):
		return fmt.Errorf("guard: way %d without a gateway's lladdr and IPv4 address", g.Way)
	}
	if g.Identity == nil {
		return nil
	}
	return g.Identity.check()
}

func (i *Identity) check() error {
	if n := len(i.Addrs); n > MaxAddrs {
		return fmt.Errorf("guard: %d addresses, want at most %d", n, MaxAddrs)
	}
	for _, a := range i.Addrs {
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return fmt.Errorf("guard: %q is no address that a guest can have", a)
		}
	}
	if n := len(i.Protocols); n > MaxProtocols {
		return fmt.Errorf("guard: %d protocols, want at most %d", n, MaxProtocols)
	}
	for _, p := range i.Protocols {
		if ownRules(p) {
			return fmt.Errorf("guard: protocol %d has rules of its own, or hides what follows it", p)
		}
	}
	return nil
}

// ownRules reports whether a next header of IPv6 cannot pass as a whole:
// because there are rules for what it holds, or because it is an extension
// header, behind which a receiver finds anything.
func ownRules(protocol uint8) bool {
	const routing, authentication, destination, mobility, hip, shim6 = 43, 51, 60, 135, 139, 140
	return slices.Contains([]uint8{
		protoUDP, protoICMPv6,
		protoHopByHop, routing, protoFragment, authentication, destination, mobility, hip, shim6,
		253, 254, // for experiments, extension headers as well (RFC 7045)
	}, protocol)
}

// joined returns ranges in ascending order, those that touch or overlap made
// one.
func joined(ranges []VLANRange) []VLANRange {
	if len(ranges) < 2 {
		return ranges
	}
	ranges = slices.Clone(ranges)
	slices.SortFunc(ranges, func(a, b VLANRange) int { return int(a.Min) - int(b.Min) })
	list := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &list[len(list)-1]; r.Min <= last.Max+1 {
			last.Max = max(last.Max, r.Max)
		} else {
			list = append(list, r)
		}
	}
	return list
}

// split returns own addresses by what they are, each once.
func (i *Identity) split() (own4, own6, ownLL []netip.Addr) {
	add := func(list []netip.Addr, a netip.Addr) []netip.Addr {
		if slices.Contains(list, a) {
			return list
		}
		return append(list, a)
	}
	for _, a := range i.Addrs {
		switch {
		case a.Is4():
			own4 = add(own4, a)
		case a.IsLinkLocalUnicast():
			ownLL = add(ownLL, a)
		default:
			own6 = add(own6, a)
		}
	}
	return own4, own6, ownLL
}
