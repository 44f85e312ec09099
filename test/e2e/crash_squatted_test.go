package e2e

import (
	"slices"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestCrashSquatted: somebody takes a name between ADD's look-up and its create, so that one message of a send fails
// while the others do what they should. ADD takes another vmid or fails, and leaves nothing on a link that is not its own.
func TestCrashSquatted(t *testing.T) {
	scenarios := slices.DeleteFunc(crashScenarios(), func(s crashScenario) bool { return s.name != "switch" && s.name != "host" })
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			w := newCrashWorld(t, s)
			steps, identity := w.addSteps()
			create := slices.IndexFunc(steps, func(s cni.Step) bool {
				return slices.Contains(s.Messages, "RTM_NEWLINK") || s.Detail == "TUNSETIFF"
			})
			a, _ := w.add("p")
			names := append([]string{a.hostLink(), a.gateway()}, w.n.link(t, a.hostLink()).AltNames...)
			a.del()
			for i, name := range names {
				if testing.Short() && i%4 != 0 {
					continue
				}
				w.squatted(steps[create].N, name)
				w.again(identity, name+" was squatted")
			}
		})
	}
}

// squatted gives a name, of a link or an altname, to somebody else's link while ADD is at a step.
func (w *crashWorld) squatted(step int, name string) {
	w.Helper()
	release := make(chan struct{})
	held, trace := w.n.Faulty(cni.Fault{Step: step, Hold: release})
	type end struct {
		stdout []byte
		fault  *cni.Error
		err    error
	}
	ended := make(chan end, 1)
	go func() {
		stdout, fault, err := held.Invoke(cni.ADD, w.call)
		ended <- end{stdout, fault, err}
	}()
	waitFor(w.T, "ADD to come to the step", trace.Injected)
	w.n.Run(w.T, "ip", "link", "add", "squatter", "type", "bridge")
	w.n.Run(w.T, "ip", "link", "property", "add", "dev", "squatter", "altname", name)
	close(release)
	e := <-ended
	about := "ADD with " + name + " squatted: " + e.fault.String() + "\n" + trace.String()
	switch {
	case e.err != nil:
		w.Fatalf("%v, after %s", e.err, about)
	case e.fault == nil:
		if fault := w.n.Check(w.T, w.call.With(e.stdout)); fault != nil {
			w.Errorf("CHECK: %s, after %s", fault, about)
		}
	case e.fault.Killed():
		w.Error(about)
	}
	w.del(w.call, about)
	if got := w.n.link(w.T, "squatter").AltNames; len(got) != 1 || got[0] != name {
		w.Errorf("the squatter's names are %v, after %s", got, about)
	}
	w.n.Run(w.T, "ip", "link", "del", "squatter")
	w.wantSame(about)
}
