package model

// del does the next step of a DEL.
func (r *Rules) del(s *State, call int8) bool {
	c := &s.Calls[call]
	switch c.At {
	case Begin:
		if !r.lockAttachment(s, c.Attachment, call) {
			return false
		}
		r.spoil(s, c.Attachment)
		c.At = FindVM
	case FindVM:
		if !r.lockVM(s, c.Attachment, call) {
			return false
		}
		c.At = Find
	case Find:
		r.find(s, c)
		if c.At = FindClaims; c.Link < 0 {
			c.At = DeleteGateway
		}
	case FindClaims:
		if c.At = DeleteTogether; c.Holder && r.Mutant != KeepsClaims {
			c.At = MoveLock
		}
	case DeleteTogether:
		r.deleteTogether(s, c.Link)
		c.At = FindAgain
	case FindAgain:
		r.find(s, c)
		c.At = DeleteGateway
	case DeleteGateway:
		if c.Gateway >= 0 {
			s.removeGateway(c.Gateway)
		}
		c.At = DeleteLink
	case DeleteLink:
		if c.Link >= 0 {
			s.removeLink(c.Link)
		}
		c.At = Done
	case Done:
		r.end(s, call)
	default:
		return r.move(s, call)
	}
	return true
}

// find looks an attachment's links up. One without vmtap's mark is nobody's.
func (r *Rules) find(s *State, c *Call) {
	c.Link, c.Gateway, c.Holder = s.byAttachment(c.Attachment), s.gatewayOf(c.Attachment), false
	if r.Mutant == DELByPod {
		for i, l := range s.Links {
			if l.There && l.Names&NamePod != 0 && r.pod(l.Attachment) == r.pod(c.Attachment) {
				c.Link = int8(i)
			}
		}
	}
	if r.Mutant == DELForgetsGateways && c.Link < 0 {
		c.Gateway = -1
	}
	if c.Link < 0 {
		return
	}
	l := &s.Links[c.Link]
	if l.Names&NameMark == 0 {
		c.Link, c.Gateway = -1, -1
		return
	}
	c.Holder = l.Names&NameVM != 0
}

// deleteTogether deletes a host link, and with it what is in its group.
func (r *Rules) deleteTogether(s *State, link int8) {
	switch {
	case link < 0:
	case r.Host:
		// Host link and gateway come into the group just before, in the same send. A
		// host link that is alone is deleted by itself.
		if g := s.gatewayOf(s.Links[link].Attachment); g >= 0 {
			s.removeGateway(g)
			s.removeLink(link)
		}
	default:
		s.removeGroup(link)
	}
}

// spoil notes that somebody may rightly delete an attachment.
func (r *Rules) spoil(s *State, a int8) {
	s.Live.put(a, false)
	for i := range s.Calls {
		if c := &s.Calls[i]; c.Verb == ADD && c.Attachment == a {
			c.Spoiled = true
		}
	}
}
