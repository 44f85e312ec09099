package model

import (
	"cmp"
	"slices"
)

// How much there can be of each thing. Attachments, pods and calls are as many
// as the Rules say.
const (
	MaxAttachments = 3
	MaxCalls       = 2

	maxPods  = 2
	maxLinks = 4 // two calls may be at one attachment
)

// AltNames are the altnames of a host link, in the order in which they are
// given. What else vmtap puts there says no more than the link's own name.
type AltNames uint8

// The altnames, by what they are for.
const (
	NameVM         AltNames = 1 << iota // vm<vmid>
	NamePod                             // pod:<container id>
	NameAttachment                      // <container id>@<CNI_IFNAME>
	NameMark                            // <host link>.net.<network>

	claimNames = NameVM | NamePod
)

// HostLink is a host link. Its other end, if it has one, is in the pod.
type HostLink struct {
	There      bool
	Attachment int8 // of the call that made it, and so its pod
	VMID, Idx  int8
	Names      AltNames
	Persistent bool // or goes with the file descriptor of the call that made it
}

// Gateway is a gateway.
type Gateway struct {
	There      bool
	Attachment int8
	VMID, Idx  int8
	Named      bool // has its altname, gw:<container id>@<CNI_IFNAME>
	Group      int8 // the number of the host link whose group it is in, -1 for one that is gone
}

// Tap is a tap in a pod, named CNI_IFNAME.
type Tap struct {
	There      bool
	Persistent bool // or goes with the call that made it
	By         int8 // that call
	Group      int8 // as a gateway's, noGroup before it is put into one
}

// noGroup is the group of what is in none yet.
const noGroup = -2

// State is a node, its pods, the calls that work on it, and what the runtime
// believes. It is comparable, and that is all there is to know.
type State struct {
	Links    [maxLinks]HostLink
	Gateways [maxLinks]Gateway
	Taps     [MaxAttachments]Tap

	// Locks hold the number of a call and one, 0 for nobody.
	Locks  [MaxAttachments]int8
	VMs    [maxPods]int8
	Claims int8

	Calls [MaxCalls]Call

	// Gone are pods whose namespace was let go, and which the kernel has not
	// taken down yet.
	Gone [maxPods]bool

	// Live are attachments whose ADD succeeded, and to which nothing was done
	// since that takes them away.
	Live Set
	// Lost are pods whose VM lost its vmid though it has interfaces: its host
	// link with these names was deleted by hand, or went with a call that was
	// killed.
	Lost Set
}

// Set is a set of small numbers.
type Set uint8

// Has reports whether a number is in the set.
func (s Set) Has(n int8) bool { return s&(1<<n) != 0 }

func (s *Set) put(n int8, in bool) {
	*s &^= 1 << n
	if in {
		*s |= 1 << n
	}
}

// first returns the lowest number, -1 if there is none.
func (s Set) first() int8 {
	for n := range int8(8) {
		if s.Has(n) {
			return n
		}
	}
	return -1
}

// Verb is what a call does.
type Verb uint8

// The verbs. Idle is no call.
const (
	Idle Verb = iota
	ADD
	DEL
	GC
)

// Call is a call of the plugin: a process.
type Call struct {
	Verb       Verb
	Attachment int8
	At         Place // what it does next
	Failed     bool  // it takes back what it did, or ends with an error

	Link    int8 // the host link that it made or found, -1 for none
	Gateway int8
	Target  int8 // the host link that the VM's claims go to
	Made    bool // it made a host link
	HasTap  bool

	VMID, Idx int8
	Holder    bool // takes the VM's own names
	Dead      bool // a dead gateway has the name that it wants
	OwnDead   bool // a dead gateway has the altname that it wants
	Tries     int8

	Sibling int8 // the attachment whose lock it took for the time of a move, -1 for none

	// Of GC: the attachments that the runtime lists, whether it gave a list,
	// those that are looked at, and those that go.
	List              Set
	Known             bool
	Suspects, Garbage Set
	Todo              Set // of Garbage, what this place is still to do
	Links             [MaxAttachments]int8
	Holders           Set // of Garbage, whose host link holds the vmid

	Spoiled bool // of an ADD: another call may rightly delete what it made
}

// newCall is a call that has done nothing yet.
func newCall(verb Verb, attachment int8, at Place) Call {
	return Call{Verb: verb, Attachment: attachment, At: at, Link: -1, Gateway: -1, Target: -1, Sibling: -1, Links: [MaxAttachments]int8{-1, -1, -1}}
}

// Empty reports whether no link is left on the node, and no tap that somebody
// could still find. A tap whose host link was deleted by hand carries no mark;
// it goes with its pod (see ADR 9).
func (s *State) Empty() bool {
	for i := range s.Links {
		if s.Links[i].There || s.Gateways[i].There {
			return false
		}
	}
	for i := range s.Taps {
		if s.Taps[i].There && s.Taps[i].Group != -1 {
			return false
		}
	}
	return true
}

// Kernel is what of a state is in the kernel, in an order that says nothing of
// how it came about.
func (s *State) Kernel() State {
	k := State{Links: s.Links, Gateways: s.Gateways, Taps: s.Taps, Gone: s.Gone}
	for i := range k.Gateways {
		k.Gateways[i].Group = min(k.Gateways[i].Group, 0) // which one follows from the name
	}
	for i := range k.Taps {
		k.Taps[i].By, k.Taps[i].Group = 0, min(k.Taps[i].Group, 0)
	}
	slices.SortFunc(k.Links[:], func(a, b HostLink) int {
		return cmp.Or(cmp.Compare(a.VMID, b.VMID), cmp.Compare(a.Idx, b.Idx), cmp.Compare(a.Attachment, b.Attachment))
	})
	slices.SortFunc(k.Gateways[:], func(a, b Gateway) int {
		return cmp.Or(cmp.Compare(a.VMID, b.VMID), cmp.Compare(a.Idx, b.Idx), cmp.Compare(a.Attachment, b.Attachment))
	})
	return k
}

// Quiet reports whether no call works.
func (s *State) Quiet() bool {
	for i := range s.Calls {
		if s.Calls[i].Verb != Idle {
			return false
		}
	}
	return true
}

// byName returns the host link of a name, -1 if there is none.
func (s *State) byName(vmid, idx int8) int8 {
	for i, l := range s.Links {
		if l.There && l.VMID == vmid && l.Idx == idx {
			return int8(i)
		}
	}
	return -1
}

// byAttachment returns the host link that has an attachment's altname.
func (s *State) byAttachment(a int8) int8 {
	for i, l := range s.Links {
		if l.There && l.Attachment == a && l.Names&NameAttachment != 0 {
			return int8(i)
		}
	}
	return -1
}

// holder returns the host link that has vm<vmid>.
func (s *State) holder(vmid int8) int8 {
	for i, l := range s.Links {
		if l.There && l.VMID == vmid && l.Names&NameVM != 0 {
			return int8(i)
		}
	}
	return -1
}

// gatewayByName returns the gateway of a name.
func (s *State) gatewayByName(vmid, idx int8) int8 {
	for i, g := range s.Gateways {
		if g.There && g.VMID == vmid && g.Idx == idx {
			return int8(i)
		}
	}
	return -1
}

// gatewayOf returns the gateway that has an attachment's altname.
func (s *State) gatewayOf(a int8) int8 {
	for i, g := range s.Gateways {
		if g.There && g.Attachment == a && g.Named {
			return int8(i)
		}
	}
	return -1
}
