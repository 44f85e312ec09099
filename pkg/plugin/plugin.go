package plugin

import (
	"io"
	"os"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/kernel"
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
	ipam := beginIPAM(req.IPAM, args)
	defer ipam.end()
	err = inSession(func(s *kernel.Session) error {
		if err := confineTo(toMake(&req), ipam); err != nil {
			return err
		}
		return s.CheckStatus(&req)
	})
	if err != nil {
		return cniError(err)
	}
	return cniError(ipam.status())
}
