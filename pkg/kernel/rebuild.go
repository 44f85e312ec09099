package kernel

import (
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Rebuild returns the State that ADD aimed at, from the request and from what
// the attachment's host link shows.
func (s *Session) Rebuild(req *config.Request, o *Observation) (*plan.State, error) {
	if req.Placement == config.PlacementChained {
		return s.rebuildChained(req, o)
	}
	if o.HostLink == nil {
		return nil, config.Errorf(config.CodeDiffers, "check %s: its host link is missing", plan.AttachmentName(req.ContainerID, req.IfName))
	}
	if err := plan.CheckNode(req, &o.Node); err != nil {
		return nil, err
	}
	var err error
	if o.Node.Firewall, err = s.observeFirewall(req); err != nil {
		return nil, err
	}
	var holder *plan.Found
	if id, _, ok := vmid.ParseHostLink(o.HostLink.Name); ok {
		found, err := s.find(vmid.VM(id))
		if err != nil {
			return nil, err
		}
		if f, ok := found[vmid.VM(id)]; ok {
			holder = &f
		}
	}
	claim, err := plan.Rebuild(req, plan.BridgeName(req, &o.Node), *o.HostLink, holder)
	if err != nil {
		return nil, err
	}
	return plan.New(req, &o.Node, claim)
}

// rebuildChained is Rebuild for placement chained, where all follows from the
// request and the interface that is taken over.
func (s *Session) rebuildChained(req *config.Request, o *Observation) (*plan.State, error) {
	if err := s.observeTaken(req, o); err != nil {
		return nil, err
	}
	o.Node.Taken.Ingress = false // it is ours now; what it does is compared
	if err := plan.CheckTaken(req, &o.Node.Taken); err != nil {
		return nil, err
	}
	return plan.New(req, &o.Node, plan.Claim{})
}
