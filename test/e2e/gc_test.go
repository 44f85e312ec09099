package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// gcConf is the plugin's block as GC gets it: valid is the JSON of what the
// runtime lists.
func gcConf(network, valid string) cni.Call {
	return cni.Call{Conf: fmt.Sprintf(`{"cniVersion": "1.1.0", "name": %q, "type": "vmtap", "cni.dev/valid-attachments": %s, "cni.dev/attachments": %s}`, network, valid, valid)}
}

// valid is a list of attachments "id@ifName".
func valid(names ...string) string {
	entries := make([]string, len(names))
	for i, name := range names {
		id, ifName, _ := strings.Cut(name, "@")
		entries[i] = fmt.Sprintf(`{"containerID": %q, "ifname": %q}`, id, ifName)
	}
	return "[" + strings.Join(entries, ", ") + "]"
}

func (n *node) gc(t *testing.T, c cni.Call) {
	t.Helper()
	if fault := n.GC(t, c); fault != nil {
		t.Fatalf("GC: %s", fault)
	}
}

// TestGC: what the runtime does not list goes, from the pods too; what it
// lists, and what is another network's, stays.
func TestGC(t *testing.T) {
	n := newNode(t)
	var pods []*pod
	var all []*attachment
	for i := range 4 {
		p := n.newPod(t, fmt.Sprint("p", i))
		pods, all = append(pods, p), append(all, p.add(t, "eth0", switchConf))
	}
	second := pods[3].add(t, "net1", switchConf)
	foreign := n.newPod(t, "foreign").add(t, "eth0", confOf("othernet", createConf))
	vmid := strings.TrimSuffix(all[3].hostLink(), "-if0")

	n.gc(t, gcConf("vmnet", valid("p0@eth0", "p3@net1", "p9@eth0", "p1@eth1")))
	for i, p := range pods[1:3] {
		p.onlyLoopback(t)
		if n.Command("ip", "link", "show", p.id+"@eth0").Run() == nil {
			t.Errorf("attachment %d is left", i+1)
		}
	}
	for _, a := range []*attachment{all[0], foreign} {
		if fault := n.Check(t, a.call); fault != nil {
			t.Errorf("CHECK of %s: %s", a.call.ContainerID, fault)
		}
	}
	// The vmid goes on to the interface that stays, as after DEL.
	expect(t, "holder of the vmid", n.link(t, vmid).Name, second.hostLink())
	for _, a := range []*attachment{all[1], all[2], all[3]} {
		a.del() // nothing left is success
	}

	n.gc(t, gcConf("vmnet", "[]"))
	expect(t, "links left", n.hostLinks(t), slices.Sorted(slices.Values([]string{foreign.hostLink(), foreign.gateway()})))
}

// hostLinks are the names of a node's links of VMs.
func (n *node) hostLinks(t *testing.T) []string {
	t.Helper()
	names := []string{}
	for _, l := range links(t, n.NS) {
		if strings.HasPrefix(l.Name, "vm") {
			names = append(names, l.Name)
		}
	}
	slices.Sort(names)
	return names
}

// TestGCOfVMs: a VM's interfaces that all go leave no claim behind.
func TestGCOfVMs(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	first := p.add(t, "eth0", localConf).hostLink()
	for i := range 3 {
		p.add(t, fmt.Sprint("net", i), localConf)
	}
	n.gc(t, gcConf("vmnet", "[]"))
	p.onlyLoopback(t)
	n.noVMLinks(t)
	expect(t, "host link of the next VM", n.newPod(t, "p").add(t, "eth0", localConf).hostLink(), first)
}

// TestGCOfDeadHalves: with or without a list, halves go: a gateway without its
// host link, and, unless the runtime lists it, a host link without its tap.
func TestGCOfDeadHalves(t *testing.T) {
	for _, c := range []struct {
		name, list string
		tapless    bool // stays
	}{
		{"null", "null", false},
		{"none valid", "[]", false},
		{"all valid", valid("whole@eth0", "dead@eth0", "tapless@eth0"), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			whole := n.newPod(t, "whole").add(t, "eth0", switchConf)
			dead := n.newPod(t, "dead").add(t, "eth0", confOf("othernet", createConf))
			deadGateway := dead.gateway()
			n.Run(t, "ip", "link", "del", dead.hostLink())
			p := n.newPod(t, "tapless")
			tapless := p.add(t, "eth0", switchConf).hostLink()
			p.Run(t, "ip", "link", "del", "eth0")

			n.gc(t, gcConf("vmnet", c.list))
			left := strings.Join(n.hostLinks(t), " ")
			for name, want := range map[string]bool{deadGateway: false, tapless: c.tapless} {
				if strings.Contains(left, name) != want {
					t.Errorf("%s stays: %t, want %t (%s)", name, !want, want, left)
				}
			}
			if c.list == "[]" {
				expect(t, "links left", n.hostLinks(t), []string{})
			} else if fault := n.Check(t, whole.call); fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
		})
	}
}

// TestGCOfMovedPodEnd: a host link whose other end was moved to the host's
// namespace has no tap, and is no error.
func TestGCOfMovedPodEnd(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	name := p.add(t, "eth0", localConf).hostLink()
	p.Run(t, "ip", "link", "set", name, "down")
	p.Run(t, "ip", "link", "set", name, "name", "moved")
	p.Run(t, "ip", "link", "set", "moved", "netns", n.NS.Path())
	n.gc(t, gcConf("vmnet", "null"))
	n.noVMLinks(t)
}

// TestGCWithoutList: without the key nothing is known, as with null.
func TestGCWithoutList(t *testing.T) {
	n := newNode(t)
	a := n.newPod(t, "p").add(t, "eth0", switchConf)
	n.gc(t, cni.Call{Conf: `{"cniVersion": "1.1.0", "name": "vmnet", "type": "vmtap", "nonsense": 1}`})
	if fault := n.Check(t, a.call); fault != nil {
		t.Errorf("CHECK: %s", fault)
	}
}

// TestGCRefuses: of a list that is not understood nothing is deleted.
func TestGCRefuses(t *testing.T) {
	for _, c := range []struct {
		list  string
		code  uint
		words []string
	}{
		{`{}`, 6, []string{"cni.dev/valid-attachments", "list"}},
		{`[{"containerID": "p", "ifname": 5}]`, 6, []string{"cni.dev/valid-attachments"}},
		{`[{"containerID": "q", "ifname": "eth0"}, {"containerID": "p"}]`, 7, []string{"cni.dev/valid-attachments[1]", "ifname"}},
		{`[{"containerID": "", "ifname": "eth0"}]`, 7, []string{"cni.dev/valid-attachments[0]"}},
		{`[null]`, 7, []string{"cni.dev/valid-attachments[0]"}},
	} {
		t.Run(c.list, func(t *testing.T) {
			n := newNode(t)
			a := n.newPod(t, "p").add(t, "eth0", switchConf)
			wantFault(t, n.GC(t, gcConf("vmnet", c.list)), c.code, c.words...)
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
		})
	}
}

// TestGCLeavesForeignLinks: without vmtap's mark, or of another kind, nothing
// is ours; nor is a bridge that vmtap made garbage.
func TestGCLeavesForeignLinks(t *testing.T) {
	n := newNode(t)
	n.newPod(t, "p").add(t, "eth0", switchConf).del()
	n.Run(t, "ip", "link", "add", "mine", "type", "bridge")
	n.Run(t, "ip", "link", "property", "add", "dev", "mine", "altname", "q@eth0", "altname", "vm1-if0.net.vmnet")
	n.Run(t, "ip", "link", "add", "mine2", "type", "veth", "peer", "name", "mine3")
	n.Run(t, "ip", "link", "property", "add", "dev", "mine2", "altname", "r@eth0")
	before := takeAll(t, n.NS)
	n.gc(t, gcConf("vmnet", "[]"))
	before.wantSame(t)
}

// TestGCLoopbackInTheGroup: a pod that keeps its links from being deleted by
// group keeps none of them.
func TestGCLoopbackInTheGroup(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	p.add(t, "eth0", limitedConf)
	p.Run(t, "ip", "link", "set", "lo", "group", p.link(t, "eth0").Group)
	n.gc(t, gcConf("vmnet", valid()))
	p.onlyLoopback(t)
	n.noVMLinks(t)
}
