package model

// Place is what a call does next. What stands between two places is one step:
// a send, a system call, or what others cannot see.
type Place uint8

// The places of the verbs, in order. Those after a message of a send are
// marked: a call cannot be killed there, since the kernel carries a send out.
const (
	Begin Place = iota // locks the attachment

	Observe
	LockVM
	LockClaims
	Decide
	DropDead
	Create
	NameIt // the second message of the send
	TakeBack
	UnlockClaims
	CreateGateway
	NameGateway // the second message of the send
	CreateTap
	GroupTap
	Persist
	Print

	UndoPersist
	UndoGateway
	UndoVM
	UndoClaims
	UndoLink
	Failed

	FindVM
	Find
	FindClaims
	DeleteTogether
	FindAgain
	DeleteGateway
	DeleteLink
	Done

	Dump     // of veths
	DumpTaps // of taps
	TryLocks
	CollectClaims
	CollectTogether // a message for each attachment
	CollectBetween
	CollectRest // the same

	MoveLock // of claims, for DEL, GC and the undo of ADD
	MoveFind
	MoveTake
	MovePut // the second message of the send
	MoveBack
	MoveUnlock
)

// String names a place for people.
func (p Place) String() string {
	names := [...]string{
		"begin", "observe", "lock the VM", "lock claims", "decide", "delete a dead gateway", "create the host link", "name it", "take it back", "unlock claims",
		"create the gateway", "name the gateway", "create the tap", "group the tap", "make it persistent", "print",
		"make it go with the call", "delete the gateway", "lock the VM", "hand on claims", "delete the host link", "end with an error",
		"lock the VM", "find links", "hand on claims", "delete together", "find links again", "delete the gateway", "delete the host link", "end",
		"dump veths", "dump taps", "try locks", "hand on claims", "delete together", "look again", "delete the rest",
		"lock claims", "find a sibling", "take claims", "put claims", "put claims back", "unlock claims",
	}
	return names[p]
}

// inSend reports whether a call is between two messages of one send.
func (r *Rules) inSend(c *Call) bool {
	switch c.At {
	case NameIt:
		// A tap in the host's namespace is made by an ioctl.
		return !r.Host && r.Mutant != ClaimInTwoSends
	case NameGateway:
		return true
	case MovePut:
		return r.Mutant != MoveInTwoSends
	case CollectTogether, CollectRest:
		return true // before the first message nothing has changed since the place before
	}
	return false
}
