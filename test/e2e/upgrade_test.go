//go:build upgrade

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
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
			t.Run("up, DEL", func(t *testing.T) { upgrade(t, s, false) })
			if !s.chained && s.leased == "" { // where GC has nothing to do, nor has host-local's
				t.Run("up, GC", func(t *testing.T) { upgrade(t, s, true) })
			}
			t.Run("down", func(t *testing.T) { downgrade(t, s) })
		})
	}
}

// newVersions is a node with a pod, and what sets the version of its plugin. What the earlier version has no key for is
// skipped.
func newVersions(t *testing.T, s crashScenario) (w *crashWorld, version func(bin string)) {
	t.Helper()
	w = newCrashWorld(t, s)
	version = func(bin string) {
		plugin := *w.n.Plugin
		plugin.Bin = bin
		w.n.Plugin = &plugin
	}
	this := w.n.Bin
	version(os.Getenv("VMTAP_OLD_BIN"))
	defer version(this)
	// STATUS reads the configuration as ADD does, and changes nothing.
	const unsupportedField = 2
	switch fault := w.n.Status(t, cni.Call{Conf: w.latest()}); {
	case fault != nil && fault.Code == unsupportedField:
		w.close()
		t.Skipf("the earlier version refuses: %s", fault)
	case fault != nil:
		t.Fatalf("the earlier version's STATUS: %s", fault)
	}
	return w, version
}

// latest is the configuration for a call that only the latest version of the specification has.
func (w *crashWorld) latest() string { return strings.Replace(w.call.Conf, "1.0.0", "1.1.0", 1) }

func upgrade(t *testing.T, s crashScenario, collects bool) {
	t.Helper()
	w, version := newVersions(t, s)
	defer w.close()
	this := w.n.Bin
	version(os.Getenv("VMTAP_OLD_BIN"))
	a, _ := w.add("p")
	runs := func() {}
	// From the host a guest is reached by its local interface.
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
	if !s.chained {
		call := w.call
		call.ContainerID, call.IfName = "p", "eth1"
		second := w.n.add(t, call)
		vm, _, _ := strings.Cut(a.hostLink(), "-")
		expect(t, "the second interface", second.hostLink(), vm+"-if1")
		runs()
		w.del(second.call, "the upgrade")
		runs()
	}
	if collects {
		w.n.gc(t, cni.Call{Conf: extended(w.latest(), `"cni.dev/valid-attachments": `+valid("first@eth0"))})
		w.wantSame("GC after the upgrade")
		return
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
