package plan

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/vmtap/vmtap/pkg/filter"
)

// Commands returns what would make the links again, as lines for a shell that is
// in the host's namespace, and for one that is in the pod's. pod is what the
// host's lines call the pod's namespace.
//
// Guards are left out: they are of several hundred instructions, and say what the
// guest is held to only to ADD, which makes them. So are nftables' elements, and
// what is somebody else's.
func (h *Held) Commands() (host, pod []string) {
	var b strings.Builder
	c := commands{printer: printer{w: &b, state: &h.State}, held: h}
	// A filter and a master name other links, which have to be there; addresses
	// would go with a change of the master.
	for _, step := range []func(){c.create, c.filters, c.connect} {
		for _, n := range h.Links() {
			if c.link = n; n.Name != "" {
				step()
			}
		}
	}
	for line := range strings.Lines(b.String()) {
		line = strings.TrimSuffix(line, "\n")
		if inPod, ok := strings.CutPrefix(line, "pod: "); ok {
			pod = append(pod, inPod)
		} else {
			host = append(host, line)
		}
	}
	return host, pod
}

// commands writes the lines of one attachment.
type commands struct {
	printer
	held *Held
}

func (c *commands) create() {
	l := c.link.Link
	const oneQueue = "numtxqueues 1 numrxqueues 1"
	switch {
	case l.Kind == KindVRF:
		c.printVRF()
		return
	case l.Foreign:
		c.linef("# %s is not vmtap's, and has to be there", l.Name)
		return
	case l.Kind == KindTun:
		c.linef("ip tuntap add dev %s mode tap%s", l.Name, tapWords(l))
		c.linef("ip link set dev %s address %s mtu %d%s", l.Name, l.LLAddr, l.MTU, groupWord(l.Group))
	case l.Kind == KindBridge:
		c.linef("ip link add %s address %s type bridge%s", l.Name, l.LLAddr, filteringWords(l))
		c.linef("ip link set dev %s mtu %d", l.Name, l.MTU)
	case l.Kind == KindIFB:
		c.linef("ip link add %s address %s mtu %d %s type ifb", l.Name, l.LLAddr, l.MTU, oneQueue)
	default:
		switch peer := c.peer(); {
		case peer == nil: // it is made with the other end
		case peer.Name == "":
			c.linef("ip link add %s%s address %s mtu %d%s %s type veth # its other end was not seen",
				l.Name, c.indexWord(), l.LLAddr, l.MTU, groupWord(l.Group), oneQueue)
		default:
			c.linef("ip link add %s%s address %s mtu %d%s %s type veth peer name %s address %s mtu %d %s%s",
				l.Name, c.indexWord(), l.LLAddr, l.MTU, groupWord(l.Group), oneQueue, peer.Name, peer.LLAddr, peer.MTU, oneQueue, c.netnsWord(peer))
		}
	}
	if len(l.AltNames) > 0 {
		c.linef("ip link property add dev %s altname %s", l.Name, strings.Join(shellWords(l.AltNames), " altname "))
	}
	if l.Alias != "" {
		c.linef("ip link set dev %s alias %s", l.Name, shellWord(l.Alias))
	}
	if l.PodGroup {
		c.linef("ip link set dev %s group %d", l.Name, c.held.Index)
	}
	if l.NoARP {
		c.linef("ip link set dev %s arp off", l.Name)
	}
	if l.NoAutoLL {
		c.linef("ip link set dev %s addrgenmode none", l.Name)
	}
	if l.NoIPv6 {
		c.linef("sysctl -qw net/ipv6/conf/%s/disable_ipv6=1", l.Name)
	}
	for _, s := range l.Sysctls {
		c.linef("sysctl -qw net/ipv4/conf/%s/%s=%d", l.Name, s.Name, s.Value)
	}
}

// peer returns the other end of a pair that is made by the link's line, nil if it
// is made by the other end's.
func (c *commands) peer() *Link {
	switch c.link.Link {
	case &c.state.HostLink:
		return &c.state.HostPeer
	case &c.state.Gateway:
		return &c.state.GatewayPeer
	}
	return nil
}

// indexWord gives the host link its ifindex, which the pod's netdev group has.
func (c *commands) indexWord() string {
	if c.link.Link != &c.state.HostLink {
		return ""
	}
	return fmt.Sprintf(" index %d", c.held.Index)
}

func (c *commands) netnsWord(peer *Link) string {
	if !peer.Pod {
		return ""
	}
	return " netns " + shellWord(c.held.Pod)
}

func (c *commands) filters() {
	l := c.link.Link
	if l.Foreign && l.Kind == KindBridge {
		return
	}
	switch {
	case len(l.Egress) > 0:
		c.linef("tc qdisc add dev %s clsact", l.Name)
	case len(l.Ingress) > 0:
		c.linef("tc qdisc add dev %s ingress", l.Name)
	}
	for i, f := range l.Ingress {
		c.filter("ingress", i+1, f)
	}
	for i, f := range l.Egress {
		c.filter("egress", FirstEgress+i, f)
	}
	if l.Shaper != (Shaper{}) {
		c.linef("tc qdisc add dev %s root handle 1: %s", l.Name, l.Shaper)
	}
}

func (c *commands) filter(where string, preference int, f Filter) {
	match, action := "u32 match u32 0 0", " action mirred egress redirect dev "+f.Redirect
	if f.Match != nil {
		match = "bpf bytecode '" + bytecode(f.Match) + "'"
	}
	switch {
	case f.IsGuard():
		c.linef("# %s %s pref %d: a guard of %d instructions, which only ADD makes", c.link.Name, where, preference, len(f.Match))
		return
	case f.Redirect == "":
		action = " direct-action"
	}
	c.linef("tc filter add dev %s %s pref %d protocol all %s%s", c.link.Name, where, preference, match, action)
}

// IsGuard reports whether a filter that was read is a guard or a lock: one that
// drops some frames.
func (f Filter) IsGuard() bool { return f.Redirect == "" && len(f.Match) > 1 }

// bytecode returns a program as tc has it.
func bytecode(p filter.Program) string {
	words := []string{fmt.Sprint(len(p))}
	for _, i := range p {
		words = append(words, fmt.Sprintf("%d %d %d %d", i.Op, i.Jt, i.Jf, i.K))
	}
	return strings.Join(words, ",")
}

func (c *commands) connect() {
	l := c.link.Link
	if l.Foreign || l.Kind == KindVRF {
		return
	}
	if l.Master != "" {
		c.linef("ip link set dev %s master %s", l.Name, l.Master)
	}
	c.printBridgePort()
	for _, a := range l.Addrs {
		noDAD := ""
		if a.Prefix.Addr().Is6() {
			noDAD = " nodad"
		}
		c.linef("ip address add %s dev %s%s", a, l.Name, noDAD)
	}
	c.linef("ip link set dev %s %s", l.Name, upWord(l.Up))
	for _, r := range l.Routes {
		c.linef("ip route add %s dev %s%s proto static", r, l.Name, tableWord(c.state.RDomain.Table))
	}
	for _, n := range l.Neighbours {
		c.linef("ip neighbour replace %s dev %s nud permanent", n, l.Name)
	}
	if l.Guests {
		for _, r := range c.state.Guest.Routes {
			c.linef("ip route add %s dev %s%s proto static", RouteWord(r), l.Name, routeWords(r))
		}
	}
}

// shellWord returns a word as a shell takes it, on one line.
func shellWord(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func shellWords(words []string) []string { return texts(words, shellWord) }
