package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// ObserveTaken looks at the interface that placement chained takes over, and
// whether it can be.
func (s *Session) ObserveTaken(req *config.Request, o *Observation) error {
	if err := s.observeTaken(req, o); err != nil || o.Tap != nil {
		return err // or it is taken over already
	}
	return plan.CheckTaken(req, &o.Node.Taken)
}

func (s *Session) observeTaken(req *config.Request, o *Observation) error {
	var taken, tap *link
	if err := s.pod.do(getLink(0, req.IfName, &taken), getLink(0, plan.AttachmentName(req.ContainerID, req.IfName), &tap)); err != nil {
		return err
	}
	if tap != nil {
		o.Tap = &plan.Found{Name: tap.name, AltNames: tap.altNames}
	}
	if taken == nil {
		return nil
	}
	s.index.taken = taken.index
	o.Node.Taken = plan.Taken{Name: taken.name, LLAddr: taken.lladdr, MTU: taken.mtu}
	return s.pod.do(getIngress(taken.index, taken.name, &o.Node.Taken.Ingress))
}

// Join makes the tap of placement chained and joins it to the interface that it
// takes over. The pod's namespace holds all of it.
func (s *Session) Join(state *plan.State) error {
	if err := s.drawIndexes(state); err != nil {
		return err
	}
	s.undo.add("free the ingress of "+state.Taken.Name, func() error {
		// By now the tap is gone. That there was no qdisc before was seen.
		filters, err := s.takenFilters(state.Taken.Name)
		if err != nil || len(filters) > 0 && !redirectAll(filters, 0) {
			return err
		}
		return s.pod.do(deleteIngress(s.index.taken, state.Taken.Name))
	})
	return s.Apply(state)
}

// deleteChained removes what is left of an attachment of placement chained:
// the tap, and what joined the other plugin's interface to it. There is none
// if the namespace is gone, or is no pod's.
func (s *Session) deleteChained(a config.Attachment) error {
	if a.Netns == "" {
		return nil
	}
	switch {
	case noNetns(s.podErr):
		return nil
	case s.podErr != nil:
		return s.podErr
	}
	var taken, tap *link
	err := s.pod.do(getLink(0, a.IfName, &taken), getLink(0, plan.AttachmentName(a.ContainerID, a.IfName), &tap))
	if err != nil || tap != nil && (tap.kind != plan.KindTun || !plan.IsTapOfNetwork(tap.altNames, a.Network)) {
		return err
	}
	if taken != nil {
		s.index.taken = taken.index
		if err := s.freeIngress(taken.name, tap); err != nil {
			return err
		}
	}
	if tap == nil {
		return nil
	}
	return s.pod.do(deleteLink(tap.index, tap.name))
}

// noNetns reports whether an error of openPod says that no ADD can have made
// anything there, and not that the process or the node lacks something.
func noNetns(err error) bool {
	for _, lack := range []unix.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS, unix.ENOSPC, unix.EINTR} {
		if errors.Is(err, lack) {
			return false
		}
	}
	var coded *config.Error
	return errors.As(err, &coded) && coded.Code == config.CodeEnvironment
}

// freeIngress takes away the qdisc of an interface whose frames all go to the
// tap, or to one that went with an ADD that was killed: it is ours. Another one
// stays.
func (s *Session) freeIngress(taken string, tap *link) error {
	filters, err := s.takenFilters(taken)
	if err != nil {
		return err
	}
	to := int32(0)
	if tap != nil {
		to = tap.index
	}
	if !redirectAll(filters, to) {
		return nil
	}
	return s.pod.do(deleteIngress(s.index.taken, taken))
}

func (s *Session) takenFilters(taken string) (filters []installed, err error) {
	err = s.pod.do(getFilters(s.index.taken, taken, &filters))
	return filters, err
}

// redirectAll reports whether filters do nothing but send all frames to a
// link, 0 for one that is gone.
func redirectAll(filters []installed, to int32) bool {
	return len(filters) == 1 && filters[0].redirects && filters[0].match == nil && filters[0].redirect == to
}
