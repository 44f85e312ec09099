package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/model"
)

// walk takes a way of the model on the node, and compares all links after each
// step. Then what still works is killed, and all is deleted.
func (w *modelWorld) walk(way []model.Action) {
	w.Helper()
	w.state = model.State{}
	w.newPods()
	defer w.closePods()
	for i, a := range way {
		next, ok := w.after(a)
		if !ok {
			w.Fatalf("the model has no such step: %v", a)
		}
		before := w.state
		w.state = next
		err := w.take(a, &before)
		if err == nil {
			err = w.compare()
		}
		if err != nil {
			w.Errorf("%v, after:\n%s", err, describeWay(way[:i+1]))
			break
		}
	}
	w.finish(way)
}

func describeWay(way []model.Action) string {
	var b strings.Builder
	for _, a := range way {
		fmt.Fprintln(&b, " ", a)
	}
	return b.String()
}

func (w *modelWorld) after(a model.Action) (next model.State, ok bool) {
	w.Next(w.state, func(other model.Action, s model.State) {
		if other == a {
			next, ok = s, true
		}
	})
	return next, ok
}

func (w *modelWorld) compare() error {
	w.Helper()
	if want, got := w.expected(), w.found(); !slices.Equal(got, want) {
		return fmt.Errorf("the kernel has\n  %s\nand the model\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	return nil
}

// finish kills what works, checks what is whole, and deletes all.
func (w *modelWorld) finish(way []model.Action) {
	w.Helper()
	killed := false
	for range w.calls { // one that waits for another can be killed after that
		for i, p := range w.calls {
			if p == nil {
				continue
			}
			if p.advance(0); p.held == nil && !p.ended {
				continue
			}
			if !p.ended {
				p.kill(w.T)
				killed = true
			}
			w.calls[i] = nil
		}
	}
	for a := range int8(len(w.Pods)) {
		if killed || w.Failed() || !w.state.Live.Has(a) || w.state.Lost.Has(w.Pods[a]) {
			continue
		}
		_, call := w.callOf(&model.Call{Verb: model.ADD, Attachment: a})
		if fault := w.n.Check(w.T, call.With(w.results[a])); fault != nil {
			w.Errorf("CHECK of attachment %d: %s, after:\n%s", a, fault, describeWay(way))
		}
	}
	for a := range int8(len(w.Pods)) {
		_, call := w.callOf(&model.Call{Verb: model.DEL, Attachment: a})
		if fault := w.n.Del(w.T, call); fault != nil {
			w.Errorf("DEL of attachment %d: %s, after:\n%s", a, fault, describeWay(way))
		}
	}
	for _, name := range w.n.hostLinks(w.T) {
		w.Errorf("%s is left, after:\n%s", name, describeWay(way))
	}
}

// take makes an action happen. w.state is what the model has after it.
func (w *modelWorld) take(a model.Action, before *model.State) error {
	w.Helper()
	switch a.Kind {
	case model.Start:
		verb, call := w.callOf(&w.state.Calls[a.Call])
		w.calls[a.Call] = w.n.start(verb, call, false)
		return w.advanceToPlace(a.Call)
	case model.Step:
		return w.step(a, before)
	case model.Fail:
		p := w.calls[a.Call]
		p.fail(unix.ENOMEM)
		return w.advanceToPlace(a.Call)
	case model.Kill:
		w.calls[a.Call].kill(w.T)
	case model.DeleteEnd:
		w.pods[w.Pods[a.Attachment]].deleteEnd(w, w.hostLinkOf(before, a.Attachment))
	case model.DeleteTap:
		_, ifName := w.attachment(a.Attachment)
		w.pods[w.Pods[a.Attachment]].ns().Run(w.T, "ip", "link", "del", ifName)
	case model.Drop:
		return w.pods[a.Pod].Close()
	case model.TakeDown:
		return w.takeDown(a.Pod)
	}
	return nil
}

func (w *modelWorld) hostLinkOf(s *model.State, a int8) string {
	for _, l := range s.Links {
		if l.There && l.Attachment == a && l.Names&model.NameAttachment != 0 {
			return vmid.HostLink(uint32(l.VMID), int(l.Idx))
		}
	}
	w.Fatalf("attachment %d has no host link", a)
	return ""
}

// deleteEnd deletes the end of a host link that is in the pod, or, where there is
// none, the host link.
func (p *heldPod) deleteEnd(w *modelWorld, name string) {
	ns := p.ns()
	if w.Host {
		ns = w.n.NS
	}
	ns.Run(w.T, "ip", "link", "del", name)
}

// takeDown lets go of a namespace, waits for the kernel, and makes a new one.
func (w *modelWorld) takeDown(pod int8) error {
	w.Helper()
	if err := w.pods[pod].hold.Close(); err != nil {
		return err
	}
	w.pods[pod] = w.newHeldPod(pod)
	waitFor(w.T, "the kernel to take down a namespace", func() bool { return w.compare() == nil })
	return nil
}

// step lets a call take the step that the model took.
func (w *modelWorld) step(a model.Action, before *model.State) error {
	w.Helper()
	p := w.calls[a.Call]
	if is := w.milestone(before, a.Call); is != nil {
		if p.held == nil || !is(p.held.Step) {
			return fmt.Errorf("%s is not at: %v", p.command, a)
		}
		p.held.Go()
		p.held = nil
	}
	if w.state.Calls[a.Call].Verb != model.Idle {
		return w.advanceToPlace(a.Call)
	}
	p.advance(toTheEnd)
	w.calls[a.Call] = nil
	if !p.ended {
		return fmt.Errorf("%s waits for a lock", p.command)
	}
	c := &before.Calls[a.Call]
	switch o, success := p.outcome, a.At != model.Failed && !c.Failed; {
	case o.err != nil:
		return o.err
	case success != (o.fault == nil) || o.fault.Killed():
		return fmt.Errorf("%s: %s, and in the model success is %t", p.command, o.fault, success)
	case a.Verb == model.ADD && success:
		w.results[a.Attachment] = o.stdout
	}
	return nil
}

// advanceToPlace lets a call go on until it is where it is in the model. Where
// nothing can hold it there it is held before the next step that something can.
func (w *modelWorld) advanceToPlace(call int8) error {
	p, is := w.calls[call], w.milestone(&w.state, call)
	for {
		if p.held == nil && !p.ended {
			held, blocked := p.gate.Next()
			switch {
			case blocked:
				return fmt.Errorf("%s waits for a lock before: %v", p.command, w.state.Calls[call].At)
			case held == nil:
				p.ended, p.outcome = true, <-p.result
			}
			p.held = held
		}
		switch {
		case is == nil:
			return nil
		case p.ended:
			return errors.Join(fmt.Errorf("%s ended before: %v: %s", p.command, w.state.Calls[call].At, p.outcome.fault), p.outcome.err)
		case is(p.held.Step):
			return nil
		}
		p.held.Go()
		p.held = nil
	}
}

// milestone says which step of the plugin's is the one that a call is before, nil
// if there is none: what the model does there no other can see.
func (w *modelWorld) milestone(s *model.State, call int8) func(cni.Step) bool {
	c := &s.Calls[call]
	sends := func(messages ...string) func(cni.Step) bool {
		return func(s cni.Step) bool {
			return !slices.ContainsFunc(messages, func(m string) bool { return !slices.Contains(s.Messages, m) })
		}
	}
	asks := func(request string) func(cni.Step) bool { return func(s cni.Step) bool { return s.Detail == request } }
	locks := func(words ...any) func(cni.Step) bool {
		prefix := fmt.Sprintf("%s byte %d of ", words...)
		return func(s cni.Step) bool { return s.Call == "fcntl" && strings.HasPrefix(s.Detail, prefix) }
	}
	pod, ifName := w.attachment(c.Attachment)
	vm := vmid.LockOffset(w.podID(pod), "")
	unless := func(not bool, is func(cni.Step) bool) func(cni.Step) bool {
		if not {
			return nil
		}
		return is
	}
	switch c.At {
	case model.Begin:
		return locks("lock", vmid.LockOffset(w.podID(pod), ifName))
	case model.LockVM, model.FindVM, model.UndoVM:
		return unless(c.At == model.UndoVM && !c.Made, locks("lock", vm))
	case model.LockClaims, model.MoveLock:
		return locks("lock", 0)
	case model.UnlockClaims:
		return locks("unlock", 0)
	case model.MoveUnlock:
		return func(s cni.Step) bool { return s.Call == "fcntl" && strings.HasPrefix(s.Detail, "unlock") }
	case model.Observe, model.Decide, model.Find, model.FindAgain, model.UndoClaims, model.MoveFind, model.Dump, model.DumpTaps:
		return sends("RTM_GETLINK")
	case model.Create:
		if w.Host {
			return asks("TUNSETIFINDEX")
		}
		return sends("RTM_NEWLINK", "RTM_NEWLINKPROP")
	case model.NameIt:
		return sends("RTM_SETLINK", "RTM_NEWLINKPROP")
	case model.CreateGateway:
		return sends("RTM_NEWLINK", "RTM_NEWLINKPROP")
	case model.CreateTap:
		return asks("TUNSETIFINDEX")
	case model.GroupTap:
		return sends("RTM_SETLINK", "RTM_NEWQDISC")
	case model.Persist, model.UndoPersist:
		return asks("TUNSETPERSIST")
	case model.Print:
		return func(s cni.Step) bool { return s.Call == "write" }
	case model.Failed:
		if c.Made {
			return locks("unlock", vm)
		}
		return func(s cni.Step) bool { return s.Call == "write" }
	case model.MoveTake:
		return sends("RTM_DELLINKPROP", "RTM_NEWLINKPROP")
	}
	return w.milestoneOfDeletion(s, c, sends("RTM_DELLINK"), locks("unlock", vm))
}

// milestoneOfDeletion is milestone for what deletes links.
func (w *modelWorld) milestoneOfDeletion(s *model.State, c *model.Call, deletes, unlocks func(cni.Step) bool) func(cni.Step) bool {
	if_ := func(is bool, step func(cni.Step) bool) func(cni.Step) bool {
		if is {
			return step
		}
		return nil
	}
	together := func(link int8) bool { // the host link is not deleted by itself
		return link >= 0 && (!w.Host || w.hasGateway(s, s.Links[link].Attachment))
	}
	switch c.At {
	case model.DropDead, model.UndoLink:
		return deletes
	case model.UndoGateway, model.DeleteGateway:
		return if_(c.Gateway >= 0, deletes)
	case model.DeleteTogether:
		return if_(together(c.Link), deletes)
	case model.DeleteLink:
		return if_(c.Link >= 0, deletes)
	case model.Done:
		return if_(c.Verb == model.DEL, unlocks)
	case model.TryLocks:
		return if_(c.Suspects != 0, w.locksAttachment)
	case model.CollectClaims:
		return if_(c.Todo == 0 && slices.ContainsFunc(c.Links[:], together), deletes)
	case model.CollectBetween:
		return if_(c.Garbage != 0, deletes)
	}
	return nil
}

func (w *modelWorld) hasGateway(s *model.State, a int8) bool {
	return slices.ContainsFunc(s.Gateways[:], func(g model.Gateway) bool { return g.There && g.Named && g.Attachment == a })
}

// locksAttachment reports whether a step locks some attachment.
func (w *modelWorld) locksAttachment(s cni.Step) bool {
	for a := range int8(len(w.Pods)) {
		pod, ifName := w.attachment(a)
		if s.Call == "fcntl" && strings.HasPrefix(s.Detail, fmt.Sprintf("lock byte %d of ", vmid.LockOffset(w.podID(pod), ifName))) {
			return true
		}
	}
	return false
}
