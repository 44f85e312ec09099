package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTapChild: the plugin's child makes a tap with the open file that it is
// given, in the namespace in which that was opened, and never opens one that
// exists. The tap goes with the file. That needs no SELinux.
func TestTapChild(t *testing.T) {
	n := newNodeHere(t)
	p := n.newPod(t, "p")
	flags := fmt.Sprint(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
	before := takeAll(t, n.NS, p.NS)
	tun := p.openTun(t)
	expect(t, "exit status", n.tapChild(t, tun, "make-tap", "eth0", flags), 0)
	expect(t, "kind", p.link(t, "eth0").Info.Kind, "tun")

	const errno = 100
	other := p.openTun(t)
	expect(t, "exit status, name taken", n.tapChild(t, other, "make-tap", "eth0", flags), errno+int(unix.EBUSY))
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "exit status, another file", n.tapChild(t, null, "make-tap", "eth1", flags), errno+int(unix.ENOTTY))
	expect(t, "exit status, flags are no number", n.tapChild(t, other, "make-tap", "eth1", "x"), 1)
	expect(t, "exit status, a name too long", n.tapChild(t, other, "make-tap", "eth1234567890123", flags), errno+int(unix.EINVAL))
	for _, f := range []*os.File{tun, other, null} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	before.wantSame(t)
}

// openTun opens /dev/net/tun in the pod.
func (p *pod) openTun(t *testing.T) *os.File {
	t.Helper()
	var f *os.File
	var err error
	p.Do(func() { f, err = os.OpenFile("/dev/net/tun", os.O_RDWR, 0) })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// tapChild runs the plugin as its own child, outside the pod, and returns its
// exit status.
func (n *node) tapChild(t *testing.T, tun *os.File, args ...string) int {
	t.Helper()
	cmd := n.Command(n.Bin, args...)
	cmd.Env = []string{}
	cmd.ExtraFiles = []*os.File{tun} // 3
	err := cmd.Run()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}
