package e2e

import (
	"slices"
	"testing"

	"github.com/vmtap/vmtap/test/model"
)

// TestModelOnTheKernel walks ways of the model with the plugin, on namespaces:
// two calls at once, held before each of their steps, killed and made to fail
// there, while hands and the kernel delete links. After each step all links are
// what the model has. The ways take, together, each kind of step at each place,
// and some, where tests soak most, of the steps that find other links.
func TestModelOnTheKernel(t *testing.T) {
	one, vm, two := []int8{0}, []int8{0, 0}, []int8{0, 1}
	kinds := map[edge]bool{}
	for _, c := range []struct {
		name string
		model.Rules
	}{
		{"one interface", model.Rules{Pods: one, Kill: true, Fail: true, Hand: true, GC: true}},
		{"one interface, host", model.Rules{Pods: one, Host: true, Kill: true, Fail: true, Hand: true, GC: true}},
		{"one VM", model.Rules{Pods: vm, Kill: true, Fail: true}},
		{"one VM, host", model.Rules{Pods: vm, Host: true, Calls: 1, Kill: true, Fail: true}},
		{"one VM, GC", model.Rules{Pods: vm, Calls: 1, Kill: true, Hand: true, GC: true}},
		{"one VM, namespaces", model.Rules{Pods: vm, Calls: 1, Kill: true, Drop: true}},
		{"two VMs", model.Rules{Pods: two, Kill: true}},
		{"two VMs, host", model.Rules{Pods: two, Host: true, Kill: true}},
	} {
		if testing.Short() && len(c.Pods) > 1 {
			continue // the test VM is slow, and none of this wants VRF
		}
		t.Run(c.name, func(t *testing.T) {
			r := c.Rules
			if r.VMIDs, r.Whole = 2, true; r.Calls == 0 {
				r.Calls = 2
			}
			ways, explored := waysOf(t, &r, kinds, false)
			byLinks, _ := waysOf(t, &r, map[edge]bool{}, true)
			all := len(ways) + len(byLinks)
			most := 6
			if soaks() {
				most = 400 // which take some minutes
			}
			ways = append(ways, everyNth(byLinks, len(byLinks)/most+1)...)
			if testing.Short() {
				ways = everyNth(ways, 20)
			}
			w := newModelWorld(t, &r)
			steps := 0
			for _, way := range ways {
				w.walk(way)
				steps += len(way)
				if t.Failed() {
					t.FailNow()
				}
			}
			t.Logf("%v; walked %d of %d ways, %d steps", explored, len(ways), all, steps)
		})
	}
}

// everyNth returns every n-th way.
func everyNth(ways [][]model.Action, n int) (some [][]model.Action) {
	for i := 0; i < len(ways); i += n {
		some = append(some, ways[i])
	}
	return some
}

// edge is a transition as far as ways are chosen by it.
type edge struct {
	host  bool
	kind  model.Kind
	verb  model.Verb
	at    model.Place
	links model.State // before it, if ways are chosen by them, too
}

func edgeOf(r *model.Rules, s *model.State, a model.Action, byLinks bool) edge {
	e := edge{host: r.Host, kind: a.Kind, verb: a.Verb, at: a.At}
	if byLinks {
		e.links = s.Kernel()
	}
	return e
}

// waysOf are ways that take, together, each edge that there is and is not
// covered.
func waysOf(t *testing.T, r *model.Rules, covered map[edge]bool, byLinks bool) (ways [][]model.Action, explored *model.Explored) {
	t.Helper()
	type found struct {
		edge
		from   int
		action model.Action
	}
	known := map[edge]bool{}
	var all []found
	next := func(s model.State, yield func(model.Action, model.State)) {
		r.Next(s, func(a model.Action, to model.State) {
			if canWalk(&s, a) {
				yield(a, to)
			}
		})
	}
	explored, err := model.Explore(model.State{}, next, func(g *model.Explored, from int, a model.Action, _ int) error {
		if e := edgeOf(r, &g.States[from], a, byLinks); !known[e] {
			known[e] = true
			all = append(all, found{e, from, a})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Backward(all) { // the longest ways first, since they take others' edges
		if covered[f.edge] {
			continue
		}
		ways = append(ways, append(explored.Way(f.from), f.action))
		covered[f.edge] = true
		for at := f.from; at != 0; {
			before, a := explored.Before(at)
			covered[edgeOf(r, &explored.States[before], a, byLinks)] = true
			at = before
		}
	}
	return ways, explored
}

// canWalk says whether the step can be made to happen. A hand's work amid a call
// on the same attachment is seen by the plugin at other steps than in the model,
// which has fewer.
func canWalk(s *model.State, a model.Action) bool {
	for _, c := range s.Calls {
		byHand := a.Kind == model.DeleteEnd || a.Kind == model.DeleteTap
		if byHand && c.Verb != model.Idle && c.At != model.Begin && c.At != model.Dump && (c.Verb == model.GC || c.Attachment == a.Attachment) {
			return false
		}
	}
	return true
}
