package model

// Rules say what the model is about, and which fault is built into it.
type Rules struct {
	// Pods has the pod of each attachment.
	Pods []int8
	// Host is placement host, else it is placement pod.
	Host bool
	// Calls is how many work at once.
	Calls int
	// Unlocked has no call take or wait for a lock. Then only addresses are still
	// held to be somebody's alone, and DEL to leave nothing.
	Unlocked bool
	// Whole has nobody work between the messages of one send. The kernel lets
	// others in, but a test cannot.
	Whole bool

	// What else happens: calls are killed, or something fails in an ADD; hands
	// delete links; pods' namespaces are let go; the runtime calls GC.
	Kill, Fail, Hand, Drop, GC bool

	// Adds has the runtime do nothing else than ADD.
	Adds bool

	// VMIDs is how many vmids there are, from 1. All VMs prefer the first.
	VMIDs int8
	// Mutant is a fault in the plugin.
	Mutant Mutant
}

// Mutant is a fault that the plugin could have. The checker must find it.
type Mutant uint8

// The mutants.
const (
	None               Mutant = iota
	ClaimInTwoSends           // a host link is made in one send, and named in the next
	NoExclusiveNames          // as TUNSETIFF does without IFF_TUN_EXCL: what is there is taken over
	NoClaimsLock              // claims are not locked
	NoAttachmentLock          // attachments are not locked
	DELByPod                  // DEL looks for the pod's host link, not for the attachment's
	ForgetsUndo               // an ADD that fails leaves its host link
	KeepsClaims               // DEL does not hand on the VM's claims
	UndoKeepsClaims           // an ADD that fails does not
	MoveInTwoSends            // claims are taken in one send, and put in the next
	WaitsForSibling           // claims go to the first sibling, once its lock is free
	GCWithoutLock             // GC takes what others work on
	GCForgetsList             // GC deletes what became whole since it looked, though the runtime lists it
	TapBeforeGroup            // a tap is made persistent before it gets its group
	DELForgetsGateways        // DEL looks for no gateway without a host link
	NoVMLock                  // an ADD claims while the VM's last other interface goes
	KeepsOwnDead              // ADD leaves a dead gateway of its own attachment's that has another name
	AnyVMsSibling             // claims go to the next host link of the vmid, whose VM's it may not be
)

// String names a mutant for tests.
func (m Mutant) String() string {
	names := [...]string{
		"none", "claim in two sends", "no exclusive names", "no lock of claims", "no lock of attachments", "DEL by pod", "ADD forgets to undo",
		"DEL keeps claims", "undo keeps claims", "move in two sends", "waits for a sibling", "GC without lock", "GC forgets its list",
		"tap before its group", "DEL forgets gateways", "no lock of VMs", "keeps its own dead gateway", "sibling of any VM",
	}
	return names[m]
}

func (r *Rules) pod(attachment int8) int8 { return r.Pods[attachment] }

// attachments yields the attachments that there are.
func (r *Rules) attachments() int8 { return int8(len(r.Pods)) }

func (r *Rules) all() Set { return Set(1)<<len(r.Pods) - 1 }

// lock takes one of a state's locks for a call, or says that it has to wait.
func (r *Rules) lock(lock *int8, call int8) (got bool) {
	if r.Unlocked {
		return true
	}
	if *lock != 0 && *lock != call+1 {
		return false
	}
	*lock = call + 1
	return true
}

func (r *Rules) unlock(lock *int8, call int8) {
	if *lock == call+1 {
		*lock = 0
	}
}

func (r *Rules) lockClaims(s *State, call int8) bool {
	return r.Mutant == NoClaimsLock || r.lock(&s.Claims, call)
}

func (r *Rules) lockVM(s *State, a, call int8) bool {
	return r.Mutant == NoVMLock || r.lock(&s.VMs[r.pod(a)], call)
}

func (r *Rules) lockAttachment(s *State, a, call int8) bool {
	return r.Mutant == NoAttachmentLock || r.lock(&s.Locks[a], call)
}
