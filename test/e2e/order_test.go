package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// keeps starts vmtapd on the node, as answers does, and keeps order more often than it does by itself.
func (n *node) keeps(t *testing.T, args ...string) *responder {
	t.Helper()
	r := n.vmtapd(t, append([]string{"-conf-dir", t.TempDir(), "-sure-after", "30ms", "-look-every", "100ms"}, args...)...)
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

// TestOrderDeadHalves: with -observe dead halves of each kind are said, once, and nothing is changed. Without, they go,
// whatever left them. VMs that live are not touched.
func TestOrderDeadHalves(t *testing.T) {
	n := newNode(t)
	w := newOrderWorld(t, n)
	before, names := takeAll(t, w.all()...), n.hostLinks(t)
	dead := w.leave(t)
	// Elements of sets, whose link nobody left a trace of.
	p := n.newPod(t, "elements")
	lost := p.add(t, "eth0", conf(inSets(`"local": true`, "web"))).hostLink()
	n.Run(t, "ip", "link", "del", lost)

	left := takeAll(t, w.all()...)
	r := n.keeps(t, "-observe")
	r.awaitHalves(t, dead)
	r.await(t, "elements of "+lost)
	said := r.log.String()
	r.looks(t, 3)
	if more := r.log.String()[len(said):]; strings.Contains(more, "WARN") {
		t.Errorf("it is said again and again:\n%s", more)
	}
	r.wantNothingDone(t)
	left.wantSame(t)
	w.wantAlive(t)
	r.end(t)

	r = n.keeps(t)
	n.awaitLinks(t, r, names)
	before.wantSame(t)
	r.awaitHalves(t, dead)
	r.await(t, "removed the elements of "+lost)
	w.wantAlive(t)
}

// awaitHalves waits until all of these are named in the log, but gateways that go with their host links.
func (r *responder) awaitHalves(t *testing.T, dead []string) {
	t.Helper()
	for _, name := range dead {
		if !strings.Contains(name, "-gw") || !slices.Contains(dead, strings.Replace(name, "-gw", "-if", 1)) {
			r.await(t, " "+name+" of ")
		}
	}
}

// looks waits until a vmtapd must have looked as often as this once more.
func (r *responder) looks(t *testing.T, times int) {
	t.Helper()
	time.Sleep(time.Duration(times) * 150 * time.Millisecond)
}

// TestOrderKilledAdd: an ADD that was killed, at one step or another, leaves nothing, though nobody calls DEL. One that
// was as good as over leaves a whole attachment, which stays.
func TestOrderKilledAdd(t *testing.T) {
	wantsNoVRF(t)
	for name, block := range map[string]string{"pod": inSets(createConf, "web"), "host": `"placement": "host", ` + createConf} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			first := n.newPod(t, "first").add(t, "eth0", conf(block))
			p := n.newPod(t, "p")
			call := p.call("eth0", conf(block))
			traced, trace := n.Traced()
			if _, fault := traced.Add(t, call); fault != nil {
				t.Fatalf("ADD: %s", fault)
			}
			if fault := n.Del(t, call); fault != nil {
				t.Fatalf("DEL: %s", fault)
			}
			before, names := takeAll(t, n.NS, p.NS), n.hostLinks(t)
			r := n.keeps(t)
			steps := slices.DeleteFunc(trace.Steps(), func(s cni.Step) bool { return !s.Changes })
			removed := 0
			for i := 0; i < len(steps); i += crashEvery(t, 8, 8) {
				faulty, _ := n.Faulty(cni.Fault{Step: steps[i].N, After: true})
				if _, fault := faulty.Add(t, call); !fault.Killed() {
					t.Fatalf("ADD, killed after %v: %s", steps[i], fault)
				}
				if i == len(steps)-1 || strings.Contains(steps[i].Detail, "PERSIST") {
					break
				}
				n.awaitLinks(t, r, names)
				before.wantSame(t, "ADD was killed after "+steps[i].String())
				removed = strings.Count(r.log.String(), "put in order")
			}
			if removed == 0 {
				t.Error("nothing was ever left")
			}
			if fault := n.Check(t, first.call); fault != nil {
				t.Errorf("CHECK of the other VM: %s", fault)
			}
		})
	}
}

// awaitLinks waits until a node has these links of VMs, and what goes with those that it has not is gone, too.
func (n *node) awaitLinks(t *testing.T, r *responder, names []string) {
	t.Helper()
	waitFor(t, "dead halves to go", func() bool { return slices.Equal(n.hostLinks(t), names) })
	r.looks(t, 1)
	settle(t, n.NS)
}

// TestOrderLeavesAlone: what only looks like a dead half, and what a call works on, stays.
func TestOrderLeavesAlone(t *testing.T) {
	n := newNode(t)
	w := newOrderWorld(t, n)
	add := func(id, block string) (*pod, *attachment) {
		p := n.newPod(t, id)
		w.pods = append(w.pods, p)
		return p, p.add(t, "eth0", conf(block))
	}
	// A pod that renames its tap, and takes it out of its group, uses it still.
	p, _ := add("renamed", createConf)
	for _, words := range []string{"link set eth0 down", "link set eth0 name mine group 0", "link set mine up"} {
		p.Run(t, "ip", strings.Fields(words)...)
	}
	// An attachment that somebody took the altname from.
	_, a := add("nameless", createConf)
	n.Run(t, "ip", "link", "property", "del", "dev", a.hostLink(), "altname", "nameless@eth0")
	// Others' links that look like vmtap's.
	for _, words := range []string{
		"link add mine type bridge", "link property add dev mine altname gw:x@eth0",
		"link add mine2 type veth peer name mine3", "link property add dev mine2 altname r@eth0",
		"link add vm99-if0 type veth peer name mine4", "link property add dev vm99-if0 altname s@eth0",
	} {
		n.Run(t, "ip", strings.Fields(words)...)
	}
	r := n.keeps(t)
	before := takeAll(t, w.all()...)
	r.looks(t, 4)
	before.wantSame(t)
	w.wantAlive(t)
}

// TestOrderMeetsCalls: what an ADD or a DEL is just making or deleting is left to it, however long it takes, at each of
// some steps.
func TestOrderMeetsCalls(t *testing.T) {
	wantsNoVRF(t)
	for name, block := range map[string]string{"pod": inSets(createConf, "web"), "host": `"placement": "host", ` + createConf} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.newPod(t, "first").add(t, "eth0", conf(block))
			p := n.newPod(t, "p")
			call := p.call("eth0", conf(block))
			r := n.keeps(t, "-sure-after", "1ms", "-look-every", "2ms")
			before := takeAll(t, n.NS, p.NS)
			for _, verb := range []string{cni.ADD, cni.DEL} {
				traced, trace := n.Traced()
				if _, fault, err := traced.Invoke(verb, call); fault != nil || err != nil {
					t.Fatalf("%s: %s, %v", verb, fault, err)
				}
				if verb == cni.ADD {
					n.del(t, call)
				}
				steps := slices.DeleteFunc(trace.Steps(), func(s cni.Step) bool { return !s.Changes })
				for i := 1; i < len(steps); i += 1 + len(steps)/3 {
					if verb == cni.DEL {
						n.Add(t, call)
					}
					release := make(chan struct{})
					held, trace := n.Faulty(cni.Fault{Step: steps[i].N, Hold: release})
					done := (&node{n.NS, held}).beside(verb, call)
					waitFor(t, verb+" to come to the step", trace.Injected)
					time.Sleep(50 * time.Millisecond)
					close(release)
					if fault := <-done; fault != nil {
						t.Errorf("%s held at %v: %s", verb, steps[i], fault)
					}
					if verb == cni.ADD {
						if got := n.link(t, "p@eth0").Name; !slices.Contains(n.hostLinks(t), got) {
							t.Errorf("ADD held at %v: no host link", steps[i])
						}
						n.del(t, call)
					}
					settle(t, n.NS)
					before.wantSame(t, verb+" was held at "+steps[i].String())
				}
			}
			r.wantNothingDone(t)
		})
	}
}

func (n *node) del(t *testing.T, call cni.Call) {
	t.Helper()
	if fault := n.Del(t, call); fault != nil {
		t.Fatalf("DEL: %s", fault)
	}
}

// TestOrderRace: 16 VMs come and go at once while order is kept as fast as it can be. None is harmed, and in the end
// nothing is left, and nothing was put in order.
func TestOrderRace(t *testing.T) {
	wantsNoVRF(t)
	const interfaces = 16
	n := newNode(t)
	block := conf(inSets(createConf, "web") + fmt.Sprintf(`, "vmid": {"range": "1-%d"}`, 2*interfaces))
	n.newPod(t, "first").add(t, "net0", block).del()
	before := takeAll(t, n.NS)
	r := n.keeps(t, "-sure-after", "1ms", "-look-every", "2ms")
	second := n.keeps(t, "-sure-after", "1ms", "-look-every", "2ms")
	old := n.newMany(t, "old", interfaces, block)
	old.start(n, cni.ADD)(t)
	fresh := n.newMany(t, "new", interfaces, block)
	deleted, added := old.start(n, cni.DEL), fresh.start(n, cni.ADD)
	deleted(t)
	added(t)
	fresh.wantApart(t, n)
	fresh.start(n, cni.CHECK)(t)
	fresh.start(n, cni.DEL)(t)
	settle(t, n.NS)
	before.wantSame(t)
	r.wantNothingDone(t)
	second.wantNothingDone(t)
}

// wantNothingDone demands that it changed nothing, and that nothing failed.
func (r *responder) wantNothingDone(t *testing.T) {
	t.Helper()
	if got := r.log.String(); strings.Contains(got, "put in order") || strings.Contains(got, "ERROR") {
		t.Errorf("vmtapd meddled:\n%s", got)
	}
}

// TestOrderLocks: what a call has a lock for is left to it, for as long as it has it, though the lock's file was removed and
// made anew since vmtapd began.
func TestOrderLocks(t *testing.T) {
	n := newNode(t)
	for _, removed := range []bool{false, true} {
		id := fmt.Sprint("p", removed)
		a := n.newPod(t, id).add(t, "eth0", conf(createConf))
		dead := a.gateway()
		r := n.keeps(t)
		if removed {
			if err := os.Remove("/run/vmtap/lock"); err != nil {
				t.Fatal(err)
			}
		}
		release := holdLock(t, vmid.LockOffset(id, "eth0"))
		n.Run(t, "ip", "link", "del", a.hostLink())
		r.looks(t, 3)
		if !slices.Contains(n.hostLinks(t), dead) {
			t.Errorf("removed %t: the gateway went though its attachment was locked", removed)
		}
		release()
		waitFor(t, "the gateway to go", func() bool { return !slices.Contains(n.hostLinks(t), dead) })
		r.end(t)
	}
}

// keeper is the process of a vmtapd that keeps order.
func (r *responder) keeper(t *testing.T) (pid int) {
	t.Helper()
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", r.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range children {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err = strconv.Atoi(word); err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("vmtapd has no child")
	return 0
}

// TestOrderProcess: the process that keeps order has one capability, and no other way to more. It ends with the one that
// began it, however that ends, which in turn does not go on without it.
func TestOrderProcess(t *testing.T) {
	n := newNode(t)
	r := n.keeps(t)
	keeper := r.keeper(t)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", keeper))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CapPrm:\t0000000000001000\n", "CapEff:\t0000000000001000\n", "CapInh:\t0000000000000000\n", "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("the keeper has no %q:\n%s", want, status)
		}
	}
	if err := unix.Kill(r.cmd.Process.Pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait()
	waitFor(t, "the keeper to end", func() bool { return unix.Kill(keeper, 0) != nil })

	r = n.keeps(t)
	if err := unix.Kill(r.keeper(t), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err == nil || !strings.Contains(r.log.String(), "the process that keeps order has ended: signal: killed") {
		t.Errorf("%v:\n%s", err, r.log)
	}
}
