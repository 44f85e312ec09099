package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/netns"
)

// TestCRIExamples runs a pod with each example of conf/: one file for both
// versions of containerd. The guest, or the pod where it is none, reaches its
// gateways.
func TestCRIExamples(t *testing.T) {
	onExamples(t, func(list string) bool { return !strings.Contains(list, `"rdomain"`) })
}

// TestCRIRDomains is TestCRIExamples for those of conf/ that need VRFs.
func TestCRIRDomains(t *testing.T) {
	netns.NeedsVRF(t)
	onExamples(t, func(list string) bool { return strings.Contains(list, `"rdomain"`) })
}

func onExamples(t *testing.T, which func(list string) bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(source, "conf/*.conflist"))
	if err != nil {
		t.Fatal(err)
	}
	onContainerdWith(t, []string{"firewall", "host-local", "portmap", "ptp"}, func(t *testing.T, m *machine) {
		ran := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !which(string(text)) {
				continue
			}
			ran++
			t.Run(filepath.Base(file), func(t *testing.T) { m.runExample(t, withOwnDANs(t, string(text))) })
		}
		if ran < 2 {
			t.Errorf("%d examples", ran)
		}
	})
}

// runExample runs a pod in an example's network.
func (m *machine) runExample(t *testing.T, list string) {
	t.Helper()
	if strings.Contains(list, `"switch": "br0"`) { // whose addresses are the gateways
		ipBatch(t, m.NS.Run, "link add br0 type bridge\naddress add 10.1.0.1/24 dev br0\naddress add 2001:db8::1/64 dev br0 nodad\n")
	}
	m.configure(t, list)
	s := m.run(t, "web", nil)
	s.wantIPs(t)
	if strings.Contains(list, `"ptp"`) {
		expect(t, "result is of both plugins", len(s.Interfaces) > 3, true)
	} else {
		s.wantCheck(t)
	}
	ping := s.pinger(t, s.ns)
	for _, gateway := range gateways(s.guestConfig()) {
		wantReached(t, gateway.String(), true, ping(gateway.String(), true))
	}
	s.MustEnd(t)
	m.wantNothing(t)
}

// TestCRIGuest boots a guest in QEMU, which runs in the sandbox's namespace. It
// reaches its gateways, and the node reaches it.
func TestCRIGuest(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		s := m.run(t, "web", nil)
		console := bootLinux(t, s.ns, s.attachment)
		c := s.guestConfig()
		for _, gateway := range gateways(c) {
			wantLine(t, console, "guest: ping "+gateway.String()+": answers")
		}
		for _, ip := range s.Pod.IPs(t) {
			m.node.ping(t, ip.String())
		}
		s.MustEnd(t) // the tap goes away under QEMU
		m.wantNothing(t)
	})
}

// TestCRIRecreated: the kubelet replaces a pod's sandbox, the old one first
// stopped; the pod keeps its vmid, addresses and lladdr.
func TestCRIRecreated(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		first := m.run(t, "web", nil)
		vm, config, index := vmOf(first.attachment), first.guestConfig(), m.node.link(t, first.hostLink()).Index
		m.run(t, "other", nil)
		first.MustEnd(t)

		again := m.PodConfig("web", nil)
		again.Metadata.Attempt = 1
		second := m.sandbox(t, m.MustRunPod(t, again))
		expect(t, "vmid", vmOf(second.attachment), vm)
		expect(t, "what the guest is told", fmt.Sprint(second.guestConfig()), fmt.Sprint(config))
		second.wantIPs(t)
		if m.node.link(t, second.hostLink()).Index == index {
			t.Error("the host link is the old one")
		}
	})
}

// TestCRIHostNetwork: a pod with the node's network is none of the plugin's.
func TestCRIHostNetwork(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		before := takeAll(t, m.NS)
		p := m.MustRunPod(t, m.HostPodConfig("web"))
		before.wantSame(t)
		p.MustEnd(t)
		before.wantSame(t)
		if kept, _ := filepath.Glob(m.Path("/var/lib/cni/results/*")); len(kept) > 0 {
			t.Errorf("libcni keeps %q", kept)
		}
	})
}
