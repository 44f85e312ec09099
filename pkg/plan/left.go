package plan

// Left is what is left of an attachment that nobody has any more.
type Left struct {
	Network     string // "" for a gateway alone, which does not say
	ContainerID string
	IfName      string
	HostLink    string // "" if only the gateway is left
	Index       int32  // the host link's, which no later one gets
	Gateway     string // "" for none
	Whole       bool   // the guest's end is there, too
}
