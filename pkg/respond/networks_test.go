package respond

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/plan"
)

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	// Two changes within the clock's tick look like one.
	stamp := time.Unix(time.Now().Unix()-int64(len(text)), 0)
	if err := os.Chtimes(path, stamp, stamp); err != nil {
		t.Fatal(err)
	}
}

// TestNetworks: what vmtap's networks say, from files as a runtime reads them,
// and again when they change.
func TestNetworks(t *testing.T) {
	dir := t.TempDir()
	n := networks{dir: filepath.Join(dir, "none")}
	if err := n.refresh(); err != nil || len(n.all) != 0 {
		t.Errorf("without a directory: %v, %v", n.all, err)
	}
	n.dir = dir
	put(t, dir, "10-list.conflist", `{"cniVersion": "1.0.0", "name": "list", "plugins": [{"type": "loopback"},
		{"type": "vmtap", "local": true, "routes": [{"dst": "10.0.0.0/8"}], "dns": {"nameservers": ["192.0.2.53"], "domain": "d", "search": ["s"]}}]}`)
	put(t, dir, "20-one.conf", `{"cniVersion": "1.0.0", "name": "one", "type": "vmtap"}`)
	put(t, dir, "30-double.conflist", `{"cniVersion": "1.0.0", "name": "list", "plugins": [{"type": "vmtap"}]}`)
	put(t, dir, "40-other.conflist", `{"cniVersion": "1.0.0", "name": "other", "plugins": [{"type": "bridge"}]}`)
	put(t, dir, "50-notes.txt", `no configuration`)
	if err := n.refresh(); err != nil {
		t.Fatal(err)
	}
	want := map[string]answer.Network{
		"list": {
			DNS: []netip.Addr{netip.MustParseAddr("192.0.2.53")}, Domain: "d", Search: []string{"s"},
			Routes: []answer.Route{{Dst: netip.MustParsePrefix("10.0.0.0/8")}},
		},
		"one": {},
	}
	if !reflect.DeepEqual(n.all, want) {
		t.Errorf("%v, want %v", n.all, want)
	}

	// Plugins can be added to a network by files of their own.
	if err := os.Mkdir(filepath.Join(dir, "added"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, dir, "15-added.conflist", `{"cniVersion": "1.0.0", "name": "added"}`)
	for _, domain := range []string{"a", "changed"} {
		put(t, dir, "added/10.conf", `{"type": "vmtap", "dns": {"domain": "`+domain+`"}}`)
		if err := n.refresh(); err != nil || n.all["added"].Domain != domain {
			t.Errorf("added: %v, %v, want domain %s", n.all["added"], err, domain)
		}
	}
	if err := os.Remove(filepath.Join(dir, "15-added.conflist")); err != nil {
		t.Fatal(err)
	}

	put(t, dir, "20-one.conf", `{"cniVersion": "1.0.0", "name": "one", "type": "vmtap", "dns": {"domain": "new"}}`)
	put(t, dir, "60-broken.conflist", `{"cniVersion": "1.0.0", "name": "broken", "plugins": [{"type": "vmtap", "rdomian": 1}]}`)
	put(t, dir, "70-no.json", `{`)
	err := n.refresh()
	if err == nil || !strings.Contains(err.Error(), "60-broken") || !strings.Contains(err.Error(), "rdomian") || !strings.Contains(err.Error(), "70-no") {
		t.Errorf("broken files: %v", err)
	}
	if n.all["one"].Domain != "new" || len(n.all) != 2 {
		t.Errorf("beside broken ones: %v", n.all)
	}
	if err := n.refresh(); err != nil {
		t.Errorf("said twice of the same files: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "10-list.conflist")); err != nil {
		t.Fatal(err)
	}
	_ = n.refresh()
	if n.all["list"].Domain != "" || n.all["list"].Routes != nil {
		t.Errorf("after the first of two is gone: %v", n.all["list"])
	}
}

func TestHostName(t *testing.T) {
	for vm, want := range map[string]string{
		"web-0": "web-0", "default/web-0": "web-0", "": "", "a/": "", "-x": "", "x-": "", "a.b": "", "a_b": "", "ä": "",
		strings.Repeat("a", 63): strings.Repeat("a", 63), strings.Repeat("a", 64): "",
	} {
		if got := localGuest(&plan.Answering{VMName: vm, MTU: 1400}, answer.Network{}); got.Name != want || got.MTU != 1400 {
			t.Errorf("%q: %q, mtu %d, want %q", vm, got.Name, got.MTU, want)
		}
	}
}
