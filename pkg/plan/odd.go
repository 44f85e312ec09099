package plan

import "fmt"

// Host is what a look at a node showed that no attachment was asked for.
type Host struct {
	NoTun  error // why there can be no taps, nil if there can
	NoIPv6 bool  // the kernel lacks IPv6
	NoVRF  bool  // the kernel lacks VRFs

	VRFs  []VRF // all, whoever made them
	Rules Rules // looked at if there are VRFs

	DeadGateways []string // those that lost their host link
}

// Odd says what is odd on a node, for a person, one line each. Nothing of it
// need be wrong: what is wrong for a network, its STATUS says.
func Odd(h *Host) []string {
	var lines []string
	if h.NoTun != nil {
		lines = append(lines, fmt.Sprintf("no tap can be made: %v", h.NoTun))
	}
	if h.NoIPv6 {
		lines = append(lines, "the kernel has no IPv6: local interfaces need local.inet6 false")
	}
	if h.NoVRF {
		lines = append(lines, "the kernel has no VRFs: there are no rdomains but 0")
	}
	if len(h.VRFs) > 0 {
		lines = append(lines, h.oddRDomains()...)
	}
	for _, name := range h.DeadGateways {
		lines = append(lines, fmt.Sprintf("gateway %s has lost its host link: DEL or GC of its attachment removes it", name))
	}
	return lines
}

func (h *Host) oddRDomains() []string {
	policy := Policy{IPv4: true, IPv6: !h.NoIPv6}
	lines := policy.faults(&h.Rules, true)
	for _, f := range []struct {
		used  bool
		name  string
		rules []Rule
	}{{policy.IPv4, "IPv4", h.Rules.IPv4}, {policy.IPv6, "IPv6", h.Rules.IPv6}} {
		if f.used && HasFirstLocal(f.rules) {
			lines = append(lines, fmt.Sprintf("guests in rdomains reach the host's %s addresses in rdomain 0, by ping above all: rdomains.moveLocalRule ends that", f.name))
		}
	}
	first := map[uint32]string{}
	for _, v := range h.VRFs {
		if other, ok := first[v.Table]; ok {
			lines = append(lines, fmt.Sprintf("VRFs %s and %s have one table, %d: they are one routing domain", other, v.Name, v.Table))
			continue
		}
		first[v.Table] = v.Name
	}
	return lines
}
