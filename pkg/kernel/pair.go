package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// createPair makes a veth with all altnames of its host's end in one send,
// which the kernel carries out whole even if this process is killed. What
// landed of a send that failed is undone.
func (s *Session) createPair(host, peer *plan.Link, hostIndex, peerIndex int32) error {
	create := createVeth(
		vethEnd{hostIndex, s.groupOf(host), host},
		vethEnd{peerIndex, s.groupOf(peer), peer},
		s.podFD(peer))
	names := addAltNames(hostIndex, host.Name, host.AltNames)
	err := s.host.do(create, names)
	if create.err == nil {
		remove := func() error { return s.host.do(deleteLink(hostIndex, host.Name)) }
		if err != nil {
			return joinUndo(err, remove())
		}
		s.undo.add("delete "+host.Name, remove)
		return nil
	}
	return joinUndo(err, s.takeBack(hostIndex, host))
}

// takeBack removes altnames that landed on somebody else's link: one that was
// made with our ifindex after it was looked up. One by one, since some may not
// have landed; mostly no link has the index.
func (s *Session) takeBack(index int32, l *plan.Link) error {
	batch := make([]*message, len(l.AltNames))
	for i, name := range l.AltNames {
		batch[i] = removeAltNames(index, l.Name, []string{name}).allow(unix.ENODEV, unix.ENOENT, unix.EINVAL)
	}
	return s.host.do(batch...)
}

func joinUndo(err, undoErr error) error {
	if undoErr != nil {
		return fmt.Errorf("%w; undo: %w", err, undoErr)
	}
	return err
}
