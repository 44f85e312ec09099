package config

import (
	"slices"
	"strings"
)

// done refuses the first key that nobody asked for: a misspelt "rdomian" must
// not silently drop isolation.
func (f *fields) done() {
	for _, m := range f.value.members {
		if slices.Contains(f.asked, m.key) || f.path == "" && f.foreign(m.key) {
			continue
		}
		f.fail(CodeUnsupportedField, "read key %s %s: unknown%s",
			quote(f.prefix+m.key), show(m.value), f.advice(m.key))
		return
	}
}

// foreign reports whether a key of the plugin block has a dot or slash and so
// is someone else's. But who writes "switch.rdomain" means the one in switch.
func (f *fields) foreign(key string) bool {
	outer, _, _ := strings.Cut(key, ".")
	return strings.Contains(key, "/") || outer != key && !slices.Contains(f.asked, outer)
}

// advice says what was probably meant by an unknown key.
func (f *fields) advice(key string) string {
	if outer, inner, ok := strings.Cut(key, "."); ok && f.path == "" && slices.Contains(f.asked, outer) {
		return ", write " + quote(inner) + " inside " + outer
	}
	if word := translation(key); word != "" {
		last := word[strings.LastIndexByte(word, '.')+1:]
		switch {
		case f.path == "":
			return ", vmtap's word is " + word
		case slices.Contains(f.asked, last):
			return ", vmtap's word is " + f.prefix + last
		}
	}
	if a := instead(key); a != "" && f.path == "" {
		return ", " + a
	}
	if near := nearest(key, f.asked); near != "" {
		return ", did you mean " + f.prefix + near + "?"
	}
	return ""
}

// translation returns vmtap's word for a key of a reference plugin, or for a
// key that stands on the wrong level, and "" for all others.
func translation(key string) string {
	switch key {
	case "bridge", "brName", "master", "interface":
		return "switch.interface"
	case "create":
		return "switch.create"
	case "isGateway", "isDefaultGateway":
		return "local"
	case "prefix", "prefix6", "inet6", "bits":
		return "local." + key
	case "mac", "hwaddr":
		return "lladdr"
	case "macspoofchk":
		return "locked"
	case "ipMasqBackend":
		return "ipMasq"
	case "vlanId":
		return "vlan"
	case "vrfname", "table":
		return "rdomain"
	case "disableContainerInterface":
		return "up"
	case "owner", "uid":
		return "tap.uid"
	case "gid":
		return "tap.gid"
	case "multi_queue", "multiQueue":
		return "tap.multiQueue"
	case "vnet_hdr", "vnetHdr":
		return "tap.vnetHdr"
	case "selinuxContext":
		return "tap.selinuxContext"
	case "range", "probe":
		return "vmid." + key
	}
	return ""
}

// instead says what to do about a key of a reference plugin for which vmtap
// has no word.
func instead(key string) string {
	switch key {
	case "hairpinMode":
		return "vmtap has none: a guest's own frames never come back to it"
	case "promiscMode":
		return "vmtap has none: set it on the bridge itself"
	case "forceAddress":
		return "vmtap has none: it puts no address on a bridge"
	case "enabledad":
		return "vmtap has none: derived addresses have no duplicates"
	case "preserveDefaultVlan":
		return "vmtap has none: a port with a vlan is never in the default one"
	case "sysctl", "promisc", "allmulti", "txQLen":
		return "chain the tuning plugin for it"
	}
	return ""
}

// nearest returns the known key that a misspelt one comes closest to, or ""
// if it is like none of them. Of several one with the same letters is meant.
func nearest(key string, known []string) string {
	best, near := 1+len(key)/4, "" // more letters wrong are another word
	if len(key) > maxShown {
		return ""
	}
	for _, k := range known {
		d := distance(strings.ToLower(key), strings.ToLower(k))
		if d < best || d == best && (near == "" || letters(k) == letters(key) && letters(near) != letters(key)) {
			best, near = d, k
		}
	}
	return near
}

// letters are a word's letters in the order of the alphabet.
func letters(word string) string {
	b := []byte(strings.ToLower(word))
	slices.Sort(b)
	return string(b)
}

// distance is how many letters must be put in, left out, replaced or swapped
// with the next one to make b of a (optimal string alignment).
func distance(a, b string) int {
	var before, last []int // the two rows above
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
