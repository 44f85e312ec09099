package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// node5 is what a node has of the VM with vmid 5 and of its switch; links that
// are not there have no name.
type node5 struct {
	hostLink, gateway, bridge link
	closed                    bool // the bridge is, to layer 3
}

func (n *node) look5(t *testing.T) node5 {
	t.Helper()
	var all node5
	for _, l := range links(t, n.NS) {
		switch l.Name {
		case "vm5-if0":
			all.hostLink = l
		case "vm5-gw0":
			all.gateway = l
		case "bridge0":
			all.bridge = l
			all.closed = n.Run(t, "tc", "filter", "show", "dev", "bridge0", "ingress") != "" && sysctl(t, n, "ipv6/conf/bridge0/disable_ipv6") == "1"
		}
	}
	return all
}

// A fact is something that an operation of vmd's brings about.
type fact struct {
	name  string
	holds func(n *node5) bool
}

// interfaceFacts are what vm_priv_ifconfig brings about, in its order.
func interfaceFacts(rdomain string) []fact {
	has := func(l link, addr string) bool { return slices.Contains(l.addrs(), addr) }
	facts := []fact{
		{"host link", func(n *node5) bool { return n.hostLink.Name != "" }},
		{"gateway", func(n *node5) bool { return n.gateway.Name != "" }},
		{"IFDESCR", func(n *node5) bool { return n.hostLink.Alias != "" }},
		{"IFADD", func(n *node5) bool { return n.hostLink.Master == "bridge0" }},
		{"IFGROUP web", func(n *node5) bool { return slices.Contains(n.hostLink.groups(), "web") }},
		{"IFGROUP vms", func(n *node5) bool { return slices.Contains(n.hostLink.groups(), "vms") }},
		{"IFUP", func(n *node5) bool { return n.hostLink.isUp() || n.gateway.isUp() }},
		{"IFADDR", func(n *node5) bool { return has(n.gateway, "100.64.5.2/31") }},
		{"IFADDR6", func(n *node5) bool { return has(n.gateway, "fd00::6440:503:0:1/96") }},
	}
	if rdomain != "" {
		facts = slices.Insert(facts, 4, fact{"IFRDOMAIN", func(n *node5) bool { return n.gateway.Master == rdomain }})
	}
	return facts
}

// switchFacts are what vm_priv_brconfig brings about, in its order.
func switchFacts(rdomain string) []fact {
	facts := []fact{
		{"bridge", func(n *node5) bool { return n.bridge.Name != "" }},
		{"closed to layer 3", func(n *node5) bool { return n.closed }},
		{"IFDESCR", func(n *node5) bool { return n.bridge.Alias == "switch7-uplink" }},
		{"IFUP", func(n *node5) bool { return n.bridge.isUp() }},
	}
	if rdomain != "" {
		facts = slices.Insert(facts, 2, fact{"IFRDOMAIN", func(n *node5) bool { return n.bridge.Master == rdomain }})
	}
	return facts
}

// stages returns the order in which an ADD on a new node brings facts about.
// It is killed at each of its system calls that changes links: what stands
// then came before. Facts that come with one call are in one line.
func stages(t *testing.T, newNode func() *node, block string, facts []fact) []string {
	t.Helper()
	var lines []string
	seen := map[string]bool{}
	note := func(n *node) {
		now := n.look5(t)
		var line []string
		for _, f := range facts {
			if f.holds(&now) != seen[f.name] {
				seen[f.name] = !seen[f.name]
				line = append(line, f.name)
			}
		}
		if len(line) > 0 {
			lines = append(lines, strings.Join(line, ", "))
		}
	}
	config := conf(block)
	steps := steps5(t, newNode, config)
	for i, s := range steps {
		if s.Changes && len(s.Messages) > 0 {
			note(add5(t, newNode, config, steps[:i+1], cni.Fault{Kill: true}))
		}
	}
	note(add5(t, newNode, config, nil, cni.Fault{}))
	return lines
}

// tries is how often an ADD is run until it takes the steps that it should: it
// takes one more for a lock that another test's ADD has, since a machine has
// one lock.
const tries = 30

// add5 adds the VM with vmid 5 to a new node, with a fault at the last of the
// steps, and returns the node. If the run had other steps, the fault was
// elsewhere, and all is tried again.
func add5(t *testing.T, newNode func() *node, conf string, steps []cni.Step, f cni.Fault) *node {
	t.Helper()
	f.Step = len(steps)
	for range tries {
		n := newNode()
		plugin, trace := n.Faulty(f)
		call := n.newPod(t, "p").call("eth0", conf)
		call.Args = "VMID=5"
		_, fault := plugin.Add(t, call)
		taken := trace.Steps()
		if sameSteps(taken[:min(f.Step, len(taken))], steps) && (fault != nil) == (f.Step != 0) && fault.Killed() == f.Kills() {
			return n
		}
		t.Logf("%v: %v\n%s", f, fault, trace)
	}
	t.Fatalf("%v: not so in %d tries", f, tries)
	return nil
}

// steps5 returns the steps of an ADD of the VM with vmid 5 to a new node, as
// two runs have them.
func steps5(t *testing.T, newNode func() *node, conf string) []cni.Step {
	t.Helper()
	var before []cni.Step
	for range tries {
		n := newNode()
		traced, trace := n.Traced()
		call := n.newPod(t, "p").call("eth0", conf)
		call.Args = "VMID=5"
		if _, fault := traced.Add(t, call); fault != nil {
			t.Fatalf("ADD: %s", fault)
		}
		steps := trace.Steps()
		if sameSteps(steps, before) {
			return steps
		}
		before = steps
	}
	t.Fatalf("no two ADDs in a row of %d have the same steps", tries)
	return nil
}

func sameSteps(a, b []cni.Step) bool {
	return slices.EqualFunc(a, b, func(a, b cni.Step) bool { return a.Call == b.Call && slices.Equal(a.Messages, b.Messages) })
}

// bridgeNode returns how to make a node with a bridge of somebody else's.
func bridgeNode(t *testing.T, newNode func(*testing.T) *node) func() *node {
	return func() *node {
		n := newNode(t)
		n.Run(t, "ip", "link", "add", "bridge0", "type", "bridge")
		return n
	}
}

// TestVMPrivIfconfig: the order of steps for an interface. docs/vmd.md says
// why it is not vmd's.
func TestVMPrivIfconfig(t *testing.T) {
	const block = `"switch": {"interface": "bridge0", "group": "vms"}, "local": true, "group": "web"`
	t.Run("rdomain 0", func(t *testing.T) {
		if testing.Short() {
			return // the test VM is slow, and this wants no VRF
		}
		expect(t, "order", stages(t, bridgeNode(t, newNode), block, interfaceFacts("")), []string{
			"host link, IFGROUP web, IFGROUP vms",
			"gateway",
			"IFDESCR, IFADD",
			"IFUP, IFADDR, IFADDR6",
		})
	})
	t.Run("rdomain 10", func(t *testing.T) {
		expect(t, "order", stages(t, bridgeNode(t, newVRFNode), strings.Replace(block, `"group"`, `"rdomain": 10, "group"`, 1), interfaceFacts("rdomain10")), []string{
			"host link, IFGROUP web, IFGROUP vms",
			"gateway",
			"IFDESCR, IFADD, IFRDOMAIN",
			"IFUP, IFADDR, IFADDR6",
		})
	})
	t.Run("addresses before up", func(t *testing.T) {
		steps := steps5(t, bridgeNode(t, newNode), conf(block))
		i := slices.IndexFunc(steps, func(s cni.Step) bool { return slices.Contains(s.Messages, "RTM_NEWADDR") })
		if i < 0 {
			t.Fatal("no address was added")
		}
		// The kernel carries them out in this order.
		expect(t, "messages of the last send", slices.Compact(steps[i].Messages), []string{"RTM_NEWADDR", "RTM_SETLINK", "RTM_NEWROUTE", "RTM_NEWNEIGH"})
	})
	t.Run("switch not found", func(t *testing.T) {
		n := newNode(t)
		_, fault := n.Add(t, n.newPod(t, "p").call("eth0", conf(block)))
		wantFault(t, fault, 7, "bridge0") // vmd goes on without
		n.noVMLinks(t)
	})
}

// TestVMPrivBrconfig: the order of steps for a switch is vmd's.
func TestVMPrivBrconfig(t *testing.T) {
	const theirs = `"switch": {"interface": "bridge0", "name": "uplink", "id": 7}, "local": true`
	for _, c := range []struct{ name, rdomain string }{{"rdomain 0", ""}, {"rdomain 10", "rdomain10"}} {
		newNode := newNode
		if c.rdomain != "" {
			newNode = newVRFNode
		}
		inRDomain := func(block string) string {
			if c.rdomain == "" {
				return block
			}
			return strings.Replace(block, `"id"`, `"rdomain": 10, "id"`, 1)
		}
		want := []string{"IFDESCR", "IFUP"}
		if c.rdomain != "" {
			want = []string{"IFRDOMAIN", "IFDESCR", "IFUP"}
		}
		t.Run(c.name+", somebody else's bridge", func(t *testing.T) {
			expect(t, "order", oneByOne(t, bridgeNode(t, newNode), inRDomain(theirs), switchFacts(c.rdomain)), want)
		})
		t.Run(c.name+", vmtap's bridge", func(t *testing.T) {
			expect(t, "order", stages(t, func() *node { return newNode(t) }, inRDomain(createConf), switchFacts(c.rdomain)), []string{
				"bridge", "closed to layer 3", strings.Join(want, ", "),
			})
		})
	}
}

// oneByOne returns the order in which the messages of one send bring facts
// about: each is refused in turn, the kernel carries out the others, and what
// then is missing, alone, is that message's. It ends with the last fact.
func oneByOne(t *testing.T, newNode func() *node, block string, facts []fact) []string {
	t.Helper()
	was := newNode().look5(t)
	facts = slices.DeleteFunc(facts, func(f fact) bool { return f.holds(&was) || f.name == "closed to layer 3" })
	var order []string
	steps := steps5(t, newNode, conf(block))
	for at, s := range steps {
		for i, m := range s.Messages {
			if m != "RTM_SETLINK" || len(order) == len(facts) {
				continue
			}
			n := add5(t, newNode, conf(block), steps[:at+1], cni.Fault{Message: i + 1})
			now := n.look5(t)
			var lacking []string
			for _, f := range facts {
				if !f.holds(&now) {
					lacking = append(lacking, f.name)
				}
			}
			if len(lacking) == 1 {
				order = append(order, lacking[0])
			}
		}
	}
	return order
}
