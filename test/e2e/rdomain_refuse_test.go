package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// TestRefuseRDomain: an rdomain that would not hold is refused, and nothing is
// changed.
func TestRefuseRDomain(t *testing.T) {
	for _, c := range []struct {
		name  string
		conf  string
		setup string // lines of ip
		words []string
	}{
		{"VRF with another table", `"rdomain": 10`, "link add rdomain10 type vrf table 5", []string{"rdomain 10", `"rdomain10"`, "table 5", "1010"}},
		{"VRF of another base", `"rdomain": 10, "rdomains": {"tableBase": 2000}`, "link add rdomain10 type vrf table 1010", []string{"table 1010", "2010", "rdomains.tableBase"}},
		{"table of another VRF", `"rdomain": 10`, "link add red type vrf table 1010", []string{"rdomain 10", `"red"`, "1010"}},
		{"table of another VRF, the switch's", inRDomains("bridge0", "", "10"), "link add red type vrf table 1010", []string{"rdomain 10", `"red"`, "1010"}},
		{"no VRF", `"rdomain": 10`, "link add rdomain10 type dummy", []string{"rdomain10", "dummy", "not a VRF"}},
		{"no VRF, by altname", `"rdomain": 10`, "link property add dev lo altname rdomain10", []string{`"lo"`, "not a VRF"}},
		{"IPv4 rule gone", `"rdomain": 10`, "link add rdomain10 type vrf table 1010\nrule del pref 1000", []string{"l3mdev rule of IPv4", "ip rule add pref 1000 l3mdev"}},
		{"IPv6 rule gone", `"rdomain": 10`, "link add rdomain10 type vrf table 1010\n-6 rule del pref 1000", []string{"l3mdev rule of IPv6", "ip -6 rule add pref 1000 l3mdev"}},
		{"IPv4 rule gone, another VRF", `"rdomain": 10`, "link add red type vrf table 5\nrule del pref 1000", []string{"l3mdev rule of IPv4"}},
		{"IPv6 rule gone, another VRF", `"rdomain": 10`, "link add red type vrf table 5\n-6 rule del pref 1000", []string{"l3mdev rule of IPv6"}},
		{"rule behind the main table's", `"rdomain": 10`, "link add rdomain10 type vrf table 1010\nrule add pref 32767 l3mdev\nrule del pref 1000", []string{"rule 32766 of IPv4", "table 254"}},
		{"another local rule first", `"rdomain": 10, "rdomains": {"moveLocalRule": true}`, "rule add pref 100 lookup local", []string{"rule 100 of IPv4", "table local"}},
		{"rule behind where the local one goes", `"rdomain": 10, "rdomains": {"moveLocalRule": true}`, "link add rdomain10 type vrf table 1010\nrule add pref 2000 l3mdev\nrule del pref 1000", []string{"rule 1001 of IPv4", "table local"}},
		{"rules of wg-quick first", `"rdomain": 10`, "link add rdomain10 type vrf table 1010\nrule add not fwmark 51820 table 51820\nrule add table main suppress_prefixlength 0", []string{"rule 999 of IPv4", "table 51820", "rule 998 of IPv4", "table 254"}},
		{"IPv6 rule first, before there is a VRF", `"rdomain": 10`, "-6 rule add pref 512 to fd00::/8 lookup main", []string{"rule 512 of IPv6", "table 254"}},

		{"bridge with an address", `"switch": {"interface": "br0", "rdomain": 10}`, "link add br0 type bridge\naddress add 192.0.2.1/24 dev br0", []string{`"br0"`, "rdomain 10", "192.0.2.1/24"}},
		{"bridge with an IPv6 address", `"switch": {"interface": "br0", "rdomain": 10}`, "link add br0 type bridge\naddress add 2001:db8::1/64 dev br0", []string{`"br0"`, "2001:db8::1/64"}},
		{"bridge in another VRF", `"switch": {"interface": "br0", "rdomain": 10}`, "link add red type vrf table 5\nlink add br0 type bridge\nlink set br0 master red", []string{`"br0"`, "rdomain 10", `"red"`}},
		{"bridge in a VRF, switch.rdomain absent", `"switch": "br0"`, "link add red type vrf table 5\nlink add br0 type bridge\nlink set br0 master red", []string{`"br0"`, `"red"`, "switch.rdomain"}},
		{"bridge in a VRF, switch.rdomain 0", `"switch": {"interface": "br0", "rdomain": 0}, "local": true`, "link add red type vrf table 5\nlink add br0 type bridge\nlink set br0 master red", []string{`"br0"`, `"red"`, "switch.rdomain"}},
		{"rdomains differ on somebody else's bridge", `"switch": {"interface": "br0", "rdomain": 10}, "local": true, "rdomain": 20`, "link add br0 type bridge", []string{"rdomain 20", `"br0"`, "rdomain 10", "switch.create"}},
		{"rdomain that is not the switch's, not local", `"switch": {"interface": "br0", "rdomain": 10}, "rdomain": 20`, "link add br0 type bridge", []string{"rdomain 20", "which is 10", "local"}},
		{"prefix routed elsewhere in the rdomain", `"rdomain": 10`, "link add rdomain10 type vrf table 1010\nlink set rdomain10 up\nlink add elsewhere master rdomain10 type dummy\nlink set elsewhere addrgenmode none up\nroute add 100.64.0.0/10 dev elsewhere table 1010", []string{"100.64.0.0/10", "elsewhere", "local.prefix"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newVRFNode(t)
			ipBatch(t, n.Run, c.setup)
			p := n.newPod(t, "p")
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, p.call("eth0", conf(c.conf)))
			wantFault(t, fault, 7, c.words...)
			before.wantSame(t)
		})
	}
}

// TestRefuseAccept: sockets of rdomain 0 that take everything are refused, but
// for raw ones, which Linux opens by itself.
func TestRefuseAccept(t *testing.T) {
	for _, kind := range []string{"tcp", "udp"} {
		t.Run(kind, func(t *testing.T) {
			n := newVRFNode(t)
			setSysctl(t, n, "ipv4/"+kind+"_l3mdev_accept", "1")
			p := n.newPod(t, "p")
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, p.call("eth0", conf(`"rdomain": 10`)))
			wantFault(t, fault, 7, kind+"_l3mdev_accept", "rdomain 0")
			before.wantSame(t)
		})
	}
	n := newVRFNode(t)
	expect(t, "raw_l3mdev_accept, Linux's default", sysctl(t, n, "ipv4/raw_l3mdev_accept"), "1")
	n.newPod(t, "p").add(t, "eth0", conf(`"rdomain": 10`))
	expect(t, "raw_l3mdev_accept", sysctl(t, n, "ipv4/raw_l3mdev_accept"), "0")
}

// TestRouteNotInTheWayOfRDomain: where the host routes the prefix in another
// rdomain is none of this one's concern.
func TestRouteNotInTheWayOfRDomain(t *testing.T) {
	n := newVRFNode(t)
	routeElsewhere(t, n, "100.64.0.0/10")
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"rdomain": 10`))
	if err := a.boot(p).Ping(a.guestConfig().Gateway4, answered); err != nil {
		t.Error(err)
	}
}

// TestRulesNotInTheWay: rules of others that take no packet of a guest are
// none of our concern: Cilium's are for marked ones.
func TestRulesNotInTheWay(t *testing.T) {
	n := newVRFNode(t)
	ipBatch(t, n.Run, "rule add pref 9 fwmark 0x200/0xf00 lookup 2004\nrule add pref 20 iif lo lookup 5\nrule add pref 30 to 192.0.2.0/24 unreachable\nrule add pref 5270 lookup 52\n-6 rule add pref 9 fwmark 0x200/0xf00 lookup 2004\n")
	for i := range 2 {
		n.newPod(t, fmt.Sprint("p", i)).add(t, "eth0", conf(`"rdomain": 10, "rdomains": {"moveLocalRule": true}`))
	}
}

// TestNoVRF: a kernel that has no VRFs is code 50, with the module's name, and
// nothing is changed. Where it has, the message is refused as such a kernel
// refuses it.
func TestNoVRF(t *testing.T) {
	for name, block := range map[string]string{
		"without a switch": `"rdomain": 10`,
		"of the switch":    inRDomains("bridge0", "", "10"),
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			plugin := n.Plugin
			if hasVRF(t, n) {
				plugin = refusingVRF(t, n, block)
			}
			before := takeAll(t, n.NS, p.NS)
			_, fault := plugin.Add(t, p.call("eth0", conf(block)))
			wantFault(t, fault, 50, "rdomain10", "module vrf")
			before.wantSame(t)
		})
	}
}

func hasVRF(t *testing.T, n *node) bool {
	t.Helper()
	h := n.Handle(t)
	vrf := &netlink.Vrf{LinkAttrs: netlink.LinkAttrs{Name: "probe"}, Table: 5}
	if err := h.LinkAdd(vrf); errors.Is(err, unix.EOPNOTSUPP) {
		return false
	} else if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkDel(vrf); err != nil {
		t.Fatal(err)
	}
	return true
}

// refusingVRF returns the plugin with its message that makes a VRF refused.
func refusingVRF(t *testing.T, n *node, block string) *cni.Plugin {
	t.Helper()
	other := newNodeHere(t) // what is made here does not stand there
	steps := stepsOf(t, other, conf(block))
	var creates []int // steps that make a link
	for _, s := range steps {
		if slices.Contains(s.Messages, "RTM_NEWLINK") {
			creates = append(creates, s.N)
		}
	}
	// The host link is the first, in one send with its altnames; VRFs follow.
	if len(creates) < 2 {
		t.Fatalf("steps that make links: %v", creates)
	}
	for _, s := range steps {
		if s.N == creates[1] && strings.Join(s.Messages, " ") != "RTM_NEWLINK" {
			t.Fatalf("step %v makes no VRF", s)
		}
	}
	plugin, _ := n.Faulty(cni.Fault{Step: creates[1], Message: 1})
	return plugin
}

// TestCheckNamesEachRDomainChange is TestCheckNamesEachChange for what an
// rdomain consists of.
func TestCheckNamesEachRDomainChange(t *testing.T) {
	for _, c := range []struct {
		name  string
		do    string
		words []string
	}{
		{"VRF deleted", "ip link del rdomain20", []string{"rdomain rdomain20: missing", "gateway GW: master", "rdomain20"}},
		{"switch's VRF deleted", "ip link del rdomain10", []string{"switch's rdomain rdomain10: missing", "switch bridge0: master"}},
		{"VRF down", "ip link set rdomain20 down", []string{"rdomain rdomain20: up is off"}},
		{"IPv4 route gone", "ip route del unreachable default table 1020 metric 4278198272", []string{"rdomain rdomain20", "unreachable route 0.0.0.0/0 is missing"}},
		{"IPv6 route gone", "ip -6 route del unreachable default table 1020 metric 4278198272", []string{"rdomain rdomain20", "unreachable route ::/0 is missing"}},
		{"route with another metric", "ip route add unreachable default table 1020 metric 5; ip route del unreachable default table 1020 metric 4278198272", []string{"unreachable route 0.0.0.0/0 is missing"}},
		{"IPv4 rule gone", "ip rule del pref 1000", []string{"policy: the l3mdev rule of IPv4 is missing", "ip rule add pref 1000 l3mdev"}},
		{"IPv6 rule gone", "ip -6 rule del pref 1000", []string{"policy: the l3mdev rule of IPv6 is missing", "ip -6 rule add pref 1000 l3mdev"}},
		{"local rule back", "ip rule add pref 0 lookup local", []string{"policy: rule 0 of IPv4, for table local"}},
		{"IPv6 local rule back", "ip -6 rule add pref 5 lookup local", []string{"policy: rule 5 of IPv6, for table local"}},
		{"raw sockets", "sysctl -qw net.ipv4.raw_l3mdev_accept=1", []string{"policy: net.ipv4.raw_l3mdev_accept is not 0"}},
		{"TCP sockets", "sysctl -qw net.ipv4.tcp_l3mdev_accept=1", []string{"tcp_l3mdev_accept is not 0"}},
		{"gateway out of its rdomain", "ip link set GW nomaster", []string{"gateway GW: master is \"\", want \"rdomain20\""}},
		{"gateway in the switch's", "ip link set GW master rdomain10", []string{"gateway GW: master is \"rdomain10\", want \"rdomain20\""}},
		{"bridge out of its rdomain", "ip link set bridge0 nomaster", []string{"switch bridge0: master is \"\", want \"rdomain10\""}},
		{"bridge in another VRF", "ip link set bridge0 master rdomain20", []string{"switch bridge0: master is \"rdomain20\", want \"rdomain10\""}},
		{"VRF with another table", "ip link del rdomain20; ip link add rdomain20 up type vrf table 7", []string{"rdomain rdomain20: table is 7, want 1020"}},
		{"another link in its place", "ip link del rdomain20; ip link add rdomain20 type dummy", []string{"rdomain rdomain20: kind is \"dummy\", want \"vrf\""}},
		{"route to guest6 in another table", "ip -6 route del GUEST6 dev GW table 1020; ip -6 route add GUEST6 dev GW table 1010", []string{"gateway GW", "GUEST6/128", "missing"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newVRFNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(inRDomains("bridge0", "20", "10")+`, "rdomains": {"moveLocalRule": true}`))
			words := strings.NewReplacer("GW", a.gateway(), "GUEST6", a.IPs[1].Address.IP.String())
			for line := range strings.SplitSeq(words.Replace(c.do), "; ") {
				argv := strings.Fields(line)
				n.Run(t, argv[0], argv[1:]...)
			}
			for i := range c.words {
				c.words[i] = words.Replace(c.words[i])
			}
			wantFault(t, n.Check(t, a.call), 101, c.words...)
			a.del()
		})
	}
}

// TestForeignSwitchRDomainChanged: CHECK holds somebody else's bridge to its
// rdomain, too.
func TestForeignSwitchRDomainChanged(t *testing.T) {
	n := newVRFNode(t)
	n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	a := n.newPod(t, "p").add(t, "eth0", conf(`"switch": {"interface": "br0", "rdomain": 10}, "local": true`))
	n.Run(t, "ip", "link", "set", "br0", "nomaster")
	wantFault(t, n.Check(t, a.call), 101, `switch br0: master is "", want "rdomain10"`)
}
