package netns

import (
	"os/exec"
	"strings"
	"testing"
)

// Cmd is an exec.Cmd whose process runs inside a namespace: a child is in the namespace of the thread that forks it.
// It still has the mounts of everybody, so /sys/class/net shows the links of the namespace that mounted /sys.
type Cmd struct {
	*exec.Cmd
	ns *NS
}

// Command is exec.Command for a process inside the namespace.
func (ns *NS) Command(name string, args ...string) *Cmd {
	return &Cmd{Cmd: exec.Command(name, args...), ns: ns}
}

// Start is exec.Cmd's, inside the namespace.
func (c *Cmd) Start() (err error) {
	c.ns.Do(func() { err = c.Cmd.Start() })
	return err
}

// Run is exec.Cmd's, inside the namespace.
func (c *Cmd) Run() (err error) {
	if err := c.Start(); err != nil {
		return err
	}
	return c.Wait()
}

// Output is exec.Cmd's, inside the namespace.
func (c *Cmd) Output() (out []byte, err error) {
	c.ns.Do(func() { out, err = c.Cmd.Output() })
	return out, err
}

// CombinedOutput is exec.Cmd's, inside the namespace.
func (c *Cmd) CombinedOutput() (out []byte, err error) {
	c.ns.Do(func() { out, err = c.Cmd.CombinedOutput() })
	return out, err
}

// Run runs a command inside the namespace and returns what it printed. The test fails if the command does.
func (ns *NS) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	return ns.run(t, "", name, args...)
}

// RunInput is Run with a standard input, for `ip -batch -` and `nft -f -`.
func (ns *NS) RunInput(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	return ns.run(t, stdin, name, args...)
}

func (ns *NS) run(t testing.TB, stdin, name string, args ...string) string {
	t.Helper()
	cmd := ns.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("run %s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}
