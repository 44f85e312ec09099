package kernel

import (
	"errors"
	"net/netip"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/netns"
	"github.com/vmtap/vmtap/test/snapshot"
)

// inSession runs f in a session on a node with a pod, up to where claims
// begin.
func inSession(t *testing.T, f func(node *netns.NS, s *Session, req *config.Request, o *Observation)) {
	t.Helper()
	node, pod := netns.New(t), netns.New(t)
	scheme, err := vmid.New(netip.MustParsePrefix(vmid.DefaultPrefix4), netip.MustParsePrefix(vmid.DefaultPrefix6), vmid.DefaultBits)
	if err != nil {
		t.Fatal(err)
	}
	req := &config.Request{
		CNIVersion: "1.0.0", Network: "vmnet", ContainerID: "p", IfName: "eth0", Netns: pod.Path(), VMName: "p", Up: true, Forward: true,
		VMID: config.VMID{Min: 1, Max: scheme.Max(), Probe: true}, Local: &config.Local{Scheme: scheme},
	}
	node.Do(func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		s, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		if err := errors.Join(s.OpenLock(), s.OpenPod(req), s.LockAttachment(req.ContainerID, req.IfName), s.EnterPod(req)); err != nil {
			t.Fatal(err)
		}
		o, err := s.Observe(req)
		if err != nil {
			t.Fatal(err)
		}
		f(node, s, req, o)
	})
}

// TestNameTakenWithoutTheLock: somebody takes a name between look-up and
// create. What landed is undone, and the next try decides anew.
func TestNameTakenWithoutTheLock(t *testing.T) {
	for name, squat := range map[string]func(t *testing.T, node *netns.NS, state *plan.State){
		"link": func(t *testing.T, node *netns.NS, state *plan.State) {
			node.Run(t, "ip", "link", "add", state.HostLink.Name, "type", "bridge")
		},
		"altname": func(t *testing.T, node *netns.NS, state *plan.State) {
			node.Run(t, "ip", "link", "property", "add", "dev", "lo", "altname", state.HostLink.AltNames[0])
		},
		"last altname": func(t *testing.T, node *netns.NS, state *plan.State) {
			node.Run(t, "ip", "link", "property", "add", "dev", "lo", "altname", state.HostLink.AltNames[len(state.HostLink.AltNames)-1])
		},
	} {
		t.Run(name, func(t *testing.T) {
			inSession(t, func(node *netns.NS, s *Session, req *config.Request, o *Observation) {
				state, err := s.decide(req, o)
				if err != nil {
					t.Fatal(err)
				}
				squat(t, node, state)
				before := snapshot.Take(t, node)
				if err := s.createHostLink(req.ContainerID, state); !errors.Is(err, unix.EEXIST) {
					t.Errorf("got %v, want EEXIST", err)
				}
				if diff := snapshot.Diff(before, snapshot.Take(t, node)); len(diff) > 0 {
					t.Errorf("left behind: %v", diff)
				}
				again, err := s.Claim(req, o)
				if err != nil {
					t.Fatal(err)
				}
				if again.HostLink.Name == state.HostLink.Name {
					t.Errorf("claimed %s, which is taken", again.HostLink.Name)
				}
			})
		})
	}
}

// TestIndexTakenWithoutTheLock: somebody makes a link with our ifindex between
// look-up and create. Our altnames land on it, and are taken off again.
func TestIndexTakenWithoutTheLock(t *testing.T) {
	inSession(t, func(node *netns.NS, s *Session, req *config.Request, o *Observation) {
		state, err := s.decide(req, o)
		if err != nil {
			t.Fatal(err)
		}
		foreign := plan.Link{Name: "foreign", LLAddr: vmid.LLAddr{2, 0, 0, 0, 0, 1}, MTU: 1500}
		if err := s.host.do(createBridge(s.index.hostLink, &foreign)); err != nil {
			t.Fatal(err)
		}
		if err := s.createHostLink(req.ContainerID, state); !errors.Is(err, unix.EEXIST) {
			t.Errorf("got %v, want EEXIST", err)
		}
		var l *link
		if err := s.host.do(getLink(0, "foreign", &l)); err != nil || l == nil {
			t.Fatalf("the foreign link is gone: %v", err)
		}
		if len(l.altNames) > 0 || l.alias != "" {
			t.Errorf("the foreign link has altnames %q and alias %q", l.altNames, l.alias)
		}
	})
}

// TestClaimGivesUp: somebody who takes every name makes code 11.
func TestClaimGivesUp(t *testing.T) {
	inSession(t, func(_ *netns.NS, s *Session, req *config.Request, o *Observation) {
		// The pod has a link of the name that the host link's end would have:
		// no look-up in the host's namespace shows it.
		req.VMID.Requested = 5
		peer := plan.Link{Name: "vm5-if0", LLAddr: vmid.LLAddr{2, 0, 0, 0, 0, 1}, MTU: 1500}
		if err := s.pod.do(createBridge(randomIndex(), &peer)); err != nil {
			t.Fatal(err)
		}
		_, err := s.Claim(req, o)
		var coded *config.Error
		if !errors.As(err, &coded) || coded.Code != config.CodeTryAgainLater {
			t.Errorf("got %v, want code 11", err)
		}
	})
}

// TestEveryErrorIsRead: the kernel goes on after a message that fails, and
// each message keeps its own error.
func TestEveryErrorIsRead(t *testing.T) {
	inSession(t, func(_ *netns.NS, s *Session, _ *config.Request, _ *Observation) {
		l := plan.Link{Name: "br0", LLAddr: vmid.LLAddr{2, 0, 0, 0, 0, 1}, MTU: 1500}
		index := randomIndex()
		batch := []*message{
			setUp(1<<30, "nowhere", true),
			createBridge(index, &l),
			createBridge(index, &l),
			addAltNames(index, "br0", []string{"one"}),
			deleteLink(1<<30, "nowhere"), // allowed
			setUp(1<<30+1, "nowhere", true),
		}
		if err := s.host.do(batch...); !errors.Is(err, unix.ENODEV) {
			t.Errorf("got %v, want the first error, ENODEV", err)
		}
		for i, want := range []error{unix.ENODEV, nil, unix.EEXIST, nil, nil, unix.ENODEV} {
			if !errors.Is(batch[i].err, want) {
				t.Errorf("message %d: %v, want %v", i, batch[i].err, want)
			}
		}
	})
}

// TestLongBatch: more messages than one send and one read take.
func TestLongBatch(t *testing.T) {
	inSession(t, func(_ *netns.NS, s *Session, _ *config.Request, _ *Observation) {
		found := make([]*link, 3*maxBatch+1)
		batch := make([]*message, len(found))
		for i := range found {
			name := "lo"
			if i%2 == 1 {
				name = "nowhere"
			}
			batch[i] = getLink(0, name, &found[i])
		}
		if err := s.host.do(batch...); err != nil {
			t.Fatal(err)
		}
		for i, l := range found {
			if (l != nil) != (i%2 == 0) {
				t.Fatalf("answer %d: %v", i, l)
			}
		}
	})
}

// TestUndoHandsOnTheClaims: an ADD that fails after a sibling was added leaves
// the VM's claims to it.
func TestUndoHandsOnTheClaims(t *testing.T) {
	inSession(t, func(node *netns.NS, s *Session, req *config.Request, o *Observation) {
		state, err := s.Claim(req, o)
		if err != nil {
			t.Fatal(err)
		}
		sibling := plan.Link{Name: vmid.HostLink(state.Claim.VMID, 1), LLAddr: vmid.LLAddr{2, 0, 0, 0, 0, 1}, MTU: 1500}
		index := randomIndex()
		marks := []string{plan.NetworkName(sibling.Name, "vmnet"), plan.AttachmentName(req.ContainerID, "net1")}
		if err := s.host.do(createBridge(index, &sibling), addAltNames(index, sibling.Name, marks)); err != nil {
			t.Fatal(err)
		}
		cause := errors.New("cause")
		if err := s.Undo(cause); err != cause { //nolint:errorlint // nothing of the undo may fail
			t.Error(err)
		}
		var l *link
		if err := s.host.do(getLink(0, vmid.VM(state.Claim.VMID), &l)); err != nil {
			t.Fatal(err)
		}
		if l == nil || l.index != index || !l.has(plan.PodName(req.ContainerID)) {
			t.Errorf("the claims are on %+v, want them on the sibling", l)
		}
	})
}
