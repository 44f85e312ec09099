package model

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// soaks says that all is to be tried, which takes long: make soak.
func soaks() bool { return os.Getenv("VMTAP_CRASH_EVERY") == "1" }

func (r *Rules) about() string {
	what := fmt.Sprintf("pods %v", r.Pods)
	for _, w := range []struct {
		is   bool
		word string
	}{
		{r.Host, "host"}, {r.Unlocked, "no locks"}, {r.Whole, "whole sends"}, {r.Kill, "kills"}, {r.Fail, "failures"}, {r.Hand, "hands"}, {r.Drop, "drops"}, {r.GC, "GC"},
	} {
		if w.is {
			what += ", " + w.word
		}
	}
	return what
}

// TestModel goes through all that can happen to a node with two calls at once.
func TestModel(t *testing.T) {
	one, vm, two := []int8{0}, []int8{0, 0}, []int8{0, 1}
	for _, c := range []struct {
		Rules
		long bool
	}{
		{Rules{Pods: one, Kill: true, Fail: true, Hand: true, Drop: true, GC: true}, false},
		{Rules{Pods: one, Host: true, Kill: true, Fail: true, Hand: true, Drop: true, GC: true}, false},
		{Rules{Pods: vm, Kill: true, Fail: true}, false},
		{Rules{Pods: vm, Drop: true, Kill: true}, false},
		{Rules{Pods: vm, GC: true}, false},
		{Rules{Pods: vm, Calls: 1, Hand: true, Kill: true, GC: true}, false},
		{Rules{Pods: vm, Host: true, Calls: 1, Hand: true, Kill: true, GC: true}, false},
		{Rules{Pods: two, Calls: 1, Hand: true, Kill: true, GC: true}, false},
		{Rules{Pods: two, Kill: true, Fail: true}, false},
		{Rules{Pods: vm, Host: true, Kill: true}, false},

		{Rules{Pods: two, Host: true, Kill: true}, false},

		{Rules{Pods: vm, Kill: true, Fail: true, GC: true}, true},
		{Rules{Pods: two, Kill: true, Fail: true, GC: true}, true},
		{Rules{Pods: two, Kill: true, Fail: true, Hand: true}, true},
		{Rules{Pods: two, Kill: true, Fail: true, Drop: true}, true},
		{Rules{Pods: vm, Host: true, Kill: true, Fail: true}, true},
		{Rules{Pods: vm, Host: true, Kill: true, Fail: true, Hand: true}, true},
		{Rules{Pods: vm, Host: true, GC: true}, true},
		{Rules{Pods: two, Host: true, Kill: true, GC: true}, true},
		{Rules{Pods: []int8{0, 0, 0}}, true},
		{Rules{Pods: []int8{0, 0, 1}, Calls: 1, Hand: true}, true},
	} {
		if !c.long || soaks() {
			t.Run(c.about(), func(t *testing.T) { c.test(t) })
		}
	}
}

func (r Rules) test(t *testing.T) {
	if r.VMIDs = 2; r.Calls == 0 {
		r.Calls = 2
	}
	if testing.Short() && len(r.Pods) > 1 {
		t.Skip("the test VM is slow, and this wants nothing of its kernel")
	}
	g, err := r.Explore()
	t.Log(g)
	if err != nil {
		t.Error(err)
	}
}

// TestUnlocked: where no lock works no two have one address all the same, and DEL
// leaves nothing as long as nobody is killed.
func TestUnlocked(t *testing.T) {
	for _, r := range []Rules{
		{Pods: []int8{0}, Unlocked: true, Fail: true},
		{Pods: []int8{0, 1}, Unlocked: true, Adds: true, Fail: true},
		{Pods: []int8{0, 0}, Unlocked: true, Adds: true},
	} {
		t.Run(r.about(), func(t *testing.T) { r.test(t) })
	}
}

// TestMutants: each fault is found.
func TestMutants(t *testing.T) {
	for _, c := range []struct {
		Rules
		why string
	}{
		{Rules{Mutant: ClaimInTwoSends, Pods: []int8{0}, Kill: true}, "left"},
		{Rules{Mutant: NoExclusiveNames, Unlocked: true, Pods: []int8{0, 1}}, "two host links"},
		{Rules{Mutant: NoClaimsLock, Host: true, Pods: []int8{0, 1}, Kill: true}, "not whole"},
		{Rules{Mutant: NoAttachmentLock, Pods: []int8{0}}, "that works was deleted"},
		{Rules{Mutant: DELByPod, Pods: []int8{0, 0}}, "not whole"},
		{Rules{Mutant: ForgetsUndo, Pods: []int8{0}, Fail: true}, "failed"},
		{Rules{Mutant: KeepsClaims, Pods: []int8{0, 0}}, "0 of them hold"},
		{Rules{Mutant: UndoKeepsClaims, Pods: []int8{0, 0}, Fail: true}, "0 of them hold"},
		{Rules{Mutant: MoveInTwoSends, Pods: []int8{0, 0}, Kill: true}, "0 of them hold"},
		{Rules{Mutant: WaitsForSibling, Pods: []int8{0, 0}}, "no call can go on"},
		{Rules{Mutant: GCWithoutLock, Pods: []int8{0, 0}, GC: true}, "that works was deleted"},
		{Rules{Mutant: GCForgetsList, Pods: []int8{0}, GC: true, Hand: true}, "not whole"},
		{Rules{Mutant: TapBeforeGroup, Pods: []int8{0}, Kill: true}, "left"},
		{Rules{Mutant: DELForgetsGateways, Pods: []int8{0}, Hand: true}, "left"},
		{Rules{Mutant: NoVMLock, Pods: []int8{0, 0}}, "0 of them hold"},
		{Rules{Mutant: KeepsOwnDead, Host: true, Pods: []int8{0, 1}, Kill: true}, "left"},
		{Rules{Mutant: AnyVMsSibling, Pods: []int8{0, 0, 1}, Calls: 1, Hand: true}, "another VM"},
	} {
		t.Run(c.Mutant.String(), func(t *testing.T) {
			r := c.Rules
			if r.VMIDs = 2; r.Calls == 0 {
				r.Calls = 2
			}
			g, err := r.Explore()
			var found *Counterexample
			if !errors.As(err, &found) || !strings.Contains(found.Why, c.why) {
				t.Fatalf("%v: %v, want that it finds %q", g, err, c.why)
			}
			t.Logf("%v: found in %d steps: %s", g, len(found.Way), found.Why)
		})
	}
}

// TestExplore: the search finds all, by shortest ways, and stops at what is
// wrong.
func TestExplore(t *testing.T) {
	// Counting up by one or by two, to seven.
	next := func(s int, yield func(string, int)) {
		for word, n := range map[string]int{"one": 1, "two": 2} {
			if s+n <= 7 {
				yield(word, s+n)
			}
		}
	}
	g, err := Explore(0, next, nil)
	if err != nil || len(g.States) != 8 || g.Transitions != 13 || g.Depth != 4 {
		t.Errorf("%v, %v, want 8 states, 13 transitions, depth 4", g, err)
	}
	for i, s := range g.States {
		sum, way := 0, g.Way(i)
		for _, word := range way {
			sum += map[string]int{"one": 1, "two": 2}[word]
		}
		if sum != s || len(way) != (s+1)/2 {
			t.Errorf("the way to %d is %v", s, way)
		}
	}
	wrong := errors.New("five")
	_, err = Explore(0, next, func(g *Graph[int, string], from int, a string, to int) error {
		if g.States[to] == 5 {
			return wrong
		}
		return nil
	})
	if !errors.Is(err, wrong) {
		t.Errorf("%v, want %v", err, wrong)
	}
}
