package e2e

import (
	"slices"
	"testing"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
)

// TestCrashBlocked kills ADD and DEL while they wait for a lock that somebody else holds: nothing else that they do
// waits for others. The locks are the attachment's, the VM's and that of claims.
func TestCrashBlocked(t *testing.T) {
	wantsNoVRF(t)
	for _, s := range orphanScenarios() {
		t.Run(s.name, func(t *testing.T) {
			w := newCrashWorld(t, s)
			steps, identity := w.addSteps()
			offsets := []int64{vmid.LockOffset(w.call.ContainerID, w.call.IfName), vmid.LockOffset(w.call.ContainerID, ""), 0}
			if s.chained {
				offsets = offsets[:1] // it claims nothing
			}
			for i, offset := range offsets {
				blocked := blockedAt(t, steps, i)
				release := holdLock(t, offset)
				faulty, trace := w.n.Faulty(blocked)
				_, fault := faulty.Add(t, w.call)
				release()
				if !fault.Killed() || !trace.Injected() {
					t.Errorf("ADD, %v: %s\n%s", blocked, fault, trace)
				}
				w.del(w.late(w.call), "ADD, "+blocked.String())
				w.wantSame("ADD, " + blocked.String())

				a, _ := w.add("p")
				blocked = blockedAt(t, w.delStepsOf(a), i)
				a, _ = w.add("p")
				release = holdLock(t, offset)
				faulty, trace = w.n.Faulty(blocked)
				fault = faulty.Del(t, a.call)
				release()
				if !fault.Killed() || !trace.Injected() {
					t.Errorf("DEL, %v: %s\n%s", blocked, fault, trace)
				}
				w.del(w.late(a.call), "DEL, "+blocked.String())
				w.wantSame("DEL, " + blocked.String())
				w.again(identity, "DEL, "+blocked.String())
			}
		})
	}
}

// delStepsOf are the calls of a DEL.
func (w *crashWorld) delStepsOf(a *attachment) []cni.Step {
	w.Helper()
	traced, trace := w.n.Traced()
	if fault := traced.Del(w.T, a.call); fault != nil {
		w.Fatalf("DEL: %s", fault)
	}
	return trace.Steps()
}

// blockedAt is at the call by which the n-th lock, from 0, is waited for: the one after that which finds it taken.
func blockedAt(t *testing.T, steps []cni.Step, n int) cni.Fault {
	t.Helper()
	for i, s := range steps {
		if s.Call != "fcntl" {
			continue
		}
		if n == 0 {
			return cni.Fault{Step: i + 2, Blocked: true}
		}
		n--
	}
	t.Fatalf("%d locks too few in %v", n+1, slices.Clip(steps))
	return cni.Fault{}
}
