package cri

import (
	"context"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pod is a pod's sandbox.
type Pod struct {
	ID     string
	Config *runtime.PodSandboxConfig

	m *Machine
}

// PodConfig is what a kubelet says of a pod named so in the namespace default.
func (m *Machine) PodConfig(name string, annotations map[string]string) *runtime.PodSandboxConfig {
	return &runtime.PodSandboxConfig{
		Metadata:     &runtime.PodSandboxMetadata{Name: name, Namespace: "default", Uid: "uid-of-" + name},
		Hostname:     name,
		LogDirectory: filepath.Join(m.Dir, "log", name),
		Annotations:  annotations,
		Linux:        &runtime.LinuxPodSandboxConfig{CgroupParent: m.cgroup},
	}
}

// HostPodConfig is PodConfig of a pod that uses the node's network.
func (m *Machine) HostPodConfig(name string) *runtime.PodSandboxConfig {
	config := m.PodConfig(name, nil)
	config.Hostname = "" // the node's too
	config.Linux.SecurityContext = &runtime.LinuxSandboxSecurityContext{
		NamespaceOptions: &runtime.NamespaceOption{Network: runtime.NamespaceMode_NODE},
	}
	return config
}

// Pods are all pods that containerd knows.
func (m *Machine) Pods(t testing.TB) []*Pod {
	t.Helper()
	answer, err := m.Runtime().ListPodSandbox(t.Context(), &runtime.ListPodSandboxRequest{})
	if err != nil {
		t.Fatalf("ask for all pods: %v", err)
	}
	var all []*Pod
	for _, s := range answer.Items {
		all = append(all, &Pod{ID: s.Id, Config: &runtime.PodSandboxConfig{Metadata: s.Metadata}, m: m})
	}
	return all
}

// RunPod runs a pod's sandbox.
func (m *Machine) RunPod(ctx context.Context, config *runtime.PodSandboxConfig) (*Pod, error) {
	answer, err := m.Runtime().RunPodSandbox(ctx, &runtime.RunPodSandboxRequest{Config: config})
	if err != nil {
		return nil, err
	}
	return &Pod{ID: answer.PodSandboxId, Config: config, m: m}, nil
}

// MustRunPod is RunPod of a pod that must run.
func (m *Machine) MustRunPod(t testing.TB, config *runtime.PodSandboxConfig) *Pod {
	t.Helper()
	p, err := m.RunPod(t.Context(), config)
	if err != nil {
		t.Fatalf("run the pod %s: %v", config.Metadata.Name, err)
	}
	return p
}

// Stop stops the sandbox, which is when the network goes.
func (p *Pod) Stop(ctx context.Context) error {
	_, err := p.m.Runtime().StopPodSandbox(ctx, &runtime.StopPodSandboxRequest{PodSandboxId: p.ID})
	return err
}

// Remove removes the stopped sandbox.
func (p *Pod) Remove(ctx context.Context) error {
	_, err := p.m.Runtime().RemovePodSandbox(ctx, &runtime.RemovePodSandboxRequest{PodSandboxId: p.ID})
	return err
}

// MustEnd stops and removes the sandbox.
func (p *Pod) MustEnd(t testing.TB) {
	t.Helper()
	if err := p.Stop(t.Context()); err != nil {
		t.Fatalf("stop the pod %s: %v", p.Config.Metadata.Name, err)
	}
	if err := p.Remove(t.Context()); err != nil {
		t.Fatalf("remove the pod %s: %v", p.Config.Metadata.Name, err)
	}
}

// Status is what containerd says of the sandbox.
func (p *Pod) Status(t testing.TB) *runtime.PodSandboxStatus {
	t.Helper()
	status, _ := p.verbose(t)
	return status
}

// verbose is Status, with what only containerd says.
func (p *Pod) verbose(t testing.TB) (*runtime.PodSandboxStatus, map[string]string) {
	t.Helper()
	answer, err := p.m.Runtime().PodSandboxStatus(t.Context(), &runtime.PodSandboxStatusRequest{PodSandboxId: p.ID, Verbose: true})
	if err != nil {
		t.Fatalf("ask for the pod %s: %v", p.Config.Metadata.Name, err)
	}
	return answer.Status, answer.Info
}

// Ready reports whether the sandbox runs, as far as containerd knows.
func (p *Pod) Ready(t testing.TB) bool {
	t.Helper()
	return p.Status(t).State == runtime.PodSandboxState_SANDBOX_READY
}

// IPs are the pod's addresses, in the order in which a kubelet gets them: the first is status.podIP.
func (p *Pod) IPs(t testing.TB) []netip.Addr {
	t.Helper()
	network := p.Status(t).Network
	var all []netip.Addr
	for _, ip := range append([]*runtime.PodIP{{Ip: network.GetIp()}}, network.GetAdditionalIps()...) {
		addr, err := netip.ParseAddr(ip.Ip)
		if err != nil {
			t.Fatalf("the pod %s has the address %q: %v", p.Config.Metadata.Name, ip.Ip, err)
		}
		all = append(all, addr)
	}
	return all
}

// info is what containerd says of a sandbox or a container beyond the interface.
type info struct {
	PID         int `json:"pid"`
	RuntimeSpec struct {
		Linux struct {
			Namespaces []struct{ Type, Path string }
		}
	}
}

func parseInfo(t testing.TB, said map[string]string) (parsed info) {
	t.Helper()
	if err := json.Unmarshal([]byte(said["info"]), &parsed); err != nil || parsed.PID == 0 {
		t.Fatalf("read what containerd says: %v in %s", err, said["info"])
	}
	return parsed
}

func (p *Pod) info(t testing.TB) info {
	t.Helper()
	_, said := p.verbose(t)
	return parseInfo(t, said)
}

// PID is the number of the sandbox's process, on the machine.
func (p *Pod) PID(t testing.TB) int { t.Helper(); return p.info(t).PID }

// Netns is the path of the pod's network namespace, for the test.
func (p *Pod) Netns(t testing.TB) string { t.Helper(); return p.m.Path(p.NetnsOnMachine(t)) }

// NetnsOnMachine is the path of the pod's network namespace that containerd gives to the plugin.
func (p *Pod) NetnsOnMachine(t testing.TB) string {
	t.Helper()
	for _, ns := range p.info(t).RuntimeSpec.Linux.Namespaces {
		if ns.Type == "network" {
			return ns.Path
		}
	}
	t.Fatalf("the pod %s has no network namespace", p.Config.Metadata.Name)
	return ""
}

// Netnses are the network namespaces that containerd holds on the machine.
func (m *Machine) Netnses(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(m.Path("/run/netns"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}
