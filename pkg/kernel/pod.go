package kernel

import (
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// OpenPod opens for ADD what the attachment is made with: the pod's namespace,
// which must be one and not the host's, and /dev/net/tun, in the namespace where
// the tap is to be.
func (s *Session) OpenPod(req *config.Request) error {
	if req.Placement == config.PlacementHost {
		return s.openHostTun(req.Netns)
	}
	return s.openPod(req.Netns, req.Device == config.DeviceTap)
}

// EnterPod refuses what cannot be made in an open pod: an interface of a name
// that another one has there, or a tap with a context that this node has not.
func (s *Session) EnterPod(req *config.Request) error {
	if err := checkContext(req.Tap.SELinuxContext); err != nil {
		return err
	}
	if req.Placement == config.PlacementHost {
		return nil
	}
	name := req.IfName
	if req.Placement == config.PlacementChained {
		name = req.Tap.Name
	}
	var l *link
	if err := s.pod.do(getLink(0, name, &l)); err != nil {
		return err
	}
	if l != nil {
		return config.Errorf(config.CodeTaken, "create %s %s: the pod's namespace has an interface %q with this name", req.Device, name, l.name)
	}
	return nil
}

// openHostTun opens /dev/net/tun for a tap in the host's namespace. Nothing is
// made in the pod's, but a runtime that names none is mistaken all the same.
func (s *Session) openHostTun(netns string) (err error) {
	if s.podNS, err = openNetns(netns); err != nil {
		return err
	}
	s.tun, err = openTun()
	return err
}

// OpenInspectedPod opens the pod's namespace for CHECK, if the attachment has
// anything there.
func (s *Session) OpenInspectedPod(req *config.Request) (err error) {
	if req.Placement == config.PlacementHost {
		s.podNS, err = openNetns(req.Netns)
		return err
	}
	return s.openPod(req.Netns, false)
}

// OpenLeftPod opens the pod's namespace for DEL, if the runtime still names one:
// an attachment of placement chained is there alone. An error is kept until it
// matters.
func (s *Session) OpenLeftPod(netns string) {
	if netns != "" {
		s.podErr = s.openPod(netns, false)
	}
}

func (s *Session) openPod(netns string, withTun bool) (err error) {
	if s.podNS, err = openNetns(netns); err != nil {
		return err
	}
	if s.inPod, err = newPodThread(s.podNS); err != nil {
		return err
	}
	return s.inPod.run(func() (err error) {
		if s.pod, err = openConn(s.host.buf); err != nil || !withTun {
			return err
		}
		s.tun, err = openTun()
		return err
	})
}

// connOf returns the connection to the namespace where a link is.
func (s *Session) connOf(l *plan.Link) *conn {
	if l.Pod {
		return s.pod
	}
	return s.host
}

// podFD returns the namespace that a link is to be made in, for attributes;
// -1 for the host's.
func (s *Session) podFD(l *plan.Link) int {
	if l.Pod {
		return s.podNS
	}
	return -1
}

// groupOf returns the netdev group of a link: the attachment's own, whose
// number is the host link's ifindex, or the configuration's.
func (s *Session) groupOf(l *plan.Link) uint32 {
	if l.PodGroup {
		return uint32(s.index.hostLink)
	}
	return l.Group
}

// writePodSysctl writes a value under /proc/sys/net of the pod's namespace.
func (s *Session) writePodSysctl(name, value string) error {
	return s.inPod.run(func() error { return writeSysctl(name, value) })
}

// closeTun closes the tap's file descriptor, with which a tap goes that is
// not persistent.
func (s *Session) closeTun() error {
	fd := s.tun.fd
	s.tun = nil
	return unix.Close(fd)
}
