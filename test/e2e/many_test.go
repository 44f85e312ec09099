package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// many are the interfaces of a wave of VMs that come at once: three of four VMs
// have one, the others three.
type many struct {
	pods    []*pod
	calls   []cni.Call // with results once they were added
	results []outcome
}

func (n *node) newMany(t *testing.T, wave string, interfaces int, block string) *many {
	t.Helper()
	m := &many{}
	for len(m.calls) < interfaces {
		p := n.newPod(t, fmt.Sprint(wave, len(m.pods)))
		m.pods = append(m.pods, p)
		has := 1
		if len(m.pods)%4 == 0 {
			has = 3
		}
		for i := range min(has, interfaces-len(m.calls)) {
			call := p.call(fmt.Sprint("net", i), block)
			call.Args = "VMNAME=" + p.id
			m.calls = append(m.calls, call)
		}
	}
	return m
}

// start begins a call for each interface. wait waits for them, does those again
// that waited too long for a lock, as on a machine that is slow, and demands that
// all succeed.
func (m *many) start(n *node, verb string) (wait func(t *testing.T)) {
	var wg sync.WaitGroup
	m.results = make([]outcome, len(m.calls))
	for i, call := range m.calls {
		wg.Go(func() {
			stdout, fault, err := n.Invoke(verb, call)
			m.results[i] = outcome{stdout, fault, err}
		})
	}
	return func(t *testing.T) {
		t.Helper()
		wg.Wait()
		for i := range m.results {
			o := &m.results[i]
			if o.err == nil && o.fault != nil && o.fault.Code == 11 && strings.Contains(o.fault.Msg, "another call has held it") {
				o.stdout, o.fault, o.err = n.Invoke(verb, m.calls[i])
			}
			if o.err != nil || o.fault != nil {
				t.Errorf("%s of %s@%s: %s, %v", verb, m.calls[i].ContainerID, m.calls[i].IfName, o.fault, o.err)
			}
			if verb == cni.ADD {
				m.calls[i] = m.calls[i].With(o.stdout)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
}

func (m *many) names() (names []string) {
	for _, c := range m.calls {
		names = append(names, c.ContainerID+"@"+c.IfName)
	}
	return names
}

// TestManyAtOnce: 64 ADDs at once, 64 CHECKs, then 64 DELs and 64 other ADDs and
// a GC. Nothing fails, no two have one address, and in the end nothing is left.
func TestManyAtOnce(t *testing.T) {
	wantsNoVRF(t)
	const interfaces = 64
	n := newNode(t)
	// So few vmids that many VMs prefer one that is taken.
	block := conf(inSets(createConf, "web") + fmt.Sprintf(`, "vmid": {"range": "1-%d"}`, 2*interfaces))
	n.newPod(t, "first").add(t, "net0", block).del()
	before := takeAll(t, n.NS)

	old, fresh := n.newMany(t, "old", interfaces, block), n.newMany(t, "new", interfaces, block)
	old.start(n, cni.ADD)(t)
	old.wantApart(t, n)
	old.start(n, cni.CHECK)(t)

	deleted, added := old.start(n, cni.DEL), fresh.start(n, cni.ADD)
	gc := n.beside(cni.GC, gcConf("vmnet", valid(fresh.names()...)))
	deleted(t)
	added(t)
	if fault := <-gc; fault != nil {
		t.Errorf("GC: %s", fault)
	}
	fresh.wantApart(t, n)
	fresh.start(n, cni.CHECK)(t)
	for _, p := range old.pods {
		p.onlyLoopback(t)
	}
	links := 2 * interfaces // each has a gateway
	if got := n.hostLinks(t); len(got) != links {
		t.Errorf("%d links, want %d: %v", len(got), links, got)
	}

	fresh.start(n, cni.DEL)(t)
	settle(t, n.NS)
	before.wantSame(t)
}

// wantApart demands that no two have one address or lladdr, and that each VM has
// one vmid, which one of its interfaces holds.
func (m *many) wantApart(t *testing.T, n *node) {
	t.Helper()
	seen, vms := map[string]int{}, map[string][]string{}
	for i, o := range m.results {
		r := cni.ParseResult(t, o.stdout)
		link := r.Interfaces[1].Name
		for _, what := range append(told(&attachment{Result: r}), link, r.Interfaces[len(r.Interfaces)-1].Mac) {
			if other, ok := seen[what]; ok {
				t.Errorf("%s is of %v and %v", what, m.names()[i], m.names()[other])
			}
			seen[what] = i
		}
		vm, _, _ := strings.Cut(link, "-")
		id := m.calls[i].ContainerID
		if !slices.Contains(vms[id], vm) {
			vms[id] = append(vms[id], vm)
		}
	}
	for id, names := range vms {
		if len(names) != 1 || n.link(t, names[0]).Name != n.link(t, "pod:"+id).Name {
			t.Errorf("the VM of %s has the vmids %v", id, names)
		}
	}
}
