package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// responder is a vmtapd at work on a node.
type responder struct {
	cmd *netns.Cmd
	log *syncBuffer
}

// syncBuffer is a bytes.Buffer for a process's output and a test at once.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// answers starts vmtapd on the node, with these files as its configurations, and ends it with the test.
func (n *node) answers(t *testing.T, dir string) *responder {
	t.Helper()
	r := &responder{cmd: n.Command(filepath.Join(filepath.Dir(os.Getenv("VMTAP_BIN")), "vmtapd"), "-conf-dir", dir, "-verbose"), log: &syncBuffer{}}
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.end(t)
		if t.Failed() {
			t.Logf("vmtapd:\n%s", r.log)
		}
	})
	r.await(t, "listening")
	return r
}

// await waits for words in the log.
func (r *responder) await(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(r.log.String(), words); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("vmtapd does not say %q:\n%s", words, r.log)
		}
	}
}

// end tells it to end, which it must do at once and well.
func (r *responder) end(t *testing.T) {
	t.Helper()
	if r.cmd.ProcessState != nil {
		return
	}
	if err := r.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("vmtapd: %v", err)
	}
}

// confDir is a directory of configurations with one network in it.
func confDir(t *testing.T, block string) string {
	t.Helper()
	dir := t.TempDir()
	list := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap"%s}]}`, block)
	write(t, filepath.Join(dir, "10-vmnet.conflist"), list)
	return dir
}

// bareSystem starts a guest with this machine's kernel that was told nothing but its lladdr.
func (a *attachment) bareSystem(p *pod) *netns.NS {
	a.t.Helper()
	ns, tap := a.tap(p)
	s := guest.System(a.t, ns, tap, guest.Config{LLAddr: a.guestConfig().LLAddr})
	s.Run(a.t, "ip", "link", "set", "eth0", "down")
	s.Run(a.t, "ip", "link", "set", "eth0", "addrgenmode", "eui64", "up")
	return s
}

// TestAnswerUdhcpc: a machine whose only program is busybox's DHCP client gets its address, and the host's ping.
func TestAnswerUdhcpc(t *testing.T) {
	for name, block := range map[string]string{"pod": "", "switch": createConf, "host": `"placement": "host"`} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.answers(t, confDir(t, `, "dns": {"nameservers": ["192.0.2.53"], "domain": "example.org"}`))
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(block))
			m := a.bareSystem(p)
			c := a.guestConfig()
			script := filepath.Join(t.TempDir(), "script")
			write(t, script, `#!/bin/sh
[ "$1" = bound ] || exit 0
env | grep -E '^(ip|mask|subnet|router|dns|domain|hostname|lease|mtu|serverid)=' | sort
ip address add $ip/$mask dev $interface
ip route add default via $router
`)
			if err := os.Chmod(script, 0o700); err != nil {
				t.Fatal(err)
			}
			out := m.Run(t, "busybox", "udhcpc", "-i", "eth0", "-n", "-q", "-t", "20", "-s", script)
			host, own := c.Gateway4.String(), c.Addr4.Addr().String()
			for _, want := range []string{"ip=" + own, "mask=31", "router=" + host, "serverid=" + host, "dns=192.0.2.53", "domain=example.org", "hostname=p"} {
				if !strings.Contains(out, want+"\n") {
					t.Errorf("udhcpc got no %s:\n%s", want, out)
				}
			}
			m.Run(t, "ping", "-c1", "-W10", host)
			n.Run(t, "ping", "-c1", "-W10", own)
		})
	}
}
