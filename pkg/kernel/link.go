package kernel

import (
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Numbers of include/uapi/linux that neither library has.
const (
	rtextFilterSkipStats = 1 << 3 // rtnetlink.h, 4.4: no counters
	vethInfoPeer         = 1      // veth.h
	vrfTable             = 1      // if_link.h, IFLA_VRF_TABLE
	devconf6AcceptRA     = 3      // ipv6.h
	devconf6Forwarding   = 0
	devconf6Disable      = 26
	addrGenModeNone      = 1  // if_link.h
	minMTU               = 68 // if_ether.h, ETH_MIN_MTU
	nestedFlag           = unix.NLA_F_NESTED
)

// link is a link as the kernel describes it, what vmtap needs of it.
type link struct {
	index      int32
	name       string
	kind       string
	alias      string
	altNames   []string
	master     int32
	peer       int32 // veth: ifindex of the other end, in namespace netns
	netns      int32 // id of the other end's namespace, -1 if it is this one
	mtu        int
	group      uint32
	lladdr     vmid.LLAddr
	up         bool
	noARP      bool
	noAutoLL   bool
	stp        bool
	owner      plan.Owner
	multiQueue bool     // of a tap
	table      uint32   // of a VRF
	inet       []uint32 // IPv4 values by IPV4_DEVCONF number, from 1
	inet6      []uint32 // IPv6 values by DEVCONF number, from 0
}

// ifinfo returns the header of a link message.
func ifinfo(index int32) *nl.IfInfomsg {
	h := nl.NewIfInfomsg(unix.AF_UNSPEC)
	h.Index = index
	return h
}

// text is the payload of a string attribute.
func text(s string) []byte { return nl.ZeroTerminated(s) }

// getLink asks for a link; into stays nil if there is none.
func getLink(index int32, name string, into **link) *message {
	m := newMessage(unix.RTM_GETLINK, 0, "look up %s", linkWord(index, name)).allow(unix.ENODEV)
	m.AddData(ifinfo(index))
	if name != "" {
		// Any name: this attribute takes names and altnames of any length.
		m.AddData(nl.NewRtAttr(unix.IFLA_ALT_IFNAME, text(name)))
	}
	m.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(rtextFilterSkipStats)))
	m.receive = func(data []byte) error {
		l, err := parseLink(data)
		*into = l
		return err
	}
	return m
}

// getLinksOfKind asks for all links of a kind.
func getLinksOfKind(kind string, into *[]*link) *message {
	m := newMessage(unix.RTM_GETLINK, unix.NLM_F_DUMP, "look up links of kind %s", kind)
	m.AddData(ifinfo(0))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO|nestedFlag, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(kind))
	m.AddData(info)
	m.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(rtextFilterSkipStats)))
	m.receive = func(data []byte) error {
		l, err := parseLink(data)
		if err == nil && l.kind == kind { // of a kind that is not loaded, the kernel sends all
			*into = append(*into, l)
		}
		return err
	}
	return m
}

func linkWord(index int32, name string) string {
	if name == "" {
		return fmt.Sprintf("link %d", index)
	}
	return fmt.Sprintf("link %q", name)
}

// vethEnd is one end of a veth to be made.
type vethEnd struct {
	index int32
	group uint32
	*plan.Link
}

// createVeth makes a veth, the other end in the namespace peerNS, or here if
// that is -1.
func createVeth(host, other vethEnd, peerNS int) *message {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "create veth %s", host.Name)
	m.AddData(ifinfo(host.index))
	for _, a := range host.attrs() {
		m.AddData(a)
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(plan.KindVeth))
	peer := info.AddRtAttr(unix.IFLA_INFO_DATA, nil).AddRtAttr(vethInfoPeer, nil)
	peer.AddChild(ifinfo(other.index))
	for _, a := range other.attrs() {
		peer.AddChild(a)
	}
	if peerNS >= 0 {
		peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(peerNS)))
	}
	m.AddData(info)
	return m
}

func (e *vethEnd) attrs() []*nl.RtAttr {
	return []*nl.RtAttr{
		nl.NewRtAttr(unix.IFLA_IFNAME, text(e.Name)),
		nl.NewRtAttr(unix.IFLA_ADDRESS, e.LLAddr[:]),
		nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(e.MTU))),
		nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(e.group)),
		// One queue: a veth with many takes twice as long to make.
		nl.NewRtAttr(unix.IFLA_NUM_TX_QUEUES, nl.Uint32Attr(1)),
		nl.NewRtAttr(unix.IFLA_NUM_RX_QUEUES, nl.Uint32Attr(1)),
	}
}

// createBridge makes a bridge, down, and not yet with its mtu: a bridge takes
// that of its smallest port, until one is set that is not what it has.
func createBridge(index int32, l *plan.Link) *message {
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "create bridge %s", l.Name)
	m.AddData(ifinfo(index))
	m.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, text(l.Name)))
	m.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, l.LLAddr[:]))
	m.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(otherMTU(l.MTU)))))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(plan.KindBridge))
	data := info.AddRtAttr(unix.IFLA_INFO_DATA, nil)
	data.AddRtAttr(unix.IFLA_BR_STP_STATE, nl.Uint32Attr(0))
	data.AddRtAttr(unix.IFLA_BR_VLAN_DEFAULT_PVID, nl.Uint16Attr(0))
	m.AddData(info)
	return m
}

// otherMTU returns an mtu that is not mtu.
func otherMTU(mtu int) int {
	if mtu == minMTU {
		return mtu + 1
	}
	return mtu - 1
}

// addAltNames gives a link altnames, several in one message.
func addAltNames(index int32, link string, names []string) *message {
	return altNames(unix.RTM_NEWLINKPROP, unix.NLM_F_CREATE|unix.NLM_F_APPEND|unix.NLM_F_EXCL, "add altnames to", index, link, names)
}

// removeAltNames takes altnames from a link.
func removeAltNames(index int32, link string, names []string) *message {
	return altNames(unix.RTM_DELLINKPROP, 0, "remove altnames from", index, link, names)
}

func altNames(kind, flags int, verb string, index int32, link string, names []string) *message {
	m := newMessage(kind, flags, "%s link %s", verb, link)
	m.AddData(ifinfo(index))
	list := nl.NewRtAttr(unix.IFLA_PROP_LIST|nestedFlag, nil)
	for _, n := range names {
		list.AddRtAttr(unix.IFLA_ALT_IFNAME, text(n))
	}
	m.AddData(list)
	return m
}

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
	case "arp_announce":
		return 18
	case "arp_ignore":
		return 19
	case "accept_local":
		return 23
	}
	return 0
}

// setUp brings a link up or down.
func setUp(index int32, link string, up bool) *message {
	verb := "bring down"
	h := ifinfo(index)
	h.Change = unix.IFF_UP
	if up {
		verb, h.Flags = "bring up", unix.IFF_UP
	}
	m := newMessage(unix.RTM_SETLINK, 0, "%s link %s", verb, link)
	m.AddData(h)
	return m
}

// deleteLink deletes a link, and with a veth its other end. That it is gone
// already is fine.
func deleteLink(index int32, link string) *message {
	m := newMessage(unix.RTM_DELLINK, 0, "delete link %s", link).allow(unix.ENODEV)
	m.AddData(ifinfo(index))
	return m
}

// deleteGroup deletes all links of a netdev group in the namespace with this
// id, -1 for the host's, with one wait for all. That there is none is fine, and so is a member
// that cannot be deleted: then nothing is, and the caller looks again.
func deleteGroup(group uint32, netns int32, hostLink string) *message {
	m := newMessage(unix.RTM_DELLINK, 0, "delete links of %s", hostLink).allow(unix.ENODEV, unix.ENOTSUP, unix.EINVAL)
	m.AddData(ifinfo(0))
	m.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	if netns >= 0 {
		m.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(netns))))
	}
	return m
}
