package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/test/cni"
)

// TestVersions: an attachment's life in each spec version. The result has the
// configuration's version and converts to every other one; verbs that the
// version does not have are code 1.
func TestVersions(t *testing.T) {
	wantsNoVRF(t)
	for _, version := range config.Versions() {
		t.Run(version, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			call := p.call("eth0", strings.Replace(switchConf, "1.0.0", version, 1))
			stdout, fault := n.Add(t, call)
			if fault != nil {
				t.Fatalf("ADD: %s", fault)
			}
			var told struct {
				CNIVersion string `json:"cniVersion"`
			}
			if err := json.Unmarshal(stdout, &told); err != nil || told.CNIVersion != version {
				t.Errorf("the result's version is %q, want %q (%v)", told.CNIVersion, version, err)
			}
			r, err := create.CreateFromBytes(stdout)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range config.Versions() {
				if _, err := r.GetAsVersion(other); err != nil {
					t.Errorf("convert to %s: %v", other, err)
				}
			}
			if got := strings.Contains(string(stdout), `"mtu": 1500`); got != (version == "1.1.0") {
				t.Errorf("tells the mtu: %t", got)
			}

			list := call
			list.Conf = strings.Replace(call.Conf, `"type"`, `"cni.dev/valid-attachments": `+valid("p@eth0")+`, "type"`, 1)
			since := func(first string) bool {
				return slices.Index(config.Versions(), version) >= slices.Index(config.Versions(), first)
			}
			for _, verb := range []struct {
				name   string
				exists bool
				fault  *cni.Error
			}{
				{"CHECK", since("0.4.0"), n.Check(t, call.With(stdout))},
				{"GC", since("1.1.0"), n.GC(t, list)},
				{"STATUS", since("1.1.0"), n.Status(t, call)},
				{"DEL", true, n.Del(t, call.With(stdout))},
			} {
				if verb.exists && verb.fault != nil {
					t.Errorf("%s: %s", verb.name, verb.fault)
				} else if !verb.exists {
					wantFault(t, verb.fault, 1, verb.name)
				}
			}
			n.noVMLinks(t)
			p.onlyLoopback(t)
		})
	}
}

// TestVersionsTold: VERSION names the versions that Parse takes.
func TestVersionsTold(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	stdout, fault := n.Version(t, cni.Call{Conf: `{"cniVersion": "1.1.0"}`})
	if fault != nil {
		t.Fatalf("VERSION: %s", fault)
	}
	var told struct {
		Supported []string `json:"supportedVersions"`
	}
	if err := json.Unmarshal(stdout, &told); err != nil || !slices.Equal(told.Supported, config.Versions()) {
		t.Errorf("supported: %q (%v), want %q", told.Supported, err, config.Versions())
	}
}
