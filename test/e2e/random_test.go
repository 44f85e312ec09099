package e2e

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/snapshot"
)

// TestRandom does at random what runtimes, people and crashes do to a node, and
// holds each answer, and the links, to a simple model. At the end DEL of all
// leaves the node as it was. -rapid.seed runs it again.
func TestRandom(t *testing.T) {
	checks, steps := 3, 150
	switch {
	case soaks():
		checks, steps = 20, 300
	case testing.Short():
		checks, steps = 5, 50 // of which rapid takes a fifth, and half
	}
	setDefault(t, "rapid.checks", "100", strconv.Itoa(checks))
	setDefault(t, "rapid.steps", "30", strconv.Itoa(steps))
	setDefault(t, "rapid.seed", "0", strconv.FormatUint(rand.Uint64(), 10))
	setDefault(t, "rapid.nofailfile", "false", "true")
	ops := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) { testRandom(t, rt, ops) })
	total := 0
	var each []string
	for _, name := range slices.Sorted(maps.Keys(ops)) {
		total += ops[name]
		each = append(each, fmt.Sprintf("%s %d", name, ops[name]))
	}
	if total == 0 && !testing.Short() {
		t.Error("nothing was done")
	}
	t.Logf("-rapid.seed=%s: %d operations: %s", flag.Lookup("rapid.seed").Value, total, strings.Join(each, ", "))
}

// setDefault sets a flag of rapid's for one test, if nobody did.
func setDefault(t *testing.T, name, unset, value string) {
	t.Helper()
	f := flag.Lookup(name)
	was := f.Value.String()
	if was != unset {
		return
	}
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, was) }) // which it took before
}

func testRandom(t *testing.T, rt *rapid.T, ops map[string]int) {
	w := &randomWorld{t: t, n: newNode(t), ops: ops}
	defer w.close(rt)
	// What VMs share is made once.
	p := w.n.newPod(t, "first")
	p.add(t, "net0", conf(inSets(createConf, "web", "db"))).del()
	closeNS(t, p)
	settle(t, w.n.NS)
	before := take(t, w.n.NS)
	rt.Repeat(map[string]func(*rapid.T){
		"":               w.compare,
		"add":            func(rt *rapid.T) { w.add(rt, "add", nil) },
		"add, too":       func(rt *rapid.T) { w.add(rt, "add", nil) },
		"add, killed":    func(rt *rapid.T) { w.add(rt, "add killed", w.killed(rt)) },
		"add, failing":   func(rt *rapid.T) { w.add(rt, "add failing", w.failing(rt)) },
		"check":          w.check,
		"del":            w.del,
		"del, too":       w.del,
		"gc":             w.gc,
		"status":         w.status,
		"drop":           w.drop,
		"delete by hand": w.deleteByHand,
	})
	for _, p := range w.pods {
		for _, name := range slices.Sorted(maps.Keys(p.interfaces)) {
			w.delete(rt, p, name, late(p.interfaces[name].call))
		}
	}
	w.must(rt, cni.GC, gcConf("vmnet", "[]"))
	settle(t, w.n.NS)
	if diff := snapshot.Diff(before, take(t, w.n.NS)); len(diff) > 0 {
		rt.Fatalf("after DEL of all the node is not what it was:\n%s", strings.Join(diff, "\n"))
	}
}

func (w *randomWorld) close(rt *rapid.T) {
	for _, p := range w.pods {
		if err := p.Close(); err != nil {
			rt.Error(err)
		}
	}
	if err := w.n.Close(); err != nil {
		rt.Error(err)
	}
}

// invoke runs a call and counts it. A breach of the specification is an error.
func (w *randomWorld) invoke(rt *rapid.T, verb string, call cni.Call) ([]byte, *cni.Error) {
	stdout, fault, err := w.n.Invoke(verb, call)
	if err != nil {
		rt.Fatalf("%s of %s@%s: %v", verb, call.ContainerID, call.IfName, err)
	}
	return stdout, fault
}

func (w *randomWorld) must(rt *rapid.T, verb string, call cni.Call) {
	if _, fault := w.invoke(rt, verb, call); fault != nil {
		rt.Fatalf("%s of %s@%s: %s", verb, call.ContainerID, call.IfName, fault)
	}
}

// somePod is a new sandbox of some VM, or one that is there.
func (w *randomWorld) somePod(rt *rapid.T) *randomPod {
	var alive []*randomPod
	for _, p := range w.pods {
		if !p.gone {
			alive = append(alive, p)
		}
	}
	if n := rapid.IntRange(0, 5).Draw(rt, "pod"); n < len(alive) {
		return alive[n]
	}
	if len(alive) > 6 {
		rt.Skip("there are enough")
	}
	vm := fmt.Sprint("v", rapid.IntRange(1, 4).Draw(rt, "vm"))
	return w.newPod(vm, rapid.IntRange(0, 2).Draw(rt, "placement") == 0)
}

func (w *randomWorld) killed(rt *rapid.T) *cni.Fault {
	f := &cni.Fault{Step: rapid.IntRange(1, 45).Draw(rt, "step")}
	f.Kill = rapid.Bool().Draw(rt, "before")
	f.After = !f.Kill
	return f
}

func (w *randomWorld) failing(rt *rapid.T) *cni.Fault {
	return &cni.Fault{Step: rapid.IntRange(1, 45).Draw(rt, "step"), Err: rapid.SampledFrom(crashErrors).Draw(rt, "error")}
}

func (w *randomWorld) add(rt *rapid.T, op string, f *cni.Fault) {
	p := w.somePod(rt)
	ifName := fmt.Sprint("net", rapid.IntRange(0, 2).Draw(rt, "interface"))
	call := p.newCall(ifName, rapid.SampledFrom(blocks(p.host)).Draw(rt, "block"))
	requested := 0
	if rapid.IntRange(0, 3).Draw(rt, "fixed") == 0 {
		requested = rapid.IntRange(1, randomVMIDs).Draw(rt, "vmid")
		call.Args += fmt.Sprint(";VMID=", requested)
	}
	id, idx, code := w.claim(p, ifName, requested)
	plugin, trace := w.n.Plugin, new(cni.Trace)
	if f != nil {
		plugin, trace = plugin.Faulty(*f)
	}
	w.ops[op]++
	stdout, fault, err := plugin.Invoke(cni.ADD, call)
	injected := trace.Injected()
	if err != nil && injected && f.Err != 0 && trace.Steps()[f.Step-1].Call == "write" {
		return // it was the error that could not be written
	}
	if err != nil {
		rt.Fatalf("ADD of %s@%s: %v", p.id, ifName, err)
	}
	switch {
	case fault.Killed() != (injected && f.Kills()):
		rt.Fatalf("ADD of %s@%s: %s, fault %v\n%s", p.id, ifName, fault, f, trace)
	case fault.Killed():
		if code != 0 {
			return // it would have been refused
		}
		w.adopt(rt, p, call, id, idx)
	case fault != nil && injected:
		return // undone, as compare will find
	case fault != nil && fault.Code == code:
		return
	case fault != nil || code != 0:
		rt.Fatalf("ADD of %s@%s: %s, want code %d, vmid %d, number %d", p.id, ifName, fault, code, id, idx)
	default:
		w.added(rt, p, call.With(stdout), id, idx)
	}
}

// added takes an interface into the model, which CHECK must like.
func (w *randomWorld) added(rt *rapid.T, p *randomPod, call cni.Call, id, idx int) {
	holder := !slices.ContainsFunc(slices.Collect(maps.Values(p.interfaces)), func(i *randomInterface) bool { return i.holder })
	i := &randomInterface{call: call, vmid: id, idx: idx, holder: holder, whole: true}
	for _, ip := range cni.ParseResult(w.t, call.PrevResult).IPs {
		i.addrs = append(i.addrs, ip.Address.IP.String())
	}
	p.interfaces[call.IfName] = i
	if !p.host {
		p.ends[call.IfName] = true
	}
	w.must(rt, cni.CHECK, call)
}

// some is an interface that there is, and its pod.
func (w *randomWorld) some(rt *rapid.T) (*randomPod, string, *randomInterface) {
	type one struct {
		p    *randomPod
		name string
	}
	var all []one
	for _, p := range w.pods {
		for _, name := range slices.Sorted(maps.Keys(p.interfaces)) {
			all = append(all, one{p, name})
		}
	}
	if len(all) == 0 {
		rt.Skip("there is none")
	}
	o := all[rapid.IntRange(0, len(all)-1).Draw(rt, "which")]
	return o.p, o.name, o.p.interfaces[o.name]
}

func (w *randomWorld) check(rt *rapid.T) {
	p, name, i := w.some(rt)
	if i.call.PrevResult == nil || p.lost {
		rt.Skip("nobody would ask")
	}
	w.ops["check"]++
	_, fault := w.invoke(rt, cni.CHECK, i.call)
	if fault == nil != (i.whole && !p.gone) {
		rt.Fatalf("CHECK of %s@%s: %s, and it is whole: %t", p.id, name, fault, i.whole && !p.gone)
	}
}

func (w *randomWorld) del(rt *rapid.T) {
	p, name, i := w.some(rt)
	call := i.call
	if rapid.Bool().Draw(rt, "late") {
		call = late(call)
	}
	w.ops["del"]++
	w.delete(rt, p, name, call)
	w.must(rt, cni.DEL, call) // a second one is success, too
}

func (w *randomWorld) delete(rt *rapid.T, p *randomPod, name string, call cni.Call) {
	w.must(rt, cni.DEL, call)
	p.forget(name, false)
	delete(p.ends, name)
}

func (w *randomWorld) gc(rt *rapid.T) {
	kind := rapid.SampledFrom([]string{"full", "full", "partial", "empty", "null"}).Draw(rt, "list")
	var names []string
	list := func(p *randomPod, name string) bool {
		switch kind {
		case "full":
			return true
		case "partial":
			return rapid.Bool().Draw(rt, "listed")
		case "null": // whole as far as GC looks
			return p.host || p.ends[name]
		}
		return false
	}
	type one struct {
		p    *randomPod
		name string
	}
	var going []one
	for _, p := range w.pods {
		for _, name := range slices.Sorted(maps.Keys(p.interfaces)) {
			if list(p, name) {
				names = append(names, p.id+"@"+name)
			} else {
				going = append(going, one{p, name})
			}
		}
	}
	text := valid(names...)
	if kind == "null" {
		text = "null"
	}
	w.ops["gc "+kind]++
	w.must(rt, cni.GC, gcConf("vmnet", text))
	// A claim goes to none that goes, too.
	for _, o := range going {
		o.p.interfaces[o.name].idx += 1000
	}
	for _, o := range going {
		o.p.forget(o.name, false)
		delete(o.p.ends, o.name)
	}
}

func (w *randomWorld) status(rt *rapid.T) {
	w.ops["status"]++
	w.must(rt, cni.STATUS, statusConf(createConf))
}

// drop lets go of a pod's namespace.
func (w *randomWorld) drop(rt *rapid.T) {
	p := w.somePod(rt)
	w.ops["drop"]++
	if err := p.Close(); err != nil {
		rt.Fatal(err)
	}
	p.gone, p.ends = true, map[string]bool{}
	if p.host {
		return // nothing of its interfaces is there
	}
	p.interfaces, p.lost = map[string]*randomInterface{}, false
	waitFor(w.t, "the links to go with their pod", func() bool { return slices.Equal(w.found(rt), w.expected()) })
}

// deleteByHand deletes a link of an interface's.
func (w *randomWorld) deleteByHand(rt *rapid.T) {
	p, name, i := w.some(rt)
	hostLink := fmt.Sprintf("vm%d-if%d", i.vmid, i.idx)
	what := rapid.SampledFrom([]string{"host link", "gateway", "tap"}).Draw(rt, "link")
	var err error
	switch {
	case what == "gateway":
		err = w.n.Command("ip", "link", "del", strings.Replace(hostLink, "-if", "-gw", 1)).Run()
		if err != nil {
			rt.Skip("it has none")
		}
	case what == "tap" && !p.gone && p.ends[name]:
		if err = p.Command("ip", "link", "del", name).Run(); err != nil {
			break
		}
		delete(p.ends, name)
		if strings.Contains(i.call.Conf, `"veth"`) {
			p.forget(name, true) // the host link was its other end
		}
	case what == "tap":
		rt.Skip("it has none")
	default:
		if err = w.n.Command("ip", "link", "del", hostLink).Run(); err != nil {
			break
		}
		p.forget(name, true)
		if strings.Contains(i.call.Conf, `"veth"`) {
			delete(p.ends, name)
		}
	}
	if err != nil {
		rt.Fatalf("delete the %s of %s@%s: %v", what, p.id, name, err)
	}
	w.ops["delete "+what]++
	i.whole = false
}
