package model

import "fmt"

// Run runs a call on a quiet node to its end, while nothing else happens, and
// reports what comes of it.
func (r *Rules) Run(s State, verb Verb, attachment int8, list Set, known bool) (end State, success bool) {
	at := Begin
	if verb == GC {
		at = Dump
	}
	s.Calls[0] = newCall(verb, attachment, at)
	if verb == GC {
		r.startGC(&s, 0, list, known)
	}
	for range 200 {
		c := &s.Calls[0]
		success = !c.Failed && c.At != Failed
		if !r.step(&s, 0) {
			return s, false
		}
		if s.Calls[0].Verb == Idle {
			return s, success
		}
	}
	panic(fmt.Sprintf("a call of verb %d has no end", verb))
}

// CheckQuiet says what is wrong with a state in which no call works: DEL of all
// in any order, or GC when the runtime lists nothing, leaves nothing, and then
// each ADD succeeds, with the preferred vmid.
func (r *Rules) CheckQuiet(s *State) string {
	n := r.attachments()
	for first := range n {
		end := *s
		for k := range n {
			var ok bool
			if end, ok = r.Run(end, DEL, (first+k)%n, 0, false); !ok {
				return "DEL failed"
			}
			if why := r.Check(&end); why != "" {
				return why + ", after a DEL"
			}
		}
		if why := r.checkEmpty(end, "DEL of all"); why != "" {
			return why
		}
	}
	end, ok := r.Run(*s, GC, 0, 0, true)
	if !ok {
		return "GC failed"
	}
	return r.checkEmpty(end, "GC")
}

// checkEmpty says what is wrong with a state in which nothing should be left.
func (r *Rules) checkEmpty(s State, after string) string {
	if !s.Empty() {
		return "something is left after " + after
	}
	for a := range r.attachments() {
		if s.Gone[r.pod(a)] || s.Taps[a].There {
			continue // there is no pod, or a tap without a mark in it
		}
		end, ok := r.Run(s, ADD, a, 0, false)
		if !ok || !r.whole(&end, a) {
			return fmt.Sprintf("ADD of attachment %d failed after %s", a, after)
		}
		if l := end.Links[end.byAttachment(a)]; l.VMID != 1 || l.Idx != 0 {
			return fmt.Sprintf("ADD of attachment %d got vm%d-if%d after %s", a, l.VMID, l.Idx, after)
		}
	}
	return ""
}

// Explored is what a search found.
type Explored = Graph[State, Action]

// Explore searches all that can happen, and returns an error, a Counterexample,
// if something is wrong in a state or a transition.
func (r *Rules) Explore() (*Explored, error) {
	return Explore(State{}, r.Next, r.visit)
}

func (r *Rules) visit(g *Explored, from int, a Action, to int) error {
	s := &g.States[to]
	why := r.CheckStep(&g.States[from], a, s)
	if why == "" {
		why = r.checkNew(g, s, to)
	}
	if why == "" {
		return nil
	}
	c := &Counterexample{Why: why}
	for _, a := range append(g.Way(from), a) {
		c.Way = append(c.Way, a.String())
	}
	return c
}

func (r *Rules) checkNew(g *Explored, s *State, to int) string {
	if to != len(g.States)-1 {
		return "" // it was looked at, or this is the last once more, which does no harm
	}
	if why := r.Check(s); why != "" {
		return why
	}
	if r.Stuck(s) {
		return "no call can go on"
	}
	if s.Quiet() {
		return r.CheckQuiet(s)
	}
	return ""
}
