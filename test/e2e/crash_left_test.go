package e2e

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// callGroups are the process groups of a world's calls.
type callGroups struct {
	mu  sync.Mutex
	ids []int
}

func (g *callGroups) add(id int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids = append(g.ids, id)
}

// living are those of which a process lives.
func (g *callGroups) living() []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ids = slices.DeleteFunc(g.ids, func(id int) bool { return errors.Is(unix.Kill(-id, 0), unix.ESRCH) })
	return slices.Clone(g.ids)
}

// wantNoChildren demands that no process lives on that a plugin began. One that dies with the plugin takes its time.
func (w *crashWorld) wantNoChildren(about string) {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); len(w.groups.living()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Errorf("leak: processes of groups %v live on, after %s", w.groups.living(), about)
			return
		}
	}
}

// wantOwnFiles demands that a plugin makes no file but its lock, removes none, and writes to no other than the
// kernel's settings and its own output.
func wantOwnFiles(t *testing.T, steps []cni.Step, dan danDir) {
	t.Helper()
	own := []string{"/run/vmtap/lock", "/proc/sys/net/", "pipe:", "socket:", "/memfd:"}
	if dan.path != "" {
		own = append(own, dan.path)
	}
	const context = "/attr/exec" // its own, for the child that makes a labelled tap
	for _, s := range steps {
		switch s.Call {
		case "openat", "write", "mkdirat", "unlinkat", "fchmodat", "renameat", "linkat", "symlinkat", "mknodat", "mount", "umount2":
			if s.Changes && !strings.HasSuffix(s.Detail, context) && !slices.ContainsFunc(own, func(path string) bool { return strings.HasPrefix(s.Detail, path) }) {
				t.Errorf("leak: step %v", s)
			}
		}
	}
}

// TestCallGroups: a process that a call's left behind is seen for as long as it lives.
func TestCallGroups(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	var g callGroups
	p := n.Wrap("sh", "-c", `sleep 1000 >/dev/null 2>&1 & exec "$0"`)
	p.Started = g.add
	if _, fault := p.Add(t, n.newPod(t, "p").call("eth0", localConf)); fault != nil {
		t.Fatal(fault)
	}
	left := g.living()
	if len(left) != 1 {
		t.Fatalf("groups %v live on, want one", left)
	}
	if err := unix.Kill(-left[0], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of the process", func() bool { return len(g.living()) == 0 })
}
