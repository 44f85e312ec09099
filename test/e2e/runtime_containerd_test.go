package e2e

import (
	"fmt"
	"slices"
	"testing"

	gocni "github.com/containerd/go-cni"

	"github.com/vmtap/vmtap/test/cni"
)

// annotated is a block of a network whose pods may choose their vmid.
const annotated = createConf + `, "allow": {"vmid": "1-255"}, "capabilities": {"portMappings": true, "dns": true, "io.kubernetes.cri.pod-annotations": true}`

// containerd loads the first configuration as containerd's CRI plugin does, or
// several where max_conf_num says so.
func (h *host) containerd(t *testing.T, confs int) gocni.CNI {
	t.Helper()
	c, err := gocni.New(gocni.WithMinNetworkCount(confs), gocni.WithPluginConfDir(h.confDir), gocni.WithPluginMaxConfNum(confs),
		gocni.WithPluginDir([]string{h.binDir()}), gocni.WithInterfacePrefix("eth"))
	if err != nil {
		t.Fatal(err)
	}
	load := gocni.WithDefaultConf
	if confs > 1 {
		load = gocni.WithAllConf
	}
	if err := c.Load(load); err != nil {
		t.Fatal(err)
	}
	return c
}

// ofPod is what containerd says of a pod: labels, which become CNI_ARGS in any
// order, and capabilities, whether they are declared or not.
func ofPod(id, name string, annotations map[string]string) []gocni.NamespaceOpts {
	return []gocni.NamespaceOpts{
		gocni.WithLabels(map[string]string{
			"IgnoreUnknown": "1", "K8S_POD_NAMESPACE": "default", "K8S_POD_NAME": name, "K8S_POD_INFRA_CONTAINER_ID": id, "K8S_POD_UID": "u-" + id,
		}),
		gocni.WithCapability("io.kubernetes.cri.pod-annotations", annotations),
		gocni.WithCapabilityPortMap([]gocni.PortMapping{{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}}),
		gocni.WithCapabilityDNS(gocni.DNS{Servers: []string{"10.0.0.53"}}),
		gocni.WithCapabilityCgroupPath("/kubepods.slice"),
	}
}

// TestContainerdPod: a pod's life. containerd reads the pod's addresses off the
// interface named eth0. It calls DEL when the pod stops, and again when it is
// removed, without the namespace.
func TestContainerdPod(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.configure(t, "10-vm.conflist", "vmnet", annotated)
		c := h.containerd(t, 1)
		if err := c.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
		p := h.newPod(t, "p")
		opts := ofPod("p", "web-0", map[string]string{"vmtap.dev/vmid": "7", "kubernetes.io/x": "y"})
		r, err := c.Setup(t.Context(), "p", p.Path(), opts...)
		if err != nil {
			t.Fatalf("setup: %v", err)
		}
		eth0 := r.Interfaces["eth0"]
		if eth0 == nil {
			t.Fatal("containerd finds no eth0")
		}
		var ips []string
		for _, ip := range eth0.IPConfigs {
			ips = append(ips, ip.IP.String()+" via "+ip.Gateway.String())
		}
		expect(t, "eth0's addresses", ips, []string{"100.64.7.3 via 100.64.7.2", "fd00::6440:703:0:2 via fd00::6440:703:0:1"})
		expect(t, "eth0's mac", eth0.Mac, p.link(t, "eth0").Address)
		expect(t, "host link's alias", h.link(t, "p@eth0").Alias, "vm7-if0-default/web-0")
		h.check(t, c, p, opts...)
		if err := c.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
		h.stop(t, c, p, opts...)
	})
}

// check has containerd check a pod, in the versions that know of it.
func (h *host) check(t *testing.T, c gocni.CNI, p *pod, opts ...gocni.NamespaceOpts) {
	t.Helper()
	if !h.has(fromCheck) {
		return
	}
	if err := c.Check(t.Context(), p.id, p.Path(), opts...); err != nil {
		t.Errorf("check: %v", err)
	}
}

// stop has containerd stop the node's only pod, and remove it once more when
// its namespace is gone. Nothing is left after the first.
func (h *host) stop(t *testing.T, c gocni.CNI, p *pod, opts ...gocni.NamespaceOpts) {
	t.Helper()
	if err := c.Remove(t.Context(), p.id, p.Path(), opts...); err != nil {
		t.Errorf("remove at stop: %v", err)
	}
	h.wantAttachments(t, 0)
	p.onlyLoopback(t)
	closeNS(t, p)
	if err := c.Remove(t.Context(), p.id, "", opts...); err != nil {
		t.Errorf("remove of what is stopped: %v", err)
	}
}

// TestContainerdLostNamespace: a node that restarted, or a pod that died: the
// namespace is gone before the first DEL.
func TestContainerdLostNamespace(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.configure(t, "10-vm.conflist", "vmnet", annotated)
		c := h.containerd(t, 1)
		for i, path := range []func(p *pod) string{(*pod).path, func(*pod) string { return "" }} {
			id := fmt.Sprint("p", i)
			p := h.newPod(t, id)
			if _, err := c.Setup(t.Context(), id, p.Path(), ofPod(id, id, nil)...); err != nil {
				t.Fatalf("setup: %v", err)
			}
			closeNS(t, p)
			for range 2 {
				if err := c.Remove(t.Context(), id, path(p), ofPod(id, id, nil)...); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
			h.wantAttachments(t, 0)
		}
	})
}

func (p *pod) path() string { return p.Path() }

// TestContainerdFailedSetup: a failed ADD is followed by DEL at once, and the
// kubelet tries again with another sandbox of the same pod. As long as ADD
// cannot work, containerd reports the node as not ready if it can ask.
func TestContainerdFailedSetup(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.configure(t, "10-vm.conflist", "vmnet", `"switch": "br0", "local": true`)
		c := h.containerd(t, 1)
		if err := c.Status(); (err == nil) == h.has(fromStatus) {
			t.Errorf("status without the bridge: %v", err)
		}
		p := h.newPod(t, "first")
		before := takeAll(t, h.NS, p.NS)
		if _, err := c.Setup(t.Context(), "first", p.Path(), ofPod("first", "web-0", nil)...); err == nil {
			t.Error("setup without the bridge")
		}
		if err := c.Remove(t.Context(), "first", p.Path(), ofPod("first", "web-0", nil)...); err != nil {
			t.Errorf("remove after a failed setup: %v", err)
		}
		before.wantSame(t)
		h.Run(t, "ip", "link", "add", "br0", "type", "bridge")
		if err := c.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
		again := h.newPod(t, "second")
		if _, err := c.Setup(t.Context(), "second", again.Path(), ofPod("second", "web-0", nil)...); err != nil {
			t.Fatalf("setup: %v", err)
		}
		// The first sandbox is removed once more while the second one runs.
		if err := c.Remove(t.Context(), "first", "", ofPod("first", "web-0", nil)...); err != nil {
			t.Errorf("remove: %v", err)
		}
		h.wantAttachments(t, 1)
	})
}

// TestContainerdSeveralNetworks: with max_conf_num above 1 go-cni adds all of a
// pod's networks at once.
func TestContainerdSeveralNetworks(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		names := []string{"anet", "bnet", "cnet"}
		for i, name := range names {
			h.configure(t, fmt.Sprintf("%d.conflist", i), name, createConf)
		}
		c := h.containerd(t, len(names))
		p := h.newPod(t, "p")
		r, err := c.Setup(t.Context(), "p", p.Path(), ofPod("p", "web-0", nil)...)
		if err != nil {
			t.Fatalf("setup: %v", err)
		}
		var links, vms []string
		for i := range names {
			name := fmt.Sprint("eth", i)
			if r.Interfaces[name] == nil || len(r.Interfaces[name].IPConfigs) != 2 {
				t.Errorf("%s: %v", name, r.Interfaces[name])
			}
			a := &attachment{t, h.node, cni.Call{ContainerID: "p", IfName: name}, nil}
			links, vms = append(links, a.hostLink()), append(vms, vmOf(a))
		}
		slices.Sort(links)
		expect(t, "host links", links, []string{vms[0] + "-if0", vms[0] + "-if1", vms[0] + "-if2"})
		if err := c.Remove(t.Context(), "p", p.Path(), ofPod("p", "web-0", nil)...); err != nil {
			t.Errorf("remove: %v", err)
		}
		h.wantAttachments(t, 0)
		p.onlyLoopback(t)
	})
}
