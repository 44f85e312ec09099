package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/netns"
	"github.com/vmtap/vmtap/test/snapshot"
)

// damage is what somebody does to an attachment.
type damage struct {
	name, block string
	// do are commands. IF, GW and BESIDE stand for the host link, the gateway, and
	// another VM's host link, INDEX for the ifindex of the one before, AWAY for another
	// namespace. "pod: " and "away: " before a command say where else than on the node
	// it is run.
	do []string
	// words are CHECK's, of code 101. None says that the attachment is whole.
	words []string
	// podLeft says that something stays in the pod. It carries no mark, what led to it
	// is gone, and it goes with the namespace.
	podLeft bool
	// left are the lines in which the node may differ afterwards: what was done to what
	// is not the attachment's, and not vmtap's to mend.
	left []snapshot.Allow
	// besideHarmed says that the other VM is harmed, too, and CHECK tells it.
	besideHarmed bool
	node         func(*testing.T) *node // nil: newNode
}

// someOf says that the i-th of several cases is one to try: all, but where tests are
// to be short, where the other kernel has the rest.
func someOf(i int) bool { return !testing.Short() || soaks() || i%10 == 0 }

// tryEach tries damages by everything that a runtime does afterwards. Where not all
// is to be tried, each has one of the two ways of DEL.
func tryEach(t *testing.T, all []damage) {
	for i, d := range all {
		if d.node == nil && !someOf(i) {
			continue
		}
		for _, late := range []bool{false, true} {
			if late != (i%2 == 1) && !soaks() {
				continue
			}
			t.Run(fmt.Sprintf("%s, late %t", d.name, late), func(t *testing.T) {
				t.Parallel()
				d.try(t, late)
			})
		}
	}
}

// try does the damage. CHECK tells of it. DEL succeeds, and once more; then the node
// is what it was, as is the other VM on it, and the pod, and the VM's next ADD gives
// it what it had.
func (d damage) try(t *testing.T, late bool) {
	t.Helper()
	w := newCrashWorld(t, crashScenario{name: d.name, block: d.block, node: d.node})
	a, identity := w.add("p")
	w.damage(d, a)
	switch fault := w.n.Check(t, a.call); {
	case d.words != nil:
		wantFault(t, fault, 101, a.words(d.words)...)
	case fault != nil:
		t.Errorf("CHECK: %s", fault)
	}
	call := a.call
	if late {
		call = w.late(call)
	}
	w.del(call, d.name)
	w.del(call, d.name+", again")
	w.wantSameBut(d)
	if fault := w.n.Check(t, w.first.call); fault != nil != d.besideHarmed {
		t.Errorf("CHECK of the other VM: %s", fault)
	}
	w.newSandbox()
	w.again(identity, d.name)
}

// damage runs the commands of a damage.
func (w *crashWorld) damage(d damage, a *attachment) {
	w.Helper()
	away := netns.New(w.T)
	words := append(a.names(), "BESIDE", w.first.hostLink(), "AWAY", away.Path(), "NODE", w.n.NS.Path())
	index := ""
	for _, line := range d.do {
		ns := w.n.NS
		if rest, ok := strings.CutPrefix(line, "pod: "); ok {
			ns, line = w.p.NS, rest
		} else if rest, ok := strings.CutPrefix(line, "away: "); ok {
			ns, line = away, rest
		}
		argv := strings.Fields(strings.NewReplacer(append(words, "INDEX", index)...).Replace(line))
		if argv[0] == "index" { // of a link
			index = fmt.Sprint(linkIn(w.T, ns, argv[1]).Index)
			continue
		}
		ns.Run(w.T, argv[0], argv[1:]...)
	}
}

// names are the words that stand for an attachment's links, and those links.
func (a *attachment) names() []string {
	n := len(a.Interfaces)
	for _, i := range a.Interfaces[:n-2] {
		if strings.Contains(i.Name, "-if") {
			return []string{"IF", i.Name, "GW", strings.Replace(i.Name, "-if", "-gw", 1)}
		}
	}
	a.t.Fatalf("no host link in %v", a.Interfaces)
	return nil
}

func (a *attachment) words(words []string) []string {
	replacer := strings.NewReplacer(a.names()...)
	var out []string
	for _, w := range words {
		out = append(out, replacer.Replace(w))
	}
	return out
}

// wantSameBut demands that node and pod are what they were, but for what a damage
// leaves.
func (w *crashWorld) wantSameBut(d damage) {
	w.Helper()
	before := w.before
	if d.podLeft {
		before = before[:1]
	}
	for _, b := range before {
		if diff := snapshot.Diff(b.text, w.take(b.ns), d.left...); len(diff) > 0 {
			w.Errorf("leak: the kernel is not what it was, after %s:\n%s", d.name, strings.Join(diff, "\n"))
		}
	}
}

// newSandbox gives the VM another pod.
func (w *crashWorld) newSandbox() {
	w.Helper()
	w.p = w.n.newPod(w.T, "again")
	w.call.Netns = w.p.Path()
}
