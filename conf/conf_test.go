// Package conf_test holds the examples against what vmtap makes of them: each
// is a list that a runtime can read and that vmtap accepts, and the links it
// leads to stand in testdata for people to see.
package conf_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/utils"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/golden"
)

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("*.conflist")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there are no examples")
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			var states []string
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, stdin := range stdins(t, text) {
				s := state(t, stdin)
				states = append(states, s.String())
			}
			if len(states) == 0 {
				t.Fatal("no plugin is vmtap")
			}
			golden.Compare(t, strings.TrimSuffix(file, ".conflist"), strings.Join(states, "\n"))
		})
	}
}

// list is a network configuration list, with all its keys of the CNI
// specification.
type list struct {
	CNIVersion  string           `json:"cniVersion"`
	CNIVersions []string         `json:"cniVersions"`
	Name        string           `json:"name"`
	Plugins     []map[string]any `json:"plugins"`

	DisableCheck bool `json:"disableCheck"`
	DisableGC    bool `json:"disableGC"`
}

// stdins returns what a runtime gives to each vmtap plugin of a list: the
// plugin's block with the list's name and version in it.
func stdins(t *testing.T, text []byte) [][]byte {
	t.Helper()
	var l list
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields() // a misspelt key
	if err := d.Decode(&l); err != nil {
		t.Fatal(err)
	}
	if err := utils.ValidateNetworkName(l.Name); err != nil {
		t.Fatal(err)
	}
	// containerd 1.6 knows 1.0.0 at most and reads cniVersion; newer runtimes
	// take the newest of cniVersions.
	if want := []string{"1.0.0", "1.1.0"}; l.CNIVersion != want[0] || !slices.Equal(l.CNIVersions, want) {
		t.Errorf("cniVersion %q, cniVersions %q, want %q", l.CNIVersion, l.CNIVersions, want)
	}
	var all [][]byte
	for i, p := range l.Plugins {
		if p["type"] != "vmtap" {
			continue
		}
		if i > 0 {
			p["prevResult"] = map[string]any{"cniVersion": l.CNIVersion, "interfaces": []any{map[string]any{"name": "eth0", "sandbox": "/run/netns/p"}}}
		}
		p["name"], p["cniVersion"] = l.Name, l.CNIVersion
		stdin, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, stdin)
	}
	return all
}

// parse is what vmtap reads of a pod's ADD.
func parse(stdin []byte) (config.Request, error) {
	return config.Parse(config.Input{
		Stdin:       stdin,
		ContainerID: "c1",
		IfName:      "eth0",
		Netns:       "/run/netns/p",
		Args:        "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=c1",
		MachineID:   func() (string, error) { return "0123456789abcdef0123456789abcdef", nil },
	})
}

// state returns what ADD of a pod would make on a node without other VMs, with
// a bridge if the example counts on one.
func state(t *testing.T, stdin []byte) plan.State {
	t.Helper()
	req, err := parse(stdin)
	if err != nil {
		t.Fatal(err)
	}
	var node plan.Node
	if sw := req.Switch; sw != nil && !sw.Create {
		node.Bridge = plan.Bridge{Name: sw.Interface, Kind: plan.KindBridge, MTU: config.DefaultMTU}
	}
	if req.Placement == config.PlacementChained {
		node.Taken = plan.Taken{Name: req.IfName, LLAddr: vmid.DeriveLLAddr("the earlier plugin's", 0), MTU: config.DefaultMTU}
		s, err := plan.New(&req, &node, plan.Claim{})
		if err != nil {
			t.Fatal(err)
		}
		return *s
	}
	if err := plan.CheckNode(&req, &node); err != nil {
		t.Fatal(err)
	}
	claim, err := plan.Choose(&req, plan.BridgeName(&req, &node), func(...string) (map[string]plan.Found, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	s, err := plan.New(&req, &node, claim)
	if err != nil {
		t.Fatal(err)
	}
	return *s
}
