package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
)

const randomVMIDs = 6 // fewer than VMs with what is left of others, so that they collide

// randomWorld is a node, and a simple model of it: which interfaces there are, and
// who holds which vmid.
type randomWorld struct {
	t     *testing.T
	n     *node
	pods  []*randomPod
	count int // of pods so far
	ops   map[string]int
}

// randomPod is a sandbox, of which a VM may have two at a time. All its
// interfaces have one placement.
type randomPod struct {
	*pod
	vm         string // its name
	host       bool
	gone       bool // its namespace
	interfaces map[string]*randomInterface
	ends       map[string]bool // the names that are taken in its namespace
	lost       bool            // the VM's names went with a link that a hand deleted
}

// randomInterface is what has a host link.
type randomInterface struct {
	call   cni.Call // with the result, if ADD succeeded
	vmid   int
	idx    int
	holder bool
	whole  bool // CHECK must find it so
	addrs  []string
}

func (p *randomPod) newCall(ifName, block string) cni.Call {
	call := p.call(ifName, conf(block+fmt.Sprintf(`, "vmid": {"range": "1-%d"}`, randomVMIDs)))
	call.Args = "VMNAME=" + p.vm
	return call
}

// late is a call of a DEL that comes when nothing is known any more.
func late(call cni.Call) cni.Call {
	call = call.With(nil)
	call.Netns = ""
	return call
}

func (w *randomWorld) newPod(vm string, host bool) *randomPod {
	w.count++
	p := &randomPod{
		pod: w.n.newPod(w.t, fmt.Sprint("c", w.count)), vm: vm, host: host,
		interfaces: map[string]*randomInterface{}, ends: map[string]bool{},
	}
	w.pods = append(w.pods, p)
	return p
}

// all yields the interfaces in order.
func (w *randomWorld) all() (all []*randomInterface) {
	for _, p := range w.pods {
		for _, name := range slices.Sorted(maps.Keys(p.interfaces)) {
			all = append(all, p.interfaces[name])
		}
	}
	return all
}

// blocks are what interfaces can be, each with a link in the host's namespace.
func blocks(host bool) []string {
	all := []string{
		`"local": true`,
		createConf,
		strings.Replace(createConf, `"local": true`, `"local": {"inet6": false}, "group": ["web"], "groups": {"web": 101}`, 1),
		strings.Replace(createConf, `"local": true`, `"locked": true`, 1),
		inSets(createConf, "web", "db"),
		createConf + `, "up": false`,
	}
	if host {
		for i := range all {
			all[i] += `, "placement": "host"`
		}
		return all
	}
	return append(all, createConf+`, "device": "veth"`, `"device": "veth"`)
}

// claim is what an ADD is to get: its name, or an error's code.
func (w *randomWorld) claim(p *randomPod, ifName string, requested int) (vmid, idx int, code uint) {
	if p.interfaces[ifName] != nil || p.ends[ifName] {
		return 0, 0, 100
	}
	for _, i := range p.interfaces {
		if !i.holder {
			continue
		}
		if requested != 0 && requested != i.vmid {
			return 0, 0, 7
		}
		for w.has(i.vmid, idx) {
			idx++
		}
		return i.vmid, idx, 0
	}
	free := func(id int) bool {
		return !w.has(id, 0) && !slices.ContainsFunc(w.all(), func(i *randomInterface) bool { return i.vmid == id && i.holder })
	}
	if requested != 0 {
		if !free(requested) {
			return 0, 0, 100
		}
		return requested, 0, 0
	}
	preferred := p.preferred()
	for n := range randomVMIDs {
		if id := 1 + (preferred-1+n)%randomVMIDs; free(id) {
			return id, 0, 0
		}
	}
	return 0, 0, 11
}

func (p *randomPod) preferred() int { return int(vmid.Slot(p.vm, 1, randomVMIDs)) }

func (w *randomWorld) has(id, idx int) bool {
	return slices.ContainsFunc(w.all(), func(i *randomInterface) bool { return i.vmid == id && i.idx == idx })
}

// forget takes an interface out of the model, whose host link is gone. Unless a
// hand deleted that, its claim goes to the sibling with the lowest number.
func (p *randomPod) forget(ifName string, byHand bool) {
	i := p.interfaces[ifName]
	delete(p.interfaces, ifName)
	if len(p.interfaces) == 0 {
		p.lost = false
	}
	if !i.holder || len(p.interfaces) == 0 {
		return
	}
	if byHand {
		p.lost = true
		return
	}
	next := slices.MinFunc(slices.Collect(maps.Values(p.interfaces)), func(a, b *randomInterface) int {
		return (a.vmid-b.vmid)*1000 + a.idx - b.idx
	})
	next.holder = true
}

// expected is what the node's links of VMs are to be, and who holds what.
func (w *randomWorld) expected() (lines []string) {
	for _, p := range w.pods {
		for ifName, i := range p.interfaces {
			name := vmid.HostLink(uint32(i.vmid), i.idx)
			line := ownNames(name, []string{p.id + "@" + ifName, name + ".net.vmnet"})
			if i.holder {
				line = ownNames(name, []string{vmid.VM(uint32(i.vmid)), "pod:" + p.id, p.id + "@" + ifName, name + ".net.vmnet"})
			}
			lines = append(lines, name+line)
		}
	}
	slices.Sort(lines)
	return lines
}

// found is what they are, without gateways, and which interface has none that
// should.
func (w *randomWorld) found(rt *rapid.T) (lines []string) {
	h := w.n.Handle(w.t)
	defer h.Close()
	all, err := linkList(h)
	if err != nil {
		rt.Fatal(err)
	}
	for _, l := range all {
		a := l.Attrs()
		var id, idx int
		if n, _ := fmt.Sscanf(a.Name, "vm%d-if%d", &id, &idx); n == 2 {
			lines = append(lines, a.Name+ownNames(a.Name, a.AltNames))
		}
	}
	slices.Sort(lines)
	return lines
}

// compare demands that the node has what the model has, and that no two have one
// address.
func (w *randomWorld) compare(rt *rapid.T) {
	if want, got := w.expected(), w.found(rt); !slices.Equal(got, want) {
		rt.Fatalf("the node has\n  %s\nand the model\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	taken := map[string]bool{}
	for _, i := range w.all() {
		for _, addr := range i.addrs {
			if taken[addr] {
				rt.Fatalf("two have %s", addr)
			}
			taken[addr] = true
		}
	}
}

// adopt takes into the model what an ADD that was killed left: nothing, or what
// it was to get.
func (w *randomWorld) adopt(rt *rapid.T, p *randomPod, call cni.Call, id, idx int) {
	ends, err := p.endsNow()
	if err != nil {
		rt.Fatal(err)
	}
	p.ends = ends
	name := vmid.HostLink(uint32(id), idx)
	attachment := p.id + "@" + call.IfName
	for _, line := range w.found(rt) {
		if words := strings.Fields(line); words[0] == name && slices.Contains(words, attachment) {
			p.interfaces[call.IfName] = &randomInterface{call: call, vmid: id, idx: idx, holder: slices.Contains(words, "pod:"+p.id)}
		}
	}
}

// endsNow are the names of the links in a pod that a guest could be at.
func (p *randomPod) endsNow() (map[string]bool, error) {
	ends := map[string]bool{}
	if p.gone {
		return ends, nil
	}
	out, err := p.Command("ip", "-br", "link", "show").Output()
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.Fields(line)[0], "@")
		if strings.HasPrefix(name, "net") {
			ends[name] = true
		}
	}
	return ends, nil
}
