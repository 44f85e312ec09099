package e2e

import (
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// TestCrashFound has what TestCrashTotal found, of which it tries only some in a short run.
func TestCrashFound(t *testing.T) {
	wantsNoVRF(t)
	refused := func(message string) func(cni.Step) cni.Fault {
		return func(s cni.Step) cni.Fault { return cni.Fault{Message: slices.Index(s.Messages, message) + 1} }
	}
	for _, c := range []struct {
		name, scenario string
		late           bool
		fault          func(cni.Step) cni.Fault // at this step, an empty one for none
	}{
		{"the tap stays if its group is not deleted", "local", true, refused("RTM_DELLINK")},
		{"the limiter stays if its group is not deleted", "bandwidth", true, refused("RTM_DELLINK")},
		{"the namespace counts as none if it cannot be looked at", "chained", false, func(s cni.Step) cni.Fault {
			if s.Call == "ioctl" {
				return cni.Fault{Err: unix.EMFILE}
			}
			return cni.Fault{}
		}},
		{"nftables counts as none if it does not answer", "groups", false, refused("netlink:0xa10")},
		{"claims are lost if they do not arrive at a sibling", "sibling", false, refused("RTM_NEWLINKPROP")},
	} {
		t.Run(c.name, func(t *testing.T) {
			scenarios := crashScenarios()
			i := slices.IndexFunc(scenarios, func(s crashScenario) bool { return s.name == c.scenario })
			w := newCrashWorld(t, scenarios[i])
			_, identity := w.addSteps()
			tried := 0
			for _, s := range w.delSteps(c.late) {
				f := c.fault(s)
				if f.Message != 0 || f.Err != 0 {
					f.Step = s.N
					w.delAt(f, c.late, identity)
					tried++
				}
			}
			if tried == 0 {
				t.Error("no step is one that the fault is for")
			}
			w.again(identity, c.name)
		})
	}
}
