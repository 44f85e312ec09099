package plugin

import (
	"errors"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/delegate"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
)

// ipam is the IPAM plugin of one call. nil is none, and does nothing.
type ipam struct {
	*delegate.Plugin
	name  string
	begun bool // ADD was run, and there may be a lease
}

// findIPAM finds the IPAM plugin with a name, "" for none.
func findIPAM(name string, args *skel.CmdArgs) (*ipam, error) {
	if name == "" {
		return nil, nil //nolint:nilnil // no plugin is a plugin here
	}
	p, err := delegate.Find(name, args)
	if err != nil {
		return nil, err
	}
	return &ipam{Plugin: p, name: name}, nil
}

// run runs a verb that prints nothing.
func (i *ipam) run(command string) error {
	if i == nil {
		return nil
	}
	_, err := i.Run(command)
	return err
}

// onLinks reports whether the plugin speaks on the interface itself: then the
// lease goes while the links stand. Otherwise they go first, so that no guest
// has an address any more that goes to another.
func (i *ipam) onLinks() bool { return i.name == config.IPAMDHCP }

// undoIn notes in the session how to give back the lease, if there is one by
// then.
func (i *ipam) undoIn(s *kernel.Session) {
	s.OnUndo("give back the lease", func() error {
		if !i.begun {
			return nil
		}
		if err := i.run("DEL"); err != nil {
			return errors.New(err.Error()) // its code is not the call's
		}
		return nil
	})
}

// beforeLinks is called before the first change.
func (i *ipam) beforeLinks(s *kernel.Session) {
	if i != nil && !i.onLinks() {
		i.undoIn(s)
	}
}

// add asks for a lease and gives it to the attachment. Its place is after all
// that can refuse the attachment and after its links, which a plugin such as
// dhcp speaks on, and before the guest can use them.
func (i *ipam) add(s *kernel.Session, req *config.Request, state *plan.State) error {
	if i == nil {
		return nil
	}
	if i.onLinks() {
		i.undoIn(s)
	}
	i.begun = true
	printed, err := i.Run("ADD")
	if err != nil {
		return err
	}
	lease, err := result.Lease(req, printed)
	if err != nil {
		return err
	}
	if err := plan.CheckLease(req, state, &lease); err != nil {
		return err
	}
	return s.Lease(state, state.AddLease(req, lease))
}

// checkIPAM lets the IPAM plugin compare, whatever own differences there are.
func checkIPAM(name string, args *skel.CmdArgs, own error) error {
	i, err := findIPAM(name, args)
	if err == nil {
		err = i.run("CHECK")
	}
	return also(own, err)
}

// del deletes an attachment and gives back its lease. The IPAM plugin's DEL
// always runs: also if no link is left, or deleting one failed.
func del(a config.Attachment, args *skel.CmdArgs) error {
	if !a.Possible() { // no ADD can have made it
		return delegateOnly(a.IPAM, "DEL", args)
	}
	return inSession(func(s *kernel.Session) error {
		if err := s.LockAttachment(a.ContainerID, a.IfName); err != nil {
			return err // another call works on the attachment, its lease included
		}
		if a.IPAM == config.IPAMDHCP { // it speaks on the links
			err := delegateOnly(a.IPAM, "DEL", args)
			return also(s.Delete(a), err)
		}
		err := s.Delete(a)
		return also(err, delegateOnly(a.IPAM, "DEL", args))
	})
}

// delegateOnly runs a verb of the IPAM plugin with a name.
func delegateOnly(name, command string, args *skel.CmdArgs) error {
	i, err := findIPAM(name, args)
	if err != nil {
		return err
	}
	return i.run(command)
}

// gc deletes links and then lets the IPAM plugin delete leases. It is not asked
// to where the runtime said nothing about what is valid: to it, that might be
// the same as nothing.
func gc(c *config.Collection, args *skel.CmdArgs) error {
	err := inSession(func(s *kernel.Session) error { return s.Collect(c) })
	if !c.Known {
		return err
	}
	return also(err, delegateOnly(c.IPAM, "GC", args))
}

// statusIPAM lets the IPAM plugin say whether it could serve an ADD. Whatever
// is wrong with it has CodeNotAvailable.
func statusIPAM(name string, args *skel.CmdArgs) error {
	if err := delegateOnly(name, "STATUS", args); err != nil {
		return config.Errorf(config.CodeNotAvailable, "%w", err)
	}
	return nil
}
