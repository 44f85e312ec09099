package kernel

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// EnterGroups puts the attachment's links into the sets of their groups, and
// takes out what an earlier link left behind under one of their names. It comes
// after the claim, so that the names are the attachment's, and before a link is
// up: no packet passes that a group's rule would have stopped.
//
// Whoever wants no sets must not have a dead one's groups either. On a node
// without tables for them that costs one look.
func (s *Session) EnterGroups(state *plan.State) error {
	if state.HostLink.Name == "" {
		return nil
	}
	switch has, tables, err := s.hasGroupTables(); {
	case err != nil:
		return err
	case !has && len(state.Memberships) > 0:
		return errNoGroups(unix.EPROTONOSUPPORT)
	case !tables && len(state.Memberships) == 0:
		return nil
	}
	missing := false
	enter := func(all bool) func(uint32) error {
		return func(generation uint32) (err error) {
			missing, err = s.enterGroups(generation, state, all)
			return err
		}
	}
	const what = "enter the sets of groups"
	if err := s.inOneGeneration(what, enter(false)); err != nil || !missing {
		return err
	}
	// Others may be missing as well. Under the lock none of them goes.
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	return errors.Join(s.inOneGeneration(what, enter(true)), s.lock.unlock(claimsByte))
}

// enterGroups reads and writes one generation of the ruleset. It writes nothing,
// and reports true, if a table was not filled yet, unless it is to fill it with
// all.
func (s *Session) enterGroups(generation uint32, state *plan.State, all bool) (missing bool, err error) {
	tables, err := readGroupTables(s.nft)
	if err != nil {
		return false, err
	}
	want := state.Memberships
	var unfilled []string
	for _, t := range tables {
		if !t.filled && slices.ContainsFunc(want, func(m plan.Membership) bool { return m.Family == t.family }) {
			unfilled = append(unfilled, t.family)
		}
	}
	switch {
	case len(unfilled) > 0 && !all:
		return true, nil
	case len(unfilled) > 0:
		links, err := s.hostSides()
		if err != nil {
			return false, err
		}
		want = plan.JoinMemberships(want, plan.MembershipsOf(links), unfilled)
	}
	have, err := findMembers(s.nft, tables, plan.MemberLinks(state.HostLink.Name))
	if err != nil {
		return false, err
	}
	in := func(ms []plan.Membership) func(plan.Membership) bool {
		return func(m plan.Membership) bool { return slices.Contains(ms, m) }
	}
	stale := slices.DeleteFunc(slices.Clone(have), in(want))
	batch, err := fillGroups(tables, slices.DeleteFunc(slices.Clone(want), in(have)))
	if err != nil {
		return false, err
	}
	batch = append(emptyGroups(stale), batch...)
	if len(batch) == 0 {
		return false, nil
	}
	err = s.nft.transact(generation, batch...)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return false, errNoGroups(err)
	}
	return false, err
}

func errNoGroups(err error) error {
	return config.Errorf(config.CodeNotAvailable, "use groupSets true: this kernel has no nftables for families inet and bridge, load the module nf_tables: %w", err)
}

// hasNFT reports whether the kernel has nftables.
func (s *Session) hasNFT() (bool, error) {
	has, _, err := s.hasGroupTables()
	return has, err
}

// hasGroupTables reports whether the kernel has nftables, and whether there is a
// table of vmtap's, in which groups could have sets.
func (s *Session) hasGroupTables() (has, tables bool, err error) {
	c, err := s.openNFT()
	if err == nil {
		batch := []*message{getGeneration(new(uint32))}
		for _, family := range groupFamilies() {
			batch = append(batch, getNFTOf(familyNumber(family), unix.NFT_MSG_GETTABLE, 0, []nftAttr{tableAttr()}, "name", func([]byte) error {
				tables = true
				return nil
			}))
		}
		err = c.do(batch...)
	}
	if err != nil && lacksNFT(err) {
		return false, false, nil
	}
	return err == nil, tables, err
}

// readGroups returns in which sets the attachment's links stand.
func (s *Session) readGroups(want *plan.State) ([]plan.Membership, error) {
	if want.HostLink.Name == "" {
		return nil, nil
	}
	if _, there, err := s.hasGroupTables(); err != nil || !there {
		return nil, err
	}
	tables, err := readGroupTables(s.nft)
	if err != nil {
		return nil, err
	}
	return findMembers(s.nft, tables, plan.MemberLinks(want.HostLink.Name))
}

// leaveGroups takes links that are gone out of all sets, by their host links'
// names. It runs under the claims lock, so that nobody takes a name meanwhile;
// who has taken it already is left alone, and has looked after it.
func (s *Session) leaveGroups(hostLinks ...string) error {
	switch has, err := s.hasNFT(); {
	case err != nil:
		return err
	case !has: // and so it is not believed; the next DEL will believe it
		return errors.New("leave the sets of groups: the kernel says that it has no nftables, but it had sets")
	}
	if err := s.lock.lock(claimsByte, "the node's claims"); err != nil {
		return err
	}
	err := s.inOneGeneration("leave the sets of groups", func(generation uint32) error {
		gone, err := s.gone(hostLinks)
		if err != nil || len(gone) == 0 {
			return err
		}
		tables, err := readGroupTables(s.nft)
		if err != nil {
			return err
		}
		var links []string
		for _, l := range gone {
			links = append(links, plan.MemberLinks(l)...)
		}
		members, err := findMembers(s.nft, tables, links)
		if err != nil || len(members) == 0 {
			return err
		}
		return s.nft.transact(generation, emptyGroups(members)...)
	})
	return errors.Join(err, s.lock.unlock(claimsByte))
}

// sweepGroups takes all links that are gone out of the sets: those whose DEL
// found no link any more.
func (s *Session) sweepGroups() error {
	if has, err := s.hasNFT(); err != nil || !has {
		return err
	}
	hostLinks, err := s.membersHostLinks()
	if err != nil {
		return err
	}
	gone, err := s.gone(hostLinks)
	if err != nil || len(gone) == 0 {
		return err
	}
	return s.leaveGroups(gone...)
}

// membersHostLinks returns the host links of all links that are in sets.
func (s *Session) membersHostLinks() ([]string, error) {
	tables, err := readGroupTables(s.nft)
	if err != nil {
		return nil, err
	}
	members, err := readMembers(s.nft, tables)
	if err != nil {
		return nil, err
	}
	var hostLinks []string
	for _, m := range members {
		if l, ok := plan.HostLinkOfMember(m.Link); ok && !slices.Contains(hostLinks, l) {
			hostLinks = append(hostLinks, l)
		}
	}
	return hostLinks, nil
}

// gone returns those of some links that are not there.
func (s *Session) gone(names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	found, err := s.find(names...)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := found[name]
		return ok
	}), err
}
