package e2e

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// settle waits until the kernel has done what it does in its own time after a
// link with an IPv6 address came up: the local route to the address, and the
// anycast one of its prefix where the link forwards. Without a carrier it does it
// where there is no duplicate address detection. It waits for duplicate
// address detection, and no longer: what else a test has made there may never
// come to it.
func settle(t *testing.T, ns *netns.NS) {
	t.Helper()
	h := ns.Handle(t)
	defer h.Close()
	for end := time.Now().Add(20 * time.Second); !settled(t, ns, h) && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
}

func settled(t *testing.T, ns *netns.NS, h *netlink.Handle) bool {
	t.Helper()
	links, err1 := h.LinkList()
	addrs, err2 := h.AddrList(nil, netlink.FAMILY_V6)
	routes, err3 := h.RouteListFiltered(netlink.FAMILY_V6, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	has := func(link, kind int, dst net.IP) bool {
		return slices.ContainsFunc(routes, func(r netlink.Route) bool {
			return r.LinkIndex == link && r.Type == kind && r.Dst != nil && r.Dst.IP.Equal(dst)
		})
	}
	for _, a := range addrs {
		i := slices.IndexFunc(links, func(l netlink.Link) bool { return l.Attrs().Index == a.LinkIndex })
		if i < 0 || links[i].Attrs().Flags&net.FlagUp == 0 || links[i].Attrs().Flags&net.FlagLoopback != 0 {
			continue
		}
		if carrier := links[i].Attrs().RawFlags&unix.IFF_LOWER_UP != 0; !carrier && a.Flags&unix.IFA_F_NODAD == 0 || a.Flags&unix.IFA_F_DADFAILED != 0 {
			continue
		}
		if a.Flags&unix.IFA_F_TENTATIVE != 0 || !has(a.LinkIndex, unix.RTN_LOCAL, a.IP) {
			return false
		}
		bits, _ := a.Mask.Size()
		prefix := a.IP.Mask(a.Mask)
		if bits < 127 && forwards6(ns, links[i].Attrs().Name) && !has(a.LinkIndex, unix.RTN_ANYCAST, prefix) {
			return false
		}
	}
	return true
}

// forwards6 reports whether a link forwards IPv6.
func forwards6(ns *netns.NS, link string) (yes bool) {
	ns.Do(func() {
		b, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + link + "/forwarding")
		yes = err == nil && strings.TrimSpace(string(b)) == "1"
	})
	return yes
}
