package e2e

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/model"
	"github.com/vmtap/vmtap/test/netns"
)

// modelWorld is a node on which ways of the model are walked.
type modelWorld struct {
	*testing.T
	*model.Rules
	n       *node
	pods    []*heldPod
	state   model.State // what the model has it be
	calls   [model.MaxCalls]*party
	results [model.MaxAttachments][]byte // of the last ADD that succeeded
}

// heldPod is a pod whose namespace the kernel takes down when the test says so.
type heldPod struct {
	*pod
	hold *os.File
}

// newModelWorld is a node where something was added before, so that what VMs
// share is there.
func newModelWorld(t *testing.T, r *model.Rules) *modelWorld {
	t.Helper()
	w := &modelWorld{T: t, Rules: r, n: newNode(t)}
	w.n.newPod(t, "first").add(t, "eth0", w.conf()).del()
	return w
}

func (w *modelWorld) conf() string {
	block := createConf + `, "vmid": {"range": "1-2"}`
	if w.Host {
		block += `, "placement": "host"`
	}
	return conf(block)
}

// podID is a container id, and the name of a VM that prefers vmid 1.
func (w *modelWorld) podID(pod int8) string { return string("pq"[pod]) }

func vmNameThatPrefersOne(id string) string {
	for n := 0; ; n++ {
		if name := fmt.Sprint(id, n); vmid.Slot(name, 1, 2) == 1 {
			return name
		}
	}
}

func (w *modelWorld) newPods() {
	w.Helper()
	w.pods = nil
	for pod := range w.Pods[len(w.Pods)-1] + 1 {
		w.pods = append(w.pods, w.newHeldPod(pod))
	}
}

func (w *modelWorld) newHeldPod(pod int8) *heldPod {
	w.Helper()
	p := w.n.newPod(w.T, w.podID(pod))
	hold, err := os.Open(p.Path())
	if err != nil {
		w.Fatal(err)
	}
	return &heldPod{p, hold}
}

func (w *modelWorld) closePods() {
	w.Helper()
	for _, p := range w.pods {
		if err := p.hold.Close(); err != nil {
			w.Error(err)
		}
		closeNS(w.T, p.pod)
	}
}

// attachment is an attachment's pod and interface.
func (w *modelWorld) attachment(a int8) (pod int8, ifName string) {
	pod = w.Pods[a]
	n := 0
	for _, other := range w.Pods[:a] {
		if other == pod {
			n++
		}
	}
	return pod, fmt.Sprint("net", n)
}

// name is an attachment's altname.
func (w *modelWorld) name(a int8) string {
	pod, ifName := w.attachment(a)
	return w.podID(pod) + "@" + ifName
}

func (w *modelWorld) callOf(c *model.Call) (verb string, call cni.Call) {
	if c.Verb == model.GC {
		list := "null"
		if c.Known {
			var names []string
			for a := range int8(len(w.Pods)) {
				if c.List.Has(a) {
					names = append(names, w.name(a))
				}
			}
			list = valid(names...)
		}
		return cni.GC, gcConf("vmnet", list)
	}
	pod, ifName := w.attachment(c.Attachment)
	call = w.pods[pod].call(ifName, w.conf())
	call.Args = "VMNAME=" + vmNameThatPrefersOne(w.podID(pod))
	if c.Verb == model.DEL {
		call.Netns = "" // it would be kept open
		return cni.DEL, call
	}
	return cni.ADD, call
}

// expected is what a state of the model looks like.
func (w *modelWorld) expected() []string {
	lines := []string{}
	s := &w.state
	for _, l := range s.Links {
		if !l.There {
			continue
		}
		line := fmt.Sprintf("vm%d-if%d", l.VMID, l.Idx)
		for _, n := range []struct {
			bit  model.AltNames
			name string
		}{
			{model.NameVM, fmt.Sprintf("vm%d", l.VMID)},
			{model.NamePod, "pod:" + w.podID(w.Pods[l.Attachment])},
			{model.NameAttachment, w.name(l.Attachment)},
			{model.NameMark, "mark"},
		} {
			if l.Names&n.bit != 0 {
				line += " " + n.name
			}
		}
		lines = append(lines, line+kept(l.Persistent))
	}
	for _, g := range s.Gateways {
		if g.There {
			line := fmt.Sprintf("vm%d-gw%d", g.VMID, g.Idx)
			if g.Named {
				line += " gw:" + w.name(g.Attachment)
			}
			lines = append(lines, line)
		}
	}
	for a := range w.Pods {
		if t := s.Taps[a]; t.There {
			lines = append(lines, "tap "+w.name(int8(a))+kept(t.Persistent))
		}
	}
	slices.Sort(lines)
	return lines
}

func kept(persistent bool) string {
	if persistent {
		return ""
	}
	return ", not persistent"
}

// found is what the kernel has, in the same words.
func (w *modelWorld) found() []string {
	w.Helper()
	lines := []string{}
	h := w.n.Handle(w.T)
	defer h.Close()
	for _, l := range w.linksOf(h) {
		a := l.Attrs()
		var id, idx int
		if n, _ := fmt.Sscanf(a.Name, "vm%d-if%d", &id, &idx); n == 2 {
			lines = append(lines, a.Name+ownNames(a.Name, a.AltNames)+keptTap(l))
		}
		if n, _ := fmt.Sscanf(a.Name, "vm%d-gw%d", &id, &idx); n == 2 {
			lines = append(lines, strings.Join(append([]string{a.Name}, a.AltNames...), " "))
		}
	}
	for pod, p := range w.pods {
		h, err := netlink.NewHandleAt(vnetns.NsHandle(p.hold.Fd()), unix.NETLINK_ROUTE)
		if err != nil {
			w.Fatal(err)
		}
		for _, l := range w.linksOf(h) {
			if l.Type() == "tuntap" {
				lines = append(lines, "tap "+w.podID(int8(pod))+"@"+l.Attrs().Name+keptTap(l))
			}
		}
		h.Close()
	}
	slices.Sort(lines)
	return lines
}

func (w *modelWorld) linksOf(h *netlink.Handle) []netlink.Link {
	w.Helper()
	all, err := linkList(h)
	if err != nil {
		w.Fatal(err)
	}
	return all
}

// linkList is all links of one moment: a dump during which some change is made
// again.
func linkList(h *netlink.Handle) (all []netlink.Link, err error) {
	for range 1000 {
		if all, err = h.LinkList(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return nil, err
}

// ownNames are the altnames of a host link that the model knows, in order.
func ownNames(link string, altNames []string) string {
	var vm, pod, attachment, mark string
	for _, name := range altNames {
		switch {
		case strings.HasPrefix(name, link+".net."):
			mark = " mark"
		case strings.HasPrefix(name, "pod:"):
			pod = " " + name
		case strings.Contains(name, "@"):
			attachment = " " + name
		case strings.HasPrefix(name, "vm") && !strings.Contains(name, "-"):
			vm = " " + name
		}
	}
	return vm + pod + attachment + mark
}

func keptTap(l netlink.Link) string {
	tap, ok := l.(*netlink.Tuntap)
	return kept(!ok || !tap.NonPersist)
}

// ns is a pod's namespace as it is now.
func (p *heldPod) ns() *netns.NS { return p.NS }
