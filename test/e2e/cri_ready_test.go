package e2e

import (
	"context"
	"strings"
	"testing"
)

// TestCRIStatus: a node whose bridge is missing is not ready, where containerd
// asks; it is again when the bridge returns.
func TestCRIStatus(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", `"switch": "br0", "local": true`))
		wantReady := func(want bool) {
			t.Helper()
			err := m.NetworkReady(t)
			switch {
			case want && err != nil, !m.AsksStatus() && err != nil:
				t.Errorf("not ready: %v", err)
			case !want && m.AsksStatus() && (err == nil || !strings.Contains(err.Error(), "br0")):
				t.Errorf("%v, want an error that names br0", err)
			}
		}
		wantReady(false)
		m.Run(t, "ip", "link", "add", "br0", "type", "bridge")
		wantReady(true)
		s := m.run(t, "web", nil)
		wantReady(true)
		m.Run(t, "ip", "link", "delete", "br0")
		wantReady(false)
		s.MustEnd(t)
		m.wantNothing(t)
		m.Run(t, "ip", "link", "add", "br0", "type", "bridge")
		wantReady(true)
	})
}

// TestCRIMended: as long as the configuration is wrong pods fail, each with the
// reason and without a trace; containerd reads the mended file, and the next
// attempt works.
func TestCRIMended(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf+`, "rdomian": 10`))
		before := takeAll(t, m.NS)
		config := m.PodConfig("web", nil)
		for range 2 { // the kubelet tries again and again
			if _, err := m.RunPod(t.Context(), config); err == nil || !strings.Contains(err.Error(), `"rdomian" 10: unknown, did you mean rdomain?`) {
				t.Errorf("%v, want an error with both keys", err)
			}
			before.wantSame(t)
			config.Metadata.Attempt++
		}
		m.endAll(t) // what the kubelet does with sandboxes that never ran
		m.configure(t, listOf("vmnet", createConf))
		s := m.sandbox(t, m.MustRunPod(t, config))
		s.wantIPs(t)

		// What runs can be ended whatever became of the configuration.
		m.configure(t, listOf("vmnet", `"switch": 7, "local": "no"`))
		s.MustEnd(t)
		m.wantNothing(t)
	})
}

// endAll stops and removes all sandboxes that containerd knows, as a kubelet
// does with those that it has no pods for.
func (m *machine) endAll(t *testing.T) {
	t.Helper()
	for _, p := range m.Pods(t) {
		p.MustEnd(t)
	}
	m.WaitFor(t, "all pods to go", func(context.Context) bool { return len(m.Pods(t)) == 0 })
}
