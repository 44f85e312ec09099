package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
)

// TestCtlGC: vmtapctl gc says what is left of attachments that no runtime has, and removes it when told so: halves, and whole
// ones, but nothing of a container that a runtime lists.
func TestCtlGC(t *testing.T) {
	wantsNoVRF(t)
	n := newCacheNode(t)
	all := func() string { return strings.Join(n.hostLinks(t), " ") }

	a := n.listed(t, n.newPod(t, "a"), "vmnet", "1.0.0", createConf)
	n.newPod(t, "b").add(t, "eth0", hostConf)                            // nobody lists it
	half := n.newPod(t, "c").add(t, "eth0", confOf("other", createConf)) // nor this, and its tap goes
	dead := n.newPod(t, "d").add(t, "eth0", hostConf)                    // its host link goes
	multus := n.listed(t, n.newPod(t, "e"), "multus", "1.0.0", "")       // here by another network's name
	second := n.node.add(t, multus.call("net1", conf(createConf)))
	listedHalf := n.listed(t, n.newPod(t, "f"), "vmnet", "1.0.0", createConf)
	gateway := dead.gateway()
	n.Run(t, "ip", "link", "del", dead.hostLink())
	for _, netns := range []string{half.call.Netns, listedHalf.runtime.NetNS} {
		n.Run(t, "nsenter", "--net="+netns, "ip", "link", "del", "eth0")
	}

	want := []string{
		"b@eth0: no runtime lists it, nor anything else of its container: host link " + n.link(t, "b@eth0").Name + " of network vmnet",
		"c@eth0: the guest's end is gone: host link " + half.hostLink() + " of network other",
		"d@eth0: gateway " + gateway + " has lost its host link",
	}
	before := all()
	wantWords(t, wantLines(t, n.ctl("gc"), 0, want...), "nothing was removed, --yes removes it")
	expect(t, "links after a look", all(), before)

	wantWords(t, wantLines(t, n.ctl("gc", "--yes", "--wait", "0s"), 0, want...), "waiting 0s")
	for _, name := range []string{"b@eth0", "c@eth0", gateway} {
		if n.Command("ip", "link", "show", name).Run() == nil {
			t.Errorf("%s is left", name)
		}
	}
	for _, name := range []string{a.name(), "e@eth0", "e@net1", "f@eth0"} {
		n.link(t, name)
	}
	if fault := n.Check(t, second.call); fault != nil {
		t.Errorf("CHECK of what was made under another network's name: %s", fault)
	}
	if stderr := wantLines(t, n.ctl("gc", "--yes"), 0); stderr != "" {
		t.Errorf("with nothing left: %s", stderr)
	}
}

// TestCtlGCRefuses: without knowing what runtimes have, nothing is removed; nor is a whole attachment while it may be that
// its ADD is not through.
func TestCtlGCRefuses(t *testing.T) {
	wantsNoVRF(t)
	n := newCacheNode(t)
	b := n.newPod(t, "b").add(t, "eth0", hostConf)
	about := "b@eth0: no runtime lists it"
	here := func(about string) {
		t.Helper()
		if fault := n.Check(t, b.call); fault != nil {
			t.Errorf("%s: %s", about, fault)
		}
	}
	wantWords(t, wantLines(t, n.ctl("gc", "--yes", "--wait", "0s"), 1), "it is not known what runtimes have", "no such file")
	here("no cache")

	results := filepath.Join(n.cache, "results")
	if err := os.Mkdir(results, 0o700); err != nil {
		t.Fatal(err)
	}
	wantWords(t, wantLines(t, n.ctl("gc", "--yes", "--wait", "0s"), 0), "the caches list nothing")
	here("an empty cache")

	entry := func(id string) string {
		return fmt.Sprintf(`{"kind": "cniCacheV1", "containerId": %q, "ifName": "eth0", "networkName": "x", "config": "e30="}`, id)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(results, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("bad", "x")
	wantWords(t, wantLines(t, n.ctl("gc", "--yes", "--wait", "0s"), 1), "results/bad")
	here("a broken cache")

	// The runtime lists it while vmtapctl waits, and meanwhile another one is made, which it does not list yet.
	write("bad", entry("a"))
	cmd := n.ctl("gc", "--yes", "--wait", "1s")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	write("b", entry("b"))
	late := n.newPod(t, "late").add(t, "eth0", hostConf)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	here("listed meanwhile")
	if fault := n.Check(t, late.call); fault != nil {
		t.Errorf("made meanwhile: %s", fault)
	}
	late.del()

	// By the time that it is removed it is another one of that name.
	l := n.link(t, "b@eth0")
	n.Do(func() {
		s, err := kernel.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.OpenLock(); err != nil {
			t.Fatal(err)
		}
		left := plan.Left{Network: "vmnet", ContainerID: "b", IfName: "eth0", HostLink: l.Name, Index: int32(l.Index) + 1, Whole: true}
		if err := s.Remove([]plan.Left{left, {ContainerID: "b", IfName: "eth0", Gateway: b.gateway()}}); err != nil {
			t.Fatal(err)
		}
	})
	here("another link")

	// Another call works on it.
	if err := os.Remove(filepath.Join(results, "b")); err != nil {
		t.Fatal(err)
	}
	lock, err := os.OpenFile("/run/vmtap/lock", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.FcntlFlock(lock.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		t.Fatal(err)
	}
	wantLines(t, n.ctl("gc", "--yes", "--wait", "0s"), 0, about)
	here("locked")
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	wantLines(t, n.ctl("gc", "--yes", "--wait", "0s"), 0, about)
	n.noVMLinks(t)
}
