package e2e

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"

	"github.com/vmtap/vmtap/test/guest"
)

// hotplug is libcni as Multus' daemon has it for a pod that runs: one network, with the pod's container id.
type hotplug struct {
	*clusterPod
	list    *libcni.NetworkConfigList
	network string
	runtime *libcni.RuntimeConf
	library *libcni.CNIConfig
}

func (p *clusterPod) hotplug(t *testing.T, network, ifName string) *hotplug {
	t.Helper()
	list, err := libcni.ConfListFromBytes([]byte(p.cluster.networks["default/"+network]))
	if err != nil {
		t.Fatal(err)
	}
	namespace, name, _ := strings.Cut(p.name, "/")
	return &hotplug{p, list, network, &libcni.RuntimeConf{ContainerID: p.id, NetNS: p.Path(), IfName: ifName, Args: [][2]string{
		{"IgnoreUnknown", "true"},
		{"K8S_POD_NAMESPACE", namespace},
		{"K8S_POD_NAME", name},
		{"K8S_POD_INFRA_CONTAINER_ID", p.id},
		{"K8S_POD_UID", "uid-" + name},
	}}, libcni.NewCNIConfigWithCacheDir([]string{filepath.Dir(p.cluster.node.Bin)}, p.cluster.dir, nil)}
}

// on calls libcni in the node's namespace.
func (h *hotplug) on(t *testing.T, verb string, call func() error) {
	t.Helper()
	var err error
	h.cluster.node.Do(func() { err = call() })
	if err != nil {
		t.Fatalf("%s %s: %v", verb, h.runtime.IfName, err)
	}
}

func (h *hotplug) plug(t *testing.T) *attachment {
	t.Helper()
	h.on(t, "plug", func() error { _, err := h.library.AddNetworkList(t.Context(), h.list, h.runtime); return err })
	h.check(t)
	return h.attached(t, h.network, h.runtime.IfName)
}

func (h *hotplug) check(t *testing.T) {
	t.Helper()
	h.on(t, "check", func() error { return h.library.CheckNetworkList(t.Context(), h.list, h.runtime) })
}

func (h *hotplug) unplug(t *testing.T) {
	t.Helper()
	h.on(t, "unplug", func() error { return h.library.DelNetworkList(t.Context(), h.list, h.runtime) })
}

// TestMultusHotplug: interfaces come and go while the VM runs. It keeps its vmid, though the interface that holds it goes;
// the others go on; what comes back has the addresses and the lladdr that it had.
func TestMultusHotplug(t *testing.T) {
	c := newCluster(t, fromBridge(t))
	for _, name := range []string{"blue", "red", "green"} {
		c.define("default/"+name, vmtapList(name, createConf))
	}
	p := c.newClusterPod(t, "p", "default/virt-launcher-db-x7k2p", `[{"name": "blue"}, {"name": "red"}]`)
	p.addAll(t)
	blue, red, green := p.attached(t, "blue", "net1"), p.attached(t, "red", "net2"), p.hotplug(t, "green", "net3")
	vm := vmOf(blue)
	stays := red.boot(p.pod)
	goes := blue.boot(p.pod)

	plugged := green.plug(t)
	expect(t, "plugged", plugged.hostLink(), vm+"-if2")
	other := plugged.boot(p.pod)
	for _, g := range []*guest.Guest{goes, stays, other} {
		if err := g.Ping(plugged.guestConfig().Gateway4, answered); err != nil {
			t.Error(err)
		}
	}

	was := blue.identity()
	unplugged := p.hotplug(t, "blue", "net1")
	if err := goes.Close(); err != nil { // KubeVirt takes the NIC out of the guest first
		t.Error(err)
	}
	unplugged.unplug(t)
	unplugged.unplug(t) // Multus tries again what it is not sure of
	expect(t, "who holds the vmid", c.link(t, vm).Name, red.hostLink())
	for what, g := range map[string]*guest.Guest{"red": stays, "green": other} {
		if err := g.Ping(red.guestConfig().Gateway4, answered); err != nil {
			t.Errorf("%s without blue: %v", what, err)
		}
	}
	green.check(t)
	p.hotplug(t, "red", "net2").check(t)

	expect(t, "blue when it is back", unplugged.plug(t).identity(), was)
	expect(t, "host link of the next", p.hotplug(t, "blue", "net7").plug(t).hostLink(), vm+"-if3")

	// Multus deletes what it had added with the pod, and knows nothing of what came later. That goes with the pod.
	if fault := c.multus.Del(t, p.call()); fault != nil {
		t.Fatalf("DEL by Multus: %s", fault)
	}
	expect(t, "left to the pod", len(c.hostLinks(t)), 4)
	for _, holder := range []io.Closer{stays, other, p.NS} {
		if err := holder.Close(); err != nil {
			t.Error(err)
		}
	}
	waitFor(t, "the rest to go with the pod", func() bool { return len(c.hostLinks(t)) == 0 })
}

// TestMultusHotUnplugInUse: a VM monitor that still has the tap open does not hold up its end.
func TestMultusHotUnplugInUse(t *testing.T) {
	c := newCluster(t, fromBridge(t))
	c.define("default/blue", vmtapList("blue", createConf))
	p := c.newClusterPod(t, "p", "default/web", `[{"name": "blue"}]`)
	p.addAll(t)
	g := p.attached(t, "blue", "net1").boot(p.pod)
	p.hotplug(t, "blue", "net1").unplug(t)
	expect(t, "left", c.hostLinks(t), []string{})
	if err := g.Send(make([]byte, 60)); err == nil {
		t.Error("the VM monitor still sends")
	}
	p.delAll(t)
}
