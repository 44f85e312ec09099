package kernel

import (
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// change is what setLink changes; zero values change nothing.
type change struct {
	lladdr   vmid.LLAddr
	mtu      int
	group    uint32
	alias    string
	master   int32
	noARP    bool
	noAutoLL bool
	sysctls  []plan.Sysctl
}

// setLink changes a link, but not whether it is up.
func setLink(index int32, link string, c change) *message {
	m := newMessage(unix.RTM_SETLINK, 0, "set up link %s", link)
	h := ifinfo(index)
	if c.noARP {
		h.Flags, h.Change = unix.IFF_NOARP, unix.IFF_NOARP
	}
	m.AddData(h)
	if !c.lladdr.IsZero() {
		m.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, c.lladdr[:]))
	}
	if c.mtu != 0 {
		m.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(c.mtu))))
	}
	if c.group != 0 {
		m.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(c.group)))
	}
	if c.alias != "" {
		m.AddData(nl.NewRtAttr(unix.IFLA_IFALIAS, []byte(c.alias)))
	}
	if c.master != 0 {
		m.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(c.master))))
	}
	if spec := c.afSpec(); spec != nil {
		m.AddData(spec)
	}
	return m
}

// afSpec returns what is set per address family: all IPv4 values in one
// attribute, in a tenth of the time that writes to /proc take.
func (c *change) afSpec() *nl.RtAttr {
	if len(c.sysctls) == 0 && !c.noAutoLL {
		return nil
	}
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
	if len(c.sysctls) > 0 {
		conf := spec.AddRtAttr(unix.AF_INET, nil).AddRtAttr(unix.IFLA_INET_CONF, nil)
		for _, s := range c.sysctls {
			conf.AddRtAttr(devconf4(s.Name), nl.Uint32Attr(s.Value))
		}
	}
	if c.noAutoLL {
		spec.AddRtAttr(unix.AF_INET6, nil).AddRtAttr(unix.IFLA_INET6_ADDR_GEN_MODE, nl.Uint8Attr(addrGenModeNone))
	}
	return spec
}

// devconf4 returns the number that include/uapi/linux/ip.h gives a value of
// net.ipv4.conf, 0 for those that vmtap does not use.
func devconf4(name string) int {
	switch name {
	case "forwarding":
		return 1
	case "proxy_arp":
		return 3
	case "accept_redirects":
		return 4
	case "send_redirects":
		return 6
	case "rp_filter":
		return 8
	case "accept_source_route":
		return 9
	case plan.ClosedTag:
		return 12
	case "arp_announce":
		return 18
	case "arp_ignore":
		return 19
	case "accept_local":
		return 23
	}
	return 0
}
