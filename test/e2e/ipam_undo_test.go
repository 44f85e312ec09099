package e2e

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// TestIPAMFailAtEachStep: wherever an ADD with a lease fails or is killed, the
// lease is given back with all else: by ADD itself, or by DEL.
func TestIPAMFailAtEachStep(t *testing.T) {
	n, leases := newIPAMNode(t), newPool(t)
	block := conf(onBridge("bridge0", leases.dual()))
	n.newPod(t, "first").add(t, "eth0", block)
	held := leases.leases(t, "vmnet")
	steps := stepsOf(t, n, block)
	asked := askedAt(t, steps)
	if last := steps[len(steps)-1]; asked < len(steps)/2 || last.Call != "write" {
		t.Errorf("the lease is asked for at step %d of %d, the last is %s", asked+1, len(steps), last)
	}
	// TestFailAtEachStep has all faults before, without a lease.
	faults := append(everyTenth(cni.Faults(steps[:asked], unix.ENOMEM)), faultsAfterLease(t, steps, unix.ENOMEM)...)
	failed := 0
	for _, f := range faults {
		if f.Kill {
			killAt(t, n, block, f)
		} else if failAt(t, n, block, f) {
			failed++
		}
		expect(t, "leases after "+f.String(), leases.leases(t, "vmnet"), held)
	}
	if failed == 0 {
		t.Error("no fault made ADD fail: are they injected?")
	}
}

// askedAt is the step that asks for a lease: the pipe with the configuration is
// filled.
func askedAt(t *testing.T, steps []cni.Step) int {
	t.Helper()
	i := slices.IndexFunc(steps, func(s cni.Step) bool { return s.Call == "write" && strings.HasPrefix(s.Detail, "pipe:") })
	if i < 0 {
		t.Fatalf("no step asks for a lease: %v", steps)
	}
	return i
}

// faultsAfterLease are those from the step on that asks for a lease.
func faultsAfterLease(t *testing.T, steps []cni.Step, errs ...unix.Errno) []cni.Fault {
	t.Helper()
	return cni.Faults(steps[askedAt(t, steps):], errs...)
}
