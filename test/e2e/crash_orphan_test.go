package e2e

import (
	"fmt"
	"slices"
	"testing"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
)

// orphanScenarios are one for each placement, and one with another plugin's process, of which two are tried where tests
// are to be short.
func orphanScenarios() []crashScenario {
	names := []string{"switch", "ipam", "host", "veth", "chained", "groups"}
	if testing.Short() {
		names = names[:2]
	}
	return slices.DeleteFunc(crashScenarios(), func(s crashScenario) bool { return !slices.Contains(names, s.name) })
}

// TestCrashParent: the runtime is killed at once after it started ADD or DEL, which go on. What they leave is whole, and
// DEL deletes it.
func TestCrashParent(t *testing.T) {
	// A shell's background process has no stdin but what it is given.
	const dies = `exec 3<&0; "$0" <&3 & kill -KILL $$`
	for _, s := range orphanScenarios() {
		t.Run(s.name, func(t *testing.T) {
			w := newCrashWorld(t, s)
			a, identity := w.add("p")
			a.del()
			orphaned := w.n.Wrap("sh", "-c", dies)
			// It ends when nobody holds its output open any more.
			if _, fault, err := orphaned.Invoke(cni.ADD, w.call); err != nil || !fault.Killed() {
				t.Fatalf("the parent of ADD: %s, %v", fault, err)
			}
			if _, fault := w.n.Add(t, w.call); fault == nil || fault.Code != 100 {
				t.Errorf("ADD after an orphaned one: %s, want that it exists", fault)
			}
			w.del(w.late(w.call), "an orphaned ADD")
			w.wantSame("an orphaned ADD")
			a, _ = w.add("p")
			if _, fault, err := orphaned.Invoke(cni.DEL, a.call); err != nil || !fault.Killed() {
				t.Fatalf("the parent of DEL: %s, %v", fault, err)
			}
			w.wantSame("an orphaned DEL")
			w.again(identity, "an orphaned DEL")
		})
	}
}

// TestCrashDelMeetsAdd: a DEL that comes while the ADD of a runtime that gave up still works, at each of its steps, is
// either before or after all of it. Nobody reads the ADD's result, or it comes too late.
func TestCrashDelMeetsAdd(t *testing.T) {
	for _, s := range orphanScenarios() {
		t.Run(s.name, func(t *testing.T) {
			w := newCrashWorld(t, s)
			steps, identity := w.addSteps()
			locked := slices.IndexFunc(steps, func(s cni.Step) bool { return s.Call == "fcntl" }) + 1
			waited := 0
			for n := locked + 1; n <= len(steps); n += crashEvery(t, 11, 23) {
				if w.delMeetsAdd(n) {
					waited++
				}
				w.wantSame(fmt.Sprintf("a DEL while ADD was at step %d", n))
				if t.Failed() {
					return
				}
			}
			w.again(identity, "DELs that met an ADD")
			if waited == 0 {
				t.Error("no DEL waited")
			}
		})
	}
}

// delMeetsAdd holds an ADD at a step, sends DEL, and lets the ADD go on. It reports whether DEL waited for it.
func (w *crashWorld) delMeetsAdd(step int) (waited bool) {
	w.Helper()
	release := make(chan struct{})
	held, trace := w.n.Faulty(cni.Fault{Step: step, Hold: release})
	add := (&node{w.n.NS, held}).beside(cni.ADD, w.call)
	waitFor(w.T, "ADD to come to the step", trace.Injected)
	del := w.n.beside(cni.DEL, w.call)
	var fault *cni.Error
	ended := false
	waitFor(w.T, "DEL to wait or end", func() bool {
		select {
		case fault = <-del:
			ended = true
		default:
			waited = isAwaited(w.T, vmid.LockOffset(w.call.ContainerID, w.call.IfName))
		}
		return ended || waited
	})
	close(release)
	if fault := <-add; fault != nil {
		w.Errorf("ADD held at step %d: %s", step, fault)
	}
	if !ended {
		fault = <-del
	}
	if fault != nil {
		w.Errorf("DEL while ADD was at step %d: %s", step, fault)
	}
	return waited
}
