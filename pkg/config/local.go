package config

import (
	"net/netip"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// readLocal reads how a local interface's addresses follow from its VM id;
// nil says that it is not local. machineID is called for prefix6 "auto".
func readLocal(n node, machineID func() (string, error)) *Local {
	if !n.is(boolean, object) {
		return nil
	}
	if n.value.kind == boolean {
		if !n.bool() {
			return nil
		}
		return &Local{Scheme: defaultScheme()}
	}
	f := n.fields()
	prefix4 := netip.MustParsePrefix(vmid.DefaultPrefix4)
	if p, ok := f.get("prefix"); ok {
		prefix4 = parsed(p, parsePrefix)
	}
	bits := int(f.number("bits", 2, 8, vmid.DefaultBits))
	prefix6 := readPrefix6(f, machineID)
	f.done()
	if n.err != nil {
		return nil
	}
	scheme, err := vmid.New(prefix4, prefix6, bits)
	if err != nil {
		n.fail(CodeInvalidConfig, "read %s: %v", n.path, err)
	}
	return &Local{Scheme: scheme}
}

// readPrefix6 reads inet6 and prefix6. The zero Prefix says that the
// interface has no IPv6.
func readPrefix6(f *fields, machineID func() (string, error)) netip.Prefix {
	inet6 := f.bool("inet6", true)
	n, given := f.get("prefix6")
	switch {
	case given && !inet6:
		n.refuse("contradicts inet6 false, drop one of them")
		return netip.Prefix{}
	case !inet6:
		return netip.Prefix{}
	case !given:
		return netip.MustParsePrefix(vmid.DefaultPrefix6)
	case n.value.kind == text && n.value.text == "auto":
		return autoPrefix6(n, machineID)
	}
	return parsed(n, parsePrefix)
}

// autoPrefix6 derives the prefix from the machine's id, which must be its
// own: two machines with one id would have one prefix.
func autoPrefix6(n node, machineID func() (string, error)) netip.Prefix {
	if machineID == nil {
		n.refuse("there is no machine id here, give a prefix")
		return netip.Prefix{}
	}
	id, err := machineID()
	if err != nil {
		n.fail(CodeIO, "read the machine id for %s %s: %s", n.path, show(n.value), clip(err.Error()))
		return netip.Prefix{}
	}
	id = strings.TrimSpace(id)
	if id == "" || id == "uninitialized" { // machine-id(5): an image's first boot
		n.refuse("the machine id is %s, give the machine one, or give a prefix", quote(id))
	}
	return vmid.AutoPrefix6(id)
}

// defaultScheme is vmd's. Of constants, it cannot fail; tests hold it.
func defaultScheme() vmid.Scheme {
	s, _ := vmid.New(netip.MustParsePrefix(vmid.DefaultPrefix4), netip.MustParsePrefix(vmid.DefaultPrefix6), vmid.DefaultBits)
	return s
}
