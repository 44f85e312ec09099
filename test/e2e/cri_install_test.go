package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/yaml"

	"github.com/vmtap/vmtap/test/script"
)

const nodeImage = "vmtap.test/vmtap:1"

// nodeContainer is what a kubelet says of the container of conf/kubernetes/daemonset.yaml on this machine, whose
// directories for the runtime are elsewhere.
func (m *machine) nodeContainer(t *testing.T, args ...string) *runtime.ContainerConfig {
	t.Helper()
	var d appsv1.DaemonSet
	if err := yaml.UnmarshalStrict([]byte(sourceFile(t, "conf/kubernetes/daemonset.yaml")), &d); err != nil {
		t.Fatal(err)
	}
	pod := d.Spec.Template.Spec
	c := pod.Containers[0]
	security := &runtime.LinuxContainerSecurityContext{
		Capabilities:     &runtime.Capability{},
		RunAsUser:        &runtime.Int64Value{Value: *c.SecurityContext.RunAsUser},
		RunAsGroup:       &runtime.Int64Value{Value: *c.SecurityContext.RunAsGroup},
		ReadonlyRootfs:   *c.SecurityContext.ReadOnlyRootFilesystem,
		NoNewPrivs:       !*c.SecurityContext.AllowPrivilegeEscalation,
		Seccomp:          &runtime.SecurityProfile{ProfileType: runtime.SecurityProfile_RuntimeDefault},
		NamespaceOptions: &runtime.NamespaceOption{Network: runtime.NamespaceMode_NODE},
	}
	for _, name := range c.SecurityContext.Capabilities.Add {
		security.Capabilities.AddCapabilities = append(security.Capabilities.AddCapabilities, string(name))
	}
	for _, name := range c.SecurityContext.Capabilities.Drop {
		security.Capabilities.DropCapabilities = append(security.Capabilities.DropCapabilities, string(name))
	}
	config := &runtime.ContainerConfig{
		Metadata: &runtime.ContainerMetadata{Name: c.Name}, Image: &runtime.ImageSpec{Image: nodeImage},
		Args: append(args, c.Args...), LogPath: "vmtap.log",
		Linux: &runtime.LinuxContainerConfig{SecurityContext: security, Resources: &runtime.LinuxContainerResources{
			MemoryLimitInBytes: c.Resources.Limits.Memory().Value(),
		}},
	}
	elsewhere := map[string]string{"/opt/cni/bin": m.BinDir, "/etc/cni/net.d": m.ConfDir}
	for _, v := range pod.Volumes {
		mount := c.VolumeMounts[slices.IndexFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.Name == v.Name })]
		var path string
		switch {
		case v.HostPath == nil: // the ConfigMap
			path = filepath.Join(m.Dir, v.Name)
			if err := os.CopyFS(path, os.DirFS(filepath.Join(source, "conf/kubernetes"))); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		case elsewhere[v.HostPath.Path] != "":
			path = elsewhere[v.HostPath.Path]
		default:
			path = v.HostPath.Path
			if *v.HostPath.Type != corev1.HostPathFile {
				m.Run(t, "mkdir", "-p", path)
			} else if _, err := os.Stat(path); err != nil {
				continue // containerd would make a directory of it, on this machine
			}
		}
		config.Mounts = append(config.Mounts, &runtime.Mount{HostPath: path, ContainerPath: mount.MountPath, Readonly: mount.ReadOnly})
	}
	return config
}

// healthy reports whether /healthz answers as the manifest's probes want it.
func (m *machine) healthy(ctx context.Context) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:9743/healthz", nil)
	if err != nil {
		return false
	}
	answer, err := webClient(m.NS).Do(request)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, answer.Body) // it says ok
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// TestCRIInstall: a node that has containerd and nothing of vmtap becomes ready by a pod of conf/kubernetes/daemonset.yaml,
// with the rights that it says. What is removed there comes back; VMs outlive the pod; and the node takes no more pods when
// that was asked for.
func TestCRIInstall(t *testing.T) {
	wantsNoVRF(t)
	m := onNewestContainerd(t)
	plugin := filepath.Join(m.BinDir, "vmtap")
	if err := os.Remove(plugin); err != nil {
		t.Fatal(err)
	}
	if m.NetworkReady(t) == nil {
		t.Fatal("the network is ready without a configuration")
	}
	image := filepath.Join(m.Dir, "image.tar")
	script.Output(t, source, "hack/node-image.sh", nodeImage, image)
	m.Import(t, nodeImage, image)
	host := m.MustRunPod(t, m.HostPodConfig("vmtap"))
	c := host.MustRun(t, m.nodeContainer(t))
	ready := func(want bool) {
		t.Helper()
		m.WaitFor(t, fmt.Sprintf("the network to be ready: %t", want), func(context.Context) bool { return (m.NetworkReady(t) == nil) == want })
	}
	ready(true)
	m.WaitFor(t, "it to be well", m.healthy)
	s := m.run(t, "web", nil)
	s.wantIPs(t)
	s.wantCheck(t)

	// As docs/install.md has it with kubectl exec.
	shown, err := m.Runtime().ExecSync(t.Context(), &runtime.ExecSyncRequest{ContainerId: c.ID, Cmd: []string{"/bin/vmtapctl", "show"}, Timeout: 60})
	if err != nil || shown.ExitCode != 0 || !strings.Contains(string(shown.Stdout), "default/web") {
		t.Errorf("vmtapctl show: %v, %d: %s%s", err, shown.GetExitCode(), shown.GetStdout(), shown.GetStderr())
	}

	// The installer keeps no right; what it restores works.
	status := m.Path(fmt.Sprintf("/proc/%d/status", c.PID(t)))
	const nothing = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
	m.WaitFor(t, "the installer to give up its rights", func(context.Context) bool {
		text, err := os.ReadFile(status)
		return err == nil && strings.Contains(string(text), nothing)
	})
	for _, path := range []string{plugin, filepath.Join(m.ConfDir, "10-vmtap.conflist")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		m.WaitFor(t, path, func(context.Context) bool {
			_, err := os.Stat(path)
			return err == nil
		})
	}
	ready(true)
	m.run(t, "db", nil).MustEnd(t)

	c.Stop(t, 30)
	expect(t, "status", c.Wait(t), 0)
	c.Remove(t)
	ready(true)
	s.wantCheck(t)
	s.MustEnd(t)

	last := m.nodeContainer(t, "-remove-conf")
	last.Metadata.Attempt = 1
	c = host.MustRun(t, last)
	m.WaitFor(t, "it to be well", m.healthy)
	c.Stop(t, 30)
	expect(t, "status", c.Wait(t), 0)
	ready(false)
	host.MustEnd(t)
	m.wantNothing(t)
}
