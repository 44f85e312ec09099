package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// OnUndo notes how to take back what the caller does beside the kernel; what
// says so in the form "verb object".
func (s *Session) OnUndo(what string, undo func() error) { s.undo.add(what, undo) }

// Lease lets the attachment have what an IPAM plugin gave it: the host link
// gets the altnames that claim the addresses, its guard knows them from then
// on, and a guest that is no VM gets addresses and routes. All of it goes with
// the links.
func (s *Session) Lease(state *plan.State, altNames []string) error {
	if err := s.claimLease(state, altNames); err != nil {
		return err
	}
	if err := s.replaceGuard(&state.HostLink); err != nil {
		return err
	}
	if err := s.addressPod(state); err != nil {
		return err
	}
	return s.routePod(state)
}

// replaceGuard gives the host link the guard that it has in the State, in the
// place of the one that it was made with: at no time is it without.
func (s *Session) replaceGuard(hostLink *plan.Link) error {
	for i, f := range hostLink.Ingress {
		if f.Guard {
			return s.host.do(addFilter(s.index.hostLink, hostLink.Name, i+1, f, 0, true))
		}
	}
	return nil
}

// claimLease gives the host link altnames. Each stands on one link of the node,
// so that no two guests of a switch have one address, whatever the plugin says.
func (s *Session) claimLease(state *plan.State, altNames []string) error {
	batch := make([]*message, len(altNames))
	for i, name := range altNames {
		batch[i] = addAltNames(s.index.hostLink, state.HostLink.Name, []string{name})
	}
	err := s.host.do(batch...)
	for i, m := range batch {
		if errors.Is(m.err, unix.EEXIST) {
			return config.Errorf(config.CodeTaken, "claim address %s on switch %s: another guest has it, `ip link show %s` shows which", state.Guest.Lease.Addrs[i].Prefix.Addr(), state.Bridge.Name, altNames[i])
		}
	}
	return err
}
