package e2e

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
)

// onlyLoopback demands that a pod's namespace holds nothing else.
func (p *pod) onlyLoopback(t *testing.T) {
	t.Helper()
	for _, l := range links(t, p.NS) {
		if l.Name != "lo" {
			t.Errorf("%s is left in the pod's namespace", l.Name)
		}
	}
}

// noVMLinks demands that a node has no links of VMs.
func (n *node) noVMLinks(t *testing.T) {
	t.Helper()
	for _, l := range links(t, n.NS) {
		if strings.HasPrefix(l.Name, "vm") {
			t.Errorf("%s is left on the node", l.Name)
		}
	}
}

// limitedConf makes all links that an attachment can have.
var limitedConf = limited(strings.TrimSuffix(switchConf, "}"), intoGuest+", "+fromGuest) + "}"

// TestDel: as runtimes send it.
func TestDel(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(t *testing.T, p *pod, a *attachment) // what happens between ADD and DEL
		call   func(c cni.Call) cni.Call                 // what DEL is given
	}{
		{"at stop", nil, nil},
		{"without namespace and prevResult", nil, func(c cni.Call) cni.Call { c.Netns = ""; return c.With(nil) }},
		{"with a namespace that is gone", func(t *testing.T, p *pod, _ *attachment) { closeNS(t, p) }, nil},
		{"with another configuration", nil, func(c cni.Call) cni.Call { c.Conf = conf(`"mtu": 9000`); return c }},
		{"with a broken configuration", nil, func(c cni.Call) cni.Call {
			c.Conf = conf(`"switch": [1], "placement": {}, "nonsense": 1`)
			return c.With(nil)
		}},
		{"with broken CNI_ARGS", nil, func(c cni.Call) cni.Call { c.Args = "what=ever;;"; return c }},
		{"with the gateway gone", func(t *testing.T, _ *pod, a *attachment) { a.node.Run(t, "ip", "link", "del", a.gateway()) }, nil},
		{"with the tap gone", func(t *testing.T, p *pod, _ *attachment) { p.Run(t, "ip", "link", "del", "eth0") }, nil},
		{"with a tap moved out of the group", func(t *testing.T, p *pod, a *attachment) {
			p.Run(t, "ip", "link", "set", a.hostLink(), "group", "0")
			p.Run(t, "ip", "link", "set", a.gateway(), "group", "0")
		}, nil},
		{"with lo in the group", func(t *testing.T, p *pod, a *attachment) {
			p.Run(t, "ip", "link", "set", "lo", "group", p.link(t, "eth0").Group)
		}, func(c cni.Call) cni.Call { c.Netns = ""; return c.With(nil) }}, // nothing is deleted by group then
		{"with the host link renamed", func(t *testing.T, _ *pod, a *attachment) {
			a.node.Run(t, "ip", "link", "set", a.hostLink(), "down")
			a.node.Run(t, "ip", "link", "set", a.hostLink(), "name", "renamed")
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", limitedConf)
			call := a.call
			if c.before != nil {
				c.before(t, p, a)
			}
			if c.call != nil {
				call = c.call(call)
			}
			for range 2 { // a second DEL is success too
				if fault := n.Del(t, call); fault != nil {
					t.Fatalf("DEL: %s", fault)
				}
				n.noVMLinks(t)
			}
			if c.name != "with a namespace that is gone" {
				p.onlyLoopback(t)
			}
		})
	}
}

func closeNS(t *testing.T, p *pod) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestDelWaitsOnce: whatever an attachment consists of, DEL deletes it with one
// message. The kernel waits for each, tens of milliseconds at times.
func TestDelWaitsOnce(t *testing.T) {
	for _, block := range []string{
		createConf,
		createConf + `, "placement": "host"`,
		createConf + `, "device": "veth"`,
		`"placement": "host"`,
		`"device": "veth"`,
		``,
	} {
		t.Run(block, func(t *testing.T) {
			n := newNode(t)
			a := n.newPod(t, "p").add(t, "eth0", conf(block))
			traced, trace := n.Traced()
			if fault := traced.Del(t, a.call); fault != nil {
				t.Fatal(fault)
			}
			n.noVMLinks(t)
			if got := deletions(trace.Steps()); len(got) != 1 {
				t.Errorf("%d messages delete links, want 1:\n%s", len(got), trace)
			}
		})
	}
}

// TestDelBeforeAdd: nothing to delete is success.
func TestDelBeforeAdd(t *testing.T) {
	n := newNode(t)
	if fault := n.Del(t, n.newPod(t, "p").call("eth0", switchConf)); fault != nil {
		t.Errorf("DEL: %s", fault)
	}
}

// TestDelOfAnotherNetwork leaves an attachment alone.
func TestDelOfAnotherNetwork(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", switchConf)
	call := a.call
	call.Conf = confOf("othernet", "")
	if fault := n.Del(t, call); fault != nil {
		t.Errorf("DEL: %s", fault)
	}
	if fault := n.Check(t, a.call); fault != nil {
		t.Errorf("CHECK after another network's DEL: %s", fault)
	}
}

// TestDelOfForeignLink: a link that carries an attachment's name but not
// vmtap's mark, or is of another kind, is not ours.
func TestDelOfForeignLink(t *testing.T) {
	n := newNode(t)
	n.Run(t, "ip", "link", "add", "mine", "type", "bridge")
	n.Run(t, "ip", "link", "property", "add", "dev", "mine", "altname", "p@eth0", "altname", "vm1-if0.net.vmnet")
	n.Run(t, "ip", "link", "add", "mine2", "type", "veth", "peer", "name", "mine3")
	n.Run(t, "ip", "link", "property", "add", "dev", "mine2", "altname", "q@eth0")
	for _, id := range []string{"p", "q"} {
		if fault := n.Del(t, n.newPod(t, id).call("eth0", localConf)); fault != nil {
			t.Errorf("DEL: %s", fault)
		}
	}
	n.link(t, "mine")
	n.link(t, "mine2")
}

// TestSeveralInterfaces: one VM has one vmid, interfaces in order; the claim
// on the vmid moves when its holder goes.
func TestSeveralInterfaces(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	first := p.add(t, "eth0", localConf)
	second := p.add(t, "net1", switchConf)
	third := p.add(t, "net2", confOf("othernet", ""))
	vm, _, _ := strings.Cut(first.hostLink(), "-")
	for i, a := range []*attachment{first, second, third} {
		expect(t, "host link", a.hostLink(), vm+"-if"+string(rune('0'+i)))
	}
	holder := func(name string) bool {
		return slices.Contains(n.link(t, name).AltNames, vm) && slices.Contains(n.link(t, name).AltNames, "pod:p")
	}
	expect(t, "holder is the first", holder(first.hostLink()), true)
	secondLink, thirdLink := second.hostLink(), third.hostLink()

	first.del()
	expect(t, "holder is the second", holder(secondLink), true)
	for _, a := range []*attachment{second, third} {
		if fault := n.Check(t, a.call); fault != nil {
			t.Errorf("CHECK after the first went: %s", fault)
		}
	}
	again := p.add(t, "eth0", localConf)
	expect(t, "host link hot-plugged", again.hostLink(), vm+"-if0")
	expect(t, "same addresses", again.IPs[0].Address.String(), first.IPs[0].Address.String())
	expect(t, "holder stays", holder(secondLink), true)

	again.del()
	second.del()
	expect(t, "holder is the third", holder(thirdLink), true)
	third.del()
	n.noVMLinks(t)
	p.onlyLoopback(t)
}

// TestSticky: a VM that comes back, as another pod under its name, has what
// it had.
func TestSticky(t *testing.T) {
	n := newNode(t)
	var had string
	for _, id := range []string{"one", "two"} {
		p := n.newPod(t, id)
		call := p.call("eth0", switchConf)
		call.Args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=virt-launcher-db-" + map[string]string{"one": "abcde", "two": "fghij"}[id]
		a := n.add(t, call)
		has := strings.Join([]string{a.hostLink(), a.IPs[0].Address.String(), a.IPs[1].Address.String(), a.Interfaces[4].Mac}, " ")
		if had != "" {
			expect(t, "vmid, addresses and lladdr", has, had)
		}
		had = has
		expect(t, "description", n.link(t, a.hostLink()).Alias, a.hostLink()+"-default/db")
		a.del()
	}
}

// TestNamespaceGone: everything goes with the pod's namespace, by the kernel.
func TestNamespaceGone(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", switchConf)
	closeNS(t, p)
	waitFor(t, "the links to go", func() bool {
		return !slices.ContainsFunc(links(t, n.NS), func(l link) bool { return strings.HasPrefix(l.Name, "vm") })
	})
	a.del()
}

// TestDeadGateway: a gateway whose host link is gone is in nobody's way.
func TestDeadGateway(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", switchConf)
	name, gateway := a.hostLink(), n.link(t, a.gateway())
	n.Run(t, "ip", "link", "del", name)
	p.Run(t, "ip", "link", "del", "eth0") // so that the name is free again
	again := p.add(t, "eth0", switchConf)
	expect(t, "host link", again.hostLink(), name)
	if n.link(t, again.gateway()).Index == gateway.Index {
		t.Error("the dead gateway was kept")
	}
	again.del()
	n.noVMLinks(t)
}

// TestOwnDeadGateway: nor is one that the attachment's own ADD left, which was
// killed, though the next ADD makes another vmid's.
func TestOwnDeadGateway(t *testing.T) {
	n := newNode(t)
	call := n.newPod(t, "p").call("eth0", hostConf)
	call.Args = "VMID=5"
	killed := n.start(cni.ADD, call, false)
	killed.advanceTo(t, func(s cni.Step) bool { return s.Detail == "TUNSETPERSIST" })
	killed.kill(t)
	n.link(t, "vm5-gw0") // the tap went with the process
	call.Args = "VMID=6"
	a := n.add(t, call)
	expect(t, "links", n.hostLinks(t), []string{"vm6-gp0", "vm6-gw0", "vm6-if0"})
	a.del()
	n.noVMLinks(t)
}

// TestClaimGoesToAnIdleSibling: the VM's claim is not moved to an interface
// that another call works on, which may be its DEL, if there is another.
func TestClaimGoesToAnIdleSibling(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "idle")
	first, second, third := p.add(t, "eth0", localConf), p.add(t, "net1", localConf), p.add(t, "net2", localConf)
	vm, _, _ := strings.Cut(first.hostLink(), "-")
	release := holdLock(t, vmid.LockOffset("idle", "net1"))
	first.del()
	expect(t, "holder", n.link(t, vm).Name, third.hostLink())
	release()
	third.del()
	expect(t, "holder", n.link(t, vm).Name, second.hostLink())

	// The only sibling gets it, busy or not.
	again := p.add(t, "eth0", localConf)
	second.del()
	expect(t, "holder", n.link(t, vm).Name, again.hostLink())
	busy := p.add(t, "net1", localConf)
	release = holdLock(t, vmid.LockOffset("idle", "net1"))
	again.del()
	expect(t, "holder", n.link(t, vm).Name, busy.hostLink())
	release()
}

// TestClaimStaysInTheVM: where a host link that held the vmid was deleted by
// hand, another VM may have come to the vmid. Its claim is not the other's when
// it goes.
func TestClaimStaysInTheVM(t *testing.T) {
	n := newNode(t)
	block := conf(`"vmid": {"range": "5"}`)
	p, q := n.newPod(t, "p"), n.newPod(t, "q")
	first, second := p.add(t, "eth0", block), p.add(t, "net1", block)
	n.Run(t, "ip", "link", "del", first.hostLink())
	other := q.add(t, "eth0", block)
	expect(t, "host link of the other VM", other.hostLink(), "vm5-if0")
	other.del()
	if got := n.link(t, second.hostLink()).AltNames; slices.Contains(got, "vm5") || slices.Contains(got, "pod:q") {
		t.Errorf("the altnames of another VM's host link are %v", got)
	}
	second.del()
	n.noVMLinks(t)
}

// holdLock takes a byte of vmtap's lock, as another call would.
func holdLock(t *testing.T, offset int64) (release func()) {
	t.Helper()
	f, err := os.OpenFile("/run/vmtap/lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: offset, Len: 1}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
