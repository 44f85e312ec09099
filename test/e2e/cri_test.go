package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/cri"
	"github.com/vmtap/vmtap/test/netns"
)

// machine is a node with containerd, which calls the plugin.
type machine struct {
	*cri.Machine
	node *node
}

// onContainerd runs a test with each containerd, on a machine of its own whose
// network is not configured yet.
func onContainerd(t *testing.T, test func(t *testing.T, m *machine)) {
	t.Helper()
	onContainerdWith(t, nil, test)
}

// onContainerdWith is onContainerd with other plugins beside vmtap.
func onContainerdWith(t *testing.T, others []string, test func(t *testing.T, m *machine)) {
	t.Helper()
	for _, release := range cri.Releases(t, source) {
		ok := t.Run(release.String(), func(t *testing.T) {
			m := newMachine(t, release, others...)
			m.Start(t, "")
			test(t, m)
		})
		runtimes.add(t.Name(), release.String(), ok)
	}
}

// newMachine is a machine on which containerd is not started yet, with vmtap and
// these other plugins. containerd itself calls loopback for each pod.
func newMachine(t *testing.T, release cri.Release, others ...string) *machine {
	t.Helper()
	plugins := []string{cni.Build(t)}
	for _, name := range append(others, "loopback") {
		plugins = append(plugins, filepath.Join(cni.Reference(t, source, name), name))
	}
	m := cri.New(t, release, plugins...)
	noDAD(t, m.NS)
	m.NS.Run(t, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1") // as nodes have it
	// Locks, and what libcni keeps, are the machine's own.
	plugin := cni.New(t, m.NS).Wrap(m.Enter()...)
	plugin.Path = m.BinDir
	return &machine{m, &node{m.NS, plugin}}
}

// configure writes the one configuration file, and waits until containerd has
// read it.
func (m *machine) configure(t *testing.T, list string) {
	t.Helper()
	m.write(t, list)
	m.WaitFor(t, "the configuration to be read", func(ctx context.Context) bool {
		answer, err := m.Runtime().Status(ctx, &runtime.StatusRequest{Verbose: true})
		if err != nil {
			return false
		}
		var read struct {
			Networks []struct{ Config struct{ Source string } }
		}
		if err := json.Unmarshal([]byte(answer.Info["cniconfig"]), &read); err != nil {
			t.Fatalf("%v: %v", err, answer.Info)
		}
		return len(read.Networks) == 2 && read.Networks[1].Config.Source == list // the other is loopback's
	})
}

// write writes the configuration as one should: whole.
func (m *machine) write(t *testing.T, list string) {
	t.Helper()
	file := filepath.Join(m.ConfDir, "10-vm.conflist")
	if err := os.WriteFile(file+".new", []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

// listOf is a configuration with one plugin, for old and new runtimes.
func listOf(network, block string) string {
	if block != "" {
		block = ", " + block
	}
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"], "name": %q, "plugins": [{"type": "vmtap"%s}]}`, network, block)
}

// sandbox is a pod that runs on a machine.
type sandbox struct {
	*cri.Pod
	*attachment
	ns *pod
}

// run runs a pod.
func (m *machine) run(t *testing.T, name string, annotations map[string]string) *sandbox {
	t.Helper()
	return m.sandbox(t, m.MustRunPod(t, m.PodConfig(name, annotations)))
}

// sandbox is a pod, with what libcni keeps of its attachment.
func (m *machine) sandbox(t *testing.T, p *cri.Pod) *sandbox {
	t.Helper()
	files, err := filepath.Glob(m.Path("/var/lib/cni/results/*-" + p.ID + "-eth0"))
	if err != nil || len(files) != 1 {
		t.Fatalf("libcni keeps %q of the pod %s, %v", files, p.ID, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Result         json.RawMessage
		Config         []byte
		CNIArgs        [][2]string
		CapabilityArgs map[string]any
	}
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	call := cni.Call{ContainerID: p.ID, IfName: "eth0", Netns: p.NetnsOnMachine(t), Conf: firstBlock(t, kept.Config, m.SpecVersion(), kept.CapabilityArgs), PrevResult: kept.Result}
	for _, arg := range kept.CNIArgs {
		call.Args += arg[0] + "=" + arg[1] + ";"
	}
	call.Args = strings.TrimSuffix(call.Args, ";")
	return &sandbox{p, &attachment{t, m.node, call, cni.ParseResult(t, kept.Result)}, &pod{netns.At(t, p.Netns(t)), m.node, p.ID}}
}

// firstBlock is what a list's first plugin is given.
func firstBlock(t *testing.T, list []byte, version string, runtimeConfig map[string]any) string {
	t.Helper()
	var l struct {
		Name    string
		Plugins []map[string]any
	}
	if err := json.Unmarshal(list, &l); err != nil || len(l.Plugins) == 0 {
		t.Fatalf("%v: %s", err, list)
	}
	block := l.Plugins[0]
	declared, _ := block["capabilities"].(map[string]any)
	for key := range runtimeConfig {
		if declared[key] != true {
			delete(runtimeConfig, key)
		}
	}
	block["name"], block["cniVersion"], block["runtimeConfig"] = l.Name, version, runtimeConfig
	text, err := json.Marshal(block)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantCheck demands that CHECK passes.
func (s *sandbox) wantCheck(t *testing.T) {
	t.Helper()
	if fault := s.node.Check(t, s.call); fault != nil {
		t.Errorf("CHECK: %s", fault)
	}
}

// wantIPs demands that containerd tells the kubelet the addresses of the result,
// IPv4 first.
func (s *sandbox) wantIPs(t *testing.T) {
	t.Helper()
	c := s.guestConfig()
	expect(t, "addresses that containerd tells", fmt.Sprint(s.Pod.IPs(t)), fmt.Sprint(addrs(c)))
}

// wantNothing demands that nothing of pods is left on the machine.
func (m *machine) wantNothing(t *testing.T) {
	t.Helper()
	m.node.noVMLinks(t)
	expect(t, "network namespaces", m.Netnses(t), []string{})
	for _, pattern := range []string{"results/*", "networks/*/*.*.*", "networks/*/*:*"} { // libcni's, and host-local's leases
		kept, err := filepath.Glob(m.Path("/var/lib/cni/" + pattern))
		if err != nil || len(kept) > 0 {
			t.Errorf("%q are left, %v", kept, err)
		}
	}
}

// TestCRIPod: a pod's life, with a guest that talks to the node.
func TestCRIPod(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		before := takeAll(t, m.NS)
		s := m.run(t, "web", nil)
		s.wantIPs(t)
		s.wantCheck(t)
		expect(t, "alias", m.node.link(t, s.hostLink()).Alias, vmOf(s.attachment)+"-if0-default/web")
		expect(t, "version", strings.Contains(string(s.call.PrevResult), `"cniVersion":"`+m.SpecVersion()+`"`), true)
		g := s.boot(s.ns)
		for _, gateway := range gateways(s.guestConfig()) {
			wantReached(t, gateway.String(), true, g.Ping(gateway, answered))
		}
		s.MustEnd(t)
		m.wantNothing(t)
		m.Run(t, "ip", "link", "delete", "bridge0") // which is kept, as is forwarding
		before.wantSame(t)
	})
}
