package plan

// Held is all that the kernel holds of one attachment, for people. It was read
// without the attachment's configuration: it says what is, not what should be.
type Held struct {
	State

	Index  int32  // the host link's ifindex, the number of the pod's netdev group
	Pod    string // a path of the pod's namespace, "" if there is none or it was not seen
	Unseen string // why what is in the pod is not here, "" if it is
}
