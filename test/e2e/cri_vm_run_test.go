package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/vmtap/vmtap/test/cri"
	"github.com/vmtap/vmtap/test/script"
)

// vmPod is the pod that docs/vm-pod.md is about: one whose container is a VM.
type vmPod struct {
	*sandbox
	m          *machine
	containers uint32 // how many there were
}

// runVMPod runs the pod's sandbox on a machine that has the VM's image.
func (m *machine) runVMPod(t *testing.T) *vmPod {
	t.Helper()
	m.configure(t, readExample(t, "21-vm-pod.conflist"))
	m.Import(t, "vmtap.test/vm:1", script.Output(t, source, "hack/vm-image.sh"))
	config := m.PodConfig("web", nil)
	logs := config.LogDirectory
	if err := json.Unmarshal([]byte(sourceFile(t, "hack/vm-image/sandbox.json")), config); err != nil {
		t.Fatal(err)
	}
	config.LogDirectory = logs
	return &vmPod{sandbox: m.sandbox(t, m.MustRunPod(t, config)), m: m}
}

// vm is what a kubelet says of the VM's container, with a change of the test's.
func (p *vmPod) vm(t *testing.T, change func(*runtime.ContainerConfig)) *runtime.ContainerConfig {
	t.Helper()
	var c runtime.ContainerConfig
	if err := json.Unmarshal([]byte(sourceFile(t, "hack/vm-image/container.json")), &c); err != nil {
		t.Fatal(err)
	}
	var ips []string
	for _, ip := range p.Pod.IPs(t) {
		ips = append(ips, ip.String())
	}
	setEnv(&c, "POD_IPS", strings.Join(ips, ","))
	accel, _, _ := strings.Cut(script.Output(t, source, "hack/accel.sh"), ",")
	setEnv(&c, "VM_ACCEL", accel)
	if accel == "kvm" {
		c.Devices = append(c.Devices, &runtime.Device{HostPath: "/dev/kvm", ContainerPath: "/dev/kvm", Permissions: "rw"})
	}
	c.Metadata.Attempt = p.containers
	c.LogPath = fmt.Sprintf("vm-%d.log", p.containers)
	p.containers++
	change(&c)
	return &c
}

// setEnv sets a variable of a container's environment.
func setEnv(c *runtime.ContainerConfig, key, value string) {
	for _, e := range c.Envs {
		if e.Key == key {
			e.Value = []byte(value)
			return
		}
	}
	c.Envs = append(c.Envs, &runtime.KeyValue{Key: key, Value: []byte(value)})
}

// boot runs the VM and waits until the guest is ready.
func (p *vmPod) boot(t *testing.T, change func(*runtime.ContainerConfig)) *cri.Container {
	t.Helper()
	vm := p.MustRun(t, p.vm(t, change))
	vm.WaitForLog(t, "guest: ready\n")
	return vm
}

// wantAnswers demands that the guest answers on the pod's addresses, and says
// that they are its own.
func (p *vmPod) wantAnswers(t *testing.T) {
	t.Helper()
	client := webClient(p.m.NS)
	c := p.guestConfig()
	want := fmt.Sprintf("hostname web\nlladdr %s\naddress %s\naddress %s\n", c.LLAddr, c.Addr4, c.Addr6)
	for _, ip := range p.Pod.IPs(t) {
		answer, err := client.Get("http://" + net.JoinHostPort(ip.String(), "80"))
		if err != nil {
			t.Errorf("ask the guest: %v", err)
			continue
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // it was read
		if err != nil {
			t.Errorf("read the guest's answer: %v", err)
		}
		expect(t, "the guest's answer on "+ip.String(), string(body), want)
	}
}

// wantUnprivileged demands that a VM is process 1 of its container and has no
// rights but those of the tap's user.
func (p *vmPod) wantUnprivileged(t *testing.T, vm *cri.Container) {
	t.Helper()
	text, err := os.ReadFile(p.m.Path(fmt.Sprintf("/proc/%d/status", vm.PID(t))))
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	for _, line := range regexp.MustCompile(`(?m)^(\w+):\s*(.*?)\s*$`).FindAllStringSubmatch(string(text), -1) {
		status[line[1]] = line[2]
	}
	_, inContainer, _ := strings.Cut(status["NSpid"], "\t")
	none := "0000000000000000"
	expect(t, "QEMU's status", map[string]string{
		"Name": status["Name"], "pid": inContainer, "Uid": status["Uid"], "Gid": status["Gid"],
		"CapInh": status["CapInh"], "CapPrm": status["CapPrm"], "CapEff": status["CapEff"], "CapBnd": status["CapBnd"], "CapAmb": status["CapAmb"],
		"NoNewPrivs": status["NoNewPrivs"], "Seccomp": status["Seccomp"],
	}, map[string]string{
		"Name": "qemu-system-x86", "pid": "1", "Uid": "107\t107\t107\t107", "Gid": "107\t107\t107\t107",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
		"NoNewPrivs": "1", "Seccomp": "2",
	})
}

// kill sends a signal to a VM's process.
func (p *vmPod) kill(t *testing.T, vm *cri.Container, signal syscall.Signal) {
	t.Helper()
	p.m.Run(t, "kill", fmt.Sprintf("-%d", signal), fmt.Sprint(vm.PID(t)))
}

// onNewestContainerd is a machine with the newest containerd, for what does not
// depend on it.
func onNewestContainerd(t *testing.T) *machine {
	t.Helper()
	releases := cri.Releases(t, source)
	newest := releases[len(releases)-1]
	t.Cleanup(func() { runtimes.add(t.Name(), newest.String(), !t.Failed()) })
	m := newMachine(t, newest)
	m.Start(t, "")
	return m
}

// sourceFile reads a file of the source tree.
func sourceFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
