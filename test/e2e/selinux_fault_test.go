package e2e

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// contextBlocks are what is added with faults.
func contextBlocks() map[string]string {
	return map[string]string{
		"pod":  contextConf(redContext),
		"host": `"placement": "host", ` + contextConf(redContext),
	}
}

// TestSELinuxCrash is TestCrashTotal for the steps around the child that makes the
// tap.
func TestSELinuxCrash(t *testing.T) {
	enforce(t)
	for name, block := range contextBlocks() {
		t.Run(name, func(t *testing.T) {
			w := newCrashWorld(t, crashScenario{block: block, node: newNodeHere})
			steps, identity := w.addSteps()
			for _, f := range cni.Faults(tapSteps(t, steps), unix.ENOMEM) {
				w.addAt(f, identity)
			}
		})
	}
}

// tapSteps are the steps of the plugin that make the tap, and those around its
// child: all would take minutes in the test VM.
func tapSteps(t *testing.T, steps []cni.Step) []cni.Step {
	t.Helper()
	first := slices.IndexFunc(steps, func(s cni.Step) bool { return s.Detail == "TUNSETIFINDEX" })
	steps = slices.DeleteFunc(steps[max(first, 0):], func(s cni.Step) bool {
		return !strings.HasPrefix(s.Detail, "TUN") && !strings.HasSuffix(s.Detail, "/attr/exec") && s.Detail != os.DevNull
	})
	if len(steps) != 6 {
		t.Fatalf("the steps for the tap are %v", steps)
	}
	return steps
}

// TestSELinuxChildFails: the child is killed, or its calls fail, at each of its
// steps. ADD fails with one line that names the context, and nothing is left.
func TestSELinuxChildFails(t *testing.T) {
	enforce(t)
	for name, block := range contextBlocks() {
		t.Run(name, func(t *testing.T) {
			n := newNodeHere(t)
			steps := childSteps(t, n, conf(block))
			for _, s := range steps {
				for _, f := range []cni.Fault{{Kill: true}, {Err: unix.ENOMEM}, {Err: unix.EACCES}} {
					f.Step, f.Child = s.N, true
					p := n.newPod(t, "p")
					before := takeAll(t, n.NS, p.NS)
					faulty, trace := n.Faulty(f)
					_, fault := faulty.Add(t, p.call("eth0", conf(block)))
					about := fmt.Sprintf("%v: %v\n%s", f, fault, trace)
					if !trace.Injected() || fault == nil || fault.Killed() {
						t.Fatal(about)
					}
					wantFault(t, fault, fault.Code, "create tap", redContext)
					before.wantSame(t, about)
					closeNS(t, p)
				}
			}
		})
	}
}

// childSteps are the steps of the child, whose last makes the tap. It has
// nothing of the plugin's but the file that it needs.
func childSteps(t *testing.T, n *node, conf string) []cni.Step {
	t.Helper()
	p := n.newPod(t, "traced")
	traced, trace := n.Faulty(cni.Fault{Child: true})
	stdout, fault := traced.Add(t, p.call("eth0", conf))
	if fault != nil {
		t.Fatalf("ADD: %s", fault)
	}
	(&attachment{t, n, p.call("eth0", conf).With(stdout), nil}).del()
	closeNS(t, p)
	files, environ := trace.Inherited()
	expect(t, "the child's files", files, []string{os.DevNull, os.DevNull, os.DevNull, "/dev/net/tun"})
	expect(t, "the child's environment", len(environ), 0)
	steps := trace.Steps()
	if len(steps) == 0 || steps[len(steps)-1].Detail != "TUNSETIFF" {
		t.Fatalf("the child's steps are %v, want TUNSETIFF last", steps)
	}
	return steps
}

// TestSELinuxChildDiesWithPlugin: the runtime kills the plugin while the child
// is about to make the tap.
func TestSELinuxChildDiesWithPlugin(t *testing.T) {
	enforce(t)
	for name, block := range contextBlocks() {
		t.Run(name, func(t *testing.T) {
			n := newNodeHere(t)
			steps := childSteps(t, n, conf(block))
			p := n.newPod(t, "p")
			before := takeAll(t, n.NS, p.NS)
			faulty, trace := n.Faulty(cni.Fault{Step: len(steps), Child: true, Orphan: true})
			call := p.call("eth0", conf(block))
			if _, fault := faulty.Add(t, call); !fault.Killed() || !trace.Injected() {
				t.Fatalf("ADD ended with %s\n%s", fault, trace)
			}
			if trace.Orphaned() {
				t.Error("the child lives on")
			}
			if fault := n.Del(t, call); fault != nil {
				t.Errorf("DEL: %s", fault)
			}
			before.wantSame(t)
		})
	}
}
