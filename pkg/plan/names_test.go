package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// The altnames of the design's table, word by word: they are a contract with
// those who look links up by them, and with other versions.
func TestAltNames(t *testing.T) {
	second := Claim{VMID: 5, Idx: 1, LLAddr: first.LLAddr}
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		claim   Claim
		link    []string // of the host link
		gateway []string
		bridge  []string
	}{
		{
			name: "local", claim: first,
			link: []string{"vm5", "pod:c1", "c1@eth0", "vm5-if0.net.vmnet", "100.64.5.3"},
		},
		{
			name: "local, in groups", request: inGroups, claim: first,
			link: []string{"vm5", "pod:c1", "c1@eth0", "vm5-if0.net.vmnet", "100.64.5.3", "vm5-if0.web", "vm5-if0.db", "vm5-if0.vms"},
		},
		{
			name: "the VM's second interface", claim: second,
			link: []string{"c1@eth0", "vm5-if1.net.vmnet", "100.64.5.5"},
		},
		{
			name: "everything", request: full, claim: first,
			link:    []string{"vm5", "pod:c1", "c1@eth0", "vm5-if0.net.vmnet", "100.64.5.3", "021122334455.lladdr.bridge0", "vm5-if0.web", "vm5-if0.db", "vm5-if0.vms"},
			gateway: []string{"gw:c1@eth0"},
			bridge:  []string{"bridge0.switch"},
		},
		{
			name: "on a switch, not local", request: all(onCreatedSwitch, notLocal), claim: second,
			link:   []string{"c1@eth0", "vm5-if1.net.vmnet", "021122334455.lladdr.bridge0"},
			bridge: []string{"bridge0.switch"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := aCase{request: c.request, claim: c.claim}.state(t)
			for _, l := range []struct {
				link *Link
				want []string
			}{{&s.HostLink, c.link}, {&s.Gateway, c.gateway}, {&s.Bridge, c.bridge}} {
				if !slices.Equal(l.link.AltNames, l.want) {
					t.Errorf("%s has altnames\n%q, want\n%q", l.link.Name, l.link.AltNames, l.want)
				}
			}
			for _, n := range s.Links() {
				if n.Pod && len(n.AltNames) > 0 {
					t.Errorf("%s %s in the pod has altnames %q, want none", n.Role, n.Name, n.AltNames)
				}
			}
		})
	}
}

// With the longest names that a configuration can have, no altname is longer
// than the 127 bytes that Linux has for one.
func TestAltNamesFit(t *testing.T) {
	req := newRequest(onCreatedSwitch, func(r *config.Request) {
		r.ContainerID = strings.Repeat("c", 96)
		r.IfName = strings.Repeat("e", 15)
		r.Network = strings.Repeat("n", 100)
		r.DANDir = "/" + strings.Repeat("d", 95)
		r.Switch.Interface = strings.Repeat("b", 15)
		for i := range 32 {
			r.Groups = append(r.Groups, fmt.Sprintf("group-%02d-ofvmsx", i))
		}
	})
	claims := []Claim{{VMID: 16383, Idx: 126, Holder: true, LLAddr: first.LLAddr}}
	notLocalReq := *req
	notLocalReq.Local = nil
	for _, c := range []struct {
		name  string
		req   *config.Request
		claim Claim
		count int
	}{
		{"local", req, claims[0], 2 + 3 + 2 + 32},
		{"highest vmid", &notLocalReq, Claim{VMID: vmid.MaxID, Idx: MaxIdx, Holder: true, LLAddr: first.LLAddr}, 2 + 3 + 1 + 32},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := New(c.req, &Node{}, c.claim)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(s.HostLink.AltNames); n != c.count {
				t.Errorf("the host link has %d altnames, want %d", n, c.count)
			}
			for _, n := range s.Links() {
				for _, a := range n.AltNames {
					if len(a) > 127 {
						t.Errorf("%s: altname %q has %d bytes, want 127 at most", n.Role, a, len(a))
					}
				}
			}
		})
	}
}

// The kernel hashes the first 16 bytes of a name. All altnames of two VMs
// differ within these, or each look-up would walk one chain.
func TestAltNamesDifferEarly(t *testing.T) {
	state := func(containerID string, claim Claim) State {
		return aCase{
			request: all(full, func(r *config.Request) { r.ContainerID = containerID }),
			claim:   claim,
		}.state(t)
	}
	one := state("6f1a33a3c6c3f2ab4e3d2a2c8f4a9d35", Claim{VMID: 16382, Holder: true, LLAddr: lladdr("02:11:22:33:44:55")})
	two := state("8d01f5bb1fa64c2fbd6a0b77a31ad0c9", Claim{VMID: 16383, Holder: true, LLAddr: lladdr("02:11:22:33:44:56")})
	early := func(s State) []string {
		var all []string
		for _, a := range slices.Concat(s.HostLink.AltNames, s.Gateway.AltNames) {
			all = append(all, a[:min(16, len(a))])
		}
		return all
	}
	theirs := early(two)
	for _, a := range early(one) {
		if slices.Contains(theirs, a) {
			t.Errorf("altnames of two VMs begin with %q", a)
		}
	}
}
