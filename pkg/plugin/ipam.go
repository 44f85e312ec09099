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
	*delegate.Broker
	name  string
	lack  error // why there is no broker
	begun bool  // ADD was run, and there may be a lease
}

// beginIPAM finds the IPAM plugin with a name, "" for none, and begins the
// process that can run it: this one is about to give up the rights that it needs.
// What is wrong is said when it is to run, for all that this call does by itself
// is done all the same; see refuse.
func beginIPAM(name string, args *skel.CmdArgs) *ipam {
	if name == "" {
		return nil
	}
	i := &ipam{name: name}
	p, err := delegate.Find(name, args)
	if err == nil {
		i.Broker, err = p.Start()
	}
	i.lack = err
	return i
}

// refuse is for calls that do nothing without the plugin.
func (i *ipam) refuse() error {
	if i == nil {
		return nil
	}
	return i.lack
}

// end ends the process that runs the plugin. Its own error says nothing that the
// plugin's has not.
func (i *ipam) end() {
	if i != nil {
		_ = i.Close()
	}
}

// ask runs a verb and returns what it printed.
func (i *ipam) ask(command string) ([]byte, error) {
	if i.lack != nil {
		return nil, i.lack
	}
	return i.Run(command)
}

// run runs a verb that prints nothing.
func (i *ipam) run(command string) error {
	if i == nil {
		return nil
	}
	_, err := i.ask(command)
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
	printed, err := i.ask("ADD")
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
	claims, err := state.AddLease(req, lease)
	if err != nil {
		return err
	}
	return s.Lease(state, claims)
}

// del deletes an attachment and gives back its lease. The IPAM plugin's DEL
// always runs: also if no link is left, or deleting one failed.
func del(a config.Attachment, args *skel.CmdArgs) error {
	ipam := beginIPAM(a.IPAM, args)
	defer ipam.end()
	if !a.Possible() { // no ADD can have made it
		return ipam.run("DEL")
	}
	return inSession(func(s *kernel.Session) error {
		if err := s.OpenLock(); err != nil {
			return err
		}
		s.OpenLeftPod(a.Netns)
		limits, err := s.ToDelete(a)
		if err != nil {
			return err
		}
		if err := confineTo(limits, ipam); err != nil {
			return err
		}
		if err := s.LockAttachment(a.ContainerID, a.IfName); err != nil {
			return err // another call works on the attachment, its lease included
		}
		if a.IPAM == config.IPAMDHCP { // it speaks on the links
			err := ipam.run("DEL")
			return also(s.Delete(a), err)
		}
		err = s.Delete(a)
		return also(err, ipam.run("DEL"))
	})
}

// gc deletes links and then lets the IPAM plugin delete leases. It is not asked
// to where the runtime said nothing about what is valid: to it, that might be
// the same as nothing.
func gc(c *config.Collection, args *skel.CmdArgs) error {
	var ipam *ipam
	if c.Known {
		ipam = beginIPAM(c.IPAM, args)
	}
	defer ipam.end()
	err := inSession(func(s *kernel.Session) error {
		if err := s.OpenLock(); err != nil {
			return err
		}
		suspects, err := s.Suspects(c)
		if err != nil {
			return err
		}
		if err := confineTo(suspects.ToDelete(), ipam); err != nil {
			return err
		}
		return s.Collect(c, suspects)
	})
	return also(err, ipam.run("GC"))
}

// status lets the IPAM plugin say whether it could serve an ADD. Whatever
// is wrong with it has CodeNotAvailable.
func (i *ipam) status() error {
	if err := i.run("STATUS"); err != nil {
		return config.Errorf(config.CodeNotAvailable, "%w", err)
	}
	return nil
}
