package e2e

import (
	"path/filepath"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/cri-o/ocicni/pkg/ocicni"
)

// crio starts CRI-O's side. State that it keeps lies in a directory, so that a
// second call is its restart.
func (h *host) crio(t *testing.T) ocicni.CNIPlugin {
	t.Helper()
	c, err := ocicni.InitCNINoInotify("", h.confDir, filepath.Join(h.confDir, "cache"), h.binDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Shutdown() })
	return c
}

// crioPod is a pod as CRI-O describes it.
func crioPod(p *pod, network string, annotations map[string]string) ocicni.PodNetwork {
	return ocicni.PodNetwork{
		Name: "web-" + p.id, Namespace: "default", ID: p.id, UID: "u-" + p.id, NetNS: p.Path(),
		RuntimeConfig: map[string]ocicni.RuntimeConfig{network: {
			PortMappings:   []ocicni.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}},
			CgroupPath:     "/kubepods.slice",
			PodAnnotations: &annotations,
		}},
	}
}

// setUp adds a pod as CRI-O does: it checks it at once, and takes each address
// of what it then has.
func setUp(t *testing.T, c ocicni.CNIPlugin, p ocicni.PodNetwork) []string {
	t.Helper()
	if _, err := c.SetUpPod(p); err != nil {
		t.Fatalf("set up %s: %v", p.ID, err)
	}
	results, err := c.GetPodNetworkStatus(p)
	if err != nil {
		t.Fatalf("status of %s: %v", p.ID, err)
	}
	var ips []string
	for _, r := range results {
		converted, err := types100.GetResult(r.Result)
		if err != nil {
			t.Fatal(err)
		}
		for _, ip := range converted.IPs {
			ips = append(ips, ip.Address.IP.String())
		}
	}
	return ips
}

// TestCRIOPod: a pod's life, with a restart of CRI-O in between.
func TestCRIOPod(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.configure(t, "10-vm.conflist", "vmnet", annotated)
		c := h.crio(t)
		if err := c.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
		p := h.newPod(t, "p")
		network := crioPod(p, "vmnet", map[string]string{"vmtap.dev/vmid": "7"})
		expect(t, "addresses", setUp(t, c, network), []string{"100.64.7.3", "fd00::6440:703:0:2"})
		expect(t, "host link's alias", h.link(t, "p@eth0").Alias, "vm7-if0-default/web-p")

		again := h.crio(t)
		if _, err := again.GetPodNetworkStatus(network); err != nil {
			t.Errorf("status after a restart: %v", err)
		}
		if err := again.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
		for range 2 {
			if err := again.TearDownPod(network); err != nil {
				t.Errorf("tear down: %v", err)
			}
			h.wantAttachments(t, 0)
			p.onlyLoopback(t)
		}
	})
}

// TestCRIOSeesWhatIsBroken: the CHECK after ADD, and at a restart, fails where
// there is CHECK.
func TestCRIOSeesWhatIsBroken(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.configure(t, "10-vm.conflist", "vmnet", createConf)
		c := h.crio(t)
		p := h.newPod(t, "p")
		network := crioPod(p, "vmnet", nil)
		setUp(t, c, network)
		p.Run(t, "ip", "link", "set", "eth0", "down")
		if _, err := h.crio(t).GetPodNetworkStatus(network); (err == nil) == h.has(fromCheck) {
			t.Errorf("status with the tap down: %v", err)
		}
		if err := c.TearDownPod(network); err != nil {
			t.Errorf("tear down: %v", err)
		}
		h.wantAttachments(t, 0)
	})
}

// TestCRIOGC: at its start CRI-O names its pods to the default network alone.
// To all others it sends null, which may remove nothing that somebody else made.
func TestCRIOGC(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.configure(t, "10-vm.conflist", "vmnet", createConf)
		h.configure(t, "20-other.conflist", "othernet", createConf)
		c := h.crio(t)
		kept, lost := h.newPod(t, "kept"), h.newPod(t, "lost")
		keptNetwork := crioPod(kept, "vmnet", nil)
		setUp(t, c, keptNetwork)
		setUp(t, c, crioPod(lost, "vmnet", nil))
		s := spec{h.node, h.version}
		foreign := s.attach(t, h.newPod(t, "foreign"), "eth0", s.blockOf("othernet", createConf))
		// Nobody but the node knows this one.
		s.attach(t, h.newPod(t, "stray"), "eth0", s.block(createConf))

		again := h.crio(t)
		if err := again.GC(t.Context(), []*ocicni.PodNetwork{&keptNetwork}); err != nil {
			t.Errorf("GC: %v", err)
		}
		left := 2 // kept and foreign
		if !h.has(fromStatus) {
			left++ // no GC, and stray is in no cache
		}
		h.wantAttachments(t, left)
		lost.onlyLoopback(t)
		s.wantCheck(t, foreign)
		if _, err := again.GetPodNetworkStatus(keptNetwork); err != nil {
			t.Errorf("status of what is kept: %v", err)
		}
	})
}

// TestCRIOStatus is polled, and fails the node.
func TestCRIOStatus(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.configure(t, "10-vm.conflist", "vmnet", `"switch": "br0"`)
		c := h.crio(t)
		if err := c.Status(); (err == nil) == h.has(fromStatus) {
			t.Errorf("status without the bridge: %v", err)
		}
		h.Run(t, "ip", "link", "add", "br0", "type", "bridge")
		if err := c.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
	})
}
