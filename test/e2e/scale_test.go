package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/test/cni"
)

// addMany adds VMs with an interface each, each in a pod of its own, several at a
// time, and returns the calls with their results.
func (n *node) addMany(t *testing.T, vms int, conf string) []cni.Call {
	t.Helper()
	calls, failed := make([]cni.Call, vms), make([]string, vms)
	for i := range calls {
		calls[i] = n.newPod(t, fmt.Sprint("many", i)).call("eth0", conf)
	}
	next := make(chan int)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range next {
				stdout, fault, err := n.Invoke(cni.ADD, calls[i])
				if fault != nil || err != nil {
					failed[i] = fmt.Sprint(fault, err)
				}
				calls[i] = calls[i].With(stdout)
			}
		})
	}
	for i := range calls {
		next <- i
	}
	close(next)
	all.Wait()
	for i, what := range failed {
		if what != "" {
			t.Fatalf("ADD %d of %d: %s", i+1, vms, what)
		}
	}
	return calls
}

// wantWhole demands that CHECK passes for some of these attachments.
func (n *node) wantWhole(t *testing.T, calls []cni.Call) {
	t.Helper()
	for i := 0; i < len(calls); i += max(1, len(calls)/10) {
		if fault := n.Check(t, calls[i]); fault != nil {
			t.Errorf("CHECK of %d: %s", i+1, fault)
		}
	}
}

// wantAllGone demands that a GC of all leaves no link of a VM.
func (n *node) wantAllGone(t *testing.T) {
	t.Helper()
	n.gc(t, gcConf("vmnet", "[]"))
	n.noVMLinks(t)
}

// ports is how many ports a bridge has.
const ports = 1023

// TestScaleOfSwitch: local VMs on one switch until its ports are used up. STATUS
// says so, and ADD, whatever came between; one DEL makes room for one ADD. Where
// tests are to be quick the most of the ports are others'.
func TestScaleOfSwitch(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	config := conf(`"switch": "br0", "local": true, "mtu": 1500`)
	status := func() *cni.Error {
		p := n.Wrap("unshare", "--mount", "sh", "-c", `mount -t sysfs sysfs /sys && exec "$0"`)
		return p.Status(t, statusConf(`"switch": "br0", "local": true`))
	}
	vms := ports
	if !soaks() {
		vms = 20
	}
	var batch strings.Builder
	fmt.Fprintln(&batch, "link add br0 up type bridge")
	for i := range ports - vms {
		fmt.Fprintf(&batch, "link add a%d master br0 type veth peer name b%d\n", i, i)
	}
	n.RunInput(t, batch.String(), "ip", "-batch", "-")
	calls := n.addMany(t, vms-1, config)
	if fault := status(); fault != nil {
		t.Errorf("STATUS with one port free: %s", fault)
	}
	last := n.newPod(t, "last").add(t, "eth0", config)
	n.wantWhole(t, calls)

	wantFault(t, status(), 50, "br0", "1023 ports")
	p := n.newPod(t, "more")
	before := takeAll(t, p.NS)
	linksBefore := n.hostLinks(t)
	for range 2 {
		_, fault := n.Add(t, p.call("eth0", config))
		wantFault(t, fault, 11, "br0", "1023 ports")
	}
	before.wantSame(t)
	expect(t, "links of VMs after the refusal", n.hostLinks(t), linksBefore)

	if fault := n.Del(t, calls[vms/2]); fault != nil {
		t.Fatal(fault)
	}
	if fault := status(); fault != nil {
		t.Errorf("STATUS after a DEL: %s", fault)
	}
	p.add(t, "eth0", config)
	wantFault(t, status(), 50, "br0", "1023 ports")
	last.del()
	n.wantAllGone(t)
}

// TestScaleOfNode: 5,000 local interfaces without a switch. The last ADD and its CHECK
// pass, and take the same calls of the system and the same messages as the first.
func TestScaleOfNode(t *testing.T) {
	wantsNoVRF(t)
	vms := 5000
	if !soaks() {
		vms = 40
	}
	n := newNode(t)
	traced, trace := n.Traced()
	shapeOf := func(id string) (add, check, del string) {
		call := n.newPod(t, id).call("eth0", localConf)
		call.Args = "VMID=16000;VMNAME=" + id
		stdout, counts := n.counted(t, cni.ADD, call)
		for _, verb := range []string{cni.CHECK, cni.DEL} {
			_, more := n.counted(t, verb, call.With(stdout))
			counts += ", " + verb + ": " + more
		}
		defer func() { add += "\n" + counts }()
		stdout, fault := traced.Add(t, call)
		if fault != nil {
			t.Fatalf("ADD: %s", fault)
		}
		add = shape(trace)
		if fault := traced.Check(t, call.With(stdout)); fault != nil {
			t.Fatalf("CHECK: %s", fault)
		}
		check = shape(trace)
		if fault := traced.Del(t, call.With(stdout)); fault != nil {
			t.Fatalf("DEL: %s", fault)
		}
		return add, check, shape(trace)
	}
	n.newPod(t, "first").add(t, "eth0", localConf)
	add, check, del := shapeOf("early")
	calls := n.addMany(t, vms-1, localConf)
	n.wantWhole(t, calls)
	lateADD, lateCHECK, lateDEL := shapeOf("late")
	expect(t, "ADD's calls", lateADD, add)
	expect(t, "CHECK's calls", lateCHECK, check)
	expect(t, "DEL's calls", lateDEL, del)
	if got := len(n.hostLinks(t)); got != vms {
		t.Errorf("%d links of VMs, want %d", got, vms)
	}
	n.wantAllGone(t)
}

// TestScaleOfVM: a VM has 127 local interfaces, numbers 0 to 126. One more is
// refused, and one that goes makes room for one, which gets its number.
func TestScaleOfVM(t *testing.T) {
	wantsNoVRF(t)
	most, local := plan.MaxIdx+1, ""
	if !soaks() {
		most, local = 7, `"local": {"bits": 4}` // 2^(bits-1) - 1
	}
	n := newNode(t)
	p := n.newPod(t, "p")
	var all []*attachment
	for i := range most {
		a := p.add(t, fmt.Sprint("net", i), conf(local))
		expect(t, "host link", strings.HasSuffix(a.hostLink(), fmt.Sprint("-if", i)), true)
		all = append(all, a)
	}
	before := takeAll(t, n.NS, p.NS)
	for range 2 {
		_, fault := n.Add(t, p.call("more", conf(local)))
		wantFault(t, fault, 11, "VM "+strings.TrimPrefix(vmOf(all[0]), "vm"), fmt.Sprintf("0-%d", most-1))
	}
	before.wantSame(t)
	freed := all[most/2].hostLink()
	all[most/2].del()
	expect(t, "host link of the one that got room", p.add(t, "more", conf(local)).hostLink(), freed)
	if fault := n.Check(t, all[0].call); fault != nil {
		t.Errorf("CHECK of the first: %s", fault)
	}
	n.wantAllGone(t)
	p.onlyLoopback(t)
}

// TestScaleOfRange: vmids to the last one. The next ADD is refused, and a DEL
// makes room for one.
func TestScaleOfRange(t *testing.T) {
	for _, c := range []struct {
		name, block, words string
		vms                int
	}{
		{"a node's /24 with 2 bits", `"local": {"prefix": "10.9.0.0/24", "bits": 2}`, "1-63", 63},
		{"a node's /24 with 4 bits", `"local": {"prefix": "10.9.0.0/24", "bits": 4}`, "1-15", 15},
		{"a range", `"vmid": {"range": "16379-16383"}`, "16379-16383", 5},
	} {
		if c.vms > 5 && testing.Short() {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			calls := n.addMany(t, c.vms, conf(c.block))
			n.wantWhole(t, calls)
			p := n.newPod(t, "more")
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, p.call("eth0", conf(c.block)))
			wantFault(t, fault, 11, "all of "+c.words+" are taken", "vmid.range")
			before.wantSame(t)
			freed := cni.ParseResult(t, calls[c.vms/2].PrevResult).Interfaces[0].Name
			if fault := n.Del(t, calls[c.vms/2]); fault != nil {
				t.Fatal(fault)
			}
			expect(t, "host link of the one that got room", p.add(t, "eth0", conf(c.block)).hostLink(), freed)
			n.wantAllGone(t)
		})
	}
}
