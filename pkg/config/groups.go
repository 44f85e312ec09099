package config

import "slices"

// groupNumber is one line of the groups map.
type groupNumber struct {
	name   string
	number uint32
}

// readGroupNumbers reads which netdev group number stands for which group.
func readGroupNumbers(f *fields) []groupNumber {
	var all []groupNumber
	for _, m := range f.value.members {
		n := f.at(f.prefix+label(m.key), m.value)
		if _, err := parseGroup(m.key); err != nil {
			n.refuse("no name for a group: %v", err)
		}
		g := groupNumber{m.key, uint32(n.number(1, maxLinkNo))}
		if i := slices.IndexFunc(all, func(o groupNumber) bool { return o.number == g.number }); i >= 0 {
			n.refuse("group %s has that number, give each its own", quote(all[i].name))
		}
		if f.err != nil {
			return nil
		}
		all = append(all, g)
	}
	return all
}

// joinGroups returns the interface's own groups and then the switch's, each
// once.
func joinGroups(own []string, sw *Switch) []string {
	var all []string
	if sw != nil && sw.Group != "" {
		own = append(slices.Clone(own), sw.Group)
	}
	for _, g := range own {
		if !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	return all
}

// linkGroup returns the number of the first group that has one, else 0.
func linkGroup(groups []string, numbers []groupNumber) uint32 {
	for _, g := range groups {
		for _, n := range numbers {
			if n.name == g {
				return n.number
			}
		}
	}
	return 0
}
