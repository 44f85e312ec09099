package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestIPAMDelAlways: the lease is given back whatever else is left: with all
// links gone, without a namespace, twice, and for a network whose attachment
// is another's. Links go before the lease.
func TestIPAMDelAlways(t *testing.T) {
	const before = `[ $CNI_COMMAND = DEL ] && ip -br link show p@eth0 >>$dir/seen 2>/dev/null; `
	for name, prepare := range map[string]func(n *node, p *pod, a *attachment){
		"all there":    func(*node, *pod, *attachment) {},
		"links gone":   func(n *node, _ *pod, a *attachment) { n.Run(t, "ip", "link", "del", a.hostLink()) },
		"no namespace": func(_ *node, _ *pod, a *attachment) { a.call.Netns, a.call.PrevResult = "", nil },
		"pod gone":     func(_ *node, p *pod, a *attachment) { closeNS(t, p); a.call.Netns = "" },
		"after DEL":    func(_ *node, _ *pod, a *attachment) { a.del() },
		"other values": func(_ *node, _ *pod, a *attachment) {
			a.call.Conf = conf(`"switch": 5, "ipam": {"type": "fake", "x": 1}`)
		},
		"too long a id": func(_ *node, _ *pod, a *attachment) { a.call.ContainerID = strings.Repeat("a", 97) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			f := n.newFake(t, before+give)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(fakeBlock))
			prepare(n, p, a)
			f.verbs(t)
			a.del()
			expect(t, "verbs", f.verbs(t), "DEL")
			if a.call.ContainerID == p.id {
				expect(t, "links that the plugin saw", f.said(t, "seen"), "")
			}
		})
	}
	t.Run("another network's links", func(t *testing.T) {
		n := newNode(t)
		f := n.newFake(t, give)
		p := n.newPod(t, "p")
		a := p.add(t, "eth0", conf(fakeBlock))
		other := a.call
		other.Conf = confOf("othernet", fakeBlock)
		f.verbs(t)
		if fault := n.Del(t, other); fault != nil {
			t.Errorf("DEL: %s", fault)
		}
		expect(t, "verbs", f.verbs(t), "DEL")
		if fault := n.Check(t, a.call); fault != nil {
			t.Errorf("CHECK: %s", fault)
		}
	})
	t.Run("no ipam", func(t *testing.T) {
		n := newNode(t)
		f := n.newFake(t, give)
		for _, block := range []string{createConf, createConf + `, "ipam": {}`} {
			n.newPod(t, "p").add(t, "eth0", conf(block)).del()
		}
		expect(t, "verbs", f.verbs(t), "")
	})
}

// TestIPAMDelFails: its error is ours, and comes with its code; the links are
// gone.
func TestIPAMDelFails(t *testing.T) {
	n := newNode(t)
	n.newFake(t, `case $CNI_COMMAND in DEL | GC) echo '{"code": 142, "msg": "not now"}'; exit 1; esac; `+give)
	a := n.newPod(t, "p").add(t, "eth0", conf(fakeBlock))
	wantFault(t, n.Del(t, a.call), 142, "delegate DEL to fake", "not now")
	n.noVMLinks(t)
	wantFault(t, n.GC(t, gcOf(fakeBlock, "[]")), 142, "delegate GC to fake", "not now")
}

// TestIPAMCheck: differences of both are told, ours first.
func TestIPAMCheck(t *testing.T) {
	n, leases := newIPAMNode(t), newPool(t)
	a := n.newPod(t, "p").add(t, "eth0", conf(onBridge("bridge0", leases.dual())))
	n.Run(t, "ip", "link", "property", "del", "dev", a.hostLink(), "altname", "10.1.0.2.ip.bridge0")
	wantFault(t, n.Check(t, a.call), 101, "altname", "10.1.0.2.ip.bridge0", "missing")
	n.Run(t, "ip", "link", "property", "add", "dev", a.hostLink(), "altname", "10.1.0.2.ip.bridge0")
	for _, lease := range []string{"10.1.0.2", "2001:db8::2"} {
		if err := os.Remove(filepath.Join(leases.dir, "vmnet", strings.ReplaceAll(lease, ":", "_"))); err != nil {
			if err := os.Remove(filepath.Join(leases.dir, "vmnet", lease)); err != nil {
				t.Fatal(err)
			}
		}
	}
	wantFault(t, n.Check(t, a.call), 999, "delegate CHECK to host-local", "Failed to find address")
	n.Run(t, "ip", "link", "set", a.hostLink(), "down")
	wantFault(t, n.Check(t, a.call), 101, "up is off", "delegate CHECK to host-local")
}

// gcOf is GC's call with a block and the JSON of what is valid.
func gcOf(block, list string) cni.Call {
	return cni.Call{Conf: strings.TrimSuffix(strings.Replace(conf(block), "1.0.0", "1.1.0", 1), "}") + `, "cni.dev/valid-attachments": ` + list + "}"}
}

// TestIPAMGC: the plugin gets the list, after our links are gone; where the
// runtime says nothing about what is valid, it is not asked.
func TestIPAMGC(t *testing.T) {
	n := newNode(t)
	f := n.newFake(t, `[ $CNI_COMMAND = GC ] && cat >$dir/stdin && ip -br link | grep vm >$dir/seen; `+give)
	kept := n.newPod(t, "kept").add(t, "eth0", conf(fakeBlock))
	n.newPod(t, "gone").add(t, "eth0", conf(onBridge("bridge1", `{"type": "fake"}`)))
	f.verbs(t)
	for _, list := range []string{"null", valid("kept@eth0")} {
		call := gcOf(fakeBlock, list)
		n.gc(t, call)
		if list == "null" {
			expect(t, "verbs", f.verbs(t), "")
			continue
		}
		expect(t, "verbs", f.verbs(t), "GC")
		expect(t, "stdin", f.said(t, "stdin"), call.Conf)
		if seen := f.said(t, "seen"); strings.Count(seen, "\n") != 0 || !strings.HasPrefix(seen, kept.hostLink()) {
			t.Errorf("the plugin saw the links %q, want only %s", seen, kept.hostLink())
		}
	}
	wantFault(t, n.GC(t, gcOf(fakeBlock, "[5]")), 6, "valid-attachments")
	expect(t, "verbs", f.verbs(t), "")
}

// TestIPAMStatus: the plugin's word counts, with code 50.
func TestIPAMStatus(t *testing.T) {
	n := newIPAMNode(t)
	if fault := n.Status(t, statusConf(onBridge("bridge0", newPool(t).dual()))); fault != nil {
		t.Errorf("STATUS: %s", fault)
	}
	f := n.newFake(t, `echo '{"code": 7, "msg": "no daemon"}'; exit 1`)
	wantFault(t, n.Status(t, statusConf(fakeBlock)), 50, "delegate STATUS to fake", "no daemon")
	expect(t, "verbs", f.verbs(t), "STATUS")
	wantFault(t, n.Status(t, statusConf(`"switch": "br0", "ipam": {"type": "fake"}`)), 50, "br0")
	expect(t, "verbs", f.verbs(t), "")
}
