package plugin

import (
	"fmt"

	"github.com/containernetworking/cni/pkg/skel"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/kata"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
)

// Add makes the attachment and prints its result. Whatever fails, the result's
// own printing included, undoes all that was done.
func (p *Plugin) Add(args *skel.CmdArgs) error {
	req, err := config.Parse(input(args))
	if err != nil {
		return cniError(err)
	}
	previous, err := result.Previous(&req)
	if err != nil {
		return cniError(err)
	}
	ipam := beginIPAM(req.IPAM, args)
	defer ipam.end()
	if err := ipam.refuse(); err != nil {
		return cniError(err)
	}
	return cniError(inSession(func(s *kernel.Session) error {
		if err := openForAdd(s, &req, ipam); err != nil {
			return err
		}
		if err := p.add(s, &req, ipam, previous); err != nil {
			return s.Undo(err)
		}
		return nil
	}))
}

// openForAdd opens what takes rights that the rest of ADD does not have.
func openForAdd(s *kernel.Session, req *config.Request, ipam *ipam) error {
	if err := s.OpenLock(); err != nil {
		return err
	}
	if err := s.OpenPod(req); err != nil {
		return err
	}
	if err := s.OpenDAN(req.DANDir); err != nil {
		return err
	}
	return confineTo(toMake(req), ipam)
}

func (p *Plugin) add(s *kernel.Session, req *config.Request, ipam *ipam, previous *types100.Result) error {
	if err := s.LockAttachment(req.ContainerID, req.IfName); err != nil {
		return err
	}
	observed, err := s.Observe(req)
	if err != nil {
		return err
	}
	if h := observed.HostLink; h != nil {
		return config.Errorf(config.CodeTaken, "add %s: it exists, its host link is %s, DEL it first", plan.AttachmentName(req.ContainerID, req.IfName), h.Name)
	}
	if err := s.CheckDAN(req); err != nil {
		return err
	}
	if err := s.EnterPod(req); err != nil {
		return err
	}
	attachOrChain := attach
	if req.Placement == config.PlacementChained {
		attachOrChain = chain
	}
	ipam.beforeLinks(s)
	state, err := attachOrChain(s, req, observed)
	if err != nil {
		return err
	}
	if err := ipam.add(s, req, state); err != nil {
		return err
	}
	if err := finish(s, req, state); err != nil {
		return err
	}
	return p.print(req, result.After(previous, result.New(req, state, previous)))
}

// chain makes the tap of placement chained.
func chain(s *kernel.Session, req *config.Request, observed *kernel.Observation) (*plan.State, error) {
	if err := s.ObserveTaken(req, observed); err != nil {
		return nil, err
	}
	if t := observed.Tap; t != nil {
		return nil, config.Errorf(config.CodeTaken, "add %s: it exists, its tap is %s, DEL it first", plan.AttachmentName(req.ContainerID, req.IfName), t.Name)
	}
	state, err := plan.New(req, &observed.Node, plan.Claim{})
	if err != nil {
		return nil, err
	}
	return state, s.Join(state)
}

// attach makes the attachment of every other placement. The claim comes
// first: with it the last thing that can refuse the request is past. Then what
// attachments share, then the attachment.
func attach(s *kernel.Session, req *config.Request, observed *kernel.Observation) (*plan.State, error) {
	if err := s.SettleSwitch(req, observed); err != nil {
		return nil, err
	}
	if err := plan.CheckNode(req, &observed.Node); err != nil {
		return nil, err
	}
	if err := plan.CheckRDomains(req, &observed.Node); err != nil {
		return nil, err
	}
	if err := s.CheckForwarding(req, observed); err != nil {
		return nil, err
	}
	state, err := s.Claim(req, observed)
	if err != nil {
		return nil, err
	}
	// VRFs first: only they can be refused here, where the kernel has none.
	if err := s.EnsureRDomains(req, observed, state); err != nil {
		return nil, err
	}
	if err := s.EnsureFirewall(req, state); err != nil {
		return nil, err
	}
	if err := s.EnsureForwarding(req, observed); err != nil {
		return nil, err
	}
	if err := s.EnsureSwitch(req, observed, state); err != nil {
		return nil, err
	}
	// Last before the links come up, and first after what shares a table with it.
	if err := s.EnterGroups(state); err != nil {
		return nil, err
	}
	return state, s.Apply(state)
}

// finish makes the attachment stay, and then lists it for Kata: a file that lists a tap
// must not outlive it.
func finish(s *kernel.Session, req *config.Request, state *plan.State) error {
	if req.DANDir == "" {
		return s.Finish()
	}
	device, err := kata.NewDevice(req, state)
	if err != nil {
		return err
	}
	if err := s.Finish(); err != nil {
		return err
	}
	return s.ListDAN(req, device)
}

func (p *Plugin) print(req *config.Request, r *types100.Result) error {
	versioned, err := r.GetAsVersion(req.CNIVersion)
	if err != nil {
		return fmt.Errorf("convert the result to version %s: %w", req.CNIVersion, err)
	}
	if err := versioned.PrintTo(p.Stdout); err != nil {
		return config.Errorf(config.CodeIO, "write the result: %w", err)
	}
	return nil
}
