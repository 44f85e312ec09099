package model

// move does the next step of what hands a VM's claims on to a sibling, for
// whichever verb.
func (r *Rules) move(s *State, call int8) bool {
	c := &s.Calls[call]
	switch c.At {
	case MoveLock:
		if !r.lockClaims(s, call) {
			return false
		}
		c.At = MoveFind
	case MoveFind:
		return r.findSibling(s, call)
	case MoveTake:
		if c.At = MovePut; c.Link >= 0 {
			s.Links[c.Link].Names &^= claimNames
		}
	case MovePut:
		if c.At = MoveUnlock; c.Target < 0 || !r.addNames(s, c.Target, claimNames) {
			c.At = MoveBack
		}
	case MoveBack:
		c.Failed = true
		if c.Link >= 0 {
			r.addNames(s, c.Link, claimNames)
		}
		c.At = MoveUnlock
	case MoveUnlock:
		if c.Sibling >= 0 {
			r.unlock(&s.Locks[c.Sibling], call)
		}
		r.unlock(&s.Claims, call)
		c.Sibling, c.Target = -1, -1
		c.Holder = false
		r.afterMove(s, c)
	default:
		panic("a call has no such place: " + c.At.String())
	}
	return true
}

// afterMove says where a call goes on. A DEL whose move failed ends; the
// runtime sends it again.
func (r *Rules) afterMove(s *State, c *Call) {
	switch {
	case c.Verb == ADD:
		r.toUndoLink(s, c)
	case c.Verb == GC:
		c.At = CollectClaims
	case c.Failed:
		c.At = Done
	default:
		c.At = DeleteTogether
	}
}

// findSibling finds the host link that the claims go to: the first whose
// attachment no call works on, else the first.
func (r *Rules) findSibling(s *State, call int8) bool {
	c := &s.Calls[call]
	c.At = MoveUnlock
	if c.Link < 0 {
		return true
	}
	from := s.Links[c.Link]
	first := int8(-1)
	for idx := range int8(MaxAttachments + 1) {
		i := s.byName(from.VMID, idx)
		if i < 0 || i == c.Link || s.Links[i].Names&NameMark == 0 || c.Verb == GC && c.goes(i) {
			continue
		}
		if r.pod(s.Links[i].Attachment) != r.pod(from.Attachment) && r.Mutant != AnyVMsSibling {
			continue
		}
		if first < 0 {
			first = i
		}
		a := s.Links[i].Attachment
		held := s.Locks[a] == call+1
		if r.lockAttachment(s, a, call) {
			c.At, c.Target = MoveTake, i
			if !held && !r.Unlocked {
				c.Sibling = a
			}
			return true
		}
		if r.Mutant == WaitsForSibling {
			c.At = MoveFind
			return false
		}
	}
	if first >= 0 {
		c.At, c.Target = MoveTake, first
	}
	return true
}

// goes reports whether a GC deletes a host link, too.
func (c *Call) goes(link int8) bool {
	for a := range int8(MaxAttachments) {
		if c.Garbage.Has(a) && c.Links[a] == link {
			return true
		}
	}
	return false
}
