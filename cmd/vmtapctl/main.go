// Command vmtapctl shows the operator of a node what the plugin vmtap made on it.
package main

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/control"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// version is stamped by the build.
var version = "unknown"

func main() {
	root := &cobra.Command{
		Use:           "vmtapctl",
		Short:         "show what vmtap made on this node",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(showCommand(), addrCommand())
	if err := root.Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "vmtapctl:", err)
		os.Exit(1)
	}
}

func showCommand() *cobra.Command {
	var filter control.Filter
	var output string
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
			switch output {
			case "table":
			case "json":
				write = control.JSON
			default:
				return fmt.Errorf("read -o %.64q: want table or json", output)
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
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	c.Flags().StringVar(&filter.Group, "group", "", "only those in this group")
	c.Flags().StringVar(&filter.RDomain, "rdomain", "", "only those in this rdomain, 0 for the default one")
	c.Flags().StringVar(&filter.Network, "network", "", "only those of this network")
	return c
}

func addrCommand() *cobra.Command {
	var prefix4, prefix6 string
	var bits, idx int
	c := &cobra.Command{
		Use:     "addr VMID | ADDRESS",
		Short:   "show the addresses of a VM's id, or whose an address is",
		Example: "  vmtapctl addr 5\n  vmtapctl addr 5 --idx 1\n  vmtapctl addr fd00::6440:503:0:2",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p4, err := netip.ParsePrefix(prefix4)
			if err != nil {
				return fmt.Errorf("read --prefix: %w", err)
			}
			var p6 netip.Prefix
			if prefix6 != "" {
				if p6, err = netip.ParsePrefix(prefix6); err != nil {
					return fmt.Errorf("read --prefix6: %w", err)
				}
			}
			scheme, err := vmid.New(p4, p6, bits)
			if err != nil {
				return err
			}
			return control.Addr(c.OutOrStdout(), scheme, args[0], idx)
		},
	}
	c.Flags().StringVar(&prefix4, "prefix", vmid.DefaultPrefix4, "local.prefix of the network")
	c.Flags().StringVar(&prefix6, "prefix6", vmid.DefaultPrefix6, `local.prefix6 of the network, "" for no IPv6`)
	c.Flags().IntVar(&bits, "bits", vmid.DefaultBits, "local.bits of the network")
	c.Flags().IntVar(&idx, "idx", 0, "number of the interface, with a vmid")
	return c
}
