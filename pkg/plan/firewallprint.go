package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// String returns the opening as an element of an nft set.
func (o Opening) String() string {
	protocol := map[uint8]string{ProtocolICMP: "icmp", ProtocolTCP: "tcp", ProtocolUDP: "udp", ProtocolICMPv6: "ipv6-icmp"}[o.Protocol]
	ports := fmt.Sprint(o.First)
	if o.First != o.Last {
		ports = fmt.Sprintf("%d-%d", o.First, o.Last)
	}
	return fmt.Sprintf("%s . %s . %s", o.From, cmp.Or(protocol, fmt.Sprint(o.Protocol)), ports)
}

// String returns the rule as nft has it.
func (r FirewallRule) String() string { return strings.Join(r, " ") }

// String returns the table as nft reads it, "" for none.
func (f *Firewall) String() string {
	if f.IsZero() {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "table inet %s {\n", FirewallTable)
	for _, name := range f.Sets {
		fmt.Fprintf(&b, "\tset %s {\n\t\ttype %s\n\t\tflags interval\n", name, SetType(name))
		if elements := f.elements(name); len(elements) > 0 {
			fmt.Fprintf(&b, "\t\telements = { %s }\n", strings.Join(elements, ", "))
		}
		b.WriteString("\t}\n")
	}
	for _, c := range f.Chains {
		fmt.Fprintf(&b, "\tchain %s {\n", c.Name)
		if c.Hook != "" {
			fmt.Fprintf(&b, "\t\t%s\n", c.Hook)
		}
		for _, r := range c.Rules {
			fmt.Fprintf(&b, "\t\t%s\n", r)
		}
		b.WriteString("\t}\n")
	}
	b.WriteString("}\n")
	return b.String()
}

// SetType returns the type of a set's elements in nft's words.
func SetType(set string) string {
	switch set {
	case "links":
		return "ifname"
	case "open4":
		return "ipv4_addr . inet_proto . inet_service"
	case "open6":
		return "ipv6_addr . inet_proto . inet_service"
	case "masq4", "closed4":
		return "ipv4_addr"
	}
	return "ipv6_addr"
}

// elements returns the elements of a set in nft's words.
func (f *Firewall) elements(set string) []string {
	switch set {
	case "links":
		return quoted(f.Links)
	case "open4", "open6":
		return texts(f.OpenIn(set), Opening.String)
	}
	return texts(f.PrefixesIn(set), netip.Prefix.String)
}

// PrefixesIn returns the elements of a set of prefixes.
func (f *Firewall) PrefixesIn(set string) []netip.Prefix {
	from := f.Closed
	if strings.HasPrefix(set, "masq") {
		from = f.Masq
	}
	return slices.DeleteFunc(slices.Clone(from), func(p netip.Prefix) bool { return p.Addr().Is4() != strings.HasSuffix(set, "4") })
}

// OpenIn returns the elements of a set of openings.
func (f *Firewall) OpenIn(set string) []Opening {
	return slices.DeleteFunc(slices.Clone(f.Open), func(o Opening) bool { return o.From.Addr().Is4() != strings.HasSuffix(set, "4") })
}

func quoted(names []string) []string {
	return texts(names, func(s string) string { return fmt.Sprintf("%q", s) })
}
