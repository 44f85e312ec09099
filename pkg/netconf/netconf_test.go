package netconf

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// put writes files into a new directory.
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestLoad: what a runtime makes of files is what vmtap gets, be it a list, one
// plugin alone, or a plugin that a file of its own adds.
func TestLoad(t *testing.T) {
	dir := put(t, map[string]string{
		"20-one.conf":      `{"cniVersion": "0.4.0", "name": "one", "type": "vmtap", "mtu": 1400}`,
		"10-list.conflist": `{"cniVersion": "0.4.0", "cniVersions": ["0.4.0", "1.0.0"], "name": "list", "plugins": [{"type": "bridge"}, {"type": "vmtap", "up": false}]}`,
		"30-other.json":    `{"cniVersion": "1.0.0", "name": "other", "type": "bridge"}`,
		"40-add.conflist":  `{"cniVersion": "1.0.0", "name": "add"}`,
		"add/1.conf":       `{"type": "vmtap"}`,
		"notes.txt":        `none`,
	})
	files, err := Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		list, err := Load(f)
		if err != nil {
			t.Fatal(err)
		}
		blocks, err := Blocks(list)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, filepath.Base(f))
		for _, b := range blocks {
			got = append(got, string(b))
		}
	}
	want := []string{
		"10-list.conflist", `{"cniVersion":"1.0.0","name":"list","type":"vmtap","up":false}`,
		"20-one.conf", `{"cniVersion":"0.4.0","mtu":1400,"name":"one","type":"vmtap"}`,
		"30-other.json",
		"40-add.conflist", `{"cniVersion":"1.0.0","name":"add","type":"vmtap"}`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%q, want %q", got, want)
	}
	if files, err := Files(filepath.Join(dir, "none")); err != nil || len(files) > 0 {
		t.Errorf("of no directory: %q, %v", files, err)
	}
}

// TestParse: without a file's name, the keys say what it is.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		`{"cniVersion": "1.0.0", "name": "a", "type": "vmtap"}`:                   "a 1",
		`{"cniVersion": "1.0.0", "name": "b", "plugins": [{"type": "vmtap"}]}`:    "b 1",
		`{"cniVersion": "1.0.0", "name": "c", "plugins": [{"type": "loopback"}]}`: "c 0",
	} {
		list, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		blocks, err := Blocks(list)
		if got := list.Name + " " + string(rune('0'+len(blocks))); err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "{", "[]", `{"name": "x"}`, `{"name": "x", "plugins": []}`, `{"plugins": [{"type": "vmtap"}]}`} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%q is a configuration", text)
		}
	}
}

func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "vmtap"}]}`:                                             "1",
		`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "loopback"}]}`:                                          "0",
		`{"cniVersion": "9.0.0", "name": "n", "plugins": [{"type": "vmtap"}]}`:                                             `1 read cniVersion "9.0.0"`,
		`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "vmtap", "rdomian": 1}]}`:                               `1 read key "rdomian"`,
		`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "vmtap", "placement": "chained"}]}`:                     "1 vmtap stands first",
		`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "ptp"}, {"type": "vmtap", "placement": "chained"}]}`:    "1",
		`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "vmtap", "mtu": 1}, {"type": "vmtap", "mtux": 9000}]}`:  "2 block 1: read mtu|block 2: read key",
		`{"cniVersion": "1.0.0", "name": "n/n", "plugins": [{"type": "vmtap"}]}`:                                           "1 read name",
		`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "vmtap", "allow": {"rdomain": [1]}, "rdomain": 10.5}]}`: "1 read rdomain",
	} {
		list, err := Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		blocks, faults := Faults(list)
		count, words, _ := strings.Cut(want, " ")
		var wanted []string
		if words != "" {
			wanted = strings.Split(words, "|")
		}
		if string(rune('0'+blocks)) != count || len(faults) != len(wanted) {
			t.Errorf("%s: %d blocks, %v, want %s", text, blocks, faults, want)
			continue
		}
		for i, w := range wanted {
			if !strings.Contains(faults[i].Error(), w) {
				t.Errorf("%s: %v, want %s", text, faults[i], w)
			}
		}
	}
}

func entry(t *testing.T, network, id, config string) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{
		"kind": "cniCacheV1", "containerId": id, "ifName": "eth0", "networkName": network, "netns": "/run/netns/x",
		"config": []byte(config), "cniArgs": [][2]string{{"VMNAME", "v"}}, "capabilityArgs": map[string]any{"mac": "02:00:00:00:00:01"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCache: what libcni noted is read whole or not at all.
func TestCache(t *testing.T) {
	const conf = `{"cniVersion": "1.0.0", "name": "n", "type": "vmtap"}`
	dir := put(t, map[string]string{"results/n-a-eth0": entry(t, "n", "a", conf), "results/n-b-eth0": entry(t, "n", "b", conf)})
	all, err := Cache(dir)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if a := all[0]; a.Network != "n" || a.ContainerID != "a" || a.IfName != "eth0" || a.NetNS != "/run/netns/x" ||
		string(a.Config) != conf || a.CniArgs[0] != [2]string{"VMNAME", "v"} || a.CapabilityArgs["mac"] == nil || a.Path != filepath.Join(dir, "results/n-a-eth0") {
		t.Errorf("%+v", a)
	}
	if _, err := Cache(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no directory: %v", err)
	}
	for name, text := range map[string]string{
		"no JSON": "{", "another kind": `{"kind": "x"}`, "an old one, a result alone": `{"cniVersion": "0.4.0"}`,
		"no network": strings.Replace(entry(t, "n", "c", conf), `"networkName":"n"`, `"networkName":""`, 1),
	} {
		dir := put(t, map[string]string{"results/good": entry(t, "n", "a", conf), "results/bad": text})
		all, err := Cache(dir)
		if err == nil || !strings.Contains(err.Error(), "results/bad") || len(all) != 1 {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "results", "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Cache(dir); err == nil {
		t.Error("a directory is an attachment")
	}
}

// TestFind: an attachment's own configuration comes first, and the network's only
// where that has no vmtap.
func TestFind(t *testing.T) {
	dir := put(t, map[string]string{
		"1.conflist": `{"cniVersion": "1.0.0", "name": "n"}`,
		"n/1.conf":   `{"type": "vmtap"}`,
		"2.conflist": `{"cniVersion": "1.0.0", "name": "other", "plugins": [{"type": "bridge"}]}`,
		"3.conflist": `{`,
	})
	for _, c := range []struct{ network, config, want string }{
		{"n", `{"cniVersion": "0.4.0", "name": "n", "plugins": [{"type": "vmtap"}]}`, "0.4.0"},
		{"n", `{"cniVersion": "0.4.0", "name": "n"}`, "1.0.0"},
		{"other", `{"cniVersion": "1.0.0", "name": "other", "plugins": [{"type": "bridge"}]}`, ""},
		{"unknown", `{"cniVersion": "1.0.0", "name": "unknown", "plugins": [{"type": "bridge"}]}`, ""},
	} {
		a := Cached{}
		a.Network, a.Config = c.network, []byte(c.config)
		list, err := a.Find(dir)
		got := ""
		if list != nil {
			got = list.CNIVersion
		}
		if err != nil && c.want != "" || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.config, got, err, c.want)
		}
	}
}
