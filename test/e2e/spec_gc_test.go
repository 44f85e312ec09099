package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestSpecGCRemovesStaleResources: all of what the list does not name, in the
// pods and on the node, whether its namespace is there or not; nothing that it
// names, and nothing of another network's. It says nothing.
func TestSpecGCRemovesStaleResources(t *testing.T) {
	fulfil(t, fromStatus, `
		A plugin SHOULD remove as many stale resources as possible.
		Plugins should generally complete a `+"`GC`"+` action without error.
	`, func(t *testing.T, s spec) {
		stale, gone, kept := s.newPod(t, "stale"), s.newPod(t, "gone"), s.newPod(t, "kept")
		foreign := s.attach(t, s.newPod(t, "foreign"), "eth0", s.blockOf("othernet", createConf))
		valid0 := s.attach(t, kept, "eth0", s.switched())
		s.settled(t, foreign, valid0)
		before := takeAll(t, s.NS, kept.NS, stale.NS)
		for _, p := range []*pod{stale, gone} {
			s.attach(t, p, "eth0", s.switched())
			s.attach(t, p, "net1", s.block(""))
		}
		s.attach(t, kept, "net1", s.switched())
		closeNS(t, gone)
		call := gcConf("vmnet", valid("kept@eth0", "never@eth0", "stale@eth7"))
		for range 2 {
			out := s.run(t, call.Conf, variables("GC", call, s.Bin))
			out.success(t)
			expect(t, "stdout", out.stdout, "")
			before.wantUnchanged(t)
		}
		s.wantCheck(t, valid0)
		s.wantCheck(t, foreign)
		s.gc(t, gcConf("vmnet", "[]"))
		expect(t, "links left", s.hostLinks(t), []string{foreign.gateway(), foreign.hostLink()})
	})
}

// TestSpecGCOfNothingKnown: a runtime that says nothing about attachments, as
// CRI-O does of networks that it does not manage, has none removed.
func TestSpecGCOfNothingKnown(t *testing.T) {
	fulfil(t, fromStatus, "\n"+
		"The runtime must provide a JSON-serialized plugin configuration object (defined below) on standard in. It contains an additional key;",
		func(t *testing.T, s spec) {
			a := s.attach(t, s.newPod(t, "p"), "eth0", s.switched())
			s.settled(t, a)
			before := takeAll(t, s.NS)
			s.gc(t, gcConf("vmnet", "null"))
			s.gc(t, cni.Call{Conf: s.switched()})
			for list, code := range map[string]uint{"{}": 6, `"p@eth0"`: 6, `[{"containerID": 5, "ifname": "eth0"}]`: 6, `[{"ifname": "eth0"}]`: 7, `[{"containerID": "p"}]`: 7} {
				call := gcConf("vmnet", list)
				wantFault(t, s.run(t, call.Conf, variables("GC", call, s.Bin)).fault(t), code, "cni.dev/valid-attachments")
			}
			before.wantUnchanged(t)
			s.wantCheck(t, a)
		})
}

// TestSpecGCCarriesOn: each deletion in turn is refused by the kernel. The
// other pods' interfaces go all the same, and an error is reported if anything
// is left.
func TestSpecGCCarriesOn(t *testing.T) {
	fulfil(t, fromStatus, `
		If an error is encountered, a plugin should continue; removing as many resources as possible, and report the errors back to the runtime.
	`, func(t *testing.T, s spec) {
		const pods = 3
		fill := func() {
			for i := range pods {
				s.attach(t, s.newPod(t, fmt.Sprint("refused", i)), "eth0", s.switched())
			}
		}
		fill()
		traced, trace := s.Traced()
		if fault := traced.GC(t, gcConf("vmnet", "[]")); fault != nil {
			t.Fatalf("GC: %s", fault)
		}
		reported := 0
		for _, f := range deletions(trace.Steps()) {
			fill()
			faulty, trace := s.Faulty(f)
			fault := faulty.GC(t, gcConf("vmnet", "[]"))
			if !trace.Injected() || !slices.Contains(deletions(trace.Steps()), f) {
				// GC took other steps: another process on the machine had the lock.
				s.gc(t, gcConf("vmnet", "[]"))
				continue
			}
			// What is in a pod may go with its namespace, as the specification has it.
			names := s.hostLinks(t)
			if len(names) > 2 {
				t.Errorf("%v: of more than one interface %q are left: %s", f, names, fault)
			}
			if fault == nil && len(names) > 0 {
				t.Errorf("%v: no error, but %q are left", f, names)
			}
			if fault != nil {
				reported++
			}
			s.gc(t, gcConf("vmnet", "[]"))
			s.noVMLinks(t)
		}
		if reported == 0 {
			t.Error("no refused deletion was reported: were they refused?")
		}
	})
}

// deletions are faults that refuse one deletion of a link each.
func deletions(steps []cni.Step) []cni.Fault {
	var faults []cni.Fault
	for _, step := range steps {
		for i, message := range step.Messages {
			if strings.Contains(message, "DELLINK") && !strings.Contains(message, "PROP") {
				faults = append(faults, cni.Fault{Step: step.N, Message: i + 1})
			}
		}
	}
	return faults
}
