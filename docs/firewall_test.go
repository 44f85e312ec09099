package docs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// TestFirewallShown: docs/firewall.md shows the table that its configuration
// gives.
func TestFirewallShown(t *testing.T) {
	all := blocks(section(t, read(t, "firewall.md"), "## Read the rules"))
	if len(all) != 2 || all[0].language != "json" {
		t.Fatalf("%d blocks, want a configuration and a table", len(all))
	}
	var members map[string]any
	if err := json.Unmarshal([]byte(all[0].text), &members); err != nil {
		t.Fatal(err)
	}
	members["cniVersion"], members["name"] = "1.0.0", "vmnet"
	stdin, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	req, err := config.ParseNetwork(config.Input{Stdin: stdin})
	if err != nil {
		t.Fatal(err)
	}
	f := plan.WithFirewall(&plan.Firewall{}, &req)
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if got, want := words(all[1].text), words(f.String()); got != want {
		t.Errorf("the page shows\n%s\nwant\n%s", got, want)
	}
}
