package plugin

import (
	"slices"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/kata"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
)

// Check compares the attachment with what ADD made, and names every
// difference.
func (p *Plugin) Check(args *skel.CmdArgs) error {
	req, err := config.Parse(input(args))
	if err != nil {
		return cniError(err)
	}
	ipam := beginIPAM(req.IPAM, args)
	defer ipam.end()
	err = inSession(func(s *kernel.Session) error { return check(s, &req, ipam) })
	return cniError(also(err, ipam.run("CHECK"))) // whatever own differences there are
}

func check(s *kernel.Session, req *config.Request, ipam *ipam) error {
	previous, err := result.Previous(req)
	if err != nil {
		return err
	}
	if previous == nil {
		return config.Errorf(config.CodeInvalidConfig, "check %s: prevResult is missing", plan.AttachmentName(req.ContainerID, req.IfName))
	}
	if err := s.OpenInspectedPod(req); err != nil {
		return err
	}
	if err := confineTo(kernel.ToRead(req.DANDir), ipam); err != nil {
		return err
	}
	observed, err := s.Observe(req)
	if err != nil {
		return err
	}
	want, err := s.Rebuild(req, observed)
	if err != nil {
		return err
	}
	want.HoldTo(result.GivenLLAddr(req, previous))
	if req.IPAM != "" {
		if _, err := want.AddLease(req, result.PreviousLease(req, previous)); err != nil {
			return err
		}
	}
	have, err := s.Read(want, observed)
	if err != nil {
		return err
	}
	routes, err := s.MissingRoutes(result.StillGiven(want.Guest.Routes, previous))
	if err != nil {
		return err
	}
	dan, err := danDifferences(s, req, want)
	if err != nil {
		return err
	}
	differences := append(plan.Diff(want, have), want.LockedOut(req)...)
	differences = append(differences, plan.RouteLines(routes)...)
	differences = append(differences, dan...)
	differences = append(differences, result.Missing(result.New(req, want, previous), previous)...)
	if len(differences) > 0 {
		return config.Errorf(config.CodeDiffers, "check %s: %s", plan.AttachmentName(req.ContainerID, req.IfName), strings.Join(differences, "; "))
	}
	return nil
}

// danDifferences names what is wrong with what Kata would read of the attachment.
func danDifferences(s *kernel.Session, req *config.Request, want *plan.State) ([]string, error) {
	if req.DANDir == "" {
		return nil, nil
	}
	listed := *want
	// Of an IPAM plugin's routes prevResult tells, and of later plugins'.
	listed.Guest.Lease.Routes = slices.DeleteFunc(slices.Clone(want.Guest.Lease.Routes), func(r config.Route) bool { return !kata.HasPlace(r) })
	device, err := kata.NewDevice(req, &listed)
	if err != nil {
		return nil, err
	}
	return s.DANDifferences(req, device)
}
