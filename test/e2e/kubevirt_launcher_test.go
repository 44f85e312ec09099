package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What KubeVirt 1.9 does with a VMI's networks, as far as it concerns vmtap: it
// writes a Multus annotation for the virt-launcher pod, looks in that pod for the
// interfaces, and has libvirt open them as user 107.

// vmi is a VirtualMachineInstance, with what KubeVirt reads of it for networks.
type vmi struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Domain struct {
			CPU     struct{ Cores int }
			Memory  struct{ Guest string }
			Devices struct {
				MultiQueue bool `yaml:"networkInterfaceMultiqueue"`
				Disks      []any
				Interfaces []vmiInterface
			}
		}
		Networks []vmiNetwork
		Volumes  []any
	}
}

type vmiInterface struct {
	Name    string
	Binding struct{ Name string }
	MAC     string `yaml:"macAddress"`
}

type vmiNetwork struct {
	Name   string
	Pod    *struct{}
	Multus *struct {
		NetworkName string `yaml:"networkName"`
	}
}

// kubevirtResource is the KubeVirt resource, with what it says of bindings.
type kubevirtResource struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name, Namespace string }
	Spec       struct {
		Configuration struct {
			Network struct {
				Binding map[string]struct {
					Attachment string `yaml:"domainAttachmentType"`
					Migration  struct{ Method string }
				}
			}
		}
	}
}

// podInterface is the name that KubeVirt gives to a network's interface.
func (n vmiNetwork) podInterface() string {
	if n.Pod != nil {
		return "eth0"
	}
	return "pod" + fmt.Sprintf("%x", sha256.Sum256([]byte(n.Name)))[:11]
}

// tapName is what KubeVirt looks for before that.
func (n vmiNetwork) tapName() string {
	if n.Pod != nil {
		return "tap0"
	}
	return "tap" + n.podInterface()[3:]
}

func (v vmi) interfaceOf(n vmiNetwork) vmiInterface {
	all := v.Spec.Domain.Devices.Interfaces
	return all[slices.IndexFunc(all, func(i vmiInterface) bool { return i.Name == n.Name })]
}

// annotation is what KubeVirt writes for Multus, and all that Multus gets of a VMI's networks.
func (v vmi) annotation(t *testing.T) string {
	t.Helper()
	var all []map[string]string
	for _, n := range v.Spec.Networks {
		if n.Multus == nil {
			continue
		}
		element := map[string]string{"name": n.Multus.NetworkName, "namespace": "default", "interface": n.podInterface()}
		if mac := v.interfaceOf(n).MAC; mac != "" {
			element["mac"] = mac
		}
		all = append(all, element)
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// queues is how many queues libvirt opens of each NIC.
func (v vmi) queues() int {
	if v.Spec.Domain.Devices.MultiQueue {
		return v.Spec.Domain.CPU.Cores
	}
	return 1
}

// domainInterface is what KubeVirt tells libvirt of a NIC.
type domainInterface struct {
	Target, MAC string
	MTU         int
}

// domainInterface looks for a network's interface in the pod as virt-launcher does.
func (v vmi) domainInterface(t *testing.T, p *pod, n vmiNetwork) domainInterface {
	t.Helper()
	l := p.link(t, n.podInterface())
	d := domainInterface{n.tapName(), v.interfaceOf(n).MAC, l.MTU}
	if d.MAC == "" {
		d.MAC = l.Address
	}
	if !slices.ContainsFunc(links(t, p.NS), func(l link) bool { return l.Name == d.Target || slices.Contains(l.AltNames, d.Target) }) {
		d.Target = n.podInterface()
	}
	return d
}

// openQueues opens a NIC's tap as libvirt does for KubeVirt: as user 107 without a capability, by name, and asking for
// several queues if there are several.
func (v vmi) openQueues(t *testing.T, p *pod, tap string) error {
	t.Helper()
	flags := uint16(0)
	if v.queues() > 1 {
		flags = unix.IFF_MULTI_QUEUE
	}
	for range v.queues() {
		fd, err := openAs(p.NS, tap, 107, 107, flags)
		if err != nil {
			return err
		}
		t.Cleanup(func() {
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		})
	}
	return nil
}

// launch makes the virt-launcher pod of a VMI, which Kubernetes gives the end of its name.
func (c *cluster) launch(t *testing.T, v vmi, id, random string) *clusterPod {
	t.Helper()
	begin := "virt-launcher-" + v.Metadata.Name + "-"
	p := c.newClusterPod(t, id, "default/"+begin[:min(len(begin), 58)]+random, v.annotation(t))
	p.addAll(t)
	return p
}

// nic is the attachment of a VMI's network.
func (p *clusterPod) nic(t *testing.T, n vmiNetwork) *attachment {
	t.Helper()
	ifName, network := n.podInterface(), p.cluster.networkName(t, n)
	return p.attached(t, network, ifName)
}

// networkName is the CNI name of a VMI's network.
func (c *cluster) networkName(t *testing.T, n vmiNetwork) string {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var list struct{ Name string }
	if err := json.Unmarshal([]byte(c.networks["default/"+n.Multus.NetworkName]), &list); err != nil {
		t.Fatal(err)
	}
	return list.Name
}

// newKubeVirtCluster has the example's networks.
func newKubeVirtCluster(t *testing.T) *cluster {
	t.Helper()
	c := newCluster(t, fromBridge(t))
	c.defineAll(t, "kubevirt/networks.yaml")
	return c
}

// exampleVMI is the example.
func exampleVMI(t *testing.T) vmi {
	t.Helper()
	all := readYAML[vmi](t, "kubevirt/vmi.yaml")
	if len(all) != 1 || all[0].APIVersion != "kubevirt.io/v1" || all[0].Kind != "VirtualMachineInstance" {
		t.Fatalf("%+v", all)
	}
	return all[0]
}

// on returns the VMI with all NICs on one network, and as many queues as that is for.
func (v vmi) on(network string) vmi {
	v.Spec.Domain.Devices.MultiQueue = strings.HasSuffix(network, "-queues")
	v.Spec.Networks = slices.Clone(v.Spec.Networks)
	for i, n := range v.Spec.Networks {
		multus := *n.Multus
		multus.NetworkName = network
		v.Spec.Networks[i].Multus = &multus
	}
	return v
}
