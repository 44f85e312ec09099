package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
)

// networks are those of TestNetworksOfOneVM.
var networks = []struct{ ifName, name, block, rdomain string }{
	{"eth0", "vmnet", "", "0"},
	{"net1", "tenant-a", inRDomains("bridge10", "", "10"), "10"},
	{"net2", "tenant-b", inRDomains("bridge20", "", "20"), "20"},
}

// TestNetworksOfOneVM: a VM's interfaces of different networks, switches and
// rdomains have one vmid, and numbers in order. Each works, and only in its
// rdomain.
func TestNetworksOfOneVM(t *testing.T) {
	n := newVRFNode(t)
	p, q := n.newPod(t, "p"), n.newPod(t, "q")
	var ours, theirs []resident
	for i, net := range networks {
		a, b := p.add(t, net.ifName, confOf(net.name, net.block)), q.add(t, net.ifName, confOf(net.name, net.block))
		expect(t, net.ifName+"'s number", strings.HasSuffix(a.hostLink(), fmt.Sprint("-if", i)), true)
		expect(t, net.ifName+"'s vmid", vmOf(a), vmOf(n.attached(t, p, "eth0", a)))
		ours = append(ours, resident{net.name, net.rdomain, guest.Open(t, p.NS, net.ifName, a.guestConfig()), a.guestConfig(), ""})
		theirs = append(theirs, resident{net.name, net.rdomain, guest.Open(t, q.NS, net.ifName, b.guestConfig()), b.guestConfig(), ""})
	}
	for _, from := range ours {
		for _, to := range theirs {
			for _, dst := range addrs(to.config) {
				same := from.rdomain == to.rdomain
				wantReached(t, fmt.Sprintf("%s to %s, %s", from.name, to.name, dst), same, from.Ping(dst, patience(same)))
			}
		}
	}
}

// vmOf is the VM of an attachment, such as vm5.
func vmOf(a *attachment) string {
	a.t.Helper()
	vm, _, _ := strings.Cut(a.hostLink(), "-")
	return vm
}

// attached is an attachment of a pod's that was added before, with the other
// one's network.
func (n *node) attached(t *testing.T, p *pod, ifName string, other *attachment) *attachment {
	t.Helper()
	return &attachment{t, n, cni.Call{ContainerID: p.id, IfName: ifName}, other.Result}
}

// TestHotUnplug: the first interface goes while others stay: the VM keeps its
// vmid, the others pass CHECK, and the next one takes the free number.
func TestHotUnplug(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	confs := []string{localConf, confOf("other", createConf), confOf("third", "")}
	var all []*attachment
	for i, c := range confs {
		all = append(all, p.add(t, fmt.Sprint("net", i), c))
	}
	vm := vmOf(all[0])
	all[0].del()
	for _, name := range []string{vm, "pod:p"} {
		expect(t, "link of "+name, n.link(t, name).Name, all[1].hostLink())
	}
	for _, a := range all[1:] {
		if fault := n.Check(t, a.call); fault != nil {
			t.Errorf("CHECK of %s: %s", a.call.IfName, fault)
		}
	}
	// Another VM that prefers this vmid gets another one.
	other := n.newPod(t, "q").call("eth0", localConf)
	other.Args = "VMNAME=p" // as pod p is named, by its container id
	if got := vmOf(n.add(t, other)); got == vm {
		t.Errorf("VM q got %s, which p has", got)
	}
	again := p.add(t, "net9", localConf)
	expect(t, "host link of the next interface", again.hostLink(), vm+"-if0")
	for _, a := range slices.Concat(all[1:], []*attachment{again}) {
		a.del()
	}
	if n.Command("ip", "link", "show", vm).Run() == nil {
		t.Errorf("%s is left", vm)
	}
}

// TestSiblingOutOfRange: all networks of a VM need a range that has its vmid.
func TestSiblingOutOfRange(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	first := p.call("eth0", localConf)
	first.Args = "VMID=5"
	n.add(t, first)
	before := takeAll(t, n.NS, p.NS)
	_, fault := n.Add(t, p.call("net1", confOf("other", `"vmid": {"range": "100-199"}`)))
	wantFault(t, fault, 7, "vmid 5", "100-199")
	before.wantSame(t)
}

// TestSameLLAddr: VMs that are on no switch together may have one lladdr, and
// so one link-local address: each is reached on its own link. A pod that is made
// anew while the old one is not gone yet is such a case.
func TestSameLLAddr(t *testing.T) {
	for name, block := range map[string]string{"in rdomain 0": "", "in an rdomain": `"rdomain": 10`} {
		t.Run(name, func(t *testing.T) {
			newNode := newNode
			if block != "" {
				newNode = newVRFNode
			}
			n := newNode(t)
			var all []*attachment
			for _, id := range []string{"old", "new"} {
				p := n.newPod(t, id)
				call := p.call("eth0", conf(block))
				call.Args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=" + id
				a := n.add(t, call)
				a.boot(p)
				all = append(all, a)
			}
			expect(t, "lladdr", all[1].guestConfig().LLAddr, all[0].guestConfig().LLAddr)
			linkLocal := eui64(t, all[0].guestConfig().LLAddr.String()).String()
			for _, a := range all {
				n.pingVia(t, a.hostLink(), linkLocal)
				if fault := n.Check(t, a.call); fault != nil {
					t.Errorf("CHECK: %s", fault)
				}
			}
			all[0].del()
			n.pingVia(t, all[1].hostLink(), linkLocal)
			if fault := n.Check(t, all[1].call); fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
		})
	}
}

// pingVia is the host's ping by a socket that is bound to a link, as one must be
// to speak in an rdomain.
func (n *node) pingVia(t *testing.T, link, dst string) {
	t.Helper()
	n.Run(t, "ping", "-n", "-c", "1", "-W", "5", "-I", link, dst)
}
