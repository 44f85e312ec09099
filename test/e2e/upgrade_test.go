//go:build upgrade

package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestUpgrade: what the plugin of an earlier version made, VMTAP_OLD_BIN, this one compares, adds to, takes away and
// collects, and the VM runs on; the earlier one takes away what this one made.
func TestUpgrade(t *testing.T) {
	if os.Getenv("VMTAP_OLD_BIN") == "" {
		t.Fatal("VMTAP_OLD_BIN does not say where the earlier version's plugin is: make e2e-upgrade FROM=v0.1.0")
	}
	for _, s := range crashScenarios() {
		if s.ofOtherKernels() {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Run("up", func(t *testing.T) { upgrade(t, s) })
			t.Run("down", func(t *testing.T) { downgrade(t, s) })
		})
	}
}

// newVersions is a node with a pod, and what sets the version of its plugin. What the earlier version has no key for it
// refuses, and is skipped.
func newVersions(t *testing.T, s crashScenario) (w *crashWorld, version func(bin string)) {
	t.Helper()
	w = newCrashWorld(t, s)
	old := *w.n.Plugin
	old.Bin = os.Getenv("VMTAP_OLD_BIN")
	if stdout, fault := old.Add(t, w.call); fault == nil {
		w.del(w.call.With(stdout), "a first ADD")
	} else if fault.Code == 2 {
		w.close()
		t.Skipf("the earlier version refuses: %s", fault)
	}
	return w, func(bin string) {
		plugin := *w.n.Plugin
		plugin.Bin = bin
		w.n.Plugin = &plugin
	}
}

func upgrade(t *testing.T, s crashScenario) {
	w, version := newVersions(t, s)
	defer w.close()
	this := w.n.Bin
	version(os.Getenv("VMTAP_OLD_BIN"))
	a, _ := w.add("p")
	runs := func() {}
	if local := s.leased == "" && !s.chained; local && a.isVM() && !strings.Contains(s.block, `"up": false`) {
		g := a.boot(w.p)
		defer g.Close()
		runs = func() {
			t.Helper()
			for _, ip := range a.IPs {
				w.n.ping(t, ip.Address.IP.String())
			}
		}
	}
	runs()

	version(this)
	runs()
	if fault := w.n.Check(t, a.call); fault != nil {
		t.Errorf("CHECK: %s", fault)
	}
	if s.chained {
		w.del(a.call, "the upgrade")
		w.wantSame("the upgrade")
		return
	}
	call := w.call
	call.ContainerID, call.IfName = "p", "eth1"
	second := w.n.add(t, call)
	vm, _, _ := strings.Cut(a.hostLink(), "-")
	expect(t, "the second interface", second.hostLink(), vm+"-if1")
	runs()
	w.del(second.call, "the upgrade")
	runs()
	if s.leased == "" && !s.kata { // whose configuration GC needs
		w.n.gc(t, gcConf("vmnet", valid("first@eth0")))
		w.wantSame("GC after the upgrade")
	}
	w.del(a.call, "the upgrade")
	w.wantSame("the upgrade")
}

func downgrade(t *testing.T, s crashScenario) {
	w, version := newVersions(t, s)
	defer w.close()
	a, _ := w.add("p")
	version(os.Getenv("VMTAP_OLD_BIN"))
	w.del(a.call, "the downgrade")
	w.wantSame("the downgrade")
}
