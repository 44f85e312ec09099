package plan

import (
	"net/netip"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Attached is an attachment of this node as its host link shows it: for people,
// and for those who count. It says what stands in the kernel, not what should.
type Attached struct {
	VMID        uint32
	Idx         int
	VM          string // by the description, "" if that is not vmtap's
	ContainerID string
	IfName      string
	Network     string
	HostLink    string
	Gateway     string // "" for none
	Addrs       vmid.Addrs
	Leases      []netip.Addr // of an IPAM plugin
	LLAddr      vmid.LLAddr  // the guest's, zero if nothing says it
	Switch      string       // the bridge, "" for none
	RDomain     string       // the VRF, "" for the default rdomain
	Groups      []string
	Up          bool
	Dropped     uint64 // frames that guard and lock refused
}

// GroupsOf returns the groups of a host link, by its altnames.
func GroupsOf(hostLink string, altNames []string) (groups []string) {
	for _, a := range altNames {
		group, ok := strings.CutPrefix(a, hostLink+".")
		if _, marks := networkOf(a); ok && !marks && !strings.ContainsAny(group, "@:") {
			groups = append(groups, group)
		}
	}
	return groups
}

// LeasesOf returns the addresses of an IPAM plugin that a host link's altnames
// claim on a switch.
func LeasesOf(altNames []string) (leases []netip.Addr) {
	for _, a := range altNames {
		text, bridge, ok := strings.Cut(a, ".ip.")
		if addr, err := netip.ParseAddr(text); ok && bridge != "" && !strings.Contains(bridge, "@") && err == nil {
			leases = append(leases, addr)
		}
	}
	return leases
}
