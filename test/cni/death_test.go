package cni

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// What a send carries is carried out whole before its process dies, each time, and before nothing of it is.
func TestDeathAroundASend(t *testing.T) {
	for range 20 {
		for f, want := range map[Fault]int{{Step: 2, Kill: true}: 0, {Step: 2, After: true}: 2} {
			node := netns.New(t)
			p, trace := (&Plugin{Bin: self(t).Bin, Node: node}).Faulty(f)
			_, fault := p.Add(t, do("links"))
			made := 0
			for _, name := range []string{"sw0", "sw1"} {
				if node.Command("ip", "link", "show", name).Run() == nil {
					made++
				}
			}
			if !fault.Killed() || !trace.Injected() || made != want || len(trace.Steps()) != f.Step {
				t.Errorf("%v: %v, %d links made, want %d; steps:\n%v", f, fault, made, want, trace)
			}
			if err := node.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// locking is a plugin's call that waits for a file's lock, and the file.
func locking(t *testing.T) (Call, *os.File) {
	dir := t.TempDir()
	f, err := os.Create(dir + "/lock")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return Call{Conf: fmt.Sprintf(`{"do": "lock", "file": %q}`, dir)}, f
}

const lockStep = 3 // after mkdirat and openat

func TestKilledWhileBlocked(t *testing.T) {
	call, f := locking(t)
	held := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &held); err != nil {
		t.Fatal(err)
	}
	p, trace := self(t).Faulty(Fault{Step: lockStep, Blocked: true})
	_, fault := p.Add(t, call)
	if !fault.Killed() || !trace.Injected() || len(trace.Steps()) != lockStep {
		t.Errorf("%v, injected %v, steps:\n%v", fault, trace.Injected(), trace)
	}
	want := []string{"before", "lock"}
	if got, _ := filepath.Glob(filepath.Dir(f.Name()) + "/*"); len(got) != len(want) {
		t.Errorf("made %v, want %v", got, want)
	}
}

// A call that nobody makes wait is not killed, and so the fault does not happen.
func TestNotBlocked(t *testing.T) {
	call, _ := locking(t)
	p, trace := self(t).Faulty(Fault{Step: lockStep, Blocked: true})
	if _, fault := p.Add(t, call); fault != nil || trace.Injected() {
		t.Errorf("%v, injected %v", fault, trace.Injected())
	}
}

func TestHeld(t *testing.T) {
	dir := t.TempDir()
	release := make(chan struct{})
	p, trace := self(t).Faulty(Fault{Step: 3, Hold: release})
	done := make(chan error, 1)
	go func() {
		_, fault, err := p.Invoke(ADD, mkdirsIn(dir))
		if err == nil && fault != nil {
			err = fmt.Errorf("%s", fault)
		}
		done <- err
	}()
	for end := time.Now().Add(time.Minute); !trace.Injected(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not held after %v", trace)
		}
	}
	if got := entries(t, dir); got != 2 {
		t.Errorf("held at step 3, %d directories were made", got)
	}
	close(release)
	if err := <-done; err != nil || entries(t, dir) != 4 {
		t.Errorf("let go: %v, %d directories", err, entries(t, dir))
	}
}

// The kernel restarts writes of settings while others change links, and no other calls.
func TestRestarted(t *testing.T) {
	first := notification{id: 1, pid: 7, nr: unix.SYS_WRITE, ip: 0x1000, args: [6]uint64{3, 0x2000, 1}}
	again, otherThread, otherData := first, first, first
	again.id, otherThread.pid, otherData.args[1] = 2, 8, 0x3000
	setting := Step{Call: "write", Detail: "/proc/sys/net/ipv4/ip_forward"}
	for _, c := range []struct {
		name string
		n    notification
		step Step
		want bool
	}{
		{"again", again, setting, true},
		{"another thread", otherThread, setting, false},
		{"other data", otherData, setting, false},
		{"a pipe", again, Step{Call: "write", Detail: "pipe:[1]"}, false},
	} {
		if got := restarted(first, c.n, c.step); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}
