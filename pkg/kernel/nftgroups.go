package kernel

import (
	"encoding/binary"
	"iter"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// groupTable is what stands of groups in vmtap's table of one family.
type groupTable struct {
	family string
	sets   []groupSet
	filled bool // carries plan.FilledSet
}

type groupSet struct {
	group string
	kind  setKind
}

// groupFamilies are the families of tables that can have sets of groups.
func groupFamilies() []string { return []string{plan.FamilyInet, plan.FamilyBridge} }

// familyNumber is a family in the kernel's words.
func familyNumber(family string) byte {
	if family == plan.FamilyBridge {
		return unix.NFPROTO_BRIDGE
	}
	return unix.NFPROTO_INET
}

// readGroupTables lists the sets of groups. A table that is not there has
// none.
func readGroupTables(c *conn) ([]groupTable, error) {
	var all []groupTable
	for _, family := range groupFamilies() {
		t := groupTable{family: family}
		err := c.do(getNFTOf(familyNumber(family), unix.NFT_MSG_GETSET, unix.NLM_F_DUMP, []nftAttr{tableAttr()}, "sets", t.note))
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// note takes an NFT_MSG_NEWSET message.
func (t *groupTable) note(data []byte) error {
	name := ""
	err := eachAttr(data, func(kind uint16, value []byte) error {
		if kind == unix.NFTA_SET_NAME {
			name = unix.ByteSliceToString(value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	kind, err := parseSet(data)
	if group, ok := plan.GroupOfSet(name); ok {
		t.sets = append(t.sets, groupSet{group, kind})
	}
	t.filled = t.filled || name == plan.FilledSet
	return err
}

// has reports whether there is a set for a group, and refuses one that no name
// can be put into.
func (t *groupTable) has(group string) (bool, error) {
	i := slices.IndexFunc(t.sets, func(s groupSet) bool { return s.group == group })
	if i >= 0 && !t.sets[i].kind.holdsNames() {
		return true, config.Errorf(config.CodeInvalidConfig, "use groupSets true: set %s of nftables table %s %s is not of `type ifname` without `flags interval` or `timeout`, declare it so", plan.GroupSet(group), t.family, plan.FirewallTable)
	}
	return i >= 0, nil
}

// findMembers returns in which sets links stand, by their names.
func findMembers(c *conn, tables []groupTable, links []string) ([]plan.Membership, error) {
	var all []plan.Membership
	var batch []*message
	for _, t := range tables {
		for _, set := range t.sets {
			if !set.kind.holdsNames() {
				continue
			}
			for _, link := range links {
				m := plan.Membership{Family: t.family, Group: set.group, Link: link}
				batch = append(batch, getNFTOf(familyNumber(t.family), unix.NFT_MSG_GETSETELEM, 0, elementAttrs(m), "elements", func([]byte) error {
					all = append(all, m)
					return nil
				}))
			}
		}
	}
	if len(batch) == 0 {
		return nil, nil
	}
	return all, c.do(batch...)
}

// readMembers returns all that stand in the sets of groups under a name that
// vmtap gives to links.
func readMembers(c *conn, tables []groupTable) ([]plan.Membership, error) {
	var all []plan.Membership
	for _, t := range tables {
		for _, set := range t.sets {
			if !set.kind.holdsNames() {
				continue
			}
			err := c.do(getElements(familyNumber(t.family), plan.GroupSet(set.group), func(e element) {
				link := unix.ByteSliceToString(e.key)
				if _, ok := plan.HostLinkOfMember(link); ok {
					all = append(all, plan.Membership{Family: t.family, Group: set.group, Link: link})
				}
			}))
			if err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// fillGroups returns the messages that put links into their groups' sets, and
// make what is missing for that. Who stands there already stays.
func fillGroups(tables []groupTable, members []plan.Membership) ([]*message, error) {
	var batch []*message
	id := uint32(0)
	for _, t := range tables {
		of := slices.DeleteFunc(slices.Clone(members), func(m plan.Membership) bool { return m.Family != t.family })
		if len(of) == 0 {
			continue
		}
		if len(t.sets) == 0 {
			batch = append(batch, newTable(familyNumber(t.family)))
		}
		if !t.filled {
			id++
			batch = append(batch, newNameSet(t.family, plan.FilledSet, id))
		}
		for same := range eachSet(of) {
			group := same[0].Group
			there, err := t.has(group)
			if err != nil {
				return nil, err
			}
			if !there {
				id++
				batch = append(batch, newNameSet(t.family, plan.GroupSet(group), id))
			}
			batch = append(batch, memberMessages(unix.NFT_MSG_NEWSETELEM, unix.NLM_F_CREATE, "add elements to", same)...)
		}
	}
	return batch, nil
}

// emptyGroups returns the messages that take links out of groups' sets.
func emptyGroups(members []plan.Membership) []*message {
	var batch []*message
	for same := range eachSet(members) {
		batch = append(batch, memberMessages(unix.NFT_MSG_DELSETELEM, 0, "delete elements of", same)...)
	}
	return batch
}

// eachSet yields the elements of each set, one set after the other.
func eachSet(members []plan.Membership) iter.Seq[[]plan.Membership] {
	return func(yield func([]plan.Membership) bool) {
		for len(members) > 0 {
			m := members[0]
			n := slices.IndexFunc(members, func(o plan.Membership) bool { return o.Family != m.Family || o.Group != m.Group })
			if n < 0 {
				n = len(members)
			}
			if !yield(members[:n]) {
				return
			}
			members = members[n:]
		}
	}
}

// memberMessages returns messages about elements of one set, with as many in
// each as an attribute can hold.
func memberMessages(kind, flags int, what string, members []plan.Membership) []*message {
	const most = 1000 // 28 bytes each, of 64 KiB
	var batch []*message
	for part := range slices.Chunk(members, most) {
		m := part[0]
		batch = append(batch, nftMessageOf(familyNumber(m.Family), kind, flags, elementAttrs(part...), "%s nftables set %s of table %s %s", what, plan.GroupSet(m.Group), m.Family, plan.FirewallTable))
	}
	return batch
}

// elementAttrs names elements of one set.
func elementAttrs(members ...plan.Membership) []nftAttr {
	var list []nftAttr
	for _, m := range members {
		list = append(list, nest(unix.NFTA_LIST_ELEM, nftData(nftElemKey, padded(m.Link))))
	}
	return []nftAttr{
		tableAttr(), nftText(unix.NFTA_SET_ELEM_LIST_SET, plan.GroupSet(members[0].Group)),
		nest(unix.NFTA_SET_ELEM_LIST_ELEMENTS, list...),
	}
}

// newNameSet makes a set of names of links. id is any number that no other set
// of the transaction has.
func newNameSet(family, name string, id uint32) *message {
	attrs := append([]nftAttr{tableAttr(), nftText(unix.NFTA_SET_NAME, name)}, setKind{0, nftIFName, ifKindSize}.attrs()...)
	attrs = append(attrs, nftNumber(unix.NFTA_SET_ID, id), nftAttr{kind: unix.NFTA_SET_USERDATA, data: hostEndianKeys()})
	return nftMessageOf(familyNumber(family), unix.NFT_MSG_NEWSET, unix.NLM_F_CREATE, attrs, "create nftables set %s of table %s %s", name, family, plan.FirewallTable)
}

// hostEndianKeys is bigEndianKeys for sets of names without intervals.
func hostEndianKeys() []byte {
	const hostEndian = 1
	return binary.NativeEndian.AppendUint32([]byte{0, 4}, hostEndian)
}
