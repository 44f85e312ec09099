package e2e

import (
	"cmp"
	"strings"
	"testing"
)

// TestCheckNamesEachChange changes each of vmtap's own things by hand, one at
// a time. CHECK must name what was changed.
func TestCheckNamesEachChange(t *testing.T) {
	const mac = "02:00:00:00:00:99"
	for _, c := range []struct {
		name  string
		pod   bool
		do    string // IF, GW, TAP stand for the links' names
		words []string
	}{
		{"host link gone", false, "ip link del IF", []string{"host link"}},
		{"host link down", false, "ip link set IF down", []string{"host link IF", "up is off, want on"}},
		{"host link's address", false, "ip link set IF address " + mac, []string{"host link IF", mac}},
		{"host link's mtu", false, "ip link set IF mtu 1400", []string{"host link IF", "mtu is 1400, want 1500"}},
		{"host link's master", false, "ip link set IF nomaster", []string{"host link IF", `master is ""`, "bridge0"}},
		{"host link's netdev group", false, "ip link set IF group 5", []string{"host link IF", "group is 5, want 101"}},
		{"host link's alias", false, "ip link set IF alias mine", []string{"host link IF", `alias is "mine"`}},
		{"host link's addr_gen_mode", false, "ip link set IF addrgenmode eui64", []string{"host link IF", "addr_gen_mode"}},
		{"group's altname", false, "ip link property del dev IF altname IF.web", []string{"host link IF", "IF.web", "missing"}},
		{"lladdr's altname", false, "ip link property del dev IF altname LLADDR.lladdr.bridge0", []string{"lladdr.bridge0", "missing"}},
		{"another altname", false, "ip link property add dev IF altname stranger", []string{"host link IF", "stranger", "should not be there"}},
		{"vm's altname", false, "ip link property del dev IF altname VM", []string{"host link IF", `"VM"`, "missing"}},
		{"pod's altname", false, "ip link property del dev IF altname pod:p", []string{"host link IF", "pod:p", "missing"}},
		{"an address on the port", false, "ip address add 192.0.2.1/32 dev IF", []string{"host link IF", "192.0.2.1/32", "should not be there"}},
		{"gateway gone", false, "ip link del GW", []string{"gateway GW", "missing"}},
		{"gateway down", false, "ip link set GW down", []string{"gateway GW", "up is off"}},
		{"gateway's address", false, "ip link set GW address " + mac, []string{"gateway GW", mac}},
		{"gateway's netdev group", false, "ip link set GW group 5", []string{"gateway GW", "group is 5"}},
		{"gateway on the bridge", false, "ip link set GW master bridge0", []string{"gateway GW", "master", "bridge0"}},
		{"gateway's altname", false, "ip link property del dev GW altname gw:p@eth0", []string{"gateway GW", "gw:p@eth0"}},
		{"host4", false, "ip address del HOST4/31 dev GW", []string{"gateway GW", "HOST4/31", "missing"}},
		{"host6", false, "ip address del HOST6/96 dev GW", []string{"gateway GW", "HOST6/96", "missing"}},
		{"another address", false, "ip address add 192.0.2.1/32 dev GW", []string{"gateway GW", "192.0.2.1/32", "should not be there"}},
		{"route to guest6", false, "ip -6 route del GUEST6 dev GW", []string{"gateway GW", "GUEST6/128", "missing"}},
		{"route to guest6 elsewhere", false, "ip -6 route add GUEST6 dev lo metric 1", []string{"gateway GW", "GUEST6/128", "missing"}},
		{"route to link-local", false, "ip -6 route del LINKLOCAL dev GW", []string{"gateway GW", "LINKLOCAL/128", "missing"}},
		{"rp_filter", false, "sysctl -qw net.ipv4.conf.GW.rp_filter=0", []string{"gateway GW", "rp_filter = 1", "missing"}},
		{"proxy_arp", false, "sysctl -qw net.ipv4.conf.GW.proxy_arp=1", []string{"gateway GW", "proxy_arp = 1"}},
		{"forwarding", false, "sysctl -qw net.ipv4.conf.GW.forwarding=0", []string{"gateway GW", "forwarding = 1"}},
		{"accept_ra", false, "sysctl -qw net.ipv6.conf.GW.accept_ra=2", []string{"gateway GW", "router advertisements is on"}},
		{"bridge down", false, "ip link set bridge0 down", []string{"switch bridge0", "up is off"}},
		{"bridge's alias", false, "ip link set bridge0 alias mine", []string{"switch bridge0", "alias"}},
		{"bridge's mark", false, "ip link property del dev bridge0 altname bridge0.switch", []string{"host link IF", "guard", "matches other frames"}}, // by now it is somebody else's
		{"guard gone", false, "tc filter del dev IF ingress", []string{"host link IF", "guard (ingress filter 1)", "missing"}},
		{"guard gone with its qdisc", false, "tc qdisc del dev IF ingress", []string{"host link IF", "guard (ingress filter 1)", "missing"}},
		{"gateway's guard gone", false, "tc filter del dev GW ingress", []string{"gateway GW", "guard (ingress filter 1)", "missing"}},
		{"a filter behind the guard", false, "tc filter add dev IF ingress pref 2 u32 match u32 0 0 flowid 1:1", []string{"host link IF", "ingress filter 2", "should not be there"}},
		{"neighbour", false, "ip neighbour del GUEST4 dev GW", []string{"gateway GW", "neighbour GUEST4 lladdr OWNMAC", "missing"}},
		{"IPv6 neighbour", false, "ip neighbour del GUEST6 dev GW", []string{"gateway GW", "neighbour GUEST6 lladdr OWNMAC", "missing"}},
		{"neighbour's lladdr", false, "ip neighbour replace GUEST6 lladdr " + mac + " dev GW nud permanent", []string{"gateway GW", "neighbour GUEST6 lladdr " + mac, "should not be there"}},
		{"neighbour that may change", false, "ip neighbour replace GUEST4 lladdr OWNMAC dev GW nud reachable", []string{"gateway GW", "neighbour GUEST4 lladdr OWNMAC", "missing"}},
		{"bridge's drop-all", false, "tc filter del dev bridge0 ingress", []string{"switch bridge0", "ingress filter 1", "missing"}},
		{"bridge's ingress", false, "tc qdisc del dev bridge0 ingress", []string{"switch bridge0", "ingress filter 1", "missing"}},
		{"bridge's arp_ignore", false, "sysctl -qw net.ipv4.conf.bridge0.arp_ignore=0", []string{"switch bridge0", "arp_ignore = 1", "missing"}},
		{"bridge's IPv6", false, "sysctl -qw net.ipv6.conf.bridge0.disable_ipv6=0", []string{"switch bridge0", "disable_ipv6 is off"}},
		{"bridge's address", false, "ip link set bridge0 address " + mac, []string{"switch bridge0", mac}},

		{"tap gone", true, "ip link del TAP", []string{"tap TAP", "missing in the pod's namespace"}},
		{"tap down", true, "ip link set TAP down", []string{"tap TAP", "up is off"}},
		{"tap's address", true, "ip link set TAP address " + mac, []string{"tap TAP", mac}},
		{"tap's mtu, as tuning does", true, "ip link set TAP mtu 1400", nil},
		{"host link's pod end's mtu", true, "ip link set IF mtu 1400", []string{"host link's pod end IF", "mtu is 1400"}},
		{"tap's ARP", true, "ip link set TAP arp on", []string{"tap TAP", "noarp is off"}},
		{"tap's group", true, "ip link set TAP group 0", []string{"tap TAP", "own group is off"}},
		{"tap's addr_gen_mode", true, "ip link set TAP addrgenmode eui64", []string{"tap TAP", "addr_gen_mode"}},
		{"tap's address in the pod", true, "ip address add 192.0.2.1/32 dev TAP", []string{"tap TAP", "192.0.2.1/32"}},
		{"tap's filters", true, "tc filter del dev TAP ingress", []string{"tap TAP", "ingress filter 1", "ingress filter 2"}},
		{"tap's gateway filter", true, "tc filter del dev TAP ingress pref 1", []string{"tap TAP", "ingress filter 1"}},
		{"tap's filter before", true, "tc filter add dev TAP ingress pref 3 u32 match u32 0 0 flowid 1:1", []string{"tap TAP", "ingress filter 3", "should not be there"}},
		{"host link's pod end down", true, "ip link set IF down", []string{"host link's pod end IF", "up is off"}},
		{"host link's pod end's redirect", true, "tc filter del dev IF ingress", []string{"host link's pod end IF", "ingress filter 1"}},
		{"host link's pod end's ARP", true, "ip link set IF arp on", []string{"host link's pod end IF", "noarp"}},
		{"gateway's pod end down", true, "ip link set GW down", []string{"gateway's pod end GW", "up is off"}},
		{"gateway's pod end's redirect", true, "tc qdisc del dev GW ingress", []string{"gateway's pod end GW", "ingress filter 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", switchConf)
			last := a.Interfaces[len(a.Interfaces)-1]
			name := a.hostLink()
			vm, _, _ := strings.Cut(name, "-")
			words := strings.NewReplacer("IF", name, "GW", a.gateway(), "TAP", "eth0", "VM", vm, "LLADDR", strings.ReplaceAll(last.Mac, ":", ""),
				"HOST4", a.IPs[0].Gateway.String(), "HOST6", a.IPs[1].Gateway.String(), "GUEST4", a.IPs[0].Address.IP.String(), "OWNMAC", last.Mac, "GUEST6", a.IPs[1].Address.IP.String(),
				"LINKLOCAL", eui64(t, last.Mac).String())
			ns := n.NS
			if c.pod {
				ns = p.NS
			}
			argv := strings.Fields(words.Replace(c.do))
			ns.Run(t, argv[0], argv[1:]...)
			if c.words == nil {
				// Not vmtap's to say.
				if fault := n.Check(t, a.call); fault != nil {
					t.Errorf("CHECK: %s", fault)
				}
				return
			}
			for i := range c.words {
				c.words[i] = words.Replace(c.words[i])
			}
			wantFault(t, n.Check(t, a.call), 101, c.words...)
			a.del()
		})
	}
}

// TestCheckReplacedGuard: another program in its place, or the right one that is
// not heard, or not asked about all frames.
func TestCheckReplacedGuard(t *testing.T) {
	for name, c := range map[string]struct{ protocol, flags, chain, program, want string }{
		"as it was made":  {"all", "da", "0", "", ""},
		"another program": {"all", "da", "0", "1,6 0 0 4294967295", "guard (ingress filter 1) matches other frames"},
		"not heard":       {"all", "", "0", "", "guard (ingress filter 1) is void"},
		"IPv4 alone":      {"ip", "da", "0", "", "guard (ingress filter 1) is void"},
		"another chain":   {"all", "da", "5", "", "guard (ingress filter 1) is void"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", switchConf)
			_, program, _ := strings.Cut(n.Run(t, "tc", "filter", "show", "dev", a.hostLink(), "ingress"), "bytecode '")
			program, _, _ = strings.Cut(program, "'")
			n.Run(t, "tc", "filter", "del", "dev", a.hostLink(), "ingress")
			n.Run(t, "sh", "-c", strings.Join([]string{
				"tc filter add dev", a.hostLink(), "ingress pref 1 handle 1 protocol", c.protocol, "chain", c.chain,
				"bpf", c.flags, "bytecode '" + cmp.Or(c.program, program) + "'",
			}, " "))
			fault := n.Check(t, a.call)
			switch {
			case c.want != "":
				wantFault(t, fault, 101, "host link "+a.hostLink(), c.want)
			case fault != nil:
				t.Errorf("CHECK: %s", fault)
			}
		})
	}
}

// TestCheckWithoutPrevResult: the specification demands one.
func TestCheckWithoutPrevResult(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	p.add(t, "eth0", localConf)
	wantFault(t, n.Check(t, p.call("eth0", localConf)), 7, "prevResult")
}

// TestCheckPrevResult: what ADD said must still be in it.
func TestCheckPrevResult(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", localConf)
	for name, c := range map[string]struct {
		from, to string
		words    []string
	}{
		"address":   {a.IPs[0].Address.IP.String(), "192.0.2.1", []string{"prevResult", "address"}},
		"interface": {a.hostLink(), "other0", []string{"prevResult", a.hostLink()}},
		"mac":       {a.Interfaces[1].Mac, "02:00:00:00:00:01", []string{"tap eth0", "02:00:00:00:00:01"}},
	} {
		t.Run(name, func(t *testing.T) {
			call := a.call.With([]byte(strings.ReplaceAll(string(a.call.PrevResult), c.from, c.to)))
			wantFault(t, n.Check(t, call), 101, c.words...)
		})
	}
}

// TestCheckOther is CHECK of what does not exist.
func TestCheckOther(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", localConf)
	a.del()
	wantFault(t, n.Check(t, a.call), 101, "p@eth0", "missing")
}
