package config

// readVMID reads which VM ids may be taken. The default range is all that
// fit the local prefix, or vmd's if the interface is not local; an explicit
// one of such an interface has only the limit that links must be named.
func readVMID(f *fields, local *Local) VMID {
	scheme := defaultScheme()
	if local != nil {
		scheme = local.Scheme
	}
	ids := VMID{Min: 1, Max: scheme.Max(), Probe: f.bool("probe", true)}
	if n, ok := f.get("range"); ok {
		r := parsed(n, parseRange)
		if local != nil && r.max > scheme.Max() {
			n.refuse("%s holds VM ids 1-%d with %d address bits per VM", scheme.Prefix4(), scheme.Max(), scheme.Bits())
		}
		ids.Min, ids.Max = r.min, r.max
	}
	f.done()
	return ids
}

// contains reports whether a VM may have this id.
func (v VMID) contains(id uint32) bool { return idRange{v.Min, v.Max}.contains(id) }
