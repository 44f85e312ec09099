package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// newVRFNode is newNode for tests of rdomains.
func newVRFNode(t *testing.T) *node {
	t.Helper()
	netns.NeedsVRF(t)
	return newNodeHere(t)
}

// inRDomains are blocks of a local interface on a created bridge: the
// interface's rdomain and the switch's as JSON, "" for none.
func inRDomains(bridge, ofInterface, ofSwitch string) string {
	block := fmt.Sprintf(`"switch": {"interface": %q, "create": true`, bridge)
	if ofSwitch != "" {
		block += `, "rdomain": ` + ofSwitch
	}
	block += `}, "local": true`
	if ofInterface != "" {
		block += `, "rdomain": ` + ofInterface
	}
	return block
}

// TestRDomain: which links are in which VRF, for each way to say it.
func TestRDomain(t *testing.T) {
	for _, c := range []struct {
		name           string
		conf           string
		layer3, bridge string // masters
	}{
		{"neither", inRDomains("bridge0", "", ""), "", ""},
		{"of the switch", inRDomains("bridge0", "", "10"), "rdomain10", "rdomain10"},
		{"of the interface", inRDomains("bridge0", "20", ""), "rdomain20", ""},
		{"both", inRDomains("bridge0", "10", "10"), "rdomain10", "rdomain10"},
		{"both, different", inRDomains("bridge0", "20", "10"), "rdomain20", "rdomain10"},
		{"explicit 0", inRDomains("bridge0", "0", "10"), "", "rdomain10"},
		{"highest", inRDomains("bridge0", "99999999", ""), "rdomain99999999", ""},
		{"not local", `"switch": {"interface": "bridge0", "create": true, "rdomain": 10}`, "", "rdomain10"},
		{"without a switch", `"rdomain": 10`, "rdomain10", ""},
		{"without IPv6", `"rdomain": 10, "local": {"inet6": false}`, "rdomain10", ""},
		{"another table", `"rdomain": 10, "rdomains": {"tableBase": 5000}`, "rdomain10", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newVRFNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(c.conf))
			onSwitch, local := strings.Contains(c.conf, "bridge0"), len(a.IPs) > 0
			layer3 := a.hostLink()
			if onSwitch {
				expect(t, "master of the bridge", n.link(t, "bridge0").Master, c.bridge)
				expect(t, "master of the host link", n.link(t, layer3).Master, "bridge0")
				layer3 = a.gateway()
			}
			if local {
				expect(t, "master of layer 3", n.link(t, layer3).Master, c.layer3)
				g := a.boot(p)
				for _, ip := range gateways(a.guestConfig()) {
					if err := g.Ping(ip, answered); err != nil {
						t.Error(err)
					}
				}
			}
			for _, name := range slices.Compact([]string{c.layer3, c.bridge}) {
				if name != "" {
					n.wantVRF(t, name)
				}
			}
			a.del()
			for _, name := range []string{c.layer3, c.bridge} {
				if name != "" {
					n.link(t, name) // kept when empty
				}
			}
		})
	}
}

// wantVRF demands a VRF that is up, and whose table ends in unreachable routes
// of both families.
func (n *node) wantVRF(t *testing.T, name string) {
	t.Helper()
	var vrfs []struct {
		Flags []string `json:"flags"`
		Info  struct {
			Data struct {
				Table int `json:"table"`
			} `json:"info_data"`
		} `json:"linkinfo"`
	}
	if err := json.Unmarshal([]byte(n.Run(t, "ip", "-d", "-j", "link", "show", "dev", name, "type", "vrf")), &vrfs); err != nil || len(vrfs) != 1 {
		t.Fatalf("VRF %s: %v, %d of them", name, err, len(vrfs))
	}
	if !slices.Contains(vrfs[0].Flags, "UP") {
		t.Errorf("VRF %s is down", name)
	}
	for _, family := range []string{"-4", "-6"} {
		routes := n.Run(t, "ip", family, "route", "show", "table", fmt.Sprint(vrfs[0].Info.Data.Table), "type", "unreachable")
		if !strings.HasPrefix(routes, "unreachable default") || !strings.Contains(routes, "metric 4278198272") {
			t.Errorf("VRF %s, ip %s: routes %q end nothing", name, family, routes)
		}
		if rules := n.Run(t, "ip", family, "rule"); !strings.Contains(rules, "1000:\tfrom all lookup [l3mdev-table]") {
			t.Errorf("ip %s rule: %q", family, rules)
		}
	}
}

// TestRDomainMended: what a VRF lacks the next ADD gives it.
func TestRDomainMended(t *testing.T) {
	for _, c := range []struct{ name, damage string }{
		{"VRF deleted", "ip link del rdomain10"},
		{"VRF down", "ip link set rdomain10 down"},
		{"IPv4 route gone", "ip route del unreachable default table 1010 metric 4278198272"},
		{"IPv6 route gone", "ip -6 route del unreachable default table 1010 metric 4278198272"},
		{"raw sockets opened", "sysctl -qw net.ipv4.raw_l3mdev_accept=1"},
		{"local rule back", "ip rule add pref 0 lookup local"},
		{"IPv6 local rule back", "ip -6 rule add pref 0 lookup local"},
		{"bridge taken out", "ip link set bridge0 nomaster"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newVRFNode(t)
			block := inRDomains("bridge0", "", "10") + `, "rdomains": {"moveLocalRule": true}`
			first := n.newPod(t, "first").add(t, "eth0", conf(block))
			argv := strings.Fields(c.damage)
			n.Run(t, argv[0], argv[1:]...)
			if fault := n.Check(t, first.call); fault == nil {
				t.Error("CHECK found nothing")
			}
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(block)) // and CHECK, which is exact
			if err := a.boot(p).Ping(a.guestConfig().Gateway4, answered); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRDomainByAltName: a VRF may be known by an altname.
func TestRDomainByAltName(t *testing.T) {
	n := newVRFNode(t)
	n.Run(t, "ip", "link", "add", "red", "type", "vrf", "table", "1010")
	n.Run(t, "ip", "link", "property", "add", "dev", "red", "altname", "rdomain10")
	a := n.newPod(t, "p").add(t, "eth0", conf(inRDomains("bridge0", "", "10")))
	expect(t, "master of the gateway", n.link(t, a.gateway()).Master, "red")
	expect(t, "master of the bridge", n.link(t, "bridge0").Master, "red")
	n.wantVRF(t, "red")
}

// TestForeignSwitchJoins: somebody else's bridge goes into its switch's
// rdomain, with its link-local address, and keeps what else it is.
func TestForeignSwitchJoins(t *testing.T) {
	n := newVRFNode(t)
	n.Run(t, "ip", "link", "add", "br0", "address", "02:00:00:00:00:aa", "type", "bridge")
	n.Run(t, "ip", "link", "set", "br0", "up")
	n.Run(t, "ip", "address", "add", "169.254.1.1/16", "dev", "br0")
	block := `"switch": {"interface": "br0", "rdomain": 10}, "local": true`
	first := n.newPod(t, "first").add(t, "eth0", conf(block))
	b := n.link(t, "br0")
	expect(t, "master", b.Master, "rdomain10")
	expect(t, "address", b.Address, "02:00:00:00:00:aa")
	expect(t, "altnames", len(b.AltNames), 0)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(block))
	if err := a.boot(p).Ping(a.guestConfig().Gateway4, answered); err != nil {
		t.Error(err)
	}
	a.del()
	first.del()
	expect(t, "master after the last DEL", n.link(t, "br0").Master, "rdomain10")
}

// TestLocalRuleMoved: the rule for the host's own addresses stands behind the
// l3mdev rule, and nothing is lost on the way.
func TestLocalRuleMoved(t *testing.T) {
	n := newVRFNode(t)
	n.Run(t, "ip", "link", "set", "lo", "up")
	n.Run(t, "ip", "address", "add", "192.0.2.1/32", "dev", "lo")
	block := `"rdomain": 10, "rdomains": {"moveLocalRule": true}`
	for i := range 2 {
		n.newPod(t, fmt.Sprint("p", i)).add(t, "eth0", conf(block))
		for _, family := range []string{"-4", "-6"} {
			rules := strings.Split(n.Run(t, "ip", family, "rule"), "\n")
			expect(t, family+" first rule", rules[0], "1000:\tfrom all lookup [l3mdev-table]")
			expect(t, family+" second rule", strings.Split(rules[1], " proto ")[0], "1001:\tfrom all lookup local")
		}
	}
	n.ping(t, "192.0.2.1")
}

// TestFirstRDomainsAtOnce: first ADDs that make the same two VRFs and the same
// bridge at once.
func TestFirstRDomainsAtOnce(t *testing.T) {
	n := newVRFNode(t)
	n.addAtOnce(t, 10, conf(inRDomains("bridge0", "20", "10")+`, "rdomains": {"moveLocalRule": true}`))
	n.wantVRF(t, "rdomain10")
	n.wantVRF(t, "rdomain20")
	if vrfs := strings.Count(n.Run(t, "ip", "-o", "link", "show", "type", "vrf"), "\n"); vrfs != 2 {
		t.Errorf("%d VRFs, want 2", vrfs)
	}
}

// TestSwitchJustMade: a bridge that another ADD is just making has no mark yet. It is not taken for somebody else's, on
// which rdomains must not differ.
func TestSwitchJustMade(t *testing.T) {
	n := newVRFNode(t)
	block := inRDomains("bridge0", "20", "10")
	n.newPod(t, "first").add(t, "eth0", conf(block)).del()
	release := holdLock(t, claimsByte)
	n.Run(t, "ip", "link", "property", "del", "dev", "bridge0", "altname", "bridge0.switch")
	second := n.start(cni.ADD, n.newPod(t, "second").call("eth0", conf(block)), false)
	second.advance(toTheEnd)
	if !second.waited {
		t.Errorf("ADD did not wait for who makes the bridge: %s", second.outcome.fault)
	}
	n.Run(t, "ip", "link", "property", "add", "dev", "bridge0", "altname", "bridge0.switch")
	release()
	for !second.ended {
		second.advance(toTheEnd)
	}
	if second.outcome.fault != nil || second.outcome.err != nil {
		t.Errorf("ADD: %s, %v", second.outcome.fault, second.outcome.err)
	}
}
