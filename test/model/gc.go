package model

// collect does the next step of a GC.
func (r *Rules) collect(s *State, call int8) bool {
	c := &s.Calls[call]
	switch c.At {
	case Dump:
		r.dump(s, c, false)
		c.At = DumpTaps
	case DumpTaps:
		r.dump(s, c, true)
		c.Suspects = r.suspects(c)
		c.Todo, c.Holders = 0, 0
		c.At = TryLocks
	case TryLocks:
		a := c.Suspects.first()
		if a < 0 {
			c.At, c.Todo = CollectClaims, c.Garbage
			break
		}
		c.Suspects.put(a, false)
		r.lookAtGarbage(s, call, a)
	case CollectClaims:
		a := c.Todo.first()
		if a < 0 {
			c.At, c.Todo, c.Link = CollectTogether, c.Garbage, -1
			break
		}
		c.Todo.put(a, false)
		c.Attachment = a
		if c.Link = c.Links[a]; c.Link >= 0 && c.Holders.Has(a) {
			c.At = MoveLock
		}
	case CollectTogether:
		a := c.Todo.first()
		if a < 0 {
			c.At = CollectBetween
			break
		}
		c.Todo.put(a, false)
		r.deleteTogether(s, c.Links[a])
	case CollectBetween:
		c.At, c.Todo = CollectRest, c.Garbage
	case CollectRest:
		a := c.Todo.first()
		if a < 0 {
			c.At = Done
			break
		}
		c.Todo.put(a, false)
		if g := s.gatewayOf(a); g >= 0 && (c.Links[a] >= 0 || s.byAttachment(a) < 0) {
			s.removeGateway(g)
		}
		if c.Links[a] >= 0 {
			s.removeLink(c.Links[a])
		}
	case Done:
		r.end(s, call)
	default:
		return r.move(s, call)
	}
	return true
}

// suspects are the attachments that look as if they were to go: of host links
// that the runtime does not list, and of gateways without a host link.
func (r *Rules) suspects(c *Call) (all Set) {
	for a := range r.attachments() {
		link, gateway := c.Holders.Has(a), c.Todo.Has(a)
		if !link && gateway || link && !c.List.Has(a) {
			all.put(a, true)
		}
	}
	return all
}

// dump notes which attachments have a gateway (Todo) and a host link (Holders):
// those that are veths, or those that are taps.
func (r *Rules) dump(s *State, c *Call, taps bool) {
	for a := range r.attachments() {
		if link := s.byAttachment(a); r.Host == taps && link >= 0 && s.Links[link].Names&NameMark != 0 {
			c.Holders.put(a, true)
		}
		if !taps && s.gatewayOf(a) >= 0 {
			c.Todo.put(a, true)
		}
	}
}

// lookAtGarbage locks an attachment and looks again. What another call works on
// is left to that.
func (r *Rules) lookAtGarbage(s *State, call, a int8) {
	c := &s.Calls[call]
	if r.Mutant != GCWithoutLock && !r.lockAttachment(s, a, call) {
		return
	}
	if r.Mutant != GCWithoutLock && !r.lockVM(s, a, call) {
		r.unlock(&s.Locks[a], call)
		return
	}
	link, gateway := s.byAttachment(a), s.gatewayOf(a)
	spared := link < 0 && gateway < 0
	if link >= 0 {
		listed := c.List.Has(a) && r.Mutant != GCForgetsList
		if c.Known && listed || !c.Known && r.hasGuestsEnd(s, a) {
			spared = true
		}
	}
	if spared {
		r.unlock(&s.Locks[a], call)
		if !r.collects(s, call, r.pod(a)) {
			r.unlock(&s.VMs[r.pod(a)], call)
		}
		return
	}
	c.Garbage.put(a, true)
	c.Links[a] = link
	c.Holders.put(a, link >= 0 && s.Links[link].Names&NameVM != 0)
}

// collects reports whether a GC deletes something of a pod's.
func (r *Rules) collects(s *State, call, pod int8) bool {
	for a := range r.attachments() {
		if s.Calls[call].Garbage.Has(a) && r.pod(a) == pod {
			return true
		}
	}
	return false
}

// hasGuestsEnd reports whether a host link has the end that the guest is at.
func (r *Rules) hasGuestsEnd(s *State, a int8) bool { return r.Host || s.Taps[a].There }
