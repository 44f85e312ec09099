package plan

import (
	"net/netip"
	"slices"
	"testing"
)

func TestGroupsOf(t *testing.T) {
	altNames := []string{
		"vm5", "pod:c1", "c1@eth0", "vm5-if0.net.vmnet", "vm5-if0.web", "100.64.5.3", "vm5-if0.db_net", "vm5-if01.other",
		AttachmentName("vm5-if0.tricky", "eth0"), groupSetsName("vm5-if0"), "021122334455.lladdr.bridge0",
	}
	if got, want := GroupsOf("vm5-if0", altNames), []string{"web", "db_net"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLeasesOf(t *testing.T) {
	one, two := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("2001:db8::5")
	altNames := []string{"vm5", leaseName(one, "bridge0"), leaseName(two, "br.ip.0"), AttachmentName(leaseName(one, "x"), "eth0"), "100.64.5.3", "x.ip.bridge0", "10.0.0.1.ip."}
	if got, want := LeasesOf(altNames), []netip.Addr{one, two}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
