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
	vlans      plan.BridgeVLANs // of a bridge
	port       plan.BridgePort  // of a bridge's port, its flags
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
// id, -1 for the host's, with one wait for all. That there is none is fine, and
// so is a member that cannot be deleted: then nothing is, and the caller looks
// again.
func deleteGroup(group uint32, netns int32, hostLink string) *message {
	m := newMessage(unix.RTM_DELLINK, 0, "delete links of %s", hostLink).allow(unix.ENODEV, unix.ENOTSUP, unix.EINVAL)
	m.AddData(ifinfo(0))
	m.AddData(nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(group)))
	if netns >= 0 {
		return aboutNetns(m, netns)
	}
	return m
}
