package e2e

import (
	"errors"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
)

// TestAttackFromPod: what a process in a pod can do that has NET_ADMIN there,
// in the user namespace of the host: it is no guest, and more than a VM monitor
// needs.
func TestAttackFromPod(t *testing.T) {
	builder{}.suffer(t, []attack{
		{"a process in the pod deletes another VM's host link", "one rdomain; NET_ADMIN, the host's user namespace", nil, deletesHostLink, "another VM's host link", "another VM's host link"},
	})
}

// deletesHostLink names the host's namespace by the number by which the pod
// knows it, since a veth leads there.
func deletesHostLink(t *testing.T, tn *town) string {
	victim := tn.link(t, tn.other("fellow").layer3)
	var err error
	tn.pod.Do(func() {
		var l netlink.Link
		if l, err = netlink.LinkByName(tn.hostLink); err != nil {
			return
		}
		m := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
		m.AddData(&nl.IfInfomsg{IfInfomsg: unix.IfInfomsg{Index: int32(victim.Index)}})
		m.AddData(nl.NewRtAttr(unix.IFLA_TARGET_NETNSID, nl.Uint32Attr(uint32(l.Attrs().NetNsID))))
		_, err = m.Execute(unix.NETLINK_ROUTE, 0)
	})
	switch {
	case errors.Is(err, unix.EPERM):
		return nobody
	case err != nil:
		t.Fatal(err)
	}
	if tn.Command("ip", "link", "show", "dev", victim.Name).Run() == nil {
		return nobody
	}
	return "another VM's host link"
}

// TestAttackByMonitor: in host placement the VM monitor's tap is the host
// link, and who has a tap open may change its MAC. A bridge takes frames to the
// MAC of a port for its own.
func TestAttackByMonitor(t *testing.T) {
	b := builder{hostile: inRDomains("bridge10", "", "") + inHost}
	b.suffer(t, []attack{
		{"the VM monitor gives its tap a neighbour's MAC", "one rdomain, switch, placement host", nil, takesTapAddress, "what neighbours send to each other", "what neighbours send to each other"},
	})
	b.hostile = inRDomains("bridge10", "", "")
	b.suffer(t, []attack{
		{"the VM monitor gives its tap a neighbour's MAC", "one rdomain, switch, placement pod", nil, takesTapAddress, "nothing", "nothing"},
	})
}

// takesTapAddress says whether the stranger still reaches the peer.
func takesTapAddress(t *testing.T, tn *town) string {
	peer, from := tn.other("peer"), tn.other("stranger")
	dst := peer.config.Addr4.Addr()
	if err := from.PingVia(peer.LLAddr(), dst, answered); err != nil {
		t.Fatal(err)
	}
	if err := tn.SetTapAddress(peer.LLAddr()); err != nil {
		t.Fatal(err)
	}
	err := from.PingVia(peer.LLAddr(), dst, 2*silence)
	if fault := tn.Check(t, tn.call); fault == nil {
		t.Error("CHECK does not see another MAC of the tap")
	}
	if errors.Is(err, guest.ErrNoAnswer) {
		return "what neighbours send to each other"
	}
	return nobody
}
