package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writingPlugin is run in vmtap's place, and writes down what it is called for.
const writingPlugin = `#!/bin/sh
echo "$CNI_COMMAND${CNI_NETNS:+ with the namespace}" >>"$(dirname "$0")/calls"
exec "$(dirname "$0")/real"
`

// replacePlugin puts a script in vmtap's place, which finds it beside as "real".
func (m *machine) replacePlugin(t *testing.T, script string) {
	t.Helper()
	plugin := filepath.Join(m.BinDir, "vmtap")
	if err := errors.Join(os.Rename(plugin, filepath.Join(m.BinDir, "real")), os.WriteFile(plugin, []byte(script), 0o700)); err != nil {
		t.Fatal(err)
	}
}

// TestCRICalls: what containerd calls in a pod's life, when it starts again and
// when the kubelet asks for the node's status: never CHECK, never GC.
func TestCRICalls(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.replacePlugin(t, writingPlugin)
		m.configure(t, listOf("vmnet", createConf))
		s := m.run(t, "web", nil)
		m.Kill(t)
		m.Restart(t)
		if err := m.NetworkReady(t); err != nil {
			t.Error(err)
		}
		s.MustEnd(t)
		text, err := os.ReadFile(filepath.Join(m.BinDir, "calls"))
		if err != nil {
			t.Fatal(err)
		}
		calls := strings.Split(strings.TrimSpace(string(text)), "\n")
		expect(t, "STATUS was called", slices.Contains(calls, "STATUS"), m.AsksStatus())
		calls = slices.DeleteFunc(calls, func(c string) bool { return c == "STATUS" || c == "VERSION" })
		expect(t, "other calls", calls, []string{"ADD with the namespace", "DEL with the namespace", "DEL"})
	})
}

// TestCRIVersions: a file that says only 1.1.0 is none for a containerd that does
// not know it.
func TestCRIVersions(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		list := strings.Replace(listOf("vmnet", createConf), `"cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"]`, `"cniVersion": "1.1.0"`, 1)
		m.configure(t, list)
		p, err := m.RunPod(t.Context(), m.PodConfig("web", nil))
		if m.SpecVersion() == "1.1.0" {
			if err != nil {
				t.Fatal(err)
			}
			p.MustEnd(t)
		} else if err == nil || !strings.Contains(err.Error(), "1.1.0") {
			t.Errorf("%v, want an error that names the version", err)
		}
		m.wantNothing(t)
	})
}
