package model

import "fmt"

// whole reports whether an attachment is all that an ADD makes.
func (r *Rules) whole(s *State, a int8) bool {
	i, g := s.byAttachment(a), s.gatewayOf(a)
	if i < 0 || g < 0 {
		return false
	}
	l, gateway, tap := s.Links[i], s.Gateways[g], s.Taps[a]
	switch {
	case l.Names&NameMark == 0 || !l.Persistent || gateway.VMID != l.VMID || gateway.Idx != l.Idx:
		return false
	case r.Host:
		return true
	}
	return tap.There && tap.Persistent && tap.Group == i && gateway.Group == i
}

// Check says what is wrong with a state, "" if nothing is.
func (r *Rules) Check(s *State) string {
	if why := r.checkNames(s); why != "" || r.Unlocked {
		return why
	}
	for a := range r.attachments() {
		if s.Live.Has(a) && !r.whole(s, a) {
			return fmt.Sprintf("attachment %d was added, and is not whole", a)
		}
	}
	for pod := range int8(maxPods) {
		if why := r.checkVM(s, pod); why != "" {
			return why
		}
	}
	return ""
}

// checkNames says whether two have one address, or one vmid.
func (r *Rules) checkNames(s *State) string {
	for i, l := range s.Links {
		for _, o := range s.Links[i+1:] {
			if !l.There || !o.There {
				continue
			}
			p, q := r.pod(l.Attachment), r.pod(o.Attachment)
			switch {
			case l.VMID == o.VMID && l.Idx == o.Idx:
				return fmt.Sprintf("two host links are vm%d-if%d", l.VMID, l.Idx)
			case l.VMID == o.VMID && p != q && l.Names&o.Names&NameAttachment != 0 && !s.Lost.Has(p) && !s.Lost.Has(q) && !r.Unlocked:
				return fmt.Sprintf("two VMs have vmid %d", l.VMID)
			}
		}
	}
	return ""
}

// checkVM says what is wrong with a VM: as long as it has an interface, one of
// its host links has its names.
func (r *Rules) checkVM(s *State, pod int8) string {
	if s.Lost.Has(pod) {
		return ""
	}
	for i := range s.Calls {
		if c := &s.Calls[i]; c.Verb != Idle && (c.At == MovePut || c.At == MoveBack) {
			return "" // they are on their way
		}
	}
	links, holders := 0, 0
	id := int8(0)
	for _, l := range s.Links {
		if !l.There || r.pod(l.Attachment) != pod || l.Names&NameAttachment == 0 || s.isCollected(l.Attachment) {
			continue
		}
		links++
		if l.Names&claimNames == claimNames {
			holders++
		}
		if id != 0 && l.VMID != id {
			return fmt.Sprintf("the VM of pod %d has the vmids %d and %d", pod, id, l.VMID)
		}
		id = l.VMID
	}
	if links > 0 && holders != 1 {
		return fmt.Sprintf("the VM of pod %d has %d interfaces, and %d of them hold its vmid", pod, links, holders)
	}
	return ""
}

// isCollected reports whether a GC is in the sends that delete an attachment.
func (s *State) isCollected(a int8) bool {
	for i := range s.Calls {
		if c := &s.Calls[i]; c.Verb == GC && c.Garbage.Has(a) && (c.At == CollectTogether || c.At == CollectBetween || c.At == CollectRest) {
			return true
		}
	}
	return false
}

// CheckStep says what is wrong with a transition.
func (r *Rules) CheckStep(from *State, a Action, to *State) string {
	if a.Kind != Step || r.Unlocked {
		return ""
	}
	c := &from.Calls[a.Call]
	if ended := to.Calls[a.Call].Verb == Idle; ended && c.Verb == ADD && c.At == Failed && (c.Link >= 0 || c.Gateway >= 0 || c.HasTap) {
		return fmt.Sprintf("an ADD of attachment %d that failed left something", c.Attachment)
	}
	if a.Verb == DEL || a.Verb == GC || a.Verb == ADD {
		for i := range from.Calls {
			was, is := &from.Calls[i], &to.Calls[i]
			if int8(i) != a.Call && was.Verb == ADD && !was.Spoiled && !was.Failed && was.Link >= 0 && is.Link < 0 {
				return fmt.Sprintf("the host link of an ADD of attachment %d that works was deleted", was.Attachment)
			}
		}
	}
	if a.At == MovePut && c.Link >= 0 && c.Target >= 0 && r.pod(from.Links[c.Link].Attachment) != r.pod(from.Links[c.Target].Attachment) {
		return "a VM's names went to another VM"
	}
	return ""
}

// Stuck reports whether a call works and none can go on.
func (r *Rules) Stuck(s *State) bool {
	if s.Quiet() {
		return false
	}
	for i := range int8(r.Calls) {
		n := *s
		if s.Calls[i].Verb != Idle && r.do(&n, i) {
			return false
		}
	}
	return true
}
