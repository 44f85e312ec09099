package config

import "strings"

// pod is the pod of the VM, as the runtime names it; the zero pod says that
// there is none, and so that the caller is the operator.
type pod struct{ namespace, name string }

func (p pod) exists() bool { return p.name != "" }

// readPod reads the pod from CNI_ARGS. It needs both names: without the
// namespace, VMs of two namespaces could have one name.
func readPod(args cniArgs, p *problem) pod {
	name, ok := args.get("K8S_POD_NAME", p)
	if !ok {
		return pod{}
	}
	namespace, ok := args.get("K8S_POD_NAMESPACE", p)
	if !ok {
		p.fail(CodeEnvironment, "read CNI_ARGS: K8S_POD_NAME without K8S_POD_NAMESPACE, give both")
	}
	return pod{parsed(namespace, parseVMName), parsed(name, parseVMName)}
}

// vmName returns what a VM is known by: the chosen name, else KubeVirt's, else
// the pod's, each with the pod's namespace before it; without a pod the
// container id stands for it.
func vmName(p pod, chosen, kubevirt, containerID string) string {
	name := chosen
	if name == "" {
		name = kubevirt
	}
	switch {
	case !p.exists() && name == "":
		return containerID
	case !p.exists():
		return name
	case name == "":
		name = launched(p.name)
	}
	return p.namespace + "/" + name
}

// Of names that Kubernetes generates. What a pod's name begins with is cut off
// where the name would be too long.
const (
	generatedLength = 63
	randomLength    = 5
)

// launched returns the VM's part of a pod name that KubeVirt made,
// virt-launcher-<vm>-xxxxx, since the last part is another after each
// restart. Of a VM with a long name it is what the pod's name has of it, and the
// hyphen may be cut off, too. Any other pod name is returned as it is.
func launched(podName string) string {
	rest, ok := strings.CutPrefix(podName, "virt-launcher-")
	i := len(rest) - randomLength
	if !ok || i < 2 || !only(rest[i:], "") {
		return podName
	}
	vm, hyphen := strings.CutSuffix(rest[:i], "-")
	if !hyphen && len(podName) != generatedLength {
		return podName
	}
	return vm
}
