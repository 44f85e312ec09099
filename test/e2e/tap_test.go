package e2e

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// openAs opens a tap as an unprivileged VM monitor does: a process of this user
// and group, in the tap's namespace.
func openAs(ns *netns.NS, tap string, uid, gid int, flags uint16) (fd int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread keeps what it is made, and ends
		ns.Do(func() { fd, err = openHere(tap, uid, gid, flags) })
	}()
	<-done
	return fd, err
}

// openHere gives the calling thread, and no other, the user's rights.
func openHere(tap string, uid, gid int, flags uint16) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	req, err := unix.NewIfreq(tap)
	if err != nil {
		return -1, err
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_VNET_HDR | flags)
	for _, call := range [][4]uintptr{
		{unix.SYS_SETGROUPS, 0, 0, 0},
		{unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), 0},
		{unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0)}, // effective only, so that Do can go home
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return -1, fmt.Errorf("become user %d: %w", uid, errno)
		}
	}
	err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 0, ^uintptr(0)); errno != 0 {
		return -1, errno
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// TestTapOpenedByUser: who may open a tap, and who may not.
func TestTapOpenedByUser(t *testing.T) {
	for _, c := range []struct {
		name     string
		tap      string
		uid, gid int
		want     error
	}{
		{"the user", `{"uid": 107}`, 107, 5, nil},
		{"another user", `{"uid": 107}`, 108, 107, unix.EPERM},
		{"nobody's is root's", `{}`, 107, 107, unix.EPERM},
		{"the group", `{"gid": 107}`, 5, 107, nil},
		{"another group", `{"gid": 107}`, 107, 108, unix.EPERM},
		{"user and group", `{"uid": 107, "gid": 107}`, 107, 107, nil},
		{"the user, not the group", `{"uid": 107, "gid": 107}`, 107, 5, unix.EPERM},
		{"the group, not the user", `{"uid": 107, "gid": 107}`, 5, 107, unix.EPERM},
	} {
		for _, placement := range []string{"pod", "host", "chained"} {
			if testing.Short() && placement != "pod" {
				continue
			}
			t.Run(placement+", "+c.name, func(t *testing.T) {
				n := newNode(t)
				p := n.newPod(t, "p")
				call := p.call("eth0", "")
				if placement == "chained" {
					call, _, _ = p.addEarlier(t, "ptp", "")
				}
				call.Conf = conf(fmt.Sprintf(`"placement": %q, "tap": %s`, placement, c.tap))
				ns, tap := n.add(t, call).tap(p)
				for range 2 { // the VM monitor is killed and started anew
					fd, err := openAs(ns, tap, c.uid, c.gid, 0)
					if !errors.Is(err, c.want) {
						t.Fatalf("got %v, want %v", err, c.want)
					}
					if err == nil {
						if _, err := openAs(ns, tap, c.uid, c.gid, 0); !errors.Is(err, unix.EBUSY) {
							t.Errorf("second opener: %v, want EBUSY", err)
						}
						if err := unix.Close(fd); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	}
}

// TestTapQueues: with multiQueue a VM monitor opens the tap several times, with
// one flag; without, that flag is refused.
func TestTapQueues(t *testing.T) {
	for _, placement := range []string{"pod", "host", "chained"} {
		t.Run(placement+", several", func(t *testing.T) { checkQueues(t, placement, true, 4) })
		t.Run(placement+", one", func(t *testing.T) { checkQueues(t, placement, false, 1) })
	}
}

// checkQueues adds a tap, demands that so many of four queues can be opened,
// and that a guest with one talks.
func checkQueues(t *testing.T, placement string, multiQueue bool, want int) {
	t.Helper()
	n := newNode(t)
	p := n.newPod(t, "p")
	call := p.call("eth0", "")
	if placement == "chained" {
		call, _, _ = p.addEarlier(t, "ptp", "")
	}
	call.Conf = conf(fmt.Sprintf(`"placement": %q, "tap": {"uid": 107, "multiQueue": %t}`, placement, multiQueue))
	a := n.add(t, call)
	ns, tap := a.tap(p)
	right, wrong := uint16(0), uint16(unix.IFF_MULTI_QUEUE)
	if multiQueue {
		right, wrong = wrong, right
	}
	if _, err := openAs(ns, tap, 107, 107, wrong); !errors.Is(err, unix.EINVAL) {
		t.Errorf("opened with the other flag: %v, want EINVAL", err)
	}
	for range 2 { // the VM monitor is killed and started anew
		var fds []int
		var err error
		for range 4 {
			var fd int
			if fd, err = openAs(ns, tap, 107, 107, right); err != nil {
				break
			}
			fds = append(fds, fd)
		}
		if len(fds) != want {
			t.Errorf("%d queues opened, want %d: %v", len(fds), want, err)
		}
		for _, fd := range fds {
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		}
	}
	g := a.guestConfig()
	g.MultiQueue = multiQueue
	if err := guest.Open(t, ns, tap, g).Ping(g.Gateway4, answered); err != nil {
		t.Error(err)
	}
}

// TestTapQueuesChosen: a pod may choose its tap's queues, and CHECK holds to
// them.
func TestTapQueuesChosen(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	block := `"args": {"cni": {"vmtap": {"multiqueue": true}}}`
	a := p.add(t, "eth0", conf(block))
	other := a.call
	other.Conf = conf("")
	wantFault(t, n.Check(t, other), 101, "tap eth0: multi_queue is on, want off")
}
