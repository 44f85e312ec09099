package plan

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/config"
)

// TestMembershipsFollowFromLinks: what ADD puts into sets, and what is put back
// from the altnames of the links that it made, is the same.
func TestMembershipsFollowFromLinks(t *testing.T) {
	for _, block := range []string{
		``,
		`"placement": "host"`,
		`"switch": {"interface": "bridge0", "create": true, "group": "vms"}, "local": true`,
		`"switch": {"interface": "bridge0", "create": true}`,
	} {
		for _, sets := range []bool{true, false} {
			in := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "net.web", "type": "vmtap", "group": ["web", "net", "lladdr"], "groupSets": %t`, sets)
			if block != "" {
				in += ", " + block
			}
			req, err := config.Parse(config.Input{Stdin: []byte(in + "}"), ContainerID: "abc.lladdr.x", IfName: "eth0", Netns: "/run/netns/p"})
			if err != nil {
				t.Fatal(err)
			}
			s, err := New(&req, &Node{}, Claim{VMID: 5, Idx: 3, Holder: true, LLAddr: lladdr("02:11:22:33:44:55")})
			if err != nil {
				t.Fatal(err)
			}
			var links []HostSide
			for _, l := range []*Link{&s.Gateway, &s.HostLink} {
				if l.Name != "" {
					links = append(links, HostSide{Name: l.Name, AltNames: l.AltNames})
				}
			}
			if diff := cmp.Diff(s.Memberships, MembershipsOf(links)); diff != "" {
				t.Errorf("%s, groupSets %t (-want +got):\n%s", block, sets, diff)
			}
			if (len(s.Memberships) > 0) != sets {
				t.Errorf("%s, groupSets %t: elements %v", block, sets, s.Memberships)
			}
			if name, ok := MarkedMember(s.HostLink.AltNames); ok != sets || sets && name != "vm5-if3" {
				t.Errorf("%s, groupSets %t: marked %q, %t", block, sets, name, ok)
			}
		}
	}
}

// TestMemberNames: names of members lead to the host link, and no others do.
func TestMemberNames(t *testing.T) {
	for _, link := range MemberLinks("vm5-if126") {
		if got, ok := HostLinkOfMember(link); !ok || got != "vm5-if126" {
			t.Errorf("%s: %q, %t", link, got, ok)
		}
	}
	for _, name := range []string{"", "eth0", "vm5", "vm5-gp0", "vm0-if0", "vm5-gw127", "vmbr0"} {
		if got, ok := HostLinkOfMember(name); ok {
			t.Errorf("%s: %q", name, got)
		}
	}
	if links := MemberLinks("eth0"); links != nil {
		t.Errorf("eth0: %v", links)
	}
	if _, ok := GroupOfSet("group_"); ok {
		t.Error("a group without a name")
	}
}
