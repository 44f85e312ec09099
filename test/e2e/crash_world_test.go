package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
	"github.com/vmtap/vmtap/test/snapshot"
)

// crashWorld is a node with the pod of a scenario.
type crashWorld struct {
	*testing.T
	crashScenario
	n      *node
	first  *attachment // of another VM, which stays; nil if there is none
	p      *pod
	call   cni.Call // of an ADD
	leases pool
	dan    danDir
	held   []string          // the leases of others
	listed map[string]string // for Kata, of others
	before snapshots
	groups callGroups
}

func newCrashWorld(t *testing.T, s crashScenario) *crashWorld {
	t.Helper()
	newNode := newNode
	if s.node != nil {
		newNode = s.node
	}
	w := &crashWorld{T: t, crashScenario: s, n: newNode(t), leases: newPool(t)}
	w.n.Started = w.groups.add
	block := s.block
	if s.leased != "" {
		block = s.leased + w.leases.dual()
	}
	if s.kata {
		w.dan = newDANDir(t)
		block = w.dan.block(block)
	}
	if !s.fresh && !s.chained {
		w.first = w.n.newPod(t, "first").add(t, "eth0", conf(block))
	}
	w.p = w.n.newPod(t, "p")
	w.call = w.p.call("eth0", conf(block))
	if s.chained {
		w.call, _, _ = w.p.addEarlier(t, "ptp", block)
	} else {
		w.call.Args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=crash"
	}
	w.held = w.leases.leases(t, "vmnet")
	w.listed = w.dan.files(t)
	for _, ns := range []*netns.NS{w.n.NS, w.p.NS} {
		settle(t, ns)
		w.before = append(w.before, taken{ns, w.take(ns)})
	}
	return w
}

// take is a whole snapshot where lines of it may differ, else the usual.
func (w *crashWorld) take(ns *netns.NS) string {
	w.Helper()
	if w.fresh {
		return snapshot.Take(w.T, ns)
	}
	return take(w.T, ns)
}

func (w *crashWorld) close() {
	w.Helper()
	closeNS(w.T, w.p)
	closeNS(w.T, &pod{NS: w.n.NS})
}

// late is a DEL's call when nobody knows of a namespace or a result any more. What stands in the pod's namespace alone
// goes with that, so the plugin is told of it.
func (w *crashWorld) late(call cni.Call) cni.Call {
	call = call.With(nil)
	if w.chained {
		call.PrevResult = w.call.PrevResult
	} else {
		call.Netns = ""
	}
	return call
}

// add adds the VM, which must be possible, and returns what makes up its identity on the node.
func (w *crashWorld) add(id string) (a *attachment, identity string) {
	w.Helper()
	call := w.call
	call.ContainerID = id
	a = w.n.add(w.T, call)
	parts := []string{a.Interfaces[len(a.Interfaces)-1].Mac}
	if !w.chained {
		parts = append(parts, a.hostLink())
	}
	if w.leased == "" { // host-local gives a new one each time
		parts = append(parts, told(a)...)
	}
	return a, strings.Join(parts, ", ")
}

// again demands that the same VM, in a new sandbox, gets what it would have had.
func (w *crashWorld) again(identity, about string) {
	w.Helper()
	a, got := w.add("again")
	if got != identity {
		w.Errorf("the next ADD gets %s, want %s, after %s", got, identity, about)
	}
	a.del()
}

// del demands that a DEL succeeds.
func (w *crashWorld) del(call cni.Call, about string) {
	w.Helper()
	if fault := w.n.Del(w.T, call); fault != nil {
		w.Errorf("DEL: %s, after %s", fault, about)
	}
}

// wantSame demands that node and pod are what they were.
func (w *crashWorld) wantSame(about string) {
	w.Helper()
	var allowed []snapshot.Allow
	if w.fresh {
		allowed = shared()
	}
	for _, before := range w.before {
		if diff := snapshot.Diff(before.text, w.take(before.ns), allowed...); len(diff) > 0 {
			w.Errorf("leak: the kernel is not what it was:\n%s\nafter %s", strings.Join(diff, "\n"), about)
		}
	}
	if got := w.leases.leases(w.T, "vmnet"); !slices.Equal(got, w.held) {
		w.Errorf("leak: the leases are %v, were %v, after %s", got, w.held, about)
	}
	if got := w.dan.files(w.T); !maps.Equal(got, w.listed) {
		w.Errorf("leak: Kata's files are %v, were %v, after %s", got, w.listed, about)
	}
	files, err := os.ReadDir("/run/vmtap")
	if err != nil || len(files) > 1 || len(files) == 1 && files[0].Name() != "lock" {
		w.Errorf("leak: /run/vmtap holds %v, %v, after %s", files, err, about)
	}
	w.wantNoChildren(about)
}

// wantListed demands that what is listed for Kata is there: the file comes last and goes first.
func (w *crashWorld) wantListed(about string) {
	w.Helper()
	for file := range w.dan.files(w.T) {
		sandbox, ok := strings.CutSuffix(file, ".json")
		if !ok {
			continue // a draft
		}
		for _, tap := range w.dan.taps(w.T, sandbox) {
			if w.n.Command("ip", "link", "show", "dev", tap).Run() != nil {
				w.Errorf("%s lists %s, which is not there, after %s", file, tap, about)
			}
		}
	}
}

// addSteps are the calls of an ADD, and the identity that it gives the VM.
func (w *crashWorld) addSteps() (steps []cni.Step, identity string) {
	w.Helper()
	traced, trace := w.n.Traced()
	stdout, fault := traced.Add(w.T, w.call)
	if fault != nil {
		w.Fatalf("ADD: %s", fault)
	}
	wantOwnFiles(w.T, trace.Steps(), w.dan)
	w.del(w.call.With(stdout), "the first ADD")
	a, identity := w.add("again")
	a.del()
	return trace.Steps(), identity
}

// addAt runs an ADD with a fault, and what comes of it.
func (w *crashWorld) addAt(f cni.Fault, identity string) {
	w.Helper()
	faulty, trace := w.n.Faulty(f)
	stdout, fault := faulty.Add(w.T, w.call)
	about := fmt.Sprintf("ADD, %v: %s\n%s", f, fault, trace)
	if !trace.Injected() {
		w.Errorf("the fault did not happen: %s", about)
	}
	if fault.Killed() != f.Kills() || fault != nil && strings.Contains(fault.Msg, "\n") {
		w.Errorf("%s", about)
	}
	w.wantListed(about)
	call := w.call
	switch {
	case fault == nil: // borne, and all that CHECK demands must be there
		call = call.With(stdout)
		if fault := w.n.Check(w.T, call); fault != nil {
			w.Errorf("CHECK: %s, after %s", fault, about)
		}
		w.del(call, about)
	case fault.Killed():
		if !w.unguarded {
			w.n.wantGuards(w.T, about)
		}
		// What is there before a call is what was after the one before, so each is seen with both.
		if f.After {
			call = w.late(call)
		}
		w.del(call, about)
	default: // undone, so that DEL finds nothing
		w.wantSame("undoing " + about)
		w.del(call, about)
		w.again(identity, about)
		return
	}
	w.wantSame(about)
	w.again(identity, about)
}

// delSteps are the calls of a DEL, with namespace and result or without.
func (w *crashWorld) delSteps(late bool) []cni.Step {
	w.Helper()
	call, done := w.toDelete(late, "")
	traced, trace := w.n.Traced()
	if fault := traced.Del(w.T, call); fault != nil {
		w.Fatalf("DEL: %s", fault)
	}
	wantOwnFiles(w.T, trace.Steps(), w.dan)
	done("DEL")
	return trace.Steps()
}

// toDelete adds what is to be deleted by the call. done demands that the VM's other interface, if there is one, was not
// harmed, and deletes it.
func (w *crashWorld) toDelete(late bool, identity string) (call cni.Call, done func(about string)) {
	w.Helper()
	a, got := w.add("p")
	if identity != "" && got != identity {
		w.Errorf("ADD gets %s, want %s", got, identity)
	}
	call, done = a.call, func(string) {}
	if late {
		call = w.late(call)
	}
	if w.sibling {
		second := w.call
		second.IfName = "net1"
		b := w.n.add(w.T, second)
		done = func(about string) {
			w.Helper()
			if fault := w.n.Check(w.T, b.call); fault != nil {
				w.Errorf("CHECK of the other interface: %s, after %s", fault, about)
			}
			vm, _, _ := strings.Cut(b.hostLink(), "-")
			if got := w.n.link(w.T, vm).Name; got != b.hostLink() {
				w.Errorf("%s is %s, want %s, after %s", vm, got, b.hostLink(), about)
			}
			b.del()
		}
	}
	return call, done
}

// delAt runs a DEL with a fault, and what comes of it.
func (w *crashWorld) delAt(f cni.Fault, late bool, identity string) {
	w.Helper()
	call, done := w.toDelete(late, identity)
	faulty, trace := w.n.Faulty(f)
	fault := faulty.Del(w.T, call)
	about := fmt.Sprintf("DEL, %v: %s\n%s", f, fault, trace)
	if !trace.Injected() {
		w.Errorf("the fault did not happen: %s", about)
	}
	if fault.Killed() != f.Kills() || fault != nil && strings.Contains(fault.Msg, "\n") {
		w.Errorf("%s", about)
	}
	w.wantListed(about)
	if fault != nil { // the runtime sends it again
		w.del(call, about)
	}
	done(about)
	w.wantSame(about)
}
