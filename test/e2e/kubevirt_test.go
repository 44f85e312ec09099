package e2e

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
)

// TestKubeVirtExample: the example's VMI, on the example's networks, by Multus
// itself. KubeVirt finds a tap for each NIC, its lladdr and mtu, and can open it.
func TestKubeVirtExample(t *testing.T) {
	for network, other := range map[string]string{"vmnet": "vmnet-queues", "vmnet-queues": "vmnet"} {
		t.Run(network, func(t *testing.T) {
			c := newKubeVirtCluster(t)
			v := exampleVMI(t).on(network)
			binding, ok := readYAML[kubevirtResource](t, "kubevirt/kubevirt.yaml")[0].Spec.Configuration.Network.Binding[v.Spec.Domain.Devices.Interfaces[0].Binding.Name]
			if !ok || binding.Attachment != "tap" || binding.Migration.Method != "link-refresh" {
				t.Errorf("binding: %+v", binding)
			}
			p := c.launch(t, v, "p", "x7k2p")
			for i, n := range v.Spec.Networks {
				a := p.nic(t, n)
				d := v.domainInterface(t, p.pod, n)
				own := a.Interfaces[len(a.Interfaces)-1]
				expect(t, n.Name, d, domainInterface{n.podInterface(), own.Mac, 1500})
				l := p.link(t, d.Target)
				expect(t, n.Name+"'s tap", []string{l.Info.Kind, l.Name, l.Address}, []string{"tun", own.Name, own.Mac})
				expect(t, n.Name+"'s alias", c.link(t, a.hostLink()).Alias, fmt.Sprintf("%s-default/db", a.hostLink()))
				if n.Name == "back" {
					expect(t, "lladdr that the VMI asks for", own.Mac, v.interfaceOf(n).MAC)
				}
				expect(t, n.Name+"'s number", strings.HasSuffix(a.hostLink(), fmt.Sprint("-if", i)), true)
				if err := v.on(other).openQueues(t, p.pod, d.Target); !errors.Is(err, unix.EINVAL) {
					t.Errorf("%s, opened as for %s: %v, want EINVAL", n.Name, other, err)
				}
				if err := v.openQueues(t, p.pod, d.Target); err != nil {
					t.Errorf("%s: %v", n.Name, err)
				}
				// KubeVirt goes by the last element of a name.
				var last networkStatus
				for _, s := range c.status(t, p.name) {
					if s.Interface == n.podInterface() {
						last = s
					}
				}
				expect(t, n.Name+"'s status", last, networkStatus{"default/" + network, n.podInterface(), own.Mac, []string{a.IPs[0].Address.IP.String()}, false})
			}
			p.delAll(t)
			expect(t, "left", c.hostLinks(t), []string{})
		})
	}
}

// TestKubeVirtPodNetwork: vmtap is the network of all pods, and a VMI's interface is on
// KubeVirt's pod network. KubeVirt takes eth0, unless there is a tap0.
func TestKubeVirtPodNetwork(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	a := n.add(t, p.launcher("virt-launcher-db-x7k2p", ""))
	v := exampleVMI(t).on("vmnet")
	v.Spec.Domain.Devices.Interfaces = []vmiInterface{{Name: "default"}}
	v.Spec.Networks = []vmiNetwork{{Name: "default", Pod: &struct{}{}}}
	d := v.domainInterface(t, p, v.Spec.Networks[0])
	expect(t, "NIC", d, domainInterface{"eth0", a.guestConfig().LLAddr.String(), 1500})
	if err := v.openQueues(t, p, d.Target); err != nil {
		t.Error(err)
	}
}

// TestKubeVirtPodNetworkMAC: a VMI's macAddress comes to nobody on the pod's own network, and the guard drops what the guest
// sends with it. The annotation and allow.lladdr make it hold.
func TestKubeVirtPodNetworkMAC(t *testing.T) {
	wantsNoVRF(t)
	const mac = "02:00:00:00:0d:0b"
	n := newNode(t)
	for id, told := range map[string]bool{"told": true, "untold": false} {
		p := n.newPod(t, id)
		call := p.launcher("virt-launcher-"+id+"-x7k2p", "")
		if told {
			call.Conf = strings.NewReplacer(`"local": true`, `"local": true, "allow": {"lladdr": true}`, `annotations": {}`, `annotations": {"vmtap.dev/lladdr": "`+mac+`"}`).Replace(call.Conf)
		}
		a := n.add(t, call)
		c := a.guestConfig()
		c.LLAddr = guest.ParseMAC(mac)
		err := a.open(p, c).Ping(c.Gateway4, patience(told))
		wantReached(t, id, told, err)
		if dropped := a.dropped(); (dropped == 0) != told {
			t.Errorf("%s: %d frames dropped", id, dropped)
		}
	}
}

// launcher is a direct call for a virt-launcher pod, as containerd and CRI-O make it. domain is KubeVirt's annotation.
func (p *pod) launcher(name, domain string) cni.Call {
	annotations := ""
	if domain != "" {
		annotations = fmt.Sprintf(`"kubevirt.io/domain": %q, "kubevirt.io/migrationTransportUnix": "true"`, domain)
	}
	call := p.call("eth0", conf(fmt.Sprintf(`"tap": {"uid": 107}, "switch": {"interface": "bridge0", "create": true}, "local": true,
		"capabilities": {"io.kubernetes.cri.pod-annotations": true}, "runtimeConfig": {"io.kubernetes.cri.pod-annotations": {%s}}`, annotations)))
	call.Args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=" + name + ";K8S_POD_INFRA_CONTAINER_ID=" + p.id
	return call
}

// identity is what a guest keeps if all goes well.
type identity struct{ VM, LLAddr, Addr4, Addr6, Gateway string }

func (a *attachment) identity() identity {
	g := a.guestConfig()
	return identity{vmOf(a), g.LLAddr.String(), g.Addr4.String(), g.Addr6.String(), a.node.link(a.t, a.gateway()).Address}
}

// TestKubeVirtComesBack: a VM's new pod has a new name, and its guest the same vmid,
// addresses and lladdr, and the same lladdr of its gateway. Called directly vmtap goes by the annotation, behind Multus by the pod's name.
func TestKubeVirtComesBack(t *testing.T) {
	for name, vm := range map[string]string{"short": "db", "long": "a-vm-whose-name-is-as-long-as-kubernetes-lets-a-label-be-63-byt"} {
		t.Run("annotation, "+name, func(t *testing.T) {
			wantsNoVRF(t)
			n := newNode(t)
			var all []identity
			for _, pod := range []string{"virt-launcher-db-x7k2p", "anything"} {
				p := n.newPod(t, pod)
				a := n.add(t, p.launcher(pod, vm))
				expect(t, "alias", n.link(t, a.hostLink()).Alias, a.hostLink()+"-default/"+vm)
				all = append(all, a.identity())
				a.del()
			}
			expect(t, "when it came back", all[1], all[0])
		})
		t.Run("behind Multus, "+name, func(t *testing.T) {
			c := newKubeVirtCluster(t)
			v := exampleVMI(t)
			v.Metadata.Name = vm
			var all [][]identity
			for _, random := range []string{"x7k2p", "b4c9z"} {
				p := c.launch(t, v, random, random)
				var nics []identity
				for _, n := range v.Spec.Networks {
					nics = append(nics, p.nic(t, n).identity())
					if args := p.cached(t, c.networkName(t, n), n.podInterface()); strings.Contains(string(args.Config)+fmt.Sprint(args.Args, args.CapabilityArgs), "kubevirt") {
						t.Errorf("Multus forwards KubeVirt's name: %+v", args)
					}
				}
				all = append(all, nics)
				p.delAll(t)
			}
			expect(t, "when it came back", all[1], all[0])
		})
	}
}
