package plan

import (
	"net/netip"
	"testing"

	"github.com/vmtap/vmtap/pkg/vmid"
)

func TestIsAnswering(t *testing.T) {
	for _, c := range []struct {
		name     string
		altNames []string
		want     string
	}{
		{"vm5-if0", []string{"vm5-if0.net.vmnet"}, "vm5-if0"},
		{"vm5-gw0", []string{"gw:c1@eth0"}, "vm5-if0"},
		{"vm5-gp0", []string{"gw:c1@eth0"}, ""}, // the gateway's other end
		{"vm5-if0", nil, ""},
		{"eth0", []string{"vm5-if0.net.vmnet"}, ""},
		{"bridge0", []string{"bridge0.switch"}, ""},
	} {
		got, ok := IsAnswering(c.name, c.altNames)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s, %q: %q, %t", c.name, c.altNames, got, ok)
		}
	}
}

func TestGuestOf(t *testing.T) {
	guest := vmid.LLAddr{2, 0x11, 0x22, 0x33, 0x44, 0x55}
	for _, c := range []struct {
		altName string
		want    vmid.LLAddr
	}{
		{lladdrName(guest, "bridge0"), guest},
		{AttachmentName(lladdrName(guest, "bridge0"), "eth0"), vmid.LLAddr{}},
		{PodName(lladdrName(guest, "bridge0")), vmid.LLAddr{}},
		{guest.Hex() + ".lladdr.", vmid.LLAddr{}},
		{"02112233445g.lladdr.bridge0", vmid.LLAddr{}},
		{"0211223344.lladdr.bridge0", vmid.LLAddr{}},
		{"011122334455.lladdr.bridge0", vmid.LLAddr{}}, // a group's
		{"vm5-if0.net.vmnet", vmid.LLAddr{}},
	} {
		if got := GuestOf([]string{"vm5", c.altName, "100.64.5.3"}); got != c.want {
			t.Errorf("%q: %v, want %v", c.altName, got, c.want)
		}
	}
}

func TestNetworkOf(t *testing.T) {
	tricky := AttachmentName(trickyID, "eth0")
	if got := NetworkOf([]string{"vm5", tricky, NetworkName("vm5-if0", "vmnet")}); got != "vmnet" {
		t.Errorf("got %q", got)
	}
	if got := NetworkOf([]string{"vm5", tricky}); got != "" {
		t.Errorf("without one: %q", got)
	}
}

func TestDescribedVM(t *testing.T) {
	for alias, want := range map[string]string{
		"vm5-if0-default/web-0": "default/web-0", "vm5-if0-": "", "vm5-if0": "", "vm6-if0-x": "", "my link": "", "": "",
	} {
		if got := DescribedVM("vm5-if0", alias); got != want {
			t.Errorf("%q: %q, want %q", alias, got, want)
		}
	}
}

func TestRouterWith(t *testing.T) {
	lladdr := vmid.LLAddr{2, 0, 0, 0, 0, 7}
	addr := netip.MustParseAddr
	var addrs []Addr
	for _, s := range []string{"10.9.0.1/24", "fe80::7/64", "fd09::1/64", "fe80::8/64"} {
		addrs = append(addrs, Addr{Prefix: netip.MustParsePrefix(s)})
	}
	for _, c := range []struct {
		addrs         []Addr
		gateway, want string // "" for none
	}{
		{addrs, "fd09::1", "fe80::7"},
		{addrs, "fe80::8", "fe80::8"},
		{addrs, "fd09::2", ""},
		{addrs[2:3], "fd09::1", ""}, // no link-local address to advertise with
		{nil, "fd09::1", ""},
	} {
		r, ok := RouterWith(lladdr, c.addrs, addr(c.gateway))
		if ok != (c.want != "") || ok && (r.LinkLocal != addr(c.want) || r.LLAddr != lladdr) {
			t.Errorf("%v, gateway %s: %+v, %t", c.addrs, c.gateway, r, ok)
		}
	}
}
