package plan

// Foreseen is what ADD would aim at if it came now, for people.
type Foreseen struct {
	*State

	Preferred bool     // its vmid is the one that its VM prefers, or asked for
	Forward4  bool     // the node would begin to forward IPv4
	Forward6  bool     // the same for IPv6
	There     []string // links that other attachments share and that are there
	Unknown   []string // what cannot be known before
}
