package control

import (
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"text/tabwriter"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Addr prints what the scheme gives an interface of a VM, by the VM's id, or whose
// an address is.
func Addr(w io.Writer, scheme vmid.Scheme, what string, idx int) error {
	id := vmid.ID{Idx: idx}
	if n, err := strconv.ParseUint(what, 10, 32); err == nil {
		id.VMID = uint32(n)
	} else {
		addr, err := netip.ParseAddr(what)
		if err != nil {
			return fmt.Errorf("read %.64q: want a vmid or an address", what)
		}
		found, ok := scheme.Lookup(addr)
		if !ok {
			return fmt.Errorf("look up %s: no interface of a VM has it with prefixes %s and %s and %d bits per VM", addr, scheme.Prefix4(), prefix6(scheme), scheme.Bits())
		}
		id = found
	}
	a, err := scheme.Addrs(id.VMID, id.Idx)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(key string, value any) { fmt.Fprintf(t, "%s\t%v\n", key, value) }
	row("vmid", id.VMID)
	row("idx", id.Idx)
	row("host link", vmid.HostLink(id.VMID, id.Idx))
	row("gateway", vmid.Gateway(id.VMID, id.Idx)+" (on a switch)")
	row("host4", netip.PrefixFrom(a.Host4, 31))
	row("guest4", netip.PrefixFrom(a.Guest4, 31))
	if a.Host6.IsValid() {
		row("host6", netip.PrefixFrom(a.Host6, 96))
		row("guest6", netip.PrefixFrom(a.Guest6, 96))
		row("link-local", vmid.GatewayLinkLocal(a.Host6))
	}
	return t.Flush()
}

func prefix6(s vmid.Scheme) string {
	if !s.Prefix6().IsValid() {
		return "none"
	}
	return s.Prefix6().String()
}
