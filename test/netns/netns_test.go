package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// id is the namespace's identity, for comparison.
func id(t testing.TB, path string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestNewIsANamespaceWithLoopbackUp(t *testing.T) {
	ns := New(t)
	if id(t, ns.Path()) == id(t, threadNS) {
		t.Fatal("the namespace is the test's own")
	}
	var st unix.Statfs_t
	if err := unix.Statfs(ns.Path(), &st); err != nil || st.Type != unix.NSFS_MAGIC {
		t.Errorf("statfs %s: type %#x, %v; want a namespace", ns.Path(), st.Type, err)
	}
	out := ns.Run(t, "ip", "-br", "link")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 1 || !strings.Contains(lines[0], "LOWER_UP") {
		t.Errorf("links of a new namespace: %q, want only lo, up", out)
	}
}

func TestNewsAreApart(t *testing.T) {
	a, b := New(t), New(t)
	a.Run(t, "ip", "link", "add", "sw", "type", "bridge")
	if out := b.Run(t, "ip", "-br", "link"); strings.Contains(out, "sw") {
		t.Errorf("a bridge of one namespace is in the other: %s", out)
	}
}

func TestPathServesIPLinkNetns(t *testing.T) {
	a, b := New(t), New(t)
	a.Run(t, "ip", "link", "add", "veth-a", "type", "veth", "peer", "name", "veth-b", "netns", b.Path())
	b.Run(t, "ip", "link", "show", "veth-b")
}

func TestDoIsInsideAndComesBack(t *testing.T) {
	ns, inner := New(t), New(t)
	home := id(t, threadNS)
	ns.Do(func() {
		if id(t, threadNS) != id(t, ns.Path()) {
			t.Error("Do did not run inside")
		}
		inner.Do(func() {
			if id(t, threadNS) != id(t, inner.Path()) {
				t.Error("a nested Do did not run inside")
			}
		})
		if id(t, threadNS) != id(t, ns.Path()) {
			t.Error("a nested Do did not come back")
		}
	})
	if id(t, threadNS) != home {
		t.Error("Do did not come back")
	}
}

func TestDoComesBackFromFatalAndPanic(t *testing.T) {
	ns := New(t)
	home := id(t, threadNS)
	leave := map[string]func(){"goexit": runtime.Goexit, "panic": func() { panic("from the test") }}
	for name, f := range leave {
		var after uint64
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread() // so that after is of the thread that Do used
			defer runtime.UnlockOSThread()
			defer func() { _ = recover(); after = id(t, threadNS) }()
			ns.Do(f)
		}()
		wg.Wait()
		if after != home {
			t.Errorf("%s inside Do left the thread in the namespace", name)
		}
	}
}

// No thread of the process may serve other goroutines from a namespace that it was lent to.
func TestNoThreadStaysInside(t *testing.T) {
	ns := New(t)
	var wg sync.WaitGroup
	for range 16 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range 20 {
				ns.Do(func() { runtime.Gosched() })
			}
		}()
	}
	wg.Wait()
	threads, err := filepath.Glob("/proc/self/task/*/ns/net")
	if err != nil || len(threads) == 0 {
		t.Fatalf("list threads: %v, %v", threads, err)
	}
	for _, thread := range threads {
		var st unix.Stat_t
		if err := unix.Stat(thread, &st); err == nil && st.Ino == id(t, ns.Path()) {
			t.Errorf("%s is still inside", thread)
		}
	}
}

func TestCommandRunsInside(t *testing.T) {
	ns := New(t)
	want := fmt.Sprintf("net:[%d]\n", id(t, ns.Path()))
	readlink := func() *Cmd { return ns.Command("readlink", "/proc/self/ns/net") }

	if out, err := readlink().Output(); string(out) != want {
		t.Errorf("Output: %q, %v, want %q", out, err, want)
	}
	if out, err := readlink().CombinedOutput(); string(out) != want {
		t.Errorf("CombinedOutput: %q, %v, want %q", out, err, want)
	}
	var b strings.Builder
	cmd := readlink()
	cmd.Stdout = &b
	if err := cmd.Run(); b.String() != want {
		t.Errorf("Run: %q, %v, want %q", b.String(), err, want)
	}
	if err := ns.Command("false").Run(); !errors.As(err, new(*exec.ExitError)) {
		t.Errorf("Run of false: %v, want an exit error", err)
	}
	if got := ns.RunInput(t, "link add sw type bridge\nlink show sw\n", "ip", "-batch", "-"); !strings.Contains(got, "sw:") {
		t.Errorf("ip -batch: %q", got)
	}
}

func TestHandleIsInside(t *testing.T) {
	ns := New(t)
	ns.Run(t, "ip", "link", "add", "sw", "type", "bridge")
	if _, err := ns.Handle(t).LinkByName("sw"); err != nil {
		t.Error(err)
	}
}

func TestCloseTakesTheLinksWithIt(t *testing.T) {
	home, pod := New(t), New(t)
	home.Run(t, "ip", "link", "add", "veth-a", "type", "veth", "peer", "name", "veth-b", "netns", pod.Path())
	if err := pod.Close(); err != nil {
		t.Fatal(err)
	}
	if err := pod.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := os.Stat(pod.Path()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stat after Close: %v, want no such file", err)
	}
	// The kernel takes a namespace down in the background.
	for range 200 {
		if err := home.Command("ip", "link", "show", "veth-a").Run(); err != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the veth outlived the namespace of its peer by 2 s")
}

// recorder is a testing.TB that notes how the test it stands for ended.
type recorder struct {
	testing.TB
	ended string
}

func (r *recorder) Helper()               {}
func (r *recorder) Skipf(string, ...any)  { r.ended = "skipped"; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.ended = "failed"; runtime.Goexit() }

func ending(t *testing.T, f func(testing.TB)) string {
	r := &recorder{TB: t, ended: "passed"}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	return r.ended
}

func TestLackingSkipsButNeverInTheTestVM(t *testing.T) {
	lacking := func(t testing.TB) { Lacking(t, "such thing") }
	t.Setenv("VMTAP_VM", "")
	if got := ending(t, lacking); got != "skipped" {
		t.Errorf("test %s, want skipped", got)
	}
	t.Setenv("VMTAP_VM", "1")
	if got := ending(t, lacking); got != "failed" {
		t.Errorf("test %s under VMTAP_VM=1, want failed", got)
	}
}

func TestNeedsSayWhatIPSays(t *testing.T) {
	t.Setenv("VMTAP_VM", "")
	for name, c := range map[string]struct {
		needs func(testing.TB)
		ip    string
	}{
		"VRF":            {NeedsVRF, "link add x type vrf table 10"},
		"VLAN filtering": {NeedsVLANFiltering, "link add x type bridge vlan_filtering 1"},
	} {
		want := "passed"
		if New(t).Command("ip", strings.Fields(c.ip)...).Run() != nil {
			want = "skipped"
		}
		if got := ending(t, c.needs); got != want {
			t.Errorf("a test that needs %s %s, want %s", name, got, want)
		}
	}
}

func TestRunFailsTheTest(t *testing.T) {
	ns := New(t)
	if got := ending(t, func(t testing.TB) { ns.Run(t, "ip", "link", "show", "nosuch") }); got != "failed" {
		t.Errorf("test %s after a command that failed, want failed", got)
	}
}
