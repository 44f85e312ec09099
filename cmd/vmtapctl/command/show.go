package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/control"
	"github.com/vmtap/vmtap/pkg/kernel"
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
none.`,
		Example: "  vmtapctl show\n  vmtapctl show web-0\n  vmtapctl show 100.64.5.3 -o json\n  vmtapctl show --group web --rdomain 10",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				filter.What = args[0]
			}
			write := control.Table
			if output.value == "json" {
				write = control.JSON
			}
			s, err := kernel.Open()
			if err != nil {
				return err
			}
			defer s.Close()
			all, err := s.Attached()
			if err != nil {
				return err
			}
			some := control.Select(all, filter)
			if filter.What != "" && len(some) == 0 {
				return fmt.Errorf("show %.64q: there is no such VM or interface on this node", filter.What)
			}
			return write(c.OutOrStdout(), some)
		},
	}
	c.Flags().VarP(&output, "output", "o", "table or json")
	c.Flags().StringVar(&filter.Group, "group", "", "only those in this group")
	c.Flags().StringVar(&filter.RDomain, "rdomain", "", "only those in this rdomain, 0 for the default one")
	c.Flags().StringVar(&filter.Network, "network", "", "only those of this network")
	return c
}
