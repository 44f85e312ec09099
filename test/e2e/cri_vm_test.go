package e2e

import (
	"strings"
	"syscall"
	"testing"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// TestCRIVM: a pod whose container is a VM. QEMU is started by containerd with
// no more rights than any program, takes the pod's tap, and the guest answers
// on the pod's addresses. docs/vm-pod.md shows it.
func TestCRIVM(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		p := m.runVMPod(t)
		p.wantIPs(t)
		vm := p.boot(t, func(*runtime.ContainerConfig) {})
		p.wantUnprivileged(t, vm)
		p.wantAnswers(t)
		p.wantCheck(t)
		p.wantRefusals(t)

		if !m.AsksStatus() {
			vm.Stop(t, 60)
			expect(t, "status of QEMU that was told to end", vm.Wait(t), 0)
			p.wantCheck(t)
			vm.Remove(t)
			p.MustEnd(t)
			m.wantNothing(t)
			return
		}
		// What a kubelet does when a container ends: it runs another one in the
		// same sandbox. One of the two shows it, with the device as a volume.
		p.kill(t, vm, syscall.SIGKILL)
		expect(t, "status of QEMU that was killed", vm.Wait(t), 128+int32(syscall.SIGKILL))
		p.boot(t, asVolume)
		p.wantAnswers(t)
		p.wantCheck(t)
		p.MustEnd(t)
		m.wantNothing(t)
	})
}

// asVolume gives a container its devices as a kubelet does with a pod's volumes.
func asVolume(c *runtime.ContainerConfig) {
	for _, d := range c.Devices {
		c.Mounts = append(c.Mounts, &runtime.Mount{HostPath: d.HostPath, ContainerPath: d.ContainerPath})
	}
	c.Devices = nil
}

// TestCRIVMPowersOff: the container of a guest that powers itself off ends with
// status 0.
func TestCRIVMPowersOff(t *testing.T) {
	m := onNewestContainerd(t)
	p := m.runVMPod(t)
	vm := p.MustRun(t, p.vm(t, func(c *runtime.ContainerConfig) {
		setEnv(c, "VM_ARGS", "rdinit=/bin/busybox -- poweroff -f")
	}))
	expect(t, "status", vm.Wait(t), 0)
	p.MustEnd(t)
	m.wantNothing(t)
}

// wantRefusals demands that other containers of the pod do not get the tap, and
// say why. The VM goes on.
func (p *vmPod) wantRefusals(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		what, says string
		change     func(*runtime.ContainerConfig)
	}{
		{"a second VM monitor", "qemu-system-x86_64: -netdev tap,id=net,ifname=eth0,script=no,downscript=no: could not configure /dev/net/tun (eth0): Device or resource busy\n", func(*runtime.ContainerConfig) {}},
		{"another user", "qemu-system-x86_64: -netdev tap,id=net,ifname=eth0,script=no,downscript=no: could not configure /dev/net/tun (eth0): Operation not permitted\n", func(c *runtime.ContainerConfig) {
			c.Linux.SecurityContext.RunAsUser.Value = 1000
		}},
		{"a pod without the device", "start: there is no /dev/net/tun: the pod must be given this device\n", func(c *runtime.ContainerConfig) { c.Devices = nil }},
		{"a pod without addresses", "start: POD_IPS is empty: it must be set from status.podIPs\n", func(c *runtime.ContainerConfig) { setEnv(c, "POD_IPS", "") }},
		{"addresses of another plugin", "start: 10.0.0.4 is no guest's address of a local interface: those are odd\n", func(c *runtime.ContainerConfig) { setEnv(c, "POD_IPS", "10.0.0.4") }},
		{"IPv6 of another plugin", "start: fd01::3 is no guest's address of a local interface: those end with :2\n", func(c *runtime.ContainerConfig) { setEnv(c, "POD_IPS", "fd01::3") }},
		{"another accelerator", "start: VM_ACCEL is xen: want kvm or tcg\n", func(c *runtime.ContainerConfig) { setEnv(c, "VM_ACCEL", "xen") }},
	} {
		refused := p.MustRun(t, p.vm(t, c.change))
		expect(t, c.what+": status", refused.Wait(t), 1)
		if log := refused.Log(t); !strings.HasSuffix(log, c.says) {
			t.Errorf("%s: want %q, have %q", c.what, c.says, log)
		}
		refused.Remove(t)
	}
}
