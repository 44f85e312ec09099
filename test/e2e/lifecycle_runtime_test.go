package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// allPlacements are a block for each placement and device that has links of its own
// on the node.
var allPlacements = []struct{ name, block string }{
	{"pod", createConf},
	{"pod, no switch", ""},
	{"host", `"placement": "host", ` + createConf},
	{"host, no switch", `"placement": "host"`},
	{"veth", `"device": "veth", ` + createConf},
	{"groups and limits", inSets(createConf+", "+limits, "web")},
}

// TestReboot: a node comes up with none of its links, and the runtime sends what it
// has kept: DEL of every container that there was, and GC with a list of them. All
// succeed and change nothing; the VMs, in new sandboxes, get what they had.
func TestReboot(t *testing.T) {
	for k, kind := range allPlacements {
		if !someOf(k) {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			c := conf(kind.block)
			n := newNode(t)
			var old []*attachment
			var had []string
			for i := range 3 {
				a := n.newPod(t, fmt.Sprint("old", i)).addNamed(t, fmt.Sprint("vm", i), c)
				old, had = append(old, a), append(had, identityOf(a))
			}
			// What a runtime finds after a reboot: neither links nor namespaces nor
			// /run/vmtap, which each process has anew here.
			rebooted := &node{netns.New(t), n.Plugin.Wrap("unshare", "--mount", "sh", "-c", `mount -t tmpfs none /run && exec "$0"`)}
			rebooted.Plugin.Node = rebooted.NS
			before := takeAll(t, rebooted.NS)
			for _, a := range old {
				gone := a.call
				gone.Netns = "/run/netns/gone"
				for _, call := range []cni.Call{gone, gone.With(nil), {ContainerID: gone.ContainerID, IfName: gone.IfName, Conf: gone.Conf}} {
					if fault := rebooted.Del(t, call); fault != nil {
						t.Errorf("DEL: %s", fault)
					}
				}
			}
			for _, list := range []string{valid("old0@eth0", "old1@eth0", "old2@eth0"), valid("old1@eth0"), valid(), "null"} {
				rebooted.gc(t, gcConf("vmnet", list))
			}
			before.wantSame(t)
			for i, want := range had {
				p := rebooted.newPod(t, fmt.Sprint("new", i))
				a := p.addNamed(t, fmt.Sprint("vm", i), c)
				expect(t, "identity after the reboot", identityOf(a), want)
				if i == 0 { // a late DEL of the old sandbox is none of the new one's business
					if fault := rebooted.Del(t, old[0].call.With(nil)); fault != nil {
						t.Errorf("DEL: %s", fault)
					}
					if fault := rebooted.Check(t, a.call); fault != nil {
						t.Errorf("CHECK: %s", fault)
					}
				}
			}
		})
	}
}

// addNamed adds the VM of this name.
func (p *pod) addNamed(t *testing.T, name, conf string) *attachment {
	t.Helper()
	return p.node.add(t, p.named(name, conf))
}

// named is the call for the VM of this name, as a pod of Kubernetes.
func (p *pod) named(name, conf string) cni.Call {
	call := p.call("eth0", conf)
	call.Args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=" + name + ";K8S_POD_INFRA_CONTAINER_ID=" + p.id
	return call
}

// identityOf is what a VM should keep: host link, lladdr and addresses.
func identityOf(a *attachment) string {
	return strings.Join(append(told(a), a.hostLink(), a.Interfaces[len(a.Interfaces)-1].Mac), ", ")
}

// TestConflistChanged: the network's configuration changes while a VM runs. CHECK, by
// the new one, tells what differs. DEL, by the new one, with and without what it
// knew, leaves the node as it was; ADD then makes what the new one says.
func TestConflistChanged(t *testing.T) {
	groups := `, "group": ["web"], "groups": {"web": 101}`
	for i, c := range []struct {
		name, network, was, is string
		code                   uint
		words                  []string
	}{
		{"another switch", "vmnet", createConf, strings.ReplaceAll(createConf, "bridge0", "bridge1"), 101, []string{"bridge1"}},
		{"no switch", "vmnet", createConf, "", 101, []string{"host link IF"}},
		{"a switch", "vmnet", "", createConf, 101, []string{"gateway GW: missing"}},
		{"another prefix", "vmnet", "", `"local": {"prefix": "10.64.0.0/10"}`, 101, []string{`host link IF: altname "10.`, "is missing"}},
		{"another IPv6 prefix", "vmnet", "", `"local": {"prefix6": "fdaa::/32"}`, 101, []string{"fdaa:"}},
		{"a prefix that holds no such vmid", "vmnet", "", `"local": {"prefix": "10.64.0.0/16"}`, 7, []string{"vmid", "outside 1-255"}},
		{"IPv4 alone", "vmnet", "", `"local": {"inet6": false}`, 101, []string{"should not be there"}},
		{"placement host", "vmnet", createConf, `"placement": "host", ` + createConf, 101, []string{"host link IF: kind is"}},
		{"placement pod", "vmnet", `"placement": "host", ` + createConf, createConf, 101, []string{"tap eth0: missing"}},
		{"device veth", "vmnet", createConf, `"device": "veth", ` + createConf, 101, []string{"IF"}},
		{"not local", "vmnet", createConf, `"switch": {"interface": "bridge0", "name": "uplink", "id": 7, "create": true}, "local": false`, 101, []string{"should not be there"}},
		{"guard off", "vmnet", createConf, createConf + `, "guard": false`, 101, []string{"ingress filter 1", "should not be there"}},
		{"guard on", "vmnet", createConf + `, "guard": false`, createConf, 101, []string{"guard (ingress filter 1)", "missing"}},
		{"other groups", "vmnet", createConf + groups, createConf + strings.ReplaceAll(strings.ReplaceAll(groups, "web", "db"), "101", "102"), 101, []string{"IF.db", "missing", "IF.web", "should not be there", "group is 101, want 102"}},
		{"no groupSets", "vmnet", inSets(createConf, "web"), createConf + `, "group": ["web"]`, 101, []string{"IF"}},
		{"an rdomain that is missing", "vmnet", createConf, createConf + `, "rdomain": 10`, 101, []string{"rdomain10"}},
		{"another mtu", "vmnet", "", `"mtu": 1400`, 101, []string{"mtu is 1500, want 1400"}},
		{"down", "vmnet", "", `"up": false`, 101, []string{"up is on, want off"}},
		{"not forwarding", "vmnet", "", `"forward": false`, 101, []string{"forwarding = 0"}},
		{"other vmids", "vmnet", "", `"vmid": {"range": "1-5"}`, 0, nil}, // it has one
		{"another network's name", "othernet", createConf, createConf, 101, []string{"IF.net.othernet", "missing"}},
		{"a key that nobody knows", "vmnet", createConf, createConf + `, "rdomian": 1`, 2, []string{"rdomian"}},
	} {
		if !someOf(i) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newCrashWorld(t, crashScenario{name: c.name, block: c.was})
			a, identity := w.add("p")
			changed := a.call
			changed.Conf = confOf(c.network, c.is)
			fault := w.n.Check(t, changed)
			if c.code != 0 {
				wantFault(t, fault, c.code, a.words(c.words)...)
			} else if fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
			del := changed
			if i%2 == 1 {
				del = w.late(del)
			}
			w.del(del, c.name)
			if c.network != "vmnet" { // it is not that network's
				if fault := w.n.Check(t, a.call); fault != nil {
					t.Errorf("CHECK after another network's DEL: %s", fault)
				}
				a.del()
			}
			w.wantSame(c.name)
			if c.code == 2 || strings.Contains(c.is, "rdomain") {
				w.again(identity, c.name)
				return
			}
			w.call.Conf = changed.Conf
			b, _ := w.add("again") // and CHECK
			b.del()
		})
	}
}

// TestSandboxesOverlap: a pod is made anew while its old sandbox is still there. The
// new one is another VM as long as the old one has the name; what it got it keeps
// when the old one's DEL arrives, be it once or twice, and then the name is free for
// the next.
func TestSandboxesOverlap(t *testing.T) {
	for k, kind := range allPlacements {
		if !someOf(k) {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			c := conf(kind.block)
			n.newPod(t, "first").add(t, "eth0", c) // makes what VMs share
			old := n.newPod(t, "old").addNamed(t, "web", c)
			want := identityOf(old)
			fresh := n.newPod(t, "fresh").addNamed(t, "web", c)
			got := identityOf(fresh)
			if vmOf(fresh) == vmOf(old) {
				t.Errorf("both are %s", vmOf(old))
			}
			late := old.call.With(nil)
			late.Netns = ""
			for _, call := range []cni.Call{old.call, late} {
				if fault := n.Del(t, call); fault != nil {
					t.Errorf("the old one's DEL: %s", fault)
				}
				if fault := n.Check(t, fresh.call); fault != nil {
					t.Errorf("CHECK of the new one: %s", fault)
				}
				expect(t, "what the new one has", identityOf(fresh), got)
			}
			fresh.del()
			expect(t, "what the next one has", identityOf(n.newPod(t, "next").addNamed(t, "web", c)), want)
		})
	}
}

// TestADDRetried: an ADD fails, or its answer is lost, and the runtime tries with
// another container id. With a DEL between, or a GC, the VM gets what it would have
// got; and with a vmid that it must have it gets none but that.
func TestADDRetried(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	want := identityOf(n.newPod(t, "p0").addNamed(t, "web", switchConf))
	fixed := extended(switchConf, `"vmid": {"probe": false}`)
	for _, c := range []string{switchConf, fixed} {
		if fault := n.Del(t, n.newPod(t, "p0").call("eth0", c)); fault != nil {
			t.Fatal(fault)
		}
		for i := range 3 { // whose answer nobody gets
			p := n.newPod(t, fmt.Sprint("try", i))
			if _, fault := n.Add(t, p.named("web", c)); fault != nil {
				t.Fatalf("ADD: %s", fault)
			}
			if i == 1 {
				n.gc(t, gcConf("vmnet", valid("try9@eth0")))
				continue
			}
			if fault := n.Del(t, cni.Call{ContainerID: p.id, IfName: "eth0", Conf: c}); fault != nil {
				t.Fatalf("DEL: %s", fault)
			}
		}
		a := n.newPod(t, "p0").addNamed(t, "web", c)
		expect(t, "what the last one has", identityOf(a), want)
	}
	// Without a DEL the name is taken.
	_, fault := n.Add(t, n.newPod(t, "p1").named("web", fixed))
	wantFault(t, fault, 11, "default/web", "vmid.probe")
	chosen := n.newPod(t, "p2").call("eth0", switchConf)
	chosen.Args = "VMID=77"
	n.add(t, chosen)
	again := n.newPod(t, "p3").call("eth0", switchConf)
	again.Args = "VMID=77"
	_, fault = n.Add(t, again)
	wantFault(t, fault, 100, "vmid 77", "vm77-if0")
	if fault := n.Del(t, chosen); fault != nil {
		t.Fatal(fault)
	}
	n.add(t, again)
}

// TestNamespacesDropped: pods vanish, and no DEL ever comes. The kernel takes what is
// theirs, GC the rest, and then the node is what it was.
func TestNamespacesDropped(t *testing.T) {
	for k, kind := range allPlacements {
		if !someOf(k) {
			continue
		}
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			// Of its own on this machine: GC leaves alone what another call works on.
			id := func(what string, i int) string { return fmt.Sprintf("%s%d-%d", what, k, i) }
			n := newNode(t)
			c := conf(kind.block)
			n.newPod(t, id("stays", 0)).add(t, "eth0", c)
			before := takeAll(t, n.NS)
			var had []string
			var gone []*pod
			for i := range 4 {
				p := n.newPod(t, id("gone", i))
				had = append(had, identityOf(p.addNamed(t, fmt.Sprint("vm", i), c)))
				gone = append(gone, p)
			}
			for _, p := range gone {
				closeNS(t, p)
			}
			if !strings.Contains(kind.block, `"host"`) { // else all is the node's
				waitFor(t, "the pods' links to go", func() bool {
					return !slices.ContainsFunc(gone, func(p *pod) bool { return n.Command("ip", "link", "show", p.id+"@eth0").Run() == nil })
				})
			}
			n.gc(t, gcConf("vmnet", valid(id("stays", 0)+"@eth0", id("never", 0)+"@eth0")))
			before.wantSame(t)
			for i, want := range had {
				expect(t, "what the next one has", identityOf(n.newPod(t, id("next", i)).addNamed(t, fmt.Sprint("vm", i), c)), want)
			}
		})
	}
}
