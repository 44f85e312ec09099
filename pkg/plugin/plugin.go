package plugin

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
)

// Plugin is one call of the plugin. Its verbs must run on one OS thread
// (runtime.LockOSThread), whose network namespace is the host's.
type Plugin struct {
	Stdout io.Writer // takes the result or the error and nothing else

	stdin []byte // what skel read of it before a verb began
}

// Funcs returns the verbs for skel.
func (p *Plugin) Funcs() skel.CNIFuncs {
	noted := func(verb func(*skel.CmdArgs) error) func(*skel.CmdArgs) error {
		return func(args *skel.CmdArgs) error {
			p.stdin = args.StdinData
			return verb(args)
		}
	}
	return skel.CNIFuncs{Add: noted(p.Add), Check: noted(p.Check), Del: noted(p.Del), GC: noted(p.GC), Status: noted(p.Status)}
}

// Versions returns the versions of the CNI specification that the plugin
// supports.
func Versions() version.PluginInfo {
	return version.PluginSupports(config.Versions()...)
}

func input(args *skel.CmdArgs) config.Input {
	return config.Input{
		Stdin:       args.StdinData,
		ContainerID: args.ContainerID,
		IfName:      args.IfName,
		Netns:       args.Netns,
		Args:        args.Args,
		MachineID:   machineID,
	}
}

func machineID() (string, error) {
	b, err := os.ReadFile("/etc/machine-id")
	return strings.TrimSpace(string(b)), err
}

// inSession runs f in a session with the kernel.
func inSession(f func(s *kernel.Session) error) error {
	s, err := kernel.Open()
	if err != nil {
		return err
	}
	err = f(s)
	if closeErr := s.Close(); err == nil {
		return closeErr
	}
	return err
}

// Add makes the attachment and prints its result. Whatever fails, the result's
// own printing included, undoes all that was done.
func (p *Plugin) Add(args *skel.CmdArgs) error {
	req, err := config.Parse(input(args))
	if err != nil {
		return cniError(err)
	}
	return cniError(inSession(func(s *kernel.Session) error {
		if err := p.add(s, &req, args); err != nil {
			return s.Undo(err)
		}
		return nil
	}))
}

func (p *Plugin) add(s *kernel.Session, req *config.Request, args *skel.CmdArgs) error {
	previous, err := result.Previous(req)
	if err != nil {
		return err
	}
	ipam, err := findIPAM(req.IPAM, args)
	if err != nil {
		return err
	}
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
	if err := ipam.add(s, req, &state); err != nil {
		return err
	}
	if err := s.Finish(); err != nil {
		return err
	}
	return p.print(req, result.After(previous, result.New(req, &state, previous)))
}

// chain makes the tap of placement chained.
func chain(s *kernel.Session, req *config.Request, observed *kernel.Observation) (plan.State, error) {
	if err := s.ObserveTaken(req, observed); err != nil {
		return plan.State{}, err
	}
	if t := observed.Tap; t != nil {
		return plan.State{}, config.Errorf(config.CodeTaken, "add %s: it exists, its tap is %s, DEL it first", plan.AttachmentName(req.ContainerID, req.IfName), t.Name)
	}
	state, err := plan.New(req, &observed.Node, plan.Claim{})
	if err != nil {
		return plan.State{}, err
	}
	return state, s.Join(&state)
}

// attach makes the attachment of every other placement. The claim comes
// first: with it the last thing that can refuse the request is past. Then what
// attachments share, then the attachment.
func attach(s *kernel.Session, req *config.Request, observed *kernel.Observation) (plan.State, error) {
	if err := plan.CheckNode(req, &observed.Node); err != nil {
		return plan.State{}, err
	}
	if err := plan.CheckRDomains(req, &observed.Node); err != nil {
		return plan.State{}, err
	}
	if err := s.CheckForwarding(req, observed); err != nil {
		return plan.State{}, err
	}
	state, err := s.Claim(req, observed)
	if err != nil {
		return plan.State{}, err
	}
	// VRFs first: only they can be refused here, where the kernel has none.
	if err := s.EnsureRDomains(req, observed, &state); err != nil {
		return plan.State{}, err
	}
	if err := s.EnsureFirewall(req, &state); err != nil {
		return plan.State{}, err
	}
	if err := s.EnsureForwarding(req, observed); err != nil {
		return plan.State{}, err
	}
	if err := s.EnsureSwitch(req, observed, &state); err != nil {
		return plan.State{}, err
	}
	return state, s.Apply(&state)
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

// Check compares the attachment with what ADD made, and names every
// difference.
func (p *Plugin) Check(args *skel.CmdArgs) error {
	req, err := config.Parse(input(args))
	if err != nil {
		return cniError(err)
	}
	err = inSession(func(s *kernel.Session) error { return check(s, &req) })
	return cniError(checkIPAM(req.IPAM, args, err))
}

func check(s *kernel.Session, req *config.Request) error {
	previous, err := result.Previous(req)
	if err != nil {
		return err
	}
	if previous == nil {
		return config.Errorf(config.CodeInvalidConfig, "check %s: prevResult is missing", plan.AttachmentName(req.ContainerID, req.IfName))
	}
	if err := s.InspectPod(req); err != nil {
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
		want.AddLease(req, result.PreviousLease(req, previous))
	}
	have, err := s.Read(&want, observed)
	if err != nil {
		return err
	}
	routes, err := s.MissingRoutes(result.StillGiven(want.Guest.Routes, previous))
	if err != nil {
		return err
	}
	differences := append(plan.Diff(&want, &have), plan.RouteLines(routes)...)
	differences = append(differences, result.Missing(result.New(req, &want, previous), previous)...)
	if len(differences) > 0 {
		return config.Errorf(config.CodeDiffers, "check %s: %s", plan.AttachmentName(req.ContainerID, req.IfName), strings.Join(differences, "; "))
	}
	return nil
}

// Del removes what is left of the attachment.
func (p *Plugin) Del(args *skel.CmdArgs) error {
	attachment, err := config.ParseAttachment(input(args))
	if err != nil {
		return cniError(err)
	}
	return cniError(del(attachment, args))
}

// GC deletes what is left of attachments that the runtime does not list as
// valid.
func (p *Plugin) GC(args *skel.CmdArgs) error {
	c, err := config.ParseCollection(input(args))
	if err != nil {
		return cniError(err)
	}
	return cniError(gc(&c, args))
}

// Status is an error if no ADD could work.
func (p *Plugin) Status(args *skel.CmdArgs) error {
	req, err := config.ParseNetwork(input(args))
	if err != nil {
		return cniError(err)
	}
	if err := inSession(func(s *kernel.Session) error { return s.CheckStatus(&req) }); err != nil {
		return cniError(err)
	}
	return cniError(statusIPAM(req.IPAM, args))
}
