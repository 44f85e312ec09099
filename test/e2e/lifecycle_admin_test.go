package e2e

import (
	"testing"

	"github.com/vmtap/vmtap/test/netns"
	"github.com/vmtap/vmtap/test/snapshot"
)

// TestHostileAdmin: links of the node are renamed, deleted, moved away and back,
// and put into groups; filters go; the bridge is another one by the same name.
func TestHostileAdmin(t *testing.T) {
	// The other VM's port is none any more.
	bridge := []snapshot.Allow{
		snapshot.Containing("bridge0"), snapshot.Containing("info_slave"), snapshot.Containing(" allmulti: "), snapshot.Containing(" promiscuity: "),
		snapshot.Containing("fe80::"), snapshot.Containing("ff00::"), // of the new one
	}
	rename := []string{"ip link set IF down", "ip link set IF name mine", "ip link set mine up"}
	tryEach(t, []damage{
		{name: "host link renamed", block: createConf, do: rename, words: []string{`host link "mine"`, "not named"}},
		{name: "host link renamed, no switch", do: rename, words: []string{`host link "mine"`, "not named"}},
		{name: "gateway renamed", block: createConf, do: []string{"ip link set GW down", "ip link set GW name mine", "ip link set mine up"}, words: []string{"gateway GW"}},
		{name: "tap of the node renamed", block: `"placement": "host", ` + createConf, do: rename, words: []string{`host link "mine"`, "not named"}},
		{name: "host link deleted", block: createConf, do: []string{"ip link del IF"}, words: []string{"host link"}, podLeft: true},
		{name: "gateway deleted", block: createConf, do: []string{"ip link del GW"}, words: []string{"gateway GW: missing"}},
		{name: "tap of the node deleted", block: `"placement": "host", ` + createConf, do: []string{"ip link del IF"}, words: []string{"host link"}},
		{name: "host link moved away", block: createConf, do: []string{"ip link set IF netns AWAY"}, words: []string{"host link"}, podLeft: true},
		{name: "gateway moved away", block: createConf, do: []string{"ip link set GW netns AWAY"}, words: []string{"gateway GW: missing"}},
		{name: "gateway of a veth moved away", block: `"device": "veth", ` + createConf, do: []string{"ip link set GW netns AWAY"}, words: []string{"gateway GW: missing"}},
		{name: "gateway of a tap of the node moved away", block: `"placement": "host", ` + createConf, do: []string{"ip link set GW netns AWAY"}, words: []string{"gateway GW: missing"}},
		// Back, with another ifindex, since another link has the one that it had.
		{name: "host link moved away and back", block: createConf, do: []string{"ip link set IF netns AWAY", "away: ip link set IF netns NODE"}, words: []string{"host link IF"}},
		{name: "gateway moved away and back", block: createConf, do: []string{"ip link set GW netns AWAY", "away: ip link set GW netns NODE"}, words: []string{"gateway GW"}},
		{name: "host link in the group of another VM's pod", block: createConf, do: []string{"index BESIDE", "ip link set IF group INDEX", "ip link set GW group INDEX"}, words: []string{"host link IF: group is", "gateway GW: group is"}},
		{name: "host link in its pod's group", block: createConf, do: []string{"index IF", "ip link set IF group INDEX", "ip link set GW group INDEX"}, words: []string{"host link IF: group is", "gateway GW: group is"}},
		{
			name: "another VM's host link in the group of its ifindex", block: `"placement": "host", ` + createConf, do: []string{"index IF", "ip link set BESIDE group INDEX"},
			besideHarmed: true, left: []snapshot.Allow{snapshot.Containing(" group: "), snapshot.Prefix("tuntap ")},
		},
		{name: "filters gone with their qdiscs", block: createConf, do: []string{"tc qdisc del dev IF ingress", "tc qdisc del dev GW ingress"}, words: []string{"host link IF", "gateway GW", "guard"}},
		{name: "bridge made anew", block: createConf, do: []string{"ip link del bridge0", "ip link add bridge0 up type bridge"}, words: []string{`host link IF: master is "", want "bridge0"`}, left: bridge, besideHarmed: true},
		{name: "bridge gone", block: createConf, do: []string{"ip link del bridge0"}, words: []string{"switch bridge0: missing"}, left: bridge, besideHarmed: true},
	})
}

// TestHostileAdminOfRDomains: VRFs go, and the rules that lead to them.
func TestHostileAdminOfRDomains(t *testing.T) {
	netns.NeedsVRF(t)
	block := inRDomains("bridge0", "20", "10")
	// What the VRF was takes the other VM's routes and bridge along.
	vrf := []snapshot.Allow{func(line string) bool { return true }}
	tryEach(t, []damage{
		{name: "VRF deleted", block: block, node: newVRFNode, do: []string{"ip link del rdomain20"}, words: []string{"rdomain rdomain20: missing", `gateway GW: master is ""`}, left: vrf, besideHarmed: true},
		{name: "switch's VRF deleted", block: block, node: newVRFNode, do: []string{"ip link del rdomain10"}, words: []string{"switch's rdomain rdomain10: missing", "switch bridge0: master"}, left: vrf, besideHarmed: true},
		{name: "VRFs made anew", block: block, node: newVRFNode, do: []string{
			"ip link del rdomain20", "ip link del rdomain10", "ip link add rdomain20 up type vrf table 1020", "ip link add rdomain10 up type vrf table 1010",
		}, words: []string{`gateway GW: master is "", want "rdomain20"`, `switch bridge0: master is "", want "rdomain10"`}, left: vrf, besideHarmed: true},
		{name: "gateway in another rdomain", block: block, node: newVRFNode, do: []string{"ip link set GW master rdomain10"}, words: []string{`gateway GW: master is "rdomain10", want "rdomain20"`}},
	})
}

// TestRulesDeleted: without the rules to VRFs CHECK and the next ADD say what is
// missing, and how to have it again. DEL copes.
func TestRulesDeleted(t *testing.T) {
	netns.NeedsVRF(t)
	for _, family := range []string{"-4", "-6"} {
		t.Run(family, func(t *testing.T) {
			w := newCrashWorld(t, crashScenario{name: family, block: inRDomains("bridge0", "20", "10"), node: newVRFNode})
			a, identity := w.add("p")
			w.n.Run(t, "ip", family, "rule", "del", "pref", "1000")
			wantFault(t, w.n.Check(t, a.call), 101, "policy: the l3mdev rule of IPv"+family[1:]+" is missing", "rule add pref 1000 l3mdev")
			w.del(a.call, "the rule's end")
			_, fault := w.n.Add(t, w.call)
			wantFault(t, fault, 7, "l3mdev rule of IPv"+family[1:], "rule add pref 1000 l3mdev")
			w.n.Run(t, "ip", family, "rule", "add", "pref", "1000", "l3mdev", "protocol", "kernel")
			w.wantSame("the rule's return")
			w.again(identity, "the rule's return")
		})
	}
}
