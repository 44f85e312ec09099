package e2e

import (
	"testing"

	"github.com/vmtap/vmtap/test/snapshot"
)

// TestHostileAdmin: links of the node are renamed, deleted, moved away and back,
// and put into groups; filters go; the bridge is another one by the same name.
func TestHostileAdmin(t *testing.T) {
	// The other VM's port is none any more.
	bridge := []snapshot.Allow{
		snapshot.Containing("bridge0"), snapshot.Containing("info_slave"), snapshot.Containing(" allmulti: "), snapshot.Containing(" promiscuity: "),
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
		// Back, with another ifindex, since another link has the one that it had.
		{name: "host link moved away and back", block: createConf, do: []string{"ip link set IF netns AWAY", "away: ip link set IF netns NODE"}, words: []string{"host link IF"}},
		{name: "gateway moved away and back", block: createConf, do: []string{"ip link set GW netns AWAY", "away: ip link set GW netns NODE"}, words: []string{"gateway GW"}},
		{name: "host link in the group of another VM's pod", block: createConf, do: []string{"index BESIDE", "ip link set IF group INDEX", "ip link set GW group INDEX"}, words: []string{"host link IF: group is", "gateway GW: group is"}},
		{name: "host link in its pod's group", block: createConf, do: []string{"index IF", "ip link set IF group INDEX", "ip link set GW group INDEX"}, words: []string{"host link IF: group is", "gateway GW: group is"}},
		{
			name: "another VM's host link in the group of its ifindex", block: `"placement": "host", ` + createConf, do: []string{"index IF", "ip link set BESIDE group INDEX"},
			besideHarmed: true, left: []snapshot.Allow{snapshot.Containing(" group: ")},
		},
		{name: "filters gone with their qdiscs", block: createConf, do: []string{"tc qdisc del dev IF ingress", "tc qdisc del dev GW ingress"}, words: []string{"host link IF", "gateway GW", "guard"}},
		{name: "bridge made anew", block: createConf, do: []string{"ip link del bridge0", "ip link add bridge0 up type bridge"}, words: []string{`host link IF: master is "", want "bridge0"`}, left: bridge, besideHarmed: true},
		{name: "bridge gone", block: createConf, do: []string{"ip link del bridge0"}, words: []string{"switch bridge0: missing"}, left: bridge, besideHarmed: true},
	})
}
