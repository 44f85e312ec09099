package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCollection(t *testing.T) {
	both := []Attachment{{Network: "vmnet", ContainerID: "c1", IfName: "eth0"}, {Network: "vmnet", ContainerID: "c2", IfName: "net1"}}
	const list = `[{"containerID": "c1", "ifname": "eth0"}, {"containerID": "c2", "ifname": "net1", "more": 1}]`
	for _, c := range []struct {
		name, members string
		want          Collection
	}{
		{"no list", ``, Collection{}},
		{"null", `"cni.dev/valid-attachments": null`, Collection{}},
		{"both null", `"cni.dev/valid-attachments": null, "cni.dev/attachments": null`, Collection{}},
		{"none valid", `"cni.dev/valid-attachments": []`, Collection{Known: true}},
		{"some valid", `"cni.dev/valid-attachments": ` + list, Collection{Known: true, Valid: both}},
		{"the older key", `"cni.dev/attachments": ` + list, Collection{Known: true, Valid: both}},
		{"the older key, null", `"cni.dev/valid-attachments": null, "cni.dev/attachments": []`, Collection{Known: true}},
		{"both", `"cni.dev/attachments": [], "cni.dev/valid-attachments": ` + list, Collection{Known: true, Valid: both}},
		{"ipam", `"ipam": {"type": "host-local"}, "cni.dev/valid-attachments": []`, Collection{Known: true, IPAM: "host-local"}},
		{"a broken configuration", `"switch": [1], "nonsense": {}, "cniVersion": 5, "cni.dev/valid-attachments": []`, Collection{Known: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.Network = "vmnet"
			got, err := ParseCollection(Input{Stdin: []byte(strings.TrimSuffix(`{"name": "vmnet", `+c.members, ", ") + "}")})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCollectionHas(t *testing.T) {
	c := Collection{Valid: []Attachment{{Network: "vmnet", ContainerID: "c1", IfName: "eth0"}}}
	for _, a := range []struct {
		id, ifName string
		want       bool
	}{{"c1", "eth0", true}, {"c1", "eth1", false}, {"c2", "eth0", false}, {"", "", false}} {
		if got := c.Has(a.id, a.ifName); got != a.want {
			t.Errorf("Has(%q, %q) = %t", a.id, a.ifName, got)
		}
	}
}

func TestParseCollectionRefuses(t *testing.T) {
	for _, c := range []struct {
		stdin string
		code  Code
		want  string
	}{
		{`[]`, CodeDecoding, `decode configuration: want an object, have []`},
		{`{}`, CodeInvalidConfig, `read name: missing, give one`},
		{`{"name": "a", "cni.dev/valid-attachments": {}}`, CodeDecoding, `read cni.dev/valid-attachments: want a list of containerID and ifname, have {}`},
		{`{"name": "a", "cni.dev/valid-attachments": "x"}`, CodeDecoding, `read cni.dev/valid-attachments: want a list of containerID and ifname, have "x"`},
		{`{"name": "a", "cni.dev/valid-attachments": [[]]}`, CodeDecoding, `read cni.dev/valid-attachments: want a list of containerID and ifname, have [[]]`},
		{`{"name": "a", "cni.dev/valid-attachments": [{"containerID": 5, "ifname": "eth0"}]}`, CodeDecoding, `read cni.dev/valid-attachments: want a list of containerID and ifname, have [{"containerID": 5, "ifname": "eth0"}]`},
		{`{"name": "a", "cni.dev/valid-attachments": [null]}`, CodeInvalidConfig, `read cni.dev/valid-attachments[0]: want a containerID and an ifname`},
		{`{"name": "a", "cni.dev/valid-attachments": [{"containerID": "c", "ifname": "e"}, {"containerID": "c"}]}`, CodeInvalidConfig, `read cni.dev/valid-attachments[1]: want a containerID and an ifname`},
		{`{"name": "a", "cni.dev/valid-attachments": [{"containerID": "", "ifname": "eth0"}]}`, CodeInvalidConfig, `read cni.dev/valid-attachments[0]: want a containerID and an ifname`},
		{`{"name": "a", "cni.dev/attachments": [{"containerid": null, "ifname": "eth0"}]}`, CodeInvalidConfig, `read cni.dev/attachments[0]: want a containerID and an ifname`},
	} {
		t.Run(c.stdin, func(t *testing.T) {
			_, err := ParseCollection(Input{Stdin: []byte(c.stdin)})
			wantError(t, err, c.code, c.want)
		})
	}
}

// STATUS reads the network alone: no variable is set, nobody chose anything.
func TestParseNetwork(t *testing.T) {
	in := input(`"switch": {"interface": "br0", "rdomain": 10}, "local": true, "allow": {"vmid": "1-5"}`, "")
	want := parseOK(t, in)
	in.ContainerID, in.IfName, in.Netns = "", "", ""
	got, err := ParseNetwork(in)
	if err != nil {
		t.Fatal(err)
	}
	want.ContainerID, want.IfName, want.Netns, want.VMName = got.ContainerID, "", "", got.VMName
	if diff := cmp.Diff(want, got, compare()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// Nothing is connected unless a pod chooses a switch, and this one lets it.
	for members, ok := range map[string]bool{`"local": false`: false, `"local": false, "allow": {"switch": ["br1"]}`: true} {
		if _, err := ParseNetwork(Input{Stdin: input(members, "").Stdin}); (err == nil) != ok {
			t.Errorf("%s: %v", members, err)
		}
	}
	_, err = ParseNetwork(Input{Stdin: input(`"rdomain": -1`, "").Stdin})
	wantError(t, err, CodeInvalidConfig, `read rdomain -1: want a whole number from 0 to 99999999`)
}
