package config

import (
	"strings"
	"testing"
)

func TestVMName(t *testing.T) {
	const kubevirt = `"kubevirt.io/domain": "vmi"`
	pod := func(name string) string { return "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=" + name }
	tests := []struct {
		name, members, args, want string
	}{
		{"container id", ``, ``, "c1"},
		{"container id, a namespace alone names no pod", ``, "K8S_POD_NAMESPACE=ns", "c1"},
		{"pod", ``, pod("web-0"), "ns/web-0"},
		{"KubeVirt's pod", ``, pod("virt-launcher-my-vm-x7k2p"), "ns/my-vm"},
		{"KubeVirt's pod, short", ``, pod("virt-launcher-a-x7k2p"), "ns/a"},
		{"like KubeVirt's, no VM", ``, pod("virt-launcher-x7k2p"), "ns/virt-launcher-x7k2p"},
		{"like KubeVirt's, empty VM", ``, pod("virt-launcher--x7k2p"), "ns/virt-launcher--x7k2p"},
		{"like KubeVirt's, longer end", ``, pod("virt-launcher-vm-x7k2pq"), "ns/virt-launcher-vm-x7k2pq"},
		{"like KubeVirt's, dot in the end", ``, pod("virt-launcher-vm-x7.2p"), "ns/virt-launcher-vm-x7.2p"},
		// Kubernetes cuts what a generated name begins with at 58 characters.
		{"KubeVirt's pod, as long as a name can be", ``, pod("virt-launcher-" + strings.Repeat("v", 43) + "-x7k2p"), "ns/" + strings.Repeat("v", 43)},
		{"KubeVirt's pod, the hyphen cut off", ``, pod("virt-launcher-" + strings.Repeat("v", 44) + "x7k2p"), "ns/" + strings.Repeat("v", 44)},
		{"like KubeVirt's, longer than generated", ``, pod("virt-launcher-" + strings.Repeat("v", 45) + "x7k2p"), "ns/virt-launcher-" + strings.Repeat("v", 45) + "x7k2p"},
		{"KubeVirt's annotation before the pod", rawAnnotations(kubevirt), pod("virt-launcher-other-x7k2p"), "ns/vmi"},
		{"KubeVirt's annotation without a pod", rawAnnotations(kubevirt), ``, "vmi"},
		{"chosen before KubeVirt's", rawAnnotations(kubevirt), pod("p") + ";VMNAME=chosen", "ns/chosen"},
		{"chosen by annotation", rawAnnotations(kubevirt + `, "vmtap.dev/name": "a/b"`), pod("p") + ";VMNAME=x", "ns/a/b"},
		{"chosen without a pod", ``, "VMNAME=a/b_c.d-E", "a/b_c.d-E"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseOK(t, input(tt.members, tt.args)).VMName; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
