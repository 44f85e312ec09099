package guest

import "net/netip"

// Solicitation asks who has Target (RFC 4861, 4.3).
type Solicitation struct {
	Target netip.Addr
	Source MAC // of the option; zero: no option, as the sender has no address yet
}

// Advertisement says that MAC has Target (RFC 4861, 4.4).
type Advertisement struct {
	Target            netip.Addr
	MAC               MAC // of the option; zero: no option
	Router, Solicited bool
	Override          bool
}

// Options of neighbour discovery.
const (
	optionSource = 1
	optionTarget = 2
)

const (
	flagRouter    = 0x80
	flagSolicited = 0x40
	flagOverride  = 0x20
)

// Neighbours take no message that a router could have forwarded.
const neighbourTTL = 255

// Packet is the IP packet that carries it. Its destination is the target's group.
func (s Solicitation) Packet(src netip.Addr) IP {
	m := ICMP{Type: neighbourSolicit, Body: appendOption(s.Target.AsSlice(), optionSource, s.Source)}
	return m.Packet(src, SolicitedNode(s.Target), neighbourTTL)
}

// Packet is the IP packet that carries it.
func (a Advertisement) Packet(src, dst netip.Addr) IP {
	m := ICMP{Type: neighbourAdvert, Body: appendOption(a.Target.AsSlice(), optionTarget, a.MAC)}
	for flag, set := range map[byte]bool{flagRouter: a.Router, flagSolicited: a.Solicited, flagOverride: a.Override} {
		if set {
			m.Rest[0] |= flag
		}
	}
	return m.Packet(src, dst, neighbourTTL)
}

func (m ICMP) solicitation() (Solicitation, bool) {
	if m.Type != neighbourSolicit || m.Code != 0 || len(m.Body) < 16 {
		return Solicitation{}, false
	}
	return Solicitation{netip.AddrFrom16([16]byte(m.Body[:16])), findOption(m.Body[16:], optionSource)}, true
}

func (m ICMP) advertisement() (Advertisement, bool) {
	if m.Type != neighbourAdvert || m.Code != 0 || len(m.Body) < 16 {
		return Advertisement{}, false
	}
	return Advertisement{
		Target: netip.AddrFrom16([16]byte(m.Body[:16])),
		MAC:    findOption(m.Body[16:], optionTarget),
		Router: m.Rest[0]&flagRouter != 0, Solicited: m.Rest[0]&flagSolicited != 0, Override: m.Rest[0]&flagOverride != 0,
	}, true
}

func appendOption(b []byte, kind uint8, mac MAC) []byte {
	if mac == (MAC{}) {
		return b
	}
	return append(append(b, kind, 1), mac[:]...) // 1: eight bytes
}

func findOption(b []byte, kind uint8) MAC {
	for len(b) >= 8 {
		length := int(b[1]) * 8
		if length == 0 || length > len(b) {
			break
		}
		if b[0] == kind && length == 8 {
			return MAC(b[2:8])
		}
		b = b[length:]
	}
	return MAC{}
}
