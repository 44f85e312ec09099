package command

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/control"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/netconf"
	"github.com/vmtap/vmtap/pkg/plan"
)

// longestADD is as long as a kubelet waits for a pod's ADD, all plugins together.
const longestADD = 2 * time.Minute

func gcCommand() *cobra.Command {
	var from caches
	var yes bool
	var wait time.Duration
	c := &cobra.Command{
		Use:   "gc",
		Short: "remove what is left of attachments that no runtime has",
		Long: `Say what is left of attachments that no runtime has any more, and, with --yes,
remove it: a gateway whose host link is gone; a host link whose tap is gone; and
whole attachments. It does nothing for a container of which a cache lists
anything, and refuses to do anything if a cache cannot be read.

A runtime lists an attachment when the last plugin of its network is through. So
that none is taken away before, whole ones are looked for twice, --wait apart. If
the caches list nothing at all, whole attachments stay: then they are probably not
this node's. Leases of IPAM plugins stay, too; the runtime's own GC gives them back.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			g := collection{from: &from}
			left, err := g.look()
			if err != nil {
				return err
			}
			if g.strange {
				fmt.Fprintln(c.ErrOrStderr(), "vmtapctl: the caches list nothing, so whole attachments stay; --cache-dir names another one")
			}
			if yes && slices.ContainsFunc(left, func(l plan.Left) bool { return l.Whole }) {
				fmt.Fprintf(c.ErrOrStderr(), "vmtapctl: waiting %s, in case an ADD is not through\n", wait)
				<-time.After(wait)
				if left, err = g.again(left); err != nil {
					return err
				}
			}
			if err := control.PrintLeft(c.OutOrStdout(), left); err != nil {
				return err
			}
			switch {
			case len(left) == 0:
				return nil
			case !yes:
				fmt.Fprintln(c.ErrOrStderr(), "vmtapctl: nothing was removed, --yes removes it")
				return nil
			}
			return remove(left)
		},
	}
	from.add(c)
	c.Flags().BoolVar(&yes, "yes", false, "remove it")
	c.Flags().DurationVar(&wait, "wait", longestADD, "how long an ADD of all plugins of a network may take")
	return c
}

// collection is one run of gc.
type collection struct {
	from    *caches
	strange bool // the caches list nothing, and there is something
}

// look returns what is left of attachments.
func (g *collection) look() ([]plan.Left, error) {
	s, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	attached, err := s.Attached()
	if err != nil {
		return nil, err
	}
	var listed []config.Attachment
	if err := g.from.each(func(_ string, all []netconf.Cached) {
		for i := range all {
			listed = append(listed, config.Attachment{ContainerID: all[i].ContainerID, IfName: all[i].IfName})
		}
	}); err != nil {
		return nil, fmt.Errorf("gc: it is not known what runtimes have: %w", err)
	}
	g.strange = len(listed) == 0 && len(attached) > 0
	var all []plan.Left
	for _, network := range control.Networks(attached) {
		held := control.Held(network, attached, listed)
		left, err := s.Left(&held)
		if err != nil {
			return nil, err
		}
		all = append(all, slices.DeleteFunc(left, func(l plan.Left) bool {
			// A gateway alone is of no network, and met with each.
			return l.HostLink == "" && network != "" || l.Whole && g.strange
		})...)
	}
	return all, nil
}

// again looks once more, and returns what was there before.
func (g *collection) again(before []plan.Left) ([]plan.Left, error) {
	left, err := g.look()
	return slices.DeleteFunc(left, func(l plan.Left) bool { return !slices.Contains(before, l) }), err
}

// remove removes it, but for what another call works on by now.
func remove(left []plan.Left) (err error) {
	s, err := kernel.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.OpenLock(); err != nil {
		return err
	}
	return s.Remove(left)
}
