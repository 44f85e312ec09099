package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The variables, and what stands in every configuration.
func TestParseRefusesCall(t *testing.T) {
	stdin := func(s string) func(*Input) { return func(in *Input) { in.Stdin = []byte(s) } }
	id := func(s string) func(*Input) { return func(in *Input) { in.ContainerID = s } }
	name := func(s string) func(*Input) { return func(in *Input) { in.IfName = s } }
	auto := func(f func() (string, error)) func(*Input) {
		return func(in *Input) { *in = input(`"local": {"prefix6": "auto"}`, ""); in.MachineID = f }
	}
	machine := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	a97, a101 := strings.Repeat("a", 97), strings.Repeat("a", 101)
	tests := []struct {
		name   string
		change func(*Input)
		code   Code
		want   string
	}{
		{"container id, none", id(""), CodeEnvironment, `read CNI_CONTAINERID "": want 1 to 96 characters, have 0`},
		{"container id, too long", id(a97), CodeEnvironment, `read CNI_CONTAINERID "` + a97[:64] + `"...: want 1 to 96 characters, have 97`},
		{"container id, first character", id("-a"), CodeEnvironment, `read CNI_CONTAINERID "-a": want a letter or digit, then letters, digits, '_', '.' and '-' only`},
		{"container id, characters", id("a@b"), CodeEnvironment, `read CNI_CONTAINERID "a@b": want a letter or digit, then letters, digits, '_', '.' and '-' only`},
		{"interface, none", name(""), CodeEnvironment, `read CNI_IFNAME "": want 1 to 15 characters, have 0`},
		{"interface, too long", name("abcdefghijklmnop"), CodeEnvironment, `read CNI_IFNAME "abcdefghijklmnop": want 1 to 15 characters, have 16`},
		{"interface, dot", name("."), CodeEnvironment, `read CNI_IFNAME ".": not a name for a link`},
		{"interface, slash", name("a/b"), CodeEnvironment, `read CNI_IFNAME "a/b": want printable ASCII characters without space, '/', ':', '%' and '@'`},
		{"interface, pattern", name("eth%d"), CodeEnvironment, `read CNI_IFNAME "eth%d": want printable ASCII characters without space, '/', ':', '%' and '@'`},
		{"interface, at", name("a@b"), CodeEnvironment, `read CNI_IFNAME "a@b": want printable ASCII characters without space, '/', ':', '%' and '@'`},
		{"interface, control character", name("a\x7f"), CodeEnvironment, `read CNI_IFNAME "a\x7f": want printable ASCII characters without space, '/', ':', '%' and '@'`},

		{"stdin, empty", stdin(""), CodeDecoding, `decode configuration: byte 0: ends too early`},
		{"stdin, no object", stdin(`[]`), CodeDecoding, `decode configuration: want an object, have a list`},
		{"stdin, null", stdin(`null`), CodeDecoding, `decode configuration: want an object, have null`},

		{"cniVersion, none", stdin(`{"name": "a"}`), CodeVersion, `read cniVersion "": not supported, want 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0`},
		{"cniVersion, old", stdin(`{"name": "a", "cniVersion": "0.2.0"}`), CodeVersion, `read cniVersion "0.2.0": not supported, want 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0`},
		{"cniVersion, new", stdin(`{"name": "a", "cniVersion": "1.2.0"}`), CodeVersion, `read cniVersion "1.2.0": not supported, want 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0`},
		{"cniVersion, a number", stdin(`{"name": "a", "cniVersion": 1}`), CodeDecoding, `read cniVersion: want a string, have a number`},
		{"name, none", stdin(`{"cniVersion": "1.0.0"}`), CodeInvalidConfig, `read name: missing, give one`},
		{"name, empty", stdin(`{"cniVersion": "1.0.0", "name": ""}`), CodeInvalidConfig, `read name "": want 1 to 100 characters, have 0`},
		{"name, a number", stdin(`{"cniVersion": "1.0.0", "name": 5}`), CodeDecoding, `read name: want a string, have a number`},
		{"name, too long", stdin(`{"cniVersion": "1.0.0", "name": "` + a101 + `"}`), CodeInvalidConfig, `read name "` + a101[:64] + `"...: want 1 to 100 characters, have 101`},
		{"name, characters", stdin(`{"cniVersion": "1.0.0", "name": "my net"}`), CodeInvalidConfig, `read name "my net": want a letter or digit, then letters, digits, '_', '.' and '-' only`},

		{"machine id, no way to ask", auto(nil), CodeInvalidConfig, `read local.prefix6 "auto": there is no machine id here, give a prefix`},
		{"machine id, unreadable", auto(func() (string, error) { return "", errors.New("open x: no\nsuch file") }), CodeIO, `read the machine id for local.prefix6 "auto": open x: no such file`},
		{"machine id, empty", auto(machine(" \n")), CodeInvalidConfig, `read local.prefix6 "auto": the machine id is "", give the machine one, or give a prefix`},
		{"machine id, an image's", auto(machine("uninitialized\n")), CodeInvalidConfig, `read local.prefix6 "auto": the machine id is "uninitialized", give the machine one, or give a prefix`},

		{"33 groups", func(in *Input) {
			*in = input(`"switch": {"interface": "br0", "group": "vms"}, "group": `+groupList(32), "")
		}, CodeInvalidConfig, `read group: 33 groups with the switch's, want 32 at most`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := input("", "")
			tt.change(&in)
			_, err := Parse(in)
			wantError(t, err, tt.code, tt.want)
		})
	}
}

// The longest names are accepted.
func TestParseLongestNames(t *testing.T) {
	in := input("", "")
	in.ContainerID = "0" + strings.Repeat("_", 95)
	in.IfName = "!abcdefghijklm~"
	in.Stdin = []byte(`{"cniVersion": "0.4.0", "name": "` + strings.Repeat("a", 100) + `"}`)
	r := parseOK(t, in)
	if r.ContainerID != in.ContainerID || r.IfName != in.IfName || len(r.Network) != 100 || r.VMName != in.ContainerID {
		t.Errorf("got %+v", r)
	}
}

func TestParseAttachment(t *testing.T) {
	deep := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	tests := []struct {
		name, stdin, network, ipam string
	}{
		{"no more than a name", `{"name": "vmnet"}`, "vmnet", ""},
		{"another version", `{"name": "vmnet", "cniVersion": 7}`, "vmnet", ""},
		{"unknown keys", `{"name": "vmnet", "rdomian": 10, "bridge": "br0"}`, "vmnet", ""},
		{"wrong values", `{"name": "vmnet", "switch": 5, "local": "x", "ipam": {"type": "dhcp"}, "vlan": 5}`, "vmnet", "dhcp"},
		{"doubles elsewhere", `{"name": "vmnet", "a": 1, "a": 2}`, "vmnet", ""},
		{"doubles, the last is libcni's", `{"name": "a", "name": "b"}`, "b", ""},
		{"depth", `{"name": "vmnet", "prevResult": ` + deep + `}`, "vmnet", ""},
		{"size", `{"name": "vmnet", "x": "` + strings.Repeat("a", 1<<20) + `"}`, "vmnet", ""},
		{"other case is another key", `{"name": "vmnet", "Name": "other"}`, "vmnet", ""},
		{"a name that no ADD accepts", `{"name": "my net"}`, "my net", ""},
		{"ipam", `{"name": "vmnet", "type": "vmtap", "ipam": {"type": "host-local", "ranges": 5}}`, "vmnet", "host-local"},
		{"ipam, empty", `{"name": "vmnet", "ipam": {}}`, "vmnet", ""},
		{"ipam, broken", `{"name": "vmnet", "ipam": [5]}`, "vmnet", ""},
		{"ipam, type broken", `{"name": "vmnet", "ipam": {"type": 5}}`, "vmnet", ""},
		{"ipam that no ADD accepts", `{"name": "vmnet", "ipam": {"type": "../x"}}`, "vmnet", ""},
		{"ipam, the plugin itself", `{"name": "vmnet", "type": "vmtap", "ipam": {"type": "vmtap"}}`, "vmnet", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseAttachment(Input{Stdin: []byte(tt.stdin), ContainerID: "c1", IfName: "eth0", Args: ";;"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Attachment{Network: tt.network, ContainerID: "c1", IfName: "eth0", IPAM: tt.ipam}, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseAttachmentRefuses(t *testing.T) {
	tests := []struct {
		name, stdin string
		code        Code
		want        string
	}{
		{"no JSON", `{"name": "vmnet"`, CodeDecoding, `decode configuration: unexpected end of JSON input`},
		{"no object", `"vmnet"`, CodeDecoding, `decode configuration: want an object, have "vmnet"`},
		{"null", `null`, CodeInvalidConfig, `read name: missing, give one`},
		{"no name", `{"Name": "vmnet"}`, CodeInvalidConfig, `read name: missing, give one`},
		{"a number", `{"name": 5}`, CodeDecoding, `read name: want a string, have 5`},
		{"name null", `{"name": null}`, CodeDecoding, `read name: want a string, have null`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseAttachment(Input{Stdin: []byte(tt.stdin), ContainerID: "c1", IfName: "eth0"})
			wantError(t, err, tt.code, tt.want)
		})
	}
}

func TestAttachmentPossible(t *testing.T) {
	tests := []struct {
		a    Attachment
		want bool
	}{
		{Attachment{Network: "vmnet", ContainerID: "c1", IfName: "eth0"}, true},
		{Attachment{Network: "my net", ContainerID: "c1", IfName: "eth0"}, false},
		{Attachment{Network: strings.Repeat("a", 101), ContainerID: "c1", IfName: "eth0"}, false},
		{Attachment{Network: "vmnet", ContainerID: strings.Repeat("a", 97), IfName: "eth0"}, false},
		{Attachment{Network: "vmnet", ContainerID: "c1", IfName: "a@b"}, false},
	}
	for _, tt := range tests {
		if got := tt.a.Possible(); got != tt.want {
			t.Errorf("%+v: got %v, want %v", tt.a, got, tt.want)
		}
	}
}
