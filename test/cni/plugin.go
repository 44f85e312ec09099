package cni

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// Timeout is how long a plugin may take. It then is killed, and the test fails.
const Timeout = 5 * time.Minute

// Plugin is a plugin's binary on a node. Its methods may be called from several goroutines at once, but those that
// take a t only from the test's own: see Invoke.
type Plugin struct {
	Bin  string
	Node *netns.NS // the namespace in which the runtime runs; nil: the test's own
	Path string    // CNI_PATH; the directory of Bin if empty

	// Started, if set, is told the process group of each call: its id stays that of what the plugin began and left.
	Started func(group int)

	wrap   []string
	faulty *supervisor
}

// New is the plugin of this repository on a node.
func New(t testing.TB, node *netns.NS) *Plugin {
	t.Helper()
	return &Plugin{Bin: Build(t), Node: node}
}

// Wrap returns the plugin run by a wrapper command, such as "strace", "-f", "-o", "log".
func (p *Plugin) Wrap(prefix ...string) *Plugin {
	w := *p
	w.wrap = append(append([]string(nil), prefix...), w.wrap...)
	return &w
}

// Add is ADD. It returns either the result or the error; see ParseResult.
func (p *Plugin) Add(t testing.TB, c Call) (stdout []byte, fault *Error) {
	t.Helper()
	stdout, fault = p.invoke(t, ADD, c)
	if fault == nil && len(stdout) == 0 {
		t.Fatal("ADD succeeded and printed no result")
	}
	return stdout, fault
}

// Check is CHECK.
func (p *Plugin) Check(t testing.TB, c Call) *Error { t.Helper(); return p.silent(t, CHECK, c) }

// Del is DEL.
func (p *Plugin) Del(t testing.TB, c Call) *Error { t.Helper(); return p.silent(t, DEL, c) }

// GC is GC. Only its Conf counts, in which cni.dev/valid-attachments stands.
func (p *Plugin) GC(t testing.TB, c Call) *Error { t.Helper(); return p.silent(t, GC, c) }

// Status is STATUS. Only its Conf counts.
func (p *Plugin) Status(t testing.TB, c Call) *Error { t.Helper(); return p.silent(t, STATUS, c) }

// Version is VERSION. Only its Conf counts.
func (p *Plugin) Version(t testing.TB, c Call) (stdout []byte, fault *Error) {
	t.Helper()
	return p.invoke(t, VERSION, c)
}

// silent is for the verbs that print nothing when they succeed.
func (p *Plugin) silent(t testing.TB, command string, c Call) *Error {
	t.Helper()
	stdout, fault := p.invoke(t, command, c)
	if fault == nil && len(stdout) > 0 {
		t.Fatalf("%s succeeded and printed %q, want nothing", command, stdout)
	}
	return fault
}

func (p *Plugin) invoke(t testing.TB, command string, c Call) ([]byte, *Error) {
	t.Helper()
	stdout, fault, err := p.Invoke(command, c)
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	return stdout, fault
}

// Invoke runs the plugin without a test, for goroutines, which may not fail one. fault is the plugin's error, err one
// of the plugin against the specification, or of running it.
func (p *Plugin) Invoke(command string, c Call) (stdout []byte, fault *Error, err error) {
	stdin, err := c.stdin()
	if err != nil {
		return nil, nil, err
	}
	path := p.Path
	if path == "" {
		path = filepath.Dir(p.Bin)
	}
	argv := append(append([]string(nil), p.wrap...), p.Bin)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = c.env(command, path)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	// A group of its own, so that a wrapper and its plugin can be killed at once.
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	// A delegate that outlives the plugin may hold its output open.
	cmd.WaitDelay = 30 * time.Second
	if err := p.start(cmd); err != nil {
		return nil, nil, err
	}
	if p.Started != nil {
		p.Started(cmd.Process.Pid)
	}
	late := time.AfterFunc(Timeout, func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	err = cmd.Wait()
	if !late.Stop() {
		return nil, nil, fmt.Errorf("the plugin was killed after %v; stderr: %q", Timeout, errs.Bytes())
	}
	return judge(cmd.ProcessState, err, out.Bytes(), errs.Bytes())
}

// start starts the command inside the node, supervised if calls are to be traced or to fail.
func (p *Plugin) start(cmd *exec.Cmd) error {
	start := cmd.Start
	if p.Node != nil {
		start = func() (err error) {
			p.Node.Do(func() { err = cmd.Start() })
			return err
		}
	}
	if p.faulty != nil {
		return p.faulty.start(start)
	}
	return start()
}
