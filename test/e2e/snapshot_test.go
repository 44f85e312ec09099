package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
	"github.com/vmtap/vmtap/test/snapshot"
)

// snapshots are of several namespaces at one time.
type snapshots []taken

type taken struct {
	ns   *netns.NS
	text string
}

func takeAll(t *testing.T, all ...*netns.NS) snapshots {
	t.Helper()
	var s snapshots
	for _, ns := range all {
		settle(t, ns)
		s = append(s, taken{ns, take(t, ns)})
	}
	return s
}

// wantSame demands that the namespaces are as they were; about says after
// what.
func (s snapshots) wantSame(t *testing.T, about ...string) {
	t.Helper()
	for _, before := range s {
		if diff := snapshot.Diff(before.text, take(t, before.ns)); len(diff) > 0 {
			t.Errorf("the kernel is not what it was:\n%s\n%s", strings.Join(diff, "\n"), strings.Join(about, "\n"))
		}
	}
}

// take takes a snapshot, where tests are to be short only of the links, their
// addresses, all routes and rules, and what ADD sets for the whole host, without
// starting a program: in the test VM a whole one takes seconds.
func take(t *testing.T, ns *netns.NS) string {
	t.Helper()
	if !testing.Short() {
		return snapshot.Take(t, ns)
	}
	h := ns.Handle(t)
	links, err1 := h.LinkList()
	addrs, err2 := h.AddrList(nil, netlink.FAMILY_ALL)
	routes, err3 := h.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	rules, err4 := h.RuleList(netlink.FAMILY_ALL)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, l := range links {
		a := l.Attrs()
		fmt.Fprintln(&b, l.Type(), a.Name, a.AltNames, a.Alias, a.HardwareAddr, a.MTU, a.Flags&net.FlagUp, a.Group, a.MasterIndex)
		if vrf, ok := l.(*netlink.Vrf); ok {
			fmt.Fprintln(&b, a.Name, "table", vrf.Table)
		}
	}
	for _, a := range addrs {
		fmt.Fprintln(&b, a.LinkIndex, a.IPNet)
	}
	for _, r := range routes {
		fmt.Fprintln(&b, r)
	}
	for _, r := range rules {
		fmt.Fprintln(&b, r.Family, r)
	}
	ns.Do(func() {
		for _, name := range hostSettings {
			value, err := os.ReadFile("/proc/sys/net/" + name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
			fmt.Fprintln(&b, name, string(value))
		}
	})
	return b.String()
}

// hostSettings are the sysctls that ADD sets for the whole host.
var hostSettings = []string{
	"ipv4/ip_forward", "ipv6/conf/all/forwarding", "ipv4/raw_l3mdev_accept", "ipv4/tcp_l3mdev_accept", "ipv4/udp_l3mdev_accept",
}
