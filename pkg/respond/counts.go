package respond

import (
	"maps"
	"net/netip"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/config"
)

// Counts is what became of questions since the start.
type Counts struct {
	Answered map[answer.Kind]uint64 // and advertised
	Ignored  uint64                 // looked at and not answered
	Refused  uint64                 // not looked at, by the limit of their link
	Failed   uint64                 // could not be looked up, or not be answered
}

// Counts returns what was counted.
func (r *Responder) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.Answered = maps.Clone(c.Answered)
	return c
}

// VMIDs is which vmids a network may give, and the prefix that says so, which is not
// valid where interfaces are not local.
type VMIDs struct {
	Prefix   netip.Prefix
	Bits     int
	Min, Max uint32
}

// VMIDs returns those of each network that is configured in the directory.
func (r *Responder) VMIDs() map[string]VMIDs {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.networks.refresh(); err != nil {
		r.log.Error("read the networks' configurations", "error", err)
	}
	return maps.Clone(r.networks.vmids)
}

func (n *networks) addVMIDs(network string, req *config.Request) {
	if req.Placement == config.PlacementChained {
		return
	}
	v := VMIDs{Min: req.VMID.Min, Max: req.VMID.Max}
	if req.Local != nil {
		v.Prefix, v.Bits = req.Local.Scheme.Prefix4(), req.Local.Scheme.Bits()
	}
	n.vmids[network] = v
}
