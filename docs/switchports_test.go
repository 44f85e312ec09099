package docs

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// TestSwitchPortsShown: docs/switch-ports.md shows what its configuration does
// to a port. What it shows of `bridge`, a test with a real one compares.
func TestSwitchPortsShown(t *testing.T) {
	all := blocks(read(t, "switch-ports.md"))
	if len(all) != 3 || all[0].language != "json" {
		t.Fatalf("%d blocks, want a configuration, commands and a view", len(all))
	}
	members := map[string]any{"cniVersion": "1.0.0", "name": "vmnet"}
	var given map[string]any
	if err := json.Unmarshal([]byte(all[0].text), &given); err != nil {
		t.Fatal(err)
	}
	maps.Copy(members, given)
	stdin, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	req, err := config.Parse(config.Input{Stdin: stdin, ContainerID: "c1", IfName: "eth0", Netns: "/run/netns/c1"})
	if err != nil {
		t.Fatal(err)
	}
	state, err := plan.New(&req, &plan.Node{}, plan.Claim{VMID: 5, Holder: true, LLAddr: req.LLAddr})
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for line := range strings.Lines(state.String()) {
		if strings.HasPrefix(line, "bridge ") {
			want.WriteString(line)
		}
	}
	if all[1].text != want.String() {
		t.Errorf("the page shows\n%s\nwant\n%s", all[1].text, want.String())
	}
}
