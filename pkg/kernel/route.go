package kernel

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// family returns the address family of an address.
func family(a netip.Addr) uint8 {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// addAddr gives a link an address, without duplicate address detection: a
// link whose tap nobody has opened would wait for it forever.
func addAddr(index int32, link string, a plan.Addr) *message {
	m := newMessage(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "add address %s to link %s", a.Prefix, link)
	h := nl.NewIfAddrmsg(int(family(a.Prefix.Addr())))
	h.Index = uint32(index)
	h.Prefixlen = uint8(a.Prefix.Bits())
	m.AddData(h)
	raw := a.Prefix.Addr().AsSlice()
	m.AddData(nl.NewRtAttr(unix.IFA_LOCAL, raw))
	m.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, raw))
	var flags uint32 = unix.IFA_F_NODAD
	if a.NoPrefixRoute {
		flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if a.Prefix.Addr().Is6() {
		m.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(flags)))
	}
	return m
}

// addRoute makes a prefix on-link, in a table that is not 0, else in the main
// one. A link-local prefix may be on-link elsewhere, too: guests that are on no
// switch together may have one lladdr.
func addRoute(index int32, link string, dst netip.Prefix, table uint32) *message {
	flags := unix.NLM_F_CREATE | unix.NLM_F_EXCL
	if dst.Addr().IsLinkLocalUnicast() {
		flags = unix.NLM_F_CREATE | unix.NLM_F_APPEND
	}
	m := newMessage(unix.RTM_NEWROUTE, flags, "add route %s to link %s", dst, link)
	h := nl.NewRtMsg()
	h.Family = family(dst.Addr())
	h.Dst_len = uint8(dst.Bits())
	h.Protocol = unix.RTPROT_STATIC
	m.AddData(h)
	m.AddData(nl.NewRtAttr(unix.RTA_DST, dst.Addr().AsSlice()))
	m.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	if table != 0 {
		m.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(table)))
	}
	return m
}

// route is the entry of a routing table that a look-up met.
type route struct {
	dst netip.Prefix

	gateway netip.Addr // invalid if there is none
	oif     int32
	kind    uint8 // RTN_UNICAST, RTN_LOCAL ...
	prot    uint8

	table, metric uint32
}

// matchRoute asks which entry a packet to dst would take, over oif if that is
// not 0, which may be a VRF. into stays nil if none would: a rule or an entry
// that refuses the packet counts as none.
func matchRoute(dst netip.Addr, oif int32, into **route) *message {
	m := newMessage(unix.RTM_GETROUTE, 0, "look up route to %s", dst).
		allow(unix.ENETUNREACH, unix.EHOSTUNREACH, unix.EACCES, unix.EINVAL)
	h := &nl.RtMsg{}
	h.Family = family(dst)
	h.Dst_len = uint8(dst.BitLen())
	h.Flags = unix.RTM_F_FIB_MATCH
	m.AddData(h)
	m.AddData(nl.NewRtAttr(unix.RTA_DST, dst.AsSlice()))
	if oif != 0 {
		m.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(oif))))
	}
	m.receive = func(data []byte) error {
		r, err := parseRoute(data)
		*into = r
		return err
	}
	return m
}

// getUnreachable asks for the unreachable routes of a table. A table that is
// not there has none.
func getUnreachable(family uint8, table uint32, into *[]*route) *message {
	m := newMessage(unix.RTM_GETROUTE, unix.NLM_F_DUMP, "look up unreachable routes of table %d", table).
		allow(unix.ENOENT, unix.EAFNOSUPPORT)
	m.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: family, Type: unix.RTN_UNREACHABLE}})
	m.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(table)))
	m.receive = func(data []byte) error {
		r, err := parseRoute(data)
		if err == nil && r.kind == unix.RTN_UNREACHABLE && r.table == table {
			*into = append(*into, r)
		}
		return err
	}
	return m
}

// parseRoute reads an RTM_NEWROUTE message.
func parseRoute(data []byte) (*route, error) {
	if len(data) < unix.SizeofRtMsg {
		return nil, errShort
	}
	h := nl.DeserializeRtMsg(data)
	r := &route{kind: h.Type, prot: h.Protocol}
	dst := netip.IPv4Unspecified()
	if h.Family == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	err := eachAttr(data[unix.SizeofRtMsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.RTA_DST:
			if a, ok := netip.AddrFromSlice(value); ok {
				dst = a
			}
		case unix.RTA_GATEWAY:
			r.gateway, _ = netip.AddrFromSlice(value)
		case unix.RTA_OIF:
			r.oif = int32(number(value))
		case unix.RTA_TABLE:
			r.table = number(value)
		case unix.RTA_PRIORITY:
			r.metric = number(value)
		}
		return nil
	})
	r.dst = netip.PrefixFrom(dst, int(h.Dst_len))
	return r, err
}
