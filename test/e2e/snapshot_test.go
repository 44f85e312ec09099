package e2e

import (
	"strings"
	"testing"

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

// take takes a snapshot, where tests are to be short only of the links and
// their addresses, routes and filters: in the test VM a whole one takes
// seconds.
func take(t *testing.T, ns *netns.NS) string {
	t.Helper()
	if !testing.Short() {
		return snapshot.Take(t, ns)
	}
	return ns.Run(t, "sh", "-c", `ip -o link; ip -o address; ip route; ip -6 route; ip rule
for link in $(ip -br link | cut -d " " -f 1 | cut -d @ -f 1); do tc filter show dev $link ingress; done`)
}
