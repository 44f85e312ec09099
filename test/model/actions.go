package model

import "fmt"

// Kind is what kind of thing happens.
type Kind uint8

// The kinds.
const (
	Start     Kind = iota // the runtime starts a call
	Step                  // a call does its next step
	Kill                  // a call is killed before its next step
	Fail                  // an ADD's next step fails
	DeleteEnd             // a pod's end of a host link is deleted, and so the host link
	DeleteTap             // a tap is deleted
	Drop                  // a pod's namespace is let go
	TakeDown              // the kernel takes it down
)

// Action is something that happens.
type Action struct {
	Kind       Kind
	Call       int8  // which one
	Verb       Verb  // of the call
	Attachment int8  // of the call, or of the link
	At         Place // where the call was
	List       Set   // of a GC
	Known      bool
	Pod        int8
}

func (a Action) String() string {
	verb := [...]string{"", "ADD", "DEL", "GC"}[a.Verb]
	call := fmt.Sprintf("call %d, %s %d", a.Call, verb, a.Attachment)
	if a.Verb == GC {
		call = fmt.Sprintf("call %d, GC", a.Call)
	}
	switch a.Kind {
	case Start:
		if a.Verb == GC {
			return fmt.Sprintf("start %s, list %03b, known %t", call, a.List, a.Known)
		}
		return "start " + call
	case Step:
		return call + ": " + a.At.String()
	case Kill:
		return "kill " + call + ", before: " + a.At.String()
	case Fail:
		return call + " fails to: " + a.At.String()
	case DeleteEnd:
		return fmt.Sprintf("the end of attachment %d in the pod is deleted", a.Attachment)
	case DeleteTap:
		return fmt.Sprintf("the tap of attachment %d is deleted", a.Attachment)
	case Drop:
		return fmt.Sprintf("the namespace of pod %d is let go", a.Pod)
	}
	return fmt.Sprintf("the kernel takes down pod %d", a.Pod)
}

// Next calls yield with all that can happen in a state, and what comes of it.
func (r *Rules) Next(s State, yield func(Action, State)) {
	is := func(a Action, change func(*State)) {
		n := s
		change(&n)
		r.settle(&n)
		yield(a, n)
	}
	for i := range int8(r.Calls) {
		c := &s.Calls[i]
		if c.Verb == Idle {
			r.starts(&s, i, is)
			if i+1 < int8(r.Calls) && s.Calls[i+1].Verb == Idle {
				break // it makes no difference which idle one begins
			}
			continue
		}
		n := s
		a := Action{Kind: Step, Call: i, Verb: c.Verb, Attachment: c.Attachment, At: c.At}
		if r.step(&n, i) {
			yield(a, n)
		}
		if r.inSend(c) {
			continue
		}
		if r.Kill {
			a.Kind = Kill
			is(a, func(n *State) { r.kill(n, i) })
		}
		if r.Fail && canFail(c) {
			a.Kind = Fail
			is(a, func(n *State) { r.failAt(n, &n.Calls[i]) })
		}
	}
	r.others(&s, is)
}

// step does a call's next step, and the others of its send if that is whole.
func (r *Rules) step(s *State, call int8) bool {
	for {
		if !r.do(s, call) {
			return false
		}
		r.settle(s)
		if c := &s.Calls[call]; !r.Whole || c.Verb == Idle || !r.inSend(c) {
			return true
		}
	}
}

func (r *Rules) do(s *State, call int8) bool {
	switch s.Calls[call].Verb {
	case ADD:
		return r.add(s, call)
	case DEL:
		return r.del(s, call)
	}
	return r.collect(s, call)
}

// starts are the calls that a runtime may start.
func (r *Rules) starts(s *State, i int8, is func(Action, func(*State))) {
	for a := range r.attachments() {
		if !s.Gone[r.pod(a)] {
			is(Action{Kind: Start, Call: i, Verb: ADD, Attachment: a}, func(n *State) {
				n.Calls[i] = newCall(ADD, a, Begin)
				n.Calls[i].Spoiled = r.isFairGame(n, a)
			})
		}
		if r.Adds {
			continue
		}
		is(Action{Kind: Start, Call: i, Verb: DEL, Attachment: a}, func(n *State) { n.Calls[i] = newCall(DEL, a, Begin) })
	}
	if !r.GC {
		return
	}
	// All that there can be, and so also those that are being added; what there
	// is; nothing; and no word.
	var last Set
	for n, list := range []Set{r.all(), r.listed(s), 0, 0} {
		known := n < 3
		if n > 0 && known && list == last {
			continue
		}
		last = list
		is(Action{Kind: Start, Call: i, Verb: GC, List: list, Known: known}, func(n *State) { r.startGC(n, i, list, known) })
	}
}

func (r *Rules) startGC(s *State, i int8, list Set, known bool) {
	s.Calls[i] = newCall(GC, 0, Dump)
	s.Calls[i].List, s.Calls[i].Known = list, known
	if !known {
		return
	}
	for a := range r.attachments() {
		if !list.Has(a) {
			r.spoil(s, a)
		}
	}
}

// listed are the attachments that a runtime lists: those that it added or is
// about to add.
func (r *Rules) listed(s *State) Set {
	list := s.Live
	for _, c := range s.Calls {
		if c.Verb == ADD {
			list.put(c.Attachment, true)
		}
	}
	return list
}

// isFairGame reports whether a call that works may delete what an ADD makes
// that begins now.
func (r *Rules) isFairGame(s *State, a int8) bool {
	for _, c := range s.Calls {
		if c.Verb == GC && c.Known && !c.List.Has(a) || c.Verb == DEL && c.Attachment == a && c.At != Begin && r.Unlocked {
			return true
		}
	}
	return false
}

// others are what happens without the plugin.
func (r *Rules) others(s *State, is func(Action, func(*State))) {
	for a := range r.attachments() {
		link := s.byAttachment(a)
		if r.Hand && link >= 0 {
			is(Action{Kind: DeleteEnd, Attachment: a}, func(n *State) {
				r.lose(n, link)
				n.Live.put(a, false)
				n.removeLink(link)
			})
		}
		if r.Hand && s.Taps[a].There {
			is(Action{Kind: DeleteTap, Attachment: a}, func(n *State) {
				n.Live.put(a, false)
				n.Taps[a] = Tap{}
			})
		}
	}
	for p := range int8(maxPods) {
		if r.Drop && !s.Gone[p] && p <= r.Pods[len(r.Pods)-1] {
			is(Action{Kind: Drop, Pod: p}, func(n *State) {
				n.Gone[p] = true
				if r.Host {
					return
				}
				for a := range r.attachments() {
					if r.pod(a) == p {
						r.spoil(n, a)
					}
				}
			})
		}
		if s.Gone[p] && !r.isHeld(s, p) {
			is(Action{Kind: TakeDown, Pod: p}, func(n *State) { r.takeDown(n, p) })
		}
	}
}

// isHeld reports whether an ADD has a pod's namespace open.
func (r *Rules) isHeld(s *State, pod int8) bool {
	for _, c := range s.Calls {
		if c.Verb == ADD && r.pod(c.Attachment) == pod {
			return true
		}
	}
	return false
}

// canFail says whether a call is before something that can fail.
func canFail(c *Call) bool {
	if c.Verb != ADD || c.Failed {
		return false
	}
	switch c.At {
	case Observe, Decide, NameIt, CreateGateway, CreateTap, GroupTap, Persist, Print:
		return true
	}
	return false
}

func (r *Rules) failAt(s *State, c *Call) {
	switch c.Failed = true; c.At {
	case Observe:
		c.At = Failed
	case Decide:
		c.At = UnlockClaims
	case NameIt: // only with a tap, which is closed at once
		if c.Link >= 0 {
			s.removeLink(c.Link)
		}
		c.Made, c.At = false, UnlockClaims
	default:
		r.fail(s, c)
	}
}

// settle forgets what is over: a VM that has nothing left has lost nothing.
func (r *Rules) settle(s *State) {
	for p := range int8(maxPods) {
		if s.Lost.Has(p) && !r.hasOthers(s, p, -1) {
			s.Lost.put(p, false)
		}
	}
}
