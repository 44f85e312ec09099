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
		s = append(s, taken{ns, snapshot.Take(t, ns)})
	}
	return s
}

// wantSame demands that the namespaces are as they were; about says after
// what.
func (s snapshots) wantSame(t *testing.T, about ...string) {
	t.Helper()
	for _, before := range s {
		if diff := snapshot.Diff(before.text, snapshot.Take(t, before.ns)); len(diff) > 0 {
			t.Errorf("the kernel is not what it was:\n%s\n%s", strings.Join(diff, "\n"), strings.Join(about, "\n"))
		}
	}
}
