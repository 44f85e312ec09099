package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Session is one call of the plugin on this node. Its methods are called in
// the order of the design's table of sends; what they change is taken back by
// Undo. It works on the namespace of the thread that opened it and must stay
// on that thread (runtime.LockOSThread).
type Session struct {
	host  *conn
	lock  *lockFile
	pod   podFiles
	podNS int // the pod's namespace, -1 if it was not entered
	ipv6  bool
	index indexes
	undo  undoStack
}

// indexes are the ifindexes of one attachment's links.
type indexes struct {
	rdomain, switchRDomain     int32
	bridge, hostLink, gateway  int32
	hostPeer, gatewayPeer, tap int32
}

// Open begins a session.
func Open() (*Session, error) {
	c, err := openConn(new(answerBuffer))
	if err != nil {
		return nil, err
	}
	return &Session{host: c, podNS: -1}, nil
}

// Close ends a session: locks are let go, and what stands in the kernel
// stays.
func (s *Session) Close() error {
	errs := []error{s.host.close()}
	if s.lock != nil {
		errs = append(errs, s.lock.close())
	}
	if s.pod.conn != nil {
		errs = append(errs, s.pod.conn.close())
	}
	if s.pod.tun != nil {
		errs = append(errs, s.pod.tun.close())
	}
	if s.podNS >= 0 {
		errs = append(errs, unix.Close(s.podNS))
	}
	return errors.Join(errs...)
}

// Undo takes back all that this session did, in reverse order, and returns
// cause with what failed of that.
func (s *Session) Undo(cause error) error {
	if err := s.undo.run(); err != nil {
		return fmt.Errorf("%w; %w", cause, err)
	}
	return cause
}

// LockAttachment makes this session wait for, and then be, the only one that
// works on the attachment, until Close.
func (s *Session) LockAttachment(containerID, ifName string) error {
	l, err := openLock()
	if err != nil {
		return err
	}
	s.lock = l
	return l.lock(vmid.LockOffset(containerID, ifName), "attachment "+plan.AttachmentName(containerID, ifName))
}

// EnterPod opens the pod's namespace for ADD: it must be one, not the host's,
// and have no interface named as the tap.
func (s *Session) EnterPod(netns, ifName string) error {
	if err := s.openPod(netns, true); err != nil {
		return err
	}
	var tap *link
	if err := s.pod.conn.do(getLink(0, ifName, &tap)); err != nil {
		return err
	}
	if tap != nil {
		return config.Errorf(config.CodeTaken, "create tap %s: the pod's namespace has an interface %q with this name", ifName, tap.name)
	}
	return nil
}

// InspectPod opens the pod's namespace for CHECK.
func (s *Session) InspectPod(netns string) error { return s.openPod(netns, false) }

func (s *Session) openPod(netns string, withTun bool) error {
	fd, err := openNetns(netns)
	if err != nil {
		return err
	}
	s.podNS = fd
	s.pod, err = openInNetns(fd, s.host.buf, withTun)
	return err
}
