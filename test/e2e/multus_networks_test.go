package e2e

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
)

// fromBridge is a network of the bridge plugin, with addresses from host-local.
func fromBridge(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "cluster", "plugins": [{"type": "bridge", "bridge": "cni0", "isGateway": true,
		"ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}`, t.TempDir())
}

// vmtapList is a list with one vmtap network.
func vmtapList(network, block string) string {
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": %q, "plugins": [{"type": "vmtap", %s}]}`, network, block)
}

// codeOfMultus is that of all of its errors.
const codeOfMultus = 999

// podManifest is what Multus reads of a pod.
type podManifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name        string
		Annotations map[string]string
	}
}

// TestMultusNetworks: the example's pod, whose eth0 is the bridge plugin's, with two networks of vmtap's. Each works as it
// was chosen, and both are one VM's.
func TestMultusNetworks(t *testing.T) {
	c := newCluster(t, fromBridge(t))
	c.defineAll(t, "multus/networks.yaml")
	manifest := readYAML[podManifest](t, "multus/pod.yaml")[0]
	p := c.newClusterPod(t, "p", "default/"+manifest.Metadata.Name, manifest.Metadata.Annotations[networksAnnotation])
	p.addAll(t)
	expect(t, "eth0's kind", p.link(t, "eth0").Info.Kind, "veth")
	blue, red := p.attached(t, "blue", "net1"), p.attached(t, "red", "net2")
	for i, a := range []*attachment{blue, red} {
		expect(t, "host link", a.hostLink(), fmt.Sprintf("vm5-if%d", i))
		expect(t, "its alias", c.link(t, a.hostLink()).Alias, a.hostLink()+"-default/web")
		expect(t, "its switch", c.link(t, a.hostLink()).Master, fmt.Sprintf("bridge%d", i))
		g := a.boot(p.pod)
		for _, dst := range gateways(a.guestConfig()) {
			if err := g.Ping(dst, answered); err != nil {
				t.Errorf("%s: %v", a.call.IfName, err)
			}
		}
	}
	expect(t, "group", slices.Contains(c.link(t, blue.hostLink()).AltNames, "vm5-if0.web"), true)
	expect(t, "red's lladdr", red.guestConfig().LLAddr.String(), "02:00:00:00:00:05")
	expect(t, "red's address", red.guestConfig().Addr4.String(), "100.64.5.5/31")
	c.ping(t, "10.244.0.2") // the pod itself
	var names []string
	for _, s := range c.status(t, p.name) {
		names = append(names, s.Interface)
	}
	expect(t, "status", names, []string{"eth0", "net1", "net1", "net2", "net2"})
	p.delAll(t)
	expect(t, "left", c.hostLinks(t), []string{})
}

// TestMultusChoices: what a pod chooses in its annotation comes as args.cni, MAC
// and runtimeConfig, and holds as far as the network allows it.
func TestMultusChoices(t *testing.T) {
	const allowed = `"allow": {"vmid": "1-255", "group": ["web"], "lladdr": true}`
	own := `"ips": ["100.64.7.3/31", "fd00::6440:703:0:2"]`
	for _, test := range []struct {
		name, block, element string
		refused              string
		words                []string // of the error; or host link, guest4 and lladdr
	}{
		{"vmid and group", allowed, `"cni-args": {"vmtap": {"vmid": 7, "group": ["web"]}}`, "", []string{"vm7-if0", "100.64.7.3", ""}},
		{"not allowed", `"local": true`, `"cni-args": {"vmtap": {"vmid": 7}}`, "not allowed", []string{"args.cni.vmtap.vmid", "allow.vmid"}},
		{"unknown", allowed, `"cni-args": {"vmtap": {"vmdi": 7}}`, "unknown", []string{"vmdi"}},
		{"somebody else's", allowed, `"cni-args": {"other": [1]}`, "", []string{"", "", ""}},
		{"mac, by the capability", `"local": true, "capabilities": {"mac": true}`, `"mac": "02:00:00:00:00:07"`, "", []string{"", "", "02:00:00:00:00:07"}},
		{"mac, by allow", allowed, `"mac": "02:00:00:00:00:07"`, "", []string{"", "", "02:00:00:00:00:07"}},
		{"mac, by neither", `"local": true`, `"mac": "02:00:00:00:00:07"`, "not allowed", []string{"MAC", "allow.lladdr"}},
		{"ips, its own", allowed + `, "capabilities": {"ips": true}`, `"cni-args": {"vmtap": {"vmid": 7}}, ` + own, "", []string{"vm7-if0", "100.64.7.3", ""}},
		{"ips, another's", allowed + `, "capabilities": {"ips": true}`, `"cni-args": {"vmtap": {"vmid": 8}}, ` + own, "100.64.7.3", []string{"100.64.8.3"}},
		{"ips, nobody's", `"local": true, "capabilities": {"ips": true}`, `"ips": ["192.0.2.7"]`, "192.0.2.7", nil},
		{"default-route, which the pod's kernel would have to take", `"local": true`, `"default-route": ["192.0.2.1"]`, "default gateway", nil},
		{"ips, no capability", `"local": true`, `"ips": ["192.0.2.7"]`, "", []string{"", "", ""}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t, fromBridge(t))
			c.define("default/blue", vmtapList("blue", test.block))
			p := c.newClusterPod(t, "p", "default/web", `[{"name": "blue", `+test.element+`}]`)
			if test.refused != "" {
				_, fault := c.multus.Add(t, p.call())
				wantFault(t, fault, codeOfMultus, append(test.words, test.refused)...)
				p.delAll(t)
				return
			}
			p.addAll(t)
			a := p.attached(t, "blue", "net1")
			g := a.guestConfig()
			for i, got := range []string{a.hostLink(), g.Addr4.Addr().String(), g.LLAddr.String()} {
				if want := test.words[i]; want != "" {
					expect(t, test.name, got, want)
				}
			}
			if err := a.boot(p.pod).Ping(g.Gateway4, answered); err != nil {
				t.Error(err)
			}
			p.delAll(t)
		})
	}
}

// TestMultusFile: a definition without a configuration is that of a file on the node, so that each node can have its own.
// Multus asks no such network's CHECK that only an annotation names.
func TestMultusFile(t *testing.T) {
	c := newCluster(t, fromBridge(t))
	c.define("default/vmnet", "")
	write(t, filepath.Join(c.dir, "net.d", "vmnet.conflist"), vmtapList("vmnet", `"local": {"prefix": "10.9.0.0/16"}`))
	p := c.newClusterPod(t, "p", "default/web", `[{"name": "vmnet"}]`)
	p.addAll(t)
	a := p.attached(t, "vmnet", "net1")
	expect(t, "address of the node's prefix", netip.MustParsePrefix("10.9.0.0/16").Contains(a.guestConfig().Addr4.Addr()), true)
	c.Run(t, "ip", "link", "set", a.hostLink(), "down")
	prevResult := p.cached(t, "cluster", "eth0").Result
	if fault := c.multus.Check(t, p.call().With(prevResult)); fault != nil {
		t.Errorf("CHECK by Multus: %s", fault)
	}
	p.delAll(t)
}
