package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// macWriter gives new links of a namespace an address of its own, as udev does by
// MACAddressPolicy=persistent.
type macWriter struct {
	// rude says that it writes over addresses that somebody chose, too. udev looks
	// at addr_assign_type, and writes over random ones alone.
	rude bool
	// after is how long it takes from the look to the write.
	after time.Duration

	mu      sync.Mutex
	written []string
	seen    map[int]bool // by ifindex
}

// watch begins to write, until the test ends.
func (m *macWriter) watch(t *testing.T, ns *netns.NS) {
	t.Helper()
	m.seen = map[int]bool{}
	for _, l := range links(t, ns) {
		m.seen[l.Index] = true
	}
	updates, done := make(chan netlink.LinkUpdate, 1000), make(chan struct{})
	at, err := vnetns.GetFromPath(ns.Path())
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	if err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{Namespace: &at}); err != nil {
		t.Fatal(err)
	}
	h, sys := ns.Handle(t), t.TempDir()
	ready, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		// Its own mounts, and never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS)
		ns.Do(func() {
			if err == nil {
				err = unix.Mount("sysfs", sys, "sysfs", 0, "")
			}
		})
		ready <- err
		for u := range updates {
			m.meet(h, sys, u)
		}
	}()
	t.Cleanup(func() { close(done); <-ended })
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
}

// meet writes to a link that was not seen before.
func (m *macWriter) meet(h *netlink.Handle, sys string, u netlink.LinkUpdate) {
	name := u.Attrs().Name
	m.mu.Lock()
	met := m.seen[u.Attrs().Index]
	m.mu.Unlock()
	if u.Header.Type != unix.RTM_NEWLINK || met {
		return
	}
	kind, err := os.ReadFile(filepath.Join(sys, "class/net", name, "addr_assign_type"))
	const random = "1" // NET_ADDR_RANDOM
	if m.rude || err == nil && strings.TrimSpace(string(kind)) == random {
		time.Sleep(m.after)
		if h.LinkSetHardwareAddr(u.Link, net.HardwareAddr{0x06, 0, 0, 0, 0, byte(u.Index)}) == nil {
			m.mu.Lock()
			m.written = append(m.written, name)
			m.mu.Unlock()
		}
	}
	m.mu.Lock()
	m.seen[u.Attrs().Index] = true
	m.mu.Unlock()
}

// wrote waits until all links that there are were met, and returns to which an
// address was given.
func (m *macWriter) wrote(t *testing.T, ns *netns.NS, last string) []string {
	t.Helper()
	ns.Run(t, "ip", "link", "add", last, "address", "02:00:00:00:00:01", "type", "bridge")
	index := linkIn(t, ns, last).Index
	waitFor(t, "the writer to meet "+last, func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.seen[index]
	})
	ns.Run(t, "ip", "link", "del", last)
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.written)
}

// TestWriterOfMACs: while ADD works somebody gives new links other addresses. udev
// leaves those alone that vmtap makes with one. Whoever does not: ADD ends with the
// address that it tells of, or CHECK names the other one.
func TestWriterOfMACs(t *testing.T) {
	wantsNoVRF(t)
	for i, c := range []struct {
		name, block string
		inPod       bool
		rude        bool
		after       time.Duration
		left        bool // no address is written
	}{
		{"udev, pod", createConf, false, false, 0, true},
		{"udev, no switch", "", false, false, 0, true},
		{"udev, veth", `"device": "veth", ` + createConf, false, false, 0, true},
		{"udev, host", `"placement": "host", ` + createConf, false, false, 0, false},
		{"slow udev, host", `"placement": "host"`, false, false, 20 * time.Millisecond, false},
		{"rude, pod", createConf, false, true, 0, false},
		{"rude, host", `"placement": "host", ` + createConf, false, true, 0, false},
		{"udev in the pod", createConf, true, false, 0, false},
		{"rude in the pod", createConf, true, true, 0, false},
		{"rude in the pod, slow", "", true, true, 20 * time.Millisecond, false},
	} {
		if !someOf(i) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			w := newCrashWorld(t, crashScenario{name: c.name, block: c.block})
			watched := w.n.NS
			if c.inPod {
				watched = w.p.NS
			}
			m := &macWriter{rude: c.rude, after: c.after}
			m.watch(t, watched)
			wrong := 0
			for i := range 3 {
				stdout, fault := w.n.Add(t, w.call)
				wrote := m.wrote(t, watched, fmt.Sprint("last", i))
				if c.left && len(wrote) > 0 {
					t.Errorf("an address was written to %v", wrote)
				}
				if fault != nil { // clearly, and nothing is left
					wantFault(t, fault, fault.Code, "vm")
					w.wantSame("ADD")
					continue
				}
				call := w.call.With(stdout)
				if want := w.strangeMACs(stdout); len(want) > 0 {
					wrong++
					wantFault(t, w.n.Check(t, call), 101, want...)
				} else if fault := w.n.Check(t, call); fault != nil && !strings.Contains(fault.Msg, " address is 06:00:00:00:00:") {
					t.Errorf("CHECK: %s", fault)
				}
				w.del(call, c.name)
				w.wantSame(c.name)
			}
			t.Logf("%d of 3 ADDs end with another address somewhere, which CHECK names", wrong)
		})
	}
}

// strangeMACs are the addresses of links of the result that are not as it says.
func (w *crashWorld) strangeMACs(stdout []byte) (strange []string) {
	w.Helper()
	for _, i := range cni.ParseResult(w.T, stdout).Interfaces {
		ns := w.n.NS
		switch i.Sandbox {
		case "":
		case w.p.Path():
			ns = w.p.NS
		default:
			continue // the guest's
		}
		l, err := ns.Handle(w.T).LinkByName(i.Name)
		if err != nil {
			w.Errorf("look for %s: %v", i.Name, err)
			continue
		}
		want, err := net.ParseMAC(i.Mac)
		if err != nil {
			w.Fatal(err)
		}
		if have := l.Attrs().HardwareAddr; !bytes.Equal(have, want) {
			strange = append(strange, i.Name, have.String())
		}
	}
	return strange
}
