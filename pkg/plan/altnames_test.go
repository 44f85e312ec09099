package plan

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// The names of a container that are meant to be taken for others. All are
// names that the CNI specification allows.
const (
	trickyID      = "vm5-if0.net.vmnet"
	trickyNetwork = "vm5-if0.net.other.net.third"
)

func TestIsOwned(t *testing.T) {
	for _, c := range []struct {
		name     string
		altNames []string
		want     bool
	}{
		{"none", nil, false},
		{"host link", []string{"vm5", "pod:c1", "c1@eth0", "vm5-if0.net.vmnet"}, true},
		{"gateway", []string{"gw:c1@eth0"}, true},
		{"bridge of ours", []string{"bridge0.switch"}, false},
		{"udev's names", []string{"enp1s0", "enx021122334455"}, false},
		{"attachment alone", []string{"c1@eth0"}, false},
		{"attachment alone, tricky", []string{AttachmentName(trickyID, "eth0")}, false},
		{"pod alone, tricky", []string{PodName(trickyID)}, false},
		{"group alone", []string{"vm5-if0.web"}, false},
		{"network of no host link", []string{"eth0.net.vmnet"}, false},
		{"network of a gateway", []string{"vm5-gw0.net.vmnet"}, false},
		{"network without a name", []string{"vm5-if0.net."}, false},
		{"somebody's gw:", []string{"gw:lan"}, false},
		{"mark inside a name", []string{"my-gw:c1@eth0", "x.vm5-if0.net.vmnet"}, false},
		{"no VM has number 0", []string{"vm0-if0.net.vmnet"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := IsOwned(c.altNames); got != c.want {
				t.Errorf("%q: got %t", c.altNames, got)
			}
		})
	}
}

func TestIsOfNetwork(t *testing.T) {
	for _, c := range []struct {
		name     string
		altNames []string
		network  string
		want     bool
	}{
		{"its own", []string{"vm5", "vm5-if0.net.vmnet", "c1@eth0"}, "vmnet", true},
		{"another", []string{"vm5-if0.net.vmnet"}, "other", false},
		{"a prefix of it", []string{"vm5-if0.net.vmnet"}, "vm", false},
		{"it is a prefix", []string{"vm5-if0.net.vm"}, "vmnet", false},
		{"none", nil, "vmnet", false},
		{"no name", []string{"vm5-if0.net."}, "", false},
		{"dots", []string{NetworkName("vm5-if0", "a.b.c")}, "a.b.c", true},
		{"a network named like a mark", []string{NetworkName("vm5-if0", trickyNetwork)}, trickyNetwork, true},
		{"part of a network named like a mark", []string{NetworkName("vm5-if0", trickyNetwork)}, "other.net.third", false},
		{"last part of a network named like a mark", []string{NetworkName("vm5-if0", trickyNetwork)}, "third", false},
		{"a container named like a mark", []string{AttachmentName(trickyID, "eth0"), NetworkName("vm6-if0", "other")}, "vmnet", false},
		{"a gateway's mark", []string{GatewayName(trickyID, "eth0")}, "vmnet", false},
		{"renamed link keeps its mark", []string{"vm5-if0.net.vmnet"}, "vmnet", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := IsOfNetwork(c.altNames, c.network); got != c.want {
				t.Errorf("%q, network %q: got %t", c.altNames, c.network, got)
			}
		})
	}
}

func TestGatewayOf(t *testing.T) {
	for _, c := range []struct {
		altName, want string
	}{
		{GatewayName("c1", "eth0"), "c1@eth0"},
		{GatewayName(trickyID, "eth0"), trickyID + "@eth0"},
		{"gw:", ""},
		{"gw:lan", ""},
		{"c1@eth0", ""},
		{"my-gw:c1@eth0", ""},
	} {
		got, ok := GatewayOf([]string{"first", c.altName, "last"})
		if got != c.want || ok != (c.want != "") {
			t.Errorf("GatewayOf(%q) = %q, %t, want %q", c.altName, got, ok, c.want)
		}
	}
}

// specName reports whether the CNI specification allows s as a container id
// or a network's name.
func specName(s string) bool {
	for i := range len(s) {
		c := s[i]
		alphanumeric := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alphanumeric && (i == 0 || c != '_' && c != '.' && c != '-') {
			return false
		}
	}
	return s != ""
}

// networkOf is the inverse of NetworkName for all that a configuration can
// have, and takes no other altname of vmtap's for a network's.
func FuzzNetworkOf(f *testing.F) {
	f.Add("c1", "vmnet", "web", uint32(5), uint8(0))
	f.Add(trickyID, trickyNetwork, "net", uint32(1), uint8(126))
	f.Add("vm1-if0.net.a", ".net.", "net-", uint32(9999999), uint8(7))
	f.Fuzz(func(t *testing.T, containerID, network, group string, id uint32, idx uint8) {
		id, idx = 1+id%vmid.MaxID, idx%(MaxIdx+1)
		if !specName(containerID) || !specName(network) || strings.Contains(group, ".") {
			return // not what a configuration can have
		}
		link := vmid.HostLink(id, int(idx))
		if got, ok := networkOf(NetworkName(link, network)); !ok || got != network {
			t.Errorf("networkOf(NetworkName(%q, %q)) = %q, %t", link, network, got, ok)
		}
		for _, other := range []string{
			vmid.VM(id), link, PodName(containerID), AttachmentName(containerID, "eth0"),
			GatewayName(containerID, "eth0"), groupName(link, group), SwitchName("bridge0"), SwitchName(link),
			addrName(netip.AddrFrom4([4]byte{100, 64, byte(id), 3})), lladdrName(vmid.DeriveLLAddr(network, 0), "vm5-if0.net"),
		} {
			if got, ok := networkOf(other); ok {
				t.Errorf("networkOf(%q) = %q, want none", other, got)
			}
		}
	})
}

func TestGuest4Of(t *testing.T) {
	for want, altNames := range map[string][]string{
		"100.64.5.3": {"vm5", "pod:p", "p@eth0", "vm5-if0.net.vmnet", "100.64.5.3", "02779d67d40d.lladdr.bridge0"},
		"invalid IP": {"vm5", "10.0.0.1@eth0", "10.0.0.1.lladdr.bridge0", "fd00::1", "vm5-if0.net.10.0.0.1"},
	} {
		if got := Guest4Of(altNames).String(); got != want {
			t.Errorf("%q: %s, want %s", altNames, got, want)
		}
	}
}
