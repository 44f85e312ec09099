package e2e

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

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
		n := newNodeHere(t)
		p := n.newPod(t, "p")
		faulty, trace := n.Faulty(f)
		call := p.call("eth0", conf(block))
		stdout, fault := faulty.Add(t, call)
		about := fmt.Sprintf("%v: %v\n%s", f, fault, trace)
		switch {
		case fault == nil && f.Kills(), fault != nil && fault.Killed() != f.Kills():
			t.Fatal(about)
		case fault == nil: // borne, and whole
			call = call.With(stdout)
			if fault := n.Check(t, call); fault != nil {
				t.Errorf("CHECK: %s\n%s", fault, about)
			}
		}
		if fault == nil || f.Kills() {
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
