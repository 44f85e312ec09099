package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/vmtap/vmtap/test/cni"
)

// withMultus puts Multus beside vmtap, where plugins find their delegates.
// Without a kubeconfig it runs the delegates of its configuration, in order.
func (h *host) withMultus(t *testing.T) {
	t.Helper()
	multus := filepath.Join(cni.Reference(t, "../..", "multus"), "multus")
	dir := t.TempDir()
	for name, of := range map[string]string{"vmtap": h.Bin, "multus": multus} {
		if err := os.Symlink(of, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	h.Bin = filepath.Join(dir, "vmtap")
}

// delegate is a network as a NetworkAttachmentDefinition has it.
func (h *host) delegate(network, block string) string {
	return fmt.Sprintf(`{"cniVersion": %q, "name": %q, "plugins": [{"type": "vmtap", %s}]}`, h.version, network, block)
}

// multus configures Multus with these delegates, and returns its file.
func (h *host) multus(t *testing.T, delegates ...string) string {
	t.Helper()
	file := filepath.Join(h.confDir, "00-multus.conflist")
	list := fmt.Sprintf(`{"cniVersion": %q, "name": "multus-cni-network", "plugins": [{"type": "multus", "binDir": %q, "delegates": [%s]}]}`,
		h.version, h.binDir(), strings.Join(delegates, ", "))
	if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// chosen is a block whose args.cni Multus would have from a pod's cni-args.
const chosen = createConf + `, "allow": {"vmid": "1-255"}, "args": {"cni": {"vmtap": {"vmid": 7}, "other": [1]}}`

// TestMultusPod: a pod with a default network and two more, called by
// containerd. Multus adds them in order and deletes them in reverse, so that the
// interface that holds the VM's claims goes last.
func TestMultusPod(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.withMultus(t)
		h.multus(t, h.delegate("vmnet", chosen), h.delegate("anet", createConf), h.delegate("bnet", createConf))
		c := h.containerd(t, 1)
		if err := c.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
		p := h.newPod(t, "p")
		opts := ofPod("p", "virt-launcher-web-abcde", nil)
		r, err := c.Setup(t.Context(), "p", p.Path(), opts...)
		if err != nil {
			t.Fatalf("setup: %v", err)
		}
		expect(t, "eth0's address", r.Interfaces["eth0"].IPConfigs[0].IP.String(), "100.64.7.3")
		for i, name := range []string{"eth0", "net1", "net2"} {
			a := &attachment{t, h.node, cni.Call{ContainerID: "p", IfName: name}, nil}
			expect(t, name+"'s host link", a.hostLink(), fmt.Sprint("vm7-if", i))
			expect(t, "its alias", h.link(t, a.hostLink()).Alias, fmt.Sprintf("vm7-if%d-default/web", i))
			expect(t, "kind of "+name, p.link(t, name).Info.Kind, "tun")
		}
		h.check(t, c, p, opts...)
		h.stop(t, c, p, opts...)
	})
}

// TestMultusFailedDelegate: Multus deletes what it had added, and containerd
// calls DEL once more.
func TestMultusFailedDelegate(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.withMultus(t)
		h.multus(t, h.delegate("vmnet", createConf), h.delegate("anet", `"switch": "missing0"`))
		c := h.containerd(t, 1)
		p := h.newPod(t, "p")
		opts := ofPod("p", "web-0", nil)
		if _, err := c.Setup(t.Context(), "p", p.Path(), opts...); err == nil || !strings.Contains(err.Error(), "missing0") {
			t.Errorf("setup: %v, want an error that names missing0", err)
		}
		h.wantAttachments(t, 0)
		p.onlyLoopback(t)
		if err := c.Remove(t.Context(), "p", p.Path(), opts...); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
}

// TestMultusStatusAndGC: Multus asks its first delegate alone, and names to it
// the attachments of all pods that it knows.
func TestMultusStatusAndGC(t *testing.T) {
	asRuntime(t, func(t *testing.T, h *host) {
		h.withMultus(t)
		file := h.multus(t, h.delegate("vmnet", `"switch": "br0", "local": true`), h.delegate("anet", createConf))
		c := h.containerd(t, 1)
		if err := c.Status(); (err == nil) == h.has(fromStatus) {
			t.Errorf("status without the bridge: %v", err)
		}
		h.Run(t, "ip", "link", "add", "br0", "type", "bridge")
		if err := c.Status(); err != nil {
			t.Errorf("status: %v", err)
		}
		p := h.newPod(t, "p")
		opts := ofPod("p", "web-0", nil)
		if _, err := c.Setup(t.Context(), "p", p.Path(), opts...); err != nil {
			t.Fatalf("setup: %v", err)
		}
		s := spec{h.node, h.version}
		s.attach(t, h.newPod(t, "stray"), "eth0", s.block(createConf))
		foreign := s.attach(t, h.newPod(t, "foreign"), "eth0", s.blockOf("anet", createConf))

		list, err := libcni.ConfListFromFile(file)
		if err != nil {
			t.Fatal(err)
		}
		runtime := libcni.NewCNIConfig([]string{h.binDir()}, nil)
		valid := &libcni.GCArgs{ValidAttachments: []types.GCAttachment{{ContainerID: "p", IfName: "eth0"}}}
		if err := runtime.GCNetworkList(t.Context(), list, valid); err != nil {
			t.Errorf("GC: %v", err)
		}
		left := 3 // the pod's two and anet's
		if !h.has(fromStatus) {
			left++ // no GC
		}
		h.wantAttachments(t, left)
		s.wantCheck(t, foreign)
		if h.has(fromCheck) {
			if err := c.Check(t.Context(), "p", p.Path(), opts...); err != nil {
				t.Errorf("check: %v", err)
			}
		}
	})
}
