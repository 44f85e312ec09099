package kernel

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// maxRaces is how often a transaction is tried that others come before. The
// window is a few milliseconds, and other users of nftables write every few
// seconds.
const maxRaces = 20

// EnsureFirewall sees to it that the node's nftables table does what a local
// interface wants, before its guest is connected. It is not undone: what it
// sets is the network's, not the attachment's, and others may count on it by
// then. It comes after the claim, so that of two networks that contradict each
// other at once one sees the other: its guest, or its elements.
//
// The State gets what the table turned out to be.
func (s *Session) EnsureFirewall(req *config.Request, state *plan.State) error {
	if req.Local == nil {
		return nil
	}
	have, err := s.observeFirewall(req)
	if err != nil {
		return err
	}
	state.Firewall = plan.WithFirewall(&have, req)
	if plan.SameFirewall(&state.Firewall, &have) {
		return nil
	}
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	return errors.Join(s.changeFirewall(req, state), s.lock.unlock(claimsByte))
}

// observeFirewall reads the table. A kernel without nftables has none, which is
// an error only for who wants one.
func (s *Session) observeFirewall(req *config.Request) (plan.Firewall, error) {
	if req.Local == nil {
		return plan.Firewall{}, nil
	}
	c, err := s.openNFT()
	var f plan.Firewall
	if err == nil {
		f, err = readFirewall(c)
	}
	switch {
	case err == nil || !lacksNFT(err):
		return f, err
	case req.IPMasq || req.HostAccess.Limited:
		return f, errNoNFT(err)
	}
	return plan.Firewall{}, nil
}

// changeFirewall runs under the claims lock, and reads, judges and writes one
// generation of the ruleset: so nothing is lost that others wrote.
func (s *Session) changeFirewall(req *config.Request, state *plan.State) error {
	return s.inOneGeneration("change nftables table "+plan.FirewallTable, func(generation uint32) error {
		return s.tryChangeFirewall(generation, req, state)
	})
}

func (s *Session) tryChangeFirewall(generation uint32, req *config.Request, state *plan.State) error {
	have, err := readStaticTable(s.nft)
	if err != nil {
		return err
	}
	state.Firewall = plan.WithFirewall(&have.firewall, req)
	if plan.SameFirewall(&state.Firewall, &have.firewall) {
		return nil // somebody was faster
	}
	if have.dormant {
		// On its own: with a change to its chains kernels take it badly.
		if err := s.nft.transact(generation, wakeTable()); err != nil {
			return err
		}
		return errRaced // by itself: read again
	}
	links, err := s.hostSides()
	if err != nil {
		return err
	}
	if err := plan.CheckFirewall(&have.firewall, &state.Firewall, req, links); err != nil {
		return err
	}
	batch, err := replaceFirewall(&state.Firewall, &have)
	if err != nil {
		return err
	}
	err = s.nft.transact(generation, batch...)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return errNoNFT(err)
	}
	return err
}

// getGeneration asks for the number of the ruleset, which each transaction
// changes, be it vmtap's or not.
func getGeneration(into *uint32) *message {
	return getNFT(unix.NFT_MSG_GETGEN, 0, nil, "generation", func(data []byte) error {
		return eachAttr(data, func(kind uint16, value []byte) error {
			if kind == unix.NFTA_GEN_ID {
				*into = networkNumber(value)
			}
			return nil
		})
	})
}

// hostSides looks at all links that guests can be behind. It costs a dump, so
// it is done only when the table is to be changed.
func (s *Session) hostSides() ([]plan.HostSide, error) {
	links, err := s.linksOfVMs()
	if err != nil {
		return nil, err
	}
	var all []plan.HostSide
	for _, l := range links {
		all = append(all, plan.HostSide{Name: l.name, AltNames: l.altNames, Master: l.master})
	}
	return all, nil
}
