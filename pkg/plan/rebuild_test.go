package plan

import (
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

func TestRebuild(t *testing.T) {
	derived := vmid.DeriveLLAddr("default/web", 0)
	mixed := vmid.DeriveLLAddrMixed("default/web", 0, 5)
	asked := lladdr("02:00:00:00:00:01")
	holder := []string{"vm5", "pod:c1", "c1@eth0"}
	for _, c := range []struct {
		name     string
		bridge   string
		asked    vmid.LLAddr
		hostLink Found
		holder   *Found
		want     Claim
	}{
		{
			name: "holder", hostLink: Found{"vm5-if0", holder}, holder: &Found{"vm5-if0", holder},
			want: Claim{VMID: 5, Holder: true, LLAddr: derived},
		},
		{
			name: "a sibling holds", hostLink: Found{"vm5-if1", []string{"c1@eth1"}}, holder: &Found{"vm5-if0", holder},
			want: Claim{VMID: 5, Idx: 1, LLAddr: vmid.DeriveLLAddr("default/web", 1)},
		},
		{
			name: "holder's altnames moved here", hostLink: Found{"vm5-if1", holder}, holder: &Found{"vm5-if1", holder},
			want: Claim{VMID: 5, Idx: 1, Holder: true, LLAddr: vmid.DeriveLLAddr("default/web", 1)},
		},
		{
			name: "none holds, so it should", hostLink: Found{"vm5-if0", []string{"c1@eth0"}},
			want: Claim{VMID: 5, Holder: true, LLAddr: derived},
		},
		{
			name: "derived lladdr", bridge: "bridge0", hostLink: Found{"vm5-if0", append(holder, lladdrName(derived, "bridge0"))}, holder: &Found{"vm5-if0", holder},
			want: Claim{VMID: 5, Holder: true, LLAddr: derived},
		},
		{
			name: "mixed lladdr", bridge: "bridge0", hostLink: Found{"vm5-if0", append(holder, lladdrName(mixed, "bridge0"))}, holder: &Found{"vm5-if0", holder},
			want: Claim{VMID: 5, Holder: true, LLAddr: mixed},
		},
		{
			name: "mixed lladdr of another switch", bridge: "bridge1", hostLink: Found{"vm5-if0", append(holder, lladdrName(mixed, "bridge0"))}, holder: &Found{"vm5-if0", holder},
			want: Claim{VMID: 5, Holder: true, LLAddr: derived},
		},
		{
			name: "lladdr's altname lost", bridge: "bridge0", hostLink: Found{"vm5-if0", holder}, holder: &Found{"vm5-if0", holder},
			want: Claim{VMID: 5, Holder: true, LLAddr: derived},
		},
		{
			name: "requested lladdr", bridge: "bridge0", asked: asked, hostLink: Found{"vm5-if0", append(holder, lladdrName(mixed, "bridge0"))}, holder: &Found{"vm5-if0", holder},
			want: Claim{VMID: 5, Holder: true, LLAddr: asked},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(func(r *config.Request) { r.LLAddr = c.asked })
			got, err := Rebuild(req, c.bridge, c.hostLink, c.holder)
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestRebuildRefusesRenamedLink(t *testing.T) {
	_, err := Rebuild(newRequest(), "", Found{"renamed", []string{"c1@eth0"}}, nil)
	wantError(t, err, config.CodeDiffers, `"renamed"`, "vm<vmid>-if<idx>")
}
