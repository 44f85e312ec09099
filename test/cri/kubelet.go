package cri

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Kubelet is Kubernetes' agent on a machine. There is no API server: its pods are files.
type Kubelet struct {
	NodeName string
	Logs     string // the directory with the pods' logs

	m       *Machine
	program string
	node    NodeAddresses
	daemon  *exec.Cmd
}

// NodeAddresses are what a kubelet without an API server must be told of its node: IPs, which the machine must have, and
// PodCIDRs, or none; each one of a family or two, joined by a comma.
type NodeAddresses struct{ IPs, PodCIDRs string }

// kubeletConfig leaves out what a kubelet does to the whole node: control groups for classes of pods, iptables,
// evictions. The read-only port tells of pods without credentials. The first two settings let it run on more machines.
const kubeletConfig = `
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
cgroupRoot: %s
cgroupsPerQOS: false
enforceNodeAllocatable: []
makeIPTablesUtilChains: false
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%"}
imageGCHighThresholdPercent: 100
resolvConf: ""
podCIDR: "%s"
address: 127.0.0.1
readOnlyPort: %d
authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
staticPodPath: %s
podLogsDir: %s
volumePluginDir: %s
fileCheckFrequency: 1s
syncFrequency: 1s
`

const readOnlyPort = 10255

// kubeletShield keeps a kubelet from what is not the machine's own: it sees files with the values that it would give
// these sysctls, and makes its directory for logs in a /var/log of the machine's.
const kubeletShield = `
set -e
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir /run/sysctl
while read -r name value; do
	echo "$value" >"/run/sysctl/$name"
	mount --bind "/run/sysctl/$name" "/proc/sys/$(echo "$name" | tr . /)"
done <<END
vm.overcommit_memory 1
vm.panic_on_oom 0
kernel.panic 10
kernel.panic_on_oops 1
kernel.keys.root_maxkeys 1000000
kernel.keys.root_maxbytes 25000000
END
`

// StartKubelet starts a kubelet, given by its path, and waits until it answers. containerd must run.
func (m *Machine) StartKubelet(t testing.TB, program string, node NodeAddresses) *Kubelet {
	t.Helper()
	k := &Kubelet{NodeName: "node", m: m, program: program, node: node}
	k.Logs = k.path("log")
	for _, dir := range []string{k.path(""), k.Logs, k.path("pods"), k.path("plugins")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	config := fmt.Sprintf(kubeletConfig, m.Socket(), m.cgroup, node.PodCIDRs, readOnlyPort, k.path("pods"), k.Logs, k.path("plugins"))
	if err := os.WriteFile(k.path("config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Run(t, "bash", "-c", kubeletShield)
	t.Cleanup(func() {
		if t.Failed() {
			logs, _ := filepath.Glob(filepath.Join(k.Logs, "*/*/*.log")) // the pattern is well-formed
			for _, log := range append(logs, k.path("kubelet.log")) {
				t.Logf("%s ends:\n%s", log, endOf(log))
			}
		}
		if k.daemon != nil {
			k.Stop(t)
		}
	})
	k.Start(t)
	return k
}

// path is the path of one of the kubelet's files.
func (k *Kubelet) path(name string) string { return filepath.Join(k.m.Dir, "kubelet", name) }

// Start starts a kubelet that was stopped, and waits until it answers.
func (k *Kubelet) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(k.path("kubelet.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	k.daemon = k.m.Command(k.program, "--config="+k.path("config"), "--hostname-override="+k.NodeName, "--node-ip="+k.node.IPs)
	k.daemon.Stdout, k.daemon.Stderr = log, log
	if err := k.daemon.Start(); err != nil {
		t.Fatalf("start the kubelet: %v", err)
	}
	k.m.WaitFor(t, "the kubelet to answer", func(ctx context.Context) bool {
		_, err := k.Pods(ctx)
		return err == nil
	})
}

// Stop stops the kubelet as a service manager does. The pods go on.
func (k *Kubelet) Stop(t testing.TB) {
	t.Helper()
	k.m.Run(t, "pkill", "-TERM", "-x", "kubelet")
	_ = k.daemon.Wait() // it was killed
	k.daemon = nil
}
