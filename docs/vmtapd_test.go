package docs

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
)

// TestFaultKinds: the page has each kind of what is put in order, and its examples are in the words of the log.
func TestFaultKinds(t *testing.T) {
	page := read(t, "vmtapd.md")
	var shown []string
	for _, row := range rows(t, section(t, page, "## Order"), "kind") {
		shown = append(shown, spans(row[0])...)
	}
	var want []string
	for _, kind := range plan.FaultKinds() {
		want = append(want, string(kind))
	}
	if !slices.Equal(shown, want) {
		t.Errorf("the page has %q, want %q", shown, want)
	}
	for _, words := range []string{
		plan.Fault{Kind: plan.DeadGateway, Object: "vm5-gw0", Of: "1f3c@eth0"}.Mended(),
		plan.Fault{Kind: plan.LostL3mdevRule, Object: "IPv4"}.String(),
	} {
		if !strings.Contains(page, `what="`+words+`"`) {
			t.Errorf("the page has no example with %q", words)
		}
	}
}

// TestKeepersRights: the process that keeps order has what docs/privileges.md says. That a running one has it, test/e2e
// shows.
func TestKeepersRights(t *testing.T) {
	limits := kernel.ToKeepOrder()
	if limits.Keep != confine.Of(unix.CAP_NET_ADMIN) || limits.Executes || limits.Signals {
		t.Errorf("%+v", limits)
	}
	if want := []confine.File{{Path: "/run/vmtap", Access: confine.Read | confine.Write}}; !slices.Equal(limits.Files, want) {
		t.Errorf("files %v, want %v", limits.Files, want)
	}
	const row = "| keeps order | CAP_NET_ADMIN | reading and writing what is in `/run/vmtap`"
	if !strings.Contains(read(t, privileges), row) {
		t.Errorf("the page has no row %q", row)
	}
}
