package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/test/cni"
)

// TestFirewallContradicts: networks with one prefix must agree. The first one's
// guests keep what they have.
func TestFirewallContradicts(t *testing.T) {
	wantsNoVRF(t)
	for _, c := range []struct {
		name, first, second string
		words               []string // nil: they agree
	}{
		{"all, then icmp", "", `"hostAccess": "icmp"`, []string{`hostAccess "icmp"`, "100.64.0.0/10", `network "vmnet"`, "vm7-if0", "local.prefix"}},
		{"icmp, then all", `"hostAccess": "icmp"`, "", []string{`hostAccess "all"`, `network "vmnet"`}},
		{"icmp, then a port", `"hostAccess": "icmp"`, `"hostAccess": "tcp/22"`, []string{`hostAccess "tcp/22"`, `network "vmnet"`}},
		{"icmp, then icmp and a port", `"hostAccess": "icmp"`, `"hostAccess": ["icmp", "tcp/22"]`, []string{`hostAccess "icmp, tcp/22"`}},
		{"ipMasq, then not", `"ipMasq": true`, "", []string{"ipMasq false", `network "vmnet"`}},
		{"not, then ipMasq", "", `"ipMasq": true`, []string{"ipMasq true", `network "vmnet"`}},
		{"on a switch", `"switch": {"interface": "bridge0", "create": true}, "local": true, "hostAccess": "icmp"`, "", []string{`network "vmnet"`}},
		{"in the host", `"placement": "host", "hostAccess": "icmp"`, "", []string{`network "vmnet"`, "vm7-if0"}},
		{"in the host, on a switch", `"placement": "host", "switch": {"interface": "bridge0", "create": true}, "local": true, "hostAccess": "icmp"`, "", []string{`network "vmnet"`, "vm7-if0"}},
		{"of a device veth", `"device": "veth", "hostAccess": "icmp"`, "", []string{`network "vmnet"`}},
		{"a smaller prefix", `"hostAccess": "icmp"`, `"local": {"prefix": "100.64.0.0/16"}`, []string{`network "vmnet"`}},
		{"a larger prefix", `"hostAccess": "icmp", "local": {"prefix": "100.64.0.0/16"}`, "", []string{`network "vmnet"`}},
		{"the same", limits, limits, nil},
		{"the same of a smaller prefix", limits, limits + `, "local": {"prefix": "100.64.0.0/16"}`, nil},
		{"the same of a larger prefix", limits + `, "local": {"prefix": "100.64.0.0/16"}`, limits, nil},
		{"prefixes of their own", limits, `"local": {"prefix": "10.0.0.0/16"}`, nil},
		{"no layer 3", limits, `"switch": {"interface": "bridge0", "create": true}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			first := n.newPod(t, "first").call("eth0", conf(c.first))
			first.Args = "VMID=7"
			a := n.add(t, first)
			before := n.nftTable(t)
			second := n.newPod(t, "second").call("eth0", confOf("second", c.second))
			stdout, fault := n.Add(t, second)
			if c.words == nil {
				if fault != nil {
					t.Fatal(fault)
				}
				for _, call := range []cni.Call{a.call, second.With(stdout)} {
					if fault := n.Check(t, call); fault != nil {
						t.Errorf("CHECK: %s", fault)
					}
				}
				return
			}
			wantFault(t, fault, 7, c.words...)
			expect(t, "table", n.nftTable(t), before)
			// Without guests of the first one, the second may.
			a.del()
			n.add(t, second)
		})
	}
}

// TestFirewallContradictsAtOnce: of two networks that contradict each other and
// begin at once, never both have guests.
func TestFirewallContradictsAtOnce(t *testing.T) {
	wantsNoVRF(t)
	for round := range 5 {
		n := newNode(t)
		calls := []cni.Call{
			n.newPod(t, fmt.Sprint("a", round)).call("eth0", confOf("a", `"hostAccess": "icmp"`)),
			n.newPod(t, fmt.Sprint("b", round)).call("eth0", confOf("b", "")),
		}
		faults := make([]string, len(calls))
		var wg sync.WaitGroup
		for i := range calls {
			wg.Go(func() {
				if _, fault, err := n.Invoke(cni.ADD, calls[i]); fault != nil || err != nil {
					faults[i] = fmt.Sprint(fault, err)
				}
			})
		}
		wg.Wait()
		if faults[0] == "" && faults[1] == "" {
			t.Error("both were added")
		}
		for _, f := range faults {
			if f != "" && !strings.Contains(f, "has it otherwise") {
				t.Error(f)
			}
		}
		if diff := cmp.Diff(faults[0] == "", strings.Contains(n.nftTable(t), "100.64.0.0/10")); faults[1] == "" && diff != "" {
			t.Errorf("limits (-want +got):\n%s", diff)
		}
	}
}
