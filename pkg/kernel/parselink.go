package kernel

import (
	"errors"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// errShort is what the kernel does not send.
var errShort = errors.New("message from the kernel is too short")

// parseLink reads an RTM_NEWLINK message.
func parseLink(data []byte) (*link, error) {
	if len(data) < unix.SizeofIfInfomsg {
		return nil, errShort
	}
	h := nl.DeserializeIfInfomsg(data)
	l := &link{index: h.Index, netns: -1, up: h.Flags&unix.IFF_UP != 0, noARP: h.Flags&unix.IFF_NOARP != 0}
	return l, eachAttr(data[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFLA_IFNAME:
			l.name = unix.ByteSliceToString(value)
		case unix.IFLA_IFALIAS:
			l.alias = unix.ByteSliceToString(value)
		case unix.IFLA_ADDRESS:
			copy(l.lladdr[:], value)
		case unix.IFLA_MTU:
			l.mtu = int(number(value))
		case unix.IFLA_GROUP:
			l.group = number(value)
		case unix.IFLA_MASTER:
			l.master = int32(number(value))
		case unix.IFLA_LINK:
			l.peer = int32(number(value))
		case unix.IFLA_LINK_NETNSID:
			l.netns = int32(number(value))
		case unix.IFLA_PROP_LIST:
			return eachAttr(value, func(_ uint16, value []byte) error {
				l.altNames = append(l.altNames, unix.ByteSliceToString(value))
				return nil
			})
		case unix.IFLA_LINKINFO:
			return l.parseInfo(value)
		case unix.IFLA_AF_SPEC:
			return l.parseAFSpec(value)
		}
		return nil
	})
}

func (l *link) parseInfo(info []byte) error {
	var master string // the kind of what the link is in
	return eachAttr(info, func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFLA_INFO_KIND:
			l.kind = unix.ByteSliceToString(value)
			l.vlans.Lacking = l.kind == plan.KindBridge // until it says something else
		case unix.IFLA_INFO_DATA:
			return l.parseInfoData(value)
		case unix.IFLA_INFO_SLAVE_KIND:
			master = unix.ByteSliceToString(value)
		case unix.IFLA_INFO_SLAVE_DATA:
			if master == plan.KindBridge {
				return l.parsePort(value)
			}
		}
		return nil
	})
}

// parseInfoData reads what a kind of link says of itself; the kind stands
// before it.
func (l *link) parseInfoData(data []byte) error {
	return eachAttr(data, func(kind uint16, value []byte) error {
		switch {
		case l.kind == plan.KindTun && kind == unix.IFLA_TUN_OWNER:
			l.owner.UID, l.owner.HasUID = number(value), true
		case l.kind == plan.KindTun && kind == unix.IFLA_TUN_GROUP:
			l.owner.GID, l.owner.HasGID = number(value), true
		case l.kind == plan.KindTun && kind == unix.IFLA_TUN_MULTI_QUEUE:
			l.multiQueue = len(value) == 1 && value[0] != 0
		case l.kind == plan.KindVRF && kind == vrfTable:
			l.table = number(value)
		case l.kind == plan.KindBridge:
			l.parseBridge(kind, value)
		}
		return nil
	})
}

func (l *link) parseAFSpec(spec []byte) error {
	return eachAttr(spec, func(family uint16, value []byte) error {
		return eachAttr(value, func(kind uint16, value []byte) error {
			switch {
			case family == unix.AF_INET && kind == unix.IFLA_INET_CONF:
				l.inet = numbers(value)
			case family == unix.AF_INET6 && kind == unix.IFLA_INET6_CONF:
				l.inet6 = numbers(value)
			case family == unix.AF_INET6 && kind == unix.IFLA_INET6_ADDR_GEN_MODE:
				l.noAutoLL = len(value) == 1 && value[0] == addrGenModeNone
			}
			return nil
		})
	})
}

// sysctl returns a value of net.ipv4.conf of the link.
func (l *link) sysctl(name string) uint32 {
	if n := devconf4(name); n > 0 && n <= len(l.inet) {
		return l.inet[n-1]
	}
	return 0
}

// acceptsRA reports whether a router advertisement that the link receives
// would be taken: always with accept_ra 2, with 1 only where it does not
// forward.
func (l *link) acceptsRA() bool {
	if len(l.inet6) <= devconf6AcceptRA {
		return false
	}
	accept := l.inet6[devconf6AcceptRA]
	return accept == 2 || accept == 1 && l.inet6[devconf6Forwarding] == 0
}

// noIPv6 reports whether disable_ipv6 is 1, or the link knows no IPv6.
func (l *link) noIPv6() bool {
	return len(l.inet6) <= devconf6Disable || l.inet6[devconf6Disable] != 0
}

// has reports whether the link carries an altname.
func (l *link) has(altName string) bool {
	for _, a := range l.altNames {
		if a == altName {
			return true
		}
	}
	return false
}
