package control

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

func scheme(t *testing.T) vmid.Scheme {
	t.Helper()
	s, err := vmid.New(netip.MustParsePrefix(vmid.DefaultPrefix4), netip.MustParsePrefix(vmid.DefaultPrefix6), vmid.DefaultBits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expect(t *testing.T, what, got, want string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// sample is a node with three interfaces of two VMs.
func sample(t *testing.T) []plan.Attached {
	t.Helper()
	addrs := func(id uint32, idx int) vmid.Addrs {
		a, err := scheme(t).Addrs(id, idx)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	return []plan.Attached{
		{
			VMID: 7, VM: "default/web-0", ContainerID: "c2", IfName: "eth0", Network: "vmnet", HostLink: "vm7-if0", Gateway: "vm7-gw0",
			Addrs: addrs(7, 0), LLAddr: vmid.LLAddr{2, 0, 0, 0, 0, 7}, Switch: "bridge0", RDomain: "rdomain10", Groups: []string{"web", "db"}, Up: true, Dropped: 12,
		},
		{VMID: 5, Idx: 1, VM: "my\tlink\x1b", ContainerID: "c1", IfName: "net1", Network: "other", HostLink: "vm5-if1", Switch: "br1", Leases: []netip.Addr{netip.MustParseAddr("10.1.2.3")}},
		{VMID: 5, VM: "default/db", ContainerID: "c1", IfName: "eth0", Network: "vmnet", HostLink: "vm5-if0", Addrs: addrs(5, 0), Up: true},
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := Table(&b, Select(sample(t), Filter{})); err != nil {
		t.Fatal(err)
	}
	expect(t, "table", b.String(), `VMID  VM             INTERFACE  ADDRESSES                      LLADDR             SWITCH   RDOMAIN  GROUPS  STATE  DROPS
5     default/db     vm5-if0    100.64.5.3,fd00::6440:503:0:2  -                  -        0        -       up     0
5     my?link?       vm5-if1    10.1.2.3                       -                  br1      0        -       down   0
7     default/web-0  vm7-if0    100.64.7.3,fd00::6440:703:0:2  02:00:00:00:00:07  bridge0  10       web,db  up     12
`)
}

func TestSelect(t *testing.T) {
	for _, c := range []struct {
		name string
		f    Filter
		want string
	}{
		{"all", Filter{}, "vm5-if0 vm5-if1 vm7-if0"},
		{"vmid", Filter{What: "5"}, "vm5-if0 vm5-if1"},
		{"vm", Filter{What: "vm7"}, "vm7-if0"},
		{"name", Filter{What: "default/web-0"}, "vm7-if0"},
		{"name without namespace", Filter{What: "db"}, "vm5-if0"},
		{"container", Filter{What: "c1"}, "vm5-if0 vm5-if1"},
		{"attachment", Filter{What: "c1@net1"}, "vm5-if1"},
		{"host link", Filter{What: "vm5-if1"}, "vm5-if1"},
		{"gateway", Filter{What: "vm7-gw0"}, "vm7-if0"},
		{"host's address", Filter{What: "100.64.7.2"}, "vm7-if0"},
		{"guest's address", Filter{What: "fd00::6440:503:0:2"}, "vm5-if0"},
		{"leased address", Filter{What: "10.1.2.3"}, "vm5-if1"},
		{"lladdr", Filter{What: "02:00:00:00:00:07"}, "vm7-if0"},
		{"nobody's", Filter{What: "web"}, ""},
		{"group", Filter{Group: "db"}, "vm7-if0"},
		{"rdomain", Filter{RDomain: "10"}, "vm7-if0"},
		{"default rdomain", Filter{RDomain: "0"}, "vm5-if0 vm5-if1"},
		{"network", Filter{Network: "other"}, "vm5-if1"},
		{"both", Filter{What: "5", Network: "vmnet"}, "vm5-if0"},
	} {
		var got []string
		for _, a := range Select(sample(t), c.f) {
			got = append(got, a.HostLink)
		}
		expect(t, c.name, strings.Join(got, " "), c.want)
	}
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	if err := JSON(&b, Select(sample(t), Filter{What: "vm7"})); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{
		"vmid": 7.0, "idx": 0.0, "vm": "default/web-0", "containerID": "c2", "ifName": "eth0", "network": "vmnet",
		"hostLink": "vm7-if0", "gateway": "vm7-gw0", "addresses": []any{"100.64.7.3", "fd00::6440:703:0:2"},
		"gateways": []any{"100.64.7.2", "fd00::6440:703:0:1"}, "lladdr": "02:00:00:00:00:07", "switch": "bridge0",
		"rdomain": "10", "groups": []any{"web", "db"}, "up": true, "dropped": 12.0,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	b.Reset()
	if err := JSON(&b, nil); err != nil || b.String() != "[]\n" {
		t.Errorf("nothing: %q, %v", b.String(), err)
	}
}

// TestAddr: the scheme in both directions.
func TestAddr(t *testing.T) {
	const first = `vmid        1
idx         0
host link   vm1-if0
gateway     vm1-gw0 (on a switch)
host4       100.64.1.2/31
guest4      100.64.1.3/31
host6       fd00::6440:103:0:1/96
guest6      fd00::6440:103:0:2/96
link-local  fe80::6440:103:0:1
`
	for _, what := range []string{"1", "100.64.1.2", "100.64.1.3", "fd00::6440:103:0:1", "fd00::6440:103:0:2"} {
		var b strings.Builder
		if err := Addr(&b, scheme(t), what, 0); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		expect(t, what, b.String(), first)
	}
	for what, word := range map[string]string{
		"x": "want a vmid or an address", "0": "vmid 0", "16384": "vmid 16384", "100.64.1.1": "no interface", "192.0.2.1": "no interface",
	} {
		if err := Addr(&strings.Builder{}, scheme(t), what, 0); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v, want %q", what, err, word)
		}
	}
	if err := Addr(&strings.Builder{}, scheme(t), "1", 127); err == nil {
		t.Error("interface 127 has an address")
	}
}

// TestCheck: one line a difference, a word for those that could not be compared.
func TestCheck(t *testing.T) {
	all := sample(t)
	var b strings.Builder
	differ, err := Check(&b, []Checked{
		{Name: "c2@eth0", Attached: &all[0], Differences: Differences("c2@eth0", "check c2@eth0: host link vm7-if0: up is off, want on; tap eth0: missing")},
		{Name: "c1@net1", Attached: &all[1], NotCompared: "no cache lists it"},
		{Name: "c3@eth0"},
		{Name: "c4@eth0", Differences: Differences("c4@eth0", "open CNI_NETNS \"/x\": no such file")},
	}, []string{"no tap can be made: x"})
	if err != nil || differ != 2 {
		t.Errorf("%d differ, %v", differ, err)
	}
	expect(t, "check", b.String(), `c2@eth0 (vm7-if0, default/web-0): host link vm7-if0: up is off, want on
c2@eth0 (vm7-if0, default/web-0): tap eth0: missing
c1@net1 (vm5-if1, my?link?): not compared: no cache lists it
c3@eth0: ok
c4@eth0: open CNI_NETNS "/x": no such file
node: no tap can be made: x
`)
}

// TestHeld: what a runtime lists stays, under whatever network's name, with all
// else of its containers.
func TestHeld(t *testing.T) {
	all := sample(t)
	all = append(all, plan.Attached{ContainerID: "c3", IfName: "eth0", Network: "vmnet"})
	listed := []config.Attachment{{ContainerID: "c1", IfName: "eth0"}, {ContainerID: "c9", IfName: "eth0"}}
	for _, network := range []string{"vmnet", "other", "", "nobody's"} {
		c := Held(network, all, listed)
		if !c.Known || c.Network != network || !c.Has("c1", "eth0") || !c.Has("c1", "net1") || !c.Has("c9", "eth0") || c.Has("c2", "eth0") || c.Has("c3", "eth0") {
			t.Errorf("%q: %+v", network, c)
		}
	}
	expect(t, "networks", strings.Join(Networks(all), "|"), "|other|vmnet")
}
