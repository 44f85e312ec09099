package command

import (
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/control"
	"github.com/vmtap/vmtap/pkg/vmid"
)

func addrCommand() *cobra.Command {
	var prefix4, prefix6 netip.Prefix
	var bits, idx int
	c := &cobra.Command{
		Use:     "addr VMID | ADDRESS",
		Short:   "show the addresses of a VM's id, or whose an address is",
		Example: "  vmtapctl addr 5\n  vmtapctl addr 5 --idx 1\n  vmtapctl addr fd00::6440:503:0:2",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			scheme, err := vmid.New(prefix4, prefix6, bits)
			if err != nil {
				return err
			}
			return control.Addr(c.OutOrStdout(), scheme, args[0], idx)
		},
	}
	c.Flags().TextVar(&prefix4, "prefix", netip.MustParsePrefix(vmid.DefaultPrefix4), "local.prefix of the network")
	c.Flags().TextVar(&prefix6, "prefix6", netip.MustParsePrefix(vmid.DefaultPrefix6), `local.prefix6 of the network, "" for no IPv6`)
	c.Flags().IntVar(&bits, "bits", vmid.DefaultBits, "local.bits of the network")
	c.Flags().IntVar(&idx, "idx", 0, "number of the interface, with a vmid")
	return c
}
