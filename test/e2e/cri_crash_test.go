package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCRIRestart: containerd is killed and starts again. Pods keep their
// network, new ones get theirs, and those from before can be ended.
func TestCRIRestart(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		s := m.run(t, "web", nil)
		g := s.boot(s.ns)
		m.Kill(t)
		wantReached(t, "a gateway without containerd", true, g.Ping(s.guestConfig().Gateway4, answered))
		m.Restart(t)
		s.wantIPs(t)
		s.wantCheck(t)
		other := m.run(t, "other", nil)
		wantReached(t, "the new guest", true, other.boot(other.ns).Ping(s.guestConfig().Addr6.Addr(), answered))
		s.MustEnd(t)
		other.MustEnd(t)
		m.wantNothing(t)
	})
}

// TestCRIPauseKilled: the process that holds the sandbox dies. The network stays
// until the kubelet, which sees that, ends the sandbox and makes another one.
func TestCRIPauseKilled(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		first := m.run(t, "web", nil)
		config := first.guestConfig()
		m.Run(t, "kill", "-KILL", fmt.Sprint(first.PID(t)))
		m.WaitFor(t, "containerd to see it", func(context.Context) bool { return !first.Ready(t) })
		first.wantCheck(t)

		again := first.Pod.Config
		again.Metadata.Attempt++
		if err := first.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.wantNothing(t)
		p := m.MustRunPod(t, again)
		expect(t, "what the guest is told", fmt.Sprint(m.sandbox(t, p).guestConfig()), fmt.Sprint(config))
		if err := first.Remove(t.Context()); err != nil { // which calls DEL once more
			t.Fatal(err)
		}
		m.sandbox(t, p).wantCheck(t)
		p.MustEnd(t)
		m.wantNothing(t)
	})
}

// TestCRIKilledInADD kills containerd while the plugin works, which then cannot
// tell its result to anyone. The kubelet's next attempt, after containerd is back,
// works, and in the end nothing is left.
func TestCRIKilledInADD(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		m.run(t, "before", nil).MustEnd(t) // makes what stays
		before := takeAll(t, m.NS)
		unlock := m.holdClaims(t)
		failed := m.runBeside(t, "web")
		m.WaitFor(t, "the plugin to wait for the lock", func(context.Context) bool { return isAwaited(t, claimsByte) })
		m.Kill(t)
		unlock()
		if err := <-failed; err == nil {
			t.Error("the pod runs")
		}
		m.WaitFor(t, "the plugin to end", func(context.Context) bool { return m.Command("pgrep", "-x", "vmtap").Run() != nil })
		before.wantSame(t)
		m.wantNextAttempt(t)
		before.wantSame(t)
	})
}

// runBeside runs a pod beside the test.
func (m *machine) runBeside(t *testing.T, name string) (failed <-chan error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := m.RunPod(context.WithoutCancel(t.Context()), m.PodConfig(name, nil))
		done <- err
	}()
	return done
}

// wantNextAttempt starts containerd again. The kubelet ends the sandbox that did
// not come to run, which is all that is needed for nothing to be left of it, and
// tries again.
func (m *machine) wantNextAttempt(t *testing.T) {
	t.Helper()
	m.Restart(t)
	m.endAll(t)
	m.wantNothing(t)
	s := m.run(t, "web", nil)
	s.wantIPs(t)
	s.wantCheck(t)
	s.MustEnd(t)
	m.wantNothing(t)
}

// dyingPlugin is run in vmtap's place. Of the first ADD it kills first vmtap, when
// that sends its tenth batch to the kernel, and then containerd.
const dyingPlugin = `#!/bin/sh
dir=$(dirname "$0")
if [ "$CNI_COMMAND" = ADD ] && mkdir "$dir/died" 2>/dev/null; then
	strace -f -qq -o /dev/null -e trace=sendto -e inject=sendto:signal=SIGKILL:when=10 "$dir/real"
	pkill -KILL -x containerd
	exit 1
fi
exec "$dir/real"
`

// TestCRIKilledHalfway kills the plugin when it has made some of an attachment,
// and containerd before that can call DEL.
func TestCRIKilledHalfway(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		m.run(t, "before", nil).MustEnd(t)
		before := takeAll(t, m.NS)
		m.replacePlugin(t, dyingPlugin)
		if err := <-m.runBeside(t, "web"); err == nil {
			t.Error("the pod runs")
		}
		m.Wait()
		if left := m.node.hostLinks(t); len(left) == 0 {
			t.Error("nothing had been made")
		}
		m.wantNextAttempt(t)
		before.wantSame(t)
	})
}

// claimsByte is the byte of the lock file that is for claims.
const claimsByte = 0

// holdClaims keeps calls on the machine from claiming anything.
func (m *machine) holdClaims(t *testing.T) (unlock func()) {
	t.Helper()
	file, err := os.OpenFile(m.Path("/run/vmtap/lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(file.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK, Start: claimsByte, Len: 1}); err != nil {
		t.Fatal(err)
	}
	return func() { _ = file.Close() }
}

// slowPlugin waits for good when it is told to add.
const slowPlugin = `#!/bin/sh
[ "$CNI_COMMAND" != ADD ] || { touch "$(dirname "$0")/reached"; exec sleep 1000; }
`

// TestCRIKilledAfterADD kills containerd, and the plugin that comes after vmtap,
// when vmtap's part is done but containerd does not know.
func TestCRIKilledAfterADD(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		list := fmt.Sprintf(`{"cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"], "name": "vmnet", "plugins": [{"type": "vmtap", %s}, {"type": "slow"}]}`, createConf)
		if err := os.WriteFile(filepath.Join(m.BinDir, "slow"), []byte(slowPlugin), 0o700); err != nil {
			t.Fatal(err)
		}
		m.configure(t, list)
		failed := m.runBeside(t, "web")
		m.WaitFor(t, "the second plugin", func(context.Context) bool {
			_, err := os.Stat(filepath.Join(m.BinDir, "reached"))
			return err == nil
		})
		m.Kill(t)
		m.Run(t, "pkill", "-KILL", "-x", "sleep")
		if err := <-failed; err == nil {
			t.Error("the pod runs")
		}
		expect(t, "links that are left", len(m.node.hostLinks(t)), 2)
		m.write(t, listOf("vmnet", createConf)) // the operator removes what was stuck
		m.wantNextAttempt(t)
	})
}
