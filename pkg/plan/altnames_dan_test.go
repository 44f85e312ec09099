package plan

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/pkg/config"
)

// TestDANDirOf: a host link tells the directory of the sandbox's file, whatever it is
// called, and none of its other altnames is taken for it, or it for one of them.
func TestDANDirOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir := rapid.StringMatching(`(/[a-zA-Z0-9_.-]{1,12}){1,6}`).Draw(t, "dir")
		if rapid.Bool().Draw(t, "like another mark") {
			dir = rapid.SampledFrom([]string{"/x/net/vmnet", "/groupsets", "/vm5-if0.net.vmnet", "/a/pod/b"}).Draw(t, "mark")
		}
		req := newRequest(onCreatedSwitch, func(r *config.Request) { r.DANDir, r.Groups, r.GroupSets = dir, []string{"dan"}, true })
		s, err := New(req, &Node{}, Claim{VMID: 5, Holder: true, LLAddr: first.LLAddr})
		if err != nil {
			t.Fatal(err)
		}
		names := s.HostLink.AltNames
		if got := DANDirOf(s.HostLink.Name, names); got != dir {
			t.Errorf("%q, want %q", got, dir)
		}
		without := newRequest(onCreatedSwitch, func(r *config.Request) { r.Groups, r.GroupSets = []string{"dan"}, true })
		o, err := New(without, &Node{}, Claim{VMID: 5, Holder: true, LLAddr: first.LLAddr})
		if err != nil {
			t.Fatal(err)
		}
		others := o.HostLink.AltNames
		if got := DANDirOf(o.HostLink.Name, others); got != "" {
			t.Errorf("%q without kata", got)
		}
		id, ifName, _ := AttachmentOf(names)
		marked, isMarked := MarkedMember(names)
		wantMarked, wantIs := MarkedMember(others)
		if id != "c1" || ifName != "eth0" || NetworkOf(names) != "vmnet" || marked != wantMarked || isMarked != wantIs || IsTapOfNetwork(names, "vmnet") ||
			!slices.Equal(GroupsOf(s.HostLink.Name, names), GroupsOf(o.HostLink.Name, others)) || Guest4Of(names) != Guest4Of(others) {
			t.Errorf("the other altnames are read otherwise: %q", names)
		}
	})
}
