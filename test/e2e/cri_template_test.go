package e2e

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/vmtap/vmtap/test/cri"
)

// TestCRITemplate: containerd writes the network's configuration from
// conf/60-node.conflist.template when it is told the node's PodCIDRs, and pods
// have addresses of them. What it is told later changes nothing until the file
// is removed.
func TestCRITemplate(t *testing.T) {
	template, err := filepath.Abs(filepath.Join(source, "conf/60-node.conflist.template"))
	if err != nil {
		t.Fatal(err)
	}
	for _, release := range cri.Releases(t, source) {
		ok := t.Run(release.String(), func(t *testing.T) {
			m := newMachine(t, release)
			m.Start(t, template)
			if m.NetworkReady(t) == nil {
				t.Fatal("the network is ready before there is a configuration")
			}
			m.tell(t, podNets[0].prefix+","+podNets[0].prefix6) // as a kubelet says it
			m.waitForNetwork(t, true)
			m.wantPodOf(t, "web", podNets[0].prefix, podNets[0].prefix6)

			m.tell(t, podNets[1].prefix)
			m.wantPodOf(t, "db", podNets[0].prefix, podNets[0].prefix6)

			if err := os.Remove(filepath.Join(m.ConfDir, "10-containerd-net.conflist")); err != nil {
				t.Fatal(err)
			}
			m.waitForNetwork(t, false)
			m.tell(t, podNets[1].prefix)
			m.waitForNetwork(t, true)
			m.wantPodOf(t, "app", podNets[1].prefix)
		})
		runtimes.add(t.Name(), release.String(), ok)
	}
}

// tell tells containerd the node's PodCIDRs.
func (m *machine) tell(t *testing.T, podCIDRs string) {
	t.Helper()
	if _, err := m.Runtime().UpdateRuntimeConfig(t.Context(), &runtime.UpdateRuntimeConfigRequest{
		RuntimeConfig: &runtime.RuntimeConfig{NetworkConfig: &runtime.NetworkConfig{PodCidr: podCIDRs}},
	}); err != nil {
		t.Fatalf("tell %s %s: %v", m, podCIDRs, err)
	}
}

// waitForNetwork waits until containerd has seen what became of the
// configuration.
func (m *machine) waitForNetwork(t *testing.T, ready bool) {
	t.Helper()
	m.WaitFor(t, "the network", func(context.Context) bool { return (m.NetworkReady(t) == nil) == ready })
}

// wantPodOf runs a pod, and demands an address of each of these prefixes, in this
// order, and no other.
func (m *machine) wantPodOf(t *testing.T, name string, prefixes ...string) {
	t.Helper()
	s := m.run(t, name, nil)
	defer s.MustEnd(t)
	ips := s.Pod.IPs(t)
	expect(t, "number of addresses", len(ips), len(prefixes))
	for i, ip := range ips {
		if i < len(prefixes) && !netip.MustParsePrefix(prefixes[i]).Contains(ip) {
			t.Errorf("%s has %s, want one of %s", name, ip, prefixes[i])
		}
	}
}
