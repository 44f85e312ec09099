package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Session is one call of the plugin on this node. Its methods are called in
// the order of the design's table of sends; what they change is taken back by
// Undo. It works on the namespace of the thread that opened it and must stay
// on that thread (runtime.LockOSThread).
type Session struct {
	host   *conn
	nft    *conn // of nf_tables, nil until it is needed
	lock   *lockFile
	pod    *conn // nil if nothing is done in the pod
	tun    *tun  // with which the tap is made
	podNS  int   // the pod's namespace, -1 if it was not opened
	inPod  *podThread
	podErr error // why it was not opened for DEL
	ipv6   bool
	index  indexes
	undo   undoStack
}

// indexes are the ifindexes of one attachment's links.
type indexes struct {
	rdomain, switchRDomain    int32
	bridge, hostLink, gateway int32
	hostPeer, gatewayPeer     int32
	taken, tap, limiter       int32
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
	if s.nft != nil {
		errs = append(errs, s.nft.close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.close())
	}
	if s.pod != nil {
		errs = append(errs, s.pod.close())
	}
	if s.tun != nil {
		errs = append(errs, s.tun.close())
	}
	if s.inPod != nil {
		s.inPod.end()
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

// OpenLock opens the node's lock, for calls that change something.
func (s *Session) OpenLock() (err error) {
	s.lock, err = openLock()
	return err
}

// lockVM makes this session wait for, and then be, the only one that takes or
// hands on the VM's vmid, until unlockVM: an interface that is added meanwhile
// would build on one that goes. It is taken after the attachment's lock and
// before that of claims.
func (s *Session) lockVM(containerID string) error {
	return s.lock.lock(vmOffset(containerID), "the VM of container "+containerID)
}

func (s *Session) unlockVM(containerID string) error { return s.lock.unlock(vmOffset(containerID)) }

// vmOffset is the byte of a VM's lock: that of an attachment without a name, of
// which there is none.
func vmOffset(containerID string) int64 { return vmid.LockOffset(containerID, "") }

// LockAttachment makes this session wait for, and then be, the only one that
// works on the attachment, until Close. The lock must be open.
func (s *Session) LockAttachment(containerID, ifName string) error {
	return s.lock.lock(vmid.LockOffset(containerID, ifName), "attachment "+plan.AttachmentName(containerID, ifName))
}
