package command

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/control"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
)

func showCommand() *cobra.Command {
	var filter control.Filter
	output := choice{"table", []string{"table", "json"}}
	c := &cobra.Command{
		Use:   "show [VM | ADDRESS]",
		Short: "show the interfaces of VMs",
		Long: `Show the interfaces of VMs on this node, one in a row.

An argument chooses those of one VM, by its name or id or the container's id, or
the one with an address, an lladdr or a link's name. It is an error if there is
none. Of each that it chooses there is also a picture of its links, as the kernel
has them, and the lines of ip, bridge and tc that would make the same again, but
for guards and nftables. What is in a pod takes root to see.`,
		Example: "  vmtapctl show\n  vmtapctl show web-0\n  vmtapctl show 100.64.5.3 -o json\n  vmtapctl show --group web --rdomain 10",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				filter.What = args[0]
			}
			some, err := selected(filter)
			if err != nil {
				return err
			}
			if output.value == "json" {
				return control.JSON(c.OutOrStdout(), some)
			}
			if err := control.Table(c.OutOrStdout(), some); err != nil || filter.What == "" {
				return err
			}
			return pictures(c.OutOrStdout(), some)
		},
	}
	c.Flags().VarP(&output, "output", "o", "table or json")
	c.Flags().StringVar(&filter.Group, "group", "", "only those in this group")
	c.Flags().StringVar(&filter.RDomain, "rdomain", "", "only those in this rdomain, 0 for the default one")
	c.Flags().StringVar(&filter.Network, "network", "", "only those of this network")
	return c
}

// selected returns the attachments that a filter lets through. That there is none
// of one that was named is an error.
func selected(filter control.Filter) ([]plan.Attached, error) {
	s, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	all, err := s.Attached()
	if err != nil {
		return nil, err
	}
	some := control.Select(all, filter)
	if filter.What != "" && len(some) == 0 {
		return nil, fmt.Errorf("show %.64q: there is no such VM or interface on this node", filter.What)
	}
	return some, nil
}

// pictures prints a picture of each.
func pictures(w io.Writer, some []plan.Attached) error {
	for i := range some {
		h, err := held(&some[i])
		if err != nil {
			return err
		}
		if err := control.Picture(w, h); err != nil {
			return err
		}
	}
	return nil
}

func held(a *plan.Attached) (*plan.Held, error) {
	s, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	return s.Held(a)
}
