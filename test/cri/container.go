package cri

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Container is a container of a pod.
type Container struct {
	ID     string
	Config *runtime.ContainerConfig

	pod *Pod
}

// Run creates and starts a container in the pod, as a kubelet does.
func (p *Pod) Run(ctx context.Context, config *runtime.ContainerConfig) (*Container, error) {
	answer, err := p.m.Runtime().CreateContainer(ctx, &runtime.CreateContainerRequest{
		PodSandboxId: p.ID, Config: config, SandboxConfig: p.Config,
	})
	if err != nil {
		return nil, fmt.Errorf("create: %w", err)
	}
	c := &Container{ID: answer.ContainerId, Config: config, pod: p}
	if _, err := p.m.Runtime().StartContainer(ctx, &runtime.StartContainerRequest{ContainerId: c.ID}); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	return c, nil
}

// MustRun is Run of a container that must start.
func (p *Pod) MustRun(t testing.TB, config *runtime.ContainerConfig) *Container {
	t.Helper()
	c, err := p.Run(t.Context(), config)
	if err != nil {
		t.Fatalf("run a container in the pod %s: %v", p.Config.Metadata.Name, err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the container %s said:\n%s", config.LogPath, c.Log(t))
		}
	})
	return c
}

// Stop tells the container's process to end, and kills it after so many seconds.
func (c *Container) Stop(t testing.TB, seconds int64) {
	t.Helper()
	if _, err := c.pod.m.Runtime().StopContainer(t.Context(), &runtime.StopContainerRequest{ContainerId: c.ID, Timeout: seconds}); err != nil {
		t.Fatalf("stop the container: %v", err)
	}
}

// Remove removes the container, which must have ended.
func (c *Container) Remove(t testing.TB) {
	t.Helper()
	if _, err := c.pod.m.Runtime().RemoveContainer(t.Context(), &runtime.RemoveContainerRequest{ContainerId: c.ID}); err != nil {
		t.Fatalf("remove the container: %v", err)
	}
}

// Ended reports whether the container's process has ended.
func (c *Container) Ended(t testing.TB) bool {
	t.Helper()
	status, _ := c.status(t)
	return status.State == runtime.ContainerState_CONTAINER_EXITED
}

// slow is how long a container may take for what it does itself: to boot a guest without KVM, on a busy machine.
const slow = 10 * time.Minute

// WaitForLog waits until the container's process has printed this.
func (c *Container) WaitForLog(t testing.TB, text string) {
	t.Helper()
	wait(t, slow, fmt.Sprintf("%q of the container %s", text, c.Config.LogPath), func(context.Context) bool {
		ended := c.Ended(t)
		said := strings.Contains(c.Log(t), text)
		if ended && !said {
			t.Fatalf("the container %s ended without saying %q", c.Config.LogPath, text)
		}
		return said
	})
}

// Wait waits until the container's process has ended, and returns its status.
func (c *Container) Wait(t testing.TB) int32 {
	t.Helper()
	wait(t, slow, "the container "+c.Config.LogPath+" to end", func(context.Context) bool { return c.Ended(t) })
	status, _ := c.status(t)
	return status.ExitCode
}

// PID is the number of the container's process, on the machine.
func (c *Container) PID(t testing.TB) int {
	t.Helper()
	_, said := c.status(t)
	return parseInfo(t, said).PID
}

func (c *Container) status(t testing.TB) (*runtime.ContainerStatus, map[string]string) {
	t.Helper()
	answer, err := c.pod.m.Runtime().ContainerStatus(t.Context(), &runtime.ContainerStatusRequest{ContainerId: c.ID, Verbose: true})
	if err != nil {
		t.Fatalf("ask for the container: %v", err)
	}
	return answer.Status, answer.Info
}

// Log is what the container's process printed, as "kubectl logs" shows it.
func (c *Container) Log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.pod.Config.LogDirectory, c.Config.LogPath))
	if err != nil {
		t.Error(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		// A line has its time, stream, and F, or P if it goes on.
		if f := strings.SplitN(line, " ", 4); len(f) == 4 && f[2] == "P" {
			b.WriteString(strings.TrimSuffix(f[3], "\n"))
		} else if len(f) == 4 {
			b.WriteString(f[3])
		}
	}
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}
