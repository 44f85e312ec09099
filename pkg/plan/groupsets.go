package plan

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// The families of the nftables tables that have groups' sets. Both tables are
// named FirewallTable.
const (
	FamilyInet   = "inet"
	FamilyBridge = "bridge"
)

const (
	// groupSetPrefix begins the name of each group's set, and of no other.
	// Whatever a group's name has may stand in a set's, too.
	groupSetPrefix = "group_"

	// FilledSet is an empty set. It is in each table whose groups' sets were
	// filled: one without it was flushed since, and whoever may be missing in
	// the sets that are there now is put back.
	FilledSet = "filled"

	// groupSetsMark ends the altname of a host link that is in its groups'
	// sets. No group's name has a ':'.
	groupSetsMark = ":groupsets"
)

// Membership is an element of a group's set: the name of a link.
type Membership struct {
	Family string // of the table
	Group  string
	Link   string
}

// GroupSet returns the name of a group's set.
func GroupSet(group string) string { return groupSetPrefix + group }

// GroupOfSet is the inverse of GroupSet. It reports false for other sets.
func GroupOfSet(set string) (group string, ok bool) {
	group, ok = strings.CutPrefix(set, groupSetPrefix)
	return group, ok && group != ""
}

// String returns the membership as CHECK names it.
func (m Membership) String() string {
	return fmt.Sprintf("%q of set %s of table %s %s", m.Link, GroupSet(m.Group), m.Family, FirewallTable)
}

func compareMemberships(a, b Membership) int {
	return cmp.Or(cmp.Compare(b.Family, a.Family), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Link, b.Link))
}

// memberships returns the elements of an interface: layer 3 knows the packets
// of its layer 3 link, layer 2 the frames of its bridge port. Either name is "" if
// there is none.
func memberships(groups []string, layer3, port string) []Membership {
	var all []Membership
	for _, g := range groups {
		if layer3 != "" {
			all = append(all, Membership{FamilyInet, g, layer3})
		}
		if port != "" {
			all = append(all, Membership{FamilyBridge, g, port})
		}
	}
	slices.SortFunc(all, compareMemberships)
	return all
}

func (s *State) addMemberships(req *config.Request) {
	if !req.GroupSets {
		return
	}
	layer3, port := "", ""
	if req.Local != nil {
		layer3 = s.Layer3().Name
	}
	if req.Switch != nil {
		port = s.HostLink.Name
	}
	s.Memberships = memberships(req.Groups, layer3, port)
}

// MemberLinks returns the names under which an interface can stand in sets, by
// its host link's: its own and its gateway's.
func MemberLinks(hostLink string) []string {
	id, idx, ok := vmid.ParseHostLink(hostLink)
	if !ok {
		return nil
	}
	return []string{hostLink, vmid.Gateway(id, idx)}
}

// HostLinkOfMember is the inverse of MemberLinks. It reports false for names
// that are no link's of vmtap's, such as an uplink that an operator put into a
// group.
func HostLinkOfMember(name string) (hostLink string, ok bool) {
	hostLink = strings.Replace(name, "-gw", "-if", 1)
	_, _, ok = vmid.ParseHostLink(hostLink)
	return hostLink, ok
}

func groupSetsName(hostLink string) string { return hostLink + groupSetsMark }

// MarkedMember returns the name of the host link that is in sets, as altnames
// say. It reports false if they do not.
func MarkedMember(altNames []string) (hostLink string, ok bool) {
	for _, a := range altNames {
		if hostLink, ok = strings.CutSuffix(a, groupSetsMark); ok {
			if _, _, ok = vmid.ParseHostLink(hostLink); ok {
				return hostLink, true
			}
		}
	}
	return "", false
}

// MembershipsOf returns the elements that should stand in the sets, by what the
// host's links say that vmtap made.
func MembershipsOf(links []HostSide) []Membership {
	names := map[string]bool{}
	for _, l := range links {
		names[l.Name] = true
	}
	var all []Membership
	for _, l := range links {
		if marked, ok := MarkedMember(l.AltNames); ok && marked == l.Name && IsOwned(l.AltNames) {
			all = append(all, l.memberships(names)...)
		}
	}
	slices.SortFunc(all, compareMemberships)
	return all
}

func (l HostSide) memberships(names map[string]bool) []Membership {
	var groups []string
	local, port := false, ""
	for _, a := range l.AltNames {
		if group, ok := strings.CutPrefix(a, groupName(l.Name, "")); ok && !strings.Contains(group, ".") { // else the network's
			groups = append(groups, group)
		}
		if addr, err := netip.ParseAddr(a); err == nil && addr.Is4() {
			local = true
		}
		if isLLAddrName(a) {
			port = l.Name
		}
	}
	layer3 := ""
	switch gateway := MemberLinks(l.Name)[1]; {
	case names[gateway]:
		layer3 = gateway
	case local && port == "":
		layer3 = l.Name
	}
	return memberships(groups, layer3, port)
}

// isLLAddrName reports whether an altname claims an lladdr on a switch, see
// lladdrName.
func isLLAddrName(altName string) bool {
	address, _, ok := strings.Cut(altName, ".lladdr.")
	b, err := hex.DecodeString(address)
	return ok && err == nil && len(b) == 6
}

// JoinMemberships returns an interface's elements, and with them all others of
// some families.
func JoinMemberships(own, all []Membership, families []string) []Membership {
	joined := slices.Clone(own)
	for _, m := range all {
		if slices.Contains(families, m.Family) && !slices.Contains(joined, m) {
			joined = append(joined, m)
		}
	}
	slices.SortFunc(joined, compareMemberships)
	return joined
}
