package kernel

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/netns"
)

// TestEvents: what changes links, rules and unreachable routes is heard, and other routes are not.
func TestEvents(t *testing.T) {
	inSession(t, func(node *netns.NS, _ *Session, _ *config.Request, _ *Observation) {
		e, err := OpenEvents()
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan error)
		go func() {
			for {
				err := e.Wait()
				heard <- err
				if err != nil {
					return
				}
			}
		}()
		hears := func() bool {
			t.Helper()
			select {
			case err := <-heard:
				if err != nil {
					t.Fatal(err)
				}
				err = e.Drain()
				if err != nil {
					t.Fatal(err)
				}
				select { // one that was read before
				case err = <-heard:
				case <-time.After(5 * time.Millisecond):
				}
				return err == nil
			case <-time.After(60 * time.Millisecond):
				return false
			}
		}
		for _, c := range []struct {
			want  bool
			words []string
		}{
			{true, []string{"link", "add", "sw0", "type", "bridge"}},
			{false, []string{"address", "add", "192.0.2.1/32", "dev", "lo"}},
			{false, []string{"route", "add", "198.51.100.0/24", "dev", "lo"}},
			{false, []string{"-6", "route", "add", "2001:db8::/64", "dev", "lo"}},
			{false, []string{"route", "add", "blackhole", "203.0.113.0/24"}},
			{true, []string{"route", "add", "unreachable", "default", "table", "7"}},
			{true, []string{"route", "del", "unreachable", "default", "table", "7"}},
			{true, []string{"-6", "route", "add", "unreachable", "default", "table", "7"}},
			{true, []string{"-6", "route", "del", "unreachable", "default", "table", "7"}},
			{true, []string{"rule", "add", "pref", "5", "table", "7"}},
			{true, []string{"rule", "del", "pref", "5"}},
			{true, []string{"-6", "rule", "add", "pref", "5", "table", "7"}},
			{true, []string{"-6", "rule", "del", "pref", "5"}},
			{true, []string{"link", "del", "sw0"}},
		} {
			node.Run(t, "ip", c.words...)
			if got := hears(); got != c.want {
				t.Errorf("ip %q is heard: %t, want %t", c.words, got, c.want)
			}
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if err := <-heard; !errors.Is(err, os.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestIsHeld: it is known who has a lock without taking it.
func TestIsHeld(t *testing.T) {
	ours, other := openTestLock(t), openTestLock(t)
	offset := vmid.LockOffset("c", "eth0")
	check := func(about string, want bool) {
		t.Helper()
		for _, length := range []int64{1, 0} {
			if got, err := ours.isHeld(offset, length); got != want || err != nil {
				t.Errorf("%s: %t, %v, want %t", about, got, err, want)
			}
		}
	}
	check("free", false)
	if err := other.lock(offset, "it"); err != nil {
		t.Fatal(err)
	}
	check("another's", true)
	if err := errors.Join(other.unlock(offset), ours.lock(offset, "it")); err != nil {
		t.Fatal(err)
	}
	check("our own", false)
	if got, err := other.isHeld(offset, 1); !got || err != nil {
		t.Errorf("ours, as the other sees it: %t, %v", got, err)
	}
}
