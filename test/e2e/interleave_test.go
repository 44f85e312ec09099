package e2e

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// party is one of two calls that run at once, held before each of its steps.
type party struct {
	command string
	call    cni.Call
	gate    *cni.Gate
	held    *cni.Held // before this step, nil if that is not known
	ended   bool
	result  chan outcome
	outcome outcome // once it ended
	waited  bool    // for the other's lock
}

// outcome is how a call ended.
type outcome struct {
	stdout []byte
	fault  *cni.Error
	err    error
}

func (n *node) start(command string, call cni.Call, unlocked bool) *party {
	p := &party{command: command, call: call, gate: cni.NewGate(), result: make(chan outcome, 1)}
	p.gate.Unlocked = unlocked
	plugin := n.Gated(p.gate)
	go func() {
		stdout, fault, err := plugin.Invoke(command, call)
		p.result <- outcome{stdout, fault, err}
		p.gate.Ended()
	}()
	return p
}

// isSwitchPoint says whether it matters to another call what comes before this
// step.
func isSwitchPoint(s cni.Step) bool { return s.Changes || s.Call == "fcntl" }

// advance lets a call take so many steps that matter, as far as it can: it may
// end before, or wait for a lock.
func (p *party) advance(steps int) {
	for !p.ended {
		if p.held == nil {
			held, blocked := p.gate.Next()
			if blocked {
				p.waited = true
				return
			}
			if p.held = held; held == nil {
				p.ended, p.outcome = true, <-p.result
				return
			}
		}
		if isSwitchPoint(p.held.Step) {
			if steps == 0 {
				return
			}
			steps--
		}
		p.held.Go()
		p.held = nil
	}
}

// isTried says whether an order is tried, by its number: where tests soak each,
// else every so many-th, and fewer where tests are to be short.
func isTried(number, every int) bool {
	if testing.Short() {
		every *= 5
	}
	return soaks() || number%every == 0
}

const toTheEnd = 1 << 30

// kill kills a call that is held before a step.
func (p *party) kill(t *testing.T) {
	t.Helper()
	if err := p.held.Kill(); err != nil {
		t.Fatal(err)
	}
	p.held, p.ended, p.outcome = nil, true, <-p.result
	if p.outcome.err != nil || !p.outcome.fault.Killed() {
		t.Fatalf("%s: %s, %v, want it killed", p.command, p.outcome.fault, p.outcome.err)
	}
}

// fail has the step before which a call is held fail.
func (p *party) fail(err unix.Errno) {
	p.held.Fail(err)
	p.held = nil
}

// advanceTo lets a call go on until it is before such a step.
func (p *party) advanceTo(t *testing.T, is func(cni.Step) bool) {
	t.Helper()
	for steps := 0; ; steps = 1 {
		p.advance(steps)
		switch {
		case p.ended:
			t.Fatalf("%s came to no such step: %s, %v", p.command, p.outcome.fault, p.outcome.err)
		case p.held == nil:
			t.Fatalf("%s waits for a lock", p.command)
		case is(p.held.Step):
			return
		}
	}
}

// interleave runs two calls: one takes some steps, the other some, the first
// the rest, the other the rest. Where one waits for the other's lock, the other
// goes on. It returns which ended last.
func interleave(a, b *party, ofA, ofB int) (last *party, err error) {
	advance := func(p *party, steps int) {
		if !p.ended {
			p.advance(steps)
			last = p // of those that had not ended, so that it is right once both have
		}
	}
	advance(a, ofA)
	advance(b, ofB)
	for range 100 {
		advance(a, toTheEnd)
		advance(b, toTheEnd)
		if a.ended && b.ended {
			return last, errors.Join(a.outcome.err, b.outcome.err)
		}
	}
	return nil, fmt.Errorf("%s and %s wait for each other", a.command, b.command)
}

// switchPoints are how many steps that matter a call takes when it is alone.
func switchPoints(trace *cni.Trace) (count int) {
	for _, s := range trace.Steps() {
		if isSwitchPoint(s) {
			count++
		}
	}
	return count
}

// rivals are two calls that get into each other's way.
type rivals struct {
	block string
	a, b  string // the calls' verbs
	same  bool   // both are about one attachment; else each about its own
	args  string // CNI_ARGS of both
}

func allRivals() map[string]rivals {
	return map[string]rivals{
		"ADD and ADD of one vmid":       {block: createConf, a: cni.ADD, b: cni.ADD, args: "VMID=5"},
		"ADD and ADD of one VM":         {block: createConf, a: cni.ADD, b: cni.ADD, args: "IgnoreUnknown=1;VMNAME=one"},
		"ADD and DEL of one attachment": {block: createConf, a: cni.ADD, b: cni.DEL, same: true},
		"DEL and ADD of one attachment": {block: createConf, a: cni.DEL, b: cni.ADD, same: true},
		"DEL and DEL of one attachment": {block: createConf, a: cni.DEL, b: cni.DEL, same: true},
		"ADD and GC":                    {block: createConf, a: cni.ADD, b: cni.GC, same: true},
		"GC and ADD":                    {block: createConf, a: cni.GC, b: cni.ADD, same: true},
		"DEL and GC":                    {block: createConf, a: cni.DEL, b: cni.GC, same: true},
	}
}

// TestTwoAtOnce runs pairs of calls with each change from one to the other, and
// back, at the steps that matter. Whatever the order, an ADD that succeeded has
// made all that CHECK wants, no two share an address, and DEL leaves nothing.
func TestTwoAtOnce(t *testing.T) {
	wantsNoVRF(t)
	for name, r := range allRivals() {
		for _, unlocked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, locks %t", name, !unlocked), func(t *testing.T) { r.test(t, unlocked) })
		}
	}
}

func (r rivals) test(t *testing.T, unlocked bool) {
	n := newNode(t)
	first := n.newPod(t, "first").add(t, "eth0", conf(r.block))
	pods := [2]*pod{n.newPod(t, "p"), n.newPod(t, "q")}
	if r.same {
		pods[1] = pods[0]
	}
	call := func(i int, verb string) cni.Call {
		c := pods[i].call("eth0", conf(r.block))
		c.Args = r.args
		if verb == cni.GC {
			c = gcConf("vmnet", valid("first@eth0"))
		}
		return c
	}
	// A DEL deletes what there is.
	prepare := func() {
		for i, verb := range []string{r.a, r.b} {
			if verb == cni.DEL && (i == 0 || r.a == cni.DEL && !r.same) {
				n.add(t, call(i, verb))
			}
		}
	}
	clearAll := func() {
		for _, p := range pods {
			if fault := n.Del(t, p.call("eth0", conf(r.block))); fault != nil {
				t.Errorf("DEL: %s", fault)
			}
		}
	}
	count := func(i int, verb string) int {
		prepare()
		defer clearAll()
		plugin, trace := n.Traced()
		if _, _, err := plugin.Invoke(verb, call(i, verb)); err != nil {
			t.Fatal(err)
		}
		return switchPoints(trace)
	}
	ofA, ofB := count(0, r.a), count(1, r.b)
	before := takeAll(t, n.NS, pods[0].NS, pods[1].NS)
	orders, waited := 0, 0
	for i := 1; i <= ofA; i++ {
		for j := 0; j <= ofB; j++ {
			oneAfterTheOther := i == ofA && (j == 0 || j == ofB)
			if !oneAfterTheOther && !isTried(i*(ofB+1)+j, 23) {
				continue
			}
			orders++
			prepare()
			a, b := n.start(r.a, call(0, r.a), unlocked), n.start(r.b, call(1, r.b), unlocked)
			about := fmt.Sprintf("%d of %d steps of %s, %d of %d of %s", i, ofA, r.a, j, ofB, r.b)
			last, err := interleave(a, b, i, j)
			if err != nil {
				t.Fatalf("%s: %v", about, err)
			}
			if a.waited || b.waited {
				waited++
			}
			r.wantSound(t, n, about, a, b)
			if r.same && !unlocked {
				wantLast(t, n, about, last)
			}
			if fault := n.Check(t, first.call); fault != nil {
				t.Errorf("%s: CHECK of another VM: %s", about, fault)
			}
			clearAll()
			before.wantSame(t, about, fmt.Sprint(a.outcome.fault), fmt.Sprint(b.outcome.fault))
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	t.Logf("%d orders, one waited for the other in %d", orders, waited)
	if unlocked && waited > 0 {
		t.Errorf("one waited for the other's lock, though there is none")
	}
}

// wantLast demands that calls about one attachment are one after the other:
// what is left is what the last of them leaves.
func wantLast(t *testing.T, n *node, about string, last *party) {
	t.Helper()
	there := n.Command("ip", "link", "show", "dev", "p@eth0").Run() == nil
	switch {
	case last.command == cni.DEL && there:
		t.Errorf("%s: DEL came last, and the interface is there", about)
	case last.command == cni.ADD && last.outcome.fault == nil:
		if fault := n.Check(t, last.call.With(last.outcome.stdout)); fault != nil {
			t.Errorf("%s: ADD came last: CHECK: %s", about, fault)
		}
	}
}

// wantSound demands of calls that ended that what they say is so.
func (r rivals) wantSound(t *testing.T, n *node, about string, parties ...*party) {
	t.Helper()
	taken := map[string]bool{}
	for i, p := range parties {
		o := p.outcome
		if o.fault != nil && (o.fault.Killed() || o.fault.Msg == "") {
			t.Errorf("%s: %s: %s", about, p.command, o.fault)
		}
		if p.command != cni.ADD || o.fault != nil {
			continue
		}
		for _, ip := range cni.ParseResult(t, o.stdout).IPs {
			if addr := ip.Address.IP.String(); taken[addr] {
				t.Errorf("%s: two have %s", about, addr)
			} else {
				taken[addr] = true
			}
		}
		if !r.same || parties[1-i].command == cni.ADD { // else the other deleted it
			if fault := n.Check(t, p.call.With(o.stdout)); fault != nil {
				t.Errorf("%s: CHECK: %s", about, fault)
			}
		}
	}
}

// TestFirstTwoAtOnce: the same for the first two ADDs on a node, which make the
// same bridge and, where there are rdomains, the same VRFs. What they leave is
// whole: the next ADD takes it.
func TestFirstTwoAtOnce(t *testing.T) {
	for name, block := range map[string]string{
		"switch":   createConf,
		"rdomains": inRDomains("bridge0", "20", "10") + `, "rdomains": {"moveLocalRule": true}`,
	} {
		if testing.Short() && name != "rdomains" {
			continue
		}
		for _, unlocked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, locks %t", name, !unlocked), func(t *testing.T) { testFirstTwo(t, name, block, unlocked) })
		}
	}
}

func testFirstTwo(t *testing.T, name, block string, unlocked bool) {
	newNode := newNode
	if name == "rdomains" {
		newNode = newVRFNode
	}
	n := newNode(t)
	plugin, trace := n.Traced()
	p := n.newPod(t, "p")
	if _, fault := plugin.Add(t, p.call("eth0", conf(block))); fault != nil {
		t.Fatal(fault)
	}
	steps, orders := switchPoints(trace), 0
	for i := 1; i <= steps; i++ {
		for j := 0; j <= steps; j++ {
			if !isTried(i*(steps+1)+j, 61) {
				continue
			}
			orders++
			n := newNode(t)
			pods := [2]*pod{n.newPod(t, "p"), n.newPod(t, "q")}
			a := n.start(cni.ADD, pods[0].call("eth0", conf(block)), unlocked)
			b := n.start(cni.ADD, pods[1].call("eth0", conf(block)), unlocked)
			about := fmt.Sprintf("%d and %d of %d steps", i, j, steps)
			if _, err := interleave(a, b, i, j); err != nil {
				t.Fatalf("%s: %v", about, err)
			}
			for _, party := range []*party{a, b} {
				// Without locks one may find what the other has just made.
				if fault := party.outcome.fault; fault != nil && !unlocked {
					t.Errorf("%s: ADD: %s", about, fault)
				}
			}
			rivals{}.wantSound(t, n, about, a, b)
			n.newPod(t, "next").add(t, "eth0", conf(block)).del()
			for _, p := range pods {
				if fault := n.Del(t, p.call("eth0", conf(block))); fault != nil {
					t.Errorf("%s: DEL: %s", about, fault)
				}
				p.onlyLoopback(t)
				closeNS(t, p)
			}
			n.noVMLinks(t)
			closeNS(t, &pod{NS: n.NS})
			if t.Failed() {
				t.FailNow()
			}
		}
	}
	t.Logf("%d orders", orders)
}

// TestADDMeetsLastDEL: an interface that is added while the VM's only other one
// goes has the VM's vmid, and is known by it. DEL, GC and the undo of an ADD
// that fails find no sibling when they look.
func TestADDMeetsLastDEL(t *testing.T) {
	deletes := func(s cni.Step) bool { return slices.Contains(s.Messages, "RTM_DELLINK") }
	for name, begin := range map[string]func(n *node, p *pod) *party{
		"DEL": func(n *node, p *pod) *party {
			going := n.start(cni.DEL, p.add(t, "eth0", switchConf).call, false)
			going.advanceTo(t, deletes)
			return going
		},
		"GC": func(n *node, p *pod) *party {
			p.add(t, "eth0", switchConf)
			going := n.start(cni.GC, gcConf("vmnet", valid("p@net1")), false)
			going.advanceTo(t, deletes)
			return going
		},
		"undo": func(n *node, p *pod) *party {
			going := n.start(cni.ADD, p.call("eth0", switchConf), false)
			going.advanceTo(t, func(s cni.Step) bool { return s.Detail == "TUNSETPERSIST" })
			going.fail(unix.ENOSPC)
			going.advanceTo(t, deletes) // the gateway
			going.advance(1)
			going.advanceTo(t, deletes)
			return going
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			going := begin(n, p)
			added := n.start(cni.ADD, p.call("net1", switchConf), false)
			added.advance(toTheEnd)
			going.advance(toTheEnd)
			added.advance(toTheEnd)
			if o := added.outcome; o.fault != nil || o.err != nil {
				t.Fatalf("ADD: %s, %v", o.fault, o.err)
			}
			if fault := n.Check(t, added.call.With(added.outcome.stdout)); fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
			holder, link := n.link(t, "pod:p"), n.link(t, "p@net1")
			expect(t, "holder of the vmid", holder.Name, link.Name)
			if !added.waited {
				t.Error("ADD did not wait until the other interface had gone")
			}
		})
	}
}

// TestGCMeetsReplacement: what a GC took for dead when it looked may be whole
// when it comes to delete it.
func TestGCMeetsReplacement(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", switchConf)
	n.Run(t, "ip", "link", "del", a.hostLink())
	p.Run(t, "ip", "link", "del", "eth0")
	gc := n.start(cni.GC, gcConf("vmnet", valid("p@eth0")), false)
	gc.advanceTo(t, func(s cni.Step) bool { return s.Call == "fcntl" })
	again := p.add(t, "eth0", switchConf)
	gc.advance(toTheEnd)
	if o := gc.outcome; o.fault != nil || o.err != nil {
		t.Errorf("GC: %s, %v", o.fault, o.err)
	}
	if fault := n.Check(t, again.call); fault != nil {
		t.Errorf("CHECK of what the runtime lists: %s", fault)
	}
}

// TestForwardAtOnce: the same where the host does not forward when both begin,
// so that one or both make it forward. Each link forwards as its own
// configuration says.
func TestForwardAtOnce(t *testing.T) {
	wantsNoVRF(t)
	for _, forward := range [][2]bool{{true, true}, {false, true}, {true, false}} {
		t.Run(fmt.Sprintf("forward %t and %t", forward[0], forward[1]), func(t *testing.T) {
			n := newNode(t)
			call := func(n *node, i int) cni.Call {
				return n.newPod(t, fmt.Sprint("p", i)).call("eth0", conf(fmt.Sprintf(`"forward": %t`, forward[i])))
			}
			plugin, trace := n.Traced()
			if _, fault := plugin.Add(t, call(n, 0)); fault != nil {
				t.Fatal(fault)
			}
			steps, orders := switchPoints(trace), 0
			for i := 1; i <= steps; i++ {
				for j := 0; j <= steps; j++ {
					if !isTried(i*(steps+1)+j, 7) {
						continue
					}
					orders++
					n := newNode(t)
					a, b := n.start(cni.ADD, call(n, 0), true), n.start(cni.ADD, call(n, 1), true)
					about := fmt.Sprintf("%d and %d of %d steps", i, j, steps)
					if _, err := interleave(a, b, i, j); err != nil {
						t.Fatalf("%s: %v", about, err)
					}
					for _, p := range []*party{a, b} {
						if p.outcome.fault != nil {
							t.Errorf("%s: ADD: %s", about, p.outcome.fault)
						}
					}
					rivals{}.wantSound(t, n, about, a, b)
					if t.Failed() {
						t.FailNow()
					}
				}
			}
			t.Logf("%d orders", orders)
		})
	}
}
