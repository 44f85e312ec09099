//go:build kubelet

package e2e

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cri"
)

// A kubelet is long to build and takes its time. Hence the build tag: make
// e2e-kubelet runs these tests.

// wantProbed demands that the VM's guest is asked whether it is ready, and not
// only believed to be, as after the kubelet's restart.
func (n *kubeletNode) wantProbed(t *testing.T) {
	t.Helper()
	n.signal(t, "STOP")
	n.told(t, "web", "not ready", func(p *cri.KubeletPod) bool { return !p.Ready() })
	n.signal(t, "CONT")
	expect(t, "restarts", n.ready(t, "web").Status.ContainerStatuses[0].RestartCount, 0)
}

// TestKubelet: a kubelet runs a VM as a pod. Its probes reach the guest.
func TestKubelet(t *testing.T) {
	onKubelet(t, "", cri.NodeAddresses{IPs: nodeIPs}, func(t *testing.T, n *kubeletNode) {
		list, k := n.configureVMs(t), n.kubelet

		k.WritePod(t, "silent", silent(t))
		k.WritePod(t, "web", podFile(t))
		told, s := n.ready(t, "web"), n.running(t, "web")
		identity, c := s.identity(), s.guestConfig()
		expect(t, "status.podIPs", told.IPs(), []string{c.Addr4.Addr().String(), c.Addr6.Addr().String()})
		expect(t, "status.podIP", told.Status.PodIP, told.IPs()[0])
		(&vmPod{sandbox: s, m: n.machine}).wantAnswers(t)
		s.wantCheck(t)

		n.wantProbed(t)
		if n.told(t, "silent", "running", (*cri.KubeletPod).Running).Ready() {
			t.Error("a pod is ready whose guest does not answer")
		}
		n.restartKubelet(t)
		n.wantProbed(t)

		k.RemovePod(t, "web")
		until(t, "nothing to be left", func() (bool, any) {
			left := n.left(t)
			return len(left) == 0, left
		})
		n.wantNothing(t)

		// Probes reach a guest that may open nothing on the node.
		closed := strings.Replace(list, `"local": true`, `"local": true, "hostAccess": "icmp"`, 1)
		if closed == list {
			t.Fatalf("not local: %s", list)
		}
		n.configure(t, closed)
		k.WritePod(t, "web", podFile(t, "livenessProbe:", "livenessProbe:\n        periodSeconds: 1"))
		n.ready(t, "web")
		s = n.running(t, "web")
		expect(t, "the VM after its return", s.identity(), identity)
		n.signal(t, "STOP")
		n.told(t, "web", "restarted and ready", func(p *cri.KubeletPod) bool {
			return p.Ready() && p.Status.ContainerStatuses[0].RestartCount == 1
		})
		again := n.running(t, "web")
		expect(t, "sandbox after the guest's restart", again.Pod.ID, s.Pod.ID)
		expect(t, "the VM after the guest's restart", again.identity(), identity)
		again.wantCheck(t)
	})
}

// restartKubelet restarts the kubelet: the VM goes on, and a pod whose file was
// removed meanwhile goes.
func (n *kubeletNode) restartKubelet(t *testing.T) {
	t.Helper()
	before, s := n.ready(t, "web"), n.running(t, "web")
	n.kubelet.Stop(t)
	n.kubelet.RemovePod(t, "silent")
	n.kubelet.Start(t)
	after := n.ready(t, "web")
	until(t, "the pod silent to go", func() (bool, any) {
		namespaces := n.Netnses(t)
		return len(namespaces) == 1, namespaces
	})
	expect(t, "containers after the kubelet's restart", after.Status.ContainerStatuses, before.Status.ContainerStatuses)
	again := n.running(t, "web")
	expect(t, "sandbox after the kubelet's restart", again.Pod.ID, s.Pod.ID)
	expect(t, "the VM after the kubelet's restart", again.identity(), s.identity())
	again.wantCheck(t)
}

// TestKubeletIPv6First: on a node that is known by an IPv6 address, a pod is known
// by one, and probed there.
func TestKubeletIPv6First(t *testing.T) {
	onKubelet(t, "", cri.NodeAddresses{IPs: "2001:db8::1,192.0.2.1"}, func(t *testing.T, n *kubeletNode) {
		n.configureVMs(t)
		n.kubelet.WritePod(t, "web", podFile(t))
		told, c := n.ready(t, "web"), n.running(t, "web").guestConfig()
		expect(t, "status.podIPs", told.IPs(), []string{c.Addr6.Addr().String(), c.Addr4.Addr().String()})
		expect(t, "status.podIP", told.Status.PodIP, told.IPs()[0])
		n.wantProbed(t)
	})
}

// TestKubeletPodCIDRs: containerd makes the network's configuration of what the
// kubelet tells it at its start.
func TestKubeletPodCIDRs(t *testing.T) {
	template, err := filepath.Abs(filepath.Join(source, "conf/60-node.conflist.template"))
	if err != nil {
		t.Fatal(err)
	}
	net := podNets[0]
	onKubelet(t, template, cri.NodeAddresses{IPs: nodeIPs, PodCIDRs: net.prefix + "," + net.prefix6}, func(t *testing.T, n *kubeletNode) {
		n.kubelet.WritePod(t, "silent", silent(t))
		before := n.told(t, "silent", "running", (*cri.KubeletPod).Running)
		for i, prefix := range []string{net.prefix, net.prefix6} {
			if ip := netip.MustParseAddr(before.IPs()[i]); !netip.MustParsePrefix(prefix).Contains(ip) {
				t.Errorf("the pod has the address %s, not of %s", ip, prefix)
			}
		}

		if err := os.Remove(filepath.Join(n.ConfDir, "10-containerd-net.conflist")); err != nil {
			t.Fatal(err)
		}
		n.waitForNetwork(t, false)
		n.kubelet.Stop(t)
		n.kubelet.Start(t)
		n.waitForNetwork(t, true)
		after := n.told(t, "silent", "running", (*cri.KubeletPod).Running)
		expect(t, "container after the kubelet's restart", after.Status.ContainerStatuses[0].ContainerID, before.Status.ContainerStatuses[0].ContainerID)
		expect(t, "addresses after the kubelet's restart", after.IPs(), before.IPs())
	})
}
