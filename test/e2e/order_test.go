package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/netns"
)

// keeps starts vmtapd on the node, as answers does, and keeps order more often than it does by itself.
func (n *node) keeps(t *testing.T, args ...string) *responder {
	t.Helper()
	r := n.vmtapd(t, append([]string{"-conf-dir", t.TempDir(), "-sure-after", "100ms", "-look-every", "300ms"}, args...)...)
	r.await(t, "keeping order")
	return r
}

// orderWorld is a node with VMs of each kind that live, and what their DELs need.
type orderWorld struct {
	*node
	pods  []*pod
	alive []*attachment
}

func newOrderWorld(t *testing.T, n *node) *orderWorld {
	t.Helper()
	w := &orderWorld{node: n}
	for i, block := range []string{
		createConf, "", `"placement": "host", ` + createConf, `"device": "veth", ` + createConf, `"up": false, ` + createConf,
		inSets(createConf, "web"),
	} {
		p := n.newPod(t, fmt.Sprint("alive", i))
		w.pods = append(w.pods, p)
		w.alive = append(w.alive, p.add(t, "eth0", conf(block)))
	}
	w.alive = append(w.alive, w.pods[0].add(t, "net1", conf(createConf)))
	return w
}

func (w *orderWorld) all() []*netns.NS {
	all := []*netns.NS{w.NS}
	for _, p := range w.pods {
		all = append(all, p.NS)
	}
	return all
}

// wantAlive demands that CHECK passes for those that live.
func (w *orderWorld) wantAlive(t *testing.T) {
	t.Helper()
	for _, a := range w.alive {
		if fault := w.Check(t, a.call); fault != nil {
			t.Errorf("CHECK of %s@%s: %s", a.call.ContainerID, a.call.IfName, fault)
		}
	}
}

// leave makes dead halves of each kind, and returns the names of what is to go.
func (w *orderWorld) leave(t *testing.T) (names []string) {
	t.Helper()
	add := func(id, block string) (*pod, *attachment) {
		p := w.newPod(t, id)
		return p, p.add(t, "eth0", confOf("othernet", block))
	}
	_, a := add("no-host-link", createConf)
	names = append(names, a.gateway())
	w.Run(t, "ip", "link", "del", a.hostLink())

	_, a = add("no-tap-in-host", `"placement": "host", `+createConf)
	names = append(names, a.gateway())
	w.Run(t, "ip", "link", "del", a.hostLink())

	p, a := add("no-tap", inSets(createConf, "web"))
	names = append(names, a.hostLink(), a.gateway())
	p.Run(t, "ip", "link", "del", "eth0")

	p, a = add("moved", "")
	names = append(names, a.hostLink())
	p.Run(t, "ip", "link", "set", a.hostLink(), "down")
	p.Run(t, "ip", "link", "set", a.hostLink(), "name", "moved")
	p.Run(t, "ip", "link", "set", "moved", "netns", w.NS.Path())
	return names
}

// TestOrderDeadHalves: halves of each kind go without anybody's call, whatever left them. VMs that live are not touched.
func TestOrderDeadHalves(t *testing.T) {
	n := newNode(t)
	w := newOrderWorld(t, n)
	before := takeAll(t, w.all()...)
	dead := w.leave(t)
	r := n.keeps(t)
	waitFor(t, "dead halves to go", func() bool {
		left := n.hostLinks(t)
		return !slices.ContainsFunc(dead, func(name string) bool { return slices.Contains(left, name) })
	})
	for _, name := range dead {
		if !strings.Contains(r.log.String(), name) {
			t.Errorf("the log does not name %s:\n%s", name, r.log)
		}
	}
	w.wantAlive(t)
	settle(t, n.NS)
	before.wantSame(t)

	// Elements of sets, whose link nobody left a trace of.
	p := n.newPod(t, "elements")
	a := p.add(t, "eth0", conf(inSets(`"local": true`, "web")))
	n.Run(t, "ip", "link", "del", a.hostLink())
	r.await(t, "removed the elements of")
	before.wantSame(t)
}
