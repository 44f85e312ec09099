package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/snapshot"
)

// crashScenario is something that is added and deleted with faults.
type crashScenario struct {
	name  string
	block string
	// leased is the block with ipam, of host-local.
	leased string
	node   func(*testing.T) *node // newNode if nil
	// chained is on the interface of another plugin.
	chained bool
	// kata says that the interface is listed for Kata.
	kata bool
	// unguarded interfaces have no guard that links could lack.
	unguarded bool
	// sibling says that the VM has a second interface when the first is deleted, to which its claims go.
	sibling bool
	// fresh says that nothing was ever added to the node, so that ADD makes what VMs share, too. That stays: allowed
	// says what it is.
	fresh bool
}

// ofOtherKernels says whether the scenario needs what not every kernel has.
func (s crashScenario) ofOtherKernels() bool { return s.node != nil && s.leased == "" }

const isolatedPort = `"switch": {"interface": "bridge0", "create": true}, "locked": true, "portIsolation": true`

// crashScenarios have each placement, device, family and option that ADD and DEL have calls of their own for.
func crashScenarios() []crashScenario {
	return []crashScenario{
		{name: "local"},
		{name: "IPv4 only", block: `"local": {"inet6": false}`},
		{name: "switch", block: createConf},
		{name: "switch, IPv4 only", block: strings.Replace(createConf, `"local": true`, `"local": {"inet6": false}`, 1)},
		{name: "no guard", block: createConf + `, "guard": false`, unguarded: true},
		{name: "locked port", block: isolatedPort, unguarded: true},
		{name: "down", block: createConf + `, "up": false`},
		{name: "host", block: `"placement": "host", ` + createConf},
		{name: "host, no switch", block: `"placement": "host"`},
		{name: "host, locked port", block: `"placement": "host", ` + isolatedPort, unguarded: true},
		{name: "kata", block: layer2 + `, "local": true`, kata: true},
		{name: "kata, sibling", block: `"local": {"inet6": false}`, kata: true, sibling: true},
		{name: "veth", block: `"device": "veth", ` + createConf},
		{name: "veth, no switch, IPv4 only", block: `"device": "veth", "local": {"inet6": false}`},
		{name: "chained", block: chainedConf, chained: true},
		{name: "groups", block: inSets(createConf, "web", "db")},
		{name: "groups, host", block: inSets(`"placement": "host"`, "web")},
		{name: "limits", block: limits},
		{name: "bandwidth", block: limited(createConf, intoGuest+", "+fromGuest)},
		{name: "ipam", leased: `"switch": {"interface": "bridge0", "create": true}, "ipam": `, node: newIPAMNode},
		{name: "ipam, veth", leased: vethOnBridge, node: newIPAMNode},
		{name: "ipam, host", leased: `"placement": "host", "switch": {"interface": "bridge0", "create": true}, "ipam": `, node: newIPAMNode},
		{name: "sibling", block: createConf, sibling: true},
		{name: "sibling, groups, host", block: inSets(`"placement": "host"`, "web"), sibling: true},
		{name: "first on the node", block: inSets(createConf+", "+limits, "web"), fresh: true},
		{name: "rdomains", block: inRDomains("bridge0", "20", "10") + `, "rdomains": {"moveLocalRule": true}`, node: newVRFNode},
		{name: "rdomain, host", block: `"placement": "host", "rdomain": 20`, node: newVRFNode},
		{name: "first on the node, rdomains", block: inRDomains("bridge0", "20", "10"), node: newVRFNode, fresh: true},
		{name: "vlan", block: createConf + `, "vlanTrunk": [{"minID": 200, "maxID": 210}]`, node: newVLANNode},
		{name: "vlan, locked port", block: isolatedPort + `, "vlan": 100`, node: newVLANNode, unguarded: true},
	}
}

// shared are the lines of what VMs share on a node, which the first ADD makes and which stays: the bridge, VRFs with
// their defaults and rules, static tables with empty sets, and forwarding.
func shared() []snapshot.Allow {
	allowed := []snapshot.Allow{
		snapshot.Prefix("nft table inet vmtap"), snapshot.Prefix("nft table bridge vmtap"),
		snapshot.Prefix("sysctl net/ipv4/ip_forward:"), snapshot.Prefix("sysctl net/ipv4/conf/all/accept_redirects:"), snapshot.Prefix("sysctl net/ipv6/conf/all/forwarding:"),
	}
	for _, kind := range []string{"raw", "tcp", "udp"} { // which are set with VRFs
		allowed = append(allowed, snapshot.Prefix("sysctl net/ipv4/"+kind+"_l3mdev_accept:"))
	}
	for _, link := range []string{"all", "default", "lo"} { // which follow forwarding
		allowed = append(allowed, snapshot.Prefix("sysctl net/ipv4/conf/"+link+"/forwarding:"), snapshot.Prefix("sysctl net/ipv6/conf/"+link+"/forwarding:"))
	}
	for _, link := range []string{"bridge0", "rdomain10", "rdomain20"} {
		for _, kind := range []string{"link", "qdisc", "filter", "mcast", "vlan", "fdb"} {
			allowed = append(allowed, snapshot.Prefix(kind+" "+link+" "))
		}
		for _, part := range []string{"ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh"} {
			allowed = append(allowed, snapshot.Prefix(fmt.Sprintf("sysctl net/%s/%s/", part, link)))
		}
	}
	for _, table := range []string{"1010", "1020"} {
		allowed = append(allowed, snapshot.Prefix("route "+table+" unreachable default"))
	}
	for _, family := range []string{"inet", "inet6"} {
		allowed = append(allowed, snapshot.Prefix("rule "+family+" 1000 "))
	}
	for i, ok := range allowed { // but no member of a group
		allowed[i] = func(line string) bool {
			return ok(line) && (!strings.Contains(line, " set group_") || !strings.Contains(line, " element: "))
		}
	}
	return allowed
}
