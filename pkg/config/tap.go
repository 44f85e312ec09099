package config

// readTap reads how the VMM finds its tap.
func readTap(f *fields) Tap {
	t := Tap{VnetHdr: f.bool("vnetHdr", true), MultiQueue: f.bool("multiQueue", false)}
	t.UID, t.HasUID = readOwner(f, "uid")
	t.GID, t.HasGID = readOwner(f, "gid")
	// A tap without any owner can be opened by anyone, so root is the
	// default. The kernel wants both to match if both are set: a group alone
	// is a group alone.
	t.HasUID = t.HasUID || !t.HasGID

	if n, ok := f.get("name"); ok {
		t.Name = parsed(n, parseLinkName)
	}
	if n, ok := f.get("selinuxContext"); ok && n.text() != "" {
		t.SELinuxContext = parsed(n, parseLine)
	}
	f.done()
	return t
}

func readOwner(f *fields, key string) (id uint32, given bool) {
	n, ok := f.get(key)
	if !ok {
		return 0, false
	}
	return uint32(n.number(0, maxOwner)), true
}
