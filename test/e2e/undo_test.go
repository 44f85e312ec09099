package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// TestFailAtEachStep makes ADD fail at each of its system calls, and each of
// its netlink messages be refused on its own. What is left is what was there
// before. The bridge stands already: what it is given is the switch's.
func TestFailAtEachStep(t *testing.T) {
	for name, block := range faultyBlocks() {
		t.Run(name, func(t *testing.T) {
			n := newNodeFor(t, name)
			n.newPod(t, "first").add(t, "eth0", conf(block))
			faults := sample(cni.Faults(stepsOf(t, n, conf(block)), unix.ENOMEM))
			failed := 0
			for _, f := range faults {
				if f.Kill {
					continue // TestKillAtEachStep
				}
				if failAt(t, n, conf(block), f) {
					failed++
				}
			}
			t.Logf("%d faults, %d made ADD fail", len(faults), failed)
			if failed < len(faults)/2 {
				t.Errorf("only %d faults made ADD fail: are they injected?", failed)
			}
		})
	}
}

// faultyBlocks are what is added with faults.
func faultyBlocks() map[string]string {
	return map[string]string{
		"local":    "",
		"limits":   limits,
		"switch":   createConf,
		"host":     createConf + `, "placement": "host"`,
		"veth":     createConf + `, "device": "veth"`,
		"limited":  limited(createConf, intoGuest+", "+fromGuest),
		"rdomains": inRDomains("bridge0", "20", "10") + `, "rdomains": {"moveLocalRule": true}`,
	}
}

// newNodeFor is newNode for one of faultyBlocks.
func newNodeFor(t *testing.T, block string) *node {
	t.Helper()
	if block == "rdomains" {
		return newVRFNode(t)
	}
	return newNode(t)
}

// sample leaves faults as they are, but where tests are to be short every
// tenth: the test VM is slow.
func sample(faults []cni.Fault) []cni.Fault {
	if !testing.Short() {
		return faults
	}
	return everyTenth(faults)
}

func everyTenth(faults []cni.Fault) []cni.Fault {
	var some []cni.Fault
	for i := 0; i < len(faults); i += 10 {
		some = append(some, faults[i])
	}
	return some
}

// stepsOf returns the steps of an ADD that succeeds.
func stepsOf(t *testing.T, n *node, conf string) []cni.Step {
	t.Helper()
	p := n.newPod(t, "traced")
	traced, trace := n.Traced()
	stdout, fault := traced.Add(t, p.call("eth0", conf))
	if fault != nil {
		t.Fatalf("ADD: %s", fault)
	}
	(&attachment{t, n, p.call("eth0", conf).With(stdout), nil}).del()
	closeNS(t, p)
	return trace.Steps()
}

// failAt runs an ADD with a fault and reports whether it failed. One that
// bears the fault must have made all that CHECK demands.
func failAt(t *testing.T, n *node, conf string, f cni.Fault) bool {
	t.Helper()
	p := n.newPod(t, "p")
	defer closeNS(t, p)
	before := takeAll(t, n.NS, p.NS)
	faulty, trace := n.Faulty(f)
	call := p.call("eth0", conf)
	stdout, fault := faulty.Add(t, call)
	if !trace.Injected() {
		t.Errorf("%v: ADD did not come to it", f)
	}
	if fault == nil {
		if fault := n.Check(t, call.With(stdout)); fault != nil {
			t.Errorf("%v: ADD succeeded, CHECK says %s\n%s", f, fault, trace)
		}
		(&attachment{t, n, call, nil}).del()
		return false
	}
	if fault.Killed() || strings.Contains(fault.Msg, "\n") {
		t.Errorf("%v: %s", f, fault)
	}
	before.wantSame(t, fmt.Sprintf("%v: %s\n%s", f, fault, trace))
	return true
}

// TestKillAtEachStep kills ADD before each system call that changes
// something. DEL, as the runtime sends it then, leaves nothing, and the next
// ADD of the VM gets what it would have had.
func TestKillAtEachStep(t *testing.T) {
	for name, block := range faultyBlocks() {
		t.Run(name, func(t *testing.T) {
			n := newNodeFor(t, name)
			first := n.newPod(t, "first").add(t, "eth0", conf(block))
			for _, f := range sample(cni.Faults(stepsOf(t, n, conf(block)))) {
				if f.Kill {
					killAt(t, n, conf(block), f)
				}
			}
			if fault := n.Check(t, first.call); fault != nil {
				t.Errorf("CHECK of the other VM: %s", fault)
			}
		})
	}
}

func killAt(t *testing.T, n *node, conf string, f cni.Fault) {
	t.Helper()
	p := n.newPod(t, "p")
	defer closeNS(t, p)
	call := p.call("eth0", conf)
	call.Args = "IgnoreUnknown=1;VMNAME=killed" // IPAM plugins do not know it
	before := takeAll(t, n.NS, p.NS)
	faulty, trace := n.Faulty(f)
	if _, fault := faulty.Add(t, call); !fault.Killed() {
		t.Fatalf("%v: ADD ended with %s", f, fault)
	}
	late := call
	late.Netns = ""
	if fault := n.Del(t, late); fault != nil {
		t.Errorf("%v: DEL: %s", f, fault)
	}
	before.wantSame(t, fmt.Sprintf("%v\n%s", f, trace))
	a := n.add(t, call)
	again := a.hostLink()
	a.del()
	a = n.add(t, call)
	expect(t, "host link", a.hostLink(), again)
	a.del()
}

// TestFirstRDomainFails makes the ADD that makes VRFs fail, or kills it, at
// each change around them. A VRF that is left is whole, nothing else is, and
// the next ADD makes what is missing.
func TestFirstRDomainFails(t *testing.T) {
	block := inRDomains("bridge0", "20", "10") + `, "rdomains": {"moveLocalRule": true}`
	steps := stepsOf(t, newVRFNode(t), conf(block))
	first := slices.IndexFunc(steps, func(s cni.Step) bool { return slices.Contains(s.Messages, "RTM_NEWROUTE") })
	last := slices.IndexFunc(steps, func(s cni.Step) bool { return slices.Contains(s.Messages, "RTM_DELRULE") })
	if first < 0 || last < first {
		t.Fatalf("VRFs are made at steps %d to %d of %v", first, last, steps)
	}
	steps = slices.DeleteFunc(steps[first:last+1], func(s cni.Step) bool { return !s.Changes })
	for _, f := range cni.Faults(steps, unix.ENOMEM) {
		n := newNode(t)
		p := n.newPod(t, "p")
		faulty, trace := n.Faulty(f)
		call := p.call("eth0", conf(block))
		stdout, fault := faulty.Add(t, call)
		about := fmt.Sprintf("%v: %v\n%s", f, fault, trace)
		switch {
		case fault == nil && f.Kill, fault != nil && fault.Killed() != f.Kill:
			t.Fatal(about)
		case fault == nil: // borne, and whole
			call = call.With(stdout)
			if fault := n.Check(t, call); fault != nil {
				t.Errorf("CHECK: %s\n%s", fault, about)
			}
		}
		if fault == nil || f.Kill {
			(&attachment{t, n, call, nil}).del()
		}
		n.noVMLinks(t)
		p.onlyLoopback(t)
		for _, vrf := range []string{"rdomain10", "rdomain20"} {
			if n.Command("ip", "link", "show", "dev", vrf).Run() == nil {
				n.wantVRF(t, vrf)
			}
		}
		n.add(t, call).del()
		if t.Failed() {
			t.Fatal(about)
		}
		closeNS(t, p)
		closeNS(t, &pod{NS: n.NS})
	}
}
