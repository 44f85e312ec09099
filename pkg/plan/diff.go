package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Diff names every difference between what should be and what is, one line
// each, in the order of the links. It is empty if there is none.
func Diff(want, have *State) []string {
	d := differences{tunable: want.guestLink()}
	haveLinks := have.Links()
	for i, w := range want.Links() {
		h := haveLinks[i]
		switch {
		case w.Name == "" && h.Name == "":
		case h.Name == "":
			d.addf("%s %s: missing%s", w.Role, w.Name, where(w))
		case w.Name == "":
			d.addf("%s %s: should not be there%s", h.Role, h.Name, where(h))
		default:
			d.link = fmt.Sprintf("%s %s", w.Role, w.Name)
			d.compare(w.Link, h.Link)
		}
	}
	for _, line := range want.Policy.faults(&have.Rules, true) {
		d.addf("policy: %s", line)
	}
	d.link = "nftables table " + FirewallTable
	d.compareFirewall(&want.Firewall, &have.Firewall)
	d.link = "nftables"
	missing(&d, "element", want.Memberships, have.Memberships, Membership.String)
	return d.lines
}

func where(n Named) string {
	if n.Pod {
		return " in the pod's namespace"
	}
	return ""
}

// differences collects the lines of one Diff.
type differences struct {
	// tunable is the link whose mtu a later plugin may change without a word in
	// its result, as tuning does; nil if there is none.
	tunable *Link
	link    string // begins the lines about the link at hand
	lines   []string
}

func (d *differences) addf(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// differ notes that a value is not what it should be.
func differ[T comparable](d *differences, what string, want, have T) {
	if want != have {
		d.addf("%s: %s is %s, want %s", d.link, what, word(have), word(want))
	}
}

func word(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case bool:
		if v {
			return "on"
		}
		return "off"
	}
	return fmt.Sprint(v)
}

// missing notes the elements of want that have lacks, and the other way
// round.
func missing[T any](d *differences, what string, want, have []T, text func(T) string) {
	lacking(d, what, want, have, text)
	w, h := texts(want, text), texts(have, text)
	for _, t := range h {
		if !slices.Contains(w, t) {
			d.addf("%s: %s %s should not be there", d.link, what, t)
		}
	}
}

// lacking notes the elements of want that have lacks.
func lacking[T any](d *differences, what string, want, have []T, text func(T) string) {
	h := texts(have, text)
	for _, t := range texts(want, text) {
		if !slices.Contains(h, t) {
			d.addf("%s: %s %s is missing", d.link, what, t)
		}
	}
}

func texts[T any](vs []T, text func(T) string) []string {
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = text(v)
	}
	return out
}

func (d *differences) compare(want, have *Link) {
	if want.Foreign && want.Kind != KindBridge {
		differ(d, "address", want.LLAddr, have.LLAddr)
		d.compareFilters("ingress", want.Ingress, have.Ingress)
		return
	}
	differ(d, "name", want.Name, have.Name)
	differ(d, "kind", want.Kind, have.Kind)
	differ(d, "up", want.Up, have.Up)
	differ(d, "table", want.Table, have.Table)
	missing(d, "unreachable route", want.Unreachable, have.Unreachable, netip.Prefix.String)
	if want.Kind == KindVRF {
		return
	}
	differ(d, "alias", want.Alias, have.Alias)
	differ(d, "master", want.Master, have.Master)
	if want.Foreign {
		return
	}
	differ(d, "address", want.LLAddr, have.LLAddr)
	if want != d.tunable {
		differ(d, "mtu", want.MTU, have.MTU)
	}
	differ(d, "group", want.Group, have.Group)
	differ(d, "membership in the attachment's own group", want.PodGroup, have.PodGroup)
	differ(d, "peer", want.Peer, have.Peer)
	differ(d, "noarp", want.NoARP, have.NoARP)
	differ(d, "acceptance of router advertisements", want.AcceptsRA, have.AcceptsRA)
	differ(d, "shaper", want.Shaper, have.Shaper)
	d.compareBridgePort(&want.Port, &have.Port)
	if want.Guests {
		lacking(d, "address", want.Addrs, have.Addrs, Addr.String)
		return
	}
	differ(d, "addr_gen_mode none", want.NoAutoLL, have.NoAutoLL)
	differ(d, "disable_ipv6", want.NoIPv6, have.NoIPv6)
	differ(d, "owner", want.Owner, have.Owner)
	differ(d, "multi_queue", want.MultiQueue, have.MultiQueue)
	missing(d, "altname", want.AltNames, have.AltNames, func(s string) string { return fmt.Sprintf("%q", s) })
	missing(d, "address", want.Addrs, have.Addrs, Addr.String)
	missing(d, "route", want.Routes, have.Routes, netip.Prefix.String)
	missing(d, "neighbour", want.Neighbours, have.Neighbours, Neighbour.String)
	missing(d, "sysctl", want.Sysctls, have.Sysctls, Sysctl.String)
	d.compareFilters("ingress", want.Ingress, have.Ingress)
	d.compareFilters("egress", want.Egress, have.Egress)
}

// compareFilters compares filters one by one: their order is their meaning.
func (d *differences) compareFilters(where string, want, have []Filter) {
	for i := range max(len(want), len(have)) {
		what := fmt.Sprintf("%s: %s filter %d", d.link, where, i+1)
		if i < len(want) && want[i].Guard {
			what = fmt.Sprintf("%s: guard (%s filter %d)", d.link, where, i+1)
		}
		switch {
		case i >= len(have):
			d.addf("%s (%s) is missing", what, want[i])
		case i >= len(want):
			d.addf("%s (%s) should not be there", what, have[i])
		case !slices.Equal(want[i].Match, have[i].Match):
			d.addf("%s matches other frames, want %s", what, want[i])
		case want[i].Redirect != have[i].Redirect:
			d.addf("%s is to %s, want %s", what, have[i], want[i])
		case want[i].Void != have[i].Void:
			d.addf("%s is void, not asked about all frames or not heard, want %s", what, want[i])
		}
	}
}

// String returns the address as `ip address` has it.
func (a Addr) String() string {
	if a.NoPrefixRoute {
		return a.Prefix.String() + " noprefixroute"
	}
	return a.Prefix.String()
}

// String returns the value as sysctl has it.
func (s Sysctl) String() string { return fmt.Sprintf("%s = %d", s.Name, s.Value) }

// String says in a few words what the filter does.
func (f Filter) String() string {
	frames := "all frames"
	switch {
	case f.Guard:
		frames = fmt.Sprintf("frames that a guard of %d instructions refuses", len(f.Match))
	case f.Match != nil:
		frames = fmt.Sprintf("frames that %d instructions match", len(f.Match))
	}
	return frames + ": " + cmp.Or(f.Redirect, "drop")
}

// String returns the owner as `ip tuntap` has it.
func (o Owner) String() string {
	switch {
	case o.HasUID && o.HasGID:
		return fmt.Sprintf("user %d group %d", o.UID, o.GID)
	case o.HasUID:
		return fmt.Sprintf("user %d", o.UID)
	case o.HasGID:
		return fmt.Sprintf("group %d", o.GID)
	}
	return "anyone"
}
