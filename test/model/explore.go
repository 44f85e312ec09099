package model

import (
	"fmt"
	"strings"
)

// Graph is all that can be reached from one state, breadth first, so that the
// way to each state is a shortest one.
type Graph[S comparable, A any] struct {
	States      []S
	Transitions int
	Depth       int // of the state that is farthest away

	from  []int32 // the state before each, -1 for the first
	by    []A
	depth []int32
}

// maxStates is more than a machine has memory for.
const maxStates = 8_000_000

// Explore goes through all that can be reached. next calls its function with
// each action that is possible in a state, and where it leads. visit is called
// for each transition, the first time with an unknown to, which it gets as it
// will be numbered; its error ends the search.
func Explore[S comparable, A any](start S, next func(S, func(A, S)), visit func(g *Graph[S, A], from int, a A, to int) error) (*Graph[S, A], error) {
	var nothing A
	g := &Graph[S, A]{States: []S{start}, from: []int32{-1}, by: []A{nothing}, depth: []int32{0}}
	known := map[S]int32{start: 0}
	var err error
	for at := 0; at < len(g.States) && err == nil; at++ {
		if len(g.States) > maxStates {
			return g, fmt.Errorf("search all states: there are more than %d", maxStates)
		}
		next(g.States[at], func(a A, s S) {
			if err != nil {
				return
			}
			to, ok := known[s]
			if !ok {
				to = int32(len(g.States))
				known[s] = to
				g.States = append(g.States, s)
				g.from, g.by, g.depth = append(g.from, int32(at)), append(g.by, a), append(g.depth, g.depth[at]+1)
				g.Depth = int(g.depth[to])
			}
			g.Transitions++
			if visit != nil {
				err = visit(g, at, a, int(to))
			}
		})
	}
	return g, err
}

// Way returns the actions of a shortest way to a state.
func (g *Graph[S, A]) Way(to int) []A {
	way := make([]A, g.depth[to])
	for at := to; at != 0; {
		from, by := g.Before(at)
		way[g.depth[at]-1] = by
		at = from
	}
	return way
}

// Before is the state before another on its way, and the action between them.
func (g *Graph[S, A]) Before(to int) (from int, by A) { return int(g.from[to]), g.by[to] }

func (g *Graph[S, A]) String() string {
	return fmt.Sprintf("%d states, %d transitions, depth %d", len(g.States), g.Transitions, g.Depth)
}

// Counterexample is a shortest way to what must not be.
type Counterexample struct {
	Why string
	Way []string // the actions; the last is the one that breaks the rule
}

func (c *Counterexample) Error() string {
	return c.Why + ", after:\n  " + strings.Join(c.Way, "\n  ")
}
