package command

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containernetworking/cni/libcni"
	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/control"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/netconf"
)

func planCommand() *cobra.Command {
	var in config.Input
	var vm string
	c := &cobra.Command{
		Use:   "plan FILE",
		Short: "say what ADD of a network would make on this node",
		Long: `Say what ADD of a network would make if it came now: the links, addresses, routes
and filters, as the lines that a person would type. It looks at the node, for what
is free and what is there, and changes nothing; what ADD would refuse is the same
error here. FILE is as for validate.

Lines that begin with "pod:" are about the pod's namespace. The lines that begin
with "#" say in words what follows, and what cannot be known before: what an IPAM
plugin will give, and, in placement chained, what an earlier plugin makes.`,
		Example: "  vmtapctl plan /etc/cni/net.d/20-switch.conflist --vm web-0\n  vmtapctl plan 20-switch.conflist --args 'VMID=5;MAC=02:00:00:00:00:01'",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := load(args[0], c.InOrStdin())
			if err != nil {
				return fmt.Errorf("read %s: %w", args[0], err)
			}
			if vm != "" {
				in.Args = strings.TrimPrefix(in.Args+";VMNAME="+vm, ";")
			}
			return planList(c.OutOrStdout(), list, in)
		},
	}
	c.Flags().StringVar(&in.ContainerID, "container-id", "example", "the pod's, CNI_CONTAINERID")
	c.Flags().StringVar(&in.IfName, "ifname", "eth0", "the interface's name in the pod, CNI_IFNAME")
	c.Flags().StringVar(&in.Args, "args", "", "CNI_ARGS, as KEY=VALUE;KEY=VALUE")
	c.Flags().StringVar(&vm, "vm", "", "the VM's name, VMNAME of CNI_ARGS")
	return c
}

// load reads a file, or stdin for "-".
func load(path string, stdin io.Reader) (*libcni.NetworkConfigList, error) {
	if path != "-" {
		return netconf.Load(path)
	}
	text, err := io.ReadAll(stdin)
	if err != nil {
		return nil, err
	}
	return netconf.Parse(text)
}

// planList says what ADD of vmtap's part of a network would make.
func planList(w io.Writer, list *libcni.NetworkConfigList, in config.Input) error {
	blocks, err := netconf.Blocks(list)
	if err != nil {
		return err
	}
	if len(blocks) == 0 {
		return fmt.Errorf("plan network %s: it does not use vmtap", list.Name)
	}
	in.MachineID = netconf.MachineID
	for _, block := range blocks {
		in.Stdin = block
		if err := planBlock(w, in); err != nil {
			return err
		}
	}
	return nil
}

func planBlock(w io.Writer, in config.Input) (err error) {
	network, err := config.ParseNetwork(in)
	if err != nil {
		return err
	}
	if network.Placement == config.PlacementChained && network.PrevResult == nil {
		if in.Stdin, err = netconf.WithPrevious(in.Stdin); err != nil {
			return err
		}
	}
	req, err := config.Parse(in)
	if err != nil {
		return err
	}
	s, err := kernel.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	foreseen, err := s.Foresee(&req)
	if err != nil {
		return err
	}
	return control.Plan(w, &req, foreseen)
}
