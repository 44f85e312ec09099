package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// adoptOrphans makes this process the parent of what its children leave, until the test ends.
func adoptOrphans(t *testing.T) {
	t.Helper()
	set := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}
	set(1)
	t.Cleanup(func() { set(0) })
}

// children are this process's: by pid, what they execute.
func children(t *testing.T) map[int]string {
	t.Helper()
	lists, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(lists) == 0 {
		t.Fatalf("look for children: %v, %v", lists, err)
	}
	all := map[int]string{}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			all[pid], _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		}
	}
	return all
}

// wantNoChildren demands that no process lives on that a plugin began. One that dies with the plugin takes its time.
func (w *crashWorld) wantNoChildren(about string) {
	w.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		living := children(w.T)
		for pid := range living {
			if got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != nil || got == pid {
				delete(living, pid)
			}
		}
		if len(living) == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.Errorf("leak: processes live on: %v, after %s", living, about)
			return
		}
	}
}

// wantOwnFiles demands that a plugin makes no file but its lock, removes none, and writes to no other than the
// kernel's settings and its own output.
func wantOwnFiles(t *testing.T, steps []cni.Step) {
	t.Helper()
	own := []string{"/run/vmtap/lock", "/proc/sys/net/", "pipe:", "socket:", "/memfd:"}
	for _, s := range steps {
		switch s.Call {
		case "openat", "write", "mkdirat", "unlinkat", "fchmodat", "renameat", "linkat", "symlinkat", "mknodat", "mount", "umount2":
			if s.Changes && !slices.ContainsFunc(own, func(path string) bool { return strings.HasPrefix(s.Detail, path) }) {
				t.Errorf("leak: step %v", s)
			}
		}
	}
}
