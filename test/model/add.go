package model

// triesOfClaim is how often a claim is decided anew. vmtap tries five times;
// more than once makes no other states.
const triesOfClaim = 2

// add does the next step of an ADD. It reports whether it can: else it waits.
func (r *Rules) add(s *State, call int8) bool {
	c := &s.Calls[call]
	switch c.At {
	case Begin:
		if !r.lockAttachment(s, c.Attachment, call) {
			return false
		}
		c.At = Observe
	case Observe:
		c.At = LockVM
		if s.byAttachment(c.Attachment) >= 0 || s.Taps[c.Attachment].There {
			c.At = Failed // code 100
		}
	case LockVM:
		if !r.lockVM(s, c.Attachment, call) {
			return false
		}
		c.At = LockClaims
	case LockClaims:
		if !r.lockClaims(s, call) {
			return false
		}
		c.At = Decide
	case Decide:
		r.decide(s, c)
	case DropDead:
		// By name, as vmtap does.
		if g := s.gatewayByName(c.VMID, c.Idx); g >= 0 && c.Dead {
			s.removeGateway(g)
		}
		if g := s.gatewayOf(c.Attachment); g >= 0 && c.OwnDead {
			s.removeGateway(g)
		}
		c.At = Create
	case Create:
		r.createHostLink(s, c)
	case NameIt:
		names := NameAttachment | NameMark
		if c.Holder {
			names |= claimNames
		}
		c.At = UnlockClaims
		switch {
		case c.Link < 0: // somebody deleted it
			c.Failed = true
		case r.Mutant == NoExclusiveNames:
			s.Links[c.Link].Names |= names
		case !r.addNames(s, c.Link, names):
			c.At = TakeBack
		}
	case TakeBack:
		if c.Link >= 0 {
			s.removeLink(c.Link)
		}
		c.Made = false
		r.again(c)
	case UnlockClaims:
		r.unlock(&s.Claims, call)
		r.unlock(&s.VMs[r.pod(c.Attachment)], call)
		switch c.At = CreateGateway; {
		case c.Failed && c.Made:
			c.At = UndoVM
		case c.Failed:
			c.At = Failed
		}
	default:
		return r.addRest(s, call)
	}
	return true
}

// again decides anew after a name was taken.
func (r *Rules) again(c *Call) {
	c.Tries++
	c.Holder, c.Dead, c.OwnDead, c.VMID, c.Idx = false, false, false, 0, 0
	c.At = Decide
	if c.Tries == triesOfClaim || c.Failed {
		c.Failed, c.At = true, UnlockClaims
	}
}

// decide chooses vmid and number, as plan.Choose does.
func (r *Rules) decide(s *State, c *Call) {
	c.At = Create
	pod := r.pod(c.Attachment)
	for _, l := range s.Links {
		if l.There && l.Names&NamePod != 0 && r.pod(l.Attachment) == pod {
			for idx := range int8(MaxAttachments + 1) {
				if r.free(s, c, l.VMID, idx) {
					return
				}
			}
			panic("all numbers of a VM are taken")
		}
	}
	for id := int8(1); id <= r.VMIDs; id++ {
		if s.holder(id) < 0 && r.free(s, c, id, 0) {
			c.Holder = true
			return
		}
	}
	c.Failed, c.At = true, UnlockClaims // code 11
}

// free reports whether a name is free, or only a dead gateway is in the way.
func (r *Rules) free(s *State, c *Call, vmid, idx int8) bool {
	if s.byName(vmid, idx) >= 0 {
		return false
	}
	if g := s.gatewayByName(vmid, idx); g >= 0 {
		gateway := &s.Gateways[g]
		dead := gateway.Named && s.byAttachment(gateway.Attachment) < 0
		if !dead {
			return false
		}
		c.Dead = true
	}
	c.OwnDead = s.gatewayOf(c.Attachment) >= 0 && s.byAttachment(c.Attachment) < 0 && r.Mutant != KeepsOwnDead
	if c.Dead || c.OwnDead {
		c.At = DropDead
	}
	c.VMID, c.Idx = vmid, idx
	return true
}

func (r *Rules) createHostLink(s *State, c *Call) {
	if s.byName(c.VMID, c.Idx) >= 0 && r.Mutant != NoExclusiveNames {
		r.again(c)
		return
	}
	c.Made = true
	c.Link = s.addLink(HostLink{Attachment: c.Attachment, VMID: c.VMID, Idx: c.Idx, Persistent: !r.Host})
	c.At = NameIt
}

// addRest is what comes after the claim.
func (r *Rules) addRest(s *State, call int8) bool {
	c := &s.Calls[call]
	tap := &s.Taps[c.Attachment]
	switch c.At {
	case CreateGateway:
		if s.gatewayByName(c.VMID, c.Idx) >= 0 {
			r.fail(s, c)
			break
		}
		c.Gateway = s.addGateway(Gateway{Attachment: c.Attachment, VMID: c.VMID, Idx: c.Idx, Group: c.Link})
		c.At = NameGateway
	case NameGateway:
		if c.At = CreateTap; r.Host {
			c.At = Persist
		}
		switch {
		case c.Gateway < 0:
			r.fail(s, c)
		case s.gatewayOf(c.Attachment) >= 0:
			r.fail(s, c) // it is taken back as what was made
		default:
			s.Gateways[c.Gateway].Named = true
		}
	case CreateTap:
		if tap.There {
			r.fail(s, c)
			break
		}
		*tap = Tap{There: true, By: call, Group: noGroup, Persistent: r.Mutant == TapBeforeGroup}
		c.HasTap, c.At = true, GroupTap
	case GroupTap:
		c.At = Persist
		if c.Link < 0 || !tap.There {
			r.fail(s, c) // its other end is gone
			break
		}
		tap.Group = c.Link
	case Persist:
		c.At = Print
		switch {
		case r.Host && c.Link < 0, !r.Host && !tap.There:
			r.fail(s, c)
		case r.Host:
			s.Links[c.Link].Persistent = true
		default:
			tap.Persistent, tap.By = true, 0
		}
	case Print:
		s.Live.put(c.Attachment, !c.Spoiled && r.whole(s, c.Attachment))
		r.end(s, call)
	default:
		return r.undo(s, call)
	}
	return true
}

// fail makes an ADD take back what it did. A tap goes at once: closing it is no
// step at which the call could be stopped.
func (r *Rules) fail(s *State, c *Call) {
	if c.Failed = true; c.At == Persist || c.At == Print {
		c.At = UndoPersist
		return
	}
	r.closeTap(s, c)
	if c.At = UndoGateway; c.Gateway < 0 {
		c.At = UndoVM
	}
}

func (r *Rules) closeTap(s *State, c *Call) {
	if c.HasTap {
		s.Taps[c.Attachment], c.HasTap = Tap{}, false
	}
}

// undo takes back what an ADD did, in reverse order.
func (r *Rules) undo(s *State, call int8) bool {
	c := &s.Calls[call]
	switch c.At {
	case UndoPersist:
		if r.Host && c.Link >= 0 {
			s.Links[c.Link].Persistent = false
		}
		r.closeTap(s, c)
		if c.At = UndoGateway; c.Gateway < 0 {
			c.At = UndoVM
		}
	case UndoGateway:
		c.At = UndoVM
		if c.Gateway >= 0 {
			s.removeGateway(c.Gateway)
		}
	case UndoVM:
		if !c.Made {
			c.At = Failed
			break
		}
		if !r.lockVM(s, c.Attachment, call) {
			return false
		}
		c.At = UndoClaims
	case UndoClaims:
		if c.Link >= 0 && s.Links[c.Link].Names&NameVM != 0 && r.Mutant != UndoKeepsClaims {
			c.At = MoveLock
			break
		}
		r.toUndoLink(s, c)
	case UndoLink:
		r.undoLink(s, c)
	case Failed:
		r.end(s, call)
	default:
		return r.move(s, call)
	}
	return true
}

// toUndoLink is where the undo goes on after the claims. A tap in the host's
// namespace is closed at once.
func (r *Rules) toUndoLink(s *State, c *Call) {
	if c.At = UndoLink; r.Host {
		r.undoLink(s, c)
	}
}

func (r *Rules) undoLink(s *State, c *Call) {
	c.At = Failed
	if c.Link >= 0 && r.Mutant != ForgetsUndo {
		s.removeLink(c.Link)
	}
}
