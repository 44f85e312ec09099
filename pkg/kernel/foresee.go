package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Foresee returns what ADD of a request would aim at now, or the error with which
// it would refuse the request. It changes nothing and takes no lock, so that
// another call may come before the ADD. What it may not look at without rights it
// takes for absent, and says so.
func (s *Session) Foresee(req *config.Request) (*plan.Foreseen, error) {
	f := &plan.Foreseen{}
	o, err := s.Observe(req)
	if errors.Is(err, unix.EPERM) && o != nil {
		f.Unknown = append(f.Unknown, "whether this kernel's bridges know VLANs, which takes CAP_NET_ADMIN to see")
	} else if err != nil {
		return nil, err
	}
	if h := o.HostLink; h != nil {
		return nil, config.Errorf(config.CodeTaken, "add %s: it exists, its host link is %s", plan.AttachmentName(req.ContainerID, req.IfName), h.Name)
	}
	if err := checkContext(req.Tap.SELinuxContext); errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		f.Unknown = append(f.Unknown, "whether the plugin may choose tap.selinuxContext: this program may not")
	} else if err != nil {
		return nil, err
	}
	if req.Placement == config.PlacementChained {
		return f, s.foreseeChained(req, o, f)
	}
	if err := s.judge(req, o); err != nil {
		return nil, err
	}
	o.Node.Firewall, err = s.observeFirewall(req)
	if errors.Is(err, unix.EPERM) {
		f.Unknown = append(f.Unknown, "the nftables table that is there, which takes CAP_NET_ADMIN to see")
	} else if err != nil {
		return nil, err
	}
	claim, err := plan.Choose(req, plan.BridgeName(req, &o.Node), s.find)
	if err != nil {
		return nil, err
	}
	if f.State, err = plan.New(req, &o.Node, claim); err != nil {
		return nil, err
	}
	if err := s.checkRoutes(req, f.State); err != nil {
		return nil, err
	}
	if err := s.checkPinned(req, f.State); err != nil {
		return nil, err
	}
	f.Preferred = claim.VMID == req.VMID.Requested || claim.VMID == vmid.Slot(req.VMName, req.VMID.Min, req.VMID.Max)
	f.Forward4, f.Forward6 = req.Local != nil && req.Forward && !o.forwarding4, o.enables6(req)
	for _, name := range []string{o.Node.Bridge.Name, o.Node.RDomain.Name, o.Node.SwitchRDomain.Name} {
		if name != "" && (len(f.There) == 0 || f.There[len(f.There)-1] != name) {
			f.There = append(f.There, name)
		}
	}
	if req.IPAM != "" {
		f.Unknown = append(f.Unknown, fmt.Sprintf("the addresses and routes that IPAM plugin %s will give; the guard lets no others through", req.IPAM))
	}
	return f, nil
}

// judge refuses what ADD refuses of a request on this node.
func (s *Session) judge(req *config.Request, o *Observation) error {
	if err := plan.CheckNode(req, &o.Node); err != nil {
		return err
	}
	if err := plan.CheckRDomains(req, &o.Node); err != nil {
		return err
	}
	if plan.UsesRDomains(req) {
		if err := s.probeVRF(); err != nil && !errors.Is(err, unix.EPERM) { // who may not ask is not told
			return err
		}
	}
	return s.CheckForwarding(req, o)
}

// foreseeChained is Foresee for placement chained, where all follows from an
// interface that is not there yet.
func (s *Session) foreseeChained(req *config.Request, o *Observation, f *plan.Foreseen) (err error) {
	o.Node.Taken = plan.Taken{Name: req.IfName, LLAddr: req.LLAddr, MTU: config.DefaultMTU}
	f.Preferred = true
	f.Unknown = append(f.Unknown,
		fmt.Sprintf("the addresses, lladdr and mtu of %s, which the guest takes over: an earlier plugin makes it", req.IfName))
	f.State, err = plan.New(req, &o.Node, plan.Claim{})
	return err
}
