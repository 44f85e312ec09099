package plan

import (
	"fmt"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
)

// String returns the State as lines for ip, bridge, tc and nft: what a person
// would type to make the same links. Golden tests compare it, and people read
// it.
func (s *State) String() string {
	var b strings.Builder
	p := printer{w: &b, state: s}
	for _, n := range s.Links() {
		if n.Role == "switch" {
			p.printPolicy(&s.Policy) // the VRFs are there, and nothing is in them
		}
		if n.Name != "" {
			p.link = n
			p.print()
		}
	}
	for line := range strings.Lines(s.Firewall.String()) {
		b.WriteString("nft: " + line)
	}
	for _, m := range s.Memberships {
		fmt.Fprintf(&b, "nft: add element %s %s %s { %q }\n", m.Family, FirewallTable, GroupSet(m.Group), m.Link)
	}
	return b.String()
}

// printer writes one link.
type printer struct {
	w     *strings.Builder
	state *State
	link  Named
}

// linef writes a line, in the pod's namespace where the link is there.
func (p *printer) linef(format string, args ...any) {
	if p.link.Pod {
		p.w.WriteString("pod: ")
	}
	fmt.Fprintf(p.w, format, args...)
	p.w.WriteByte('\n')
}

func (p *printer) print() {
	l := p.link.Link
	if l.Kind == KindVRF {
		p.printVRF()
		return
	}
	if l == &p.state.Taken {
		p.printFilters()
		return
	}
	if !l.Foreign {
		p.printCreate()
	} else if !l.LLAddr.IsZero() {
		p.linef("ip link set %s address %s # and no port's any more", l.Name, l.LLAddr)
	}
	for _, a := range l.AltNames {
		p.linef("ip link property add dev %s altname %s", l.Name, a)
	}
	if l.Alias != "" {
		p.linef("ip link set %s alias %s", l.Name, l.Alias)
	}
	p.printFlags()
	for _, s := range l.Sysctls {
		p.linef("sysctl net.ipv4.conf.%s.%s=%d", l.Name, s.Name, s.Value)
	}
	p.printFilters()
	if l.Master != "" {
		p.linef("ip link set %s master %s", l.Name, l.Master)
	}
	p.printBridgePort()
	for _, a := range l.Addrs {
		p.linef("ip address add %s dev %s", a, l.Name)
	}
	p.linef("ip link set %s %s", l.Name, upWord(l.Up))
	for _, r := range l.Routes {
		p.linef("ip route add %s dev %s%s", r, l.Name, tableWord(p.state.RDomain.Table))
	}
	for _, n := range l.Neighbours {
		p.linef("ip neighbour add %s dev %s nud permanent", n, l.Name)
	}
	if l.Guests {
		p.printGuestRoutes()
	}
}

func (p *printer) printCreate() {
	l := p.link.Link
	switch {
	case l.Kind == KindTun:
		p.linef("%sip tuntap add %s mode tap%s # address %s mtu %d%s", contextWord(l), l.Name, tapWords(l), l.LLAddr, l.MTU, groupWord(l.Group))
	case l.Kind == KindIFB:
		p.linef("ip link add %s address %s mtu %d type ifb", l.Name, l.LLAddr, l.MTU)
	case l.Pod || l == &p.state.GatewayPeer:
		p.linef("# %s address %s mtu %d", l.Name, l.LLAddr, l.MTU)
	case l.Kind == KindVeth:
		p.linef("ip link add %s address %s mtu %d group %d type veth peer name %s%s", l.Name, l.LLAddr, l.MTU, l.Group, l.Peer, p.peerWord())
	default:
		p.linef("ip link add %s address %s mtu %d type %s%s", l.Name, l.LLAddr, l.MTU, l.Kind, filteringWords(l))
	}
}

// peerWord says where the other end of a pair is.
func (p *printer) peerWord() string {
	if p.link.Link == &p.state.Gateway && !p.state.GatewayPeer.Pod {
		return ""
	}
	return " netns pod"
}

func (p *printer) printFilters() {
	for i, f := range p.link.Ingress {
		p.linef("tc filter add dev %s ingress pref %d # %s", p.link.Name, i+1, f)
	}
	for i, f := range p.link.Egress {
		p.linef("tc filter add dev %s egress pref %d # %s", p.link.Name, FirstEgress+i, f)
	}
	if p.link.Shaper != (Shaper{}) {
		p.linef("tc qdisc add dev %s root %s", p.link.Name, p.link.Shaper)
	}
}

func (p *printer) printGuestRoutes() {
	for _, r := range p.state.Guest.Routes {
		p.linef("ip route add %s dev %s%s", RouteWord(r), p.link.Name, routeWords(r))
	}
}

func (p *printer) printFlags() {
	l := p.link.Link
	if l.PodGroup {
		p.linef("ip link set %s group <the host link's ifindex>", l.Name)
	}
	if l.NoARP {
		p.linef("ip link set %s arp off", l.Name)
	}
	if l.NoAutoLL {
		p.linef("ip link set %s addrgenmode none", l.Name)
	}
	if l.NoIPv6 {
		p.linef("sysctl net.ipv6.conf.%s.disable_ipv6=1", l.Name)
	}
}

func (p *printer) printVRF() {
	l := p.link.Link
	for _, dst := range l.Unreachable {
		p.linef("ip route add unreachable %s metric %d%s", dst, uint32(UnreachableMetric), tableWord(l.Table))
	}
	p.linef("ip link add %s type %s%s", l.Name, l.Kind, tableWord(l.Table))
	p.linef("ip link set %s %s", l.Name, upWord(l.Up))
}

// tableWord returns the words that choose a routing table, with a space before
// them; none for the main one.
func tableWord(table uint32) string {
	if table == 0 {
		return ""
	}
	return fmt.Sprintf(" table %d", table)
}

// groupWord returns the word for a netdev group that is not the default one,
// with a space before it.
func groupWord(group uint32) string {
	if group == 0 {
		return ""
	}
	return fmt.Sprintf(" group %d", group)
}

// routeWords returns what else a route says, each with a space before it.
func routeWords(r config.Route) string {
	var words string
	for _, w := range []struct {
		word  string
		value int
	}{{"metric", r.Priority}, {"mtu", r.MTU}, {"advmss", r.AdvMSS}} {
		if w.value != 0 {
			words += fmt.Sprintf(" %s %d", w.word, w.value)
		}
	}
	return words
}

// printPolicy writes the rules that are moved.
func (p *printer) printPolicy(policy *Policy) {
	for _, f := range []struct {
		used bool
		ip   string
	}{{policy.IPv4, "ip"}, {policy.IPv6, "ip -6"}} {
		if f.used && policy.MovedLocal {
			p.linef("%s rule add pref %d lookup local", f.ip, LocalRulePreference)
			p.linef("%s rule del pref 0", f.ip)
		}
	}
}

// tapWords returns a tap's options, each with a space before it.
func tapWords(l *Link) string {
	var words string
	if l.Owner != (Owner{}) {
		words = " " + l.Owner.String()
	}
	if l.VnetHdr {
		words += " vnet_hdr"
	}
	if l.MultiQueue {
		words += " multi_queue"
	}
	return words
}

// contextWord returns the command that runs another in a tap's context.
func contextWord(l *Link) string {
	if l.SELinuxContext == "" {
		return ""
	}
	return "runcon " + l.SELinuxContext + " "
}

func upWord(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
