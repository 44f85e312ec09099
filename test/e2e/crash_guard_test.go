package e2e

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

// wantGuards demands that each host link and gateway that is up or has a master
// has its guard.
func (n *node) wantGuards(t *testing.T, about string) {
	t.Helper()
	h := n.Handle(t)
	defer h.Close()
	all, err := h.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		a := l.Attrs()
		guarded := strings.HasPrefix(a.Name, "vm") && (strings.Contains(a.Name, "-if") || strings.Contains(a.Name, "-gw"))
		if !guarded || a.MasterIndex == 0 && a.Flags&net.FlagUp == 0 {
			continue
		}
		filters, err := h.FilterList(l, netlink.HANDLE_INGRESS)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(filters, isGuard) {
			t.Errorf("%s has master %d and flags %v, and these filters: %v\n%s", a.Name, a.MasterIndex, a.Flags, filters, about)
		}
	}
}

func isGuard(f netlink.Filter) bool {
	b, ok := f.(*netlink.BpfFilter)
	return ok && b.DirectAction
}
