package cri

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	runtime "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/vmtap/vmtap/test/script"
)

// Timeout is how long a machine may take for what is asked of it.
const Timeout = 5 * time.Minute

// PauseImage is the image that pods' sandboxes run; hack/pause-image.sh makes it.
const PauseImage = "vmtap.test/pause:1"

// Version 2 of the configuration is containerd 1's, version 3 is containerd 2's. restrict_oom_score_adj, disable_apparmor
// and SystemdCgroup are as containerd needs it in containers, which tests may run in.
const configs = `
{{define "common"}}
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
address = "{{.Socket}}"
{{end}}

{{define "runc"}}
runtime_type = "io.containerd.runc.v2"
[{{.}}.options]
BinaryName = "runc"
SystemdCgroup = false
{{end}}

{{define "1"}}
version = 2
{{template "common" .}}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{{.Pause}}"
disable_tcp_service = true
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{{.BinDir}}"
conf_dir = "{{.ConfDir}}"
conf_template = "{{.ConfTemplate}}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
{{template "runc" "plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc"}}
{{end}}

{{define "2"}}
version = 3
{{template "common" .}}
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "{{.Pause}}"
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true
disable_apparmor = true
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["{{.BinDir}}"]
conf_dir = "{{.ConfDir}}"
conf_template = "{{.ConfTemplate}}"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
{{template "runc" "plugins.\"io.containerd.cri.v1.runtime\".containerd.runtimes.runc"}}
{{end}}
`

// Start starts containerd and waits until it answers. confTemplate is the file from which it writes the network's
// configuration when it is told the node's addresses, or empty.
func (m *Machine) Start(t testing.TB, confTemplate string) {
	t.Helper()
	var config strings.Builder
	name := "1"
	if m.AsksStatus() {
		name = "2"
	}
	if err := template.Must(template.New("").Parse(configs)).ExecuteTemplate(&config, name, map[string]string{
		"Socket": m.Socket(), "Pause": PauseImage, "BinDir": m.BinDir, "ConfDir": m.ConfDir, "ConfTemplate": confTemplate,
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.configFile(), []byte(config.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	m.Restart(t)
	m.Import(t, PauseImage, script.Output(t, m.root, "hack/pause-image.sh"))
}

// Socket is where containerd listens.
func (m *Machine) Socket() string { return filepath.Join(m.Dir, "containerd.sock") }

func (m *Machine) configFile() string { return filepath.Join(m.Dir, "containerd.toml") }

func (m *Machine) logFile() string { return filepath.Join(m.Dir, "containerd.log") }

// Restart starts containerd, which must not run, with the configuration that it had.
func (m *Machine) Restart(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(m.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	m.daemon = m.Command("containerd", "--config", m.configFile())
	m.daemon.Stdout, m.daemon.Stderr = log, log
	if err := m.daemon.Start(); err != nil {
		t.Fatalf("start %s: %v", m, err)
	}
	if err := m.clients.dial(m.Socket()); err != nil {
		t.Fatal(err)
	}
	var last error
	m.WaitFor(t, m.String()+" to answer", func(ctx context.Context) bool {
		_, last = m.Runtime().Version(ctx, &runtime.VersionRequest{})
		return last == nil
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last error: %v; the log of %s ends:\n%s", last, m, endOf(m.logFile()))
		}
	})
}

// Kill kills containerd as a lack of memory would. Its shims and the pods go on.
func (m *Machine) Kill(t testing.TB) {
	t.Helper()
	m.Run(t, "pkill", "-KILL", "-x", "containerd")
	m.Wait()
}

// Wait waits for the end of containerd, which was killed.
func (m *Machine) Wait() {
	_ = m.daemon.Wait()
	m.daemon = nil
}

// endOf is the end of a log, without what containerd says of its own plugins.
func endOf(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool {
		return strings.Contains(line, "loading plugin") || strings.Contains(line, "starting cri plugin")
	})
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// WaitFor waits for what containerd does in its own time.
func (m *Machine) WaitFor(t testing.TB, what string, done func(context.Context) bool) {
	t.Helper()
	wait(t, Timeout, what, done)
}

func wait(t testing.TB, timeout time.Duration, what string, done func(context.Context) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	for !done(ctx) {
		select {
		case <-ctx.Done():
			t.Fatalf("waited %v for %s", timeout, what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// NetworkReady is what containerd says of the pods' network: nil if it is ready, else why it is not.
func (m *Machine) NetworkReady(t testing.TB) error {
	t.Helper()
	answer, err := m.Runtime().Status(t.Context(), &runtime.StatusRequest{})
	if err != nil {
		t.Fatalf("ask for the node's status: %v", err)
	}
	for _, c := range answer.Status.Conditions {
		if c.Type == runtime.NetworkReady && !c.Status {
			return errors.New(c.Reason + ": " + c.Message)
		} else if c.Type == runtime.NetworkReady {
			return nil
		}
	}
	return fmt.Errorf("nothing is said of the network: %v", answer.Status.Conditions)
}
