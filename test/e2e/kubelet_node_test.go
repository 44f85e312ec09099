//go:build kubelet

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/vmtap/vmtap/test/cri"
	"github.com/vmtap/vmtap/test/script"
)

// kubeletNode is a machine with containerd and a kubelet.
type kubeletNode struct {
	*machine
	kubelet *cri.Kubelet
}

// nodeIPs are the node's addresses, of which the first is what others know it by.
const nodeIPs = "192.0.2.1,2001:db8::1"

// onKubelet runs a test with a kubelet on each containerd, which has this
// conf_template.
func onKubelet(t *testing.T, template string, node cri.NodeAddresses, test func(t *testing.T, n *kubeletNode)) {
	t.Helper()
	program := script.Output(t, source, "hack/gotool.sh", "kubelet")
	for _, release := range cri.Releases(t, source) {
		t.Run(release.String(), func(t *testing.T) {
			m := newMachine(t, release)
			m.Start(t, template)
			for ip := range strings.SplitSeq(node.IPs, ",") {
				m.Run(t, "ip", "address", "add", ip, "dev", "lo")
			}
			test(t, &kubeletNode{m, m.StartKubelet(t, program, node)})
		})
	}
}

// configureVMs configures the network of docs/vm-pod.md, and brings the VM's image.
func (n *kubeletNode) configureVMs(t *testing.T) (list string) {
	t.Helper()
	list = readExample(t, "21-vm-pod.conflist")
	n.configure(t, list)
	n.Import(t, "vmtap.test/vm:1", script.Output(t, source, "hack/vm-image.sh"))
	return list
}

// podFile is the pod of docs/vm-pod.md as a file for the kubelet. The tests do
// not wait as long as people do, but for the guest to boot. More changes are
// pairs of old and new.
func podFile(t *testing.T, more ...string) string {
	t.Helper()
	text := sourceFile(t, "hack/vm-image/pod.yaml")
	changes := append([]string{
		"\nspec:", "\nspec:\n  hostname: web\n  terminationGracePeriodSeconds: 1",
		"failureThreshold: 60", "failureThreshold: 900",
		"      livenessProbe:", `      readinessProbe:
        tcpSocket:
          port: 80
        periodSeconds: 1
        failureThreshold: 1
      livenessProbe:`,
	}, more...)
	for i := 0; i < len(changes); i += 2 {
		changed := strings.ReplaceAll(text, changes[i], changes[i+1])
		if changed == text {
			t.Fatalf("no %q in\n%s", changes[i], text)
		}
		text = changed
	}
	return text
}

// silent is the file of a pod without a guest: nobody opens its tap.
func silent(t *testing.T) string {
	t.Helper()
	return podFile(t, "name: web", "name: silent", "vmtap.test/vm:1", cri.PauseImage)
}

// until waits for what takes minutes at most.
func until(t *testing.T, what string, done func() (ok bool, state any)) {
	t.Helper()
	limit := 5 * time.Minute
	if os.Getenv("VMTAP_VM") == "1" {
		limit *= 3 // QEMU in QEMU is slow
	}
	for end := time.Now().Add(limit); ; time.Sleep(100 * time.Millisecond) {
		ok, state := done()
		if ok {
			return
		}
		if time.Now().After(end) {
			text, _ := json.Marshal(state) // an error's is empty
			t.Fatalf("waited %v for %s: %s %v", limit, what, text, state)
		}
	}
}

// told waits until the kubelet tells that of a pod.
func (n *kubeletNode) told(t *testing.T, name, what string, of func(*cri.KubeletPod) bool) *cri.KubeletPod {
	t.Helper()
	var p *cri.KubeletPod
	until(t, "the kubelet to tell that the pod "+name+" is "+what, func() (bool, any) {
		pods, err := n.kubelet.Pods(t.Context())
		if err != nil {
			return false, err
		}
		p = pods[name+"-"+n.kubelet.NodeName]
		return p != nil && of(p), p
	})
	return p
}

// ready waits until the kubelet tells that a pod is ready.
func (n *kubeletNode) ready(t *testing.T, name string) *cri.KubeletPod {
	t.Helper()
	return n.told(t, name, "ready", (*cri.KubeletPod).Ready)
}

// running is the sandbox of a pod that runs.
func (n *kubeletNode) running(t *testing.T, name string) *sandbox {
	t.Helper()
	for _, p := range n.Pods(t) {
		if p.Config.Metadata.Name == name+"-"+n.kubelet.NodeName && p.Ready(t) {
			return n.sandbox(t, p)
		}
	}
	t.Fatalf("no pod %s runs", name)
	return nil
}

// identity is what a VM keeps: vmid, lladdr and addresses.
func (s *sandbox) identity() string {
	c := s.guestConfig()
	return fmt.Sprint(vmOf(s.attachment), c.LLAddr, addrs(c))
}

// left is what the node has of pods.
func (n *kubeletNode) left(t *testing.T) []string {
	t.Helper()
	left := []string{}
	for _, p := range n.Pods(t) {
		left = append(left, "sandbox "+p.ID)
	}
	answer, err := n.Runtime().ListContainers(t.Context(), &runtime.ListContainersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range answer.Containers {
		left = append(left, "container "+c.Id)
	}
	for _, dir := range []string{n.Path("/var/lib/kubelet/pods"), n.Path("/var/lib/cni/results"), n.kubelet.Logs} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, filepath.Join(dir, e.Name()))
		}
	}
	return left
}

// signal sends a signal to the VM monitor, of which the machine has one.
func (n *kubeletNode) signal(t *testing.T, name string) {
	t.Helper()
	n.Run(t, "pkill", "-"+name, "-x", "qemu-system-x86")
}
