package respond

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/netconf"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// keptFile is a file of libcni's cache, after vmtap's ADD with a block and its result.
func keptFile(t testing.TB, block, result string) string {
	t.Helper()
	list := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "ptp"}, {"type": "vmtap"%s}]}`, block)
	text, err := json.Marshal(map[string]any{
		"kind": "cniCacheV1", "containerId": "c1", "config": []byte(list), "ifName": "eth0", "networkName": "vmnet", "netns": "/run/netns/c1",
		"cniArgs": [][2]string{{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", "default"}, {"K8S_POD_NAME", "web-0"}},
		"result":  json.RawMessage(result),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// resultWith is the result of vmtap after ptp, with these addresses and more.
func resultWith(ips, more string) string {
	return `{"cniVersion": "1.0.0", "interfaces": [{"name": "veth0", "mac": "02:00:00:00:00:09"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1"},
		{"name": "tap0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1"}, {"name": "tap0", "mac": "02:00:00:00:00:01", "sandbox": "c1"}], "ips": [` + ips + `]` + more + `}`
}

const (
	keptBlock = `, "placement": "chained"`
	keptIPs   = `{"interface": 1, "address": "10.9.0.2/24", "gateway": "10.9.0.1"}, {"interface": 1, "address": "fd09::2/64", "gateway": "fd09::1"},
		{"interface": 3, "address": "10.9.0.2/24", "gateway": "10.9.0.1"}, {"interface": 0, "address": "192.0.2.1/32"}`
)

func keptLLAddr() vmid.LLAddr { return vmid.LLAddr{2, 0, 0, 0, 0, 1} }

// attachmentOf reads the text of a file.
func attachmentOf(text string) (*attachment, error) {
	c, err := netconf.ParseCached([]byte(text))
	if err != nil {
		return nil, err
	}
	return readAttachment(&c, "/nonexistent", "")
}

// TestReadAttachment: what a guest is told follows from the result, whoever wrote what of it.
func TestReadAttachment(t *testing.T) {
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	plain := answer.Guest{
		LLAddr: keptLLAddr(), Name: "web-0",
		Addr4: prefix("10.9.0.2/24"), Server4: addr("10.9.0.1"), Router4: addr("10.9.0.1"),
		Addr6: prefix("fd09::2/64"), Router6: addr("fd09::1"),
	}
	with := func(change func(g *answer.Guest)) *answer.Guest {
		g := plain
		change(&g)
		return &g
	}
	for name, c := range map[string]struct {
		ips, more string
		want      *answer.Guest
	}{
		"gateways":       {keptIPs, "", &plain},
		"default routes": {keptIPs, `, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fd09::1"}]`, &plain},
		"other routes alone": {keptIPs, `, "routes": [{"dst": "10.0.0.0/8", "gw": "10.9.0.7"}]`, with(func(g *answer.Guest) {
			g.Router4 = netip.Addr{}
			g.Routes = []answer.Route{{Dst: prefix("10.0.0.0/8"), Gateway: addr("10.9.0.7")}}
		})},
		"another router": {keptIPs, `, "routes": [{"dst": "0.0.0.0/0", "gw": "10.9.0.7"}]`, with(func(g *answer.Guest) { g.Router4 = addr("10.9.0.7") })},
		"name servers": {keptIPs, `, "dns": {"nameservers": ["192.0.2.53", "nonsense"], "domain": "d", "search": ["s"]}`, with(func(g *answer.Guest) {
			g.DNS, g.Domain, g.Search = []netip.Addr{addr("192.0.2.53")}, "d", []string{"s"}
		})},
		"no gateway": {`{"address": "10.9.0.2/24"}`, "", with(func(g *answer.Guest) {
			g.Server4, g.Router4, g.Addr6, g.Router6 = addr("192.0.0.8"), netip.Addr{}, netip.Prefix{}, netip.Addr{}
		})},
		"none": {"", "", &answer.Guest{LLAddr: keptLLAddr(), Name: "web-0"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := attachmentOf(keptFile(t, keptBlock, resultWith(c.ips, c.more)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, &a.Guest, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if a.local || a.network != "vmnet" || len(a.links) != 1 || a.links[0] != "veth0" {
				t.Errorf("%+v", a)
			}
		})
	}
	veth := strings.ReplaceAll(resultWith(keptIPs, ""), `"sandbox": "c1"`, `"sandbox": "other"`)
	for name, text := range map[string]string{
		"device veth": keptFile(t, keptBlock, veth),
		"not vmtap's": `{"kind": "cniCacheV1", "containerId": "c1", "ifName": "eth0", "networkName": "n", "config": "` +
			base64.StdEncoding.EncodeToString([]byte(`{"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "ptp"}]}`)) + `"}`,
	} {
		if a, err := attachmentOf(text); a != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
	for name, text := range map[string]string{"no JSON": "{", "an old file": `{"cniVersion": "1.0.0"}`, "no result": keptFile(t, keptBlock, `5`), "bad key": keptFile(t, `, "rdomian": 5`, resultWith("", ""))} {
		if a, err := attachmentOf(text); a != nil || err == nil {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

func FuzzReadAttachment(f *testing.F) {
	f.Add(keptFile(f, keptBlock, resultWith(keptIPs, `, "routes": [{"dst": "0.0.0.0/0"}]`)))
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := attachmentOf(text); a != nil && (err != nil || a.LLAddr.IsZero() && a.network == "") {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

// TestSettings: the network's configuration of now is what counts, then that of ADD; the result's name servers count
// where it has none, and its routes always.
func TestSettings(t *testing.T) {
	server := func(s string) []netip.Addr { return []netip.Addr{netip.MustParseAddr(s)} }
	a := attachment{said: answer.Network{NTP: server("192.0.2.1")}}
	a.DNS, a.Routes = server("192.0.2.2"), []answer.Route{{}}
	if n := a.settings(answer.Network{}, false); n.NTP == nil || n.DNS[0] != a.DNS[0] || len(n.Routes) != 1 {
		t.Errorf("as ADD was called: %+v", n)
	}
	if n := a.settings(answer.Network{Domain: "d"}, true); n.NTP != nil || n.DNS != nil || n.Domain != "d" || len(n.Routes) != 1 {
		t.Errorf("configured: %+v", n)
	}
}

// TestAttachments: files come, change, go, and are half written.
func TestAttachments(t *testing.T) {
	dir := t.TempDir()
	n := attachments{dirs: []string{filepath.Join(dir, "none"), dir}}
	path := filepath.Join(dir, "vmnet-c1-eth0")
	now := time.Now()
	look := func(want string) {
		t.Helper()
		now = now.Add(time.Hour)
		err := n.refresh(now)
		a, findErr := n.find("veth0", keptLLAddr())
		if err != nil || findErr != nil {
			t.Errorf("%v, %v", err, findErr)
		}
		got := ""
		if a != nil {
			got = a.Addr4.String()
		}
		if got != want {
			t.Errorf("found %q, want %q", got, want)
		}
	}
	look("")
	put(t, dir, "vmnet-c1-eth0", `{"kind": "cniCa`)
	if err := os.Chtimes(path, now, now); err != nil { // it is just being written
		t.Fatal(err)
	}
	if err := n.refresh(now); err != nil {
		t.Errorf("half written: %v", err)
	}
	put(t, dir, "vmnet-c1-eth0", keptFile(t, keptBlock, resultWith(keptIPs, "")))
	look("10.9.0.2/24")
	look("10.9.0.2/24")
	if a, err := n.find("veth1", keptLLAddr()); a != nil || err != nil {
		t.Errorf("at another link: %v, %v", a, err)
	}
	if a, err := n.find("veth0", vmid.LLAddr{2}); a != nil || err != nil {
		t.Errorf("another guest: %v, %v", a, err)
	}
	put(t, dir, "vmnet-c1-eth0", keptFile(t, keptBlock, resultWith(`{"address": "10.9.0.33/24"}`, "")))
	look("10.9.0.33/24")
	put(t, dir, "broken", `{"kind": "cniCacheV1"}`)
	if err := n.refresh(now.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "broken")) {
		t.Errorf("a broken file: %v", err)
	}
	look("10.9.0.33/24") // and it is no error a second time
	for _, name := range []string{"vmnet-c1-eth0", "broken"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	look("")
	if len(n.files) != 0 {
		t.Errorf("%d files are remembered", len(n.files))
	}
}
