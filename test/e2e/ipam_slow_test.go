package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
)

// isAwaited reports whether a call waits for a byte of the lock file.
func isAwaited(t *testing.T, offset int64) bool {
	t.Helper()
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(fmt.Sprintf(`-> OFDLCK .* %d %d\n`, offset, offset)).Match(locks)
}

// beside is a call that runs beside the test.
func (n *node) beside(command string, call cni.Call) (fault <-chan *cni.Error) {
	done := make(chan *cni.Error, 1)
	go func() {
		_, fault, err := n.Invoke(command, call)
		if err != nil {
			fault = &cni.Error{Msg: err.Error()}
		}
		done <- fault
	}()
	return done
}

// TestIPAMPluginSlow: while a plugin works, other attachments are not held up.
// A DEL of the same one, as after a runtime gave up, waits, and then takes away
// what ADD made.
func TestIPAMPluginSlow(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	f := n.newFake(t, `[ $CNI_COMMAND = ADD ] && until [ -e $dir/go ]; do sleep 0.01; done; `+give)
	p := n.newPod(t, "p")
	call := p.call("eth0", conf(fakeBlock))
	add := n.beside(cni.ADD, call)
	waitFor(t, "the plugin", func() bool { return f.said(t, "verbs") == "ADD" })

	n.newPod(t, "q").add(t, "eth0", conf(createConf)).del()
	p.add(t, "net1", confOf("other", createConf)).del()

	del := n.beside(cni.DEL, call)
	waitFor(t, "DEL to wait", func() bool { return isAwaited(t, vmid.LockOffset("p", "eth0")) })
	expect(t, "verbs", f.said(t, "verbs"), "ADD")
	if err := os.WriteFile(filepath.Join(f.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for verb, done := range map[string]<-chan *cni.Error{"ADD": add, "DEL": del} {
		if fault := <-done; fault != nil {
			t.Errorf("%s: %s", verb, fault)
		}
	}
	expect(t, "verbs", f.verbs(t), "ADD DEL")
	n.noVMLinks(t)
	p.onlyLoopback(t)
}
