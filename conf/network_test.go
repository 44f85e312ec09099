package conf_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// patterns are those of link names that a file has, after a key.
func patterns(t *testing.T, file, key string) []string {
	t.Helper()
	text, err := os.ReadFile("network/" + file)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(key)+`=(.*)$`).FindAllStringSubmatch(string(text), -1)
	if len(m) != 1 {
		t.Fatalf("%s has %s %d times", file, key, len(m))
	}
	return strings.FieldsFunc(strings.ReplaceAll(m[0][1], "interface-name:", ""), func(r rune) bool { return r == ' ' || r == ';' })
}

// TestNetworkFiles: what udev, networkd and NetworkManager are to leave alone is what vmtap makes, and no other's link.
func TestNetworkFiles(t *testing.T) {
	var ours []string
	for _, v := range []uint32{1, 5, 16383, 9999999} {
		for _, idx := range []int{0, 9, 126} {
			for _, name := range []string{vmid.HostLink(v, idx), vmid.Gateway(v, idx), vmid.GatewayPeer(v, idx), vmid.Limiter(v, idx)} {
				if len(name) <= 15 {
					ours = append(ours, name)
				}
			}
		}
	}
	ours = append(ours, "rdomain1", "rdomain99999999")
	others := []string{"eth0", "vmbr0", "vmnet1", "vmtap0", "virbr0", "vm5", "docker0", "veth1234-if0", "vmbr0-x", "tap0", "bridge0", "vm"}
	for file, key := range map[string]string{
		"10-vmtap.link": "OriginalName", "10-vmtap.network": "Name", "NetworkManager-vmtap.conf": "unmanaged-devices+",
	} {
		all := patterns(t, file, key)
		matches := func(name string) bool {
			return slices.ContainsFunc(all, func(p string) bool {
				ok, err := path.Match(p, name)
				if err != nil || len(p) > 15 { // longer than a name can be: systemd 252 ignores it
					t.Errorf("%s: pattern %s: %v", file, p, err)
				}
				return ok
			})
		}
		for _, name := range ours {
			if !matches(name) {
				t.Errorf("%s: none of %q matches %s", file, all, name)
			}
		}
		for _, name := range others {
			if matches(name) {
				t.Errorf("%s: one of %q matches %s", file, all, name)
			}
		}
	}
}
