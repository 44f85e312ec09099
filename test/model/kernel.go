package model

// What the kernel does by itself when links come and go.

// addLink makes a host link without altnames.
func (s *State) addLink(l HostLink) int8 {
	for i := range s.Links {
		if !s.Links[i].There {
			l.There = true
			s.Links[i] = l
			return int8(i)
		}
	}
	panic("more host links than the model has room for")
}

func (s *State) addGateway(g Gateway) int8 {
	for i := range s.Gateways {
		if !s.Gateways[i].There {
			g.There = true
			s.Gateways[i] = g
			return int8(i)
		}
	}
	panic("more gateways than the model has room for")
}

// removeLink deletes a host link. Nothing has its ifindex again.
func (s *State) removeLink(i int8) {
	s.Links[i] = HostLink{}
	for k := range s.Gateways {
		if g := &s.Gateways[k]; g.There && g.Group == i {
			g.Group = -1
		}
	}
	for k := range s.Taps {
		if t := &s.Taps[k]; t.There && t.Group == i {
			t.Group = -1
		}
	}
	for k := range s.Calls {
		c := &s.Calls[k]
		if c.Verb == Idle {
			continue
		}
		for _, ref := range []*int8{&c.Link, &c.Target, &c.Links[0], &c.Links[1], &c.Links[2]} {
			if *ref == i {
				*ref = -1
			}
		}
	}
}

func (s *State) removeGateway(i int8) {
	s.Gateways[i] = Gateway{}
	for k := range s.Calls {
		c := &s.Calls[k]
		if c.Verb == Idle {
			continue
		}
		if c.Gateway == i {
			c.Gateway = -1
		}
	}
}

// removeGroup deletes what is in the group of a host link, and the host link.
func (s *State) removeGroup(i int8) {
	for k := range s.Gateways {
		if g := &s.Gateways[k]; g.There && g.Group == i {
			s.removeGateway(int8(k))
		}
	}
	for k := range s.Taps {
		if t := &s.Taps[k]; t.There && t.Group == i {
			*t = Tap{}
		}
	}
	s.removeLink(i)
}

// taken returns which of these altnames another link has.
func (r *Rules) taken(s *State, i int8, names AltNames) (taken AltNames) {
	l := &s.Links[i]
	for k := range s.Links {
		o := &s.Links[k]
		if int8(k) == i || !o.There {
			continue
		}
		if o.VMID == l.VMID {
			taken |= o.Names & names & NameVM
		}
		if r.pod(o.Attachment) == r.pod(l.Attachment) {
			taken |= o.Names & names & NamePod
		}
		if o.Attachment == l.Attachment {
			taken |= o.Names & names & NameAttachment
		}
	}
	return taken
}

// addNames gives altnames to a host link, up to the first that is taken.
func (r *Rules) addNames(s *State, i int8, names AltNames) (ok bool) {
	taken := r.taken(s, i, names)
	if taken == 0 {
		s.Links[i].Names |= names
		return true
	}
	first := taken & -taken
	s.Links[i].Names |= names & (first - 1)
	return false
}

// takeDown is what the kernel does some time after a pod's namespace was let
// go and no process has it any more: its links go, and their other ends.
func (r *Rules) takeDown(s *State, pod int8) {
	s.Gone[pod] = false
	if r.Host {
		return // nothing of the attachment is there
	}
	for i := range s.Links {
		if l := &s.Links[i]; l.There && r.pod(l.Attachment) == pod {
			s.removeLink(int8(i))
		}
	}
	for i := range s.Gateways {
		if g := &s.Gateways[i]; g.There && r.pod(g.Attachment) == pod {
			s.removeGateway(int8(i))
		}
	}
	for a := range r.Pods {
		if r.pod(int8(a)) == pod {
			s.Taps[a] = Tap{}
		}
	}
}

// end lets go of all that a call holds: its locks, and the tap that is not
// persistent.
func (r *Rules) end(s *State, call int8) {
	c := &s.Calls[call]
	if c.Verb == ADD {
		if t := &s.Taps[c.Attachment]; c.HasTap && t.There && !t.Persistent {
			*t = Tap{}
		}
		if c.Link >= 0 && !s.Links[c.Link].Persistent {
			r.lose(s, c.Link)
			s.removeLink(c.Link)
		}
	}
	*c = Call{}
	for i := range s.Locks {
		r.unlock(&s.Locks[i], call)
	}
	for i := range s.VMs {
		r.unlock(&s.VMs[i], call)
	}
	r.unlock(&s.Claims, call)
}

// kill ends a call before its next step. Two leave a VM without its names: one
// that was about to put them back, since somebody had deleted the host link that
// they went to, and a GC between its two sends, of what is to go anyway.
func (r *Rules) kill(s *State, call int8) {
	c := s.Calls[call]
	r.end(s, call)
	for a := range r.attachments() {
		if c.At == MoveBack && r.pod(a) == r.pod(c.Attachment) || c.At == CollectBetween && c.Garbage.Has(a) {
			s.Lost.put(r.pod(a), true)
		}
	}
}

// lose notes that a VM loses its vmid with this host link, if it has another
// or is about to.
func (r *Rules) lose(s *State, i int8) {
	l := &s.Links[i]
	if l.Names&claimNames == 0 {
		return
	}
	pod := r.pod(l.Attachment)
	if r.hasOthers(s, pod, i) {
		s.Lost.put(pod, true)
	}
}

// hasOthers reports whether a pod has a host link other than this, or an ADD.
func (r *Rules) hasOthers(s *State, pod, but int8) bool {
	for i := range s.Links {
		if l := &s.Links[i]; l.There && int8(i) != but && r.pod(l.Attachment) == pod {
			return true
		}
	}
	for i := range s.Calls {
		if c := &s.Calls[i]; c.Verb == ADD && r.pod(c.Attachment) == pod && (but < 0 || c.Link != but) {
			return true
		}
	}
	return false
}
