package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// chained is the members of a block in placement chained, after another
// plugin's.
func chained(members string) string {
	return `"placement": "chained", "prevResult": {}` + members
}

func TestParsePlacement(t *testing.T) {
	other := func(f func(r *Request)) func(r *Request) {
		return func(r *Request) {
			r.Placement, r.Local, r.Tap.Name, r.PrevResult = PlacementChained, nil, "tap0", []byte("{}")
			unguarded(r)
			f(r)
		}
	}
	tests := []struct {
		members, args string
		change        func(r *Request)
	}{
		{`"placement": "pod", "device": "tap"`, "", func(*Request) {}},
		{`"placement": "host"`, "", func(r *Request) { r.Placement = PlacementHost }},
		{`"placement": "host", "tap": {"multiQueue": true}`, "", func(r *Request) { r.Placement, r.Tap.MultiQueue = PlacementHost, true }},
		{`"device": "veth"`, "", func(r *Request) { r.Device = DeviceVeth }},
		{`"device": "veth", "switch": "br0"`, "", func(r *Request) {
			r.Device, r.Local, r.Switch = DeviceVeth, nil, &Switch{Interface: "br0", Name: "br0", Up: true}
			unguarded(r)
		}},
		{chained(""), "", other(func(*Request) {})},
		{chained(`, "device": "tap", "local": false, "up": true`), "", other(func(*Request) {})},
		{chained(`, "tap": {"name": "tap7", "uid": 107}`), "", other(func(r *Request) { r.Tap.Name, r.Tap.UID = "tap7", 107 })},
		{chained(`, "lladdr": "02:00:00:00:00:01"`), "", other(func(r *Request) { r.LLAddr = lladdr("02:00:00:00:00:01") })},
		{chained(`, "allow": {"vmid": "1-5"}`), "VMNAME=web", other(func(r *Request) { r.VMName = "web" })},
	}
	for _, tt := range tests {
		t.Run(tt.members, func(t *testing.T) {
			want := base()
			tt.change(&want)
			got := parseOK(t, input(tt.members, tt.args))
			want.VMID = got.VMID // of the scheme, or of none
			if diff := cmp.Diff(want, got, compare()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseRefusesPlacement(t *testing.T) {
	const as = `: placement chained leaves the interface as the earlier plugin made it, drop one of them`
	tests := []struct {
		members, args, want string
	}{
		{`"placement": "hots"`, "", `read placement "hots": want pod or host or chained`},
		{`"device": "veth", "placement": "host"`, "", `read device "veth": contradicts placement host, which has a tap, drop one of them`},
		{`"device": "veth", ` + chained(""), "", `read device "veth": contradicts placement chained, which has a tap, drop one of them`},
		{`"device": "veth", "tap": {}`, "", `read tap: contradicts device veth, drop one of them`},
		{`"tap": {"name": "tap0"}`, "", `read tap.name "tap0": only for placement chained, in placement pod the tap's name is CNI_IFNAME, drop one of them`},
		{`"placement": "host", "tap": {"name": "tap0"}`, "", `read tap.name "tap0": only for placement chained, in placement host the tap's name is vm<vmid>-if<idx>, drop one of them`},
		{chained(`, "tap": {"name": "eth0"}`), "", `read tap.name "eth0": that is CNI_IFNAME, the interface that the tap is joined to, choose another`},
		{`"placement": "chained"`, "", `use placement chained: prevResult is missing, put vmtap after the plugin that makes the interface`},
		{chained(`, "switch": "br0"`), "", `read switch "br0"` + as},
		{chained(`, "rdomain": 0`), "", `read rdomain 0` + as},
		{chained(`, "group": ["web"]`), "", `read group ["web"]` + as},
		{chained(`, "groups": {"web": 5}`), "", `read groups {"web": 5}` + as},
		{chained(`, "mtu": 1500`), "", `read mtu 1500` + as},
		{chained(`, "vmid": {"probe": false}`), "", `read vmid {"probe": false}` + as},
		{chained(`, "routes": []`), "", `read routes []` + as},
		{chained(`, "dns": {}`), "", `read dns {}` + as},
		{chained(`, "forward": true`), "", `read forward true` + as},
		{chained(`, "local": true`), "", `read local true: placement chained takes over the addresses of the earlier plugin, drop one of them`},
		{chained(`, "up": false`), "", `read up false` + as},
		{chained(""), "VMID=5", `choose CNI_ARGS VMID "5": placement chained leaves the interface as the earlier plugin made it`},
		{chained(`, "args": {"cni": {"vmtap": {"rdomain": 10}}}`), "", `choose args.cni.vmtap.rdomain 10: placement chained leaves the interface as the earlier plugin made it`},
		{
			`"device": "veth", "switch": "br0", "routes": [{"dst": "10.0.0.0/8", "gw": "192.0.2.1"}]`, "",
			`read routes[0] to 10.0.0.0/8: device veth has no addresses to route with, it is not local and has no ipam`,
		},
		{`"device": "veth", "args": {"cni": {"vmtap": {"multiqueue": true}}}`, "", `choose multiqueue: device veth has no queues to choose, drop one of them`},
	}
	for _, tt := range tests {
		t.Run(tt.members+tt.args, func(t *testing.T) {
			_, err := Parse(input(tt.members, tt.args))
			wantError(t, err, CodeInvalidConfig, tt.want)
		})
	}
}

// STATUS is asked before there is any earlier plugin's result.
func TestParseNetworkOfChained(t *testing.T) {
	if _, err := ParseNetwork(input(`"placement": "chained"`, "")); err != nil {
		t.Error(err)
	}
}
